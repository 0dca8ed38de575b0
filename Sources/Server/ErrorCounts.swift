import Platform

/// How often each error code left: INFO errorstats. Off the hot path: errors are rare, or the client's own fault.
public final class ErrorCounts: Sendable {
    private let counts = Monitor<[[UInt8]: Int]>([:])
    /// Different codes that are kept; more would let a client fill memory with made-up ones.
    private static let limit = 128

    init() {}

    public func count(_ code: [UInt8]) {
        counts.withLock { counts in
            if counts[code] == nil, counts.count >= Self.limit { return }
            counts[code, default: 0] += 1
        }
    }

    public var total: Int { counts.withLock { $0.values.reduce(0, +) } }
    public func reset() { counts.withLock { $0 = [:] } }

    /// Codes with their counts, by code.
    public var all: [(code: String, count: Int)] {
        counts.withLock { counts in
            counts.map { (String(decoding: $0.key, as: UTF8.self), $0.value) }.sorted { $0.0 < $1.0 }
        }
    }
}
