import Synchronization

/// Counts that one thread keeps of what it did to the keyspace; readers sum over all ledgers.
///
/// A single writer, so an update is a load and a store, no locked instruction. Sums are exact once the writers rest.
public final class Ledger: Sendable {
    /// Bytes of records and tables: allocated minus freed by this thread (may be negative).
    public let memoryBytes = Atomic<Int>(0)
    /// Changes to the data set since the start.
    public let changes = Atomic<Int>(0)
    public let hits = Atomic<Int>(0)
    public let misses = Atomic<Int>(0)
    public let expired = Atomic<Int>(0)
    /// Members (fields) that were past due and are removed.
    public let expiredMembers = Atomic<Int>(0)
    /// Keys deleted because of `maxmemory` or `maxstorage`.
    public let evicted = Atomic<Int>(0)
    /// Keys that a rule calls hot, and that had to leave RAM all the same.
    public let hotEvicted = Atomic<Int>(0)
    /// Clean records dropped from RAM.
    public let dropped = Atomic<Int>(0)
    /// Clean pages of collections dropped from RAM.
    public let droppedPages = Atomic<Int>(0)

    init() {}

    @inlinable
    @inline(__always)
    public static func add(_ n: Int, to counter: borrowing Atomic<Int>) {
        counter.store(counter.load(ordering: .relaxed) &+ n, ordering: .relaxed)
    }
}
