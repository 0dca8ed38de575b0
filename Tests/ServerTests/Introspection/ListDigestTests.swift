import Testing

@Suite struct ListDigestTests {
    /// The digest is worked out from Redis' rules by hand: the type's number, then each element in its order.
    @Test(arguments: [false, true])
    func listsHaveRedisDigests(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        try client.call("rpush", "l", "a", "1", "", "b")
        let digest: Reply = [.simple("dbd4ca4c254e7ef7117bbdfe897f94db597845c5")]
        #expect(try client.call("debug", "digest-value", "l") == digest)
        #expect(try client.call("memory", "usage", "l").number ?? 0 > 50)
        // What is cold counts as what is hot does, and comes back.
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("debug", "digest-value", "l") == digest)
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("lpop", "l") == .bulk("a"))
        #expect(try client.call("debug", "reload") == .ok)
        #expect(try client.call("lrange", "l", "0", "-1") == [.bulk("1"), .bulk(""), .bulk("b")])
    }
}
