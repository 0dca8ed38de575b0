import Platform
import Server
import Testing

/// The fields of one line of CLIENT LIST.
private func fields(_ line: String) -> [String: String] {
    var fields: [String: String] = [:]
    for word in line.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
    }
    return fields
}

extension TestClient {
    fileprivate func info() throws -> [String: String] { fields(try call("client", "info").text ?? "") }

    fileprivate func list(_ words: String...) throws -> [[String: String]] {
        (try call(["client", "list"] + words).text ?? "").split(separator: "\n").map { fields(String($0)) }
    }

    fileprivate func id() throws -> Int { try call("client", "id").number ?? -1 }
}

@Suite struct ClientCommandTests {
    @Test func aLineHasAllFields() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.call("client", "setinfo", "LIB-NAME", "lib(x)")
        try client.call("client", "setinfo", "lib-ver", "1.2")
        try client.call("client", "setname", "me")
        try client.call("select", "3")
        let text = try #require(try client.call("client", "list").text)
        let names = text.split(separator: " ").map { $0.split(separator: "=")[0] }
        #expect(
            names.joined(separator: " ") == """
                id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp \
                obl oll omem tot-mem events cmd user redir resp lib-name lib-ver watch
                """)
        let line = fields(text)
        let expected = [
            "id": "\(try client.id())", "addr": client.address, "laddr": "127.0.0.1:\(server.port)", "name": "me",
            "flags": "N", "db": "3", "sub": "0", "multi": "-1", "qbuf": "26",
            "argv-mem": "10", "multi-mem": "0", "obl": "0", "oll": "0", "omem": "0", "events": "r",
            "cmd": "client|list", "user": "default", "redir": "-1", "resp": "2", "lib-name": "lib(x)",
            "lib-ver": "1.2", "watch": "0",
        ]
        for (name, value) in expected { #expect(line[name] == value, "\(name)") }
        #expect((line["tot-mem"].flatMap { Int($0) } ?? 0) > 36)
        for name in ["age", "idle", "fd"] { #expect((line[name].flatMap { Int($0) } ?? -1) >= 0, "\(name)") }
    }

    @Test func inRESP3TheListIsVerbatim() throws {
        let server = try TestServer()
        let client = try server.connect()
        _ = try client.call("hello", "3")
        guard case .verbatim(let format, let text) = try client.call("client", "list") else {
            Issue.record("not verbatim")
            return
        }
        #expect(format == "txt" && fields(text)["resp"] == "3")
    }

    @Test func theListSpansAllLoops() throws {
        let server = try TestServer(threads: 3)
        let clients = try server.connectToAllLoops()
        var ids = try clients.map { try $0.id() }
        let lines = try clients[0].list()
        #expect(lines.compactMap { $0["id"].flatMap { Int($0) } } == ids.sorted())
        #expect(try clients[0].list("type", "normal").count == ids.count)
        #expect(try clients[0].list("type", "replica").isEmpty)
        #expect(try clients[0].list("type", "pubsub").isEmpty)
        #expect(
            try clients[0].call("client", "list", "type", "x") == .error("ERR Unknown client type 'x'"))
        ids.reverse()
        let some = try clients[0].list("id", "\(ids[0])", "999999", "\(ids[1])")
        #expect(some.compactMap { $0["id"] } == ["\(ids[0])", "\(ids[1])"])
        #expect(try clients[0].call("client", "list", "id", "x") == .error("ERR Invalid client ID"))
        #expect(try clients[0].call("client", "list", "id") == .error("ERR syntax error"))
    }

    @Test func names() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.call("client", "getname") == .null)
        #expect(try client.call("client", "setname", "a") == .ok)
        #expect(try client.call("client", "getname") == "a")
        #expect(
            try client.call("client", "setname", "a b")
                == .error("ERR Client names cannot contain spaces, newlines or special characters."))
        #expect(try client.call("client", "setname", "") == .ok)
        #expect(try client.call("client", "getname") == .null)
        #expect(
            try client.call("client", "setinfo", "lib-ver", "1\n2")
                == .error("ERR lib-ver cannot contain spaces, newlines or special characters."))
        #expect(try client.call("client", "setinfo", "x", "y") == .error("ERR Unrecognized option 'x'"))
        #expect(try client.call("client", "getredir") == -1)
        #expect(try client.call("client", "unblock", "1", "error") == 0)
    }

    @Test func killingOthers() throws {
        let server = try TestServer(threads: 2)
        let clients = try server.connectToAllLoops()
        let killer = clients[0]
        let victim = clients[clients.count - 1]
        #expect(try killer.call("client", "kill", victim.address) == .ok)
        #expect(victim.isAtEnd())
        #expect(try killer.call("client", "kill", victim.address) == .error("ERR No such client"))
        // Once killed it is gone for everyone, even before its loop (for one of them the killer's) has come to it.
        let more = try server.connectToAllLoops() + server.connectToAllLoops()
        for other in more {
            let kill = "client kill id \(try other.id())"
            #expect(try killer.pipeline([kill, kill]) == [1, 0])
            #expect(other.isAtEnd())
        }
        #expect(eventually { server.core.loops.clientCount == clients.count - 1 })
    }

    @Test func killingByOptions() throws {
        let server = try TestServer()
        let killer = try server.connect()
        let victims = try (0..<3).map { _ in try server.connect() }
        for victim in victims { try victim.call("ping") }
        let me = try killer.id()
        #expect(try killer.call("client", "kill", "maxage", "1000") == 0)
        #expect(try killer.call("client", "kill", "type", "pubsub", "skipme", "no") == 0)
        #expect(try killer.call("client", "kill", "id", "\(me)") == 0)
        #expect(try killer.call("client", "kill", "laddr", "127.0.0.1:\(server.port)", "user", "default") == 3)
        for victim in victims { #expect(victim.isAtEnd()) }
        let greaterThanZero = Reply.error("ERR client-id should be greater than 0")
        #expect(try killer.call("client", "kill", "id", "x") == greaterThanZero)
        #expect(try killer.call("client", "kill", "id", "0") == greaterThanZero)
        #expect(try killer.call("client", "kill", "id", "1", "x") == .error("ERR syntax error"))
        #expect(try killer.call("client", "kill", "skipme", "maybe") == .error("ERR syntax error"))
        #expect(try killer.call("client", "kill", "user", "x") == .error("ERR No such user 'x'"))
        #expect(try killer.call("client", "kill", "type", "x") == .error("ERR Unknown client type 'x'"))
        #expect(try killer.call("client", "kill", "maxage", "0") == .error("ERR maxage should be greater than 0"))
        // Oneself: the reply first, and nothing of what comes behind.
        try killer.send(
            raw: TestClient.request(["client", "kill", "id", "\(me)", "skipme", "no"])
                + TestClient.request(["set", "k", "v"]))
        #expect(try killer.read() == 1)
        #expect(killer.isAtEnd())
        let last = try server.connect()
        #expect(try last.call("get", "k") == .null)
        #expect(try last.call("client", "kill", last.address) == .ok)
        #expect(last.isAtEnd())
    }

    @Test func repliesOff() throws {
        let server = try TestServer()
        let client = try server.connect()
        for request in [["client", "reply", "off"], ["ping", "1"], ["nosuch"], ["get"], ["client", "reply", "skip"]] {
            try client.send(raw: TestClient.request(request))
        }
        #expect(try client.call("client", "reply", "on") == .ok)
        #expect(try client.call("ping", "2") == "2")
        #expect(try client.call("client", "reply", "x") == .error("ERR syntax error"))
    }

    @Test func repliesSkipped() throws {
        let server = try TestServer()
        let client = try server.connect()
        for request in [["client", "reply", "skip"], ["ping", "1"], ["ping", "2"]] {
            try client.send(raw: TestClient.request(request))
        }
        #expect(try client.read() == "2")
        for request in [["client", "reply", "skip"], ["nosuch"], ["ping", "3"]] {
            try client.send(raw: TestClient.request(request))
        }
        #expect(try client.read() == "3")
        try client.send("client", "reply", "skip")
        #expect(try client.call("client", "reply", "on") == .ok)
        #expect(try client.call("ping") == .simple("PONG"))
    }

    @Test func aNoTouchClientLeavesNoTraces() throws {
        let server = try TestServer(["--maxmemory-policy", "allkeys-lfu"])
        let client = try server.connect()
        try client.call("set", "k", "v")
        let before = try client.call("object", "freq", "k")
        // In the same batch as the switch.
        _ = try client.pipeline(["client no-touch on"] + (0..<200).map { _ in "get k" })
        #expect(try client.info()["flags"] == "T")
        #expect(try client.call("object", "freq", "k") == before)
        _ = try client.pipeline(["client no-touch off"] + (0..<200).map { _ in "get k" })
        #expect(try client.call("object", "freq", "k").number ?? 0 > before.number ?? 255)
    }

    @Test func noEvictShows() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.call("client", "no-evict", "on") == .ok)
        #expect(try client.info()["flags"] == "e")
        #expect(try client.call("client", "no-evict", "off") == .ok)
        #expect(try client.info()["flags"] == "N")
        #expect(try client.call("client", "no-evict", "x") == .error("ERR syntax error"))
    }

    @Test func helpIsAList() throws {
        let server = try TestServer()
        let client = try server.connect()
        let lines = try client.call("client", "help").elements
        #expect(lines.first?.text == "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        #expect(lines.contains { $0.text?.hasPrefix("TRACKING") == true })
    }
}

@Suite struct PauseTests {
    @Test func writesWaitAndReadsDoNot() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let (boss, writer) = (clients[0], clients[clients.count - 1])
        #expect(try boss.call("client", "pause", "100000", "write") == .ok)
        try writer.send(raw: TestClient.request(["get", "k"]) + TestClient.request(["set", "k", "v"]))
        #expect(try writer.read() == .null)
        #expect(try eventually { try boss.list("id", "\(server.id(of: writer))").first?["flags"] == "b" })
        let line = try boss.list("id", "\(server.id(of: writer))")[0]
        #expect(line["events"] == "" && line["cmd"] == "set" && line["argv-mem"] == "5")
        #expect(server.core.pause.waitingCount == 1)
        #expect(try boss.call("get", "k") == .null)
        #expect(writer.isSilent())
        #expect(try boss.call("client", "unpause") == .ok)
        #expect(try writer.read() == .ok)
        #expect(server.core.pause.waitingCount == 0)
        #expect(try boss.call("get", "k") == "v")
    }

    @Test func allWaitForTheEnd() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        #expect(try clients[0].call("client", "pause", "400") == .ok)
        for client in clients { try client.send("ping") }
        #expect(clients[0].isSilent())
        for client in clients { #expect(try client.read() == .simple("PONG")) }
    }

    @Test func aShorterPauseDoesNotShortenALongerOne() throws {
        let server = try TestServer()
        let boss = try server.connect()
        #expect(try boss.call("client", "pause", "100000", "write") == .ok)
        #expect(try boss.call("client", "pause", "1", "write") == .ok)
        let writer = try server.connect()
        try writer.send("set", "k", "v")
        #expect(writer.isSilent(milliseconds: 300))
        // A client that goes while it waits is forgotten, and its command with it.
        writer.finishSending()
        #expect(writer.isAtEnd())
        #expect(try boss.call("client", "unpause") == .ok)
        #expect(try boss.call("get", "k") == .null)
    }

    @Test func aClientThatSendsAndLeavesIsForgotten() throws {
        let server = try TestServer()
        let boss = try server.connect()
        #expect(try boss.call("client", "pause", "100000", "write") == .ok)
        for _ in 0..<20 {
            let writer = try server.connect()
            try writer.send("set", "k", "v")
            writer.finishSending()
            #expect(writer.isAtEnd())
        }
        #expect(eventually { server.core.pause.waitingCount == 0 })
        #expect(server.core.loops.clientCount == 1)
    }

    @Test func nothingExpiresDuringAPause() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.pipeline(["set k v px 20", "client pause 100000 write"]) == [.ok, .ok])
        Clock.sleep(nanoseconds: 300_000_000)
        #expect(try client.call("get", "k") == .null)
        #expect(try client.call("exists", "k") == 0)
        #expect(server.core.store.counts(database: 0).keys == 1)
        #expect(try client.call("client", "unpause") == .ok)
        #expect(try client.call("get", "k") == .null)
        #expect(server.core.store.counts(database: 0).keys == 0)
    }

    @Test func wrongArguments() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(
            try client.call("client", "pause", "x") == .error("ERR timeout is not an integer or out of range"))
        #expect(try client.call("client", "pause", "-1") == .error("ERR timeout is negative"))
        #expect(try client.call("client", "pause", "\(Int64.max)") == .error("ERR timeout is out of range"))
        #expect(try client.call("client", "pause", "1", "x") == .error("ERR CLIENT PAUSE mode must be WRITE or ALL"))
        #expect(try client.call("client", "pause", "0") == .ok)
        #expect(try client.call("ping") == .simple("PONG"))
    }
}

@Suite struct ParkedCallTests {
    /// One cold key, and reads from flash that don't end.
    private func coldServer() throws -> TestServer {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        #expect(try client.call("set", "cold", "value") == .ok)
        try server.makeCold()
        server.provider?.holdReads()
        return server
    }

    @Test func aCallThatWaitsForFlashShows() throws {
        let server = try coldServer()
        let clients = try server.connectToAllLoops()
        let (reader, other) = (clients[0], clients[clients.count - 1])
        try reader.send("get", "cold")
        #expect(server.provider?.waitUntilHeld(1, at: .beforeRead) == true)
        let id = "\(server.id(of: reader))"
        #expect(try eventually { try other.list("id", id).first?["flags"] == "f" })
        let line = try other.list("id", id)[0]
        #expect(line["events"] == "" && line["cmd"] == "get" && line["argv-mem"] == "7" && line["qbuf"] == "23")
        server.provider?.releaseReads()
        #expect(try reader.read() == "value")
        #expect(try other.list("id", id).first?["flags"] == "N")
        #expect(server.core.parkedCalls.load(ordering: .relaxed) == 0)
    }

    @Test func aKilledClientGivesUpItsCall() throws {
        let server = try coldServer()
        let reader = try server.connect()
        let other = try server.connect()
        try reader.send("get", "cold")
        #expect(server.provider?.waitUntilHeld(1, at: .beforeRead) == true)
        #expect(try eventually { try other.list("id", "\(server.id(of: reader))").first?["flags"] == "f" })
        #expect(try other.call("client", "kill", reader.address) == .ok)
        #expect(reader.isAtEnd())
        #expect(eventually { server.core.parkedCalls.load(ordering: .relaxed) == 0 })
        server.provider?.releaseReads()
        #expect(try other.call("get", "cold") == "value")
    }

    @Test func aClientThatOnlyStopsSendingGetsItsReplies() throws {
        let server = try coldServer()
        let reader = try server.connect()
        try reader.send(raw: TestClient.request(["get", "cold"]) + TestClient.request(["ping"]))
        #expect(server.provider?.waitUntilHeld(1, at: .beforeRead) == true)
        reader.finishSending()
        server.provider?.releaseReads()
        #expect(try reader.read() == "value")
        #expect(try reader.read() == .simple("PONG"))
        #expect(reader.isAtEnd())
    }
}

extension TestServer {
    /// The identifier of a client's connection, found from outside.
    fileprivate func id(of client: TestClient) -> Int {
        core.loops.connections().first { "\($0.peerAddress)" == client.address }?.id ?? -1
    }
}
