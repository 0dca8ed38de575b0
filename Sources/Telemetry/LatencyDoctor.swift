import Platform

extension LatencyMonitor {
    /// What the doctor must know besides the samples.
    public struct Circumstances: Sendable {
        /// slowlog-log-slower-than, in microseconds.
        public var slowLogThresholdMicroseconds: Int64
        /// Whether appendfsync is always.
        public var syncsAlways: Bool
        /// Bytes of the process in transparent huge pages.
        public var hugePageBytes: Int

        public init(slowLogThresholdMicroseconds: Int64, syncsAlways: Bool, hugePageBytes: Int) {
            self.slowLogThresholdMicroseconds = slowLogThresholdMicroseconds
            self.syncsAlways = syncsAlways
            self.hugePageBytes = hugePageBytes
        }
    }

    private enum Advice: Int, CaseIterable {
        case enableSlowLog, lowerSlowLog, readSlowLog, freeProcessor, fasterDisk, quieterDisk, relaxSync
        case moreReaders, quieterLoops, fewerWrites, smallerKeys, gentlerEviction, disableHugePages
    }

    /// LATENCY DOCTOR: every event with its figures, then what to try.
    public func doctor(
        _ circumstances: Circumstances, unixSeconds now: Int64 = Clock.unixMicroseconds() / 1_000_000
    ) -> String {
        let analyses = analyses(unixSeconds: now)
        if analyses.isEmpty && thresholdMilliseconds == 0 {
            return "Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n"
        }
        var advice: Set<Advice> = circumstances.hugePageBytes > 0 ? [.disableHugePages] : []
        var report = analyses.isEmpty ? "" : "Latency spikes were observed:\n\n"
        for (number, (event, figures)) in analyses.enumerated() {
            report += "\(number + 1). \(event): \(figures.samples) latency spikes"
            report += " (average \(figures.averageMilliseconds)ms, mean deviation \(figures.deviationMilliseconds)ms,"
            report += " period \(Self.hundredths(figures.secondsBetween)) sec)."
            report += " Worst all time event \(figures.worstMilliseconds)ms.\n"
            advice.formUnion(advices(event, circumstances))
        }
        if analyses.isEmpty && advice.isEmpty {
            return "No event was slower than latency-monitor-threshold since the start or the last reset.\n"
        }
        if advice.isEmpty { return report + "\nNo advice is known for these events.\n" }
        report += report.isEmpty ? "Advice:\n\n" : "\nAdvice:\n\n"
        for item in Advice.allCases where advice.contains(item) { report += "- \(text(item))\n" }
        return report
    }

    private func advices(_ event: String, _ circumstances: Circumstances) -> Set<Advice> {
        switch event {
        case "command":
            let slow = circumstances.slowLogThresholdMicroseconds
            if slow < 0 { return [.enableSlowLog, .readSlowLog, .smallerKeys] }
            if slow / 1000 > thresholdMilliseconds { return [.lowerSlowLog, .readSlowLog, .smallerKeys] }
            return [.readSlowLog, .smallerKeys]
        case "fast-command": return [.freeProcessor]
        case "aof-fsync-always": return circumstances.syncsAlways ? [.relaxSync, .fasterDisk] : [.fasterDisk]
        case "aof-rename", "aof-rewrite-diff-write": return [.fewerWrites, .fasterDisk]
        case "expire-cycle", "expire-del", "eviction-del": return [.smallerKeys]
        case "eviction-cycle": return [.gentlerEviction]
        case let name where name.hasPrefix("aof-") || name.hasPrefix("rdb-"): return [.fasterDisk, .quieterDisk]
        case "flash-queue", "flash-queue-many", "flash-queue-ahead": return [.moreReaders, .fasterDisk, .quieterDisk]
        case "flash-install": return [.quieterLoops, .smallerKeys]
        case "flash-resume": return [.readSlowLog, .quieterLoops, .smallerKeys]
        case let name where name.hasPrefix("flash-") || name.hasPrefix("checkpoint"):
            return [.fasterDisk, .quieterDisk]
        default: return []
        }
    }

    private func text(_ advice: Advice) -> String {
        let slowLog = "CONFIG SET slowlog-log-slower-than \(thresholdMilliseconds * 1000)"
        return switch advice {
        case .enableSlowLog: "The slow log is off; \(slowLog) shows which commands are slow."
        case .lowerSlowLog: "The slow log leaves out commands that this monitor counts; try \(slowLog)."
        case .readSlowLog: "SLOWLOG GET lists the slowest commands of late with their arguments."
        case .freeProcessor:
            "Cheap commands were slow, so the threads did not get the processor: look for other load on the machine, "
                + "a noisy neighbour of the virtual machine, or more event loops than cores."
        case .fasterDisk: "The disk was waited for: prefer a local solid-state disk."
        case .quieterDisk: "Other writers may be competing for the disk; see which with iotop or pidstat -d."
        case .relaxSync:
            "appendfsync always waits for the disk before each reply; everysec loses at most about a second."
        case .moreReaders:
            "Reads of cold keys waited for a thread: raise flash-io-threads if the disk can serve more at a time."
        case .quieterLoops:
            "What had been read waited for a lock or for its client's event loop: look for commands that take long, "
                + "for other load on the machine, or more event loops than cores."
        case .fewerWrites: "The write load is high while the append-only file is rewritten: batch writes if possible."
        case .smallerKeys:
            "Large values take long to read, delete or expire at once: split them, and delete with UNLINK."
        case .gentlerEviction: "Much had to be evicted at once: lower maxmemory in steps and avoid sudden large values."
        case .disableHugePages:
            "Transparent huge pages are in use and make page faults slow: echo madvise > "
                + "/sys/kernel/mm/transparent_hugepage/enabled, and restart the server."
        }
    }

    private static func hundredths(_ value: Double) -> String {
        let rounded = Int((value * 100).rounded())
        let fraction = rounded % 100
        return "\(rounded / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
