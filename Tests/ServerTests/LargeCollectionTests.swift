import Foundation
import Platform
import Testing

/// Collections that are large beside `maxmemory`: each grows on a real flash tier until it takes half of the memory
/// for records. What would make it larger is refused by name then; reads go on, and so does what makes it smaller.
@Suite(.serialized) struct LargeCollectionTests {
    private let path = "/tmp/firn-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"

    /// The commands of one type, words parted by blanks. `huge` is the collection, `small` another with the elements
    /// o1 to o9, `twin` one with more than half of what fits.
    struct Family: Sendable, CustomTestStringConvertible {
        let name: String
        /// Adds element i to a key.
        var add: @Sendable (_ key: String, Int) -> String
        let remove: @Sendable (Int) -> String
        let small: String
        let count: String
        let all: String
        let growing: [String]
        /// Each takes one element away.
        let shrinking: [String]
        /// Leave as much as there is.
        var keeping: [String] = []
        /// Would make `stored`, too large.
        var storing: [String] = []

        var testDescription: String { name }
    }

    static func element(_ number: Int) -> String { "e\(number):" + String(repeating: "v", count: 1_000) }
    private static let others = (1...9).map { "o\($0)" }

    /// Those whose pages come and go one by one. `storing`: what needs all of them.
    static let paged = [
        Family(
            name: "hash", add: { "hset \($0) f\($1) \(element($1))" }, remove: { "hdel huge f\($0)" },
            small: "hset small " + others.map { "\($0) x" }.joined(separator: " "), count: "hlen huge", all: "",
            growing: ["hset huge n1 x1", "hmset huge n2 x2", "hsetnx huge n3 x3", "hincrby huge n4 1"],
            shrinking: ["hdel huge f0"],
            keeping: ["hget huge f7", "hmget huge f8 f9", "hstrlen huge f7", "hexists huge f7", "object encoding huge"],
            storing: [
                "hgetall huge", "hvals huge", "hrandfield huge", "hexpire huge 100 fields 1 f5", "copy huge twin",
                "dump huge", "keydb.nhset huge.new x",
            ]),
        Family(
            name: "set", add: { "sadd \($0) \(element($1))" }, remove: { "srem huge \(element($0))" },
            small: "sadd small " + others.joined(separator: " "), count: "scard huge", all: "",
            growing: ["sadd huge x1", "sadd huge x2 x3", "smove small huge o1"], shrinking: ["srem huge \(element(0))"],
            keeping: ["sismember huge x", "smismember huge x y", "memory usage huge", "type huge", "ttl huge"],
            storing: [
                "smembers huge", "srandmember huge", "spop huge", "sunion huge small", "dump huge",
                "sort huge by nosort",
            ]),
        Family(
            name: "sorted set", add: { "zadd \($0) \($1) \(element($1))" }, remove: { "zrem huge \(element($0))" },
            small: "zadd small " + others.map { "1 \($0)" }.joined(separator: " "), count: "zcard huge", all: "",
            growing: ["zadd huge 1 x", "zincrby huge 1 y", "geoadd huge 1 1 x2", "zadd huge 70.5 x3 7000.5 x4"],
            shrinking: ["zrem huge \(element(0))"],
            keeping: [
                "zscore huge x", "zmscore huge x y", "zrank huge x", "zrevrank huge x2 withscore", "zcount huge 5 9000",
                "zrange huge 100 120", "zrangebyscore huge (77 +inf limit 3 5", "zrevrange huge 0 9 withscores",
                "zrangestore stored huge 100 200", "geopos huge x2", "object encoding huge", "memory usage huge",
            ],
            storing: [
                "zrange huge 0 -1", "zrandmember huge", "zunionstore stored 2 huge small", "zinter 2 huge small",
                "dump huge", "copy huge twin", "zremrangebyrank huge 0 -1", "sort huge by nosort",
                "geosearch huge frommember x2 byradius 1 m",
            ]),
    ]

    /// Those that must be in RAM as a whole.
    static let families = [
        Family(
            name: "stream", add: { "xadd \($0) \($1 + 1)-1 f \(element($1))" }, remove: { "xdel huge \($0 + 1)-1" },
            small: "xgroup create huge g 0 mkstream", count: "xlen huge", all: "xrange huge - +",
            growing: ["xadd huge * f x", "xgroup create huge h 0", "xgroup createconsumer huge g d"],
            shrinking: ["xdel huge 1-1", "xtrim huge minid 3"],
            keeping: ["xreadgroup group g c count 3 streams huge >", "xack huge g 4-1", "xread streams huge 99999"]),
    ]

    @Test(arguments: families) func growthIsRefused(family: Family) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        _ = try client.pipeline([family.small])
        let fitting = try fill("huge", family, client)
        #expect((2_000..<9_000).contains(fitting))
        if !family.storing.isEmpty {
            _ = try client.pipeline((10_000..<10_000 + fitting * 2 / 3).map { family.add("twin", $0) })
        }
        for words in family.growing {
            #expect(try isRefused(words, client), "\(words.prefix(60))")
            #expect(try number(family.count, client) == fitting, "\(words.prefix(60))")
        }
        for words in family.storing {
            #expect(try isRefused(words, client), "\(words)")
            #expect(try client.call("exists", "stored") == 0, "\(words)")
        }
        for words in family.keeping {
            #expect(!(try client.pipeline([words])[0].isError), "\(words)")
            #expect(try number(family.count, client) == fitting, "\(words)")
        }
        for (done, words) in family.shrinking.enumerated() {
            #expect(!(try client.pipeline([words])[0].isError), "\(words.prefix(60))")
            #expect(try number(family.count, client) == fitting - done - 1, "\(words.prefix(60))")
        }
        // Of the rest a third goes; then there is room again.
        let gone = 100..<100 + fitting / 3
        let before = try texts(family.all, client)
        _ = try client.pipeline(gone.map(family.remove))
        let wanted = before.subtracting(gone.map(Self.element))
        #expect(before.count == fitting - family.shrinking.count && wanted.count >= before.count - gone.count)
        #expect(try !client.pipeline([family.add("huge", 9_999)])[0].isError)
        // Nothing else is lost, in RAM or on flash.
        #expect(try texts(family.all, client) == wanted.union([Self.element(9_999)]))
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try texts(family.all, client) == wanted.union([Self.element(9_999)]))
        #expect(try client.call("set", "other", "v") == .ok)
    }

    /// Of a large hash or set the pages that a call names are enough: it may be larger than RAM. What needs all of it
    /// is refused by name, and what needs none of it is not.
    @Test(arguments: paged) func aPagedCollectionMayBeLargerThanMemory(family: Family) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        _ = try client.pipeline([family.small])
        #expect(try fill("huge", family, client) == 20_000)
        for words in family.growing + family.keeping {
            #expect(!(try client.pipeline([words])[0].isError), "\(words)")
        }
        let refusal = "OOM the collection is larger"
        for words in family.storing {
            #expect(try client.pipeline([words])[0].text?.hasPrefix(refusal) == true, "\(words)")
        }
        _ = try client.pipeline(["multi", "rename huge moved", family.storing[0]])
        #expect("\(try client.call("exec"))".contains(refusal))
        let removals = family.shrinking + [family.remove(77), family.remove(77)]
        #expect(try client.pipeline(removals).map(\.number) == [1, 1, 0])
        let rest = try number(family.count, client)
        #expect(rest == (family.name == "sorted set" ? 20_003 : 20_002))
        #expect(try client.call("rename", "huge", "moved") == .ok)
        #expect(try client.call("expire", "moved", "1000") == 1)
        #expect(try client.call("flushall", "cache") == .ok)
        let seen = try scanned("moved", family, client)
        #expect(seen.count == rest && seen.contains(Self.element(78)) && !seen.contains(Self.element(77)))
        #expect(try client.call("del", "moved") == 1)
        #expect(try client.call("set", "other", "v") == .ok)
    }

    /// Of a large sorted set the pages with the elements that a call names, or that tell where these stand.
    @Test func aSortedSetMayBeLargerThanMemory() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        func member(_ number: Int) -> String { "m\(number):" + String(repeating: "v", count: 200) }
        let count = 60_000
        // In an order that has nothing to do with the scores, which come in pairs.
        let order = (0..<count).map { $0 * 7_919 % count }
        var model = (0..<count).map { (member($0), Double($0 / 2)) }
        for first in stride(from: 0, to: count, by: 200) {
            let pairs = order[first..<first + 200].map { "\(model[$0].1) \(model[$0].0)" }
            #expect(try client.pipeline(["zadd huge " + pairs.joined(separator: " ")])[0] == 200)
        }
        model.sort { ($0.1, $0.0) < ($1.1, $1.0) }
        #expect(try client.call("memory", "usage", "huge").number ?? .max < 12 << 20)
        for place in [0, 1, 7_777, 30_000, count - 1] {
            #expect(try client.call("zrank", "huge", model[place].0).number == place)
            #expect(try client.call("zrevrank", "huge", model[place].0).number == count - 1 - place)
            #expect(try client.call("zscore", "huge", model[place].0).text.flatMap { Double($0) } == model[place].1)
        }
        // From one end to the other.
        for number in stride(from: 0, to: 300, by: 3) {
            let (name, score) = model.remove(at: 50 * number)
            #expect(try client.call("zincrby", "huge", "100000", name).text.flatMap { Double($0) } == score + 100_000)
            model.append((name, score + 100_000))
        }
        #expect(try client.call("flushall", "cache") == .ok)
        let between = model.count { $0.1 > 1000 && $0.1 <= 20_000 }
        #expect(try client.call("zcount", "huge", "(1000", "20000").number == between)
        for first in stride(from: 0, to: count, by: 5_000) {
            let found = try client.call("zrange", "huge", "\(first)", "\(first + 99)").elements.map(\.text)
            #expect(found == model[first..<first + 100].map(\.0))
        }
        let popped = try client.call("zpopmax", "huge", "30").elements.map(\.text)
        #expect(stride(from: 0, to: 60, by: 2).map { popped[$0] } == model.suffix(30).reversed().map(\.0))
        model.removeLast(30)
        let gone = model.count { 5000...6000 ~= $0.1 }
        model.removeAll { 5000...6000 ~= $0.1 }
        #expect(try client.call("zremrangebyscore", "huge", "5000", "6000").number == gone)
        #expect(try client.call("bzpopmin", "huge", "1").elements.first?.text == "huge")
        model.removeFirst()
        #expect(try client.call("zcard", "huge").number == model.count)
        #expect(try client.call("flushall", "cache") == .ok)
        for first in stride(from: 0, to: model.count, by: 500) {
            let found = try client.call("zrange", "huge", "\(first)", "\(first + 499)").elements.map(\.text)
            #expect(found == model[first..<min(first + 500, model.count)].map(\.0))
        }
        _ = try client.pipeline(["multi", "zadd huge 1 x", "zrank huge x"])
        #expect("\(try client.call("exec"))".contains("OOM the collection is larger"))
        #expect(try client.call("del", "huge") == 1)
        withExtendedLifetime(server) {}
    }

    /// Guard: `isPartial` in `WaitTable.offer`, for what is no list.
    @Test func whoWaitsGetsTheFirstMemberOfAColdSortedSet() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        _ = try client.pipeline((0..<2_000).map { "zadd huge \($0) \(Self.element($0))" })
        let waiting = try server.connect()
        try waiting.send("bzpopmax", "target", "0")
        while try !client.call("info", "clients").text!.contains("blocked_clients:1") {}
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("rename", "huge", "target") == .ok)
        #expect(try waiting.read().elements.map(\.text) == ["target", Self.element(1_999), "1999"])
        #expect(try client.call("zrank", "target", Self.element(7)) == 7)
    }

    /// Of a large list the pages with the elements that a call names are enough, and what is pushed needs none.
    @Test func aListMayBeLargerThanMemory() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (server, client) = try serverWithLongList()
        var model = (0..<20_000).map(Self.element)
        for index in [0, 7, 777, 10_000, 19_999, -1, -5_000] {
            #expect(try client.call("lindex", "huge", "\(index)").text == model[index < 0 ? index + 20_000 : index])
        }
        #expect(try client.call("lindex", "huge", "20000") == .null)
        #expect(try client.call("lset", "huge", "5000", "five") == .ok)
        model[5_000] = "five"
        #expect(try client.call("lrange", "huge", "4990", "5010").elements.map(\.text) == Array(model[4_990...5_010]))
        _ = try client.pipeline(["lpush huge a", "rpush huge y z", "lpushx huge b", "rpush small s1 s2"])
        model = ["b", "a"] + model + ["y", "z"]
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("lpop", "huge").text == model.removeFirst())
        #expect(try client.call("rpop", "huge", "30").elements.map(\.text) == Array(model.suffix(30).reversed()))
        model.removeLast(30)
        let moved = model[0]
        #expect(try client.call("lmove", "huge", "small", "left", "right").text == moved)
        #expect(try client.call("lindex", "huge", "0").text == model[1])
        #expect(try client.call("rpoplpush", "small", "huge").text == moved)
        #expect(try client.call("lmove", "huge", "huge", "left", "right").text == model[0])
        model.append(model.removeFirst())
        #expect(try client.call("blpop", "huge", "1").elements.last?.text == model.removeFirst())
        #expect(try client.call("flushall", "cache") == .ok)
        let popped = try client.call("lmpop", "1", "huge", "right", "count", "9").elements.last?.elements ?? []
        #expect(popped.map(\.text) == Array(model.suffix(9).reversed()))
        model.removeLast(9)
        #expect(try client.call("ltrim", "huge", "3333", "-2222") == .ok)
        model = Array(model[3_333..<model.count - 2_221])
        #expect(try client.call("llen", "huge").number == model.count)
        #expect(try client.call("flushall", "cache") == .ok)
        var seen: [String?] = []
        for first in stride(from: 0, to: model.count, by: 500) {
            seen += try client.call("lrange", "huge", "\(first)", "\(first + 499)").elements.map(\.text)
        }
        #expect(seen == model)
        let whole = [
            "lrange huge 0 -1", "lrem huge 0 x", "lpos huge x", "linsert huge before q x", "dump huge",
            "copy huge twin", "sort huge by nosort", "lpop huge 19999",
        ]
        for words in whole {
            let reply = try client.pipeline([words])[0]
            #expect(reply.text?.hasPrefix("OOM the collection is larger") == true, "\(words): \(reply)")
        }
        #expect(try client.call("del", "huge") == 1)
        #expect(try client.call("set", "other", "v") == .ok)
        withExtendedLifetime(server) {}
    }

    /// Guard: `widenPositionalNeeds`: what one command of a transaction pushes or cuts moves what the next one names.
    @Test func aTransactionReadsWhereItHasPushed() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (server, client) = try serverWithLongList(of: 2_000)
        #expect(try client.call("flushall", "cache") == .ok)
        _ = try client.pipeline(["multi", "ltrim huge 500 -500", "lpush huge a", "lindex huge 100", "lpop huge 30"])
        let replies = try client.call("exec").elements
        #expect(replies.count == 4 && replies[0] == .ok && replies[1] == 1_002)
        #expect(replies.count == 4 && replies[2].text == Self.element(599) && replies[3].elements.count == 30)
        // Alone in its transaction a command needs no more than outside of one.
        let (_, other) = (server, try server.connect())
        _ = try other.pipeline((2_000..<20_000).map { "rpush huge \(Self.element($0))" })
        _ = try client.pipeline(["multi", "lindex huge 9000", "set k v"])
        #expect(try client.call("exec").elements.last == .ok)
        _ = try client.pipeline(["multi", "lindex huge 9000", "lpush huge a"])
        #expect("\(try client.call("exec"))".contains("OOM the collection is larger"))
    }

    /// Guard: `isPartial` in `WaitTable.offer`: what comes to a key may be a list whose pages are only on flash.
    @Test func whoWaitsGetsTheFirstElementOfAColdList() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let (server, client) = try serverWithLongList(of: 2_000)
        let waiting = try server.connect()
        try waiting.send("blpop", "target", "0")
        while try !client.call("info", "clients").text!.contains("blocked_clients:1") {}
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("rename", "huge", "target") == .ok)
        #expect(try waiting.read().elements.map(\.text) == ["target", Self.element(0)])
        #expect(try client.call("lindex", "target", "0").text == Self.element(1))
    }

    /// A server whose list `huge` has so many elements.
    private func serverWithLongList(of count: Int = 20_000) throws -> (TestServer, TestClient) {
        // The elements are all alike: of a compressed list there would be no end.
        let server = try TestServer([
            "--storage-provider", "flash", path, "--maxmemory", "16mb", "--list-compress-depth", "0",
        ])
        let client = try server.connect()
        for first in stride(from: 0, to: count, by: 100) {
            _ = try client.pipeline((first..<first + 100).map { "rpush huge \(Self.element($0))" })
        }
        return (server, client)
    }

    /// Guard: `inTransaction` in `KeyPreparation.add`: what follows a RENAME may look at any element.
    @Test func aTransactionReadsWhatItHasRenamed() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try connectToColdHash(server)
        _ = try client.pipeline(["multi", "rename h moved", "hget moved f7", "hset moved f8 x", "hdel moved f9"])
        let replies = try client.call("exec").elements
        #expect(replies.map { $0.text ?? "\($0.number ?? -1)" } == ["OK", Self.element(7), "0", "1"])
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("hmget", "moved", "f7", "f8", "f9").elements.map(\.text) == [Self.element(7), "x", nil])
    }

    /// What stands behind a call that waits is looked at ahead of time, whatever it is.
    @Test func callsWithTooFewArgumentsWaitTheirTurn() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try connectToColdHash(server)
        let short = [
            "hget h", "hmget h", "hset h f", "smove h s", "hscan h", "hdel h", "sismember h", "zadd h 1", "zrank h",
            "zrange h 0", "zcount h 1", "zincrby h 1", "zrem h", "zrangestore h h", "geoadd h 1 2", "zmscore h",
        ]
        let replies = try client.pipeline(["hget h f7"] + short + ["hlen h"])
        #expect(replies.first?.text == Self.element(7) && replies.last == 500)
        for reply in replies.dropFirst().dropLast() {
            #expect(reply.text?.hasPrefix("ERR wrong number of arguments") == true, "\(reply)")
        }
    }

    /// The elements that a scan sees, a few pages at a time.
    private func scanned(_ key: String, _ family: Family, _ client: TestClient) throws -> Set<String> {
        var seen: [String] = []
        var cursor = "0"
        repeat {
            let command = ["hash": "hscan", "set": "sscan"][family.name] ?? "zscan"
            let reply = try client.call(command, key, cursor, "count", "500").elements
            cursor = reply[0].text ?? "0"
            let parts = reply[1].elements.compactMap(\.text)
            // The values of fields, and the members of sorted sets.
            let first = family.name == "hash" ? 1 : 0
            seen += family.name == "set" ? parts : stride(from: first, to: parts.count, by: 2).map { parts[$0] }
        } while cursor != "0"
        return Set(seen)
    }

    /// In a transaction, too; and a key that goes makes room for another.
    @Test func growthIsRefusedInATransaction() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        let family = Self.families[0]
        let members = try fill("huge", family, client)
        _ = try client.pipeline(["multi", "xadd huge * f one", family.remove(0)])
        #expect("\(try client.call("exec"))".contains("OOM"))
        #expect(try client.call("xlen", "huge").number == members - 1)
        #expect(try client.call("rename", "huge", "moved").text == "OK")
        #expect(try client.call("del", "moved").number == 1)
        #expect(try client.call("hset", "huge", "f", "v").number == 1)
    }

    /// A write whose keys together take more than the memory for records runs, and memory comes back. It must not give
    /// its keys up to wait for memory and find them cold then, again and again.
    @Test func aCallMayNeedMoreThanFits() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        let names = ["a", "b", "c", "d"]
        var family = Self.paged[1]
        family.add = { "sadd \($0) \($0)-\(Self.element($1))" }
        let sizes = try names.map { try fill($0, family, client, atMost: 3_500) }
        #expect(try isRefused("sunionstore stored a b c d", client))
        #expect(try client.call("sinterstore", "stored", "a", "b", "c", "d") == 0)
        #expect(try client.call("sunion", "a", "b", "c", "d").elements.count == sizes.reduce(0, +))
        _ = try client.pipeline(["multi", "srem a x", "srem b x", "srem c x", "srem d x"])
        #expect(try client.call("exec") == [0, 0, 0, 0])
        #expect(try client.call("set", "other", "v") == .ok)
        for (name, size) in zip(names, sizes) { #expect(try client.call("scard", name).number == size) }
        #expect(try client.call("exists", "stored") == 0)
    }

    // MARK: Steps

    /// A client of a server whose hash `h` has the fields f0 to f499, all of them only on flash.
    private func connectToColdHash(_ server: TestServer) throws -> TestClient {
        let client = try server.connect()
        _ = try client.pipeline((0..<500).map { Self.paged[0].add("h", $0) })
        #expect(try client.call("flushall", "cache") == .ok)
        return client
    }

    /// Adds elements from 0 on until one is refused; how many there are.
    private func fill(
        _ key: String, _ family: Family, _ client: TestClient, atMost limit: Int = 20_000
    ) throws -> Int {
        var count = 0
        while count < limit {
            let replies = try client.pipeline((count..<count + 50).map { family.add(key, $0) })
            count += replies.prefix { !$0.isError }.count
            if let refusal = replies.first(where: \.isError) {
                #expect(refusal.text?.hasPrefix("OOM the collection takes half of the memory") == true)
                return count
            }
        }
        return count
    }

    private func isRefused(_ words: String, _ client: TestClient) throws -> Bool {
        try client.pipeline([words])[0].text?.hasPrefix("OOM the collection takes half of the memory") == true
    }

    private func number(_ words: String, _ client: TestClient) throws -> Int? { try client.pipeline([words])[0].number }

    /// The elements in a reply, at any depth.
    private func texts(_ words: String, _ client: TestClient) throws -> Set<String> {
        var found: Set<String> = []
        var rest = try client.pipeline([words])
        while let reply = rest.popLast() {
            if let text = reply.text, text.hasPrefix("e") { found.insert(text) }
            rest += reply.elements
        }
        return found
    }
}
