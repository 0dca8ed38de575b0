import Platform
import Synchronization

/// The events that are counted. A new one is one line here.
public enum Counter: Int, CaseIterable, Sendable {
    case commandsProcessed
    case connectionsReceived, connectionsRejected
    case networkInputBytes, networkOutputBytes
    case readsProcessed, writesProcessed
    case keyspaceHits, keyspaceMisses
    case expiredKeys, expiredSubkeys, evictedKeys, evictedClients
    case errorReplies, unexpectedErrorReplies
    case parkedCalls, restartedCalls
    case spilledRecords, faultedRecords, filterRejections, flashReads, flashWriteBatches
    case dumpPayloadSanitizations
    case trackingItems, trackingMessages
    case scriptEvictions
}

/// One thread's counts: written by that thread, read by all.
public final class CounterBlock: @unchecked Sendable {
    // @unchecked: the counts are atomic, their memory lives as long as the object.
    @usableFromInline let counts: UnsafeMutablePointer<Atomic<Int64>>

    init() {
        counts = .allocate(capacity: Counter.allCases.count)
        for i in 0..<Counter.allCases.count { (counts + i).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: Counter.allCases.count)
        counts.deallocate()
    }

    /// Counts `n` events. The owning thread only: a load and a store, no locked instruction.
    @inlinable
    @inline(__always)
    public func add(_ counter: Counter, _ n: Int64 = 1) {
        let count = counts + counter.rawValue
        count.pointee.store(count.pointee.load(ordering: .relaxed) &+ n, ordering: .relaxed)
    }

    func value(_ counter: Counter) -> Int64 { counts[counter.rawValue].load(ordering: .relaxed) }
}

/// All threads' counts.
///
/// A reset can't zero a count that its thread is just adding to (the thread would store the old sum back): it
/// notes the sums as the baseline that is taken off from then on.
public final class CounterRegistry: Sendable {
    private struct State {
        var blocks: [CounterBlock] = []
        var baseline = [Int64](repeating: 0, count: Counter.allCases.count)
    }
    private let state = Monitor(State())

    public init() {}

    /// A block for the calling thread. Kept for ever: threads live as long as the server.
    public func makeBlock() -> CounterBlock {
        let block = CounterBlock()
        state.withLock { $0.blocks.append(block) }
        return block
    }

    /// Events since the start or the last reset, over all threads. O(threads).
    public func sum(_ counter: Counter) -> Int64 {
        state.withLock { state in
            state.blocks.reduce(-state.baseline[counter.rawValue]) { $0 &+ $1.value(counter) }
        }
    }

    /// CONFIG RESETSTAT.
    public func reset() {
        state.withLock { state in
            for counter in Counter.allCases {
                state.baseline[counter.rawValue] = state.blocks.reduce(0) { $0 &+ $1.value(counter) }
            }
        }
    }
}

/// Rates per second, as INFO's instantaneous fields show them: the mean of the last 16 samples, which the server
/// takes every 100 ms.
public final class InstantaneousRates: Sendable {
    public enum Metric: Int, CaseIterable, Sendable {
        case commands, networkInput, networkOutput, replicationInput, replicationOutput
    }

    static let sampleCount = 16

    private struct Series {
        var samples = [Int64](repeating: 0, count: sampleCount)
        var next = 0
        var lastMilliseconds: Int64
        var lastReading: Int64 = 0
    }
    private let series: Monitor<[Series]>

    /// - Parameter nowMilliseconds: of any steady clock, the one `sample` is called with.
    public init(nowMilliseconds: Int64) {
        series = Monitor(Metric.allCases.map { _ in Series(lastMilliseconds: nowMilliseconds) })
    }

    /// Notes that the metric's running sum is `reading` now.
    public func sample(_ metric: Metric, reading: Int64, nowMilliseconds: Int64) {
        series.withLock { all in
            var series = all[metric.rawValue]
            let elapsed = nowMilliseconds - series.lastMilliseconds
            // A sum that was reset in between has gone down: nothing is known about this interval.
            let events = max(reading &- series.lastReading, 0)
            series.samples[series.next] = elapsed > 0 ? Int64(Double(events) * 1000 / Double(elapsed)) : 0
            series.next = (series.next + 1) % Self.sampleCount
            series.lastMilliseconds = nowMilliseconds
            series.lastReading = reading
            all[metric.rawValue] = series
        }
    }

    /// The metric's mean rate per second over the kept samples.
    public func perSecond(_ metric: Metric) -> Int64 {
        series.withLock { $0[metric.rawValue].samples.reduce(0, &+) / Int64(Self.sampleCount) }
    }

    /// CONFIG RESETSTAT: sums start again from 0.
    public func reset(nowMilliseconds: Int64) {
        series.withLock { all in
            for i in all.indices { all[i] = Series(lastMilliseconds: nowMilliseconds) }
        }
    }
}
