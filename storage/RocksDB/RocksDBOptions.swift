import RocksDBShim

/// How a `RocksDBProvider` is set up. The settings behind these, with their reasons, are in
/// `storage/RocksDBShim/Options.cpp`.
public struct RocksDBOptions: Sendable, Equatable {
    /// Blocks of data, and charged to the same budget the index and filters, which go first and are never evicted.
    public var blockCacheBytes: UInt64 = 256 << 20
    /// All memtables together; writers wait before it is exceeded.
    public var memtableBytes: UInt64 = 128 << 20
    /// "none", "snappy", "lz4", "zstd" or "bzip2".
    public var compression = "lz4"
    /// Flushes and compactions together; 0: no limit.
    public var ioLimitBytesPerSecond: UInt64 = 0
    /// Of obsolete files; 0: at once.
    public var deleteRateBytesPerSecond: UInt64 = 0
    /// Reads past the page cache.
    public var directReads = false
    /// -1: no limit. With fewer than there are files, `mayContain` answers `true` for those that are closed.
    public var maxOpenFiles: Int32 = -1
    /// Flushes and compactions at a time, at least 2. With 3 a small merge goes on beside one of everything, which
    /// takes minutes. Each more has buffers of its own.
    public var backgroundJobs: Int32 = 3
    /// Values from this size on are kept apart from the keys, in blob files; 0: none.
    ///
    /// Such a value is not rewritten by compactions, but costs a second device access per read, and a walk over keys
    /// alone reads it too (RocksDB 7.8 can't leave it out). So pages and small strings stay in the tree.
    public var blobBytes: UInt64 = 8192
    /// Changes nothing in the directory, which must hold a database; every write throws. To be released, not closed.
    public var isReadOnly = false
    /// RocksDB's option-string syntax ("a=b;block_based_table_factory={c=d}"): options of the database, the column
    /// family and the tables, over everything above.
    public var userOptions = ""

    public init() {}

    /// Calls `body` with the shim's form of the options, valid during the call.
    func withShim<R>(_ body: (UnsafePointer<firn_rocksdb_options>) -> R) -> R {
        compression.withCString { compression in
            userOptions.withCString { user in
                var shim = firn_rocksdb_options(
                    block_cache_bytes: blockCacheBytes, memtable_bytes: memtableBytes,
                    io_limit_bytes_per_second: ioLimitBytesPerSecond,
                    delete_rate_bytes_per_second: deleteRateBytesPerSecond, compression: compression,
                    direct_reads: directReads ? 1 : 0, max_open_files: maxOpenFiles, background_jobs: backgroundJobs,
                    blob_bytes: blobBytes, read_only: isReadOnly ? 1 : 0, user_options: user)
                return withUnsafePointer(to: &shim, body)
            }
        }
    }
}
