import Bytes
import Platform
import Storage
import StorageFaulty
import Testing

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// A client of a history with keys of its own. For one thread.
protocol OwningClient: AnyObject {
    /// What was not as the model says, as text.
    var differences: [String] { get set }
    /// Calls that had no effect, since the tier refused or failed.
    var failures: Int { get }
    /// Times that a call was parked for a read.
    var parks: Int { get }
    func run(_ operations: Int)
    /// Everything once more, by name.
    func checkAll() throws
}

/// What the histories over a `World` have in common, whatever the calls are.
enum History {
    static let clients = 4
    /// In all, if the environment says nothing else.
    static var operations: Int { Run.operations(100_000) }

    /// Clients with databases of their own over one tier, against exact models. `make` gets a client's number.
    static func ownKeys<Owner: OwningClient>(
        _ world: World, databases: Int, _ make: @escaping @Sendable (Int) -> Owner
    ) throws {
        let total = operations
        let outcomes = Monitor<[(differences: [String], parks: Int, failures: Int)]>([])
        let gate = Monitor(0)
        let threads = (0..<clients).map { number in
            Thread(name: "owner-\(number)") {
                let owner = make(number)
                owner.run(total / clients)
                // The end: all wait for each other, then the device recovers and everything is compared.
                gate.withLock { $0 += 1 }
                gate.wakeAll()
                _ = gate.wait { $0 >= clients ? true : nil }
                world.faulty.plan = FaultPlan()
                do {
                    try owner.checkAll()
                } catch {
                    owner.differences.append("the end: \(error)")
                }
                outcomes.withLock { $0.append((owner.differences, owner.parks, owner.failures)) }
            }
        }
        for thread in threads { thread.join() }
        let all = outcomes.withLock { $0 }
        for difference in all.flatMap(\.differences).prefix(10) { Issue.record("FIRN_SEED=\(Run.seed): \(difference)") }
        // Without these the test would have tested nothing.
        #expect(all.map(\.parks).reduce(0, +) > total / 100)
        #expect(world.tier.spilledOperations.load(ordering: .relaxed) > total / 100)
        #expect(all.map(\.failures).reduce(0, +) < total / 5)
        try expectSettled(world, databases: databases)
    }

    /// What must hold when nobody is at work any more.
    private static func expectSettled(_ world: World, databases: Int) throws {
        // What expires, in both tiers, goes without being touched: in the tables by the hand, on flash by cold expiry.
        var hand = ResidentExpiry(store: world.store)
        #expect(
            eventually {
                _ = hand.cycle(budgetNanoseconds: 50_000_000)
                return world.counters()[3...] == [0, 0] && world.memberCounters() == [0, 0]
            })
        try world.tier.spillEverything(keepsClean: false)
        try world.tier.reapBuried()
        let counters = world.counters()
        #expect(counters == [counters[0], 0, 0, 0, 0], "\(world.residents().prefix(5))")
        #expect(world.flashKeys().count == counters[0])
        #expect(world.store.memoryBytes == 0)
        // Every key on flash belongs to a generation that lives, and once.
        var sum = 0
        for database in 0..<databases { sum += try world.tier.exactCount(database: database) }
        #expect(sum == counters[0])
    }

    /// Nobody's keys: clients on the same ones, round after round on new ones, each key's history checked for a legal
    /// order. `make` gets the number of a round and a client's; what it makes makes one call, on the key whose number
    /// it says, or none.
    static func sharedKeys<Action: SequentialAction>(
        _ world: World, _ make: @escaping @Sendable (_ round: Int, _ number: Int) -> SharedCaller<Action>
    ) {
        let perClient = 400
        let rounds = max(2, operations / 4 / (clients * perClient))
        for round in 0..<rounds {
            let histories = Monitor<[Int: [Observed<Action>]]>([:])
            let threads = (0..<clients).map { number in
                Thread(name: "sharer-\(number)") {
                    let caller = make(round, number)
                    var mine: [Int: [Observed<Action>]] = [:]
                    for turn in 0..<perClient {
                        if let (key, seen) = caller.call() { mine[key, default: []].append(seen) }
                        // Filler that keeps the memory short, so that the shared keys go to flash and back.
                        if turn % 20 == 0 { caller.client.fill(&caller.filler, database: 1) }
                        if turn % 50 == number { try? world.tier.spillEverything(keepsClean: false) }
                    }
                    histories.withLock { $0.merge(mine) { $0 + $1 } }
                }
            }
            for thread in threads { thread.join() }
            for (key, history) in histories.withLock({ $0 }) {
                let isLegal = Linearizability.check(history)
                let order = history.sorted { $0.from < $1.from }
                #expect(isLegal, "FIRN_SEED=\(Run.seed) round \(round) key \(key): \(order)")
            }
        }
    }
}

/// A client of a history on shared keys. For one thread.
final class SharedCaller<Action: SequentialAction> {
    let client: Client
    var filler: RandomSource
    let call: () -> (key: Int, seen: Observed<Action>)?

    init(_ client: Client, seed: UInt64, _ call: @escaping () -> (key: Int, seen: Observed<Action>)?) {
        self.client = client
        filler = RandomSource(seed: seed)
        self.call = call
    }
}

extension Client {
    /// Some keys that nobody looks at.
    func fill(_ random: inout RandomSource, database: Int) {
        for _ in 0..<10 {
            try? set("fill:\(random.index(below: 20_000))", String(repeating: "f", count: 200), database: database)
        }
    }
}
