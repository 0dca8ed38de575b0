import Bytes
import Keyspace
import Platform
import Storage
import Values

/// SCAN, KEYS and RANDOMKEY over both tiers. See Keyspace/Walk for the order that makes it complete.
public struct Walker: ~Copyable {
    private var keyspace: LockedKeyspace
    private let tier: Tier?

    /// Slots of RAM, and records of flash, that one slice takes.
    private static let sliceLimit = 1_024

    /// A walker for the calling thread; without a tier there is only RAM.
    public init(store: KeyspaceStore, tier: Tier?) {
        keyspace = LockedKeyspace(store: store, ledger: store.idleLedger)
        self.tier = tier
    }

    /// Walks from `request.from` until about `request.count` keys were looked at. Reads from flash where shards have
    /// cold keys.
    public mutating func walk(_ request: WalkRequest, now: Int64) throws(StorageError) -> WalkResult {
        keyspace.now = now
        let (space, generation) = keyspace.store.identify(database: request.database)
        var keys: [[UInt8]] = []
        var at = request.from
        var looked = 0
        while at < 1 << 32 {
            let slice = try walkSlice(request, space, generation, from: at, &keys)
            at = slice.next
            looked += slice.looked
            if looked >= request.count || keys.count >= request.atMost { break }
        }
        if keys.count > request.atMost { keys.removeLast(keys.count - request.atMost) }
        return WalkResult(keys: keys, from: request.from, next: at < 1 << 32 ? at : nil)
    }

    /// Whether a walk of the database needs no device: nothing is cold.
    public static func isResident(_ store: KeyspaceStore, database: Int) -> Bool {
        !store.hasProvider || store.counts(database: database).cold == 0
    }

    /// One slice of one shard. Returns where it ended and how many keys it looked at.
    private mutating func walkSlice(
        _ request: WalkRequest, _ space: Int, _ generation: UInt32, from: UInt64, _ keys: inout [[UInt8]]
    ) throws(StorageError) -> (next: UInt64, looked: Int) {
        let shard = Int(from >> UInt64(Position.tagBits))
        let tag = UInt32(from & (1 << UInt64(Position.tagBits) - 1))
        let limit = max(1, min(Self.sliceLimit, request.count, request.atMost))
        var resident: [(position: UInt64, key: [UInt8])] = []
        var found: [(position: UInt64, key: [UInt8])] = []
        let now = keyspace.now
        let slice = keyspace.walkResident(shard: shard, space: space, from: tag, limit: limit) { record, position in
            resident.append((UInt64(position.bits), record.key.array))
            if let expiry = record.expiry, expiry < now { return }
            if Self.matches(request, record.key, record.type) {
                found.append((UInt64(position.bits), record.key.array))
            }
        }
        var bound =
            slice.next.map { UInt64(Position(shard: shard, tag: $0).bits) }
                ?? UInt64(shard + 1) << UInt64(Position.tagBits)
        var looked = resident.count
        if let tier, slice.cold > 0 {
            let known = Set(resident.map(\.key))
            looked += try walkFlash(
                request, tier, space, generation, slice, from: from, bound: &bound, limit: limit, known: known, &found)
        }
        keys += found.lazy.filter { $0.position < bound }.map(\.key)
        return (bound, looked)
    }

    /// The flash half of a slice: shortens `bound` where it stops early, always at the end of a position.
    private mutating func walkFlash(
        _ request: WalkRequest, _ tier: Tier, _ space: Int, _ generation: UInt32, _ slice: ResidentSlice,
        from: UInt64, bound: inout UInt64, limit: Int, known: Set<[UInt8]>,
        _ found: inout [(position: UInt64, key: [UInt8])]
    ) throws(StorageError) -> Int {
        let first = FlashKey.recordStart(generation: generation, position: from)
        let last = FlashKey.recordStart(generation: generation, position: bound)
        let cursor = try first.withSlice { (first) throws(StorageError) in
            try last.withSlice { (last) throws(StorageError) in
                try tier.provider.cursor(from: first, to: last, withValues: true)
            }
        }
        var looked = 0
        var previous: UInt64?
        while let (name, value) = try cursor.next() {
            guard case .record(_, let position, let key)? = FlashKey.parse(name) else { break }
            let here = UInt64(position.bits)
            if looked >= limit, let previous, here != previous {
                bound = previous + 1
                break
            }
            previous = here
            looked += 1
            if known.contains(key.array) { continue }
            guard let head = RecordEncoding.head(value) else {
                throw StorageError(.corruption, "the record on flash is not in a known format")
            }
            var expiry = head.expiry
            var type = head.type
            switch keyspace.ask(space: space, generation: generation, position: position, key: key) {
            case .dead: continue
            case .cold(let burials):
                // Deleted since the iterator was opened, or before: only the provider knows.
                if burials != slice.burials, case .missing = try tier.readUntilServed(name) { continue }
            case .live(let newExpiry, let newType):
                expiry = newExpiry
                type = newType
            }
            if let expiry, expiry < keyspace.now { continue }
            if Self.matches(request, key, type) { found.append((here, key.array)) }
        }
        return looked
    }

    private static func matches(_ request: WalkRequest, _ key: ByteSlice, _ type: ValueType) -> Bool {
        if let wanted = request.type, !wanted.withSlice({ $0.equalsIgnoringCase(lowercase: ByteSlice(type.name)) }) {
            return false
        }
        guard let pattern = request.pattern else { return true }
        return pattern.withSlice { GlobPattern.matches(pattern: $0, text: key) }
    }
}
