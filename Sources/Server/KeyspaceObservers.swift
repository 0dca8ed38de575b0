import Keyspace

/// The keyspace's one listener: hands changes and events of keys on to each part that wants to know of them.
///
/// Called with the locks of all shards concerned held (see `KeyspaceListener`): no part takes locks of shards or waits.
final class KeyspaceObservers: KeyspaceListener {
    let tracking: Tracking

    init(tracking: Tracking) { self.tracking = tracking }

    func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
        // Views act for connections of this server or for nobody.
        let actor = keyspace.actor.map { unsafeDowncast($0, to: ClientSession.self) }
        if !changes.isEmpty { tracking.happened(changes, by: actor) }
    }
}
