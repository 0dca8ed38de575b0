import Synchronization

/// A histogram of durations with 0.8 % resolution.
///
/// Log-linear, as Gil Tene's HdrHistogram: below 1024 ns steps of 8 ns; above, each octave [2^k, 2^(k+1)) is cut
/// in 128 equal steps, up to 2^38 ns (275 s), where everything longer is counted. The counts of an octave (1 KiB) are
/// allocated when the first duration falls into it, so a command that always takes about as long costs a few KiB, not
/// 29. One thread writes (relaxed load and store, no locked instruction), any thread reads; a reader may miss
/// the latest values.
public struct LatencyHistogram: ~Copyable, @unchecked Sendable {
    // @unchecked: counts and the pointers to them are atomic, and their memory lives as long as the value.
    static let stepsPerOctave = 128
    static let firstOctave = 10
    static let lastOctave = 37
    /// What lies below the first octave counts as one.
    static let octaves = 1 + lastOctave - firstOctave + 1
    static let steps = stepsPerOctave * octaves
    /// The longest duration that is told from longer ones.
    public static let longestNanoseconds: UInt64 = 1 << 38 - 1

    private typealias Counts = UnsafeMutablePointer<Atomic<UInt64>>
    private let octaves: UnsafeMutablePointer<Atomic<Counts?>>

    public init() {
        octaves = .allocate(capacity: Self.octaves)
        for octave in 0..<Self.octaves { (octaves + octave).initialize(to: Atomic(nil)) }
    }

    deinit {
        for octave in 0..<Self.octaves {
            guard let counts = octaves[octave].load(ordering: .relaxed) else { continue }
            counts.deinitialize(count: Self.stepsPerOctave)
            counts.deallocate()
        }
        octaves.deinitialize(count: Self.octaves)
        octaves.deallocate()
    }

    @inline(never)
    private borrowing func makeCounts(_ octave: Int) -> Counts {
        let counts = Counts.allocate(capacity: Self.stepsPerOctave)
        for step in 0..<Self.stepsPerOctave { (counts + step).initialize(to: Atomic(0)) }
        // A reader that sees the pointer sees the zeros too.
        octaves[octave].store(counts, ordering: .releasing)
        return counts
    }

    /// The step that `nanoseconds` falls into.
    @inline(__always)
    package static func step(_ nanoseconds: UInt64) -> Int {
        let value = min(nanoseconds, longestNanoseconds)
        if value < 1 << firstOctave { return Int(value >> 3) }
        let octave = 63 - value.leadingZeroBitCount
        return (octave - firstOctave + 1) * stepsPerOctave + Int(value >> UInt64(octave - 7)) - stepsPerOctave
    }

    /// The longest duration of a step.
    package static func highest(_ step: Int) -> UInt64 {
        if step < stepsPerOctave { return UInt64(step) << 3 | 7 }
        let octave = step / stepsPerOctave - 1 + firstOctave
        return UInt64(step % stepsPerOctave + stepsPerOctave + 1) << UInt64(octave - 7) - 1
    }

    /// Counts one duration. The owner's thread only.
    public borrowing func record(nanoseconds: Int64) {
        let step = Self.step(UInt64(max(nanoseconds, 0)))
        let octave = step / Self.stepsPerOctave
        let counts = octaves[octave].load(ordering: .relaxed) ?? makeCounts(octave)
        let count = counts + step % Self.stepsPerOctave
        count.pointee.store(count.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// Forgets everything, and keeps the memory. The owner's thread only.
    public borrowing func reset() {
        for octave in 0..<Self.octaves {
            guard let counts = octaves[octave].load(ordering: .relaxed) else { continue }
            for step in 0..<Self.stepsPerOctave { counts[step].store(0, ordering: .relaxed) }
        }
    }

    /// Adds the counts to `sum`. Any thread.
    public borrowing func add(to sum: inout LatencyDistribution) {
        for octave in 0..<Self.octaves {
            guard let counts = octaves[octave].load(ordering: .acquiring) else { continue }
            for step in 0..<Self.stepsPerOctave {
                let count = counts[step].load(ordering: .relaxed)
                sum.counts[octave * Self.stepsPerOctave + step] &+= count
                sum.total &+= count
            }
        }
    }
}

/// The sum of histograms at one moment: what percentiles and LATENCY HISTOGRAM are read from.
public struct LatencyDistribution: Sendable {
    var counts = [UInt64](repeating: 0, count: LatencyHistogram.steps)
    /// Durations counted.
    public internal(set) var total: UInt64 = 0

    public init() {}

    public mutating func merge(_ other: LatencyDistribution) {
        for i in counts.indices { counts[i] &+= other.counts[i] }
        total &+= other.total
    }

    /// The duration in nanoseconds that `percentage` (0 to 100) of the counted ones don't exceed, to within the
    /// resolution, never less; 0 if nothing was counted. O(steps).
    public func nanoseconds(percentile percentage: Double) -> UInt64 {
        guard total > 0 else { return 0 }
        let share = min(max(percentage, 0), 100) / 100
        let wanted = max(UInt64((share * Double(total)).rounded(.up)), 1)
        var seen: UInt64 = 0
        for (step, count) in counts.enumerated() {
            seen += count
            if seen >= wanted { return LatencyHistogram.highest(step) }
        }
        return LatencyHistogram.longestNanoseconds
    }

    /// LATENCY HISTOGRAM's pairs: how many calls took at most so many microseconds, at powers of two of 1024 ns
    /// where the count grew. The labels are those of Redis 7: the end of the step at the power (1, 2, 4, 8, 16, 33,
    /// 66, ...), and 1073741 for everything above.
    public func cumulativeMicroseconds() -> [(microseconds: UInt64, calls: UInt64)] {
        var pairs: [(microseconds: UInt64, calls: UInt64)] = []
        var seen: UInt64 = 0
        var emitted: UInt64 = 0
        var step = 0
        for octave in LatencyHistogram.firstOctave..<30 {
            let last = LatencyHistogram.step(1 << UInt64(octave))
            while step <= last {
                seen += counts[step]
                step += 1
            }
            if seen > emitted { pairs.append((LatencyHistogram.highest(last) / 1000, seen)) }
            emitted = seen
        }
        if total > emitted { pairs.append(((1 << 30 - 1) / 1000, total)) }
        return pairs
    }
}
