import Bytes
import CShims

/// A copy of a HyperLogLog that is being changed, in memory of its own: a sparse one grows, and becomes a dense one when
/// it would grow over a limit.
public struct HyperLogLogDraft: ~Copyable {
    private var memory: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var length: Int

    public enum Change {
        case none, made
        /// The HyperLogLog is damaged.
        case damaged
    }

    /// An empty one in the sparse form.
    public init() {
        capacity = HyperLogLog.denseBytes
        memory = firn_allocate(capacity).assumingMemoryBound(to: UInt8.self)
        memset(memory, 0, HyperLogLog.headerBytes)
        memcpy(memory, "HYLL", 4)
        memory[4] = HyperLogLog.Form.sparse.rawValue
        length = HyperLogLog.headerBytes
        length += SparseRun.writeZeros(HyperLogLog.registerCount, memory + length)
    }

    /// A copy of one that `HyperLogLog.form` has recognised.
    public init(copying bytes: ByteSlice) {
        capacity = max(HyperLogLog.denseBytes, bytes.count)
        memory = firn_allocate(capacity).assumingMemoryBound(to: UInt8.self)
        memcpy(memory, bytes.base, bytes.count)
        length = bytes.count
    }

    deinit { firn_deallocate(memory, capacity) }

    /// Valid until the draft is changed.
    public var bytes: ByteSlice { ByteSlice(base: memory, count: length) }

    public var isSparse: Bool { memory[4] == HyperLogLog.Form.sparse.rawValue }

    public mutating func invalidate() { HyperLogLog.invalidate(memory) }

    private mutating func reserve(_ more: Int) {
        guard length + more > capacity else { return }
        let grown = firn_allocate(2 * capacity).assumingMemoryBound(to: UInt8.self)
        memcpy(grown, memory, length)
        firn_deallocate(memory, capacity)
        memory = grown
        capacity *= 2
    }

    /// Raises register `index` to `rank` if it is lower. `limitBytes`: the longest that a sparse one may be.
    public mutating func raise(_ index: Int, to rank: UInt8, limitBytes: Int) -> Change {
        guard isSparse else { return raiseDense(index, to: rank) }
        guard rank <= SparseRun.largestValue else { return raiseAsDense(index, to: rank) }
        reserve(3)
        // The run that covers the register, and the one before it.
        var at = HyperLogLog.headerBytes
        var first = 0
        var previous = at
        guard at < length else { return .damaged }
        var run = SparseRun(memory, at: at, end: length)
        while at < length {
            run = SparseRun(memory, at: at, end: length)
            if index < first + run.count { break }
            previous = at
            at += run.bytes
            first += run.count
        }
        guard at < length else { return .damaged }
        if run.value >= rank { return .none }
        if run.count == 1, run.bytes == 1 {
            memory[at] = SparseRun.byte(rank, 1)
        } else if !split(run, at, before: index - first, rank, limitBytes) {
            return raiseAsDense(index, to: rank)
        }
        mergeValues(from: previous)
        invalidate()
        return .made
    }

    /// Puts up to three runs in the place of one, so that the register behind `before` others gets `rank`. False if
    /// the string would become too long.
    private mutating func split(
        _ run: SparseRun, _ at: Int, before: Int, _ rank: UInt8, _ limitBytes: Int
    ) -> Bool {
        let behind = run.count - before - 1
        // Two runs of zeros in two bytes each and one of a value.
        var fresh: UInt64 = 0
        let count = withUnsafeMutableBytes(of: &fresh) { raw in
            // An integer has an address.
            let bytes = raw.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            var count = 0
            func write(_ registers: Int) {
                guard registers > 0 else { return }
                if run.value == 0 {
                    count += SparseRun.writeZeros(registers, bytes + count)
                } else {
                    bytes[count] = SparseRun.byte(run.value, registers)
                    count += 1
                }
            }
            write(before)
            bytes[count] = SparseRun.byte(rank, 1)
            count += 1
            write(behind)
            return count
        }
        let growth = count - run.bytes
        if growth > 0, length + growth > limitBytes { return false }
        // A damaged string may end within its last run: then it still does.
        let behindRun = max(0, length - at - run.bytes)
        memmove(memory + at + count, memory + at + run.bytes, behindRun)
        withUnsafeBytes(of: &fresh) { raw in
            for index in 0..<count { memory[at + index] = raw[index] }
        }
        length += growth
        return true
    }

    /// Joins neighbouring runs of the same value among the next five.
    private mutating func mergeValues(from start: Int) {
        var at = start
        var left = 5
        while at < length, left > 0 {
            left -= 1
            let run = SparseRun(memory, at: at, end: length)
            if run.value > 0, at + 1 < length {
                let next = SparseRun(memory, at: at + 1, end: length)
                if next.value == run.value, run.count + next.count <= SparseRun.longestValue {
                    memory[at + 1] = SparseRun.byte(run.value, run.count + next.count)
                    memmove(memory + at, memory + at + 1, length - at - 1)
                    length -= 1
                    continue
                }
            }
            at += run.bytes
        }
    }

    private mutating func raiseAsDense(_ index: Int, to rank: UInt8) -> Change {
        guard makeDense() else { return .damaged }
        return raiseDense(index, to: rank)
    }

    private mutating func raiseDense(_ index: Int, to rank: UInt8) -> Change {
        let registers = memory + HyperLogLog.headerBytes
        if HyperLogLog.register(registers, index) >= rank { return .none }
        HyperLogLog.setRegister(registers, index, rank)
        invalidate()
        return .made
    }

    /// Takes on the dense form. False if the draft is damaged; it is unchanged then.
    public mutating func makeDense() -> Bool {
        guard isSparse else { return true }
        let dense = firn_allocate(HyperLogLog.denseBytes).assumingMemoryBound(to: UInt8.self)
        memset(dense, 0, HyperLogLog.denseBytes)
        memcpy(dense, memory, HyperLogLog.headerBytes)
        dense[4] = HyperLogLog.Form.dense.rawValue
        var index = 0
        let isWhole = SparseRuns.forEach(bytes) { run in
            if run.value > 0 {
                for index in index..<index + run.count {
                    HyperLogLog.setRegister(dense + HyperLogLog.headerBytes, index, run.value)
                }
            }
            index += run.count
        }
        guard isWhole else {
            firn_deallocate(dense, HyperLogLog.denseBytes)
            return false
        }
        firn_deallocate(memory, capacity)
        memory = dense
        capacity = HyperLogLog.denseBytes
        length = HyperLogLog.denseBytes
        return true
    }
}
