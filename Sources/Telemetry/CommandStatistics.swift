import Platform
import Synchronization

// Per command and thread: calls, time, failures and the histogram. (Tiering counts the stages of misses so, each as a
// command would be.)
//
// The simple version, one set of atomic counters per command, has all threads add to the same cache lines. Here
// each thread has a block of its own and readers add the blocks up. A reset must not write to another thread's
// counters (it would be lost, or lose a call): it raises the epoch. A writer that finds its slot to be of an older
// epoch zeroes the slot before it counts; a reader skips slots of older epochs.

/// What is known about one command, over all threads.
public struct CommandStatistics: Sendable {
    public internal(set) var calls: UInt64 = 0
    public internal(set) var nanoseconds: UInt64 = 0
    /// Refused before execution (arity, permissions, memory ...).
    public internal(set) var rejected: UInt64 = 0
    /// Executed, with an error for its reply.
    public internal(set) var failed: UInt64 = 0

    public init() {}

    public var microseconds: UInt64 { nanoseconds / 1000 }
    public var isEmpty: Bool { calls == 0 && rejected == 0 && failed == 0 }
}

/// One thread's statistics: written by that thread, read by all.
public final class CommandStatisticsBlock: @unchecked Sendable {
    // @unchecked: the slots hold atomics only, written by the owning thread; their memory lives as long as the object.
    private struct Slot: ~Copyable {
        let epoch = Atomic<UInt64>(0)
        let calls = Atomic<UInt64>(0)
        let nanoseconds = Atomic<UInt64>(0)
        let rejected = Atomic<UInt64>(0)
        let failed = Atomic<UInt64>(0)
        /// Made by the owning thread at the first call, freed with the block.
        let histogram = Atomic<UnsafeMutablePointer<LatencyHistogram>?>(nil)
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let count: Int
    private let registry: CommandStatisticsRegistry.Epoch

    init(commands: Int, registry: CommandStatisticsRegistry.Epoch) {
        count = commands
        self.registry = registry
        slots = .allocate(capacity: commands)
        for i in 0..<commands { (slots + i).initialize(to: Slot()) }
    }

    deinit {
        for i in 0..<count {
            guard let histogram = slots[i].histogram.load(ordering: .relaxed) else { continue }
            histogram.deinitialize(count: 1)
            histogram.deallocate()
        }
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    /// Counts an executed call. The owning thread only. The first call of a command allocates its histogram if one is
    /// kept.
    public func executed(_ command: Int, nanoseconds: Int64, failed: Bool = false) {
        let slot = current(command)
        increment(slot.pointee.calls, 1)
        increment(slot.pointee.nanoseconds, UInt64(max(nanoseconds, 0)))
        if failed { increment(slot.pointee.failed, 1) }
        guard registry.keepsHistograms.load(ordering: .relaxed) else { return }
        let histogram = slot.pointee.histogram.load(ordering: .relaxed) ?? makeHistogram(slot)
        histogram.pointee.record(nanoseconds: nanoseconds)
    }

    @inline(never)
    private func makeHistogram(_ slot: UnsafeMutablePointer<Slot>) -> UnsafeMutablePointer<LatencyHistogram> {
        let histogram = UnsafeMutablePointer<LatencyHistogram>.allocate(capacity: 1)
        histogram.initialize(to: LatencyHistogram())
        slot.pointee.histogram.store(histogram, ordering: .releasing)
        return histogram
    }

    /// Counts a call that was refused before execution. The owning thread only.
    public func rejected(_ command: Int) { increment(current(command).pointee.rejected, 1) }

    /// Counts a failure that shows only after the call (a blocked command's error). The owning thread only.
    public func failed(_ command: Int) { increment(current(command).pointee.failed, 1) }

    @inline(__always)
    private func current(_ command: Int) -> UnsafeMutablePointer<Slot> {
        precondition(command >= 0 && command < count, "command \(command) of \(count)")
        let slot = slots + command
        let epoch = registry.number.load(ordering: .relaxed)
        if slot.pointee.epoch.load(ordering: .relaxed) != epoch { restart(slot, epoch) }
        return slot
    }

    private func restart(_ slot: UnsafeMutablePointer<Slot>, _ epoch: UInt64) {
        slot.pointee.calls.store(0, ordering: .relaxed)
        slot.pointee.nanoseconds.store(0, ordering: .relaxed)
        slot.pointee.rejected.store(0, ordering: .relaxed)
        slot.pointee.failed.store(0, ordering: .relaxed)
        slot.pointee.histogram.load(ordering: .relaxed)?.pointee.reset()
        // A reader that sees the new epoch sees the zeros too.
        slot.pointee.epoch.store(epoch, ordering: .releasing)
    }

    @inline(__always)
    private func increment(_ count: borrowing Atomic<UInt64>, _ n: UInt64) {
        count.store(count.load(ordering: .relaxed) &+ n, ordering: .relaxed)
    }

    func add(_ command: Int, epoch: UInt64, to sum: inout CommandStatistics) {
        guard slots[command].epoch.load(ordering: .acquiring) == epoch else { return }
        sum.calls &+= slots[command].calls.load(ordering: .relaxed)
        sum.nanoseconds &+= slots[command].nanoseconds.load(ordering: .relaxed)
        sum.rejected &+= slots[command].rejected.load(ordering: .relaxed)
        sum.failed &+= slots[command].failed.load(ordering: .relaxed)
    }

    func add(_ command: Int, epoch: UInt64, to sum: inout LatencyDistribution) {
        guard slots[command].epoch.load(ordering: .acquiring) == epoch else { return }
        slots[command].histogram.load(ordering: .acquiring)?.pointee.add(to: &sum)
    }
}

/// All threads' command statistics.
public final class CommandStatisticsRegistry: Sendable {
    final class Epoch: Sendable {
        let number = Atomic<UInt64>(0)
        let keepsHistograms = Atomic<Bool>(true)
    }

    private let epoch = Epoch()
    private let blocks = Monitor<[CommandStatisticsBlock]>([])
    /// Commands are numbered from 0 to below this.
    public let commandCount: Int

    public init(commandCount: Int) { self.commandCount = commandCount }

    /// A block for the calling thread. Kept for ever.
    public func makeBlock() -> CommandStatisticsBlock {
        let block = CommandStatisticsBlock(commands: commandCount, registry: epoch)
        blocks.withLock { $0.append(block) }
        return block
    }

    /// latency-tracking: whether histograms are filled from now on.
    public func keepHistograms(_ keeps: Bool) { epoch.keepsHistograms.store(keeps, ordering: .relaxed) }

    /// The command's statistics since the start or the last reset. O(threads).
    public func statistics(_ command: Int) -> CommandStatistics {
        precondition(command >= 0 && command < commandCount, "command \(command) of \(commandCount)")
        let number = epoch.number.load(ordering: .relaxed)
        var sum = CommandStatistics()
        for block in blocks.withLock({ $0 }) { block.add(command, epoch: number, to: &sum) }
        return sum
    }

    /// The command's durations; nil if none were counted. O(threads x steps).
    public func distribution(_ command: Int) -> LatencyDistribution? {
        precondition(command >= 0 && command < commandCount, "command \(command) of \(commandCount)")
        let number = epoch.number.load(ordering: .relaxed)
        var sum = LatencyDistribution()
        for block in blocks.withLock({ $0 }) { block.add(command, epoch: number, to: &sum) }
        return sum.total > 0 ? sum : nil
    }

    /// CONFIG RESETSTAT. O(1).
    public func reset() { epoch.number.add(1, ordering: .relaxed) }
}
