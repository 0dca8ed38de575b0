import Platform
import Server
import Testing

/// Keyspace notifications as clients get them. What each command tells is in the transcript `events`.
@Suite struct NotificationTests {
    @Test func classesAndChannels() throws {
        let server = try TestServer()
        let client = try server.connect()
        let listener = try server.connect()
        try listener.call("psubscribe", "*")
        try client.call("set", "k", "v")
        try client.call("config", "set", "notify-keyspace-events", "KA")
        try client.call("set", "k", "v")
        #expect(try listener.read() == ["pmessage", "*", "__keyspace@0__:k", "set"])
        try client.call("config", "set", "notify-keyspace-events", "Eg$")
        try client.call("select", "3")
        try client.call("setex", "k", "100", "v")
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@3__:set", "k"])
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@3__:expire", "k"])
        try client.call("rpush", "l", "v")
        try client.call("config", "set", "notify-keyspace-events", "l")
        try client.call("rpush", "l", "v")
        try client.call("config", "set", "notify-keyspace-events", "KEl")
        try client.call("rpush", "l", "v")
        #expect(try listener.read() == ["pmessage", "*", "__keyspace@3__:l", "rpush"])
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@3__:rpush", "l"])
        #expect(listener.isSilent())
    }

    /// The events of a key come in the order of its changes, whoever made them and wherever.
    @Test func orderOfChanges() throws {
        let server = try TestServer(["--notify-keyspace-events", "Kl"], threads: 3)
        let listeners = try server.connectToAllLoops()
        for listener in listeners { try listener.call("subscribe", "__keyspace@0__:list") }
        let port = server.port
        let rounds = 300
        // A push to an empty list, a pop of the last element: between them the key comes and goes.
        let threads = (0..<3).map { number in
            Thread(name: "pusher-\(number)") {
                guard let client = try? TestClient(port: port) else { return }
                for _ in 0..<rounds { _ = try? client.call(number == 0 ? "lpop" : "rpushx", "list", "1") }
                for _ in 0..<rounds { _ = try? client.call(number == 0 ? "lpop" : "rpush", "list", "1") }
            }
        }
        for thread in threads { thread.join() }
        let end = try server.connect()
        try end.call("ltrim", "list", "0", "-1")
        let left = try end.call("llen", "list").number ?? -1
        if left == 0 { try end.call("rpush", "list", "1") }
        try end.call("ltrim", "list", "0", "-1")
        var heard: [[String]] = []
        for listener in listeners {
            var events: [String] = []
            while events.last != "ltrim" { events.append(try listener.read().elements.last?.text ?? "") }
            heard.append(events)
        }
        for events in heard {
            #expect(events == heard[0])
            var count = 0
            for event in events {
                if event == "rpush" { count += 1 }
                if event == "lpop" { count -= 1 }
                #expect(count >= 0)
            }
            #expect(count == (left == 0 ? 0 : left))
        }
    }

    @Test func expiredAndEvicted() throws {
        let server = try TestServer(["--notify-keyspace-events", "Exe"])
        let listener = try server.connect()
        try listener.call("psubscribe", "*")
        let client = try server.connect()
        // By the hand that looks for what is past due, without a look-up.
        try client.call("set", "k", "v", "px", "20")
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@0__:expired", "k"])
        try client.call("set", "old", String(repeating: "x", count: 100))
        try client.call("config", "set", "maxmemory-policy", "allkeys-lru")
        try client.call("config", "set", "maxmemory", "1")
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@0__:evicted", "old"])
    }

    /// Whether a key is new is known even if it was only on flash.
    @Test func newKeysWithATier() throws {
        let server = try TestServer(["--notify-keyspace-events", "En$x"], isTiered: true)
        let client = try server.connect()
        for number in 0..<20 { try client.call("set", "k\(number)", "v", "px", number < 10 ? "100000" : "300") }
        try server.makeCold()
        let listener = try server.connect()
        try listener.call("psubscribe", "*")
        for number in 0..<5 { try client.call("set", "k\(number)", "w") }
        try client.call("mset", "k5", "w", "fresh", "w")
        for number in 0..<6 {
            #expect(try listener.read() == ["pmessage", "*", "__keyevent@0__:set", .bulk("k\(number)")])
        }
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@0__:new", "fresh"])
        #expect(try listener.read() == ["pmessage", "*", "__keyevent@0__:set", "fresh"])
        // Cold keys that are past due, in any order.
        let expired = try (10..<20).map { _ in try listener.read().elements.last?.text ?? "" }
        #expect(expired.sorted() == (10..<20).map { "k\($0)" })
    }
}
