import Bytes
import Keyspace
import Storage
import Values

/// One round of spilling: victims into a batch, the batch to the provider, the outcome back to the keyspace.
///
/// Used with `Tier.writing` held, by the thread that holds it. Whatever throws has written or failed the batch
/// before, so no entry waits for a write that nobody makes, and no batch outlives the hold of `writing` in which it
/// was chosen. Keeps its memory between rounds.
struct SpillPass: ~Copyable {
    /// The batch, and what each of its operations is about.
    struct Sink: SpillSink, ~Copyable {
        enum Subject {
            case record(space: Int)
            case index
            case page(PageOwner, PageName)
            case dead(DeadCollection, shard: Int)
        }

        var batch = WriteBatch()
        var subjects: [Subject] = []

        mutating func put(space: Int, key: ByteSlice, value: ByteSlice) {
            batch.put(key: key, value: value)
            subjects.append(.record(space: space))
        }

        mutating func delete(space: Int, key: ByteSlice) {
            batch.delete(key: key)
            subjects.append(.record(space: space))
        }

        mutating func putIndex(key: ByteSlice) {
            batch.put(key: key, value: .empty)
            subjects.append(.index)
        }

        mutating func putPage(_ owner: PageOwner, _ page: PageName, key: ByteSlice, value: ByteSlice) {
            batch.put(key: key, value: value)
            subjects.append(.page(owner, page))
        }

        mutating func deletePage(_ owner: PageOwner, _ page: PageName, key: ByteSlice) {
            batch.delete(key: key)
            subjects.append(.page(owner, page))
        }

        mutating func deletePages(of dead: DeadCollection, shard: Int) {
            let range = FlashKey.pages(generation: dead.generation, collection: dead.collection)
            range.from.withSlice { from in range.to.withSlice { to in batch.deleteRange(from: from, to: to) } }
            subjects.append(.dead(dead, shard: shard))
        }

        mutating func removeAll() {
            batch.removeAll()
            subjects.removeAll(keepingCapacity: true)
        }
    }

    private let tier: Tier
    private var keyspace: LockedKeyspace
    private var sink = Sink()
    /// Whether records leave RAM as soon as their write is confirmed.
    var drops = true

    /// Whether the hand has come by collections whose pages go to flash one by one.
    private(set) var hasSeenPages = false

    /// Unless nil, gets the collections whose pages the pass deletes.
    var buried: [DeadCollection]?

    /// Bytes in RAM of what is in the batch: free when it has been written (unless it was touched meanwhile).
    private(set) var pendingBytes = 0

    /// Keys of which it must be found out whether they are on flash: what is to leave RAM then, and what isn't. They
    /// are gathered, for several reads at a time take as long as one.
    private var victims: [Unresolved] = []
    private var others: [Unresolved] = []
    private static let lookUpsAtOnce = 256
    private var lookedUp = 0

    /// Bytes written by the pass so far.
    private(set) var writtenBytes = 0

    /// Bytes at which a batch is written: large enough to spread RocksDB's cost per write, small enough to be a
    /// few milliseconds of work.
    static let batchBytes = 512 * 1024
    /// Slots that a visit of the hand looks at under the lock: a few microseconds.
    static let slotsPerVisit = 64

    init(tier: Tier) {
        self.tier = tier
        // One ledger for all passes: there is one at work at a time, and ledgers are kept for ever.
        keyspace = LockedKeyspace(store: tier.store, ledger: tier.passLedger)
    }

    mutating func setTime(_ unixMilliseconds: Int64) { keyspace.now = unixMilliseconds }

    /// Lets the hand of one shard go on for a visit. Returns the bytes that are free now or will be when the batch is
    /// written, and how many slots were looked at.
    mutating func visit(
        shard: Int, space: Int, wantedBytes: Int, ignoringTouches: Bool, sparesHot: Bool = true,
        slots: Int = slotsPerVisit
    ) throws(StorageError) -> HandVisit {
        let visit = keyspace.turnHand(
            shard: shard, space: space, slots: slots, wantedBytes: wantedBytes,
            ignoringTouches: ignoringTouches, dropsClean: drops, sparesHot: sparesHot, into: &sink)
        pendingBytes += visit.issuedBytes
        if visit.pages > 0 || visit.collectionBytes > 0 { hasSeenPages = true }
        victims += visit.unresolved
        try writeIfLarge()
        return visit
    }

    /// Has keys that a rule calls cold leave RAM, from a tag of one table on. Returns how many
    /// such keys there were, and where to go on.
    mutating func sweep(
        shard: Int, space: Int, from tag: UInt32, slots: Int
    ) throws(StorageError) -> (seen: Int, next: UInt32?) {
        let (visit, seen, next) = keyspace.sweepCold(shard: shard, space: space, from: tag, slots: slots, into: &sink)
        pendingBytes += visit.issuedBytes
        victims += visit.unresolved
        try writeIfLarge()
        return (seen, next)
    }

    /// Lets the hand of one shard go around once, sparing nothing; the lock is held for a bounded part of it at a time.
    mutating func turn(shard: Int, space: Int) throws(StorageError) {
        var left = tier.store.slotCount(shard: shard, space: space)
        while left > 0 {
            let visit = try visit(
                shard: shard, space: space, wantedBytes: .max, ignoringTouches: true,
                slots: min(left, Self.slotsPerVisit * 4))
            if visit.visited == 0, visit.collectionBytes == 0 { return }
            // Where a record left or was past due the hand stood still.
            left -= visit.visited - visit.dropped - visit.cooled
        }
    }

    /// Attends to a shard's tombstones, unresolved entries and dead collections. Returns how many hints it took; what
    /// is resolved when the batch is written may leave new ones.
    mutating func attend(shard: Int, limit: Int) throws(StorageError) -> Int {
        for dead in keyspace.takeDead(shard: shard) {
            sink.deletePages(of: dead, shard: shard)
            buried?.append(dead)
        }
        let visit = keyspace.attend(shard: shard, limit: limit, into: &sink)
        others += visit.unresolved
        try writeIfLarge()
        return visit.visited
    }

    /// Attends to shards from one on, of each as far as `limit` goes, until as many keys as are looked up at once have
    /// come together, and writes what that gave. Returns the next shard; the number of shards after the last one.
    mutating func attend(from first: Int, limit: Int) throws(StorageError) -> Int {
        var shard = first
        let before = lookedUp
        while shard < Position.shardCount, lookedUp == before {
            _ = try attend(shard: shard, limit: limit)
            shard += 1
        }
        try write()
        return shard
    }

    /// The number of keys of one shard and database, exact for one moment during the call.
    mutating func exactCount(shard: Int, database: Int) throws(StorageError) -> Int {
        // What was open before the call is settled for good; what writers add meanwhile is looked up for the sum
        // alone, and so is everything while the provider takes no writes: counting is reading.
        _ = try? attend(shard: shard, limit: .max)
        try? resolve()
        var (keys, open) = keyspace.openCount(shard: shard, database: database)
        for outcome in tier.lookUps.run(open) {
            switch outcome {
            case .success(let resolution): if resolution.existed { keys -= 1 }
            case .failure(let error):
                try writeBatch()
                throw error
            }
        }
        return keys
    }

    private mutating func writeIfLarge() throws(StorageError) {
        if victims.count + others.count >= Self.lookUpsAtOnce { try resolve() }
        if sink.batch.byteCount >= Self.batchBytes { try writeBatch() }
    }

    /// Finds out which of the keys that wait for it were on flash, and issues the victims among them. An entry with an
    /// open count has no write in flight, so what the provider says stays true. Where it can't say, the rest is
    /// resolved all the same before the error is thrown.
    private mutating func resolve() throws(StorageError) {
        if victims.isEmpty, others.isEmpty { return }
        // The hand may have come by a key that is on the list, too.
        others.removeAll { other in
            victims.contains { $0.position == other.position && $0.space == other.space && $0.key == other.key }
        }
        let items = victims + others
        let issued = victims.count
        victims.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
        lookedUp += items.count
        var failure: StorageError?
        for (index, outcome) in tier.lookUps.run(items).enumerated() {
            switch outcome {
            case .success(let resolution):
                tier.resolved.add(1, ordering: .relaxed)
                if resolution.existed { tier.resolvedExisting.add(1, ordering: .relaxed) }
                keyspace.resolve(items[index], resolution)
                if index < issued { keyspace.issue(items[index], into: &sink) }
            case .failure(let error):
                failure = error
                keyspace.postpone(items[index])
            }
        }
        guard let failure else { return }
        try writeBatch()
        throw failure
    }

    /// Writes all that was chosen and reports the outcome; throws the provider's error after that.
    mutating func write() throws(StorageError) {
        try resolve()
        try writeBatch()
    }

    private mutating func writeBatch() throws(StorageError) {
        pendingBytes = 0
        guard !sink.batch.isEmpty else { return }
        var failure: StorageError?
        do {
            try tier.write(sink.batch)
        } catch {
            failure = error
        }
        let succeeded = failure == nil
        if succeeded { writtenBytes += sink.batch.byteCount }
        var next = 0
        let subjects = sink.subjects
        let drops = drops
        sink.batch.forEach { operation in
            defer { next += 1 }
            switch (operation, subjects[next]) {
            case (.put(let key, _), .record(let space)), (.delete(let key), .record(let space)):
                keyspace.complete(space: space, key: key, succeeded: succeeded, drops: drops)
            case (_, .page(let owner, let page)):
                keyspace.complete(owner, page: page, succeeded: succeeded, drops: drops)
            case (_, .dead(let dead, let shard)): if !succeeded { keyspace.putBack(dead, shard: shard) }
            case (_, .index), (.deleteRange, .record): break
            }
        }
        sink.removeAll()
        // Writers go on with each batch, not only when the spiller is done.
        tier.evaluate()
        if let failure {
            // Whoever has the next pass shall know of these.
            for item in victims + others { keyspace.postpone(item) }
            victims.removeAll()
            others.removeAll()
            throw failure
        }
    }
}
