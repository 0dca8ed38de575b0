import Bytes
import Keyspace
import Platform
import StorageFaulty
import Synchronization
import Testing

@testable import Histories
@testable import Server

/// Random histories of transactions by several clients, over a provider that is slow, fails and reorders, while
/// everything is dropped from RAM over and over. FIRN_SEED replays one, FIRN_OPERATIONS makes them longer.
@Suite(.serialized) struct TransferTests {
    static let operations = Run.operations(150)

    private static let accounts = 40
    private static let total = accounts * 1_000

    /// What the threads of one history share.
    private final class History: Sendable {
        let differences = Monitor<[String]>([])
        let done = Atomic<Int>(0)
        let broken = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
        let port: Int
        init(port: Int) { self.port = port }

        func note(_ text: String) { differences.withLock { if $0.count < 5 { $0.append(text) } } }
    }

    /// An amount, with padding that makes the record large enough to be worth a page of its own.
    private static func text(_ amount: Int, _ random: inout RandomSource) -> String {
        "\(amount):" + String(repeating: "x", count: random.index(below: 400))
    }

    private static func amount(_ reply: Reply) -> Int? { reply.text?.split(separator: ":").first.flatMap { Int($0) } }

    /// Moves an amount between two accounts: read under WATCH, written in a transaction. Tries until it comes through.
    private static func transfer(_ client: TestClient, _ random: inout RandomSource, _ history: History) throws {
        let from = "a:\(random.index(below: accounts))"
        let to = "a:\(random.index(below: accounts))"
        if from == to { return }
        while true {
            let sum = random.index(below: 10)
            guard try client.call("watch", from, to) == .ok else { continue }
            let read = try client.call("mget", from, to).elements
            guard read.count == 2, let first = amount(read[0]), let second = amount(read[1]) else {
                try client.call("unwatch")
                history.failed.add(1, ordering: .relaxed)
                continue
            }
            var commands = ["set \(from) \(text(first - sum, &random))", "set \(to) \(text(second + sum, &random))"]
            // Some run behind the gate.
            if random.index(below: 20) == 0 { commands.insert("dbsize", at: random.index(below: 3)) }
            try client.call("multi")
            for command in commands { _ = try client.call(command.split(separator: " ").map(String.init)) }
            switch try client.call("exec") {
            case .null: history.broken.add(1, ordering: .relaxed)
            case .array(let replies):
                if replies.contains(where: { $0 != .ok && $0.number == nil && !$0.isError }) || replies.count < 2 {
                    history.note("EXEC \(commands.map { $0.prefix(20) }) got \(replies)")
                }
                history.done.add(1, ordering: .relaxed)
                return
            case .error: history.failed.add(1, ordering: .relaxed)
            case let other: history.note("EXEC got \(other)")
            }
        }
    }

    /// Reads all accounts in a transaction.
    private static func audit(_ client: TestClient, _ random: inout RandomSource, _ history: History) throws {
        try client.call("multi")
        let isSplit = random.index(below: 4) == 0
        let half = accounts / 2
        if isSplit {
            // Two looks, with a walk over everything between: only the gate makes them one.
            try client.call(["mget"] + (0..<half).map { "a:\($0)" })
            try client.call("dbsize")
            try client.call(["mget"] + (half..<accounts).map { "a:\($0)" })
        } else {
            for number in 0..<accounts { try client.call("get", "a:\(number)") }
        }
        let replies = try client.call("exec")
        guard case .array(let read) = replies, !read.contains(where: \.isError) else {
            if !replies.isError, case .array = replies {} else if !replies.isError { history.note("\(replies)") }
            history.failed.add(1, ordering: .relaxed)
            return
        }
        let all = isSplit ? read[0].elements + read[2].elements : read
        let sum = all.reduce(0) { $0 + (amount($1) ?? 1_000_000) }
        if sum != total { history.note("the sum is \(sum), split \(isSplit): \(all.map { amount($0) ?? -1 })") }
        if isSplit, read[1].number ?? 0 < accounts { history.note("DBSIZE \(read[1])") }
        history.done.add(1, ordering: .relaxed)
    }

    /// After a look at both of two accounts each takes one from its own, or gives one if nothing is left in both. What
    /// is only watched is as still as what is written, or the sum would not stay 0 or 1.
    @Test func nobodyTakesTooMuch() throws {
        Run.announce("nobodyTakesTooMuch", Self.operations)
        let server = try TestServer(threads: 4, isTiered: false)
        let history = History(port: server.port)
        let rounds = Self.operations * 10
        let setup = try server.connect()
        for pair in 0..<2 { try setup.call("mset", "x\(pair)", "0", "y\(pair)", "0") }
        let threads = (0..<4).map { number in
            Thread(name: "taker-\(number)") {
                var random = RandomSource(seed: Run.seed &* 13 &+ UInt64(number))
                guard let client = try? TestClient(port: history.port) else { return history.note("no connection") }
                for _ in 0..<rounds {
                    let pair = random.index(below: 2)
                    let mine = number % 2 == 0 ? "x\(pair)" : "y\(pair)"
                    let replies = try? client.pipeline(["watch x\(pair) y\(pair)", "mget x\(pair) y\(pair)"])
                    let left = replies?.last?.elements.compactMap(Self.amount) ?? []
                    if left.count != 2 { return history.note("\(replies ?? [])") }
                    let sum = left[0] + left[1]
                    if sum != 0, sum != 1 { history.note("pair \(pair): \(left)") }
                    let last = try? client.pipeline(["multi", "\(sum > 0 ? "decr" : "incr") \(mine)", "exec"]).last
                    if last == .null { history.broken.add(1, ordering: .relaxed) }
                }
            }
        }
        for thread in threads { thread.join() }
        print("nobodyTakesTooMuch: \(history.broken.load(ordering: .relaxed)) broken watches")
        #expect(history.differences.withLock { $0 } == [])
    }

    @Test func sumsAreKept() throws {
        Run.announce("sumsAreKept", Self.operations)
        let server = try TestServer.nasty()
        server.provider?.plan = FaultPlan()
        let history = History(port: server.port)
        let setup = try server.connect()
        var random = RandomSource(seed: Run.seed)
        for number in 0..<Self.accounts {
            #expect(try setup.call("set", "a:\(number)", Self.text(1_000, &random)) == .ok)
        }
        server.provider?.plan = .nasty
        let threads = (0..<6).map { number in
            Thread(name: "client-\(number)") {
                var random = RandomSource(seed: Run.seed &* 31 &+ UInt64(number))
                do {
                    let client = try TestClient(port: history.port)
                    for _ in 0..<Self.operations {
                        if number < 4 {
                            try Self.transfer(client, &random, history)
                        } else {
                            try Self.audit(client, &random, history)
                        }
                    }
                } catch {
                    history.note("client \(number): \(error)")
                }
            }
        }
        server.whileSpilling { for thread in threads { thread.join() } }
        let core = server.core
        let done = history.done.load(ordering: .relaxed)
        let broken = history.broken.load(ordering: .relaxed)
        let failed = history.failed.load(ordering: .relaxed)
        print("sumsAreKept: \(done) done, \(broken) broken watches, \(failed) failed")
        #expect(history.differences.withLock { $0 } == [])
        #expect(done > Self.operations * 4)
        let isClean = eventually { TransactionTests.isClean(server) && core.parkedCalls.load(ordering: .relaxed) == 0 }
        #expect(isClean)
        for shard in 0..<Position.shardCount { #expect(core.store.observerCount(shard) == 0) }
    }
}
