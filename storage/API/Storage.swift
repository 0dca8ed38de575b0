// Storage: what the tiering layer asks of whatever keeps the cold data.
//
// A provider is an ordered map from byte strings to byte strings with batches, and no more: it knows nothing
// of Redis types, eviction or shards. Who calls it:
//
// - I/O threads call `read`, which may wait for the device. Many reads run at once.
// - Spill and expiry threads call `write`, one batch per call, any number of callers; a batch is atomic for
//   readers. It is confirmed when the call returns: from then on every read sees it. It need not be durable
//   before `flush` has returned.
// - Event loops call `mayContain`, which answers from memory alone and never waits for a device.
// - `flush`, `checkpoint`, `compact` and `close` run on control threads.
//
// A provider never loses what it confirmed without saying so: once a background write has failed, `health` says
// `.failed`, `write` and `flush` throw, reads go on, and `resume` tries to leave that state.
// `storage/Memory` is the reference, `storage/RocksDB` the one for production, `storage/Faulty` wraps either.
import Bytes

/// What a read found.
public enum ReadResult: Sendable {
    /// The value, owned by the caller.
    case found(SharedBytes)
    /// No such key.
    case missing
    /// The provider won't serve this read now; the caller tries again later.
    case throttled
}

/// One operation of a batch.
public enum WriteOperation {
    case put(key: ByteSlice, value: ByteSlice)
    case delete(key: ByteSlice)
    /// Removes every key in `from ..< to`.
    case deleteRange(from: ByteSlice, to: ByteSlice)
}

/// Why a provider refused.
public struct StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Equatable, Sendable {
        /// No space left on the device, or the provider's own limit on it reached.
        case noSpace
        /// The device reported an error.
        case inputOutput
        /// What was read is damaged (a checksum does not match).
        case corruption
        /// An option the provider does not know or accept.
        case invalidOption
        /// The directory is in use by another process.
        case locked
        /// Written by another program or a newer version.
        case incompatible
        case other
    }
    public let kind: Kind
    /// For the log and the operator, without a trailing full stop.
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
    public var description: String { message }
}

/// Whether writes work.
public enum StorageHealth: Equatable, Sendable {
    case good
    /// Writes are slowed or stopped for a while by the provider's own backlog; `write` waits.
    case stalled
    /// Writes fail until `resume` succeeds.
    case failed(StorageError)
}

/// Readings for INFO and for pacing. All sizes in bytes; a provider that has no such thing says 0.
public struct StorageStatistics: Sendable {
    /// On the device, obsolete data included.
    public var diskBytes: UInt64 = 0
    /// What is live by the provider's estimate.
    public var liveBytes: UInt64 = 0
    /// Of what was put and takes space, the part (0 to 1) that has been deleted key by key.
    public var deletedShare = 0.0
    /// Obsolete, not counted above, and about to be given back (`limitDeletions`).
    public var trashBytes: UInt64 = 0
    /// What the device has left for anybody, the trash included; nil where nothing is known of one.
    public var freeBytes: UInt64?
    /// The provider's estimate of its keys.
    public var estimatedKeys: UInt64 = 0
    public var memtableBytes: UInt64 = 0
    public var blockCacheBytes: UInt64 = 0
    /// Index and filter blocks outside the block cache.
    public var tableReaderBytes: UInt64 = 0
    public var pendingCompactionBytes: UInt64 = 0
    public var levelZeroFiles: UInt64 = 0
    public var immutableMemtables: UInt64 = 0
    public var runningCompactions: UInt64 = 0
    /// Since the start: bytes written to the device by flushes and compactions, and read by compactions.
    public var flushWriteBytes: UInt64 = 0
    public var compactionWriteBytes: UInt64 = 0
    public var compactionReadBytes: UInt64 = 0
    /// Since the start: point reads, those that a filter answered, and block cache hits and misses.
    public var reads: UInt64 = 0
    public var filterUseful: UInt64 = 0
    public var blockCacheHits: UInt64 = 0
    public var blockCacheMisses: UInt64 = 0
    public init() {}
}

/// A walk over keys in bytewise order, over the state at the time it was opened. Used by one thread at a time.
public protocol StorageCursor: AnyObject {
    /// The next key and, if asked for at opening, its value (else empty); nil at the end. The views are
    /// valid until the next call. Throws when the provider can't read on.
    func next() throws(StorageError) -> (key: ByteSlice, value: ByteSlice)?
}

/// An ordered, persistent map. Thread-safe: every call may come from any thread at any time before `close`.
public protocol StorageProvider: AnyObject, Sendable {
    /// Whether `key` may be there. `false` is certain, for the moment of the call; `true` is wrong for less
    /// than one absent key in a hundred. Memory only: no device access, microseconds.
    func mayContain(_ key: ByteSlice) -> Bool

    /// Reads one key. May wait for the device. Throws on I/O errors and damage, never answers `.missing` then.
    func read(_ key: ByteSlice) throws(StorageError) -> ReadResult

    /// Reads several keys, in their order, with one call into the provider. `keys` has no duplicates.
    func read(_ keys: [ByteSlice]) throws(StorageError) -> [ReadResult]

    /// Applies a batch in its order, as a whole or (if it throws) not at all as far as readers can tell.
    func write(_ batch: borrowing WriteBatch) throws(StorageError)

    /// A cursor over `from ..< to` (an empty `to` means to the end).
    func cursor(from: ByteSlice, to: ByteSlice, withValues: Bool) throws(StorageError) -> any StorageCursor

    /// Makes everything confirmed durable.
    func flush() throws(StorageError)

    /// A consistent copy of what is confirmed, in `directory`, which must not exist; cheap (hard links) where
    /// the provider can. Whole and durable when it returns.
    func checkpoint(to directory: String) throws(StorageError)

    /// Rewrites `from ..< to` so that dead data gives its space back. Slow.
    func compact(from: ByteSlice, to: ByteSlice) throws(StorageError)

    /// The same for all there is. While `cancelCompactions` is on it ends soon and throws.
    func compactEverything() throws(StorageError)
    func cancelCompactions(_ isOn: Bool)

    /// Bounds what upkeep (flushes, compactions) reads and writes, in bytes a second; 0: no limit.
    func limitUpkeep(bytesPerSecond: UInt64)

    /// The rate, in bytes a second, at which obsolete files are deleted where there is ample room, for a device that
    /// has no time for reads while it is told of many free blocks; 0: at once.
    func limitDeletions(bytesPerSecond: UInt64)

    /// Gives the space of what lies in `from ..< to` back at once as far as that needs no writing: for a range that
    /// is about to be deleted and that nobody reads, or ever writes into, any more, on a device that may be full. Any
    /// part of the range may be gone then, or go later. False if work under way or live data hold some of it: another
    /// call, when that has ended or after `rewriteDropped`, may give more back.
    func dropFiles(from: ByteSlice, to: ByteSlice) throws(StorageError) -> Bool

    /// Writes anew what `dropFiles` had to leave because live data lies among it. Slow; beside all other calls.
    func rewriteDropped(from: ByteSlice, to: ByteSlice) throws(StorageError)

    /// How far the provider's upkeep is behind with what was written: 0 not at all, 1 where writers should go as
    /// slowly as they can afford to, or `write` will soon wait. Microseconds; asked before each batch.
    var backlog: Double { get }

    var statistics: StorageStatistics { get }
    var health: StorageHealth { get }

    /// Tries to leave `.failed` after the cause is gone.
    func resume() throws(StorageError)

    /// Flushes, releases everything, gives the directory's lock back. No call may follow. Throws if the last flush
    /// failed: then not everything confirmed is durable.
    func close() throws(StorageError)
}

extension StorageProvider {
    /// A provider whose compactions take no time has nothing to cancel.
    public func compactEverything() throws(StorageError) { try compact(from: .empty, to: .empty) }
    public func cancelCompactions(_ isOn: Bool) {}
    /// A provider without upkeep is never behind with it,
    public var backlog: Double { 0 }
    /// and has nothing to bound.
    public func limitUpkeep(bytesPerSecond: UInt64) {}
    public func limitDeletions(bytesPerSecond: UInt64) {}
    /// A provider without files of its own has nothing to drop.
    public func dropFiles(from: ByteSlice, to: ByteSlice) throws(StorageError) -> Bool { true }
    public func rewriteDropped(from: ByteSlice, to: ByteSlice) throws(StorageError) {}
}
