import Bytes
import Platform
import Values

// HotKeys: which keys in RAM are in use, for the list by which the next start reads them in again.
//
// How hot a record is, its *heat*, is a number of 8 bits: its touches since the eviction hand came by, then how lately
// (LRU) or often (LFU) it was used. Without touches it is not hot, unless a rule says so (see FlashRules). The hottest
// of many are found without sorting: the heat of a sample of the shards tells from where on records are hot enough, and
// one walk shows those.

/// A key that was in use.
public struct HotKey: Sendable, Equatable {
    /// Of its database, when the list was made.
    public let generation: UInt32
    /// 1 to 3.
    public let touches: UInt8
    public let key: [UInt8]

    public init(generation: UInt32, touches: UInt8, key: [UInt8]) {
        self.generation = generation
        self.touches = touches
        self.key = key
    }
}

/// A list of such keys, which is read part by part, the hottest first.
public struct HotKeyList: Sendable {
    public let keys: Int
    public let parts: Int
    /// Reads one part; any thread.
    public let part: @Sendable (Int) throws -> [HotKey]

    public init(keys: Int, parts: Int, part: @escaping @Sendable (Int) throws -> [HotKey]) {
        self.keys = keys
        self.parts = parts
        self.part = part
    }
}

/// Walks over the tables for keys that are hot.
public struct HotKeyWalk: ~Copyable {
    private var keyspace: LockedKeyspace

    /// Records whose heat is looked at to tell from where on others are hot enough: enough for an error below a
    /// percent.
    static let sampledRecords = 1 << 16

    /// - Parameter now: unix milliseconds.
    public init(store: KeyspaceStore, mode: AccessClock.Mode, now: Int64) {
        keyspace = LockedKeyspace(store: store, ledger: store.idleLedger)
        keyspace.now = now
        keyspace.accessClock.mode = mode
        keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: now / 1_000)
    }

    /// Shows `most` of the hottest keys, in the order of their places on flash, with the generation and the touches of
    /// each. Takes and releases the shards' locks, one at a time. Ends early at `deadline` (nanoseconds of the
    /// monotonic clock); false then. O(records).
    public mutating func forEach<E: Error>(
        most: Int, until deadline: Int64, _ body: (UInt32, UInt8, ByteSlice) throws(E) -> Void
    ) throws(E) -> Bool {
        let spaces = keyspace.store.spacesInUse()
        let (least, share) = leastHeat(spaces, most)
        var shown = 0
        // Of the least heat only a share is shown, spread evenly.
        var credit = 0.0
        for space in spaces {
            for shard in 0..<Position.shardCount {
                if Clock.monotonicNanoseconds() >= deadline { return false }
                try keyspace.forEachHot(shard: shard, space: space) { (generation, heat, record) throws(E) in
                    guard heat >= least, shown < most else { return }
                    if heat == least {
                        credit += share
                        guard credit >= 1 else { return }
                        credit -= 1
                    }
                    shown += 1
                    try body(generation, UInt8(heat >> Heat.latenessBits), record.key)
                }
            }
        }
        return true
    }

    /// From which heat on `most` records are shown, and which share of those that have just that.
    private mutating func leastHeat(_ spaces: [Int], _ most: Int) -> (heat: Int, share: Double) {
        let store = keyspace.store
        let resident = (0..<store.databases).reduce(0) { $0 + store.counts(database: $1).resident }
        if resident <= most { return (Heat.leastHot, 1) }
        let step = max(1, min(Position.shardCount / 16, resident / Self.sampledRecords))
        var counts = [Int](repeating: 0, count: Heat.limit)
        for space in spaces {
            for shard in stride(from: 0, to: Position.shardCount, by: step) {
                keyspace.forEachHot(shard: shard, space: space) { _, heat, _ in counts[heat] += step }
            }
        }
        var hotter = 0
        for heat in stride(from: Heat.limit - 1, through: Heat.leastHot, by: -1) {
            if hotter + counts[heat] > most { return (heat, Double(most - hotter) / Double(counts[heat])) }
            hotter += counts[heat]
        }
        return (Heat.leastHot, 1)
    }
}

/// The parts of a heat.
enum Heat {
    static let latenessBits = 6
    /// One touch, long ago.
    static let leastHot = 1 << latenessBits
    static let mostTouches = 3
    static let limit = (mostTouches + 1) << latenessBits
}

extension AccessClock {
    /// 0 to 63: the larger, the more lately (LRU) or the more often (LFU) the record was used.
    func lateness(_ record: Record) -> Int {
        switch mode {
        case .lru:
            // Seconds by halves of powers of two: 0, 1, 2, 3, 4 to 5, 6 to 7, 8 to 11 ..., 47 for the longest.
            let idle = idleSeconds(record)
            if idle < 2 { return 63 - idle }
            let power = Int.bitWidth - 1 - idle.leadingZeroBitCount
            return 63 - (2 * power + (idle >> (power - 1)) & 1)
        case .lfu: return frequency(record) / 4
        }
    }
}

extension LockedKeyspace {
    /// Shows the records of one table that are hot, with their heat and generation. Takes and releases the lock.
    mutating func forEachHot<E: Error>(
        shard: Int, space: Int, _ body: (UInt32, Int, Record) throws(E) -> Void
    ) throws(E) {
        lock(shard)
        defer { unlock(shard) }
        let rules = store.flashRulesInForce
        let part = partitions + (space * Position.shardCount + shard)
        let generation = store.generations[space]
        for index in 0..<part.pointee.table.slotCount {
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree else { continue }
            let residence = slot.record.residence
            guard residence.isLive, slot.record.expiry.map({ $0 >= now }) ?? true else { continue }
            var touches = Int(residence.frequency)
            switch rules?.policy(of: slot.record.key) ?? .standard {
            case .standard: break
            case .hot: touches = Heat.mostTouches
            case .cold: touches = 0
            }
            if touches == 0 { continue }
            let heat = touches << Heat.latenessBits | accessClock.lateness(slot.record)
            try body(generation, heat, slot.record)
        }
    }
}
