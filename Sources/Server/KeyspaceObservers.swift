import Keyspace
import PubSub
import Synchronization

/// The server's one listener of changes and events of keys: hands them to each who has asked for them, in turn.
///
/// All is called under locks (see `KeyChanges`): parts must not take locks of shards, nor wait.
final class KeyspaceObservers: KeyspaceListener {
    let watches: WatchTable
    let tracking: Tracking
    let waits: WaitTable
    private let notifications: KeyspaceNotifications

    init(store: KeyspaceStore, subscriptions: SubscriptionRegistry) {
        watches = WatchTable(store: store)
        tracking = Tracking(store: store)
        waits = WaitTable(store: store)
        notifications = KeyspaceNotifications(subscriptions)
    }

    func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
        watches.happened(changes)
        // Views act for connections of this server or for nobody.
        tracking.happened(changes, by: keyspace.actor.map { unsafeDowncast($0, to: ClientSession.self) })
        notifications.publish(events, EventClasses(rawValue: keyspace.store.eventClasses.load(ordering: .relaxed)))
        waits.happened(changes, in: &keyspace)
    }

    /// Databases are about to be emptied. All locks are held.
    func willFlush(_ databases: [Int]) { watches.willFlush(databases) }

    /// Two databases are about to be exchanged. All locks are held.
    func willSwap(_ a: Int, _ b: Int, now: Int64) { watches.willSwap(a, b, now: now) }

    /// Databases have been emptied or exchanged. All locks are still held.
    func databasesChanged(_ databases: [Int]) { waits.databasesChanged(databases) }
}
