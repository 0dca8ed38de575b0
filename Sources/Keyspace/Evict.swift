import Bytes
import Values

// Evict: which keys a policy deletes without a flash tier, where Redis' dictionaries of a database are 2048 tables.

/// Which of some sampled keys a policy deletes first.
public struct EvictionRank: Sendable {
    public enum Order: Sendable {
        case nothing
        case idle
        case infrequent
        case soonest
    }
    public let onlyExpiring: Bool
    public let order: Order

    public init(onlyExpiring: Bool, by order: Order) {
        self.onlyExpiring = onlyExpiring
        self.order = order
    }
}

/// A key that was sampled.
public struct EvictionCandidate: Sendable {
    public let key: [UInt8]
    public let position: Position
    public let space: Int
    /// The larger, the sooner the policy wants it gone.
    public let score: Int64
}

/// What became of a sampled key that was to be deleted.
public enum EvictionOutcome: Sendable {
    case deleted
    /// It is deleted already, or not of the kind any more.
    case gone
    /// Deletions by other threads are held.
    case held
}

extension LockedKeyspace {
    /// Samples a key at or behind `position` in each space of the first shard from there on that has any of the kind.
    /// Appends nothing only if no shard has. Takes and releases the locks, one at a time.
    public mutating func sample(from position: Position, _ rank: EvictionRank, into found: inout [EvictionCandidate]) {
        let before = found.count
        var shard = position.shard
        for _ in 0..<Position.shardCount where found.count == before {
            lock(shard)
            for space in 0..<store.databases {
                if let candidate = sample(shard, position.tag, space, rank) { found.append(candidate) }
            }
            unlock(shard)
            shard = (shard + 1) & (Position.shardCount - 1)
        }
    }

    /// The first key of the kind at or behind a tag of one table, once around. O(slots) where few keys are of the kind.
    private func sample(_ shard: Int, _ tag: UInt32, _ space: Int, _ rank: EvictionRank) -> EvictionCandidate? {
        let part = partitions + (space * Position.shardCount + shard)
        guard (rank.onlyExpiring ? part.pointee.expiring : part.pointee.resident) > 0 else { return nil }
        let slots = part.pointee.table.slotCount
        var index = part.pointee.table.firstIndex(from: tag)
        for _ in 0..<slots {
            if index >= slots { index = 0 }
            let slot = part.pointee.table.slot(at: index)
            if !slot.isFree, slot.record.residence.isLive, !rank.onlyExpiring || slot.record.hasExpiry {
                return EvictionCandidate(
                    key: slot.record.key.array, position: Position(shard: shard, tag: slot.tag), space: space,
                    score: score(slot.record, rank.order))
            }
            index += 1
        }
        return nil
    }

    /// Deletes a key that was sampled, if it is still of the kind. Takes and releases the lock. `heedsHold`: not while
    /// `KeyspaceStore.holdsDeletions` is set.
    public mutating func evict(
        _ candidate: EvictionCandidate, _ rank: EvictionRank, heedsHold: Bool
    ) -> EvictionOutcome {
        let shard = candidate.position.shard
        lock(shard)
        defer { unlock(shard) }
        if heedsHold, store.holdsDeletions.load(ordering: .relaxed) { return .held }
        let part = partitions + (candidate.space * Position.shardCount + shard)
        let index = candidate.key.withSlice { part.pointee.table.find(candidate.position.tag, $0) }
        guard index >= 0 else { return .gone }
        let record = part.pointee.table.slot(at: index).record
        guard record.residence.isLive, !rank.onlyExpiring || record.hasExpiry else { return .gone }
        Ledger.add(1, to: ledger.evicted)
        Ledger.add(1, to: ledger.changes)
        if notifies(.evicted) { add(.evicted, "evicted", record.key, space: candidate.space) }
        let entry = Entry(record: record, partition: part, shard: shard, index: index)
        note(.evicted, entry)
        remove(entry)
        return .deleted
    }

    private func score(_ record: Record, _ order: EvictionRank.Order) -> Int64 {
        switch order {
        case .nothing: 0
        case .idle: Int64(accessClock.idleSeconds(record))
        case .infrequent: Int64(255 - accessClock.frequency(record))
        case .soonest: -(record.expiry ?? .max)
        }
    }
}
