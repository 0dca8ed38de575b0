// Directives that belong together and are asked for together; parts of `Settings`.

/// What is freed by a background thread instead of the one that deletes it.
public struct LazyFreeing: Sendable {
    public let eviction: Bool
    public let expiry: Bool
    public let serverDelete: Bool
    public let userDelete: Bool
    public let userFlush: Bool

    init(_ read: ValueReader) {
        eviction = read.flag("lazyfree-lazy-eviction")
        expiry = read.flag("lazyfree-lazy-expire")
        serverDelete = read.flag("lazyfree-lazy-server-del")
        userDelete = read.flag("lazyfree-lazy-user-del")
        userFlush = read.flag("lazyfree-lazy-user-flush")
    }
}

/// Up to which sizes values keep their compact forms.
public struct EncodingLimits: Sendable {
    public let hashMaxListpackEntries: Int
    public let hashMaxListpackValueBytes: Int
    public let setMaxIntsetEntries: Int
    public let zsetMaxListpackEntries: Int
    public let zsetMaxListpackValueBytes: Int
    /// Entries; -1 to -5 for 4 to 64 KiB.
    public let listMaxListpackSize: Int
    /// Pages; 0: nothing is compressed.
    public let listCompressDepth: Int
    public let hllSparseMaxBytes: Int
    public let streamNodeMaxBytes: Int
    public let streamNodeMaxEntries: Int

    init(_ read: ValueReader) {
        hashMaxListpackEntries = read.int("hash-max-listpack-entries")
        hashMaxListpackValueBytes = read.int("hash-max-listpack-value")
        setMaxIntsetEntries = read.int("set-max-intset-entries")
        zsetMaxListpackEntries = read.int("zset-max-listpack-entries")
        zsetMaxListpackValueBytes = read.int("zset-max-listpack-value")
        listMaxListpackSize = read.int("list-max-listpack-size")
        listCompressDepth = read.int("list-compress-depth")
        hllSparseMaxBytes = read.int("hll-sparse-max-bytes")
        streamNodeMaxBytes = read.int("stream-node-max-bytes")
        streamNodeMaxEntries = read.int("stream-node-max-entries")
    }
}

/// The flash tier; without effect where `Settings.flashDirectory` is nil.
public struct FlashSettings: Sendable {
    public let providerOptions: String
    /// 0 for no limit.
    public let maxStorageBytes: Int
    /// 0: none.
    public let diskReserveBytes: Int
    /// Percent of what `maxmemory` leaves for records.
    public let highWatermarkPercent: Int
    public let lowWatermarkPercent: Int
    public let ioThreads: Int
    public let faultQueueLength: Int
    /// 0 for none.
    public let warmUpKeys: Int
    public let warmUpKeysPerSecond: Int
    /// The first whose pattern matches a key counts.
    public let policies: [FlashPolicy]
    public let unsealed: UnsealedAction
    /// 0: derived from `maxMemoryBytes`.
    public let blockCacheBytes: Int
    /// 0: derived from `maxMemoryBytes`.
    public let memtableBytes: Int
    public let compression: FlashCompression
    public let directReads: Bool
    /// 0 for no limit.
    public let backgroundBytesPerSecond: Int
    /// 0: at once.
    public let deleteBytesPerSecond: Int

    init(_ read: ValueReader) {
        providerOptions = read.string("storage-provider-options")
        maxStorageBytes = read.int("maxstorage")
        diskReserveBytes = read.int("flash-disk-reserve")
        highWatermarkPercent = read.int("flash-high-watermark")
        lowWatermarkPercent = read.int("flash-low-watermark")
        ioThreads = read.int("flash-io-threads")
        faultQueueLength = read.int("flash-fault-queue-length")
        warmUpKeys = read.int("flash-warm-up-keys")
        warmUpKeysPerSecond = read.int("flash-warm-up-rate")
        policies = read.policies("flash-policy")
        unsealed = read.choice("flash-unsealed")
        blockCacheBytes = read.int("flash-block-cache")
        memtableBytes = read.int("flash-memtable")
        compression = read.choice("flash-compression")
        directReads = read.flag("flash-direct-reads")
        backgroundBytesPerSecond = read.int("flash-background-io-limit")
        deleteBytesPerSecond = read.int("flash-delete-rate")
    }
}
