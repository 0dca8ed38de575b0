import Testing

import Bytes
import Platform
@testable import Telemetry

@Suite struct StatisticsTests {
    func distribution(_ nanoseconds: [Int64]) -> LatencyDistribution {
        let histogram = LatencyHistogram()
        for value in nanoseconds { histogram.record(nanoseconds: value) }
        var sum = LatencyDistribution()
        histogram.add(to: &sum)
        return sum
    }

    @Test func stepsTileTheRange() {
        var step = 0
        var value: UInt64 = 0
        while step < LatencyHistogram.steps {
            #expect(LatencyHistogram.step(value) == step)
            let last = LatencyHistogram.highest(step)
            #expect(LatencyHistogram.step(last) == step)
            let width: UInt64 = last - value
            #expect(width <= max(7, value / 127))
            value = last + 1
            step += 1
        }
        #expect(value == LatencyHistogram.longestNanoseconds + 1)
        #expect(LatencyHistogram.step(.max) == LatencyHistogram.steps - 1)
    }

    @Test func percentilesAgreeWithASortedArray() {
        var random = RandomSource(seed: 17)
        let values = (0..<5_000).map { _ in Int64(random.next() >> (26 + random.below(30))) }
        let sorted = values.sorted()
        let sum = distribution(values)
        #expect(sum.total == 5_000)
        for percentage in [0, 1, 25, 50, 90, 99, 99.9, 100] {
            let rank = max(Int((percentage / 100 * 5_000).rounded(.up)), 1)
            let exact = UInt64(sorted[rank - 1])
            let found = sum.nanoseconds(percentile: percentage)
            let bound: UInt64 = exact + exact / 125 + 8
            #expect(found >= exact && found <= bound, "\(percentage): \(found) for \(exact)")
        }
        #expect(LatencyDistribution().nanoseconds(percentile: 50) == 0)
        #expect(distribution([-5]).nanoseconds(percentile: 100) == 7)
    }

    @Test func histogramPairsAreThoseOfRedis() {
        // 40 ms, 500 ms and 1.2 s: the labels redis-server 7.0.15 gave for DEBUG SLEEP of these lengths.
        let pairs = distribution([40_000_000, 500_000_000, 1_200_000_000]).cumulativeMicroseconds()
        #expect(pairs.map(\.microseconds) == [67_633, 541_065, 1_073_741])
        #expect(pairs.map(\.calls) == [1, 2, 3])
        let fine = distribution((0..<10).map { 700 << Int64($0) }).cumulativeMicroseconds()
        #expect(fine.map(\.microseconds) == [1, 2, 4, 8, 16, 33, 66, 132, 264, 528])
        #expect(fine.map(\.calls) == Array(1...10))
        #expect(LatencyDistribution().cumulativeMicroseconds().isEmpty)
    }

    @Test func distributionsMerge() {
        var a = distribution([1_000, 2_000])
        a.merge(distribution([4_000]))
        #expect(a.total == 3)
        #expect(a.nanoseconds(percentile: 100) >= 4_000)
    }

    @Test func countersAddUpOverThreadsAndReset() {
        let registry = CounterRegistry()
        let threads = (0..<4).map { n in
            let block = registry.makeBlock()
            return Thread(name: "count\(n)") {
                for _ in 0..<10_000 { block.add(.keyspaceHits) }
                block.add(.networkInputBytes, 1 << 40)
            }
        }
        for thread in threads { thread.join() }
        #expect(registry.sum(.keyspaceHits) == 40_000)
        #expect(registry.sum(.networkInputBytes) == 4 << 40)
        #expect(registry.sum(.keyspaceMisses) == 0)
        registry.reset()
        #expect(registry.sum(.keyspaceHits) == 0)
        registry.makeBlock().add(.keyspaceHits, 3)
        #expect(registry.sum(.keyspaceHits) == 3)
    }

    @Test func ratesAreTheMeanOfSixteenSamples() {
        let rates = InstantaneousRates(nowMilliseconds: 0)
        for i in 1...16 { rates.sample(.commands, reading: Int64(i) * 50, nowMilliseconds: Int64(i) * 100) }
        #expect(rates.perSecond(.commands) == 500)
        #expect(rates.perSecond(.networkInput) == 0)
        rates.sample(.commands, reading: 16 * 50, nowMilliseconds: 1_700)
        #expect(rates.perSecond(.commands) == 500 * 15 / 16)
        // No time has passed, and a sum that went down: no rate, and no trap.
        rates.sample(.commands, reading: 1, nowMilliseconds: 1_700)
        #expect(rates.perSecond(.commands) == 500 * 14 / 16)
        rates.reset(nowMilliseconds: 2_000)
        #expect(rates.perSecond(.commands) == 0)
    }

    @Test func commandStatisticsAddUpAndReset() {
        let registry = CommandStatisticsRegistry(commandCount: 3)
        let a = registry.makeBlock()
        let b = registry.makeBlock()
        a.executed(1, nanoseconds: 1_500)
        b.executed(1, nanoseconds: 2_500, failed: true)
        b.rejected(1)
        b.failed(2)
        let sum = registry.statistics(1)
        #expect(sum.calls == 2)
        #expect(sum.microseconds == 4)
        #expect(sum.failed == 1)
        #expect(sum.rejected == 1)
        #expect(registry.statistics(2).failed == 1)
        #expect(registry.statistics(0).isEmpty)
        #expect(registry.distribution(1)?.total == 2)
        #expect(registry.distribution(2) == nil)
        registry.reset()
        #expect(registry.statistics(1).isEmpty && registry.distribution(1) == nil)
        // What comes after the reset counts from zero, in each block by itself.
        a.executed(1, nanoseconds: 7_000)
        #expect(registry.statistics(1).calls == 1 && registry.statistics(1).microseconds == 7)
        #expect(registry.distribution(1)?.total == 1)
        registry.keepHistograms(false)
        a.executed(1, nanoseconds: 7_000)
        #expect(registry.statistics(1).calls == 2 && registry.distribution(1)?.total == 1)
    }

    @Test func readersMayWatchWhileThreadsCountAndOthersReset() {
        let registry = CommandStatisticsRegistry(commandCount: 1)
        let threads = (0..<3).map { n in
            let block = registry.makeBlock()
            return Thread(name: "stat\(n)") { for _ in 0..<5_000 { block.executed(0, nanoseconds: 100) } }
        }
        for _ in 0..<50 {
            #expect(registry.statistics(0).calls <= 15_000)
            _ = registry.distribution(0)
            registry.reset()
        }
        for thread in threads { thread.join() }
        #expect(registry.statistics(0).calls <= 15_000)
        registry.reset()
        #expect(registry.statistics(0).isEmpty)
    }
}
