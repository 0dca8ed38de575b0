import Testing

import Bytes
import Platform
@testable import Telemetry

@Suite struct SlowLogTests {
    func record(_ log: SlowLog, _ arguments: [String], microseconds: Int64 = 20_000) {
        let copies = arguments.map { text in text.withSlice { SharedBytes(copying: $0) } }
        log.record(
            durationMicroseconds: microseconds, argumentCount: copies.count, clientAddress: ByteSlice("127.0.0.1:5"),
            clientName: ByteSlice("me"), unixSeconds: 99
        ) { copies[$0].slice }
    }

    func texts(_ entry: SlowLog.Entry) -> [String] { entry.arguments.map { String(decoding: $0, as: UTF8.self) } }

    @Test func thresholds() {
        let log = SlowLog(thresholdMicroseconds: 10)
        #expect(log.isSlow(microseconds: 10) && !log.isSlow(microseconds: 9))
        log.thresholdMicroseconds = 0
        #expect(log.isSlow(microseconds: 0))
        log.thresholdMicroseconds = -1
        #expect(!log.isSlow(microseconds: .max))
    }

    @Test func entriesSayWhatHappened() {
        let log = SlowLog()
        record(log, ["SET", "k", "v"], microseconds: 12_345)
        let entry = log.get(1)[0]
        #expect(entry.id == 0)
        #expect(entry.unixSeconds == 99)
        #expect(entry.durationMicroseconds == 12_345)
        #expect(texts(entry) == ["SET", "k", "v"])
        #expect(entry.clientAddress == Array("127.0.0.1:5".utf8) && entry.clientName == Array("me".utf8))
    }

    @Test func argumentsAreCutAsInRedis() {
        let log = SlowLog()
        record(log, ["SET", String(repeating: "x", count: 128), String(repeating: "y", count: 129)])
        #expect(
            texts(log.get(1)[0]) == [
                "SET", String(repeating: "x", count: 128), String(repeating: "y", count: 128) + "... (1 more bytes)",
            ])
        record(log, (0..<32).map(String.init))
        #expect(texts(log.get(1)[0]) == (0..<32).map(String.init))
        record(log, (0..<33).map(String.init))
        #expect(texts(log.get(1)[0]) == (0..<31).map(String.init) + ["... (2 more arguments)"])
    }

    /// Against an array, through changes of the length.
    @Test func ringKeepsTheNewest() {
        let log = SlowLog(maximumLength: 3)
        var model: [Int64] = []
        var maximum = 3
        var next: Int64 = 0
        var random = RandomSource(seed: 3)
        for _ in 0..<2_000 {
            switch random.index(below: 12) {
            case 0:
                maximum = random.index(below: 9)
                log.setMaximumLength(maximum)
            case 1 where random.index(below: 5) == 0:
                log.reset()
                model = []
            default:
                record(log, ["PING"])
                model.insert(next, at: 0)
                next += 1
            }
            model = Array(model.prefix(maximum))
            #expect(log.get(-1).map(\.id) == model)
            #expect(log.count == model.count)
            #expect(log.get(2).map(\.id) == Array(model.prefix(2)))
        }
    }

    @Test func idsAreUniqueAcrossThreads() {
        let log = SlowLog(maximumLength: 1_000)
        let threads = (0..<4).map { n in Thread(name: "slow\(n)") { for _ in 0..<100 { self.record(log, ["GET"]) } } }
        for thread in threads { thread.join() }
        #expect(log.get(-1).map(\.id) == (0..<400).reversed().map(Int64.init))
    }
}

@Suite struct LatencyMonitorTests {
    @Test func seriesKeepTheWorstOfEachSecond() {
        let monitor = LatencyMonitor(thresholdMilliseconds: 10)
        #expect(monitor.exceedsThreshold(milliseconds: 10) && !monitor.exceedsThreshold(milliseconds: 9))
        monitor.add("command", milliseconds: 20, unixSeconds: 100)
        monitor.add("command", milliseconds: 50, unixSeconds: 100)
        monitor.add("command", milliseconds: 30, unixSeconds: 100)
        monitor.add("command", milliseconds: 12, unixSeconds: 101)
        #expect(
            monitor.history("command") == [
                .init(unixSeconds: 100, milliseconds: 50), .init(unixSeconds: 101, milliseconds: 12),
            ])
        #expect(
            monitor.latest() == [
                .init(event: "command", sample: .init(unixSeconds: 101, milliseconds: 12), worstMilliseconds: 50)
            ])
        #expect(monitor.history("other").isEmpty && monitor.graph("other") == nil)
        monitor.thresholdMilliseconds = 0
        #expect(!monitor.exceedsThreshold(milliseconds: .max))
        monitor.sampleIfSlow("fork", milliseconds: 1_000)
        #expect(monitor.history("fork").isEmpty)
    }

    @Test func keepsOneHundredAndSixtySamples() {
        let monitor = LatencyMonitor()
        for i in 0..<200 { monitor.add("e", milliseconds: Int64(1_000 - i), unixSeconds: Int64(i)) }
        #expect(monitor.history("e").map(\.unixSeconds) == (40..<200).map(Int64.init))
        #expect(monitor.latest()[0].worstMilliseconds == 1_000)
    }

    @Test func resets() {
        let monitor = LatencyMonitor()
        for event in ["a", "b", "c"] { monitor.add(event, milliseconds: 1, unixSeconds: 1) }
        #expect(monitor.reset(["A", "x"]) == 1)
        #expect(monitor.latest().map(\.event) == ["b", "c"])
        #expect(monitor.reset() == 2)
        #expect(monitor.reset() == 0)
    }

    /// What redis-server 7.0.15 drew for these samples.
    @Test func graphIsThatOfRedis() {
        let monitor = LatencyMonitor()
        for (i, value) in [30, 10, 55, 22, 41].enumerated() {
            monitor.add("command", milliseconds: Int64(value), unixSeconds: Int64(100 + i))
        }
        let rule = String(repeating: "-", count: 80)
        let head = "command - high 55 ms, low 10 ms (all time high 55 ms)\n\(rule)\n"
        let expected = head + "  #  \n  | #\n# |_|\n|_|||\n     \n54321\nsssss\n"
        #expect(monitor.graph("command", unixSeconds: 105) == expected)
    }

    @Test func graphsWrapAndNameAges() {
        let monitor = LatencyMonitor()
        for i in 0..<100 { monitor.add("e", milliseconds: 5, unixSeconds: Int64(i)) }
        let lines = monitor.graph("e", unixSeconds: 200_000)?.split(separator: "\n", omittingEmptySubsequences: false)
        // Head, rule, 4 rows, space, "2d" downwards; an empty line; the other 20 columns.
        #expect(lines?.count == 18)
        #expect(lines?[5] == String(repeating: "_", count: 80)[...])
        #expect(lines?[7] == String(repeating: "2", count: 80)[...])
        #expect(lines?[9] == "")
        #expect(lines?[16] == String(repeating: "d", count: 20)[...])
    }

    @Test func doctorNamesEventsAndAdvice() {
        let well = LatencyMonitor.Circumstances(
            slowLogThresholdMicroseconds: 10_000, syncsAlways: false, hugePageBytes: 0)
        let monitor = LatencyMonitor()
        #expect(monitor.doctor(well).contains("monitoring is off"))
        monitor.thresholdMilliseconds = 5
        #expect(monitor.doctor(well).contains("No event was slower"))
        monitor.add("command", milliseconds: 10, unixSeconds: 100)
        monitor.add("command", milliseconds: 30, unixSeconds: 110)
        let report = monitor.doctor(well, unixSeconds: 120)
        #expect(
            report.contains(
                "1. command: 2 latency spikes (average 20ms, mean deviation 10ms, period 10.00 sec). "
                    + "Worst all time event 30ms."))
        #expect(report.contains("slowlog-log-slower-than 5000"))
        #expect(!report.contains("huge pages"))
        var unwell = well
        unwell.hugePageBytes = 1
        unwell.slowLogThresholdMicroseconds = -1
        #expect(monitor.doctor(unwell).contains("huge pages") && monitor.doctor(unwell).contains("slow log is off"))
        _ = monitor.reset()
        monitor.add("strange", milliseconds: 10, unixSeconds: 100)
        #expect(monitor.doctor(well).contains("No advice"))
        for (event, advice) in [
            ("flash-queue", "raise flash-io-threads"), ("flash-queue-many", "raise flash-io-threads"),
            ("flash-read", "prefer a local solid-state disk"),
            ("flash-install", "waited for a lock"), ("flash-resume", "client's event loop"),
        ] {
            _ = monitor.reset()
            monitor.add(event, milliseconds: 10, unixSeconds: 100)
            #expect(monitor.doctor(well).contains(advice), "\(event)")
        }
    }
}
