import Testing

@Suite(.serialized) struct ListCompressionTests {
    private static let elements = 12_000

    private static func fill(_ client: TestClient, _ key: String, upTo count: Int = elements) throws {
        for start in stride(from: 0, to: count, by: 1000) {
            #expect(try client.call(["rpush", key] + (start..<start + 1000).map { "element:\($0)" }).number != nil)
        }
    }

    private static func bytes(_ client: TestClient, _ key: String) throws -> Int {
        try client.call("memory", "usage", key).number ?? 0
    }

    /// A list with compressed pages answers as one without does, and takes less.
    @Test(arguments: [false, true])
    func nobodySeesIt(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        #expect(try client.call("config", "get", "list-compress-depth") == ["list-compress-depth", "16"])
        #expect(try client.call("config", "set", "list-compress-depth", "2") == .ok)
        try Self.fill(client, "dense")
        #expect(try client.call("config", "set", "list-compress-depth", "0") == .ok)
        try Self.fill(client, "plain")
        #expect(try client.call("config", "set", "list-compress-depth", "2") == .ok)
        #expect(try client.call("config", "set", "list-compress-depth", "-1").isError)
        let sizes = try (Self.bytes(client, "dense"), Self.bytes(client, "plain"))
        #expect(sizes.0 < sizes.1 * 6 / 10, "\(sizes)")

        for cold in [false, true] {
            if cold {
                #expect(try client.call("flushall", "cache") == .ok)
                _ = try client.call("lrange", "dense", "0", "-1")
                let after = try Self.bytes(client, "dense")
                // Its pages come back one by one, and each takes a few bytes more for that.
                #expect(!isTiered || (sizes.0...sizes.0 * 11 / 10).contains(after), "\(after) of \(sizes.0)")
            }
            for words in [
                ["llen", "*"], ["lindex", "*", "6000"], ["lrange", "*", "5990", "6800"], ["lrange", "*", "0", "-1"],
                ["lpos", "*", "element:9000"], ["lpos", "*", "element:5", "rank", "-1"], ["debug", "digest-value", "*"],
                ["sort", "*", "alpha", "desc", "limit", "5000", "50"], ["sort", "*", "by", "nosort", "get", "#"],
            ] {
                let replies = try ["dense", "plain"].map { key in try client.call(words.map { $0 == "*" ? key : $0 }) }
                #expect(replies[0] == replies[1] && !replies[0].isError, "\(words)")
            }
        }
        try Self.changesAreTheSame(client)
    }

    private static func changesAreTheSame(_ client: TestClient) throws {
        #expect(try client.call("copy", "dense", "copied") == 1)
        #expect(try client.call("rename", "copied", "renamed") == .ok)
        #expect(try client.call("sort", "dense", "by", "nosort", "get", "#", "store", "sorted") == .integer(elements))
        let same = try client.call("debug", "digest-value", "dense", "plain", "renamed", "sorted").elements
        #expect(same.count == 4 && Set(same.map { "\($0)" }).count == 1)
        for words in [
            ["lset", "*", "6000", "six thousand"], ["linsert", "*", "before", "element:7000", "x"],
            ["lrem", "*", "0", "element:100"], ["lrem", "*", "-1", "element:8500"], ["ltrim", "*", "50", "-300"],
            ["lpop", "*", "1000"], ["rpop", "*", "2000"], ["lmove", "*", "*", "left", "right"],
        ] {
            let replies = try ["dense", "plain"].map { key in try client.call(words.map { $0 == "*" ? key : $0 }) }
            #expect(replies[0] == replies[1] && !replies[0].isError, "\(words)")
        }
        let digests = try client.call("debug", "digest-value", "dense", "plain").elements
        #expect(digests.count == 2 && digests[0] == digests[1])
    }

    /// A new depth holds for what is touched from then on, in both directions.
    @Test func theDepthMayChange() throws {
        let server = try TestServer(["--list-compress-depth", "0"])
        let client = try server.connect()
        #expect(try client.call("config", "get", "list-compress-depth") == ["list-compress-depth", "0"])
        try Self.fill(client, "l")
        let before = try Self.bytes(client, "l")
        #expect(try client.call("config", "set", "list-compress-depth", "2") == .ok)
        #expect(try Self.bytes(client, "l") == before)
        // As many pages again come to the inside.
        try Self.fill(client, "l")
        let after = try Self.bytes(client, "l")
        #expect(after < before * 17 / 10, "\(after) for \(2 * Self.elements) elements, \(before) for half of them")
        #expect(try client.call("config", "set", "list-compress-depth", "0") == .ok)
        try client.call("lset", "l", "\(3 * Self.elements / 2)", "x")
        #expect(try Self.bytes(client, "l") > after + 2000)
        #expect(try client.call("del", "l") == 1)
        #expect(server.core.store.memoryBytes < before / 10)
    }
}
