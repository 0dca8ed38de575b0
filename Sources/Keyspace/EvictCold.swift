import Bytes
import Values

// EvictCold: deletes keys that are only on flash, without reading them in.
//
// A cursor or a read shows a key; meanwhile it may have been deleted, or written, spilled and dropped again. The
// counters of its partition tell: as long as nothing was buried and nothing departed since before the look, a key
// without an entry in RAM is on flash as it was seen. Then its tombstone can be put into RAM, and the counts are
// exact.

/// A partition before something was looked up on flash.
public struct ColdView: Sendable {
    public let space: Int
    public let shard: Int
    public let generation: UInt32
    /// Keys that may be only on flash.
    public let cold: Int
    let burials: UInt64
    let departures: UInt64
}

/// What became of an attempt to delete a cold key.
public enum ColdEviction: Sendable {
    case deleted
    /// RAM has an entry for it: it is hot, or deleted already.
    case resident
    /// Something left the partition since the view was taken, its database was flushed, or deletions are held just now:
    /// look again.
    case outdated
}

extension LockedKeyspace {
    /// Takes and releases the shard's lock.
    public mutating func coldView(shard: Int, space: Int) -> ColdView {
        lock(shard)
        defer { unlock(shard) }
        let part = partitions + (space * Position.shardCount + shard)
        return ColdView(
            space: space, shard: shard, generation: store.generations[space], cold: part.pointee.cold,
            burials: part.pointee.burials, departures: part.pointee.departures)
    }

    /// Deletes a key that was seen on flash after `view` was taken, with or without an expiry of its own and of
    /// members, and with pages of its own if it was the root of `collection`: leaves a tombstone for the spiller. Takes
    /// and releases the shard's lock.
    public mutating func evictCold(
        _ view: ColdView, position: Position, key: ByteSlice, hadExpiry: Bool, hadMemberExpiries: Bool = false,
        collection: UInt64? = nil
    ) -> ColdEviction {
        lock(view.shard)
        defer { unlock(view.shard) }
        let part = partitions + (view.space * Position.shardCount + view.shard)
        guard store.generations[view.space] == view.generation, !store.holdsDeletions.load(ordering: .relaxed) else {
            return .outdated
        }
        guard part.pointee.table.find(position.tag, key) < 0 else { return .resident }
        guard part.pointee.burials == view.burials, part.pointee.departures == view.departures else { return .outdated }
        // A read of the key may be under way: what it brings must not be installed.
        let ref = KeyRef(bytes: key, position: position, space: view.space)
        store.shards[view.shard].markStale(ref)
        let tombstone = Record.marker(key: key)
        tombstone.residence = Residency(.deleted, mayBeOnFlash: true)
        part.pointee.keys -= 1
        moveCold(part, expiring: hadExpiry, members: hadMemberExpiries, by: -1)
        if let collection { bury(collection, part, view.shard) }
        account(part.pointee.table.insert(position.tag, tombstone) + tombstone.memoryBytes)
        want(view.shard, Attention(tag: position.tag, space: UInt16(view.space)))
        Ledger.add(1, to: ledger.evicted)
        Ledger.add(1, to: ledger.changes)
        notify(.evicted, "evicted", ref)
        note(.evicted, ref)
        return .deleted
    }
}
