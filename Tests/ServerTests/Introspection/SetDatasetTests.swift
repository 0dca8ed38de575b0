import Testing

/// Sets as all of the server sees them: on flash, in a file, in digests.
@Suite struct SetDatasetTests {
    /// The digests are worked out by Redis' rule: SHA-1 of the type, and the exclusive or of the members' SHA-1.
    @Test(arguments: [false, true]) func setsOutliveTheirTier(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        #expect(try client.call("sadd", "i", "1", "2", "3") == .integer(3))
        for number in 0..<1000 { try client.call("sadd", "w", "member:\(number)") }
        let digests: [Reply] = [
            .simple("2a462a3f51a1db89738ebbeef0c47ce1bbc85246"),
            .simple("3a9d5984a953e5414f7bb117a319e69a51041e5e"),
        ]
        for round in ["", "cache", "reload", "cache"] {
            switch round {
            case "cache": #expect(try client.call("flushall", "cache") == .ok)
            case "reload": #expect(try client.call("debug", "reload") == .ok)
            default: break
            }
            #expect(try client.call("debug", "digest-value", "i", "w") == .array(digests))
            #expect(try client.call("scard", "w") == .integer(1000))
            #expect(try client.call("sintercard", "2", "i", "i") == .integer(3))
            #expect(try client.call("object", "encoding", "i") == .bulk("intset"))
            #expect(try client.call("memory", "usage", "w").number ?? 0 > 10_000)
        }
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("sunionstore", "u", "i", "w") == .integer(1003))
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("smove", "i", "u", "2") == .integer(1))
        #expect(try client.call("srem", "i", "1", "3") == .integer(2))
        #expect(try client.call("exists", "i") == .integer(0))
        #expect(try client.call("sismember", "u", "2") == .integer(1))
    }
}
