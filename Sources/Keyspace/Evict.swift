import Values

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

extension LockedKeyspace {
    /// Deletes the best candidate among the first `samples` records at or behind a position of one shard. Takes and
    /// releases the lock. Returns whether there was one.
    public mutating func evict(near position: Position, space: Int, samples: Int, _ rank: EvictionRank) -> Bool {
        lock(position.shard)
        defer { unlock(position.shard) }
        let part = partitions + (space * Position.shardCount + position.shard)
        guard part.pointee.resident > 0 else { return false }
        var index = part.pointee.table.firstIndex(from: position.tag)
        var best: (index: Int, score: Int64)?
        var seen = 0
        // Once around at most: a sample near the end goes on at the beginning.
        for _ in 0..<part.pointee.table.slotCount where seen < samples {
            if index >= part.pointee.table.slotCount { index = 0 }
            let slot = part.pointee.table.slot(at: index)
            if !slot.isFree, slot.record.residence.isLive, let score = score(slot.record, rank) {
                seen += 1
                if best.map({ score > $0.score }) ?? true { best = (index, score) }
            }
            index += 1
        }
        guard let best else { return false }
        let record = part.pointee.table.slot(at: best.index).record
        Ledger.add(1, to: ledger.evicted)
        let entry = Entry(record: record, partition: part, shard: position.shard, index: best.index)
        if notifies(.evicted) { add(.evicted, "evicted", record.key, space: space) }
        delete(entry)
        return true
    }

    private func score(_ record: Record, _ rank: EvictionRank) -> Int64? {
        if rank.onlyExpiring, !record.hasExpiry { return nil }
        switch rank.order {
        case .nothing: return 0
        case .idle: return Int64(accessClock.idleSeconds(record))
        case .infrequent: return Int64(255 - accessClock.frequency(record, decayMinutes: 1))
        case .soonest: return -(record.expiry ?? .max)
        }
    }
}
