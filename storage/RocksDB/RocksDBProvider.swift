import Bytes
import RocksDBShim
import Storage

/// The storage provider on RocksDB: an ordered map in one directory, larger than memory.
///
/// Memory: block cache (index and filters included) and memtables as budgeted. `mayContain` takes about a microsecond;
/// it copies a value that still lies in a memtable, so very large values are better cut into pages.
public final class RocksDBProvider: StorageProvider, @unchecked Sendable {
    // @unchecked: the handle is set once and thread-safe; by contract no call follows `close`.
    private let handle: OpaquePointer
    private var isClosed = false

    /// Opens the database in `directory`, which is created if missing. Throws `.invalidOption` (naming it), `.locked`,
    /// `.incompatible`, or what the device says.
    public init(directory: String, options: RocksDBOptions = RocksDBOptions()) throws(StorageError) {
        var opened: OpaquePointer?
        let status = options.withShim { firn_rocksdb_open(directory, $0, &opened) }
        try check(status)
        guard let opened else { throw StorageError(.other, "RocksDB opened nothing in \(directory)") }
        handle = opened
    }

    deinit {
        // No cursor is left, as each holds the provider, so the handle is always released here.
        if !isClosed { firn_rocksdb_free(firn_rocksdb_close(handle, 0).message) }
    }

    /// Whether `options` would be accepted, without opening anything. Throws `.invalidOption`.
    public static func validate(_ options: RocksDBOptions) throws(StorageError) {
        try check(options.withShim { firn_rocksdb_check_options($0) })
    }

    // MARK: Reading

    public func mayContain(_ key: ByteSlice) -> Bool {
        firn_rocksdb_may_contain(handle, key.base, key.count) != 0
    }

    public func read(_ key: ByteSlice) throws(StorageError) -> ReadResult {
        var value = firn_rocksdb_slice()
        guard try found(firn_rocksdb_get(handle, key.base, key.count, &value)) else { return .missing }
        defer { firn_rocksdb_unpin() }
        // Pinned until the deferred unpin.
        return value.slice.map { .found(SharedBytes(copying: $0)) } ?? .missing
    }

    public func read(_ keys: [ByteSlice]) throws(StorageError) -> [ReadResult] {
        if keys.isEmpty { return [] }
        return try withUnsafeTemporaryAllocation(
            of: firn_rocksdb_slice.self, capacity: 2 * keys.count
        ) { (memory) throws(StorageError) -> [ReadResult] in
            // The allocation has room for the keys and, behind them, the values.
            let arguments = memory.baseAddress.unsafelyUnwrapped
            let values = arguments + keys.count
            for i in 0..<keys.count { (arguments + i).initialize(to: firn_rocksdb_slice(keys[i])) }
            defer { firn_rocksdb_unpin() }
            try check(firn_rocksdb_get_many(handle, arguments, keys.count, values))
            // Pinned until the deferred unpin.
            return (0..<keys.count).map { i in
                values[i].slice.map { .found(SharedBytes(copying: $0)) } ?? .missing
            }
        }
    }

    public func cursor(
        from: ByteSlice, to: ByteSlice, withValues: Bool
    ) throws(StorageError) -> any StorageCursor {
        var opened: OpaquePointer?
        try check(
            firn_rocksdb_cursor_open(handle, firn_rocksdb_slice(from), firn_rocksdb_slice(to), &opened))
        guard let opened else { throw StorageError(.other, "RocksDB opened no iterator") }
        return RocksDBCursor(provider: self, handle: opened, withValues: withValues)
    }

    // MARK: Writing

    public func write(_ batch: borrowing WriteBatch) throws(StorageError) {
        let operations = batch.encoded
        try check(firn_rocksdb_write(handle, operations.base, operations.count))
    }

    // MARK: Upkeep

    public func flush() throws(StorageError) { try check(firn_rocksdb_flush(handle)) }

    public func checkpoint(to directory: String) throws(StorageError) {
        try check(firn_rocksdb_checkpoint(handle, directory))
    }

    public func compact(from: ByteSlice, to: ByteSlice) throws(StorageError) {
        try check(firn_rocksdb_compact(handle, firn_rocksdb_slice(from), firn_rocksdb_slice(to), 0))
    }

    public func compactEverything() throws(StorageError) {
        try check(firn_rocksdb_compact(handle, firn_rocksdb_slice(), firn_rocksdb_slice(), 1))
    }

    public func cancelCompactions(_ isOn: Bool) { firn_rocksdb_cancel_compactions(handle, isOn ? 1 : 0) }

    public func limitUpkeep(bytesPerSecond: UInt64) { firn_rocksdb_limit_io(handle, bytesPerSecond) }

    public func limitDeletions(bytesPerSecond: UInt64) { firn_rocksdb_limit_deletions(handle, bytesPerSecond) }

    public func dropFiles(from: ByteSlice, to: ByteSlice) throws(StorageError) -> Bool {
        var isWhole: Int32 = 0
        try check(firn_rocksdb_drop_files(handle, firn_rocksdb_slice(from), firn_rocksdb_slice(to), &isWhole))
        return isWhole != 0
    }

    public func rewriteDropped(from: ByteSlice, to: ByteSlice) throws(StorageError) {
        try check(firn_rocksdb_rewrite(handle, firn_rocksdb_slice(from), firn_rocksdb_slice(to)))
    }

    /// Readings; `reads` includes the calls of `mayContain`, which ask the same filters. Some ten microseconds.
    public var statistics: StorageStatistics {
        var raw = firn_rocksdb_statistics()
        firn_rocksdb_read_statistics(handle, &raw)
        var out = StorageStatistics()
        out.diskBytes = raw.disk_bytes
        out.trashBytes = raw.trash_bytes
        out.freeBytes = raw.free_bytes == .max ? nil : raw.free_bytes
        out.liveBytes = raw.live_bytes
        out.deletedShare = raw.deleted_share
        out.estimatedKeys = raw.estimated_keys
        out.memtableBytes = raw.memtable_bytes
        out.blockCacheBytes = raw.block_cache_bytes
        out.tableReaderBytes = raw.table_reader_bytes
        out.pendingCompactionBytes = raw.pending_compaction_bytes
        out.levelZeroFiles = raw.level_zero_files
        out.immutableMemtables = raw.immutable_memtables
        out.runningCompactions = raw.running_compactions
        out.flushWriteBytes = raw.flush_write_bytes
        out.compactionWriteBytes = raw.compaction_write_bytes
        out.compactionReadBytes = raw.compaction_read_bytes
        out.reads = raw.reads
        out.filterUseful = raw.filter_useful
        out.blockCacheHits = raw.block_cache_hits
        out.blockCacheMisses = raw.block_cache_misses
        return out
    }

    public var backlog: Double { firn_rocksdb_backlog(handle) }

    public var health: StorageHealth {
        let status = firn_rocksdb_background_error(handle)
        if status.code != 0 { return .failed(StorageError(consuming: status)) }
        return firn_rocksdb_stall(handle) == 0 ? .good : .stalled
    }

    public func resume() throws(StorageError) { try check(firn_rocksdb_resume(handle)) }

    /// Throws `.other`, and does nothing, while cursors are open.
    public func close() throws(StorageError) {
        precondition(!isClosed, "closed twice")
        let status = firn_rocksdb_close(handle, 1)
        isClosed = Int(status.code) != FIRN_ROCKSDB_IN_USE
        try check(status)
    }

    // MARK: For tests

    /// Counts the blocks that the calling thread reads, from the device or the page cache, during `body`.
    package static func countingBlockReads(_ body: () -> Void) -> UInt64 {
        firn_rocksdb_count_block_reads()
        body()
        return firn_rocksdb_block_reads()
    }
}

/// A RocksDB iterator. Holds the provider, and a consistent view of it, until it is released.
final class RocksDBCursor: StorageCursor {
    private let provider: RocksDBProvider
    private let handle: OpaquePointer
    private let withValues: Bool

    init(provider: RocksDBProvider, handle: OpaquePointer, withValues: Bool) {
        self.provider = provider
        self.handle = handle
        self.withValues = withValues
    }

    deinit { firn_rocksdb_cursor_close(handle) }

    func next() throws(StorageError) -> (key: ByteSlice, value: ByteSlice)? {
        var key = firn_rocksdb_slice()
        var value = firn_rocksdb_slice()
        let status =
            withValues
            ? firn_rocksdb_cursor_next(handle, &key, &value) : firn_rocksdb_cursor_next(handle, &key, nil)
        guard try found(status) else { return nil }
        return (key.slice ?? .empty, value.slice ?? .empty)
    }
}
