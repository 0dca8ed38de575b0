import Testing

@Suite struct StreamDigestTests {
    /// The digest is what redis-server 7.0.15 answers. A stream comes back from flash and from a file with its groups.
    @Test(arguments: [false, true])
    func streamsHaveRedisDigests(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        try client.call("xadd", "s", "1-1", "f", "v1")
        try client.call("xadd", "s", "1-2", "f", "v2", "g", "7")
        try client.call("xgroup", "create", "s", "g", "0")
        try client.call("xreadgroup", "group", "g", "Alice", "count", "1", "streams", "s", ">")
        let digest: Reply = [.simple("4f5f78cdfe5394050fd406b5fadb3d3f52d74b39")]
        #expect(try client.call("debug", "digest-value", "s") == digest)
        for _ in 0..<2 {
            let dump = try client.call("dump", "s")
            #expect(try client.call("flushall", "cache") == .ok)
            #expect(try client.call("type", "s") == .simple("stream"))
            #expect(try client.call("debug", "digest-value", "s") == digest)
            #expect(try client.call("flushall", "cache") == .ok)
            #expect(try client.call("xpending", "s", "g", "-", "+", "10", "Alice").elements.count == 1)
            #expect(try client.call("dump", "s") == dump)
            #expect(try client.call("debug", "reload") == .ok)
        }
        #expect(try client.call("xack", "s", "g", "1-1") == .integer(1))
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("xpending", "s", "g", "-", "+", "10") == .array([]))
    }
}
