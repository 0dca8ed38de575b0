import Platform
import Server
import Testing

@Suite struct MonitorTests {
    /// A line without its time and address: what was called.
    private func call(_ line: String) -> String {
        guard let end = line.firstIndex(of: "]") else { return line }
        return String(line[line.index(after: end)...].dropFirst())
    }

    private func next(_ monitor: TestClient) throws -> String { call(try monitor.readLine()) }

    @Test func form() throws {
        let server = try TestServer()
        let monitor = try server.connect()
        #expect(try monitor.call("monitor") == .ok)
        let client = try server.connect()
        try client.call("select", "9")
        try client.call("set", "k", "a\"b\\c\n\r\t\u{7}\u{8}\u{1}\u{7f}")
        let first = try monitor.readLine()
        #expect(first.hasSuffix(" [9 \(client.address)] \"select\" \"9\""))
        let time = first.dropFirst().prefix { $0 != " " }
        #expect(first.hasPrefix("+1") && time.split(separator: ".").map(\.count) == [10, 6])
        #expect(try next(monitor) == #""set" "k" "a\"b\\c\n\r\t\a\b\x01\x7f""#)
    }

    @Test func whatIsLeftOut() throws {
        let server = try TestServer(["--requirepass", "secret"])
        let monitor = try server.connect()
        try monitor.call("auth", "secret")
        try monitor.call("monitor")
        let client = try server.connect()
        #expect(try client.call("get", "k").isError)
        #expect(try client.call("auth", "wrong").isError)
        try client.call("auth", "default", "secret")
        try client.call("hello", "2", "auth", "default", "secret")
        try client.call("config", "get", "port")
        #expect(try client.call("nix").isError)
        #expect(try client.call("get").isError)
        try client.call("ping")
        #expect(try next(monitor) == #""auth" "(redacted)""#)
        #expect(try next(monitor) == #""auth" "(redacted)" "(redacted)""#)
        #expect(try next(monitor) == #""hello" "2" "auth" "(redacted)" "(redacted)""#)
        #expect(try next(monitor) == #""ping""#)
    }

    @Test func beginningAndEnd() throws {
        let server = try TestServer()
        let monitor = try server.connect()
        try monitor.call("monitor")
        let client = try server.connect()
        let line = (try client.call("client", "list").text ?? "").split(separator: "\n")
            .first { $0.contains("cmd=monitor") }
        #expect(line?.contains(" flags=O ") == true)
        // CLIENT LIST is for administrators, CLIENT ID is for all.
        #expect(try client.call("client", "id").number != nil)
        #expect(try next(monitor) == #""client" "id""#)
        // A second MONITOR has no reply.
        try monitor.send("monitor")
        #expect(try monitor.call("get", "k") == .error("ERR Replica can't interact with the keyspace"))
        #expect(try monitor.call("reset") == .simple("RESET"))
        try client.call("ping")
        #expect(try monitor.call("get", "k") == .null)
        try monitor.call("monitor")
        #expect(try monitor.call("quit") == .ok)
        #expect(monitor.isAtEnd())
        #expect(try client.call("ping") == .simple("PONG"))
        #expect(try eventually { try client.call("client", "list").text?.contains(" flags=O ") == false })
    }

    /// Calls that follow each other show in their order, on whatever loops they run and whoever looks.
    @Test func severalLoops() throws {
        let server = try TestServer(threads: 3)
        let monitors = try server.connectToAllLoops()
        for monitor in monitors { try monitor.call("monitor") }
        let clients = try server.connectToAllLoops()
        for number in 0..<300 { try clients[number % clients.count].call("set", "k", "\(number)") }
        for monitor in monitors {
            for number in 0..<300 {
                var line = try next(monitor)
                while !line.hasPrefix("\"set\"") { line = try next(monitor) }
                #expect(line == "\"set\" \"k\" \"\(number)\"")
            }
        }
    }
}
