import Testing

@Suite struct SortedSetDigestTests {
    /// The digest is redis-server 7.0.15's answer for the same commands. It stays the same on flash, and in the large
    /// form.
    @Test(arguments: [false, true])
    func sortedSetsHaveRedisDigests(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        try client.call("zadd", "z", "1", "a", "2.5", "b", "-inf", "c")
        let long = String(repeating: "x", count: 65)
        try client.call("zadd", "large", "1", "a", "2.5", "b", "-inf", "c", "0", long)
        try client.call("zrem", "large", long)
        #expect(try client.call("object", "encoding", "large") == .bulk("skiplist"))
        let digest: Reply = [.simple("f2ad7cda97b68291b8199d655f83d19f6e41e93c")]
        for key in ["z", "large"] {
            #expect(try client.call("debug", "digest-value", key) == digest)
            #expect(try client.call("memory", "usage", key).number ?? 0 > 50)
            #expect(try client.call("flushall", "cache") == .ok)
            #expect(try client.call("debug", "digest-value", key) == digest)
            #expect(try client.call("flushall", "cache") == .ok)
            #expect(try client.call("zscore", key, "b") == .bulk("2.5"))
        }
        #expect(try client.call("debug", "reload") == .ok)
        #expect(try client.call("zrange", "large", "0", "-1") == [.bulk("c"), .bulk("a"), .bulk("b")])
    }
}
