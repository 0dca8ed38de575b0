import Keyspace
import Platform
import Server
import StorageFaulty
import Testing

/// Client-side caching: who is told what, and when.
@Suite struct TrackingTests {
    static func invalidated(_ keys: String...) -> Reply { .push(["invalidate", .array(keys.map { .bulk($0) })]) }
    static let allInvalidated = Reply.push(["invalidate", .null])

    /// A client that speaks RESP3 and tracks.
    static func tracking(_ server: TestServer, _ options: String...) throws -> TestClient {
        let client = try server.connect()
        try client.call("hello", "3")
        #expect(try client.call(["client", "tracking", "on"] + options) == .ok)
        return client
    }

    @Test func aReadKeyIsToldOnce() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        let writer = try server.connect()
        try writer.call("set", "k", "1")
        #expect(try client.call("get", "k") == "1")
        try writer.call("set", "k", "2")
        #expect(try client.read() == Self.invalidated("k"))
        try writer.call("set", "k", "3")
        #expect(client.isSilent())
        try client.call("mget", "a", "b", "a")
        #expect(server.core.trackingTotals == [2, 2, 0, 1])
        try writer.call("mset", "b", "1", "c", "2", "a", "3")
        #expect(try Set([client.read(), client.read()].map(\.elements[1])) == [["a"], ["b"]])
        #expect(server.core.trackingTotals == [0, 0, 0, 1])
    }

    @Test func ownChangesComeAfterTheReply() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        for words in [["hset", "k", "f", "1"], ["hincrby", "k", "f", "1"], ["del", "k"]] {
            try client.call("hget", "k", "f")
            guard case .push = try client.call(words) else {
                #expect(try client.read() == Self.invalidated("k"))
                continue
            }
            Issue.record("\(words): the message came before the reply")
        }
        // Behind the reply of its own call, before the next call's.
        let requests = [["get", "k"], ["set", "k", "1"], ["ping"]]
        try client.send(raw: requests.flatMap { TestClient.request($0) })
        #expect(try client.read() == .null)
        #expect(try client.read() == .ok)
        #expect(try client.read() == Self.invalidated("k"))
        #expect(try client.read() == .simple("PONG"))
    }

    @Test func expiryThatAReadFindsIsToldAfterItsReply() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        try client.call("debug", "set-active-expire", "0")
        try client.call("mset", "x", "1", "y", "2")
        try client.call("get", "y")
        try client.call("pexpire", "y", "20")
        #expect(try client.read() == Self.invalidated("y"))
        try client.call("get", "y")
        Clock.sleep(nanoseconds: 40_000_000)
        #expect(try client.call("mget", "x", "y") == ["1", .null])
        #expect(try client.read() == Self.invalidated("y"))
        // That read is remembered too.
        try server.connect().call("mset", "x", "2", "y", "3")
        #expect(try Set([client.read(), client.read()].map(\.elements[1])) == [["x"], ["y"]])
    }

    @Test func activeExpiry() throws {
        let server = try TestServer()
        let client = try Self.tracking(server, "noloop")
        try client.call("set", "k", "1", "px", "30")
        try client.call("get", "k")
        #expect(try client.read() == Self.invalidated("k"))
    }

    @Test func everyWayToFlush() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        let other = try server.connect()
        for words in [
            ["flushall"], ["flushall", "async"], ["flushdb"], ["flushdb", "async"], ["swapdb", "0", "1"],
        ] {
            try client.call("get", "k")
            try other.call(words)
            #expect(try client.read() == Self.allInvalidated)
            #expect(server.core.trackingTotals == [0, 0, 0, 1])
            try client.call("get", "k")
            #expect(try client.call(words) == .ok)
            #expect(try client.read() == Self.allInvalidated)
            #expect(client.isSilent(milliseconds: 20))
        }
    }

    @Test func optInAndOptOut() throws {
        let server = try TestServer()
        let writer = try server.connect()
        let optIn = try Self.tracking(server, "optin")
        try optIn.call("get", "a")
        try optIn.call("client", "caching", "yes")
        #expect(try optIn.call("client", "trackinginfo").elements[1] == .set(["on", "optin", "caching-yes"]))
        try optIn.call("get", "b")
        try optIn.call("get", "c")
        try writer.call("mset", "a", "1", "b", "1", "c", "1")
        #expect(try optIn.read() == Self.invalidated("b"))
        #expect(optIn.isSilent())
        let optOut = try Self.tracking(server, "optout")
        try optOut.call("client", "caching", "no")
        try optOut.call("get", "a")
        try optOut.call("get", "b")
        try writer.call("mset", "a", "1", "b", "1")
        #expect(try optOut.read() == Self.invalidated("b"))
        #expect(optOut.isSilent())
    }

    @Test func noLoop() throws {
        let server = try TestServer()
        let client = try Self.tracking(server, "noloop")
        try client.call("mget", "a", "b")
        try client.call("set", "a", "1")
        try server.connect().call("set", "b", "1")
        #expect(try client.read() == Self.invalidated("b"))
        let all = try Self.tracking(server, "bcast", "noloop")
        try all.call("set", "a", "1")
        try client.call("set", "c", "1")
        #expect(try all.read() == Self.invalidated("c"))
        // Nobody's change: expiry.
        try all.call("set", "d", "1", "px", "20")
        #expect(try all.read() == Self.invalidated("d"))
    }

    @Test func broadcasts() throws {
        let server = try TestServer()
        let client = try Self.tracking(server, "bcast", "prefix", "a:", "prefix", "b:")
        let everything = try Self.tracking(server, "bcast")
        let writer = try server.connect()
        try writer.call("mset", "a:1", "1", "c:1", "1", "b:1", "1", "a:2", "1")
        #expect(try client.read() == Self.invalidated("a:1", "a:2"))
        #expect(try client.read() == Self.invalidated("b:1"))
        #expect(try everything.read() == Self.invalidated("a:1", "c:1", "b:1", "a:2"))
        #expect(server.core.trackingTotals == [0, 0, 3, 2])
        #expect(try client.call("client", "tracking", "on", "bcast", "prefix", "c:") == .ok)
        try writer.call("set", "c:1", "2")
        #expect(try client.read() == Self.invalidated("c:1"))
        #expect(
            try client.call("client", "trackinginfo")
                == .map(["flags", .set(["on", "bcast"]), "redirect", 0, "prefixes", ["a:", "b:", "c:"]]))
        try client.call("reset")
        #expect(server.core.trackingTotals == [0, 0, 1, 1])
        try writer.call("set", "c:1", "2")
        #expect(client.isSilent())
        #expect(try client.call("client", "trackinginfo").elements[1] == ["off"])
    }

    /// The connection is gone, or doesn't track any more: no shard is observed any longer, and nothing is sent.
    @Test func whoLeavesIsForgotten() throws {
        let server = try TestServer()
        do {
            let client = try Self.tracking(server, "bcast")
            try client.call("ping")
            let other = try Self.tracking(server)
            try other.call("mget", "a", "b")
        }
        #expect(eventually { server.core.trackingTotals[2...] == [0, 0] })
        try server.connect().call("mset", "a", "1", "b", "2")
        #expect(server.core.trackingTotals == [0, 0, 0, 0])
        #expect((0..<Position.shardCount).allSatisfy { server.core.store.observerCount($0) == 0 })
    }

    @Test func redirection() throws {
        let server = try TestServer()
        let writer = try server.connect()
        var target: TestClient? = try server.connect()
        try target?.call("hello", "3")
        let id = try #require(try target?.call("client", "id").number)
        let client = try Self.tracking(server, "redirect", "\(id)")
        #expect(try client.call("client", "getredir") == .integer(id))
        try client.call("get", "k")
        try writer.call("set", "k", "1")
        #expect(try target?.read() == Self.invalidated("k"))
        #expect(client.isSilent(milliseconds: 20))
        try client.call("get", "k")
        try client.call("set", "k", "2")
        #expect(try target?.read() == Self.invalidated("k"))
        target = nil
        #expect(eventually { server.core.loops.clientCount == 2 })
        try client.call("get", "k")
        try writer.call("set", "k", "1")
        #expect(try client.read() == .push(["tracking-redir-broken", .integer(id)]))
        #expect(
            try client.call("client", "trackinginfo")
                == .map(["flags", .set(["on", "broken_redirect"]), "redirect", .integer(id), "prefixes", []]))
        #expect(try client.call("client", "info").text?.contains(" flags=tR ") == true)
    }

    @Test func repliesOffDoNotStopMessages() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        let writer = try server.connect()
        try client.call("get", "k")
        try client.send("client", "reply", "off")
        try client.send("get", "j")
        try client.send("set", "j", "1")
        #expect(try client.read() == Self.invalidated("j"))
        try writer.call("set", "k", "1")
        #expect(try client.read() == Self.invalidated("k"))
        #expect(try client.call("client", "reply", "on") == .ok)
    }

    @Test func whatIsRefused() throws {
        let server = try TestServer()
        let client = try server.connect()
        func error(_ words: String) throws -> String? {
            try client.call(["client"] + words.split(separator: " ").map(String.init)).text
        }
        #expect(try error("tracking maybe") == "ERR syntax error")
        #expect(try error("tracking on redirect 999")?.contains("does not exist") == true)
        #expect(try error("tracking on redirect x") == "ERR value is not an integer or out of range")
        #expect(try error("tracking on prefix a")?.contains("PREFIX option requires BCAST") == true)
        #expect(try error("tracking on bcast optin")?.contains("not compatible with BCAST") == true)
        #expect(try error("tracking on optin optout")?.contains("both OPTIN mode and OPTOUT") == true)
        #expect(try error("caching yes")?.contains("CLIENT CACHING can be called only") == true)
        #expect(
            try error("tracking on bcast prefix FOOBAR prefix FOO")
                == "ERR Prefix 'FOOBAR' overlaps with another provided prefix 'FOO'. Prefixes for a single client "
                + "must not overlap.")
        #expect(try error("tracking on bcast prefix FOO") == "OK")
        #expect(try error("tracking on bcast prefix FO")?.hasPrefix("ERR Prefix 'FO' overlaps with an exist") == true)
        #expect(try error("tracking on")?.contains("can't switch BCAST mode") == true)
        #expect(try error("tracking off") == "OK")
        #expect(try error("tracking on optin") == "OK")
        #expect(try error("tracking on optout")?.contains("can't switch OPTIN/OPTOUT") == true)
        #expect(try error("caching no")?.contains("only valid when tracking is enabled in OPTOUT") == true)
    }

    @Test func theTableKeepsItsLimit() throws {
        let server = try TestServer()
        let client = try Self.tracking(server, "noloop")
        for number in 0..<300 { try client.call("get", "k\(number)") }
        #expect(server.core.trackingTotals == [300, 300, 0, 1])
        #expect(server.set("tracking-table-max-keys", "10") == .done(["tracking-table-max-keys"]))
        var told = Set<String>()
        while told.count < 290 { told.insert(try client.read().elements[1].elements[0].text ?? "") }
        #expect(eventually { server.core.trackingTotals == [10, 10, 0, 1] })
        #expect(client.isSilent())
    }

    /// The limit is kept with each request, also amid a pipeline: keys go before its last reply.
    @Test func aPipelineKeepsTheLimitOfTheTable() throws {
        let server = try TestServer()
        #expect(server.set("tracking-table-max-keys", "1") == .done(["tracking-table-max-keys"]))
        let client = try Self.tracking(server, "noloop")
        let number = 200
        try client.send(raw: (0..<number).map { "get k\($0)\r\n" }.joined())
        var (replies, invalidated) = (0, 0)
        while replies < number {
            if try client.read() == .null { replies += 1 } else { invalidated += 1 }
        }
        // One request may be one ahead.
        #expect(invalidated >= number - 2, "\(invalidated) of \(number) keys left the table")
    }

    /// A cold key is a key: what is read, changed, deleted or expires on flash is told; coming and going is not.
    @Test func coldKeys() throws {
        let server = try TestServer(isTiered: true)
        let client = try Self.tracking(server)
        let writer = try server.connect()
        for number in 0..<100 { try writer.call("set", "k\(number)", "v") }
        try server.makeCold()
        for number in 0..<100 { #expect(try client.call("get", "k\(number)") == "v") }
        try server.makeCold()
        for number in 0..<50 { #expect(try writer.call("get", "k\(number)") == "v") }
        #expect(client.isSilent())
        try server.makeCold()
        // Overwritten unread, appended to, deleted.
        try writer.call("set", "k1", "w")
        #expect(try client.read() == Self.invalidated("k1"))
        try writer.call("append", "k2", "w")
        #expect(try client.read() == Self.invalidated("k2"))
        try writer.call("del", "k3")
        #expect(try client.read() == Self.invalidated("k3"))
        try writer.call("pexpire", "k4", "100")
        #expect(try client.read() == Self.invalidated("k4"))
        try client.call("get", "k4")
        try server.makeCold()
        // By the index of expiries.
        #expect(try client.read() == Self.invalidated("k4"))
        #expect(client.isSilent())
    }

    /// A read that waits for flash is remembered when it is answered; the change that came meanwhile is in the answer.
    @Test func aChangeWhileAReadWaits() throws {
        let server = try TestServer(isTiered: true)
        let provider = try #require(server.provider)
        let client = try Self.tracking(server)
        let writer = try server.connect()
        try writer.call("set", "k", "old")
        try server.makeCold()
        provider.holdReads()
        try client.send("get", "k")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        try writer.call("set", "k", "new")
        #expect(server.core.trackingTotals[0] == 0)
        provider.releaseReads()
        #expect(try client.read() == "new")
        try writer.call("set", "k", "newer")
        #expect(try client.read() == Self.invalidated("k"))
    }

    /// Keys deleted to make room are told, with NOLOOP too.
    @Test func evictedKeys() throws {
        let server = try TestServer(["--maxmemory-policy", "allkeys-random"])
        let client = try Self.tracking(server, "noloop")
        let other = try server.connect()
        try client.call("set", "k", "1")
        try client.call("get", "k")
        // CONFIG SET's own control thread may be the one that makes the room: then the message may come later.
        try other.call("config", "set", "maxmemory", "1")
        try client.send("get", "nothing")
        #expect(try Set([client.read(), client.read()]) == [Self.invalidated("k"), .null])
        #expect(try client.call("set", "k", "2").text?.hasPrefix("OOM command not allowed") == true)
        #expect(server.core.store.total { $0.evicted.load(ordering: .relaxed) } == 1)
    }

    /// In a transaction reads are remembered as they would be alone; what it changes itself is told after EXEC's reply.
    @Test func transactions() throws {
        let server = try TestServer()
        let client = try Self.tracking(server)
        let writer = try server.connect()
        func exec(_ requests: [String]) throws -> Reply {
            let replies = try client.pipeline(["multi"] + requests)
            #expect(replies.dropFirst().allSatisfy { $0 == .simple("QUEUED") })
            return try client.call("exec")
        }
        #expect(try exec(["get a", "incr a", "get b", "get c"]) == [.null, 1, .null, .null])
        #expect(try client.read() == Self.invalidated("a"))
        try writer.call("mset", "a", "1", "b", "1")
        #expect(try client.read() == Self.invalidated("b"))
        // One that runs behind the gate, a command at a time.
        #expect(try exec(["get b", "dbsize", "incr b", "get a"]) == ["1", 2, 2, "1"])
        #expect(try client.read() == Self.invalidated("b"))
        try writer.call("set", "a", "2")
        #expect(try client.read() == Self.invalidated("a"))
        try client.call("get", "a")
        #expect(try exec(["flushall"]) == [.ok])
        #expect(try client.read() == Self.allInvalidated)
        // Tracking may begin, and end, in one.
        #expect(try exec(["client tracking off", "client tracking on bcast", "set x 1"]) == [.ok, .ok, .ok])
        #expect(try client.read() == Self.invalidated("x"))
        // CACHING counts for the whole transaction.
        let optIn = try Self.tracking(server, "optin")
        try optIn.call("client", "caching", "yes")
        #expect(try optIn.pipeline(["multi", "get p", "get q", "exec"]).last == [.null, .null])
        try optIn.call("get", "r")
        try writer.call("mset", "p", "1", "q", "1", "r", "1")
        #expect(try Set([optIn.read(), optIn.read()].map(\.elements[1])) == [["p"], ["q"]])
        #expect(optIn.isSilent())
    }

    /// FLUSHALL waits for a control thread to free the data. What others set meanwhile stays.
    @Test func aFlushThatWaitsFlushesOnce() throws {
        let server = try TestServer()
        let flusher = try server.connect()
        let writer = try server.connect()
        for round in 0..<20 {
            try writer.call("debug", "populate", "20000", "x\(round)")
            try writer.call("set", "mark", "1")
            try flusher.send("flushall", "sync")
            while try writer.call("exists", "mark") == 1 {}
            try writer.call("set", "after", "\(round)")
            #expect(try flusher.read() == .ok)
            #expect(try writer.call("get", "after") == .bulk("\(round)"))
        }
    }
}

extension Reply: Hashable {
    func hash(into hasher: inout Hasher) { hasher.combine("\(self)") }
}
