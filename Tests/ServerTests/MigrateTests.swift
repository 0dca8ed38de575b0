import Platform
import Testing

/// MIGRATE between two servers in this process.
@Suite(.serialized) struct MigrateTests {
    private func migrate(_ client: TestClient, _ port: Int, _ words: String...) throws -> Reply {
        try client.call(["migrate", "127.0.0.1", "\(port)"] + words)
    }

    @Test func keysMove() throws {
        let (from, to) = (try TestServer(isTiered: true), try TestServer())
        let (here, there) = (try from.connect(), try to.connect())
        _ = try here.pipeline(["set a 1", "set b 2 px 100000", "rpush l x y", "set busy 1"])
        _ = try there.pipeline(["set busy 0"])
        try from.makeCold()
        #expect(try migrate(here, to.port, "nix", "0", "1000") == .simple("NOKEY"))
        #expect(try migrate(here, to.port, "l", "0", "1000", "copy") == .ok)
        #expect(try migrate(here, to.port, "", "3", "1000", "keys", "a", "nix", "b") == .ok)
        #expect(try here.call("exists", "a", "b", "l").number == 1)
        #expect(try there.call("lrange", "l", "0", "-1") == .array([.bulk("x"), .bulk("y")]))
        _ = try there.call("select", "3")
        #expect(try there.call("mget", "a", "b") == .array([.bulk("1"), .bulk("2")]))
        #expect((try there.call("pttl", "b").number ?? 0) > 90_000)
        let refused = try migrate(here, to.port, "busy", "0", "1000")
        #expect(
            refused == .error("ERR Target instance replied with error: BUSYKEY Target key name already exists."))
        #expect(try migrate(here, to.port, "busy", "0", "1000", "replace") == .ok)
        #expect(try here.call("dbsize").number == 1)
    }

    /// The password is not in the slow log; it is checked at the other end.
    @Test func passwords() throws {
        let (from, to) = (try TestServer(), try TestServer(["--requirepass", "secret"]))
        let here = try from.connect()
        _ = try here.call("config", "set", "slowlog-log-slower-than", "0")
        _ = try here.call("set", "a", "1")
        #expect(try migrate(here, to.port, "a", "0", "1000", "auth", "wrong").text?.contains("WRONGPASS") == true)
        #expect(try here.call("exists", "a").number == 1)
        #expect(try migrate(here, to.port, "a", "0", "1000", "auth2", "default", "secret") == .ok)
        #expect(!"\(try here.call("slowlog", "get", "10"))".contains("secret"))
    }

    @Test func nobodyAnswers() throws {
        let server = try TestServer()
        let client = try server.connect()
        _ = try client.call("set", "a", "1")
        // A port that listens and whose connections nobody accepts.
        let listeners = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, sharesPort: false)
        defer { for listener in listeners { Socket.close(listener) } }
        let port = Socket.localAddress(listeners[0]).port
        #expect(
            try migrate(client, port, "a", "0", "100")
                == .error("IOERR error or timeout reading to target instance"))
        #expect(
            try migrate(client, 1, "a", "0", "100") == .error("IOERR error or timeout connecting to the client"))
        #expect(try client.call("get", "a") == .bulk("1"))
    }

    /// Elements are pushed while the list moves over and over: each is found once, here or there.
    @Test(.timeLimit(.minutes(1))) func noWriteIsLost() throws {
        let (from, to) = (try TestServer(isTiered: true), try TestServer())
        let (here, there) = (try from.connect(), try to.connect())
        let port = from.port
        let isOver = Flag()
        let push = { @Sendable (writer: Int) throws in
            let client = try TestClient(port: port)
            for number in 0..<2_000 where !isOver.isRaised {
                let reply = try client.call("rpush", "l", "\(writer)-\(number)")
                #expect(reply.number != nil, "\(reply)")
                _ = try client.call("incr", "pushed")
            }
        }
        let threads = Threads([{ try push(0) }, { try push(1) }, { try push(2) }])
        var seen: [String] = []
        for _ in 0..<60 {
            #expect(try !migrate(here, to.port, "l", "0", "2000").isError)
            seen += try there.call("lrange", "l", "0", "-1").elements.compactMap { $0.text }
            _ = try there.call("del", "l")
        }
        isOver.raise()
        try threads.join()
        seen += try here.call("lrange", "l", "0", "-1").elements.compactMap { $0.text }
        #expect(Set(seen).count == seen.count, "an element that came twice")
        #expect("\(seen.count)" == (try here.call("get", "pushed").text ?? "0"))
    }
}
