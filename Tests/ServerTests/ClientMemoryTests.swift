import Platform
import Server
import Testing

/// `maxmemory-clients`: what connections take, and who is closed when it is too much.
@Suite struct ClientMemoryTests {
    /// A request of `bytes` that never ends.
    private static func fill(_ client: TestClient, _ bytes: Int) throws {
        let filler = [UInt8](repeating: 0x61, count: bytes)
        try client.send(raw: Array("*2\r\n$3\r\nget\r\n$\(bytes)\r\n".utf8) + filler)
    }

    private static func field(_ name: String, of id: Int, _ control: TestClient) throws -> Int? {
        let line = try control.call("client", "list", "id", "\(id)").text ?? ""
        let word = line.split(separator: " ").first { $0.hasPrefix(name + "=") }
        return word.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    @Test func memoryIsCounted() throws {
        let server = try TestServer()
        let control = try server.connect()
        let client = try server.connect()
        let id = try #require(try client.call("client", "id").number)
        let before = try #require(try Self.field("tot-mem", of: id, control))
        try Self.fill(client, 1_000_000)
        #expect(try eventually { try Self.field("qbuf", of: id, control) == 1_000_000 })
        let after = try #require(try Self.field("tot-mem", of: id, control))
        #expect(after - before >= 1_000_000 && after - before < 1_100_000)
        #expect(server.core.loops.total { $0.connectionBytes.current } >= after)
        #expect(try control.call("info", "memory").text?.contains("mem_clients_normal:1") == true)
        // Prefixes of broadcasts count too.
        let tracker = try server.connect()
        let tracked = try #require(try tracker.call("client", "id").number)
        let plain = try #require(try Self.field("tot-mem", of: tracked, control))
        try tracker.call("client", "tracking", "on", "bcast", "prefix", String(repeating: "p", count: 10_000))
        #expect(try #require(try Self.field("tot-mem", of: tracked, control)) >= plain + 10_000)
        try tracker.call("client", "tracking", "off")
        // So do what transactions queue, and watches.
        try tracker.call("watch", String(repeating: "w", count: 1_000))
        try tracker.call("multi")
        try tracker.call("set", "k", String(repeating: "q", count: 1_000))
        #expect(try #require(try Self.field("tot-mem", of: tracked, control)) >= plain + 2_000)
        try tracker.call("discard")
        #expect(try Self.field("tot-mem", of: tracked, control) == plain)
    }

    @Test func theSumGoesWithTheConnections() throws {
        let server = try TestServer()
        for _ in 0..<3 {
            let client = try server.connect()
            try client.call("ping")
            try Self.fill(client, 500_000)
            #expect(eventually { server.core.loops.total { $0.connectionBytes.current } > 500_000 })
        }
        #expect(eventually { server.core.loops.total { $0.connectionBytes.current } == 0 })
    }

    @Test func aLargeRequestIsClosed() throws {
        let server = try TestServer(["--maxmemory-clients", "3000000"])
        let client = try server.connect()
        try? Self.fill(client, 3_000_000)
        #expect(client.isAtEnd())
        #expect(try server.connect().call("info", "stats").text?.contains("evicted_clients:1\r\n") == true)
    }

    /// What a client says is coming counts at once, up to a megabyte.
    @Test func aClaimTakesRoom() throws {
        let server = try TestServer(["--maxmemory-clients", "500000"])
        let small = try server.connect()
        try small.send(raw: Array("*1\r\n$400000\r\nx".utf8))
        #expect(eventually { server.core.loops.total { $0.connectionBytes.current } > 400_000 })
        let client = try server.connect()
        try client.send(raw: Array("*1\r\n$600000\r\nx".utf8))
        #expect(client.isAtEnd())
        #expect(eventually { server.core.loops.clientCount == 1 })
        // The private buffer of a request that has begun is no other case.
        try small.send(raw: [UInt8](repeating: 0x61, count: 400_001) + Array("*1\r\n$500000\r\n".utf8))
        #expect(eventually { server.core.loops.clientCount == 0 })
        // A claim of half a gigabyte takes a megabyte.
        #expect(server.set("maxmemory-clients", "1500000") == .done(["maxmemory-clients"]))
        let greedy = try server.connect()
        try greedy.send(raw: Array("*1\r\n$500000000\r\nx".utf8))
        #expect(eventually { server.core.loops.total { $0.connectionBytes.current } > 1 << 20 })
        #expect(server.core.loops.clientCount == 1)
    }

    /// A client that took too much is gone for whoever asks after it on the same loop.
    @Test func theNextToAskDoesNotFindTheClosed() throws {
        let server = try TestServer(["--maxmemory-clients", "300000"], threads: 1)
        let control = try server.connect()
        for _ in 0..<200 {
            let client = try server.connect()
            let id = try #require(try client.call("client", "id").number)
            try client.send(raw: Array("*1\r\n$300000\r\nx".utf8))
            #expect(try control.call("client", "list", "id", "\(id)").text == "")
        }
        #expect(try control.call("info", "stats").text?.contains("evicted_clients:200\r\n") == true)
    }

    @Test func unreadRepliesAreClosed() throws {
        let server = try TestServer(["--maxmemory-clients", "5mb"])
        let client = try server.connect()
        try client.call("set", "k", String(repeating: "x", count: 1_000_000))
        // More than the sockets take on the way.
        for _ in 0..<40 { try? client.send("get", "k") }
        #expect(eventually { server.core.loops.clientCount == 0 })
    }

    /// The largest first, and no more than needed; who is exempt stays.
    @Test func whoIsClosed() throws {
        let server = try TestServer()
        let control = try server.connect()
        try control.call("client", "no-evict", "on")
        let sizes = [200_000, 200_000, 1_000_000, 1_000_000, 3_000_000, 3_000_000]
        var clients: [(TestClient, Int)] = []
        for size in sizes {
            let client = try server.connect()
            let id = try #require(try client.call("client", "id").number)
            try Self.fill(client, size)
            #expect(try eventually { try Self.field("qbuf", of: id, control) == size })
            clients.append((client, id))
        }
        func alive() throws -> [Int] {
            let lines = try control.call("client", "list").text ?? ""
            return zip(sizes, clients).filter { lines.contains("id=\($0.1.1) ") }.map(\.0)
        }
        #expect(try alive() == sizes)
        try control.call("config", "set", "maxmemory-clients", "6mb")
        #expect(try alive() == [200_000, 200_000, 1_000_000, 1_000_000, 3_000_000])
        try control.call("config", "set", "maxmemory-clients", "3mb")
        #expect(try alive() == [200_000, 200_000, 1_000_000, 1_000_000])
        try control.call("config", "set", "maxmemory-clients", "1")
        #expect(try alive() == [])
        #expect(try control.call("ping") == .simple("PONG"))
        #expect(eventually { server.core.loops.clientCount == 1 })
    }

    @Test func noEvictOffMakesRoom() throws {
        let server = try TestServer(["--maxmemory-clients", "1mb"])
        let client = try server.connect()
        try client.call("client", "no-evict", "on")
        try client.call("set", "k", String(repeating: "x", count: 1_000_000))
        for _ in 0..<20 { try client.send("get", "k") }
        #expect(eventually { server.core.loops.total { $0.connectionBytes.current } > 10_000_000 })
        #expect(server.core.loops.clientCount == 1)
        try client.send("client", "no-evict", "off")
        #expect(eventually { server.core.loops.clientCount == 0 })
    }

    @Test func aShareOfMaxmemory() throws {
        let server = try TestServer(["--maxmemory", "1gb", "--maxmemory-clients", "1%"])
        let client = try server.connect()
        let id = try #require(try client.call("client", "id").number)
        let control = try server.connect()
        try Self.fill(client, 9_000_000)
        #expect(try eventually { try Self.field("qbuf", of: id, control) == 9_000_000 })
        #expect(server.set("maxmemory", "512mb") == .done(["maxmemory"]))
        #expect(client.isAtEnd())
    }

    /// The memory that a huge reply took is given back.
    @Test func aHugeReplyLeavesNothingBehind() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.call("set", "k", String(repeating: "x", count: 10_000))
        #expect(try client.call(["mget"] + [String](repeating: "k", count: 100)).elements.count == 100)
        #expect(eventually { server.core.loops.loops.allSatisfy { (1...64 << 10).contains($0.writerBytes) } })
    }

    @Test func theMemoryForRepliesIsKeptOnRequest() throws {
        let server = try TestServer(["--enable-debug-command", "yes"], threads: 1)
        let loop = server.core.loops.loops[0]
        let client = try server.connect()
        try client.call("set", "k", String(repeating: "x", count: 10_000))
        let request = ["mget"] + [String](repeating: "k", count: 15)
        #expect(try client.call("debug", "replybuffer", "resizing", "0") == .ok)
        for _ in 0..<3 {
            try client.call(request)
            #expect(eventually { loop.writerBytes > 64 << 10 })
            // Some ticks without use.
            Clock.sleep(nanoseconds: 500_000_000)
            #expect(loop.writerBytes > 64 << 10)
        }
        #expect(try client.call("debug", "replybuffer", "resizing", "1") == .ok)
        #expect(eventually { (1...64 << 10).contains(loop.writerBytes) })
        let unknown = "ERR unknown subcommand or wrong number of arguments for 'replybuffer'. Try DEBUG HELP."
        #expect(try client.call("debug", "replybuffer", "peak-reset-time", "10") == .error(unknown))
        #expect(try client.call("debug", "replybuffer", "resizing", "x") == .error(unknown))
    }
}
