import Bytes
import Platform
import PubSub
import Synchronization
import Testing

/// A connection that writes down what it gets.
final class Listener: Subscriber {
    let version: Int
    private(set) var heard: [String] = []

    init(loop: Int, version: Int = 2) {
        self.version = version
        super.init(loop: loop)
    }

    override func receive(_ posting: Posting) {
        var text: [UInt8] = []
        posting.forEachPart(version: version) { text += $0.slice[$1].array }
        heard.append(String(decoding: text, as: UTF8.self))
    }

    /// The last bulk string of each message, in short what was published.
    var payloads: [String] { heard.map { $0.split(separator: "\r\n").last.map(String.init) ?? "" } }

    func clear() { heard = [] }
    func note(_ text: String) { heard.append(text) }
}

extension SubscriptionRegistry {
    @discardableResult
    func join(_ listener: Subscriber, _ name: String, _ kind: SubscriptionKind = .channel) -> Bool {
        name.withSlice { subscribe(listener, kind, $0) }
    }

    @discardableResult
    func quit(
        _ listener: Subscriber, _ name: String, _ kind: SubscriptionKind = .channel, drains: Bool = true
    ) -> Bool {
        name.withSlice { unsubscribe(listener, kind, $0, drains: drains) }
    }

    func say(_ channel: String, _ payload: String) -> Int {
        channel.withSlice { channel in payload.withSlice { publish(channel, $0) } }
    }

    func say(shard channel: String, _ payload: String) -> Int {
        channel.withSlice { channel in payload.withSlice { publish(shard: channel, $0) } }
    }
}

@Suite struct RegistryTests {
    @Test func formsOfAMessage() {
        let registry = SubscriptionRegistry(loops: 1)
        let old = Listener(loop: 0)
        let new = Listener(loop: 0, version: 3)
        for listener in [old, new] {
            registry.join(listener, "ch")
            registry.join(listener, "c*", .pattern)
            registry.join(listener, "ch", .shardChannel)
        }
        #expect(registry.say("ch", "hi") == 4)
        #expect(registry.say(shard: "ch", "") == 2)
        registry.drain(0)
        let bodies = [
            "3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n",
            "4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\nch\r\n$2\r\nhi\r\n",
            "3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$0\r\n\r\n",
        ]
        #expect(old.heard == bodies.map { "*" + $0 })
        #expect(new.heard == bodies.map { ">" + $0 })
    }

    /// Payloads around the size from which they are shared, and of any bytes.
    @Test(arguments: [0, 1, 990, 1000, 1024, 5000, 200_000])
    func sizes(_ count: Int) {
        let registry = SubscriptionRegistry(loops: 2)
        let listeners = [Listener(loop: 0), Listener(loop: 1, version: 3)]
        for listener in listeners {
            registry.join(listener, "")
            registry.join(listener, "", .pattern)
        }
        let payload = String(repeating: "x", count: count)
        #expect(registry.say("", payload) == 4)
        for (loop, listener) in listeners.enumerated() {
            registry.drain(loop)
            let head = loop == 0 ? "*" : ">"
            let tail = "$0\r\n\r\n$\(count)\r\n\(payload)\r\n"
            #expect(
                listener.heard == [
                    "\(head)3\r\n$7\r\nmessage\r\n\(tail)", "\(head)4\r\n$8\r\npmessage\r\n$0\r\n\r\n\(tail)",
                ])
        }
    }

    @Test func whoSubscribesLaterHearsNothingOfBefore() {
        let registry = SubscriptionRegistry(loops: 1)
        let first = Listener(loop: 0)
        let second = Listener(loop: 0)
        registry.join(first, "c")
        #expect(registry.say("c", "1") == 1)
        registry.join(second, "c")
        #expect(registry.say("c", "2") == 2)
        registry.quit(first, "c")
        #expect(first.payloads == ["1", "2"])
        #expect(registry.say("c", "3") == 1)
        registry.join(first, "c")
        registry.drain(0)
        #expect(first.payloads == ["1", "2"])
        #expect(second.payloads == ["2", "3"])
    }

    @Test func aConnectionThatIsGoneGetsNothing() {
        let registry = SubscriptionRegistry(loops: 1)
        let listener = Listener(loop: 0)
        for kind in SubscriptionKind.allCases { registry.join(listener, kind == .monitor ? "" : "c", kind) }
        #expect(registry.say("c", "1") == 2)
        registry.leave(listener, drains: false)
        registry.drain(0)
        #expect(listener.heard.isEmpty)
        for kind in SubscriptionKind.allCases { #expect(registry.topicCount(kind) == 0) }
        #expect(registry.isQuiet)
    }

    @Test func theLoopIsWokenOnceForManyMessages() {
        let registry = SubscriptionRegistry(loops: 2)
        let wakes = Monitor<[Int]>([])
        registry.wake = { loop in wakes.withLock { $0.append(loop) } }
        let listener = Listener(loop: 1)
        registry.join(listener, "c")
        registry.join(listener, "*", .pattern)
        for number in 0..<10 { #expect(registry.say("c", "\(number)") == 2) }
        #expect(wakes.withLock { $0 } == [1])
        registry.drain(1)
        #expect(listener.heard.count == 20)
        #expect(registry.say("x", "") == 1)
        #expect(wakes.withLock { $0 } == [1, 1])
    }

    /// A loop that passes nothing on has publishers wait, until it does.
    @Test func congestion() {
        let registry = SubscriptionRegistry(loops: 2)
        let listener = Listener(loop: 1)
        registry.join(listener, "c")
        let payload = String(repeating: "x", count: 1 << 20)
        let relieved = Monitor(0)
        registry.whenRelieved { relieved.withLock { $0 += 1 } }
        #expect(relieved.withLock { $0 } == 1)
        var count = 0
        while !registry.isCongested, count < 100 {
            #expect(registry.say("c", payload) == 1)
            count += 1
        }
        #expect(count == 16)
        registry.whenRelieved { relieved.withLock { $0 += 1 } }
        registry.drain(0)
        #expect(relieved.withLock { $0 } == 1)
        registry.drain(1)
        #expect(relieved.withLock { $0 } == 2)
        #expect(!registry.isCongested)
        #expect(listener.heard.count == 16)
    }

    @Test func looking() {
        let registry = SubscriptionRegistry(loops: 3)
        let listeners = (0..<3).map { Listener(loop: $0) }
        for listener in listeners { registry.join(listener, "all") }
        #expect(registry.join(listeners[0], "one"))
        #expect(!registry.join(listeners[0], "one"))
        registry.join(listeners[1], "p*", .pattern)
        registry.join(listeners[2], "p*", .pattern)
        registry.join(listeners[2], "shard", .shardChannel)
        #expect(registry.topicCount(.channel) == 2)
        #expect(registry.topicCount(.pattern) == 1)
        #expect("all".withSlice { registry.subscriberCount(.channel, $0) } == 3)
        #expect("nix".withSlice { registry.subscriberCount(.channel, $0) } == 0)
        let names = registry.channelNames(.channel, matching: nil).map { String(decoding: $0, as: UTF8.self) }
        #expect(names.sorted() == ["all", "one"])
        #expect("o*".withSlice { registry.channelNames(.channel, matching: GlobPattern($0)) } == [Array("one".utf8)])
        #expect(registry.channelNames(.shardChannel, matching: nil) == [Array("shard".utf8)])
        #expect(listeners[0].names(.channel) == [Array("all".utf8), Array("one".utf8)])
        #expect(!registry.quit(listeners[0], "nix"))
        for listener in listeners { registry.leave(listener, drains: true) }
        #expect(registry.isQuiet)
    }
}
