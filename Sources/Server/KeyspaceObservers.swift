import Keyspace

/// The server's one listener of changes and events of keys: hands them to each who has asked for them, in turn.
///
/// All is called under locks (see `KeyChanges`): parts must not take locks of shards, nor wait.
final class KeyspaceObservers: KeyspaceListener {
    let waits: WaitTable

    init(store: KeyspaceStore) { waits = WaitTable(store: store) }

    func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
        waits.happened(changes, in: &keyspace)
    }

    /// Databases have been emptied or exchanged. All locks are held.
    func databasesChanged(_ databases: [Int]) { waits.databasesChanged(databases) }
}
