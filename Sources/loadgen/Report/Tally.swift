/// What one worker saw; merged when all have ended.
struct Tally {
    struct Second {
        var requests: UInt64 = 0
        var maximumNanoseconds: Int64 = 0
        /// All of the second's; 35 KB, so only where asked for.
        var latencies: Histogram?
    }

    private let keepsSeconds: Bool

    /// By group, then by operation.
    private(set) var latencies: [Histogram?]
    private(set) var seconds: [Second] = []
    var misses: UInt64 = 0
    /// Replies that are well-formed but wrong: a foreign value, a nil where a key must be, a counter that is no number.
    private(set) var mismatches: UInt64 = 0
    /// Error replies and lost connections.
    private(set) var errors: UInt64 = 0
    /// Requests without a reply at the end.
    var unanswered: UInt64 = 0
    /// The first few reasons.
    private(set) var samples: [String] = []
    private static let sampleLimit = 8

    /// `keepsSeconds`: each second gets a histogram of its own.
    init(groups: Int, keepsSeconds: Bool = false) {
        self.keepsSeconds = keepsSeconds
        latencies = Array(repeating: nil, count: groups * Operation.allCases.count)
    }

    /// Notes a reply at `sinceStart` nanoseconds that took `nanoseconds`.
    @inline(__always)
    mutating func record(group: Int, _ operation: Operation, nanoseconds: Int64, sinceStart: Int64) {
        let slot = group * Operation.allCases.count + Int(operation.rawValue)
        if latencies[slot] == nil { latencies[slot] = Histogram() }
        latencies[slot]?.record(nanoseconds)
        let second = Int(max(sinceStart, 0) / 1_000_000_000)
        if second >= seconds.count { extend(to: second) }
        seconds[second].requests &+= 1
        if nanoseconds > seconds[second].maximumNanoseconds { seconds[second].maximumNanoseconds = nanoseconds }
        if keepsSeconds { seconds[second].latencies?.record(nanoseconds) }
    }

    @inline(never)
    private mutating func extend(to second: Int) {
        let empty = Second(latencies: keepsSeconds ? Histogram() : nil)
        seconds += Array(repeating: empty, count: second + 1 - seconds.count)
    }

    mutating func mismatch(_ text: @autoclosure () -> String) {
        mismatches += 1
        if samples.count < Self.sampleLimit { samples.append("wrong reply: " + text()) }
    }

    mutating func error(_ text: @autoclosure () -> String) {
        errors += 1
        if samples.count < Self.sampleLimit { samples.append("error: " + text()) }
    }

    mutating func merge(_ other: Tally) {
        for slot in 0..<latencies.count {
            guard let theirs = other.latencies[slot] else { continue }
            if latencies[slot] == nil { latencies[slot] = Histogram() }
            latencies[slot]?.merge(theirs)
        }
        if seconds.count < other.seconds.count { extend(to: other.seconds.count - 1) }
        for (at, second) in other.seconds.enumerated() {
            seconds[at].requests += second.requests
            seconds[at].maximumNanoseconds = max(seconds[at].maximumNanoseconds, second.maximumNanoseconds)
            if let latencies = second.latencies { seconds[at].latencies?.merge(latencies) }
        }
        misses += other.misses
        mismatches += other.mismatches
        errors += other.errors
        unanswered += other.unanswered
        samples = Array((samples + other.samples).prefix(Self.sampleLimit))
    }

    func histogram(group: Int, _ operation: Operation) -> Histogram? {
        latencies[group * Operation.allCases.count + Int(operation.rawValue)]
    }

    var isClean: Bool { mismatches == 0 && errors == 0 && unanswered == 0 }
}
