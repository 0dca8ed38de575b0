import Bytes
import Platform
import Synchronization
import Testing

@testable import Histories
@testable import Server

/// Several connections on the same collections and streams, with transactions, watches and calls that wait, over a
/// provider that is slow, fails and reorders. Each key's history must have a legal order.
@Suite(.serialized) struct SharedCollectionTests {
    /// Calls that took effect at one time: one alone, a transaction's, or what was read under WATCH and what the
    /// transaction did then.
    private struct Steps: SequentialAction, CustomStringConvertible {
        let kind: CollectionModel.Kind
        let steps: [(words: [String], reply: Histories.Reply)]

        func applied(to state: CollectionModel?) -> CollectionModel?? {
            var model = state ?? CollectionModel(kind)
            for (words, reply) in steps where !model.take(words, reply, now: 0) { return nil }
            return .some(model)
        }

        var description: String {
            steps.map { "\($0.words.joined(separator: " ")) \($0.reply)" }.joined(separator: " & ")
        }
    }

    private typealias Step = (words: [String], reply: Reply)

    /// One connection. For one thread.
    private final class Player {
        private let client: TestClient
        private var calls: CollectionCalls
        private let clock: Moments
        private let round: Int
        static let keys = 15
        private(set) var seen: [Int: [Observed<Steps>]] = [:]
        /// How often: transactions, broken watches, calls that took more than a millisecond to get something (they have
        /// waited, or their key was cold), failures of the tier.
        var counts = Counts()

        struct Counts {
            var transactions = 0
            var broken = 0
            var served = 0
            var failed = 0

            static func += (a: inout Counts, b: Counts) {
                a.transactions += b.transactions
                a.broken += b.broken
                a.served += b.served
                a.failed += b.failed
            }
        }

        init(port: Int, round: Int, number: Int, clock: Moments) throws {
            client = try TestClient(port: port)
            calls = CollectionCalls(seed: Run.seed &+ UInt64(round * 1000 + number))
            calls.range = 6
            calls.valueBytes = 100
            self.clock = clock
            self.round = round
        }

        func play() throws {
            let number = calls.random.index(below: Self.keys)
            let kind = CollectionModel.Kind.allCases[number % CollectionModel.Kind.allCases.count]
            let key = "c\(round):\(number)"
            let from = clock.next()
            let steps: [Step]
            switch calls.random.index(below: 10) {
            case 0..<5: steps = [try call(words(key, kind))]
            case 5, 6: steps = try transaction(key, kind)
            case 7: steps = try watched(key, kind)
            default:
                let begun = Clock.monotonicNanoseconds()
                steps = [try call(waiting(key, kind))]
                if Clock.monotonicNanoseconds() - begun > 1_000_000, steps[0].reply != .null { counts.served += 1 }
            }
            let right = steps.filter { !$0.reply.isFlashFailure }
            counts.failed += steps.count - right.count
            let action = Steps(kind: kind, steps: right.map { ($0.words, $0.reply.modelled) })
            for step in action.steps { calls.remember(key, kind, step.reply) }
            if right.isEmpty { return }
            seen[number, default: []].append(Observed(action: action, from: from, to: clock.next()))
        }

        private func words(_ key: String, _ kind: CollectionModel.Kind) -> [String] {
            calls.call(key, kind, now: 0, expiries: false)
        }

        private func call(_ words: [String]) throws -> Step { (words, try client.call(words)) }

        /// Some calls in MULTI.
        private func transaction(_ key: String, _ kind: CollectionModel.Kind) throws -> [Step] {
            try execute((0...calls.random.index(below: 3)).map { _ in words(key, kind) }) ?? []
        }

        /// The replies of the calls that were queued and run; nil: a watched key has changed.
        private func execute(_ all: [[String]]) throws -> [Step]? {
            try client.call("multi")
            var queued: [[String]] = []
            for words in all {
                let reply = try client.call(words)
                if reply == .simple("QUEUED") { queued.append(words) } else { #expect(reply.isFlashFailure) }
            }
            switch try client.call("exec") {
            case .null:
                counts.broken += 1
                return nil
            case .array(let replies):
                #expect(replies.count == queued.count)
                counts.transactions += 1
                return Array(zip(queued, replies))
            case let reply:
                #expect(reply.isFlashFailure || reply.text?.hasPrefix("EXECABORT") == true, "EXEC: \(reply)")
                counts.failed += 1
                return []
            }
        }

        /// A look under WATCH, and a transaction that counts on it.
        private func watched(_ key: String, _ kind: CollectionModel.Kind) throws -> [Step] {
            guard try client.call("watch", key) == .ok else { return [] }
            let look: [String] =
                switch kind {
                case .list: ["LRANGE", key, "0", "-1"]
                case .set: ["SMEMBERS", key]
                case .hash: ["HGETALL", key]
                case .sortedSet: ["ZRANGE", key, "0", "-1", "WITHSCORES"]
                case .stream: ["XRANGE", key, "-", "+"]
                }
            let read = try call(look)
            // Broken: what was read was there at some time all the same.
            return [read] + (try execute([words(key, kind), look]) ?? [])
        }

        /// A call that waits if there is nothing.
        private func waiting(_ key: String, _ kind: CollectionModel.Kind) -> [String] {
            let seconds = "0.00\(1 + calls.random.index(below: 9))"
            let first = calls.random.index(below: 2) == 0
            switch kind {
            case .list: return [first ? "BLPOP" : "BRPOP", key, seconds]
            case .sortedSet: return [first ? "BZPOPMIN" : "BZPOPMAX", key, seconds]
            case .stream where first:
                return ["XREAD", "COUNT", "3", "BLOCK", "5", "STREAMS", key, calls.seen[key]?.last ?? "0-0"]
            case .stream:
                let group = "g\(calls.random.index(below: 3))"
                return ["XREADGROUP", "GROUP", group, "c1", "COUNT", "3", "BLOCK", "5", "STREAMS", key, ">"]
            case .set, .hash: return words(key, kind)
            }
        }
    }

    @Test func everyKeyHasALegalOrder() throws {
        let operations = Run.operations(4_000)
        Run.announce("everyKeyHasALegalOrder", operations)
        defer { TestServer.forgetSmallPages() }
        let server = try TestServer.nasty(TestServer.smallPages)
        let clients = 6
        let perClient = 120
        let clock = Moments()
        let port = server.port
        var counts = Player.Counts()
        try server.whileSpilling {
            for round in 0..<max(2, operations / (clients * perClient)) {
                let outcomes = Monitor<[(seen: [Int: [Observed<Steps>]], counts: Player.Counts)]>([])
                let threads = Threads(
                    (0..<clients).map { number -> @Sendable () throws -> Void in
                        {
                            let player = try Player(port: port, round: round, number: number, clock: clock)
                            for _ in 0..<perClient { try player.play() }
                            outcomes.withLock { $0.append((player.seen, player.counts)) }
                        }
                    })
                try threads.join()
                var histories: [Int: [Observed<Steps>]] = [:]
                for (seen, its) in outcomes.withLock({ $0 }) {
                    histories.merge(seen) { $0 + $1 }
                    counts += its
                }
                for (key, history) in histories {
                    let isLegal = Linearizability.check(history)
                    let order = history.sorted { $0.from < $1.from }
                    #expect(isLegal, "FIRN_SEED=\(Run.seed) round \(round) key \(key): \(order)")
                }
            }
        }
        print("everyKeyHasALegalOrder: \(counts)")
        // Without these the test would have tested nothing.
        #expect(counts.transactions > operations / 20)
        #expect(counts.broken > 0)
        let core = server.core
        let isClean = eventually { TransactionTests.isClean(server) && core.parkedCalls.load(ordering: .relaxed) == 0 }
        #expect(isClean)
        server.expectNoTraces()
    }
}
