import Bytes
import Platform
import Storage

/// A provider that keeps everything in memory: exact, unbounded, and gone at the end but for its checkpoints.
public final class MemoryProvider: StorageProvider {
    struct State: Sendable {
        var pairs = SortedPairs()
        var reads: UInt64 = 0
        var flushes = 0
        var isClosed = false
    }
    private let state: Monitor<State>

    /// An empty map.
    public init() { state = Monitor(State()) }

    /// What `checkpoint(to:)` wrote into `directory`. Throws `.inputOutput`, or `.corruption` if it isn't whole.
    public init(checkpoint directory: String) throws(StorageError) {
        state = Monitor(State(pairs: try CheckpointFile.read(directory)))
    }

    /// Calls of `flush` so far (`close` makes one): a test can see that its subject flushed.
    public var flushCount: Int { state.withLock { $0.flushes } }

    private func withPairs<R, E: Error>(_ body: (inout SortedPairs) throws(E) -> R) throws(E) -> R {
        try state.withLock { (state) throws(E) -> R in
            precondition(!state.isClosed, "a call after close")
            return try body(&state.pairs)
        }
    }

    public func mayContain(_ key: ByteSlice) -> Bool { withPairs { $0[key] != nil } }

    public func read(_ key: ByteSlice) throws(StorageError) -> ReadResult {
        state.withLock { state in
            precondition(!state.isClosed, "a call after close")
            state.reads += 1
            return state.pairs[key].map { .found($0) } ?? .missing
        }
    }

    public func read(_ keys: [ByteSlice]) throws(StorageError) -> [ReadResult] {
        state.withLock { state in
            precondition(!state.isClosed, "a call after close")
            state.reads += UInt64(keys.count)
            return keys.map { key in state.pairs[key].map { .found($0) } ?? .missing }
        }
    }

    public func write(_ batch: borrowing WriteBatch) throws(StorageError) {
        // The lock makes the batch atomic for readers; nothing in it can fail.
        state.withLock { state in
            precondition(!state.isClosed, "a call after close")
            batch.forEach { operation in
                switch operation {
                case .put(let key, let value): state.pairs.put(key, value)
                case .delete(let key): state.pairs.remove(key)
                case .deleteRange(let from, let to): state.pairs.remove(from: from, to: to)
                }
            }
        }
    }

    public func cursor(
        from: ByteSlice, to: ByteSlice, withValues: Bool
    ) throws(StorageError) -> any StorageCursor {
        MemoryCursor(pairs: withPairs { $0 }, from: from, to: to, withValues: withValues)
    }

    public func flush() throws(StorageError) { state.withLock { $0.flushes += 1 } }

    public func checkpoint(to directory: String) throws(StorageError) {
        try CheckpointFile.write(withPairs { $0 }, to: directory)
    }

    public func compact(from: ByteSlice, to: ByteSlice) throws(StorageError) {}

    public var statistics: StorageStatistics {
        state.withLock { state in
            var out = StorageStatistics()
            out.estimatedKeys = UInt64(state.pairs.count)
            out.liveBytes = UInt64(state.pairs.byteCount)
            out.memtableBytes = out.liveBytes
            out.reads = state.reads
            return out
        }
    }

    public var health: StorageHealth { .good }
    public func resume() throws(StorageError) {}

    public func close() throws(StorageError) {
        state.withLock { state in
            precondition(!state.isClosed, "closed twice")
            state.flushes += 1
            state.isClosed = true
            state.pairs = SortedPairs()
        }
    }
}

final class MemoryCursor: StorageCursor {
    private let pairs: SortedPairs
    private let to: SharedBytes
    private let withValues: Bool
    private var run: Int
    private var index: Int

    init(pairs: SortedPairs, from: ByteSlice, to: ByteSlice, withValues: Bool) {
        self.pairs = pairs
        self.to = SharedBytes(copying: to)
        self.withValues = withValues
        let start = pairs.place(of: from)
        run = start.run
        index = start.index
    }

    func next() throws(StorageError) -> (key: ByteSlice, value: ByteSlice)? {
        if run < pairs.runs.count, index == pairs.runs[run].count {
            run += 1
            index = 0
        }
        guard run < pairs.runs.count else { return nil }
        // The views live as long as the snapshot, which the cursor holds.
        let pair = pairs.runs[run][index]
        if to.count > 0, pair.key.slice.compare(to.slice) >= 0 { return nil }
        index += 1
        return (pair.key.slice, withValues ? pair.value.slice : .empty)
    }
}
