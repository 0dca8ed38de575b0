import Glibc
import Platform
import Server
import Testing

@Suite struct LimitTests {
    @Test func maxclients() throws {
        let server = try TestServer(["--maxclients", "2"])
        let first = try server.connect()
        let second = try server.connect()
        try first.call("ping")
        try second.call("ping")
        let third = try server.connect()
        #expect(try third.read() == .error("ERR max number of clients reached"))
        #expect(third.isAtEnd())
        #expect(server.set("maxclients", "3") == .done(["maxclients"]))
        #expect(
            eventually {
                let client = try? server.connect()
                return (try? client?.call("ping")) == .simple("PONG")
            })
        #expect(server.core.loops.total { $0.connectionsRejected.current } >= 1)
        guard case .refused(let text) = server.set("maxclients", "4000000000") else {
            Issue.record("four billion clients")
            return
        }
        #expect(String(decoding: text, as: UTF8.self).contains("not able to handle the specified number of clients"))
    }

    @Test func queryBufferLimit() throws {
        let server = try TestServer(["--client-query-buffer-limit", "1mb"])
        let client = try server.connect()
        let filler = [UInt8](repeating: 0x61, count: 2 << 20)
        try? client.send(raw: Array("*2\r\n$3\r\nget\r\n$\(4 << 20)\r\n".utf8) + filler)
        #expect(client.isAtEnd() || (try? client.read()) == nil)
        #expect(eventually { server.core.loops.total { $0.queryLimitDisconnections.current } == 1 })
    }

    @Test func outputBufferLimit() throws {
        let server = try TestServer(["--client-output-buffer-limit", "normal 1mb 0 0"])
        let client = try server.connect()
        try client.call("set", "k", String(repeating: "x", count: 100_000))
        for _ in 0..<400 { try? client.send("get", "k") }
        #expect(eventually { server.core.loops.total { $0.outputLimitDisconnections.current } == 1 })
        #expect(eventually { server.core.loops.clientCount == 0 })
        #expect(try server.connect().call("ping") == .simple("PONG"))
    }

    /// Too much output is not sent at all, even if the socket would take it.
    @Test func outputOfOneBatchCountsAsAWhole() throws {
        let server = try TestServer(["--client-output-buffer-limit", "normal 100000 0 0"])
        let client = try server.connect()
        try client.call("set", "k", String(repeating: "x", count: 10_000))
        #expect(try client.pipeline((0..<5).map { _ in "get k" }).count == 5)
        try client.send(raw: (0..<15).flatMap { _ in TestClient.request(["get", "k"]) })
        #expect(client.isAtEnd())
        #expect(server.core.loops.total { $0.outputLimitDisconnections.current } == 1)
    }

    /// A reply as long as the client wished ends where its connection does.
    @Test func drawsEndAtTheLimit() throws {
        let server = try TestServer(["--client-output-buffer-limit", "normal 100000 0 0"])
        let control = try server.connect()
        try control.call("sadd", "set", "a")
        try control.call("hset", "hash", "a", "b")
        try control.call("zadd", "sorted", "1", "a")
        let wishes = [["srandmember", "set"], ["hrandfield", "hash"], ["zrandmember", "sorted"]]
        for (closed, wish) in wishes.enumerated() {
            let client = try server.connect()
            try client.send(raw: TestClient.request(wish + ["-9000000000000000000"]))
            #expect(client.isAtEnd(), "\(wish)")
            #expect(eventually { server.core.loops.total { $0.outputLimitDisconnections.current } == closed + 1 })
            #expect(try control.call(wish + ["-3"]).elements.count == 3)
        }
        // In a transaction the replies before count too.
        let client = try server.connect()
        for words in [["multi"], ["srandmember", "set", "-10000"], ["srandmember", "set", "-999999999"]] {
            try client.call(words)
        }
        try client.send("exec")
        #expect(client.isAtEnd())
        // Where there is no limit, so many are not to be had.
        #expect(server.set("client-output-buffer-limit", "normal 0 0 0") == .done(["client-output-buffer-limit"]))
        for wish in wishes {
            #expect(try control.call(wish + ["-999999999"]) == .error("ERR value is out of range"))
        }
    }

    @Test func strangersHaveLittleOutput() throws {
        let server = try TestServer(["--requirepass", "s"])
        let client = try server.connect()
        let requests = (0..<10_000).flatMap { _ in TestClient.request(["get", "k"]) }
        for _ in 0..<1_000 where (try? client.send(raw: requests)) == nil { break }
        #expect(eventually { server.core.loops.clientCount == 0 })
        #expect(server.core.loops.total { $0.outputLimitDisconnections.current } == 1)
    }

    @Test func idleClientsAreClosed() throws {
        let server = try TestServer(["--timeout", "1"])
        let idle = try server.connect()
        try idle.call("ping")
        #expect(idle.isAtEnd())
        #expect(server.core.loops.total { $0.idleDisconnections.current } == 1)
        #expect(server.set("timeout", "0") == .done(["timeout"]))
    }

    @Test func keepAliveReachesTheSocket() throws {
        let server = try TestServer(["--tcp-keepalive", "60"])
        let client = try server.connect()
        try client.call("ping")
        let connection = try #require(server.core.loops.connections().first)
        func option(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(connection.descriptor, level, name, &value, &length)
            return value
        }
        #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        #expect(option(Int32(IPPROTO_TCP), TCP_KEEPIDLE) == 60)
        #expect(option(Int32(IPPROTO_TCP), TCP_KEEPINTVL) == 20)
    }

    @Test func unixSockets() throws {
        let path = "/tmp/firn-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
        let server = try TestServer(["--unixsocket", path, "--unixsocketperm", "700"])
        let client = try TestClient(path: path)
        let text = try #require(try client.call("client", "list").text)
        #expect(text.contains(" addr=\(path):0 laddr=\(path):0 ") && text.contains(" flags=U "))
        #expect(try client.call("client", "kill", "addr", "\(path):0", "skipme", "no") == 1)
        #expect(client.isAtEnd())
        _ = server
    }

    @Test func portAndAddressesChangeAtRunTime() throws {
        let server = try TestServer()
        let old = try server.connect()
        try old.call("ping")
        let free = try Socket.listen(host: "127.0.0.1", port: 0, backlog: 1, sharesPort: false)
        let port = Socket.localAddress(free[0]).port
        // Another's port is refused, and nothing changes.
        guard case .refused = server.set("port", "\(port)") else {
            Issue.record("the port is taken")
            return
        }
        #expect(try server.connect().call("ping") == .simple("PONG"))
        for fd in free { Socket.close(fd) }
        #expect(server.set("port", "\(port)") == .done(["port"]))
        #expect(server.port == port)
        #expect(eventually { (try? TestClient(port: port).call("ping")) == .simple("PONG") })
        #expect(try old.call("ping") == .simple("PONG"))
        guard case .refused = server.set("bind", "999.999.999.999") else {
            Issue.record("no such address")
            return
        }
        #expect(try server.connect().call("ping") == .simple("PONG"))
        #expect(server.set("bind", "127.0.0.1 127.0.0.2") == .done(["bind"]))
        #expect(
            eventually { (try? TestClient(port: port, host: "127.0.0.2").call("ping")) == .simple("PONG") })
        #expect(try server.connect().call("ping") == .simple("PONG"))
    }

    /// Needs an address of this machine that isn't loopback; without one there is nobody to refuse.
    @Test func protectedModeRefusesStrangers() throws {
        guard let address = outerAddress() else { return }
        let server = try TestServer(["--bind", "127.0.0.1", address])
        let stranger = try TestClient(port: server.port, host: address)
        #expect(try stranger.read().text?.hasPrefix("DENIED Redis is running in protected mode") == true)
        #expect(stranger.isAtEnd())
        #expect(server.set("requirepass", "s") == .done(["requirepass"]))
        #expect(
            eventually { (try? TestClient(port: server.port, host: address).call("auth", "s")) == .ok })
    }

    private func outerAddress() -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let raw = entry.pointee.ifa_addr, raw.pointee.sa_family == sa_family_t(AF_INET) else { continue }
            var room = [CChar](repeating: 0, count: 64)
            // The family says that it is an IPv4 address.
            raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                _ = inet_ntop(AF_INET, &$0.pointee.sin_addr, &room, 64)
            }
            let text = String(decoding: room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !text.hasPrefix("127.") { return text }
        }
        return nil
    }
}
