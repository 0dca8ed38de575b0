import Bytes
import Platform
import PubSub
import Synchronization
import Testing

@testable import Histories

/// Random histories: on one thread against a model, on many threads against what must be true of any history.
@Suite struct HistoryTests {
    private static let channels = ["a", "ab", "abc", "b", "x"]
    private static let patterns = ["a*", "*", "[ab]", "?b*", "x"]

    /// What a subscriber in the model has subscribed to, and what it should have heard.
    private struct Model {
        var channels: Set<String> = []
        var patterns: Set<String> = []
        var expected: [String] = []
    }

    /// Loops are drained at random times; still everybody hears exactly what was published while he was subscribed.
    @Test func exactDelivery() {
        let seed = Run.seed
        var random = RandomSource(seed: seed)
        let loops = 3
        let registry = SubscriptionRegistry(loops: loops)
        var listeners = (0..<9).map { Listener(loop: $0 % loops) }
        var models = listeners.map { _ in Model() }
        func pick(_ names: [String]) -> String { names[random.index(below: names.count)] }
        for step in 0..<Run.operations(20_000) {
            let who = random.index(below: 9)
            switch random.below(12) {
            case 0, 1:
                let name = pick(Self.channels)
                #expect(registry.join(listeners[who], name) == models[who].channels.insert(name).inserted)
            case 2:
                let name = pick(Self.channels)
                #expect(registry.quit(listeners[who], name) == (models[who].channels.remove(name) != nil))
            case 3:
                let name = pick(Self.patterns)
                #expect(registry.join(listeners[who], name, .pattern) == models[who].patterns.insert(name).inserted)
            case 4:
                let name = pick(Self.patterns)
                #expect(registry.quit(listeners[who], name, .pattern) == (models[who].patterns.remove(name) != nil))
            case 5: registry.drain(who % loops)
            case 6 where random.below(10) == 0:
                registry.leave(listeners[who], drains: true)
                check(listeners[who], models[who], seed)
                listeners[who] = Listener(loop: who % loops)
                models[who] = Model()
            default:
                let channel = pick(Self.channels)
                var count = 0
                for index in models.indices {
                    if models[index].channels.contains(channel) {
                        count += 1
                        models[index].expected.append("\(step)")
                    }
                    let fitting = models[index].patterns.filter { pattern in
                        channel.withSlice { text in pattern.withSlice { GlobPattern.matches(pattern: $0, text: text) } }
                    }
                    count += fitting.count
                    models[index].expected += fitting.map { _ in "\(step)" }
                }
                let sent = registry.say(channel, "\(step)")
                if sent != count { Issue.record("seed \(seed), step \(step): sent to \(sent), not to \(count)") }
            }
        }
        for loop in 0..<loops { registry.drain(loop) }
        for (listener, model) in zip(listeners, models) { check(listener, model, seed) }
    }

    private func check(_ listener: Listener, _ model: Model, _ seed: UInt64) {
        #expect(listener.payloads == model.expected, "seed \(seed)")
    }

    // MARK: Threads

    /// A loop: subscribes, unsubscribes and publishes at random, and drains when it is woken.
    private final class Loop: @unchecked Sendable {
        // @unchecked: its thread's alone until that is joined, but for `isWoken`.
        let isWoken = Atomic<Bool>(false)
        let listeners: [Listener]
        /// What all its publications were counted for.
        var counted = 0
        var published = 0

        init(_ number: Int) { listeners = (0..<4).map { _ in Listener(loop: number) } }
    }

    @Test func manyLoops() {
        let seed = Run.seed
        let steps = Run.operations(20_000) / 10
        let count = 4
        let registry = SubscriptionRegistry(loops: count)
        let loops = (0..<count).map { Loop($0) }
        registry.wake = { loops[$0].isWoken.store(true, ordering: .releasing) }
        let threads = loops.indices.map { number in
            Thread(name: "history-\(number)") { Self.run(registry, loops[number], number, steps, seed) }
        }
        for thread in threads { thread.join() }
        for number in loops.indices { registry.drain(number) }
        let heard = loops.flatMap(\.listeners).map { Self.messages($0) }
        // All that was counted was heard, and nothing else.
        #expect(heard.reduce(0) { $0 + $1.count } == loops.reduce(0) { $0 + $1.counted }, "seed \(seed)")
        for messages in heard { Self.checkPublishers(messages, seed) }
        Self.checkChannels(heard, seed)
        for listener in loops.flatMap(\.listeners) { Self.checkSubscriptions(listener, seed) }
    }

    private static func run(
        _ registry: SubscriptionRegistry, _ loop: Loop, _ number: Int, _ steps: Int, _ seed: UInt64
    ) {
        var random = RandomSource(seed: seed &+ UInt64(number))
        for _ in 0..<steps {
            if loop.isWoken.exchange(false, ordering: .acquiring) { registry.drain(number) }
            let listener = loop.listeners[random.index(below: 4)]
            let isPattern = random.below(3) == 0
            let names = isPattern ? patterns : channels
            let name = names[random.index(below: 5)]
            let kind: SubscriptionKind = isPattern ? .pattern : .channel
            switch random.below(8) {
            case 0: if registry.join(listener, name, kind) { listener.note("+ \(kind) \(name)") }
            case 1: if registry.quit(listener, name, kind) { listener.note("- \(kind) \(name)") }
            default:
                let channel = channels[random.index(below: 5)]
                loop.counted += registry.say(channel, "\(channel) \(number) \(loop.published)")
                loop.published += 1
            }
        }
    }

    /// The messages that a listener got: channel, publisher, number.
    private static func messages(_ listener: Listener) -> [(channel: String, publisher: Int, number: Int)] {
        listener.heard.filter { $0.hasPrefix("*") }.map { text in
            let words = text.split(separator: "\r\n").last.map { $0.split(separator: " ") } ?? []
            return (String(words[0]), Int(words[1]) ?? -1, Int(words[2]) ?? -1)
        }
    }

    /// Messages of one publisher come in the order in which he sent them.
    private static func checkPublishers(
        _ messages: [(channel: String, publisher: Int, number: Int)], _ seed: UInt64
    ) {
        var last: [Int: Int] = [:]
        var isOrdered = true
        for message in messages {
            if last[message.publisher, default: -1] > message.number { isOrdered = false }
            last[message.publisher] = message.number
        }
        #expect(isOrdered, "seed \(seed)")
    }

    /// All who hear a channel hear its messages in the same order: the orders together have no cycle.
    private static func checkChannels(
        _ heard: [[(channel: String, publisher: Int, number: Int)]], _ seed: UInt64
    ) {
        for channel in channels {
            // With four publishers a message is known by publisher and number; neighbours give the order's edges.
            var next: [Int: Set<Int>] = [:]
            var before: [Int: Int] = [:]
            for messages in heard {
                var previous: Int?
                for message in messages where message.channel == channel {
                    let this = message.number * 4 + message.publisher
                    if before[this] == nil { before[this] = 0 }
                    if let previous, previous != this, next[previous, default: []].insert(this).inserted {
                        before[this, default: 0] += 1
                    }
                    previous = this
                }
            }
            var free = before.filter { $0.value == 0 }.map(\.key)
            var sorted = 0
            while let this = free.popLast() {
                sorted += 1
                for other in next[this] ?? [] {
                    before[other, default: 0] -= 1
                    if before[other] == 0 { free.append(other) }
                }
            }
            #expect(sorted == before.count, "channel \(channel) has no one order, seed \(seed)")
        }
    }

    /// Nothing comes before a subscription or after its end.
    private static func checkSubscriptions(_ listener: Listener, _ seed: UInt64) {
        var open: Set<String> = []
        for text in listener.heard {
            if text.hasPrefix("+ ") {
                open.insert(String(text.dropFirst(2)))
            } else if text.hasPrefix("- ") {
                open.remove(String(text.dropFirst(2)))
            } else {
                let lines = text.split(separator: "\r\n").map(String.init)
                let source = lines[2] == "pmessage" ? "pattern \(lines[4])" : "channel \(lines[4])"
                if !open.contains(source) { Issue.record("seed \(seed): \(lines) without a subscription") }
            }
        }
    }
}
