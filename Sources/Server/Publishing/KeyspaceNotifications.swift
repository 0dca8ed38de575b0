import Bytes
import Keyspace
import PubSub
import Synchronization

/// Keyspace notifications: what happens to keys, as messages on `__keyspace@<db>__:<key>` and
/// `__keyevent@<db>__:<event>`.
///
/// Published under the locks of the keys' shards, so in the order of the changes; to publish is to put a message into
/// mailboxes, which waits for nothing (see `SubscriptionRegistry`).
final class KeyspaceNotifications: Sendable {
    private let subscriptions: SubscriptionRegistry

    init(_ subscriptions: SubscriptionRegistry) { self.subscriptions = subscriptions }

    func publish(_ events: [KeyEvent], _ classes: EventClasses) {
        if events.isEmpty || subscriptions.isQuiet { return }
        for event in events {
            let name = ByteSlice(event.name)
            event.key.withSlice { key in
                if classes.contains(.keyspace) {
                    channel("__keyspace@", event.database, key) { _ = subscriptions.publish($0, name) }
                }
                if classes.contains(.keyevent) {
                    channel("__keyevent@", event.database, name) { _ = subscriptions.publish($0, key) }
                }
            }
        }
    }

    private func channel(_ prefix: StaticString, _ database: Int, _ rest: ByteSlice, _ body: (ByteSlice) -> Void) {
        (ByteSlice(prefix).array + Decimal.bytes(Int64(database)) + Array("__:".utf8) + rest.array).withSlice(body)
    }
}
