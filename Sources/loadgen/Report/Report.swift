import Glibc

/// A phase's outcome as a table for people and as JSON for `tools/bench`.
struct Report {
    let phase: String
    let plan: Plan
    let outcome: Outcome
    let scan: FullScan?

    private var requests: UInt64 { outcome.tally.seconds.reduce(0) { $0 + $1.requests } }
    private var throughput: Double { outcome.seconds > 0 ? Double(requests) / outcome.seconds : 0 }

    /// Whole seconds in which no request was answered; the last, partial one is left out.
    private var silentSeconds: Int {
        let whole = min(Int(outcome.seconds), outcome.tally.seconds.count)
        let trailing = max(0, Int(outcome.seconds) - outcome.tally.seconds.count)
        return outcome.tally.seconds.prefix(whole).count { $0.requests == 0 } + trailing
    }

    /// The rows of a group: its operations, and all of them together where there are several.
    private func rows(_ group: Int) -> [(String, Histogram)] {
        var rows: [(String, Histogram)] = []
        var all = Histogram()
        for operation in Operation.allCases {
            guard let histogram = outcome.tally.histogram(group: group, operation) else { continue }
            rows.append((operation.name, histogram))
            all.merge(histogram)
        }
        if rows.count != 1 { rows.append(("all", all)) }
        return rows
    }

    // MARK: for people

    func table() -> String {
        let tally = outcome.tally
        var lines = [
            "\(phase): \(requests) requests in \(fixed(outcome.seconds, 2)) s, \(fixed(throughput, 0)) a second; "
                + "\(tally.misses) misses, \(tally.mismatches) wrong, \(tally.errors) errors, "
                + "\(tally.unanswered) unanswered, \(silentSeconds) silent seconds; seed \(plan.seed)",
            "own CPU per request: \(fixed(perRequest(outcome.userSeconds), 2)) us user, "
                + "\(fixed(perRequest(outcome.systemSeconds), 2)) us system",
            row("group", ["op", "requests", "req/s", "mean us", "p50", "p90", "p99", "p99.9", "max"]),
        ]
        for (at, group) in plan.groups.enumerated() {
            for (name, histogram) in rows(at) {
                let quantiles = [0.5, 0.9, 0.99, 0.999].map { micros(histogram.quantile($0)) }
                lines.append(
                    row(
                        group.name,
                        [name, String(histogram.count), fixed(Double(histogram.count) / outcome.seconds, 0),
                            fixed(histogram.mean / 1000, 1)] + quantiles + [micros(histogram.maximum)]))
            }
        }
        if let scan {
            lines.append(
                "scan: \(scan.calls) calls in \(fixed(scan.seconds, 2)) s, \(scan.returned) keys returned, "
                    + "\(scan.missing) missing \(scan.firstMissing), \(scan.repeated) repeated, "
                    + "\(scan.foreign) foreign, slowest call \(scan.slowestNanoseconds / 1000) us")
        }
        return (lines + tally.samples.map { "  " + $0 }).joined(separator: "\n")
    }

    private func row(_ first: String, _ cells: [String]) -> String {
        pad(first, 10, left: true) + cells.map { " " + pad($0, 10, left: false) }.joined()
    }

    private func pad(_ text: String, _ width: Int, left: Bool) -> String {
        let fill = String(repeating: " ", count: max(0, width - text.count))
        return left ? text + fill : fill + text
    }

    private func micros(_ nanoseconds: UInt64) -> String { fixed(Double(nanoseconds) / 1000, 1) }

    private func perRequest(_ seconds: Double) -> Double {
        requests == 0 ? 0 : seconds * 1e6 / Double(requests)
    }

    // MARK: for programs

    func json() -> JSON {
        let tally = outcome.tally
        var members: [(String, JSON)] = [
            ("phase", .string(phase)), ("seed", .unsigned(plan.seed)), ("seconds", .number(outcome.seconds)),
            ("requests", .unsigned(requests)), ("throughput", .number(throughput)),
            ("misses", .unsigned(tally.misses)), ("mismatches", .unsigned(tally.mismatches)),
            ("errors", .unsigned(tally.errors)), ("unanswered", .unsigned(tally.unanswered)),
            ("silent_seconds", .number(Double(silentSeconds))),
            ("loadgen_user_us", .number(perRequest(outcome.userSeconds))),
            ("loadgen_system_us", .number(perRequest(outcome.systemSeconds))),
            ("samples", .array(tally.samples.map(JSON.string))),
            ("groups", .array(plan.groups.indices.map(json(group:)))),
            ("timeline", .array(tally.seconds.map(json(second:)))),
        ]
        if let scan {
            members.append(
                ("scan", .object([
                    ("calls", .number(Double(scan.calls))), ("seconds", .number(scan.seconds)),
                    ("returned", .unsigned(scan.returned)), ("missing", .unsigned(scan.missing)),
                    ("repeated", .unsigned(scan.repeated)), ("foreign", .unsigned(scan.foreign)),
                    ("slowest_us", .number(Double(scan.slowestNanoseconds) / 1000)),
                ])))
        }
        return .object(members)
    }

    private func json(second: Tally.Second) -> JSON {
        var members: [(String, JSON)] = [
            ("requests", .unsigned(second.requests)),
            ("max_us", .number(Double(second.maximumNanoseconds) / 1000)),
        ]
        if let latencies = second.latencies {
            for (name, share) in [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)] {
                members.append((name, .number(Double(latencies.quantile(share)) / 1000)))
            }
        }
        return .object(members)
    }

    private func json(group: Int) -> JSON {
        let operations = rows(group).map { name, histogram in
            (name, JSON.object([
                ("requests", .unsigned(histogram.count)),
                ("throughput", .number(Double(histogram.count) / outcome.seconds)),
                ("mean_us", .number(histogram.mean / 1000)),
                ("p50_us", .number(Double(histogram.quantile(0.5)) / 1000)),
                ("p90_us", .number(Double(histogram.quantile(0.9)) / 1000)),
                ("p99_us", .number(Double(histogram.quantile(0.99)) / 1000)),
                ("p999_us", .number(Double(histogram.quantile(0.999)) / 1000)),
                ("p9999_us", .number(Double(histogram.quantile(0.9999)) / 1000)),
                ("max_us", .number(Double(histogram.maximum) / 1000)),
            ]))
        }
        return .object([("name", .string(plan.groups[group].name)), ("operations", .object(operations))])
    }

    func write(json file: String) throws {
        let text = json().text + "\n"
        if file == "-" {
            print(text, terminator: "")
            return
        }
        guard let stream = fopen(file, "w") else { throw LoadError("\(file): \(Socket.reason())") }
        defer { fclose(stream) }
        guard fputs(text, stream) >= 0 else { throw LoadError("\(file): \(Socket.reason())") }
    }
}
