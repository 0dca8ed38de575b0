import Bytes
import Frontend
import Glibc
import Platform
import RESP
import Synchronization
import Testing

@Suite(.serialized) struct FrontendTests {
    @Test func answersPipelinesOfThousands() throws {
        let server = try EchoServer()
        let clients = try (0..<8).map { _ in try server.connect() }
        for (index, client) in clients.enumerated() {
            client.send((0..<3_000).map { "ECHO c\(index)n\($0)\r\n" }.joined())
        }
        for (index, client) in clients.enumerated() {
            let expected = (0..<3_000).map { "$\("c\(index)n\($0)".utf8.count)\r\nc\(index)n\($0)\r\n" }.joined()
            let isSame = client.text(expected.utf8.count) == expected
            #expect(isSame)
        }
        #expect(server.group.total { $0.requests.current } == 24_000)
        #expect(server.group.loops.allSatisfy { $0.statistics.currentClients == 4 })
    }

    @Test func parkedRequestsKeepTheirOrder() throws {
        let server = try EchoServer()
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        var state = seed
        let clients = try (0..<6).map { _ in try server.connect() }
        var expected = Array(repeating: "", count: clients.count)
        for (index, client) in clients.enumerated() {
            var bytes = ""
            for n in 0..<400 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                if state >> 60 == 0 {
                    bytes += "NAP \((state >> 40) % 300)\r\n"
                    expected[index] += "$6\r\nrested\r\n"
                } else {
                    bytes += "*2\r\n$4\r\nECHO\r\n$\("\(n)".utf8.count)\r\n\(n)\r\n"
                    expected[index] += "$\("\(n)".utf8.count)\r\n\(n)\r\n"
                }
            }
            client.send(bytes)
        }
        for (index, client) in clients.enumerated() {
            let isSame = client.text(expected[index].utf8.count) == expected[index]
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func repliesBeforeAParkedRequestLeaveAtOnce() throws {
        let server = try EchoServer(threads: 1)
        let stuck = try server.connect()
        let other = try server.connect()
        #expect(stuck.ask("PING\r\nPING\r\nSTUCK\r\nPING\r\n", "+PONG\r\n+PONG\r\n"))
        #expect(other.ask("PING\r\n", "+PONG\r\n"))
        // A resume of a connection that isn't parked, and one too many of one that is, change nothing.
        for connection in server.group.connections() {
            for _ in 0..<3 { server.group.loops[0].resume(connection) }
        }
        #expect(other.ask("PING\r\n", "+PONG\r\n"))
        #expect(server.group.connections().count { $0.queryBufferBytes.current > 0 } == 1)
    }

    @Test(arguments: [false, true]) func halfClosedPeersOfParkedCalls(closes: Bool) throws {
        let server = try EchoServer(threads: 1, closesHalfClosed: closes)
        let client = try server.connect()
        client.send("PING\r\nNAP 50000\r\nPING\r\n")
        #expect(client.text(7) == "+PONG\r\n")
        Socket.finishSending(client.descriptor)
        #expect(client.rest() == (closes ? "" : "$6\r\nrested\r\n+PONG\r\n"))
        let hasClosed = server.eventually { server.service.closedCount.load(ordering: .relaxed) == 1 }
        #expect(hasClosed)
    }

    /// The end is reported once, and may be while there is more to read than one read takes, or before the request
    /// that waits has its turn: it is not forgotten.
    @Test func whoLeavesWithInputUnreadIsClosed() throws {
        let path = "/tmp/firn-frontend-\(getpid()).sock"
        let server = try EchoServer(threads: 1, unixPath: path)
        do {
            let client = Client(try Socket.connect(path: path))
            var room: Int32 = 1 << 20
            setsockopt(client.descriptor, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
            client.send("*2\r\n$4\r\nSIZE\r\n$280000\r\nx")
            #expect(server.eventually { server.group.total { $0.connectionBytes.current } > 200_000 })
            let isReleased = Atomic<Bool>(false)
            server.group.loops[0].post { while !isReleased.load(ordering: .relaxed) { sched_yield() } }
            // What is left after one direct read (256 KiB) is few enough to be read as any small request is.
            client.send([UInt8](repeating: 0x78, count: 270_000))
            Socket.finishSending(client.descriptor)
            isReleased.store(true, ordering: .relaxed)
            #expect(server.eventually { server.service.closedCount.load(ordering: .relaxed) == 1 })
        }
        do {
            let client = try server.connect()
            client.send("NAP 100000\r\n")
            #expect(server.eventually { server.group.total { $0.parks.current } == 1 })
            client.send("PING\r\n")
            Socket.finishSending(client.descriptor)
            #expect(client.rest() == "$6\r\nrested\r\n+PONG\r\n")
            #expect(server.eventually { server.service.closedCount.load(ordering: .relaxed) == 2 })
        }
    }

    @Test func halfClosedPeersGetTheirReplies() throws {
        let server = try EchoServer(threads: 1)
        let client = try server.connect()
        client.send("BIG 3000000\r\nPING\r\n")
        Socket.finishSending(client.descriptor)
        Clock.sleep(nanoseconds: 20_000_000)
        let all = client.receive(4_000_000)
        #expect(all.count == 10 + 3_000_000 + 2 + 7)
        #expect(all.suffix(7) == Array("+PONG\r\n".utf8)[...])
    }

    @Test func slowSendersAndProtocolErrors() throws {
        let server = try EchoServer(threads: 1)
        let client = try server.connect()
        for byte in Array("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPING\r\n".utf8) {
            client.send([byte])
            Clock.sleep(nanoseconds: 200_000)
        }
        #expect(client.text(18) == "$5\r\nhello\r\n+PONG\r\n")
        client.send("PING\r\n*1\r\nfoo\r\nPING\r\n")
        #expect(client.rest() == "+PONG\r\n-ERR Protocol error: expected '$', got 'f'\r\n")
        #expect(server.service.errors.load(ordering: .relaxed) == 1)
        let quitter = try server.connect()
        quitter.send("PING\r\nQUIT\r\nPING\r\n")
        #expect(quitter.rest() == "+PONG\r\n+OK\r\n")
    }

    @Test func bulksOf64MiBBothWays() throws {
        let server = try EchoServer(threads: 1)
        let client = try server.connect()
        let other = try server.connect()
        let size = 64 << 20
        let writer = Thread(name: "sender") {
            client.send("*2\r\n$4\r\nSIZE\r\n$\(size)\r\n")
            client.send([UInt8](repeating: 0x61, count: size))
            client.send("\r\nBIG \(size)\r\nPING\r\n")
        }
        for _ in 0..<20 { #expect(other.ask("PING\r\n", "+PONG\r\n")) }
        #expect(client.text(11) == ":67108864\r\n")
        let reply = client.receive(11 + size + 2 + 7)
        writer.join()
        #expect(reply.count == 11 + size + 2 + 7)
        #expect(reply.suffix(9) == Array("\r\n+PONG\r\n".utf8)[...])
    }

    @Test func whoNeverReadsIsClosedAtTheLimitOnly() throws {
        let server = try EchoServer(threads: 1) {
            let limit = OutputLimit(hardBytes: 32 << 20, softBytes: 0, softSeconds: 0)
            $0.outputLimits[OutputClass.normal.rawValue] = limit
        }
        let greedy = try server.connect()
        let other = try server.connect()
        greedy.send("BIG 20000000\r\n")
        #expect(other.ask("PING\r\n", "+PONG\r\n"))
        let waits = server.eventually { server.group.connections().contains { $0.outputBytes.current > 10_000_000 } }
        #expect(waits)
        #expect(server.group.clientCount == 2)
        greedy.send("BIG 20000000\r\n")
        let hasClosed = server.eventually { server.group.clientCount == 1 }
        #expect(hasClosed)
        #expect(server.group.loops[0].statistics.outputLimitDisconnections.current == 1)
        #expect(other.ask("PING\r\n", "+PONG\r\n"))
    }

    @Test func queryLimitClosesWhoSendsWithoutEnd() throws {
        let server = try EchoServer(threads: 1) { $0.queryBufferLimitBytes = 1 << 20 }
        let client = try server.connect()
        client.send("*3\r\n$3\r\nSET\r\n$9000000\r\n")
        client.send([UInt8](repeating: 0x61, count: 4 << 20))
        #expect(client.rest() == "")
        #expect(server.group.loops[0].statistics.queryLimitDisconnections.current == 1)
    }

    @Test func thousandIdleConnectionsCostNoQueryBuffers() throws {
        let server = try EchoServer()
        let idle = try (0..<1_000).map { _ in try server.connect() }
        #expect(idle[999].ask("PING\r\n", "+PONG\r\n"))
        #expect(idle[0].ask("PING\r\n", "+PONG\r\n"))
        let all = server.eventually { server.group.connections().count == 1_000 }
        #expect(all)
        let buffers = server.group.connections().map { $0.queryBufferBytes.current + $0.queryBufferFreeBytes.current }
        #expect(buffers.reduce(0, +) == 0)
        #expect(Set(server.group.connections().map(\.id)).count == 1_000)
    }

    @Test func refusesMoreThanMaximumClients() throws {
        let server = try EchoServer { $0.maximumClients = 3 }
        let clients = try (0..<3).map { _ in try server.connect() }
        for client in clients { #expect(client.ask("PING\r\n", "+PONG\r\n")) }
        #expect(try server.connect().rest() == "-ERR max number of clients reached\r\n")
        server.group.update { $0.maximumClients = 4 }
        Clock.sleep(nanoseconds: 50_000_000)
        #expect(try server.connect().ask("PING\r\n", "+PONG\r\n"))
    }

    @Test func fillsOneLoopBeforeTheNext() throws {
        let server = try EchoServer { $0.minimumClientsPerThread = 5 }
        let clients = try (0..<7).map { _ in
            let client = try server.connect()
            #expect(client.ask("PING\r\n", "+PONG\r\n"))
            return client
        }
        #expect(clients.count == 7)
        #expect(server.group.loops.map(\.statistics.currentClients) == [5, 2])
    }

    @Test func servesUnixSockets() throws {
        let path = "/tmp/firn-frontend-test-\(getpid()).sock"
        var server: EchoServer? = try EchoServer(unixPath: path)
        let client = Client(try Socket.connect(path: path))
        #expect(client.ask("PING\r\n", "+PONG\r\n"))
        #expect(server?.group.connections().first?.localAddress.description == "\(path):0")
        server = nil
        #expect(client.rest() == "")
        #expect(!FileSystem.exists(path))
    }

    @Test func closesIdleClientsButNotParkedOnes() throws {
        let server = try EchoServer(threads: 1) { $0.idleTimeoutSeconds = 1 }
        let idle = try server.connect()
        let parked = try server.connect()
        #expect(parked.ask("PING\r\nSTUCK\r\n", "+PONG\r\n"))
        #expect(idle.ask("PING\r\n", "+PONG\r\n"))
        #expect(idle.rest() == "")
        #expect(server.group.clientCount == 1)
    }

    @Test func killsFromAnotherThread() throws {
        let server = try EchoServer()
        let clients = try (0..<20).map { _ in try server.connect() }
        for client in clients { client.send("STUCK\r\n") }
        let all = server.eventually {
            server.group.connections().count(where: { $0.queryBufferBytes.current > 0 }) == 20
        }
        #expect(all)
        for connection in server.group.connections() {
            connection.requestClose()
            connection.loop.resume(connection)
        }
        for client in clients { #expect(client.rest() == "") }
        #expect(server.group.clientCount == 0)
        #expect(server.service.closedCount.load(ordering: .relaxed) == 20)
    }

    @Test func pushesFromTheLoop() throws {
        let server = try EchoServer(threads: 1)
        let client = try server.connect()
        #expect(client.ask("PING\r\n", "+PONG\r\n"))
        let connection = try #require(server.group.connections().first)
        let large = SharedBytes(copying: ByteSlice("+shared\r\n"))
        connection.loop.post {
            connection.enqueueOutput { $0.push(1) }
            connection.enqueueOutput(large)
        }
        #expect(client.text(13) == "*1\r\n+shared\r\n")
        connection.requestClose()
        #expect(client.rest() == "")
        connection.loop.post { connection.enqueueOutput(large) }
        connection.loop.resume(connection)
    }

    @Test func connectionsComeAndGo() throws {
        let server = try EchoServer()
        for round in 0..<40 {
            let clients = try (0..<30).map { _ in try server.connect() }
            for (index, client) in clients.enumerated() {
                client.send(index % 3 == 0 ? "PING\r\nNAP 100\r\n" : "PING\r\n")
                if index % 2 == round % 2 { #expect(client.text(7) == "+PONG\r\n") }
            }
        }
        let gone = server.eventually { server.group.clientCount == 0 }
        #expect(gone)
        let opened = server.service.openedCount.load(ordering: .relaxed)
        #expect(opened == server.service.closedCount.load(ordering: .relaxed))
        #expect(server.group.loops.allSatisfy { $0.connections().isEmpty })
    }

    @Test func aPortInUseIsAnError() throws {
        let server = try EchoServer()
        var configuration = FrontendConfiguration()
        configuration.addresses = ["127.0.0.1"]
        configuration.port = server.group.port
        #expect(throws: SystemError.self) {
            _ = try LoopGroup(configuration, settings: FrontendSettings(), service: server.service)
        }
        configuration.addresses = ["-192.0.2.1", "127.0.0.1"]
        configuration.port = 0
        let group = try LoopGroup(configuration, settings: FrontendSettings(), service: server.service)
        #expect(group.port > 0)
        group.start()
        group.stop()
    }
}
