/// How `maxmemory` is split with a flash tier. All in bytes; the parts add up to `maxmemory`.
public struct MemoryBudget: Equatable, Sendable {
    public let maximum: Int
    /// RocksDB's memtables.
    public let memtables: Int
    /// RocksDB's block cache, index and filter blocks included.
    public let blockCache: Int
    /// Client buffers, parked calls, threads.
    public let clients: Int
    /// What the allocator can't help wasting, and RocksDB's buffers while it compacts.
    public let overhead: Int
    /// Records and key tables.
    public let records: Int

    /// Records above so many bytes are spilled although there is room for them: how tests make nearly everything cold.
    public var hotLimit = Int.max

    /// Percent of `records` (`flash-high-watermark`, `flash-low-watermark`).
    public var highPercent = 95
    public var lowPercent = 90

    /// The spiller starts above this many bytes of records,
    public var highWatermark: Int { min(records / 100 * highPercent, hotLimit) }
    /// stops below this many,
    public var lowWatermark: Int { min(records / 100 * min(lowPercent, highPercent), hotLimit) }
    /// and above this many writers wait for it.
    public var limit: Int { records }

    /// The smallest `maxmemory` that is split; less leaves nothing to work with.
    public static let minimum = 4 << 20

    /// An eighth each for memtables and block cache (within limits at which RocksDB works well), a sixteenth for
    /// clients, an eighth (at most 1 GiB) for overhead, the rest for records. `blockCache` and `memtables`: as
    /// configured, 0 to derive them.
    ///
    /// Measured with 2 million values of 1 KiB and 200 MiB: the allocator's active pages are 50 to 70 MiB more than
    /// what is allocated while data is loaded, 30 MiB afterwards.
    public init(maximum wanted: Int, blockCache: Int = 0, memtables: Int = 0) {
        maximum = max(wanted, Self.minimum)
        self.memtables = memtables > 0 ? memtables : min(max(maximum / 8, 1 << 20), 256 << 20)
        self.blockCache = blockCache > 0 ? blockCache : max(maximum / 8, 1 << 20)
        clients = maximum / 16
        overhead = min(maximum / 8, 1 << 30)
        records = max(maximum / 4, maximum - self.memtables - self.blockCache - clients - overhead)
    }
}
