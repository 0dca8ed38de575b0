import Bytes
import Glibc
import Synchronization

/// All subscriptions of all loops, and the way of a message to them.
///
/// The simple version is one table of channels with the connections of their subscribers, under one lock. But a
/// connection belongs to its loop; a channel may have a hundred thousand subscribers, whom a publisher should not
/// walk under a lock; and publishers on many loops should not wait for each other.
///
/// So what is shared is small. A `Topic` (channel or pattern) knows which loops have subscribers, how many, and for
/// each such loop an `Audience`: the list of the subscribers there, which only that loop reads and changes.
/// Publishing is: look the channel up, put one entry for each audience into the `Mailbox` of its loop, add the counts
/// up. The loop is woken if its mailbox was empty, and passes on what it finds there: so it is woken once for many
/// messages.
///
/// Locks, in the order in which they are taken (locks of shards may be held before; nothing is locked within but a
/// loop's inbox):
/// 1. *lanes* guard the patterns. Whoever reads them holds one lane, chosen by its thread, so publishers on different
///    loops match patterns at the same time; whoever changes them holds all. Held until the message is in the
///    mailboxes.
/// 2. *stripes* guard the channels, by the hash of the name. Held for a look-up and for putting the message into
///    mailboxes; it is encoded before.
/// 3. the mailbox's own.
///
/// What this gives:
/// - *Order.* All messages of a channel are put into mailboxes under its stripe, so all of its subscribers see them
///   in one order, those by pattern too. A mailbox is a queue, and everything goes through it, also what the own
///   loop's connections publish. So if one PUBLISH was answered before another was sent, every subscriber sees them
///   in that order, on whatever loops they ran. Messages about a key are put in under the key's shard: in the order
///   of its changes.
/// - *Exactness.* A subscription begins and ends under the same locks under which messages are put in: each is before
///   or after. The entries of a mailbox are numbered, and the subscription notes the number at which it begins and at
///   which it ends, for the members of an audience change at another time than its messages arrive. Who unsubscribes
///   first takes himself off the topic, then has his loop's mailbox emptied, then gets the confirmation: all that was
///   counted for him has been sent before it, nothing comes after. A message that was put in before a subscription
///   began has a lower number.
/// - A slow subscriber holds up nobody: its loop appends to its output, and closes it at its limit. A slow loop has
///   publishers wait (`Congestion`).
///
/// Within EXEC the mailbox can't be emptied, because that may close connections, whose calls hold keys in shards that
/// are locked: there a message that another loop publishes at the same time may be counted and dropped.
public final class SubscriptionRegistry: @unchecked Sendable {
    // @unchecked: topics are reached under their locks, as said above; audiences' members and subscribers on their
    // loop; the rest is immutable, atomic, or written before the loops run.

    /// Topics of one kind with the same hash.
    private final class Stripe {
        let lock = WordLock()
        /// The keys' bytes are the topics'.
        var topics: [ByteSlice: Topic] = [:]
    }

    /// A power of two, several times the number of loops.
    private static let stripeCount = 64
    private static let laneCount = 16

    private let channels = (0..<stripeCount).map { _ in Stripe() }
    private let shardChannels = (0..<stripeCount).map { _ in Stripe() }
    private let lanes = (0..<laneCount).map { _ in WordLock() }
    /// Guarded by the lanes; the keys' bytes are the topics'.
    private var patterns: [ByteSlice: Topic] = [:]
    /// The one topic without a name.
    private let monitors = Stripe()
    private let congestion = Congestion()
    private let mailboxes: [Mailbox]
    /// How many topics there are of each kind.
    private let channelCount = Atomic<Int>(0)
    private let patternCount = Atomic<Int>(0)
    private let shardChannelCount = Atomic<Int>(0)
    /// Set before the loops run: has `drain` called on the loop's thread.
    public var wake: @Sendable (_ loop: Int) -> Void = { _ in }

    public init(loops: Int) { mailboxes = (0..<loops).map { [congestion] _ in Mailbox(congestion) } }

    /// Whether a loop has more messages waiting than it should: publishers had better wait. One relaxed load.
    public var isCongested: Bool { congestion.isThere }

    /// Calls `body` once, on some thread, when no loop has too much; at once if none has.
    public func whenRelieved(_ body: @escaping @Sendable () -> Void) { congestion.whenOver(body) }

    // MARK: Publishing, on any thread

    /// Sends a message to those who have subscribed to the channel or to patterns that fit it. Returns how many times
    /// it was sent.
    public func publish(_ channel: ByteSlice, _ payload: ByteSlice) -> Int {
        if isQuiet { return 0 }
        let lane = lanes[Self.laneOfThread]
        var woken: [Int] = []
        lane.lock()
        let matching = patterns.isEmpty ? [] : patterns.values.filter { $0.glob?.matches(channel) == true }
        let count = post(.channel, channels, channel, payload, matching, &woken)
        lane.unlock()
        for loop in woken { wake(loop) }
        return count
    }

    /// Sends a message to those who have subscribed to the shard channel.
    public func publish(shard channel: ByteSlice, _ payload: ByteSlice) -> Int {
        if shardChannelCount.load(ordering: .acquiring) == 0 { return 0 }
        var woken: [Int] = []
        let count = post(.shardChannel, shardChannels, channel, payload, [], &woken)
        for loop in woken { wake(loop) }
        return count
    }

    /// Whether nobody has subscribed to a channel or pattern.
    public var isQuiet: Bool {
        channelCount.load(ordering: .acquiring) == 0 && patternCount.load(ordering: .acquiring) == 0
    }

    /// Sends a line of protocol to all monitors.
    public func monitor(_ line: SharedBytes) {
        var woken: [Int] = []
        let posting = Posting(line: line)
        monitors.lock.withLock {
            if let topic = monitors.topics[.empty] { put(posting, topic, &woken) }
        }
        for loop in woken { wake(loop) }
    }

    private func post(
        _ kind: SubscriptionKind, _ stripes: [Stripe], _ channel: ByteSlice, _ payload: ByteSlice,
        _ matching: [Topic], _ woken: inout [Int]
    ) -> Int {
        let stripe = Self.stripe(stripes, channel)
        if matching.isEmpty, stripe.lock.withLock({ stripe.topics[channel] == nil }) { return 0 }
        // Encoded before the lock is taken again.
        let tail = Posting.tail(channel, payload)
        let own = Posting(kind, tail)
        let others = matching.map { Posting(pattern: $0.name.slice, tail) }
        stripe.lock.lock()
        var count = 0
        if let topic = stripe.topics[channel] { count += put(own, topic, &woken) }
        for (posting, topic) in zip(others, matching) { count += put(posting, topic, &woken) }
        stripe.lock.unlock()
        return count
    }

    @discardableResult
    private func put(_ posting: Posting, _ topic: Topic, _ woken: inout [Int]) -> Int {
        for audience in topic.audiences where mailboxes[audience.loop].put(posting, audience) {
            woken.append(audience.loop)
        }
        return topic.count
    }

    /// Passes on what has come for the subscribers of a loop. On the loop's thread, without locks.
    public func drain(_ loop: Int) {
        let (first, deliveries) = mailboxes[loop].take()
        var number = first
        for delivery in deliveries {
            delivery.audience.pass(delivery.posting, number: number)
            number += 1
        }
    }

    // MARK: Subscribing, on the subscriber's loop

    /// Returns whether it had not subscribed before.
    @discardableResult
    public func subscribe(_ subscriber: Subscriber, _ kind: SubscriptionKind, _ name: ByteSlice) -> Bool {
        guard subscriber.subscriptions[kind.rawValue][name] == nil else { return false }
        let subscription = withTopics(kind, name) { topics in
            let topic = topics[name] ?? Topic(kind, name)
            if topic.count == 0 {
                topics[topic.name.slice] = topic
                counter(kind) { $0.add(1, ordering: .releasing) }
            }
            let audience = topic.audience(loop: subscriber.loop)
            audience.count += 1
            topic.count += 1
            return Subscription(topic, audience, subscriber, from: mailboxes[subscriber.loop].next)
        }
        subscription.audience.add(subscription)
        subscriber.subscriptions[kind.rawValue][subscription.topic.name.slice] = subscription
        return true
    }

    /// Returns whether it had subscribed. `drains`: what was published before has been received when this returns;
    /// else it is dropped. Draining is not allowed where locks of shards are held.
    @discardableResult
    public func unsubscribe(
        _ subscriber: Subscriber, _ kind: SubscriptionKind, _ name: ByteSlice, drains: Bool
    ) -> Bool {
        guard let subscription = subscriber.subscriptions[kind.rawValue].removeValue(forKey: name) else {
            return false
        }
        let topic = subscription.topic
        let audience = subscription.audience
        let end = withTopics(kind, name) { topics in
            audience.count -= 1
            topic.count -= 1
            if audience.count == 0 { topic.audiences.removeAll { $0 === audience } }
            if topic.count == 0 {
                topics[name] = nil
                counter(kind) { $0.subtract(1, ordering: .releasing) }
            }
            return mailboxes[subscriber.loop].next
        }
        subscription.until = drains ? end : 0
        if drains { drain(subscriber.loop) }
        audience.remove(subscription)
        return true
    }

    /// Ends all subscriptions. `drains`: as in `unsubscribe`; false for a connection that is gone.
    public func leave(_ subscriber: Subscriber, drains: Bool) {
        for kind in SubscriptionKind.allCases {
            for name in subscriber.names(kind) {
                name.withSlice { _ = unsubscribe(subscriber, kind, $0, drains: drains) }
            }
        }
    }

    // MARK: Looking, on any thread

    /// How many channels, patterns, ... somebody has subscribed to.
    public func topicCount(_ kind: SubscriptionKind) -> Int {
        switch kind {
        case .channel: channelCount.load(ordering: .acquiring)
        case .pattern: patternCount.load(ordering: .acquiring)
        case .shardChannel: shardChannelCount.load(ordering: .acquiring)
        case .monitor: monitors.lock.withLock { monitors.topics.count }
        }
    }

    /// How many have subscribed to the channel (or pattern) itself.
    public func subscriberCount(_ kind: SubscriptionKind, _ name: ByteSlice) -> Int {
        withTopics(kind, name) { $0[name]?.count ?? 0 }
    }

    /// The names of the channels that somebody has subscribed to and that fit the pattern, stripe by stripe. O(n).
    public func channelNames(_ kind: SubscriptionKind, matching pattern: GlobPattern?) -> [[UInt8]] {
        let stripes = kind == .shardChannel ? shardChannels : channels
        return stripes.flatMap { stripe in
            stripe.lock.withLock {
                stripe.topics.keys.filter { name in pattern.map { $0.matches(name) } ?? true }.map(\.array)
            }
        }
    }

    // MARK: Locks

    /// Runs `body` with the table in which topics of this kind and name stand, and whatever locks guard it.
    private func withTopics<R>(
        _ kind: SubscriptionKind, _ name: ByteSlice, _ body: (inout [ByteSlice: Topic]) -> R
    ) -> R {
        let stripe: Stripe
        switch kind {
        case .channel: stripe = Self.stripe(channels, name)
        case .shardChannel: stripe = Self.stripe(shardChannels, name)
        case .monitor: stripe = monitors
        case .pattern:
            for lane in lanes { lane.lock() }
            defer { for lane in lanes { lane.unlock() } }
            return body(&patterns)
        }
        return stripe.lock.withLock { body(&stripe.topics) }
    }

    private func counter(_ kind: SubscriptionKind, _ body: (borrowing Atomic<Int>) -> Void) {
        switch kind {
        case .channel: body(channelCount)
        case .pattern: body(patternCount)
        case .shardChannel: body(shardChannelCount)
        case .monitor: break
        }
    }

    private static func stripe(_ stripes: [Stripe], _ name: ByteSlice) -> Stripe {
        stripes[Int(truncatingIfNeeded: UInt(bitPattern: name.hashValue) % UInt(stripeCount))]
    }

    /// The lane of the calling thread: threads' addresses, spread.
    private static var laneOfThread: Int {
        Int((UInt64(UInt(pthread_self())) &* 0x9e37_79b9_7f4a_7c15) >> 60)
    }
}
