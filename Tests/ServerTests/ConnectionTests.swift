import Glibc
import Server
import Testing

@Suite struct ConnectionTests {
    @Test func pingEchoSelect() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.call("PING") == .simple("PONG"))
        #expect(try client.call("ping", "a b") == "a b")
        #expect(try client.call("ping", "a", "b") == .error("ERR wrong number of arguments for 'ping' command"))
        #expect(try client.call("echo", "") == "")
        #expect(try client.call("select", "15") == .ok)
        #expect(try client.call("select", "16") == .error("ERR DB index is out of range"))
        #expect(try client.call("select", "-1") == .error("ERR DB index is out of range"))
        #expect(try client.call("select", "x") == .error("ERR value is not an integer or out of range"))
        #expect(try client.call("set", "k", "v") == .ok)
        #expect(try client.call("select", "0") == .ok)
        #expect(try client.call("get", "k") == .null)
    }

    @Test func quitDropsWhatFollows() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.send(raw: TestClient.request(["quit"]) + TestClient.request(["set", "k", "v"]))
        #expect(try client.read() == .ok)
        #expect(client.isAtEnd())
        #expect(try server.connect().call("get", "k") == .null)
    }

    @Test func helloChangesTheVersionAtOnce() throws {
        let server = try TestServer()
        let client = try server.connect()
        let two = try client.call("hello")
        #expect(two.elements.prefix(6) == ["server", "redis", "version", .bulk(ServerVersion.redis), "proto", 2])
        guard case .map(let three) = try client.call("hello", "3", "setname", "me") else {
            Issue.record("no map")
            return
        }
        #expect(three[5] == 3)
        #expect(three.suffix(6) == ["mode", "standalone", "role", "master", "modules", []])
        #expect(try client.call("client", "getname") == "me")
        #expect(try client.call("get", "nothing") == .null)
        #expect(try client.pipeline(["hello 2", "hello 3", "hello 2"]).map(\.elements[5]) == [2, 3, 2])
        #expect(try client.call("hello", "4") == .error("NOPROTO unsupported protocol version"))
        #expect(
            try client.call("hello", "x") == .error("ERR Protocol version is not an integer or out of range"))
        #expect(try client.call("hello", "3", "setname") == .error("ERR Syntax error in HELLO option 'setname'"))
        // An option that is wrong leaves everything as it was.
        #expect(try client.call("hello", "3", "setname", "you", "bad").isError)
        #expect(try client.call("client", "getname") == "me")
    }

    @Test func passwordsAreAskedFor() throws {
        let server = try TestServer(["--requirepass", "secret"])
        let client = try server.connect()
        let noAuth = Reply.error("NOAUTH Authentication required.")
        #expect(try client.call("get", "k") == noAuth)
        #expect(try client.call("ping") == noAuth)
        // What is wrong with the call comes before who makes it.
        #expect(try client.call("get") == .error("ERR wrong number of arguments for 'get' command"))
        #expect(
            try client.call("nosuch", "a") == .error("ERR unknown command 'nosuch', with args beginning with: 'a' "))
        #expect(try client.call("hello", "3").text?.hasPrefix("NOAUTH HELLO must be called") == true)
        let wrong = Reply.error("WRONGPASS invalid username-password pair or user is disabled.")
        #expect(try client.call("auth", "secre") == wrong)
        #expect(try client.call("auth", "secrets") == wrong)
        #expect(try client.call("auth", "") == wrong)
        #expect(try client.call("auth", "other", "secret") == wrong)
        #expect(try client.call("auth", "a", "b", "c") == .error("ERR syntax error"))
        #expect(try client.call("hello", "3", "auth", "default", "nope") == wrong)
        #expect(try client.call("auth", "secret") == .ok)
        #expect(try client.call("get", "k") == .null)
        #expect(try client.call("reset") == .simple("RESET"))
        #expect(try client.call("get", "k") == noAuth)
        guard case .map = try client.call("hello", "3", "auth", "default", "secret") else {
            Issue.record("no map")
            return
        }
        #expect(try client.call("quit") == .ok)
    }

    @Test func passwordsThatComeAndGo() throws {
        let server = try TestServer()
        let early = try server.connect()
        #expect(
            try early.call("auth", "x").text?.hasPrefix("ERR AUTH <password> called without any password") == true)
        #expect(try early.call("auth", "default", "x") == .ok)
        #expect(server.set("requirepass", "s") == .done(["requirepass"]))
        #expect(try early.call("ping") == .simple("PONG"))
        let late = try server.connect()
        #expect(try late.call("ping").isError)
        #expect(server.set("requirepass", "") == .done(["requirepass"]))
        #expect(try late.call("ping") == .simple("PONG"))
        #expect(server.set("requirepass", "t") == .done(["requirepass"]))
        #expect(try late.call("ping").isError)
        #expect(try late.call("auth", "t") == .ok)
    }

    @Test func strangersHaveSmallerLimits() throws {
        let server = try TestServer(["--requirepass", "s"])
        let many = try server.connect()
        try many.send(raw: "*11\r\n")
        #expect(try many.read() == .error("ERR Protocol error: unauthenticated multibulk length"))
        #expect(many.isAtEnd())
        let long = try server.connect()
        try long.send(raw: "*1\r\n$16385\r\n")
        #expect(try long.read() == .error("ERR Protocol error: unauthenticated bulk length"))
        #expect(long.isAtEnd())
        // The limits end with the AUTH in front.
        let friend = try server.connect()
        let words = ["mset"] + (0..<20).map { "k\($0)" }
        try friend.send(raw: TestClient.request(["auth", "s"]) + TestClient.request(words))
        #expect(try friend.read() == .ok)
        #expect(try friend.read() == .ok)
    }

    @Test func resetUndoesEverything() throws {
        let server = try TestServer()
        let client = try server.connect()
        _ = try client.call("hello", "3", "setname", "me")
        try client.call("select", "5")
        try client.call("client", "no-evict", "on")
        try client.call("client", "no-touch", "on")
        try client.call("client", "setinfo", "lib-name", "lib")
        try client.send("client", "reply", "off")
        #expect(try client.call("reset") == .simple("RESET"))
        let line = try #require(try client.call("client", "info").text)
        for field in [" name= ", " db=0 ", " flags=N ", " resp=2 ", " lib-name=lib "] {
            #expect(line.contains(field), "\(field) in \(line)")
        }
        #expect(try client.call("get", "k") == .null)
    }

    @Test func unknownCommandsAndSubcommands() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(
            try client.call("foo", "a", "b\r\nc")
                == .error("ERR unknown command 'foo', with args beginning with: 'a' 'b  c' "))
        #expect(try client.call("CLIENT", "nope") == .error("ERR unknown subcommand 'nope'. Try CLIENT HELP."))
        #expect(try client.call("client") == .error("ERR wrong number of arguments for 'client' command"))
        #expect(
            try client.call("client", "getname", "x")
                == .error("ERR wrong number of arguments for 'client|getname' command"))
        #expect(server.core.errorCounts.all.map(\.code) == ["ERR"])
        #expect(server.core.errorCounts.total == 4)
    }

    @Test func whatLooksLikeHTTPIsCutOff() throws {
        let server = try TestServer()
        for text in ["POST / HTTP/1.1\r\nset k v\r\n", "GET k\r\nHost: here\r\nset k v\r\n"] {
            let client = try server.connect()
            try client.send(raw: text)
            while let reply = try? client.read() { #expect(reply == .null) }
        }
        #expect(try server.connect().call("get", "k") == .null)
    }

    @Test func commandsCanBeRenamed() throws {
        let server = try TestServer(["--rename-command", "get", "fetch", "--rename-command", "set", ""])
        let client = try server.connect()
        #expect(try client.call("FETCH", "k") == .null)
        #expect(try client.call("get", "k").isError)
        #expect(try client.call("set", "k", "v").isError)
        #expect(try client.call("fetch") == .error("ERR wrong number of arguments for 'get' command"))
        #expect(throws: StartupError.self) { try TestServer(["--rename-command", "get", "set"]) }
    }

    @Test func inlineRequestsAreServed() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.send(raw: "\r\nset k \"a b\"\r\n*-10\r\nget k\r\n*0\r\nping\r\n")
        #expect(try client.read() == .ok)
        #expect(try client.read() == "a b")
        #expect(try client.read() == .simple("PONG"))
    }

    @Test(arguments: [
        ("*3000000000\r\n", "ERR Protocol error: invalid multibulk length"),
        ("*1\r\nfoo\r\n", "ERR Protocol error: expected '$', got 'f'"),
        ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", "ERR Protocol error: invalid bulk length"),
        ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", "ERR Protocol error: invalid bulk length"),
        ("set \"\"\"k\"\"\" v\r\n", "ERR Protocol error: unbalanced quotes in request"),
    ])
    func wrongBytesEndTheConnection(_ bytes: String, _ text: String) throws {
        let server = try TestServer(threads: 1)
        let client = try server.connect()
        try client.send(raw: TestClient.request(["set", "a", "b"]) + Array(bytes.utf8))
        #expect(try client.read() == .ok)
        #expect(try client.read() == .error(text))
        #expect(client.isAtEnd())
        #expect(server.core.errorCounts.total == 1)
        #expect(server.core.loops.total { $0.protocolErrors.current } == 1)
    }
}
