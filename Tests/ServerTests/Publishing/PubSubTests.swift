import Frontend
import Platform
import Server
import Testing

/// Publishing and subscribing over sockets, with several loops.
@Suite struct PubSubTests {
    private func subscribed(_ channel: String, _ count: Int) -> Reply { ["subscribe", .bulk(channel), .integer(count)] }

    @Test func confirmationsAndMessages() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.send("subscribe", "a", "b", "a")
        #expect(try client.read() == subscribed("a", 1))
        #expect(try client.read() == subscribed("b", 2))
        #expect(try client.read() == subscribed("a", 2))
        #expect(try client.call("psubscribe", "p*") == ["psubscribe", "p*", 3])
        #expect(try client.call("ssubscribe", "s") == ["ssubscribe", "s", 1])
        let other = try server.connect()
        #expect(try other.call("publish", "a", "hello") == 1)
        #expect(try client.read() == ["message", "a", "hello"])
        #expect(try other.call("publish", "pp", "hello") == 1)
        #expect(try client.read() == ["pmessage", "p*", "pp", "hello"])
        #expect(try other.call("spublish", "s", "hello") == 1)
        #expect(try client.read() == ["smessage", "s", "hello"])
        #expect(try other.call("spublish", "a", "hello") == 0)
        #expect(try other.call("publish", "s", "hello") == 0)
        #expect(try client.call("unsubscribe", "b", "nix") == ["unsubscribe", "b", 2])
        #expect(try client.read() == ["unsubscribe", "nix", 2])
        #expect(try client.call("unsubscribe") == ["unsubscribe", "a", 1])
        #expect(try client.call("unsubscribe") == ["unsubscribe", .null, 1])
        #expect(try client.call("punsubscribe") == ["punsubscribe", "p*", 0])
        #expect(try client.call("sunsubscribe") == ["sunsubscribe", "s", 0])
        #expect(try client.call("get", "k") == .null)
        #expect(try other.call("publish", "a", "hello") == 0)
    }

    @Test func pushesInRESP3() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.call("hello", "3")
        #expect(try client.call("subscribe", "a") == .push(["subscribe", "a", 1]))
        #expect(try client.call("set", "k", "v") == .ok)
        #expect(try client.call("publish", "a", "self") == 1)
        #expect(try client.read() == .push(["message", "a", "self"]))
        #expect(try client.call("ping") == .simple("PONG"))
        #expect(try client.call("unsubscribe") == .push(["unsubscribe", "a", 0]))
        #expect(try client.call("unsubscribe") == .push(["unsubscribe", .null, 0]))
    }

    @Test func whatASubscriberMayDo() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.call("subscribe", "a")
        let text = "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        #expect(try client.call("get", "k") == .error("ERR Can't execute 'get': \(text)"))
        #expect(try client.call("config", "get", "port") == .error("ERR Can't execute 'config|get': \(text)"))
        #expect(try client.call("ping") == ["pong", ""])
        #expect(try client.call("ping", "x") == ["pong", "x"])
        #expect(try client.call("reset") == .simple("RESET"))
        #expect(try client.call("ping") == .simple("PONG"))
        #expect(try server.connect().call("publish", "a", "x") == 0)
        try client.call("subscribe", "a")
        #expect(try client.call("quit") == .ok)
        #expect(client.isAtEnd())
        let other = try server.connect()
        #expect(try eventually { try other.call("publish", "a", "x") == 0 })
    }

    @Test func looking() throws {
        let server = try TestServer()
        let one = try server.connect()
        let two = try server.connect()
        let other = try server.connect()
        try one.call("subscribe", "a")
        try two.call("subscribe", "a")
        try two.call("psubscribe", "x*")
        try two.call("ssubscribe", "s")
        #expect(try other.call("pubsub", "channels") == ["a"])
        #expect(try other.call("pubsub", "channels", "b*") == [])
        #expect(try other.call("pubsub", "numsub", "a", "b") == ["a", 2, "b", 0])
        #expect(try other.call("pubsub", "numpat") == 1)
        #expect(try other.call("pubsub", "shardchannels", "?") == ["s"])
        #expect(try other.call("pubsub", "shardnumsub", "s") == ["s", 1])
        let information = try other.call("info", "stats").text ?? ""
        for line in ["pubsub_channels:1", "pubsub_patterns:1", "pubsubshard_channels:1"] {
            #expect(information.contains("\(line)\r\n"))
        }
        let lines = (try other.call("client", "list", "type", "pubsub").text ?? "").split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.contains { $0.contains(" flags=P ") && $0.contains(" sub=1 psub=1 ssub=1 ") })
        #expect(try other.call("client", "kill", "type", "pubsub") == 2)
        #expect(one.isAtEnd() && two.isAtEnd())
        #expect(try eventually { try other.call("pubsub", "channels") == [] })
        #expect(try other.call("pubsub", "numpat") == 0)
    }

    @Test func pushesComeThroughReplyOff() throws {
        let server = try TestServer()
        let client = try server.connect()
        try client.call("hello", "3")
        try client.send("client", "reply", "off")
        #expect(try client.call("subscribe", "a") == .push(["subscribe", "a", 1]))
        try client.send("ping")
        #expect(try server.connect().call("publish", "a", "x") == 1)
        #expect(try client.read() == .push(["message", "a", "x"]))
        #expect(try client.call("unsubscribe", "a") == .push(["unsubscribe", "a", 0]))
        #expect(try client.call("client", "reply", "on") == .ok)
    }

    /// Everybody on every loop hears everything, in the same order for all, and everything that was counted.
    @Test func allLoops() throws {
        let server = try TestServer(threads: 3)
        let listeners = try server.connectToAllLoops() + server.connectToAllLoops()
        for listener in listeners { try listener.call("subscribe", "c") }
        let messages = 300
        let port = server.port
        let threads = (0..<3).map { publisher in
            Thread(name: "publisher-\(publisher)") { [count = listeners.count] in
                guard let client = try? TestClient(port: port) else { return }
                for number in 0..<messages {
                    let sent = try? client.call("publish", "c", "\(publisher) \(number)")
                    #expect(sent == .integer(count))
                }
            }
        }
        for thread in threads { thread.join() }
        var heard: [[String]] = []
        for listener in listeners {
            heard.append(try (0..<3 * messages).map { _ in try listener.read().elements.last?.text ?? "" })
        }
        for one in heard { #expect(one == heard[0]) }
        for publisher in 0..<3 {
            let own = heard[0].filter { $0.hasPrefix("\(publisher) ") }
            #expect(own == (0..<messages).map { "\(publisher) \($0)" })
        }
    }

    /// A PUBLISH that was answered comes before one that was sent afterwards, on whatever loops they are executed.
    @Test func causeBeforeEffect() throws {
        let server = try TestServer(threads: 3)
        let listeners = try server.connectToAllLoops()
        for listener in listeners { try listener.call("psubscribe", "*") }
        let publishers = try server.connectToAllLoops()
        for number in 0..<500 {
            try publishers[number % publishers.count].call("publish", "c\(number % 7)", "\(number)")
        }
        for listener in listeners {
            for number in 0..<500 { #expect(try listener.read().elements.last?.text == "\(number)") }
        }
    }

    @Test func aSlowSubscriberIsCutAndHoldsUpNobody() throws {
        let server = try TestServer(["--client-output-buffer-limit", "pubsub 1mb 0 0"], threads: 2)
        let slow = try server.connectToAllLoops()
        let good = try server.connectToAllLoops()
        for listener in slow + good { try listener.call("subscribe", "c") }
        let payload = String(repeating: "x", count: 64 << 10)
        let publisher = try server.connect()
        var isCut = false
        for number in 0..<600 where !isCut {
            #expect(try publisher.call("publish", "c", "\(number) \(payload)").number ?? 0 >= good.count)
            for listener in good {
                #expect(try listener.read().elements.last?.text?.hasPrefix("\(number) ") == true)
            }
            isCut = try publisher.call("pubsub", "numsub", "c") == ["c", .integer(good.count)]
        }
        #expect(isCut)
        let information = try publisher.call("info", "stats").text ?? ""
        #expect(information.contains("client_output_buffer_limit_disconnections:\(slow.count)\r\n"))
    }

    @Test func subscribersAreNeverIdle() throws {
        let server = try TestServer(["--timeout", "1"])
        let client = try server.connect()
        let idle = try server.connect()
        try client.call("subscribe", "c")
        #expect(idle.isAtEnd())
        Clock.sleep(nanoseconds: 1_500_000_000)
        #expect(try server.connect().call("publish", "c", "x") == 1)
    }
}
