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
    /// The batch, and the space of each of its record operations.
    struct Sink: SpillSink, ~Copyable {
        var batch = WriteBatch()
        var spaces: [Int] = []

        mutating func put(space: Int, key: ByteSlice, value: ByteSlice) {
            batch.put(key: key, value: value)
            spaces.append(space)
        }

        mutating func delete(space: Int, key: ByteSlice) {
            batch.delete(key: key)
            spaces.append(space)
        }

        mutating func putIndex(key: ByteSlice) { batch.put(key: key, value: .empty) }
    }

    private let tier: Tier
    private var keyspace: LockedKeyspace
    private var sink = Sink()
    private var scratch = ByteBuffer()
    /// Whether records leave RAM as soon as their write is confirmed.
    var drops = true

    /// Bytes in RAM of what is in the batch: free when it has been written (unless it was touched meanwhile).
    private(set) var pendingBytes = 0

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
        shard: Int, space: Int, wantedBytes: Int, ignoringTouches: Bool, slots: Int = slotsPerVisit
    ) throws(StorageError) -> HandVisit {
        let visit = keyspace.turnHand(
            shard: shard, space: space, slots: slots, wantedBytes: wantedBytes,
            ignoringTouches: ignoringTouches, dropsClean: drops, into: &sink)
        pendingBytes += visit.issuedBytes
        try resolve(visit.unresolved, thenIssue: true)
        if sink.batch.byteCount >= Self.batchBytes { try write() }
        return visit
    }

    /// Lets the hand of one shard go around once, sparing nothing; the lock is held for a bounded part of it at a time.
    mutating func turn(shard: Int, space: Int) throws(StorageError) {
        var left = tier.store.slotCount(shard: shard, space: space)
        while left > 0 {
            let visit = try visit(
                shard: shard, space: space, wantedBytes: .max, ignoringTouches: true,
                slots: min(left, Self.slotsPerVisit * 4))
            if visit.visited == 0 { return }
            // Where a record left or was past due the hand stood still.
            left -= visit.visited - visit.dropped - visit.cooled
        }
    }

    /// Attends to a shard's tombstones and unresolved entries. Returns how many hints it took.
    mutating func attend(shard: Int, limit: Int) throws(StorageError) -> Int {
        let visit = keyspace.attend(shard: shard, limit: limit, into: &sink)
        try resolve(visit.unresolved, thenIssue: false)
        if sink.batch.byteCount >= Self.batchBytes { try write() }
        return visit.visited
    }

    /// The number of keys of one shard and database, exact for one moment during the call.
    mutating func exactCount(shard: Int, database: Int) throws(StorageError) -> Int {
        // What was open before the call is settled for good; what writers add meanwhile is looked up for the sum
        // alone, and so is everything while the provider takes no writes: counting is reading.
        _ = try? attend(shard: shard, limit: .max)
        var (keys, open) = keyspace.openCount(shard: shard, database: database)
        for item in open {
            do {
                if try lookUp(item).existed { keys -= 1 }
            } catch {
                try write()
                throw error
            }
        }
        return keys
    }

    /// Finds out which of the keys were on flash. An entry with an open count has no write in flight, so what the
    /// provider says stays true. Where it can't say, the rest is resolved all the same before the error is thrown.
    private mutating func resolve(_ items: [Unresolved], thenIssue: Bool) throws(StorageError) {
        var failure: StorageError?
        for item in items {
            do {
                let found = try lookUp(item)
                keyspace.resolve(
                    item, existed: found.existed, expiring: found.head?.expiry != nil,
                    members: found.head?.memberExpiry != nil)
                if thenIssue { keyspace.issue(item, into: &sink) }
            } catch {
                failure = error
                keyspace.postpone(item)
            }
        }
        guard let failure else { return }
        try write()
        throw failure
    }

    /// Whether a key is on flash, and what stands before its value.
    private mutating func lookUp(
        _ item: Unresolved
    ) throws(StorageError) -> (existed: Bool, head: RecordEncoding.Head?) {
        scratch.removeAll()
        item.key.withSlice {
            FlashKey.record(generation: item.generation, position: item.position, key: $0, into: &scratch)
        }
        guard tier.provider.mayContain(scratch.slice) else { return (false, nil) }
        do {
            guard case .found(let bytes) = try tier.readUntilServed(scratch.slice) else { return (false, nil) }
            return (true, RecordEncoding.head(bytes.slice))
        } catch where error.kind == .corruption {
            // The old value is damaged, and has been overwritten or deleted since: that it was there is all that
            // counts.
            return (true, nil)
        }
    }

    /// Writes what is in the batch and reports the outcome; throws the provider's error after that.
    mutating func write() throws(StorageError) {
        pendingBytes = 0
        guard !sink.batch.isEmpty else { return }
        var failure: StorageError?
        do {
            try tier.write(sink.batch)
        } catch {
            failure = error
        }
        let succeeded = failure == nil
        var next = 0
        let spaces = sink.spaces
        let drops = drops
        sink.batch.forEach { operation in
            switch operation {
            case .put(let key, _), .delete(let key):
                guard case .record? = FlashKey.parse(key) else { return }
                keyspace.complete(space: spaces[next], key: key, succeeded: succeeded, drops: drops)
                next += 1
            case .deleteRange: break
            }
        }
        sink.batch.removeAll()
        sink.spaces.removeAll(keepingCapacity: true)
        // Writers go on with each batch, not only when the spiller is done.
        tier.evaluate()
        if let failure { throw failure }
    }
}
