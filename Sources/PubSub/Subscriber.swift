import Bytes

/// What somebody has subscribed to.
public enum SubscriptionKind: Int, Sendable, CaseIterable {
    case channel, pattern, shardChannel
    /// The calls of all clients; there is one such subscription, without a name.
    case monitor
}

/// A connection as publishers see it. Used on the thread of its loop only; subclassed by whoever can send.
open class Subscriber {
    /// The number of its event loop.
    public let loop: Int
    /// By kind, by name. The names' bytes are the topics'.
    var subscriptions: [[ByteSlice: Subscription]] = SubscriptionKind.allCases.map { _ in [:] }
    private var serial = 0

    public init(loop: Int) { self.loop = loop }

    /// Takes a message. The connection may be closed by now.
    open func receive(_ posting: Posting) { preconditionFailure("a subscriber without a connection") }

    /// How many channels, patterns, ... it has subscribed to.
    public func count(_ kind: SubscriptionKind) -> Int { subscriptions[kind.rawValue].count }

    /// The names that it has subscribed to, in the order in which it did. O(n log n).
    public func names(_ kind: SubscriptionKind) -> [[UInt8]] {
        subscriptions[kind.rawValue].values.sorted { $0.serial < $1.serial }.map { $0.topic.name.slice.array }
    }

    /// Bytes of all names that it has subscribed to. O(n).
    public var nameBytes: Int { subscriptions.reduce(0) { $0 + $1.keys.reduce(0) { $0 + $1.count } } }

    func nextSerial() -> Int {
        serial += 1
        return serial
    }
}

/// One subscriber's subscription to one topic.
final class Subscription {
    let topic: Topic
    let audience: Audience
    /// The subscriber has the subscription, and lives as long as it.
    unowned let subscriber: Subscriber
    /// Place in the order of the subscriber's subscriptions.
    let serial: Int
    /// The numbers, in the loop's mailbox, of the first message for this subscription and of the first that is not.
    let from: UInt64
    var until = UInt64.max
    /// Place among the audience's members.
    var index = 0

    init(_ topic: Topic, _ audience: Audience, _ subscriber: Subscriber, from: UInt64) {
        self.topic = topic
        self.audience = audience
        self.subscriber = subscriber
        self.from = from
        serial = subscriber.nextSerial()
    }
}

/// A channel or pattern that somebody has subscribed to. Guarded by the locks of its kind: see `SubscriptionRegistry`.
final class Topic {
    let kind: SubscriptionKind
    let name: SharedBytes
    /// Of a pattern.
    let glob: GlobPattern?
    /// Of the loops that have subscribers.
    var audiences: [Audience] = []
    /// How many subscribers all audiences have together.
    var count = 0

    init(_ kind: SubscriptionKind, _ name: ByteSlice) {
        self.kind = kind
        self.name = SharedBytes(copying: name)
        glob = kind == .pattern ? GlobPattern(name) : nil
    }

    /// The loop's audience, a new one if it has none.
    func audience(loop: Int) -> Audience {
        if let found = audiences.first(where: { $0.loop == loop }) { return found }
        let made = Audience(loop: loop)
        audiences.append(made)
        return made
    }
}

/// The subscribers of a topic on one loop.
final class Audience: @unchecked Sendable {
    // @unchecked: `loop` is immutable, `count` is guarded by the topic's locks, `members` is its loop's alone.
    let loop: Int
    /// How many have subscribed and not unsubscribed.
    var count = 0
    private var members: [Subscription] = []

    init(loop: Int) { self.loop = loop }

    // MARK: The loop only

    func add(_ subscription: Subscription) {
        subscription.index = members.count
        members.append(subscription)
    }

    func remove(_ subscription: Subscription) {
        let last = members.removeLast()
        if last === subscription { return }
        members[subscription.index] = last
        last.index = subscription.index
    }

    /// Gives message `number` of the loop's mailbox to those who had subscribed when it was published.
    func pass(_ posting: Posting, number: UInt64) {
        // Over the members as they are now: sending may close a connection, which then removes its subscriptions.
        for member in members where member.from <= number && number < member.until {
            member.subscriber.receive(posting)
        }
    }
}
