import Bytes
import Values

// Walk: bounded slices over keys in the order of positions, for SCAN, KEYS, RANDOMKEY and expiry.
//
// A slice of both tiers is made in this order: take the RAM slice, then open the provider's iterator over the same
// positions, then ask RAM about each key it yields. A key that is there during the whole walk is then returned,
// whatever tier it moves between: in RAM at the first step, or on flash since then (faulting in deletes nothing on
// flash).
//
// A key that was deleted before the walk may still be yielded by the iterator, and its tombstone may leave RAM (the
// delete being confirmed) before RAM is asked. `Partition.burials` tells: where it changed since the slice began, the
// provider is asked for the key itself.

/// A part of a walk over a database's keys.
public struct WalkRequest: Sendable {
    public let database: Int
    /// Where to begin; positions are 0 ..< 2^32.
    public let from: UInt64
    /// About how many keys to look at; the walk ends at the end of a position. `Int.max`: all.
    public let count: Int
    /// Keys to return: those that match the pattern and type.
    public let pattern: [UInt8]?
    public let type: [UInt8]?
    /// Stop as soon as so many keys are found.
    public let atMost: Int

    public init(
        database: Int, from: UInt64, count: Int, pattern: [UInt8]? = nil, type: [UInt8]? = nil, atMost: Int = .max
    ) {
        self.database = database
        self.from = from
        self.count = count
        self.pattern = pattern
        self.type = type
        self.atMost = atMost
    }
}

/// What a walk found.
public struct WalkResult: Sendable {
    public let keys: [[UInt8]]
    /// Where to go on; nil at the end.
    public let next: UInt64?
    /// The request's `from`: what a command that walks twice knows its walks by.
    public let from: UInt64

    public init(keys: [[UInt8]], from: UInt64, next: UInt64?) {
        self.keys = keys
        self.from = from
        self.next = next
    }
}

/// What RAM says of a key that the provider's iterator yielded.
public enum ResidentAnswer: Sendable {
    /// An entry: live, or a tombstone. The walk's RAM slice has it, or it was made or deleted since.
    case live(expiry: Int64?, type: ValueType)
    case dead
    /// No entry: flash has the truth, as it is now.
    case cold(burials: UInt64)
}

/// Where the RAM half of a slice ended, and what the flash half must know of that moment.
public struct ResidentSlice: Sendable {
    /// The tag to go on from, nil at the shard's end.
    public let next: UInt32?
    /// Keys of the partition that may be only on flash. Asked later, a key could have been faulted in behind the visit
    /// and be in neither half.
    public let cold: Int
    public let burials: UInt64
}

extension LockedKeyspace {
    /// Visits the live records of one shard and space with tags from `tag` on, past-due ones included, until about
    /// `limit` slots were looked at; a tag's records are never split. Takes and releases the lock; the records are
    /// valid during the visit.
    public mutating func walkResident(
        shard: Int, space: Int, from tag: UInt32, limit: Int, _ visit: (Record, Position) -> Void
    ) -> ResidentSlice {
        lock(shard)
        defer { unlock(shard) }
        let part = partitions + (space * Position.shardCount + shard)
        var index = part.pointee.table.firstIndex(from: tag)
        var looked = 0
        var last: UInt32?
        while index < part.pointee.table.slotCount {
            let slot = part.pointee.table.slot(at: index)
            if !slot.isFree {
                if looked >= limit, let last, slot.tag != last {
                    return ResidentSlice(next: last + 1, cold: part.pointee.cold, burials: part.pointee.burials)
                }
                if slot.record.residence.isLive {
                    visit(slot.record, Position(shard: shard, tag: slot.tag))
                }
                last = slot.tag
            }
            looked += 1
            index += 1
        }
        return ResidentSlice(next: nil, cold: part.pointee.cold, burials: part.pointee.burials)
    }

    /// Asks RAM about a key that the iterator yielded. Takes and releases the lock.
    public mutating func ask(space: Int, generation: UInt32, position: Position, key: ByteSlice) -> ResidentAnswer {
        lock(position.shard)
        defer { unlock(position.shard) }
        guard store.generations[space] == generation else { return .dead }
        let part = partitions + (space * Position.shardCount + position.shard)
        let index = part.pointee.table.find(position.tag, key)
        guard index >= 0 else { return .cold(burials: part.pointee.burials) }
        let record = part.pointee.table.slot(at: index).record
        return record.residence.isLive ? .live(expiry: record.expiry, type: record.type) : .dead
    }

    /// Members that one look at a collection removes: some 100 microseconds.
    private static let membersPerLook = 256

    /// Deletes past-due keys of one shard and space, and past-due members: looks at up to `slots` slots from where the
    /// last visit ended. Takes and releases the lock. Returns how many slots with an expiry it saw, how many it found
    /// something past due in, and whether there are others with an expiry.
    public mutating func expireResident(
        shard: Int, space: Int, slots: Int
    ) -> (seen: Int, expired: Int, holdsMore: Bool) {
        lock(shard)
        defer { unlock(shard) }
        let part = partitions + (space * Position.shardCount + shard)
        guard part.pointee.expiring > 0 || part.pointee.memberExpiring > 0 else { return (0, 0, false) }
        if store.holdsDeletions.load(ordering: .relaxed) { return (0, 0, true) }
        var seen = 0
        var expired = 0
        for _ in 0..<min(slots, part.pointee.table.slotCount) {
            if part.pointee.expiryHand >= part.pointee.table.slotCount { part.pointee.expiryHand = 0 }
            guard part.pointee.table.count > 0 else { break }
            let index = part.pointee.expiryHand
            part.pointee.expiryHand += 1
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree, slot.record.residence.isLive, slot.record.hasTimes else { continue }
            seen += 1
            let entry = Entry(record: slot.record, partition: part, shard: shard, index: index)
            if let expiry = slot.record.expiry, expiry < now {
                expire(entry)
            } else if slot.record.hasMemberExpiries, slot.record.collectionObject?.dueMembers(at: now) ?? 0 > 0 {
                _ = trim(entry, limit: Self.membersPerLook)
            } else {
                continue
            }
            expired += 1
            // An entry that left closed its gap, and a collection may have more that is due: look at this index again.
            part.pointee.expiryHand = index
        }
        return (seen, expired, part.pointee.expiring > 0 || part.pointee.memberExpiring > 0)
    }
}

extension ValueType {
    /// What TYPE says, and SCAN's TYPE option takes.
    public var name: StaticString {
        switch self {
        case .string: "string"
        case .list: "list"
        case .set: "set"
        case .zset: "zset"
        case .hash: "hash"
        case .stream: "stream"
        }
    }
}
