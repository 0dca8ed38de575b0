import Bytes
import Keyspace
import Platform
import Storage
import Synchronization
import Telemetry

/// What the tier is set up with.
public struct TierSettings: Sendable {
    public var budget: MemoryBudget
    /// Threads that read (`flash-io-threads`).
    public var readThreads: Int
    /// Reads that are queued at most (`flash-fault-queue-length`).
    public var queueLength: Int
    /// Limit of the provider's size on disk in bytes, 0: none (`maxstorage`).
    public var maximumStorageBytes: Int
    /// Bytes that are to stay free on the device, whoever uses it, 0: none (`flash-disk-reserve`).
    public var diskReserveBytes = 0
    /// Whether keys may be deleted when the limit is reached, and which; else writes are refused.
    public var storagePolicy: StoragePolicy
    /// Keys that the warm-up looks at in a second at most (`flash-warm-up-rate`).
    public var warmUpKeysPerSecond = 20_000
    /// What the provider's upkeep and a scrub read and write in a second, 0: no limit (`flash-background-io-limit`).
    public var upkeepBytesPerSecond = 0
    /// Bytes of obsolete files that are deleted in a second, 0: at once (`flash-delete-rate`).
    public var deleteBytesPerSecond = 0

    public enum StoragePolicy: Sendable {
        case refuse
        case deleteAny
        /// Keys with an expiry, the soonest first.
        case deleteExpiring
    }

    public init(
        budget: MemoryBudget, readThreads: Int = 16, queueLength: Int = 16_384, maximumStorageBytes: Int = 0,
        storagePolicy: StoragePolicy = .refuse
    ) {
        self.budget = budget
        self.readThreads = readThreads
        self.queueLength = queueLength
        self.maximumStorageBytes = maximumStorageBytes
        self.storagePolicy = storagePolicy
    }
}

/// The flash tier as the server sees it.
public final class Tier: @unchecked Sendable {
    // @unchecked: constants, atomics, monitors, and parts that are so themselves.
    public let store: KeyspaceStore
    public let provider: any StorageProvider
    let settings: Monitor<TierSettings>
    /// Held from choosing a batch to its completion; see Tiering.swift.
    let writing = TurnLock()
    /// What passes did, whoever made them. Changed with `writing` held.
    let passLedger: Ledger
    /// Called once, before the first write to the provider (the seal is taken away then).
    private let willWriteFirst: @Sendable () throws(StorageError) -> Void
    private let hasWritten = Atomic<Bool>(false)
    /// Nothing is written any more; see `seal`.
    private let isSealed = Atomic<Bool>(false)
    /// Flushed generations whose data has not been removed from flash yet.
    private let dead = Monitor<[UInt32]>([])
    /// Flushed generations that are deleted on flash, but a compaction held files of theirs when they were dropped.
    private let leftovers = Monitor<[UInt32]>([])

    private let high: Atomic<Int>
    private let limit: Atomic<Int>
    private let pressure = Atomic<Bool>(false)
    /// Why writes are refused: the provider's failure, and a limit of its size.
    private struct Refusals {
        var failure: String?
        var limit: StorageLimit.Bound.Kind?
        var text: String? { failure.map { "MISCONF \($0)" } ?? limit.map(\.refusal) }
    }
    private let refusals = Monitor(Refusals())
    private let isRefusing = Atomic<Bool>(false)
    /// Writers wait while keys are deleted for `maxstorage`.
    private let awaitsStorage = Atomic<Bool>(false)
    private let memoryQueue = Monitor(MemoryQueue())
    private let hand = Atomic<Int>(0)

    // The parts refer back to the tier; `stop` ends their threads before anything is torn down.
    private(set) var faultIn: FaultIn! = nil  // set in init, never again
    private(set) var lookUps: KeyLookUps! = nil  // set in init, never again
    private(set) var spiller: Spiller! = nil  // set in init, never again
    public private(set) var coldExpiry: ColdExpiry! = nil  // set in init, never again
    private var storageLimit: StorageLimit! = nil  // set in init, never again
    public private(set) var warmUp: WarmUp! = nil  // set in init, never again
    public private(set) var upkeep: FlashUpkeep! = nil  // set in init, never again

    public let spilledBatches = Atomic<Int>(0)
    public let spilledOperations = Atomic<Int>(0)
    public let spilledBytes = Atomic<Int>(0)
    /// Nanoseconds that the spiller has paused to keep the pace.
    public let spillPauses = Atomic<Int>(0)
    /// Keys that were looked up, and those of them that were on flash.
    let resolved = Atomic<Int>(0)
    let resolvedExisting = Atomic<Int>(0)
    public let writeFailures = Atomic<Int>(0)
    public let memoryWaits = Atomic<Int>(0)
    /// Where the time of misses goes, counted like commands: `FaultStage.rawValue` is the number.
    public let faultStages = CommandStatisticsRegistry(commandCount: FaultStage.allCases.count)
    /// Gets the stages that take long. Off until a server makes it its own.
    public let latency = LatencyMonitor()

    /// The shard that loses records next. One order for all who make room: hands of their own would run through shards
    /// where others have found all there is and gather in front of the first that has something left, whose keys
    /// then lose all their touches to several visits in a row.
    func nextShard() -> Int { hand.wrappingAdd(1, ordering: .relaxed).oldValue & (Position.shardCount - 1) }

    public init(
        store: KeyspaceStore, provider: any StorageProvider, settings: TierSettings,
        willWriteFirst: @escaping @Sendable () throws(StorageError) -> Void = {}
    ) {
        self.store = store
        self.provider = provider
        self.settings = Monitor(settings)
        self.willWriteFirst = willWriteFirst
        passLedger = store.makeLedger()
        high = Atomic(settings.budget.highWatermark)
        limit = Atomic(settings.budget.limit)
        faultIn = FaultIn(tier: self, threads: settings.readThreads, queueLength: settings.queueLength)
        lookUps = KeyLookUps(tier: self)
        spiller = Spiller(tier: self)
        coldExpiry = ColdExpiry(tier: self)
        storageLimit = StorageLimit(tier: self)
        warmUp = WarmUp(tier: self)
        upkeep = FlashUpkeep(tier: self)
    }

    /// Starts the threads.
    public func start() {
        faultIn.start()
        lookUps.start(threads: readThreads)
        spiller.start()
        coldExpiry.start()
        storageLimit.start()
    }

    /// Ends the threads; faults that are queued land as failed.
    public func stop() {
        warmUp.stop()
        // Which begins compactions.
        storageLimit.stop()
        upkeep.stop()
        coldExpiry.stop()
        spiller.stop()
        lookUps.stop()
        faultIn.stop()
        wakeAllMemoryWaiters()
    }

    /// Changes the budget (CONFIG SET maxmemory) and what else may change: takes effect gradually.
    public func update(_ change: (inout TierSettings) -> Void) {
        let settings = settings.withLock { settings in
            change(&settings)
            return settings
        }
        let budget = settings.budget
        faultIn.setLength(settings.queueLength)
        provider.limitUpkeep(bytesPerSecond: UInt64(settings.upkeepBytesPerSecond))
        provider.limitDeletions(bytesPerSecond: UInt64(settings.deleteBytesPerSecond))
        high.store(budget.highWatermark, ordering: .relaxed)
        limit.store(budget.limit, ordering: .relaxed)
        evaluate()
    }

    public var budget: MemoryBudget { settings.withLock { $0.budget } }
    var readThreads: Int { settings.withLock { $0.readThreads } }
    var upkeepBytesPerSecond: Int { settings.withLock { $0.upkeepBytesPerSecond } }
    var warmUpKeysPerSecond: Int { settings.withLock { $0.warmUpKeysPerSecond } }

    // MARK: Misses

    /// Whether the key may be on flash: memory only. The caller holds no lock and revalidates a 'no' (see
    /// `Partition.departures`).
    public func mayBeOnFlash(
        generation: UInt32, position: Position, key: ByteSlice, scratch: inout ByteBuffer
    ) -> Bool {
        scratch.removeAll()
        FlashKey.record(generation: generation, position: position, key: key, into: &scratch)
        return provider.mayContain(scratch.slice)
    }

    /// The most reads that a call gets room for at a time. One relaxed load.
    public var readsAtOnce: Int { faultIn.portion.load(ordering: .relaxed) }

    /// Room for the next reads of a call that wants so many; it gets `readsAtOnce` at the most, and asks again when
    /// they have landed. Nil: there is no room, the call is armed when it has got some, and is to ask again then.
    public func reserve(_ wanted: Int, for call: ReadWaiter) -> ReadRoom? { faultIn.reserve(wanted, for: call) }

    /// Room for reads ahead of need, as far as there is some; nil: nothing is to be read ahead now.
    public func reserveAhead(_ wanted: Int) -> ReadRoom? { faultIn.reserveAhead(wanted) }

    /// A call is gone, which may be waiting for room.
    public func forget(_ call: ReadWaiter) { faultIn.forget(call) }

    /// Starts the reads of what was requested with this room, and speeds those up that have been queued by who needs
    /// them less.
    public func submit(_ faults: [Fault], _ room: consuming ReadRoom) { faultIn.submit(faults, room) }

    /// The caller makes the read of a new fault itself. Before the shard that it was requested in is unlocked, for who
    /// joins the fault would have it read. False: somebody else does it.
    @discardableResult
    public func claim(_ fault: Fault) -> Bool { faultIn.claim(fault) }

    /// Reads one key, again while the provider throttles.
    public func readUntilServed(_ key: ByteSlice) throws(StorageError) -> ReadResult {
        var pause: Int64 = 100_000
        while true {
            let result = try provider.read(key)
            guard case .throttled = result else { return result }
            Clock.sleep(nanoseconds: pause)
            pause = min(pause * 2, 10_000_000)
        }
    }

    /// Reads for a fault on the calling thread and lands it, whatever the outcome: calls may have joined it, and would
    /// wait for ever. Returns whether there was something to read.
    @discardableResult
    func readNow(
        _ fault: Fault, _ name: ByteSlice, _ keyspace: inout LockedKeyspace
    ) throws(StorageError) -> Bool {
        let result: ReadResult
        do {
            result = try readUntilServed(name)
        } catch {
            keyspace.land(fault, .failed(error.message))
            throw error
        }
        guard case .found(let bytes) = result else {
            keyspace.land(fault, .missing)
            return false
        }
        keyspace.land(fault, .found(bytes))
        return true
    }

    // MARK: Pressure

    /// Whether writers must wait for memory. One relaxed load.
    @inline(__always)
    public var mustWait: Bool { pressure.load(ordering: .relaxed) }

    /// Bytes of records above which writers wait. One relaxed load.
    public var recordLimit: Int { limit.load(ordering: .relaxed) }

    /// The error reply to writes (the provider can't take them, or a limit of its size is reached), or nil. One relaxed
    /// load while all is well.
    public var refusalText: String? {
        guard isRefusing.load(ordering: .relaxed) else { return nil }
        return refusals.withLock { $0.text }
    }

    /// Whether records take more than the spiller allows.
    var isAboveHighWatermark: Bool { store.memoryBytes > high.load(ordering: .relaxed) }

    /// Compares memory with the watermarks; called by whoever has allocated or freed some. Wakes the spiller if there
    /// is work, and writers that wait if there is room.
    public func evaluate() {
        // Measured with the lock held: what is said last about the pressure is what was seen last.
        let (isHigh, ready) = memoryQueue.withLock { queue in
            let used = store.memoryBytes
            let room = limit.load(ordering: .relaxed) - used
            let mustWait = room < 0 || awaitsStorage.load(ordering: .relaxed)
            if pressure.load(ordering: .relaxed) != mustWait { pressure.store(mustWait, ordering: .relaxed) }
            let ready = mustWait || queue.isEmpty ? [] : queue.take(room: room)
            return (used > high.load(ordering: .relaxed), ready)
        }
        if isHigh { spiller.kick() }
        for waiter in ready { waiter.arm() }
    }

    /// Parks a call until there is memory again. It is made ready at once if there is some by now. The rest of the
    /// queue gets its turn with every batch that is spilled, and at the latest when the spiller wakes next.
    public func waitForMemory(_ waiter: FaultWaiter) {
        memoryWaits.add(1, ordering: .relaxed)
        memoryQueue.withLock { $0.add(waiter) }
        if isRefusing.load(ordering: .relaxed) { wakeAllMemoryWaiters() } else { evaluate() }
    }

    private func wakeAllMemoryWaiters() {
        for waiter in memoryQueue.withLock({ $0.takeAll() }) { waiter.arm() }
    }

    /// Sets or (nil) takes back the reason why the provider takes no writes.
    func refuse(_ text: String?) { changeRefusals { $0.failure = text } }

    /// Says because of which limit of the provider's size writes are refused; nil: of none.
    func refuseForStorage(_ limit: StorageLimit.Bound.Kind?) { changeRefusals { $0.limit = limit } }

    private func changeRefusals(_ change: (inout Refusals) -> Void) {
        let refuses = refusals.withLock { refusals in
            change(&refusals)
            isRefusing.store(refusals.text != nil, ordering: .relaxed)
            return refusals.text != nil
        }
        if refuses { wakeAllMemoryWaiters() }
    }

    /// Whether the provider takes writes as far as is known.
    public var takesWrites: Bool {
        if case .failed = provider.health { return false }
        return refusals.withLock { $0.failure == nil }
    }

    /// Has writers wait, or lets them go on, while keys are deleted for `maxstorage`.
    func waitForStorage(_ waits: Bool) {
        if awaitsStorage.exchange(waits, ordering: .relaxed) != waits { evaluate() }
    }

    // MARK: Writing

    /// Before anything is changed on flash. `writing` is held. Throws when nothing may be changed any more.
    private func unseal() throws(StorageError) {
        if isSealed.load(ordering: .relaxed) { throw StorageError(.other, "the flash directory is sealed") }
        if hasWritten.load(ordering: .relaxed) { return }
        try willWriteFirst()
        hasWritten.store(true, ordering: .relaxed)
    }

    /// Writes a batch. `writing` is held.
    func write(_ batch: borrowing WriteBatch) throws(StorageError) {
        try unseal()
        do {
            try provider.write(batch)
        } catch {
            writeFailures.add(1, ordering: .relaxed)
            throw error
        }
        spilledBatches.add(1, ordering: .relaxed)
        spilledOperations.add(batch.count, ordering: .relaxed)
        spilledBytes.add(batch.byteCount, ordering: .relaxed)
    }

    /// Notes a flushed generation, whose data is to be removed: by `reap`, or if that fails by the spiller, or before
    /// the seal.
    public func bury(generation: UInt32) { dead.withLock { $0.append(generation) } }

    /// Removes what a flushed generation left on flash.
    public func reap(generation: UInt32) throws(StorageError) {
        try writing.withLock { () throws(StorageError) in
            // The seal counts nothing of a dead generation, but what it says of the directory must not be older than
            // the files.
            try unseal()
            // First whatever needs no room: the device may be full, and this the way out.
            let isWhole = dropFiles(ofGeneration: generation)
            var batch = WriteBatch()
            for range in FlashKey.ranges(ofGeneration: generation) {
                range.from.withSlice { from in range.to.withSlice { to in batch.deleteRange(from: from, to: to) } }
            }
            try write(batch)
            if !isWhole { leftovers.withLock { $0.append(generation) } }
        }
        dead.withLock { $0.removeAll { $0 == generation } }
    }

    /// False if another try may give more back. `writing` is held.
    private func dropFiles(ofGeneration generation: UInt32) -> Bool {
        var isWhole = true
        for range in FlashKey.ranges(ofGeneration: generation) {
            // What can't be dropped is deleted by a batch.
            let dropped = range.from.withSlice { from in
                range.to.withSlice { to in (try? provider.dropFiles(from: from, to: to)) ?? false }
            }
            if !dropped { isWhole = false }
        }
        return isWhole
    }

    /// Gives back what of all flushed generations needs no writing: while the provider takes no writes, and when work
    /// that held some of it may have ended.
    func dropBuriedFiles() {
        let generations = dead.withLock { $0 }
        let held = leftovers.withLock { $0 }
        if generations.isEmpty, held.isEmpty { return }
        writing.withLock {
            guard !isSealed.load(ordering: .relaxed), (try? unseal()) != nil else { return }
            for generation in generations { _ = dropFiles(ofGeneration: generation) }
            for generation in held where dropFiles(ofGeneration: generation) {
                leftovers.withLock { $0.removeAll { $0 == generation } }
            }
        }
    }

    /// Has the provider write anew what holds files of flushed generations. Slow: without `writing`.
    func rewriteLeftovers() throws(StorageError) {
        for generation in leftovers.withLock({ $0 }) {
            for range in FlashKey.ranges(ofGeneration: generation) {
                try range.from.withSlice { (from) throws(StorageError) in
                    try range.to.withSlice { (to) throws(StorageError) in
                        try provider.rewriteDropped(from: from, to: to)
                    }
                }
            }
        }
    }

    /// Whether `dropBuriedFiles` has something left to try though the provider takes writes.
    var hasLeftovers: Bool { leftovers.withLock { !$0.isEmpty } }

    /// Removes what all flushed generations left on flash.
    public func reapBuried() throws(StorageError) {
        for generation in dead.withLock({ $0 }) { try reap(generation: generation) }
    }

    /// Calls `body`, which writes the seal if everything is on flash, while nothing can be written to the provider.
    /// If it returns true nothing will be written ever after, for that would make the seal untrue.
    public func seal(_ body: () throws -> Bool) throws -> Bool {
        try writing.withLock {
            let isDone = try body()
            if isDone { isSealed.store(true, ordering: .relaxed) }
            return isDone
        }
    }

    /// Writes everything dirty and (unless `keepsClean`) drops everything: FLUSHALL CACHE. Blocks for as long as it
    /// takes.
    public func spillEverything(keepsClean: Bool) throws(StorageError) {
        try writing.withLock { () throws(StorageError) in
            var pass = SpillPass(tier: self)
            pass.drops = !keepsClean
            pass.setTime(Clock.unixMilliseconds())
            // Two turns: the first issues what is dirty, the second drops what the first had in flight or resolved. A
            // third for collections that go by pages: their hands stood anywhere, and a root goes behind its pages.
            for turn in 0..<3 where turn < 2 || pass.hasSeenPages {
                let spaces = store.spacesInUse()
                for shard in 0..<Position.shardCount {
                    for space in spaces { try pass.turn(shard: shard, space: space) }
                    while try pass.attend(shard: shard, limit: 1_000) > 0 {}
                }
                try pass.write()
            }
            // Tombstones whose key had a write in flight, or had to be resolved, want a second operation. Others may
            // write meanwhile: not for ever.
            for _ in 0..<Self.attendingRounds {
                var hints = 0
                for shard in 0..<Position.shardCount { hints += try pass.attend(shard: shard, limit: .max) }
                try pass.write()
                if hints == 0 { break }
            }
        }
        evaluate()
    }

    private static let attendingRounds = 4

    /// The number of keys of a database, each shard's exact for one moment of the call. Settles what is open: reads
    /// from flash, blocks; not for event loops.
    public func exactCount(database: Int) throws(StorageError) -> Int {
        let counts = store.counts(database: database)
        if counts.unresolved == 0 { return counts.keys }
        var pass = SpillPass(tier: self)
        // There may be hundreds of thousands to look up: the spiller gets its turns in between. What can't be looked up
        // here the count itself meets, and says so.
        var next = 0
        while next < Position.shardCount {
            next = writing.withLock { (try? pass.attend(from: next, limit: .max)) ?? Position.shardCount }
        }
        var keys = 0
        var shard = 0
        while shard < Position.shardCount {
            try writing.withLock { () throws(StorageError) in
                let end = Clock.monotonicNanoseconds() + Self.countingTurnNanoseconds
                repeat {
                    keys += try pass.exactCount(shard: shard, database: database)
                    shard += 1
                } while shard < Position.shardCount && Clock.monotonicNanoseconds() < end
                // The tombstones that came up on the way; where they are refused the spiller says so.
                try? pass.write()
            }
        }
        return keys
    }

    private static let countingTurnNanoseconds: Int64 = 20_000_000

    /// The same of all databases where that takes next to no time, for who would rather have an estimate than wait:
    /// what is open counts for as many keys as it did of late.
    public func promptCounts() -> [Int] {
        let counts = (0..<store.databases).map { store.counts(database: $0) }
        let open = counts.reduce(0) { $0 + $1.unresolved }
        if open <= Self.promptLookUps {
            let exact = counts.indices.compactMap { try? exactCount(database: $0) }
            if exact.count == counts.count { return exact }
        }
        let all = max(1, resolved.load(ordering: .relaxed))
        let overwritten = Double(resolvedExisting.load(ordering: .relaxed)) / Double(all)
        return counts.map { $0.keys - Int(Double($0.unresolved) * overwritten) }
    }

    /// Looked up in some ten milliseconds.
    private static let promptLookUps = 256
}
