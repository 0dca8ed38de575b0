import Bytes
import CShims
import Platform
import Synchronization
import Values

/// All keys: shards, databases, generations.
///
/// The shards' locks lie in an array of their own, a cache line each; shards and partitions lie behind
/// pointers that never move. Partitions are grouped by space, so databases that nobody uses cost no resident memory.
public final class KeyspaceStore: @unchecked Sendable {
    // @unchecked: partitions and shards are guarded by their shard's lock, `map` and `generations` by all of them.
    @usableFromInline let locks: UnsafeMutablePointer<PaddedLock>
    @usableFromInline let shards: UnsafeMutablePointer<Shard>
    @usableFromInline let partitions: UnsafeMutablePointer<Partition>
    /// Database number to space. Changed with every shard locked; what is read with none locked may be out of date.
    @usableFromInline let map: UnsafeMutablePointer<Atomic<Int>>
    /// Space to keyspace generation, the first part of its keys on flash. Changed with every shard locked, read with
    /// any locked.
    @usableFromInline let generations: UnsafeMutablePointer<UInt32>
    /// Spaces that may hold records with an expiry in RAM; see `takeExpiring`.
    private let mayExpire: UnsafeMutablePointer<Atomic<Bool>>
    public let databases: Int
    public let placement: Placement
    /// The next generation to be allotted. Guarded by all locks.
    public private(set) var nextGeneration: UInt32
    /// The last number that a collection with pages on flash got.
    private let lastCollection: Atomic<UInt64>
    private let ledgers = Monitor<[Ledger]>([])
    /// For views that only look: nothing is ever written to it.
    public let idleLedger = Ledger()
    /// Whether a storage provider stands behind: else no key is ever cold.
    public let hasProvider: Bool
    /// Whether threads other than the loops must not delete keys (expiry, eviction) just now. Looked at under a shard's
    /// lock; see `holdDeletions`.
    public let holdsDeletions = Atomic<Bool>(false)
    /// Whether nothing is deleted for being past due (CLIENT PAUSE). Any thread.
    public let holdsExpiry = Atomic<Bool>(false)
    /// The classes of events that are wanted (`EventClasses`). Any thread.
    public let eventClasses = Atomic<UInt32>(0)
    /// Which keys stay in RAM and which leave early, if there are such rules, and how often that was changed.
    let flashRules = Monitor<FlashRules?>(nil)
    let hasFlashRules = Atomic<Bool>(false)
    public let flashRulesVersion = Atomic<Int>(0)
    /// Whether keys that a rule calls hot leave RAM, too: the spiller has found next to nothing else.
    public let takesHot = Atomic<Bool>(false)
    /// Who is told of changes and events by threads without a listener of their own. Set before they start.
    public unowned(unsafe) var listener: (any KeyspaceListener)?  // the server's, which owns the store

    /// A lock with a cache line to itself.
    @usableFromInline
    struct PaddedLock: ~Copyable {
        @usableFromInline let lock = LockWord()
        /// How many of the shard's keys are reserved. Guarded by the lock, and here because every call has just taken
        /// that: its line is in the cache.
        @usableFromInline var reserved: UInt32 = 0
        // 64 bytes less those, so that neighbours never share a line.
        private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
        init() {}
    }

    /// An empty keyspace. `generations`: those of the databases 0, 1, ... if they are known from flash;
    /// `nextGeneration`: the first that was never used there; `lastCollection`: the last number of a collection there.
    public init(
        databases: Int, placement: Placement, hasProvider: Bool, generations known: [UInt32] = [],
        nextGeneration fresh: UInt32 = 1, lastCollection: UInt64 = 0
    ) {
        self.lastCollection = Atomic(lastCollection)
        precondition(databases > 0 && databases <= Int(UInt16.max), "\(databases) databases")
        let count = Position.shardCount
        self.databases = databases
        self.placement = placement
        self.hasProvider = hasProvider
        locks = .allocate(capacity: count)
        shards = .allocate(capacity: count)
        for index in 0..<count {
            (locks + index).initialize(to: PaddedLock())
            (shards + index).initialize(to: Shard())
        }
        // A fresh partition is all zero bytes, so pages of unused databases are never touched. Mapped rather than
        // allocated, they don't count as memory in use either.
        partitions = firn_map_zeros(count * databases * MemoryLayout<Partition>.stride)
            .bindMemory(to: Partition.self, capacity: count * databases)
        map = .allocate(capacity: databases)
        generations = .allocate(capacity: databases)
        mayExpire = .allocate(capacity: databases)
        for index in 0..<databases { (mayExpire + index).initialize(to: Atomic(false)) }
        var next = max(fresh, (known.max() ?? 0) + 1)
        for index in 0..<databases {
            (map + index).initialize(to: Atomic(index))
            if index < known.count {
                generations[index] = known[index]
            } else {
                generations[index] = next
                next += 1
            }
        }
        nextGeneration = next
    }

    deinit {
        for space in 0..<databases {
            for shard in 0..<Position.shardCount { partition(shard, space).pointee.free() }
        }
        locks.deinitialize(count: Position.shardCount)
        shards.deinitialize(count: Position.shardCount)
        locks.deallocate()
        shards.deallocate()
        firn_unmap(partitions, Position.shardCount * databases * MemoryLayout<Partition>.stride)
        mayExpire.deinitialize(count: databases)
        mayExpire.deallocate()
        map.deinitialize(count: databases)
        map.deallocate()
        generations.deallocate()
    }

    // MARK: Access

    @inlinable
    func partition(_ shard: Int, _ space: Int) -> UnsafeMutablePointer<Partition> {
        partitions + (space &* Position.shardCount &+ shard)
    }

    /// The space that a database shows now. Needs a shard's lock to be stable.
    @inlinable
    public func space(ofDatabase database: Int) -> Int { map[database].load(ordering: .relaxed) }

    // A look at every shard of every space, ten times a second, would cost an idle server a percent of its processor.
    // So a space is marked when one of its partitions gets its first record with an expiry, under the shard's lock. The
    // walk takes the mark away before it looks at the shards, and puts it back if it finds such records: one that a
    // shard got before it was looked at is found there, one that it got afterwards has marked the space again.

    /// A partition of this space has got its first record with an expiry. Needs the shard's lock.
    func markExpiring(space: Int) { mayExpire[space].store(true, ordering: .relaxed) }

    /// Whether the space may hold records with an expiry; takes the mark away.
    public func takeExpiring(space: Int) -> Bool {
        mayExpire[space].load(ordering: .relaxed) && mayExpire[space].exchange(false, ordering: .relaxed)
    }

    /// Puts the mark back.
    public func keepExpiring(space: Int) { mayExpire[space].store(true, ordering: .relaxed) }

    /// The generation of a space. Needs a shard's lock to be stable.
    @inlinable
    public func generation(ofSpace space: Int) -> UInt32 { generations[space] }

    @inlinable
    public func lock(_ shard: Int) { locks[shard].lock.lock() }

    @inlinable
    public func unlock(_ shard: Int) { locks[shard].lock.unlock() }

    /// Takes every lock in ascending order: for FLUSHALL, SWAPDB, a cut. About 20 microseconds when nobody is in the
    /// way.
    public func lockAll() {
        for shard in 0..<Position.shardCount { lock(shard) }
    }

    public func unlockAll() {
        for shard in 0..<Position.shardCount { unlock(shard) }
    }

    /// Has the other threads delete nothing until `holdsDeletions` is taken back: when this returns, none is about to.
    public func holdDeletions() {
        holdsDeletions.store(true, ordering: .relaxed)
        for shard in 0..<Position.shardCount {
            lock(shard)
            unlock(shard)
        }
    }

    // MARK: Ledgers

    /// A ledger for the calling thread, to live as long as the keyspace.
    public func makeLedger() -> Ledger {
        let ledger = Ledger()
        ledgers.withLock { $0.append(ledger) }
        return ledger
    }

    /// The sum of one counter over all threads.
    public func total(_ counter: (Ledger) -> Int) -> Int {
        ledgers.withLock { all in all.reduce(0) { $0 + counter($1) } }
    }

    /// Bytes of records and tables.
    public var memoryBytes: Int { total { $0.memoryBytes.load(ordering: .relaxed) } }

    // MARK: Collections

    /// A number for a collection whose pages go to flash.
    func nextCollection() -> UInt64 { lastCollection.add(1, ordering: .relaxed).newValue }

    /// The last number that was given, for the seal.
    public var collectionsNumbered: UInt64 { lastCollection.load(ordering: .relaxed) }

    // MARK: Databases

    /// What a database holds, summed shard by shard.
    public struct Counts: Sendable {
        public var keys = 0
        public var resident = 0
        /// While this is not 0, `keys` may be too large by as much.
        public var unresolved = 0
        public var expiring = 0
        /// Keys whose members expire.
        public var memberExpiring = 0
        public var cold: Int { keys - resident }
        public init() {}
    }

    /// Sums a database's counters, one shard's lock at a time. O(shards), some 50 microseconds.
    public func counts(database: Int) -> Counts {
        var sum = Counts()
        for shard in 0..<Position.shardCount {
            lock(shard)
            let part = partition(shard, space(ofDatabase: database))
            sum.keys += part.pointee.keys
            sum.resident += part.pointee.resident
            sum.unresolved += part.pointee.unresolved
            sum.expiring += part.pointee.expiring + part.pointee.coldExpiring
            sum.memberExpiring += part.pointee.memberExpiring + part.pointee.coldMemberExpiring
            unlock(shard)
        }
        return sum
    }

    /// Exchanges what two databases show. All locks must be held; constant time.
    public func swap(_ a: Int, _ b: Int) {
        let kept = space(ofDatabase: a)
        map[a].store(space(ofDatabase: b), ordering: .relaxed)
        map[b].store(kept, ordering: .relaxed)
    }

    /// What a flush leaves behind: tables to be freed, and the generation whose data on flash is dead.
    public struct Detached: @unchecked Sendable {
        // @unchecked: nobody else refers to the tables any more.
        public let generation: UInt32
        fileprivate let tables: [KeyTable]
        /// Keys that existed.
        public let keys: Int

        /// Frees the records. O(records): not under a lock, not on an event loop. Returns the bytes freed.
        public func free(_ ledger: Ledger) {
            var freed = 0
            for var table in tables {
                for index in 0..<table.slotCount where !table.slot(at: index).isFree {
                    let record = table.slot(at: index).record
                    freed += record.memoryBytes
                    record.free()
                }
                freed += table.memoryBytes
                table.releaseArray()
            }
            Ledger.add(-freed, to: ledger.memoryBytes)
        }
    }

    /// Empties a database: detaches its tables and gives it a new generation. All locks must be held. O(shards).
    /// Writes and faults in flight complete into a dead generation and change nothing.
    public func detach(database: Int) -> Detached {
        let space = self.space(ofDatabase: database)
        let dead = generations[space]
        var tables: [KeyTable] = []
        var keys = 0
        for shard in 0..<Position.shardCount {
            let part = partition(shard, space)
            keys += part.pointee.keys - part.pointee.unresolved
            if part.pointee.table.slotCount > 0 { tables.append(part.pointee.table) }
            let departures = part.pointee.departures
            part.pointee = Partition()
            part.pointee.departures = departures &+ 1
            shards[shard].markStale(space: space)
        }
        generations[space] = nextGeneration
        nextGeneration += 1
        return Detached(generation: dead, tables: tables, keys: keys)
    }

    // MARK: Restart

    /// The cold keys of each shard of a space, for the seal and from it.
    public struct ColdCounts: Sendable {
        public var keys: [UInt32]
        public var expiring: [UInt32]
        public var memberExpiring: [UInt32]
        public init(keys: [UInt32], expiring: [UInt32], memberExpiring: [UInt32] = []) {
            self.keys = keys
            self.expiring = expiring
            self.memberExpiring = memberExpiring
        }
    }

    /// What would be cold if everything left RAM now. Needs all locks and nothing unresolved.
    public func coldCounts(database: Int) -> ColdCounts {
        var result = ColdCounts(keys: [], expiring: [])
        for shard in 0..<Position.shardCount {
            let part = partition(shard, space(ofDatabase: database))
            precondition(part.pointee.unresolved == 0, "sealing shard \(shard) with unresolved keys")
            result.keys.append(UInt32(part.pointee.keys))
            result.expiring.append(UInt32(part.pointee.expiring + part.pointee.coldExpiring))
            result.memberExpiring.append(UInt32(part.pointee.memberExpiring + part.pointee.coldMemberExpiring))
        }
        return result
    }

    /// Says how many keys of a database are on flash. Only at start, on an empty keyspace.
    public func restore(database: Int, _ counts: ColdCounts) {
        for shard in 0..<min(Position.shardCount, counts.keys.count) {
            let part = partition(shard, space(ofDatabase: database))
            part.pointee.keys = Int(counts.keys[shard])
            part.pointee.coldExpiring = Int(counts.expiring[shard])
            part.pointee.coldMemberExpiring =
                shard < counts.memberExpiring.count ? Int(counts.memberExpiring[shard]) : 0
        }
    }

    /// Sets the next generation, as the seal had it. Only at start.
    public func restore(nextGeneration next: UInt32) { nextGeneration = max(nextGeneration, next) }
}

extension Partition {
    /// Frees table and records.
    mutating func free() {
        for index in 0..<table.slotCount where !table.slot(at: index).isFree { table.slot(at: index).record.free() }
        table.releaseArray()
    }
}

extension KeyspaceStore {
    /// Slots of a shard's table of a space. Takes and releases the lock.
    public func slotCount(shard: Int, space: Int) -> Int {
        lock(shard)
        defer { unlock(shard) }
        return partition(shard, space).pointee.table.slotCount
    }

    /// The space a database shows and its generation, at this moment.
    public func identify(database: Int) -> (space: Int, generation: UInt32) {
        lock(0)
        defer { unlock(0) }
        let space = self.space(ofDatabase: database)
        return (space, generations[space])
    }

    /// The generations of all databases, in their order. All locks must be held.
    public var generationsByDatabase: [UInt32] { (0..<databases).map { generations[space(ofDatabase: $0)] } }
}

extension KeyspaceStore {
    /// The spaces with cold keys that have an expiry, or whose members have one. One round over the locks.
    public func spacesWithColdExpiring() -> [Int] {
        spaces { $0.pointee.coldExpiring > 0 || $0.pointee.coldMemberExpiring > 0 }
    }

    /// The spaces with cold keys. One round over the locks.
    public func spacesWithCold() -> [Int] { spaces { $0.pointee.cold > 0 } }

    /// The spaces with entries in RAM. One round over the locks.
    public func spacesInUse() -> [Int] { spaces { $0.pointee.table.count > 0 } }

    /// Every space there is.
    public var allSpaces: Range<Int> { 0..<databases }

    private func spaces(where question: (UnsafeMutablePointer<Partition>) -> Bool) -> [Int] {
        var found = [Bool](repeating: false, count: databases)
        for shard in 0..<Position.shardCount {
            lock(shard)
            for space in 0..<databases where !found[space] { found[space] = question(partition(shard, space)) }
            unlock(shard)
        }
        return found.indices.filter { found[$0] }
    }

    /// The generation of a space at this moment.
    public func currentGeneration(ofSpace space: Int) -> UInt32 {
        lock(0)
        defer { unlock(0) }
        return generations[space]
    }
}

extension KeyspaceStore {
    /// Whether everything in RAM is on flash too, nothing in flight, no count open. All locks must be held. O(records).
    public var isSettled: Bool {
        for space in 0..<databases {
            for shard in 0..<Position.shardCount {
                let part = partition(shard, space)
                if part.pointee.unresolved > 0 || !shards[shard].dead.isEmpty { return false }
                for index in 0..<part.pointee.table.slotCount {
                    let slot = part.pointee.table.slot(at: index)
                    if slot.isFree { continue }
                    switch slot.record.residence.state {
                    case .clean: if slot.record.collectionObject?.paging?.isSettled == false { return false }
                    case .absent: continue
                    case .dirty, .spilling, .superseded, .deleted, .doomed, .deleting: return false
                    }
                }
            }
        }
        return true
    }
}
