import Bytes
import Keyspace
import Platform
import Storage
import Synchronization
import Values

/// The thread that removes past-due keys nobody touches.
///
/// In RAM: a hand of its own walks the tables that hold keys with an expiry, a bounded number of slots per cycle,
/// more while it finds many. On flash: entries by time (see `FlashKey`), read from the earliest on; each is a hint
/// that RAM and then the record itself confirm. A key that is past due is faulted in and deleted like any other, so
/// counters, tombstones and notifications come out right; a hint that is no longer true is removed. Keys that are
/// past due are never spilled, so a hint that has been passed doesn't come back for a live key. A collection of which
/// members are past due is faulted in and trimmed in the same way; it is dirty then, and its next spill brings the
/// hint of the next member.
public final class ColdExpiry: Sendable {
    private let tier: Tier
    private let thread = RecurringThread(name: "cold-expiry")
    /// DEBUG SET-ACTIVE-EXPIRE.
    public let isEnabled = Atomic<Bool>(true)
    /// Hints looked at, and how many of them were out of date.
    public let hints = Atomic<Int>(0)
    public let staleHints = Atomic<Int>(0)

    /// Hints per database and cycle, and cycles per second when there is a backlog: bounds the CPU time and the reads.
    private static let hintsPerCycle = 512
    /// Hints per database and cycle whose keys can't be read, before it is left for the next cycle.
    private static let failuresPerCycle = 16
    private static let idleNanoseconds: Int64 = 100_000_000
    private static let busyNanoseconds: Int64 = 10_000_000

    init(tier: Tier) { self.tier = tier }

    func start() { thread.start { [self] in run() } }
    func stop() { thread.stop() }

    private func run() {
        var keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        var pause = Self.idleNanoseconds
        while thread.pause(nanoseconds: pause) {
            pause = Self.idleNanoseconds
            guard isEnabled.load(ordering: .relaxed), !tier.store.holdsExpiry.load(ordering: .relaxed) else { continue }
            keyspace.now = Clock.unixMilliseconds()
            for space in tier.store.spacesWithColdExpiring() {
                // An unreadable device is the readers' and the spiller's to report; this thread tries again.
                let visited = (try? expire(space: space, &keyspace)) ?? 0
                if visited == Self.hintsPerCycle { pause = Self.busyNanoseconds }
            }
        }
    }

    /// Follows up to `hintsPerCycle` hints of a space. Returns how many it followed.
    private func expire(space: Int, _ keyspace: inout LockedKeyspace) throws(StorageError) -> Int {
        let generation = tier.store.currentGeneration(ofSpace: space)
        let from = FlashKey.expiryStart(generation: generation, at: 0)
        let to = FlashKey.expiryStart(generation: generation, at: keyspace.now)
        let cursor = try from.withSlice { (from) throws(StorageError) in
            try to.withSlice { (to) throws(StorageError) in
                try tier.provider.cursor(from: from, to: to, withValues: false)
            }
        }
        var batch = WriteBatch()
        var visited = 0
        var failures = 0
        while visited < Self.hintsPerCycle, failures < Self.failuresPerCycle, let (entry, _) = try cursor.next() {
            guard case .expiry(_, _, let position, let key)? = FlashKey.parse(entry) else { break }
            visited += 1
            do {
                if try follow(space, generation, position, key, &keyspace) { batch.delete(key: entry) }
            } catch {
                // The hint stays; the keys behind it need not wait for this one to become readable.
                failures += 1
            }
        }
        hints.add(visited, ordering: .relaxed)
        if !batch.isEmpty {
            try tier.writing.withLock { () throws(StorageError) in try tier.write(batch) }
        }
        return visited
    }

    /// Deletes the key if it is past due. Returns whether the hint has served its time: false if somebody else has
    /// the key under way from flash, who may fail to bring it.
    private func follow(
        _ space: Int, _ generation: UInt32, _ position: Position, _ key: ByteSlice, _ keyspace: inout LockedKeyspace
    ) throws(StorageError) -> Bool {
        let ref = KeyRef(bytes: key, position: position, space: space)
        if case .cold = keyspace.ask(space: space, generation: generation, position: position, key: key) {
            var name = ByteBuffer()
            FlashKey.record(generation: generation, position: position, key: key, into: &name)
            guard case .found(let bytes) = try tier.readUntilServed(name.slice),
                let time = RecordEncoding.head(bytes.slice)?.earliest, time < keyspace.now
            else {
                staleHints.add(1, ordering: .relaxed)
                return true
            }
            // Deleting needs the record in RAM: read it again as a fault, which is the guard against races.
            keyspace.lock(position.shard)
            let isCurrent = tier.store.generation(ofSpace: space) == generation
            let fault =
                isCurrent && !keyspace.isResident(ref)
                ? keyspace.requestFault(ref, for: nil, at: Clock.monotonicNanoseconds()) : nil
            if let fault { tier.claim(fault) }
            keyspace.unlock(position.shard)
            if let fault { try tier.readNow(fault, name.slice, &keyspace) }
        }
        // In RAM by now, unless somebody else has it under way: looking at a past-due key deletes it.
        keyspace.lock(position.shard)
        defer { keyspace.unlock(position.shard) }
        guard tier.store.generation(ofSpace: space) == generation else { return true }
        if tier.store.holdsDeletions.load(ordering: .relaxed) { return false }
        let isResident = keyspace.isResident(ref)
        _ = keyspace.peek(ref)
        return isResident
    }
}

/// The walk over the tables in RAM, shared by servers with and without a flash tier: run from one control thread.
public struct ResidentExpiry: ~Copyable {
    private var keyspace: LockedKeyspace
    /// Where each space's next visit goes.
    private var shards: [Int]

    public init(store: KeyspaceStore) {
        keyspace = LockedKeyspace(store: store, ledger: store.makeLedger())
        shards = Array(repeating: 0, count: store.databases)
    }

    /// One cycle: every shard with expiring keys gets a visit, repeated while more than a tenth of what it saw was
    /// past due, until `budgetNanoseconds` are used. Returns the number of keys deleted.
    public mutating func cycle(budgetNanoseconds: Int64, slotsPerVisit: Int = 128) -> Int {
        keyspace.now = Clock.unixMilliseconds()
        let began = Clock.monotonicNanoseconds()
        var deleted = 0
        let spaces = (0..<keyspace.store.databases).filter { keyspace.store.takeExpiring(space: $0) }
        for (number, space) in spaces.enumerated() {
            // The budget is shared out evenly, or the first database's keys would leave the last one's no time.
            let until = began + budgetNanoseconds * Int64(number + 1) / Int64(spaces.count)
            deleted += visit(space, until: until, slotsPerVisit)
        }
        return deleted
    }

    private mutating func visit(_ space: Int, until: Int64, _ slotsPerVisit: Int) -> Int {
        var deleted = 0
        var holdsMore = false
        for visits in 1...Position.shardCount {
            let shard = shards[space]
            while true {
                let visit = keyspace.expireResident(shard: shard, space: space, slots: slotsPerVisit)
                deleted += visit.expired
                holdsMore = holdsMore || visit.holdsMore
                if visit.expired * 10 <= visit.seen || Clock.monotonicNanoseconds() > until { break }
            }
            shards[space] = (shard + 1) % Position.shardCount
            if visits % 64 == 0, Clock.monotonicNanoseconds() > until {
                holdsMore = true
                break
            }
        }
        if holdsMore { keyspace.store.keepExpiring(space: space) }
        return deleted
    }
}
