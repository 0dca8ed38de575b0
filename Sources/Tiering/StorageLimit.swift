import Bytes
import Keyspace
import Platform
import Storage
import Synchronization
import Values

/// The thread that keeps the provider's size on disk below `maxstorage`, and so that `flash-disk-reserve` stays free
/// (whichever comes first is the limit), has written anew what flushes left, and gets space back after mass deletes.
///
/// It looks ten times a second. Above the limit writes are refused (`noeviction`), or keys are deleted: from nine
/// tenths of the limit on (so that writers are met only by the last tenth) until what is left would fit into eight.
/// Which:
///
/// - any key: those of a slice of the positions, which is as good as a random choice, for positions are hashes. The
///   hand goes on from slice to slice. Keys in RAM, which are the hot ones, are spared. A slice is one range of the
///   provider's keys, so it is compacted alone, and the space is back after work in proportion to what was deleted.
/// - keys with an expiry: by the index of expiries, the soonest first. They lie scattered: everything is compacted.
///
/// Space comes back only by compaction, so the size on disk says nothing of what has just been deleted. Each round
/// therefore deletes for the excess it measured, compacts, and measures again.
final class StorageLimit: Sendable {
    private let tier: Tier
    private let thread = RecurringThread(name: "storage-limit")
    private static let pauseNanoseconds: Int64 = 100_000_000
    /// Everything is compacted this often at most.
    private static let compactionNanoseconds: Int64 = 2_000_000_000
    /// Whether deleted data is to be got rid of is asked this often, and it is this often at most.
    private static let reclaimLookNanoseconds: Int64 = 2_000_000_000
    private static let reclaimNanoseconds: Int64 = 30_000_000_000
    /// Below, deleted data may stay until compactions meet it.
    private static let leastReclaimedBytes = 8 << 20
    /// What flushes have left is written anew this often at most.
    private static let rewriteNanoseconds: Int64 = 1_000_000_000

    init(tier: Tier) { self.tier = tier }

    func start() { thread.start { [self] in run() } }
    func stop() {
        // One of everything takes long.
        tier.provider.cancelCompactions(true)
        thread.stop()
        tier.provider.cancelCompactions(false)
    }

    /// How large the provider may become.
    struct Bound {
        enum Kind: Equatable {
            case storage, reserve

            /// The error reply to writes.
            var refusal: String {
                switch self {
                case .storage: "OOM command not allowed when used storage > 'maxstorage'."
                case .reserve: "OOM command not allowed when free disk space < 'flash-disk-reserve'."
                }
            }
        }

        /// Bytes; `.max`: as large as it likes.
        var bytes = Int.max
        var kind = Kind.storage

        init(_ settings: TierSettings, _ statistics: StorageStatistics) {
            if settings.maximumStorageBytes > 0 { bytes = settings.maximumStorageBytes }
            guard settings.diskReserveBytes > 0, let free = statistics.freeBytes else { return }
            // Others may have taken of the reserve: then it has to become smaller, if it can.
            let most = max(1, Int(clamping: statistics.diskBytes) + Int(clamping: free) - settings.diskReserveBytes)
            if most < bytes {
                bytes = most
                kind = .reserve
            }
        }
    }

    private func run() {
        var round = Round(tier: tier)
        var upkeep = Upkeep()
        var refusal: Bound.Kind?
        while thread.pause(nanoseconds: Self.pauseNanoseconds) {
            let settings = tier.settings.withLock { $0 }
            let isMeasured = settings.maximumStorageBytes > 0 || settings.diskReserveBytes > 0
            let statistics = isMeasured ? tier.provider.statistics : StorageStatistics()
            let bound = Bound(settings, statistics)
            let limit = bound.bytes
            let isLimited = limit < .max
            var used = Int(statistics.diskBytes)
            var isExhausted = settings.storagePolicy == .refuse
            if isLimited, used > limit / 10 * 9, settings.storagePolicy != .refuse {
                // Garbage first: where little of it is alive no key need be deleted.
                let isGarbage = statistics.liveBytes > 0 && Int(statistics.liveBytes) < limit / 10 * 7
                if !isGarbage || !upkeep.compact(tier) {
                    // Where the provider fails writes are refused: the spiller says why, this thread tries again.
                    let outcome = try? round.run(excess: used - limit / 10 * 8, settings.storagePolicy) { [thread] in
                        thread.isStopping
                    }
                    isExhausted = outcome != .deleted
                }
                used = Int(tier.provider.statistics.diskBytes)
            }
            // Once refused, a fiftieth must be free before writes are taken again.
            let mark = refusal != nil ? limit - limit / 50 : limit
            let refuses = isLimited && used > mark && isExhausted
            if refusal != (refuses ? bound.kind : nil) {
                refusal = refuses ? bound.kind : nil
                tier.refuseForStorage(refusal)
            }
            tier.waitForStorage(isLimited && used > limit && !refuses)
            if refuses { _ = upkeep.compact(tier) }
            upkeep.rewriteLeftovers(tier)
            upkeep.reclaim(tier)
        }
    }

    /// Work that takes long. Compactions of everything: after something was written since the last one, and not all the
    /// time.
    private struct Upkeep {
        private var endedAt: Int64 = 0
        private var operations = 0
        private var rewrittenAt: Int64 = 0
        private var lookedAt: Int64 = 0
        private var reclaimedAt = Int64.min

        /// After mass deletes nothing makes RocksDB compact, for nothing is written any more: then the space would not
        /// come back. Everything is compacted when at least half of what was put has been deleted, so that a byte is
        /// written for each that comes back at most; and only where there is room for what is written.
        mutating func reclaim(_ tier: Tier) {
            let now = Clock.monotonicNanoseconds()
            guard now - lookedAt > StorageLimit.reclaimLookNanoseconds else { return }
            lookedAt = now
            guard reclaimedAt == .min || now - reclaimedAt > StorageLimit.reclaimNanoseconds else { return }
            if case .failed = tier.provider.health { return }
            let statistics = tier.provider.statistics
            guard statistics.deletedShare >= 0.5, statistics.diskBytes >= StorageLimit.leastReclaimedBytes,
                hasRoom(statistics)
            else { return }
            reclaimedAt = now
            tier.upkeep.startCompaction(because: "for most of what is on the disk has been deleted")
        }

        /// Whether what is alive may be written a second time.
        private func hasRoom(_ statistics: StorageStatistics) -> Bool {
            statistics.freeBytes ?? .max > statistics.liveBytes + statistics.memtableBytes
        }

        /// What flushes have left because it lies among live data.
        mutating func rewriteLeftovers(_ tier: Tier) {
            guard tier.hasLeftovers, case .good = tier.provider.health,
                Clock.monotonicNanoseconds() - rewrittenAt > StorageLimit.rewriteNanoseconds
            else { return }
            // What fails is tried again, and the spiller says why nothing can be written.
            try? tier.rewriteLeftovers()
            rewrittenAt = Clock.monotonicNanoseconds()
        }

        /// Whether it has compacted.
        mutating func compact(_ tier: Tier) -> Bool {
            let written = tier.spilledOperations.load(ordering: .relaxed)
            guard written != operations, Clock.monotonicNanoseconds() - endedAt > StorageLimit.compactionNanoseconds,
                hasRoom(tier.provider.statistics)
            else { return false }
            operations = written
            try? tier.provider.compactEverything()
            endedAt = Clock.monotonicNanoseconds()
            return true
        }
    }

    /// What a round of deleting came to.
    enum Outcome {
        case deleted
        /// There is no cold key that the policy allows to delete.
        case nothingLeft
    }

    /// Rounds of deleting, and where the last one ended.
    private struct Round: ~Copyable {
        let tier: Tier
        var keyspace: LockedKeyspace
        var shard = 0
        /// Collections whose pages have been deleted, and not compacted yet.
        var dead: [DeadCollection] = []

        /// Views of one shard before it is left for the next turn: records depart from it faster than it is read.
        static let viewsPerShard = 8
        /// Tombstones that are put into RAM before they are written.
        static let tombstonesAtATime = 1_024

        init(tier: Tier) {
            self.tier = tier
            keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        }

        /// Deletes about `excess` bytes of keys and values and has their space given back.
        mutating func run(
            excess: Int, _ policy: TierSettings.StoragePolicy, isStopping: () -> Bool
        ) throws(StorageError) -> Outcome {
            switch policy {
            case .refuse: return .nothingLeft
            case .deleteAny: return try deleteSlices(excess, isStopping)
            case .deleteExpiring: return try deleteSoonest(excess, isStopping)
            }
        }

        private mutating func deleteSlices(_ excess: Int, _ isStopping: () -> Bool) throws(StorageError) -> Outcome {
            var freed = 0
            var first = shard
            for _ in 0..<Position.shardCount where freed < excess && !isStopping() {
                for space in tier.store.spacesWithCold() { freed += try deleteShard(space) }
                try attend(shard)
                shard = (shard + 1) % Position.shardCount
                if shard == 0 {
                    try compact(first..<Position.shardCount)
                    first = 0
                }
            }
            if first < shard { try compact(first..<shard) }
            return freed > 0 ? .deleted : .nothingLeft
        }

        /// Deletes the cold keys of one shard and space. Returns the bytes of their keys and values.
        private mutating func deleteShard(_ space: Int) throws(StorageError) -> Int {
            var freed = 0
            var from = UInt64(shard) << UInt64(Position.tagBits)
            let end = UInt64(shard + 1) << UInt64(Position.tagBits)
            for _ in 0..<Self.viewsPerShard {
                let view = keyspace.coldView(shard: shard, space: space)
                if view.cold == 0 { break }
                let first = FlashKey.recordStart(generation: view.generation, position: from)
                let last = FlashKey.recordStart(generation: view.generation, position: end)
                let cursor = try first.withSlice { (first) throws(StorageError) in
                    try last.withSlice { (last) throws(StorageError) in
                        try tier.provider.cursor(from: first, to: last, withValues: true)
                    }
                }
                var isOutdated = false
                while !isOutdated, let (name, value) = try cursor.next() {
                    guard case .record(_, let position, let key)? = FlashKey.parse(name) else { break }
                    // Whatever can't be read as a record is counted as one without an expiry when it is deleted:
                    // leave it.
                    guard let head = RecordEncoding.head(value) else { continue }
                    from = UInt64(position.bits)
                    let outcome = keyspace.evictCold(
                        view, position: position, key: key, hadExpiry: head.expiry != nil,
                        hadMemberExpiries: head.memberExpiry != nil, collection: RecordEncoding.pagedCollection(value))
                    switch outcome {
                    case .deleted: freed += name.count + RecordEncoding.bytesWithPages(value)
                    case .resident: break
                    case .outdated: isOutdated = true
                    }
                }
                if !isOutdated { break }
            }
            return freed
        }

        /// Deletes keys with an expiry, those that are due first first.
        private mutating func deleteSoonest(_ excess: Int, _ isStopping: () -> Bool) throws(StorageError) -> Outcome {
            var freed = 0
            for space in tier.store.spacesWithColdExpiring() {
                let generation = tier.store.currentGeneration(ofSpace: space)
                let from = FlashKey.expiryStart(generation: generation, at: 0)
                let to = FlashKey.ranges(ofGeneration: generation)[1].to
                let cursor = try from.withSlice { (from) throws(StorageError) in
                    try to.withSlice { (to) throws(StorageError) in
                        try tier.provider.cursor(from: from, to: to, withValues: false)
                    }
                }
                var pending = 0
                while freed < excess, !isStopping(), let (entry, _) = try cursor.next() {
                    guard case .expiry(_, let due, let position, let key)? = FlashKey.parse(entry) else { break }
                    let bytes = try deleteExpiring(space, generation, due, position, key)
                    freed += bytes
                    pending += bytes > 0 ? 1 : 0
                    if pending == Self.tombstonesAtATime {
                        try attendAll()
                        pending = 0
                    }
                }
                try attendAll()
            }
            dead = []
            if freed > 0 { try tier.provider.compact(from: .empty, to: .empty) }
            return freed > 0 ? .deleted : .nothingLeft
        }

        /// Deletes the key of one hint, if it is cold and the hint is true. Returns the bytes of key and value.
        private mutating func deleteExpiring(
            _ space: Int, _ generation: UInt32, _ due: Int64, _ position: Position, _ key: ByteSlice
        ) throws(StorageError) -> Int {
            let view = keyspace.coldView(shard: position.shard, space: space)
            guard view.cold > 0, view.generation == generation else { return 0 }
            var name = ByteBuffer()
            FlashKey.record(generation: generation, position: position, key: key, into: &name)
            guard case .found(let value) = try tier.readUntilServed(name.slice),
                let head = RecordEncoding.head(value.slice), head.expiry == due,
                case .deleted = keyspace.evictCold(
                    view, position: position, key: key, hadExpiry: true, hadMemberExpiries: head.memberExpiry != nil,
                    collection: RecordEncoding.pagedCollection(value.slice))
            else { return 0 }
            return name.count + RecordEncoding.bytesWithPages(value.slice)
        }

        /// Writes the tombstones of one shard.
        private mutating func attend(_ shard: Int) throws(StorageError) { try attend(shard..<shard + 1) }
        private mutating func attendAll() throws(StorageError) { try attend(0..<Position.shardCount) }

        private mutating func attend(_ shards: Range<Int>) throws(StorageError) {
            dead += try tier.writing.withLock { () throws(StorageError) in
                var pass = SpillPass(tier: tier)
                pass.setTime(Clock.unixMilliseconds())
                pass.buried = []
                for shard in shards { _ = try pass.attend(shard: shard, limit: .max) }
                try pass.write()
                return pass.buried ?? []
            }
        }

        /// Has the space of shards given back, in every generation, and that of pages of collections that have died.
        private mutating func compact(_ shards: Range<Int>) throws(StorageError) {
            while let collection = dead.popLast() {
                let range = FlashKey.pages(generation: collection.generation, collection: collection.collection)
                try range.from.withSlice { (from) throws(StorageError) in
                    try range.to.withSlice { (to) throws(StorageError) in
                        try tier.provider.compact(from: from, to: to)
                    }
                }
            }
            for space in tier.store.allSpaces {
                let generation = tier.store.currentGeneration(ofSpace: space)
                let from = FlashKey.recordStart(
                    generation: generation, position: UInt64(shards.lowerBound) << UInt64(Position.tagBits))
                let to = FlashKey.recordStart(
                    generation: generation, position: UInt64(shards.upperBound) << UInt64(Position.tagBits))
                try from.withSlice { (from) throws(StorageError) in
                    try to.withSlice { (to) throws(StorageError) in try tier.provider.compact(from: from, to: to) }
                }
            }
        }
    }
}
