import Bytes
import Platform
import Synchronization
import Testing

@testable import Histories
@testable import Server

/// Random transactions against a model: each client has two databases of its own, so that what they hold as a whole
/// (DBSIZE, FLUSHDB, SWAPDB) is known too. See `Run`.
@Suite(.serialized) struct TransactionModelTests {
    /// One client's view: two databases, and which of them is selected.
    private struct Model {
        var databases: [[String: String]] = [[:], [:]]
        var selected = 0

        subscript(key: String) -> String? {
            get { databases[selected][key] }
            set { databases[selected][key] = newValue }
        }

        /// Does what the command does; the reply it must have. `base`: the number of the first database.
        mutating func run(_ words: [String], base: Int) -> Reply {
            let key = words.count > 1 ? words[1] : ""
            func bulk(_ text: String?) -> Reply { text.map { .bulk($0) } ?? .null }
            switch words[0] {
            case "set":
                self[key] = words[2]
                return .ok
            case "get": return bulk(self[key])
            case "getset":
                defer { self[key] = words[2] }
                return bulk(self[key])
            case "setnx":
                if self[key] != nil { return 0 }
                self[key] = words[2]
                return 1
            case "append":
                self[key, default: ""] += words[2]
                return .integer(self[key]?.utf8.count ?? 0)
            case "strlen": return .integer(self[key]?.utf8.count ?? 0)
            case "incr":
                guard let number = Int(self[key] ?? "0") else {
                    return .error("ERR value is not an integer or out of range")
                }
                self[key] = "\(number + 1)"
                return .integer(number + 1)
            case "mset":
                for index in stride(from: 1, to: words.count, by: 2) { self[words[index]] = words[index + 1] }
                return .ok
            case "mget": return .array(words.dropFirst().map { bulk(self[$0]) })
            case "exists": return .integer(words.dropFirst().count { self[$0] != nil })
            case "del":
                var count = 0
                for name in words.dropFirst() where self[name] != nil {
                    self[name] = nil
                    count += 1
                }
                return .integer(count)
            case "rename":
                guard let value = self[key] else { return .error("ERR no such key") }
                self[key] = nil
                self[words[2]] = value
                return .ok
            case "select":
                selected = (Int(key) ?? 0) - base
                return .ok
            case "dbsize": return .integer(databases[selected].count)
            case "flushdb":
                databases[selected] = [:]
                return .ok
            case "swapdb":
                databases.swapAt(0, 1)
                return .ok
            default: return .error("no model of \(words)")
            }
        }

        subscript(key: String, default text: String) -> String {
            get { self[key] ?? text }
            set { self[key] = newValue }
        }
    }

    /// One client with a second connection that gets in its way.
    private struct Player {
        let number: Int
        var random: RandomSource
        let client: TestClient
        let rival: TestClient
        var model = Model()
        var differences: [String] = []
        var done = 0
        var unique = 0
        private let keys = 60
        private var base: Int { number * 2 }

        init(_ number: Int, port: Int) throws {
            self.number = number
            random = RandomSource(seed: Run.seed &* 77 &+ UInt64(number))
            client = try TestClient(port: port)
            rival = try TestClient(port: port)
            try client.call("select", "\(number * 2)")
            try rival.call("select", "\(number * 2)")
        }

        private mutating func key() -> String { "k\(random.index(below: keys))" }

        private mutating func value() -> String {
            unique += 1
            if random.index(below: 4) == 0 { return "\(unique)" }
            return "v\(unique)." + String(repeating: "x", count: random.index(below: 300))
        }

        private mutating func command() -> [String] {
            switch random.index(below: 34) {
            case 0..<6: ["set", key(), value()]
            case 6..<11: ["get", key()]
            case 11, 12: ["getset", key(), value()]
            case 13, 14: ["setnx", key(), value()]
            case 15, 16: ["append", key(), value()]
            case 17: ["strlen", key()]
            case 18, 19: ["incr", key()]
            case 20, 21: ["mset", key(), value(), key(), value()]
            case 22, 23: ["mget", key(), key(), key()]
            case 24: ["exists", key(), key()]
            case 25, 26, 27: ["del", key(), key()]
            case 28, 29: ["rename", key(), key()]
            case 30, 31: ["select", "\(base + random.index(below: 2))"]
            case 32: random.index(below: 4) == 0 ? ["dbsize"] : ["get", key()]
            default: wholeDatabase()
            }
        }

        /// Now and then a flush or a swap.
        private mutating func wholeDatabase() -> [String] {
            switch random.index(below: 24) {
            case 0: ["flushdb"]
            case 1: ["swapdb", "\(base)", "\(base + 1)"]
            default: ["get", key()]
            }
        }

        /// A transaction, perhaps with watches, perhaps with a change by the rival before EXEC.
        mutating func play() throws {
            var watched: [String] = []
            if random.index(below: 2) == 0 {
                watched = [key(), key()]
                if try client.call(["watch"] + watched).isFlashFailure { watched = [] }
            }
            var isBroken = false
            if random.index(below: 3) == 0 {
                let (name, text) = (key(), value())
                let words = random.index(below: 2) == 0 ? ["set", name, text] : ["del", name]
                try rival.call("select", "\(base + model.selected)")
                let existed = model[name] != nil
                let reply = try rival.call(words)
                if !reply.isFlashFailure {
                    check(words, reply, model.run(words, base: base))
                    isBroken = watched.contains(name) && (words[0] == "set" || existed)
                }
            }
            try client.call("multi")
            var commands: [[String]] = []
            for _ in 0..<random.index(below: 8) {
                let words = command()
                let reply = try client.call(words)
                if reply == .simple("QUEUED") {
                    commands.append(words)
                } else if !reply.isFlashFailure {
                    differences.append("\(words) was answered with \(reply)")
                }
            }
            if random.index(below: 20) == 0 {
                #expect(try client.call("discard") == .ok)
                return
            }
            try settle(commands, client.call("exec"), isBroken)
        }

        private mutating func settle(_ commands: [[String]], _ reply: Reply, _ isBroken: Bool) throws {
            switch reply {
            case .null where isBroken: break
            case .error(let text) where text.hasPrefix("EXECABORT"): break
            case .array(let replies) where !isBroken && replies.count == commands.count:
                for (words, reply) in zip(commands, replies) where !reply.isFlashFailure {
                    check(words, reply, model.run(words, base: base))
                }
                done += 1
            default: differences.append("EXEC, broken \(isBroken), of \(commands) gave \(reply)")
            }
        }

        private mutating func check(_ words: [String], _ reply: Reply, _ expected: Reply) {
            if reply != expected {
                differences.append("\(words.map { $0.prefix(20) }): \(reply), not \(expected)")
            }
        }
    }

    @Test(arguments: [true, false]) func repliesAreTheModels(_ isTiered: Bool) throws {
        Run.announce("repliesAreTheModels", TransferTests.operations)
        let server = isTiered ? try TestServer.nasty() : try TestServer(threads: 3)
        let port = server.port
        let found = Monitor<[String]>([])
        let done = Atomic<Int>(0)
        let threads = (0..<4).map { number in
            Thread(name: "player-\(number)") {
                do {
                    var player = try Player(number, port: port)
                    for _ in 0..<TransferTests.operations * 2 where player.differences.isEmpty { try player.play() }
                    done.add(player.done, ordering: .relaxed)
                    found.withLock { $0 += player.differences.prefix(3) }
                } catch {
                    found.withLock { $0.append("player \(number): \(error)") }
                }
            }
        }
        server.whileSpilling { for thread in threads { thread.join() } }
        print("repliesAreTheModels, tiered \(isTiered): \(done.load(ordering: .relaxed)) transactions")
        #expect(found.withLock { $0 } == [])
        let isClean = eventually { TransactionTests.isClean(server) }
        #expect(isClean)
    }
}
