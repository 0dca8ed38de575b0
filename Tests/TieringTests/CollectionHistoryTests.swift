import Bytes
import Platform
import Storage
import StorageFaulty
import Synchronization
import Testing
import Values

@testable import Keyspace
@testable import Tiering

/// Random calls on one collection.
struct CollectionCalls {
    var random: RandomSource
    /// Members are drawn from so many, and values have up to so many bytes.
    var range = 40
    var valueBytes = 300
    private var unique = 0

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func value() -> String {
        unique += 1
        if random.index(below: 3) == 0 { return "\(unique)" }
        return "v\(unique)." + String(repeating: "x", count: random.index(below: valueBytes))
    }

    /// Half of them numbers, so that there are intsets.
    mutating func member() -> String {
        let number = random.index(below: range)
        return number % 2 == 0 ? "\(number)" : "m\(number)"
    }

    mutating func time(_ now: Int64) -> String { "\(now - 20 + Int64(random.below(500)))" }

    private mutating func some(_ make: (inout CollectionCalls) -> [String]) -> [String] {
        var words: [String] = []
        for _ in 0...random.index(below: 6) { words += make(&self) }
        return words
    }

    mutating func call(_ key: String, _ kind: CollectionModel.Kind, now: Int64, expiries: Bool = true) -> [String] {
        if expiries, random.index(below: 12) == 0 {
            switch random.index(below: kind == .list ? 2 : 5) {
            case 0: return ["PEXPIREAT", key, time(now + 200)]
            case 1: return ["PERSIST", key]
            case 2: return ["PTTL", key, member()]
            default: return ["PEXPIREMEMBERAT", key, member(), time(now)]
            }
        }
        switch random.index(below: 30) {
        case 0: return ["DEL", key]
        case 1: return ["EXISTS", key]
        default: break
        }
        switch kind {
        case .list: return list(key)
        case .set: return set(key)
        case .hash: return hash(key, now, expiries)
        case .sortedSet: return sortedSet(key)
        }
    }

    private mutating func list(_ key: String) -> [String] {
        switch random.index(below: 12) {
        case 0..<3: return ["RPUSH", key] + some { [$0.value()] }
        case 3..<5: return ["LPUSH", key] + some { [$0.value()] }
        case 5: return ["LPOP", key]
        case 6: return ["RPOP", key]
        case 7: return ["LRANGE", key, "0", "-1"]
        case 8: return ["LSET", key, "\(random.index(below: 5))", value()]
        case 9: return random.index(below: 4) == 0 ? ["LTRIM", key, "1", "30"] : ["LREM", key, "0", "\(unique)"]
        case 10: return ["LINSERT", key, random.index(below: 2) == 0 ? "BEFORE" : "AFTER", "\(unique)", value()]
        default: return ["LLEN", key]
        }
    }

    private mutating func set(_ key: String) -> [String] {
        switch random.index(below: 10) {
        case 0..<4: return ["SADD", key] + some { [$0.member()] }
        case 4: return ["SREM", key] + some { [$0.member()] }
        case 5: return ["SPOP", key]
        case 6: return ["SCARD", key]
        case 7: return ["SISMEMBER", key, member()]
        default: return ["SMEMBERS", key]
        }
    }

    private mutating func hash(_ key: String, _ now: Int64, _ expiries: Bool) -> [String] {
        switch random.index(below: expiries ? 12 : 9) {
        // A field isn't named twice: HSET counts it once, the model would have to.
        case 0..<3: return ["HSET", key, member(), value()]
        case 3: return ["HDEL", key] + some { [$0.member()] }
        case 4: return ["HINCRBY", key, "n\(random.index(below: 4))", "1"]
        case 5: return ["HGET", key, member()]
        case 6: return ["HLEN", key]
        case 7, 8: return ["HGETALL", key]
        case 9, 10: return ["HPEXPIREAT", key, time(now), "FIELDS", "1", member()]
        default: return ["HPERSIST", key, "FIELDS", "1", member()]
        }
    }

    private mutating func sortedSet(_ key: String) -> [String] {
        switch random.index(below: 10) {
        case 0..<3: return ["ZADD", key] + some { ["\($0.random.index(below: 100))", $0.member()] }
        case 3: return ["ZINCRBY", key, "\(random.index(below: 20) - 10)", member()]
        case 4: return ["ZREM", key] + some { [$0.member()] }
        case 5: return ["ZPOPMIN", key]
        case 6: return ["ZREMRANGEBYRANK", key, "0", "\(random.index(below: 3))"]
        case 7: return ["ZSCORE", key, member()]
        case 8: return ["ZCARD", key]
        default: return ["ZRANGE", key, "0", "-1", "WITHSCORES"]
        }
    }
}

/// A client with keys of its own, and what it knows of them.
private final class CollectionOwner {
    let client: CommandClient
    let number: Int
    var calls: CollectionCalls
    var models: [String: CollectionModel] = [:]
    var differences: [String] = []
    var failures = 0
    private let keys: Int

    init(_ world: World, number: Int, keys: Int) {
        let seed = Run.seed &* 0x9e37 &+ UInt64(number)
        client = CommandClient(world, seed: seed)
        calls = CollectionCalls(seed: seed &+ 1)
        self.number = number
        self.keys = keys
    }

    private func kind(of key: String) -> CollectionModel.Kind {
        switch key.first {
        case "l": .list
        case "s": .set
        case "h": .hash
        default: .sortedSet
        }
    }

    private func key(_ kind: CollectionModel.Kind) -> String {
        let letter = kind == .list ? "l" : kind == .set ? "s" : kind == .hash ? "h" : "z"
        // A tenth of the keys gets a quarter of the calls.
        let range = calls.random.index(below: 4) == 0 ? keys / 10 : keys
        return "\(letter)\(number):\(calls.random.index(below: range))"
    }

    private func model(_ key: String) -> CollectionModel { models[key] ?? CollectionModel(kind(of: key)) }

    func run(_ operations: Int) {
        for operation in 0..<operations {
            do throws(CallError) {
                try step()
            } catch .stuck {
                differences.append("client \(number) was never woken in operation \(operation)")
                return
            } catch {
                failures += 1
                if case .refused = error { Clock.sleep(nanoseconds: 1_000_000) }
            }
            if differences.count > 20 { return }
        }
    }

    private func step() throws(CallError) {
        let kind = CollectionModel.Kind.allCases[calls.random.index(below: 4)]
        let key = key(kind)
        // Small ones, which are packed, and large ones, which are in pages.
        calls.range = key.hasSuffix("7") ? 1000 : 40
        switch calls.random.index(below: 60) {
        case 0: try transfer("RENAME", key, self.key(kind))
        case 1: try transfer("COPY", key, self.key(kind))
        case 2: try dumpAndRestore(key, self.key(kind))
        case 3: try move(kind)
        case 4: if kind == .set { try store(key) }
        case 5: if calls.random.index(below: 400) == 0 { flush() }
        default: try single(calls.call(key, kind, now: Clock.unixMilliseconds()), key)
        }
    }

    private func single(_ words: [String], _ key: String) throws(CallError) {
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var model = model(key)
        let before = model
        if !model.take(words, reply, now: now) { differ(words, reply, before, now) }
        models[key] = model
    }

    private func differ(_ words: [String], _ reply: Reply, _ model: CollectionModel, _ now: Int64) {
        differences.append(
            "client \(number) at \(now): \(words.joined(separator: " ").prefix(200)): \("\(reply)".prefix(300))"
                + " on \("\(model)".prefix(600))")
    }

    /// RENAME and COPY ... REPLACE.
    private func transfer(_ command: String, _ from: String, _ to: String) throws(CallError) {
        guard from != to else { return }
        let words = command == "COPY" ? [command, from, to, "REPLACE"] : [command, from, to]
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var source = model(from)
        source.advance(to: now)
        if source.isEmpty {
            let expected: Reply = command == "COPY" ? .integer(0) : .error("ERR no such key")
            if reply != expected { differ(words, reply, source, now) }
        } else {
            if reply != (command == "COPY" ? .integer(1) : .simple("OK")) { differ(words, reply, source, now) }
            models[to] = source
            if command == "RENAME" { source = CollectionModel(source.kind) }
        }
        models[from] = source
    }

    private func dumpAndRestore(_ from: String, _ to: String) throws(CallError) {
        let (dump, now) = try client.run("DUMP", from, database: number)
        var source = model(from)
        source.advance(to: now)
        models[from] = source
        guard case .bulk(let payload) = dump else {
            if !source.isEmpty { differ(["DUMP", from], dump, source, now) }
            return
        }
        if source.isEmpty { differ(["DUMP", from], dump, source, now) }
        let restore = ["RESTORE", to, "0"].map { Array($0.utf8) } + [payload, Array("REPLACE".utf8)]
        let (reply, then) = try client.run(restore, database: number)
        if reply != .simple("OK") { differ(["RESTORE", to], reply, source, now) }
        source.expiry = nil
        source.advance(to: then)
        models[to] = source
    }

    /// LMOVE and SMOVE.
    private func move(_ kind: CollectionModel.Kind) throws(CallError) {
        guard kind == .list || kind == .set else { return }
        let (from, to) = (key(kind), key(kind))
        guard from != to else { return }
        let member = calls.member()
        let words = kind == .list ? ["LMOVE", from, to, "LEFT", "RIGHT"] : ["SMOVE", from, to, member]
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var source = model(from)
        var target = model(to)
        source.advance(to: now)
        target.advance(to: now)
        if kind == .list {
            let expected: Reply = source.list.first.map { .text($0) } ?? .null
            if reply != expected { differ(words, reply, source, now) }
            if !source.list.isEmpty { target.list.append(source.list.removeFirst()) }
        } else {
            let isThere = source.members[member] != nil
            if reply != .integer(isThere ? 1 : 0) { differ(words, reply, source, now) }
            if isThere {
                source.remove(member)
                if target.members[member] == nil { target.members[member] = "" }
            }
        }
        source.advance(to: now)
        models[from] = source
        models[to] = target
    }

    /// SUNIONSTORE, SDIFFSTORE and SINTERSTORE.
    private func store(_ target: String) throws(CallError) {
        let (a, b) = (key(.set), key(.set))
        let command = ["SUNIONSTORE", "SDIFFSTORE", "SINTERSTORE"][calls.random.index(below: 3)]
        let (reply, now) = try client.run(command, target, a, b, database: number)
        for key in [a, b] {
            var model = model(key)
            model.advance(to: now)
            models[key] = model
        }
        let (left, right) = (Set(model(a).members.keys), Set(model(b).members.keys))
        var result = CollectionModel(.set)
        let members =
            command == "SUNIONSTORE"
            ? left.union(right) : command == "SDIFFSTORE" ? left.subtracting(right) : left.intersection(right)
        for member in members { result.members[member] = "" }
        if reply != .integer(members.count) { differ([command, target, a, b], reply, result, now) }
        models[target] = result
    }

    private func flush() {
        let generation = client.client.flush(number)
        models = [:]
        // As the server does: what can't be removed now is removed later.
        client.client.world.tier.bury(generation: generation)
        try? client.client.world.tier.reap(generation: generation)
    }

    /// Everything once more.
    func checkAll() throws(CallError) {
        for kind in CollectionModel.Kind.allCases {
            for index in 0..<keys {
                let letter = kind == .list ? "l" : kind == .set ? "s" : kind == .hash ? "h" : "z"
                let key = "\(letter)\(number):\(index)"
                let words: [String]
                switch kind {
                case .list: words = ["LRANGE", key, "0", "-1"]
                case .set: words = ["SMEMBERS", key]
                case .hash: words = ["HGETALL", key]
                case .sortedSet: words = ["ZRANGE", key, "0", "-1", "WITHSCORES"]
                }
                try single(words, key)
            }
        }
    }
}

@Suite(.serialized) struct CollectionHistoryTests {
    /// Clients with databases of their own, over one tier, against exact models, with members and keys that expire.
    @Test func ownCollectionsAgainstAnExactModel() throws {
        Run.announce("ownCollectionsAgainstAnExactModel")
        let clients = 4
        let world = World(databases: clients, plan: nastyPlan(), seed: Run.seed &+ 2, threads: true)
        defer { world.stop() }
        let total = Run.operations
        let outcomes = Monitor<[(differences: [String], parks: Int, failures: Int)]>([])
        let gate = Monitor(0)
        let threads = (0..<clients).map { number in
            Thread(name: "owner-\(number)") {
                let owner = CollectionOwner(world, number: number, keys: 600)
                owner.run(total / clients)
                gate.withLock { $0 += 1 }
                gate.wakeAll()
                _ = gate.wait { $0 >= clients ? true : nil }
                world.faulty.plan = FaultPlan()
                do {
                    try owner.checkAll()
                } catch {
                    owner.differences.append("the end: \(error)")
                }
                outcomes.withLock { $0.append((owner.differences, owner.client.client.parks, owner.failures)) }
            }
        }
        for thread in threads { thread.join() }
        let all = outcomes.withLock { $0 }
        for difference in all.flatMap(\.differences).prefix(10) { Issue.record("FIRN_SEED=\(Run.seed): \(difference)") }
        // Without these the test would have tested nothing.
        #expect(all.map(\.parks).reduce(0, +) > total / 100)
        #expect(world.tier.spilledOperations.load(ordering: .relaxed) > total / 100)
        #expect(all.map(\.failures).reduce(0, +) < total / 5)
        try finish(world, clients)
    }

    /// What must hold when nobody is at work any more: whatever expires goes without being touched.
    private func finish(_ world: World, _ databases: Int) throws {
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
        var sum = 0
        for database in 0..<databases { sum += try world.tier.exactCount(database: database) }
        #expect(sum == counters[0])
    }

    private struct Seen: SequentialAction, CustomStringConvertible {
        let kind: CollectionModel.Kind
        let words: [String]
        let reply: Reply

        func applied(to state: CollectionModel?) -> CollectionModel?? {
            var model = state ?? CollectionModel(kind)
            return model.take(words, reply, now: 0) ? .some(model) : nil
        }

        var description: String { "\(words.joined(separator: " ")) \(reply)" }
    }

    /// Nobody's collections: several clients on the same ones, each key's history checked for a legal order.
    @Test func sharedCollectionsAreLinearizable() throws {
        Run.announce("sharedCollectionsAreLinearizable")
        let clients = 4
        let keysPerRound = 40
        let perClient = 400
        let world = World(plan: nastyPlan(), seed: Run.seed &+ 3, threads: true)
        defer { world.stop() }
        let rounds = max(2, Run.operations / 4 / (clients * perClient))
        let clock = Ticks()
        for round in 0..<rounds {
            let histories = Monitor<[Int: [Observed<Seen>]]>([:])
            let threads = (0..<clients).map { number in
                Thread(name: "sharer-\(number)") {
                    let client = CommandClient(world, seed: Run.seed &+ UInt64(round * 64 + number))
                    var calls = CollectionCalls(seed: Run.seed &+ UInt64(round * 1000 + number))
                    calls.range = 6
                    calls.valueBytes = 20
                    var mine: [Int: [Observed<Seen>]] = [:]
                    for turn in 0..<perClient {
                        let number = calls.random.index(below: keysPerRound)
                        let kind = CollectionModel.Kind.allCases[number % 4]
                        let words = calls.call("c\(round):\(number)", kind, now: 0, expiries: false)
                        let from = clock.next()
                        if let (reply, _) = try? client.run(words.map { Array($0.utf8) }) {
                            let seen = Seen(kind: kind, words: words, reply: reply)
                            mine[number, default: []].append(Observed(action: seen, from: from, to: clock.next()))
                        }
                        if turn % 20 == 0 { client.client.fill(&calls.random) }
                        if turn % 50 == number { try? world.tier.spillEverything(keepsClean: false) }
                    }
                    histories.withLock { $0.merge(mine) { $0 + $1 } }
                }
            }
            for thread in threads { thread.join() }
            for (key, history) in histories.withLock({ $0 }) {
                #expect(
                    Linearizability.check(history),
                    "FIRN_SEED=\(Run.seed) round \(round) key \(key): \(history.sorted { $0.from < $1.from })")
            }
        }
    }
}
