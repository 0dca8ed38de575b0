import Bytes
import Keyspace
import Platform
import Synchronization

/// A key that a client watches, and what it was when the watch began. Guarded by the key's shard's lock.
///
/// That is all there is to remember: the first change breaks the watch, so until then the key is as it was, in RAM or
/// on flash. So neither EXEC nor a flush has to read it.
final class Watch: @unchecked Sendable {
    // @unchecked: immutable but for `existed`, which the shard's lock guards.
    /// Removes its watches before it goes.
    unowned(unsafe) let session: ClientSession
    let database: Int
    let key: [UInt8]
    let position: Position
    /// A key that was past due didn't exist.
    let existed: Bool
    /// When it expires. Unix milliseconds.
    let expiry: Int64?

    init(_ session: ClientSession, _ ref: KeyRef, database: Int, existed: Bool, expiry: Int64?) {
        self.session = session
        self.database = database
        key = ref.bytes.array
        position = ref.position
        self.existed = existed
        self.expiry = expiry
    }
}

/// WATCH: who watches what. A table for each shard, guarded by its lock, apart from the keys' own tables: so a key may
/// leave RAM and come back, and keys that don't exist can be watched.
///
/// A key that is watched makes its shard's changes be noted (`KeyspaceStore.observe`); they come here under the
/// shard's lock. A watch that breaks marks its client and stays until the client gives all of them up: the others'
/// shards aren't locked here.
final class WatchTable: Sendable {
    private struct Name: Hashable {
        let database: Int
        let key: [UInt8]
    }
    /// One shard's. Guarded by the shard's lock.
    private final class ShardWatches: @unchecked Sendable {
        // @unchecked: as said.
        var watches: [Name: [Watch]] = [:]
    }
    private let shards: [ShardWatches]
    private let store: KeyspaceStore
    /// Watches there are. Any thread.
    let count = Atomic<Int>(0)

    init(store: KeyspaceStore) {
        self.store = store
        shards = (0..<Position.shardCount).map { _ in ShardWatches() }
    }

    /// The key's shard must be locked.
    func add(_ watch: Watch) {
        shards[watch.position.shard].watches[Name(database: watch.database, key: watch.key), default: []].append(watch)
        store.observe(watch.position.shard, 1)
        count.add(1, ordering: .relaxed)
    }

    /// The key's shard must be locked.
    func remove(_ watch: Watch) {
        let name = Name(database: watch.database, key: watch.key)
        let shard = shards[watch.position.shard]
        guard var left = shard.watches[name], let at = left.firstIndex(where: { $0 === watch }) else {
            preconditionFailure("a watch of client \(watch.session.id) is not in its shard's table")
        }
        left.remove(at: at)
        shard.watches[name] = left.isEmpty ? nil : left
        store.observe(watch.position.shard, -1)
        count.subtract(1, ordering: .relaxed)
    }

    /// Breaks the watches of keys that have changed. The shards' locks are held.
    func happened(_ changes: [KeyChange]) {
        for change in changes {
            let shard = shards[change.position.shard]
            guard !shard.watches.isEmpty,
                let touched = shard.watches[Name(database: change.database, key: change.key)]
            else { continue }
            // What was past due when the watch began was gone for the client: its removal changes nothing.
            for watch in touched where watch.existed || change.kind == .written { watch.break() }
        }
    }

    /// Databases are about to be emptied: what is watched there and exists changes. All locks are held.
    func willFlush(_ databases: [Int]) {
        forAll { if $0.existed, databases.contains($0.database) { $0.break() } }
    }

    /// Two databases are about to be exchanged: a watched key changes if it is here or comes from there. All locks are
    /// held, so nobody can look on flash: where RAM doesn't know whether the key will come, it counts as one that does.
    /// Its client then tries again in vain, which WATCH allows.
    func willSwap(_ a: Int, _ b: Int, now: Int64) {
        guard a != b else { return }
        forAll { watch in
            guard watch.database == a || watch.database == b else { return }
            let other = watch.database == a ? b : a
            let comes = watch.key.withSlice { key in
                store.mayExist(
                    KeyRef(bytes: key, position: watch.position, space: store.space(ofDatabase: other)), now: now)
            }
            if watch.existed || comes { watch.break() }
        }
    }

    private func forAll(_ body: (Watch) -> Void) {
        if count.load(ordering: .relaxed) == 0 { return }
        for shard in shards where !shard.watches.isEmpty {
            for watches in shard.watches.values { watches.forEach(body) }
        }
    }
}

extension Watch {
    /// Bytes that the watch takes: itself, its key, and its places in the client's list and the table.
    var memoryBytes: Int { 128 + key.count }

    fileprivate func `break`() { session.hasBrokenWatch.store(true, ordering: .relaxed) }
}
