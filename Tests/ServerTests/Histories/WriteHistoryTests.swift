import Bytes
import Commands
import Platform
import StorageFaulty
import Testing

@testable import Histories
@testable import Server

/// Random histories of every command that writes, alone, in transactions, under watches and waiting for a push, over
/// a provider that is slow, fails and reorders, while everything is dropped from RAM over and over.
///
/// The model is a second server without a flash tier, which is asked the same: what it replies, and what it holds in
/// the end, must be the same. What the commands themselves do is compared with Redis elsewhere (CommandsTests).
@Suite(.serialized) struct WriteHistoryTests {
    /// The calls that were served, by command, of all clients.
    private typealias Served = [String: Int]

    /// A client with two databases of its own, on both servers. For one thread.
    private final class Player: @unchecked Sendable {
        // @unchecked: one thread at a time uses it.
        /// A connection to the server over flash and one to the model; they have the same database selected.
        private struct Pair {
            let real: TestClient
            let model: TestClient

            init(_ ports: (Int, Int), database: Int) throws {
                real = try TestClient(port: ports.0)
                model = try TestClient(port: ports.1)
                for client in [real, model] { try client.call("select", "\(database)") }
            }
        }

        private let number: Int
        private let pair: Pair
        private let rival: Pair
        private var calls: WriteCalls
        var differences: [String] = []
        var served: Served = [:]
        var broken = 0
        var failed = 0
        var pushed = 0

        init(_ number: Int, ports: (Int, Int)) throws {
            self.number = number
            pair = try Pair(ports, database: 2 * number)
            rival = try Pair(ports, database: 2 * number)
            calls = WriteCalls(seed: Run.seed &* 53 &+ UInt64(number), databases: (2 * number, 2 * number + 1))
        }

        func play() throws {
            switch calls.random.index(below: 20) {
            case 0..<11: try single(calls.write(), pair)
            case 11..<14: try single(calls.read(), pair)
            case 14..<18: try transaction()
            case 18: try waitForPush()
            default: try restore()
            }
        }

        // MARK: Comparison

        /// One call. False if the tier failed: then it had no effect, and the model isn't asked.
        @discardableResult
        private func single(_ words: [String], _ pair: Pair) throws -> Bool {
            let reply = try pair.real.call(words)
            guard !fails(reply) else { return false }
            compare(words, reply, try pair.model.call(modelled(words, reply)))
            return true
        }

        private func fails(_ reply: Reply) -> Bool {
            if reply.isFlashFailure { failed += 1 }
            return reply.isFlashFailure
        }

        /// What the model is asked: the same, but for what is left to chance or to the clock.
        private func modelled(_ words: [String], _ reply: Reply) -> [String] {
            switch (words[0], reply) {
            case ("spop", .bulk(let member)): return ["srem", words[1], member]
            case ("spop", .array(let members)) where !members.isEmpty:
                return ["srem", words[1]] + members.compactMap(\.text)
            case ("spop", .null), ("spop", .array): return ["scard", words[1]]
            case ("xadd", .bulk(let id)): return words.map { $0 == "*" ? id : $0 }
            default: return words
            }
        }

        private func compare(_ words: [String], _ reply: Reply, _ expected: Reply) {
            let isRight: Bool
            switch (words[0], reply) {
            case ("spop", .bulk): isRight = expected == 1
            case ("spop", .array(let members)): isRight = expected == .integer(members.count)
            case ("spop", .null): isRight = expected == 0
            case ("smembers", _), ("sort", .array): isRight = sorted(reply, by: 1) == sorted(expected, by: 1)
            case ("hgetall", _): isRight = sorted(reply, by: 2) == sorted(expected, by: 2)
            default: isRight = reply == expected
            }
            if !isRight {
                let text = words.map { $0.prefix(30) }.joined(separator: " ")
                differences.append("\(number): \(text): \("\(reply)".prefix(300)), not \("\(expected)".prefix(300))")
            }
            calls.remember(words, reply)
            if !reply.isError { served[WriteCalls.name(words), default: 0] += 1 }
        }

        /// The parts of a reply whose order means nothing, `count` elements each.
        private func sorted(_ reply: Reply, by count: Int) -> [String] {
            let all = reply.elements
            guard !all.isEmpty, all.count % count == 0 else { return ["\(reply)"] }
            return stride(from: 0, to: all.count, by: count).map { "\(all[$0..<$0 + count])" }.sorted()
        }

        // MARK: What is more than a call

        /// A transaction, half of them under a watch; a third of the time somebody else writes in between.
        private func transaction() throws {
            var isWatched = false
            if calls.random.index(below: 2) == 0 {
                let words = ["watch"] + "LTHZXSP".prefix(2 + calls.random.index(below: 6)).map { calls.key($0) }
                isWatched = try single(words, pair)
            }
            if calls.random.index(below: 3) == 0 {
                let words = calls.write()
                if WriteCalls.name(words) != "swapdb" { try single(words, rival) }
            }
            let all = (0...calls.random.index(below: 6)).map { _ in
                calls.random.index(below: 3) == 0 ? calls.read() : calls.write()
            }
            try pair.real.call("multi")
            var queued: [[String]] = []
            for words in all {
                let reply = try pair.real.call(words)
                if reply == .simple("QUEUED") {
                    queued.append(words)
                } else if !fails(reply) {
                    differences.append("\(number): MULTI \(words): \(reply)")
                }
            }
            let outcome = try pair.real.call("exec")
            if case .array(let replies) = outcome, replies.count == queued.count {
                try settle(queued, replies)
            } else if outcome == .null, isWatched {
                broken += 1
                try pair.model.call("multi")
                let expected = try pair.model.call("exec")
                if expected != .null { differences.append("\(number): EXEC: null, not \(expected)") }
            } else {
                // The tier failed while it was queued or run.
                if !fails(outcome), outcome.text?.hasPrefix("EXECABORT") != true {
                    differences.append("\(number): EXEC: \(outcome)")
                }
                try pair.model.call("unwatch")
            }
        }

        private func settle(_ queued: [[String]], _ replies: [Reply]) throws {
            let done = zip(queued, replies).filter { !fails($0.1) }
            try pair.model.call("multi")
            for (words, reply) in done { try pair.model.call(modelled(words, reply)) }
            let outcome = try pair.model.call("exec")
            guard case .array(let expected) = outcome, expected.count == done.count else {
                return differences.append("\(number): EXEC: \(replies), not \(outcome)")
            }
            for ((words, reply), expected) in zip(done, expected) { compare(words, reply, expected) }
        }

        /// A call that waits for an empty key, and a push by somebody else: whichever comes first, what comes out is
        /// the same.
        private func waitForPush() throws {
            let (kind, waiting, push) = [
                ("L", "blpop $ 1", "rpush $ $v $v"), ("L", "brpop $ 1", "lpush $ $v $v"),
                ("L", "blmpop 1 1 $ left", "rpush $ $v"), ("L", "blmove $ $L left right 1", "rpush $ $v $v $v"),
                ("L", "brpoplpush $ $L 1", "rpush $ $v"), ("Z", "bzpopmin $ 1", "zadd $ 1 $m"),
                ("Z", "bzpopmax $ 1", "zadd $ 1 $m 2 x"), ("Z", "bzmpop 1 1 $ max", "zadd $ 3 $m"),
                ("Y", "xread block 1000 streams $ 0-0", "xadd $ $e $m $v"),
            ][calls.random.index(below: 9)]
            let key = calls.key(Character(kind))
            guard try single(["del", key], pair) else { return }
            func words(_ template: String) -> [String] { calls.fill(template).map { $0 == "$" ? key : $0 } }
            let waitingWords = words(waiting)
            let pushWords = words(push)
            // The other list of a move may not be the one that is waited for.
            if waitingWords.dropFirst().count(where: { $0 == key }) > 1 { return }
            try pair.real.send(raw: TestClient.request(waitingWords))
            if calls.random.index(below: 2) == 0 { Clock.sleep(nanoseconds: 300_000) }
            let hasPushed = try single(pushWords, rival)
            let reply = try pair.real.read()
            if fails(reply) { return }
            if hasPushed {
                compare(waitingWords, reply, try pair.model.call(waitingWords))
                pushed += 1
            } else if reply != .null {
                differences.append("\(number): \(waitingWords) without a push: \(reply)")
            }
        }

        /// RESTORE of what DUMP has said of another key.
        private func restore() throws {
            let kind = Character(["L", "T", "H", "Z", "X", "S", "P"][calls.random.index(below: 7)])
            let (from, to) = (calls.key(kind), calls.key(kind))
            try pair.real.send(raw: TestClient.request(["dump", from]))
            let head = try pair.real.readLine()
            guard let count = Int(head.dropFirst()), head.first == "$", count >= 0 else { return }
            let payload = try pair.real.readBytes(count + 2).dropLast(2)
            let words = ["restore", to, "0", "", "replace"]
            var request = Array("*5\r\n".utf8)
            for (index, word) in words.enumerated() {
                let bytes = index == 3 ? Array(payload) : Array(word.utf8)
                request += Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
            }
            try pair.real.send(raw: request)
            let reply = try pair.real.read()
            if fails(reply) { return }
            try pair.model.send(raw: request)
            compare(words, reply, try pair.model.read())
        }

        /// What both servers hold, once the tier works again.
        func checkAll() throws {
            for database in 0..<2 {
                for client in [pair.real, pair.model] { try client.call("select", "\(2 * number + database)") }
                try single(["dbsize"], pair)
                for key in try pair.model.call("keys", "*").elements.compactMap(\.text).sorted() {
                    let type = try pair.model.call("type", key).text ?? ""
                    let reads = [
                        "string": [["get", key]], "list": [["lrange", key, "0", "-1"]], "set": [["smembers", key]],
                        "hash": [["hgetall", key]], "zset": [["zrange", key, "0", "-1", "withscores"]],
                        "stream": [["xrange", key, "-", "+"], ["xinfo", "groups", key]],
                    ]
                    for words in reads[type] ?? [] { try single(words, pair) }
                    // Whether it expires; when, the two servers' clocks have said.
                    try single(["persist", key], pair)
                }
            }
        }
    }

    /// The table says which commands write; each must be in the histories, or on the list of those that aren't.
    @Test func everyWritingCommandIsInAHistory() {
        let drawn = Set(WriteCalls.templates.keys)
        let others = Set(WriteCalls.others.keys)
        let rows = WriteCalls.writingRows
        #expect(rows.subtracting(drawn).subtracting(others) == [], "no history has these")
        #expect(drawn.union(others).subtracting(rows) == [], "the table has no such writing command")
        #expect(drawn.intersection(others) == [], "these have templates, and a reason for having none")
    }

    @Test func bothServersReplyTheSame() throws {
        let operations = Run.operations(8_000)
        Run.announce("bothServersReplyTheSame", operations)
        defer { TestServer.forgetSmallPages() }
        let server = try TestServer.nasty(["--databases", "16"] + TestServer.smallPages)
        let model = try TestServer(TestServer.smallPages, threads: 2)
        let ports = (server.port, model.port)
        let players = Monitor<[Player]>([])
        let clients = 4
        try server.whileSpilling {
            let threads = Threads(
                (0..<clients).map { number -> @Sendable () throws -> Void in
                    {
                        let player = try Player(number, ports: ports)
                        for _ in 0..<operations / clients where player.differences.isEmpty { try player.play() }
                        players.withLock { $0.append(player) }
                    }
                })
            try threads.join()
        }
        server.provider?.plan = FaultPlan()
        let all = players.withLock { $0 }
        for player in all where player.differences.isEmpty { try player.checkAll() }
        for text in all.flatMap({ $0.differences.prefix(3) }) { Issue.record("FIRN_SEED=\(Run.seed): \(text)") }
        var served: Served = [:]
        for player in all { served.merge(player.served) { $0 + $1 } }
        let sums = all.reduce((0, 0, 0)) { ($0.0 + $1.broken, $0.1 + $1.failed, $0.2 + $1.pushed) }
        print("bothServersReplyTheSame: \(served.values.reduce(0, +)) calls served, \(sums.0) broken watches, "
            + "\(sums.1) failures, \(sums.2) waits with a push")
        // Without these the test would have tested nothing.
        let never = Set(WriteCalls.templates.keys).union(["restore"]).filter { served[$0] == nil }
        if operations >= 8_000 { #expect(never == [], "these were never served") }
        #expect(sums.0 > 0 && sums.2 > operations / 100)
        #expect(server.provider.map { $0.callCount(.read) } ?? 0 > operations / 10)
        let isClean = eventually { TransactionTests.isClean(server) }
        #expect(isClean)
        server.expectNoTraces()
    }
}
