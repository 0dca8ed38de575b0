import Platform
import Synchronization

/// LATENCY: for each kind of event ("command", "expire-cycle", "flash-read" ...) a series of the worst duration per
/// second in which it exceeded the threshold, at most 160 samples. Thread-safe.
public final class LatencyMonitor: Sendable {
    /// Samples kept per event.
    public static let seriesLength = 160

    public struct Sample: Sendable, Equatable {
        public let unixSeconds: Int64
        public let milliseconds: Int64
    }

    /// One row of LATENCY LATEST.
    public struct Latest: Sendable, Equatable {
        public let event: String
        public let sample: Sample
        /// The worst since the event's first sample or reset.
        public let worstMilliseconds: Int64
    }

    /// What the doctor says about an event's samples.
    struct Analysis {
        var samples = 0
        var averageMilliseconds: Int64 = 0
        /// Mean of the distances from the average.
        var deviationMilliseconds: Int64 = 0
        var secondsBetween = 0.0
        var worstMilliseconds: Int64 = 0
    }

    private struct Series {
        /// Oldest first.
        var samples: [Sample] = []
        var worst: Int64 = 0
    }

    private let threshold: Atomic<Int64>
    private let events = Monitor<[String: Series]>([:])

    /// - Parameter thresholdMilliseconds: latency-monitor-threshold; 0 switches the monitor off.
    public init(thresholdMilliseconds: Int64 = 0) { threshold = Atomic(thresholdMilliseconds) }

    public var thresholdMilliseconds: Int64 {
        get { threshold.load(ordering: .relaxed) }
        set { threshold.store(newValue, ordering: .relaxed) }
    }

    /// Whether an event of this duration is to be sampled. One relaxed load.
    @inline(__always)
    public func exceedsThreshold(milliseconds: Int64) -> Bool {
        let limit = threshold.load(ordering: .relaxed)
        return limit > 0 && milliseconds >= limit
    }

    /// Samples the event if it took long enough.
    public func sampleIfSlow(_ event: StaticString, milliseconds: Int64) {
        if exceedsThreshold(milliseconds: milliseconds) {
            add(event.description, milliseconds: milliseconds, unixSeconds: Clock.unixMicroseconds() / 1_000_000)
        }
    }

    /// Adds a sample; one of the same second is raised instead.
    public func add(_ event: String, milliseconds: Int64, unixSeconds: Int64) {
        events.withLock { events in
            var series = events[event] ?? Series()
            series.worst = max(series.worst, milliseconds)
            if let last = series.samples.last, last.unixSeconds == unixSeconds {
                series.samples[series.samples.count - 1] = Sample(
                    unixSeconds: unixSeconds, milliseconds: max(last.milliseconds, milliseconds))
            } else {
                // At most one sample a second and event: moving 160 of them is nothing.
                if series.samples.count == Self.seriesLength { series.samples.removeFirst() }
                series.samples.append(Sample(unixSeconds: unixSeconds, milliseconds: milliseconds))
            }
            events[event] = series
        }
    }

    /// LATENCY LATEST: the newest sample of every event, by name.
    public func latest() -> [Latest] {
        events.withLock { $0 }.sorted { $0.key < $1.key }.compactMap { event, series in
            series.samples.last.map { Latest(event: event, sample: $0, worstMilliseconds: series.worst) }
        }
    }

    /// LATENCY HISTORY: the event's samples, oldest first; empty if there are none.
    public func history(_ event: String) -> [Sample] { events.withLock { $0[event]?.samples ?? [] } }

    /// LATENCY RESET: forgets the named events (case is ignored), or all. Returns how many there were.
    public func reset(_ names: [String]? = nil) -> Int {
        events.withLock { events in
            let before = events.count
            if let names {
                let wanted = Set(names.map { $0.lowercased() })
                events = events.filter { !wanted.contains($0.key.lowercased()) }
            } else {
                events = [:]
            }
            return before - events.count
        }
    }

    /// LATENCY GRAPH; nil if there is no such event ("No samples available for event '...'").
    public func graph(_ event: String, unixSeconds now: Int64 = Clock.unixMicroseconds() / 1_000_000) -> String? {
        guard let series = events.withLock({ $0[event] }), let first = series.samples.first else { return nil }
        var low = first.milliseconds
        var high = first.milliseconds
        for sample in series.samples {
            low = min(low, sample.milliseconds)
            high = max(high, sample.milliseconds)
        }
        let head = "\(event) - high \(high) ms, low \(low) ms (all time high \(series.worst) ms)\n"
        let rule = String(repeating: "-", count: Sparkline.columns) + "\n"
        return head + rule + Sparkline.render(
            series.samples.map { (value: Double($0.milliseconds), label: Self.age(now - $0.unixSeconds)) })
    }

    /// How long ago, in the largest unit that fits.
    private static func age(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<86_400: "\(seconds / 3600)h"
        default: "\(seconds / 86_400)d"
        }
    }

    /// Every event with its analysis, by name.
    func analyses(unixSeconds now: Int64) -> [(event: String, analysis: Analysis)] {
        events.withLock { $0 }.sorted { $0.key < $1.key }.map { event, series in
            var result = Analysis()
            result.worstMilliseconds = series.worst
            result.samples = series.samples.count
            guard let oldest = series.samples.first else { return (event, result) }
            let count = Int64(result.samples)
            let average = series.samples.reduce(0) { $0 + $1.milliseconds } / count
            result.averageMilliseconds = average
            result.deviationMilliseconds = series.samples.reduce(0) { $0 + abs($1.milliseconds - average) } / count
            result.secondsBetween = Double(max(now - oldest.unixSeconds, 1)) / Double(count)
            return (event, result)
        }
    }
}
