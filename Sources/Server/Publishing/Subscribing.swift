import Bytes
import Commands
import PubSub
import RESP
import Synchronization

/// A connection's side of its subscriptions: sends what is published.
final class SessionSubscriber: Subscriber {
    /// The session has the subscriber, and ends its subscriptions before it goes.
    private unowned let session: ClientSession

    init(_ session: ClientSession) {
        self.session = session
        super.init(loop: session.loop.index)
    }

    override func receive(_ posting: Posting) {
        if !posting.isPush, session.replyMode == .off { return }
        // Of the connection whose batch is being executed the writer knows the version.
        let isExecuting = session.loop.executing === session
        let version = isExecuting ? session.worker.context.pointee.reply.pointee.version : session.protocolVersion
        posting.forEachPart(version: version) { session.enqueueOutput($0, $1) }
    }
}

/// (P|S)SUBSCRIBE and (P|S)UNSUBSCRIBE. Each name gets a confirmation of its own, as a push.
enum Subscribing {
    static func subscribe(_ context: inout CommandContext, _ kind: SubscriptionKind) {
        if kind == .shardChannel, context.isInTransaction {
            return context.reply.pointee.error(ErrorText.subscribeInTransaction)
        }
        let session = context.session
        // The end of a transaction whose client has gone.
        if session.isClosed { return context.reply.pointee.nullArray() }
        let subscriber = session.ownSubscriber
        for index in 1..<context.arguments.count {
            context.core.subscriptions.subscribe(subscriber, kind, context.arguments[index])
            confirm(context, word(kind, "subscribe", "psubscribe", "ssubscribe"), kind, context.arguments[index])
        }
        session.noteSubscriptions()
    }

    static func unsubscribe(_ context: inout CommandContext, _ kind: SubscriptionKind) {
        let session = context.session
        let event = word(kind, "unsubscribe", "punsubscribe", "sunsubscribe")
        if context.arguments.count > 1 {
            for index in 1..<context.arguments.count { end(context, event, kind, context.arguments[index]) }
        } else {
            let names = session.subscriber?.names(kind) ?? []
            for name in names { name.withSlice { end(context, event, kind, $0) } }
            if names.isEmpty { confirm(context, event, kind, nil) }
        }
        session.noteSubscriptions()
    }

    private static func end(
        _ context: borrowing CommandContext, _ event: StaticString, _ kind: SubscriptionKind, _ name: ByteSlice
    ) {
        if let subscriber = context.session.subscriber {
            // In a transaction shards are locked, and passing on what others have published may close connections.
            context.core.subscriptions.unsubscribe(subscriber, kind, name, drains: !context.isInTransaction)
        }
        confirm(context, event, kind, name)
    }

    private static func confirm(
        _ context: borrowing CommandContext, _ event: StaticString, _ kind: SubscriptionKind, _ name: ByteSlice?
    ) {
        let subscriber = context.session.subscriber
        context.reply.pointee.push(3)
        context.reply.pointee.bulk(event)
        if let name { context.reply.pointee.bulk(name) } else { context.reply.pointee.null() }
        let count =
            kind == .shardChannel
            ? subscriber?.count(.shardChannel) : subscriber.map { $0.count(.channel) + $0.count(.pattern) }
        context.reply.pointee.integer(count ?? 0)
    }

    private static func word(
        _ kind: SubscriptionKind, _ channel: StaticString, _ pattern: StaticString, _ shard: StaticString
    ) -> StaticString {
        switch kind {
        case .channel: channel
        case .pattern: pattern
        case .shardChannel: shard
        case .monitor: preconditionFailure("monitors don't subscribe to a name")
        }
    }
}

extension ClientSession {
    /// What a subscription takes besides its name, with its places in the tables.
    private static let subscriptionOverheadBytes = 160

    var ownSubscriber: SessionSubscriber {
        if let subscriber { return subscriber }
        let made = SessionSubscriber(self)
        subscriber = made
        return made
    }

    /// After a change of the subscriptions: what the loop and others see of them.
    func noteSubscriptions() {
        let channels = subscriber?.count(.channel) ?? 0
        let patterns = subscriber?.count(.pattern) ?? 0
        let shards = subscriber?.count(.shardChannel) ?? 0
        channelCount.store(channels, ordering: .relaxed)
        patternCount.store(patterns, ordering: .relaxed)
        shardChannelCount.store(shards, ordering: .relaxed)
        let names = subscriber?.nameBytes ?? 0
        let count = channels + patterns + shards
        let bytes = names + count * Self.subscriptionOverheadBytes
        hold(bytes - subscriptionBytes.exchange(bytes, ordering: .relaxed))
        isSubscribed = count > 0
        // Subscribers have output limits of their own and are never idle.
        outputClass = isSubscribed ? .pubsub : .normal
        isRestricted = isSubscribed || isMonitor.load(ordering: .relaxed)
    }

    /// Ends all subscriptions and the monitoring. `drains`: what was published before is sent first.
    func endSubscriptions(drains: Bool) {
        guard let subscriber else { return }
        if isMonitor.load(ordering: .relaxed) {
            isMonitor.store(false, ordering: .relaxed)
            isExemptFromIdleTimeout = false
            worker.core.monitorCount.subtract(1, ordering: .relaxed)
        }
        worker.core.subscriptions.leave(subscriber, drains: drains)
        noteSubscriptions()
    }
}
