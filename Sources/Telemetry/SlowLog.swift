import Bytes
import Platform
import Synchronization

/// SLOWLOG: the newest calls that took long, with their arguments cut to a bounded size. Thread-safe.
public final class SlowLog: Sendable {
    /// Arguments kept of a call; with more, the last one says how many are missing.
    public static let maximumArguments = 32
    /// Bytes kept of an argument; a longer one says how many are missing.
    public static let maximumArgumentBytes = 128

    public struct Entry: Sendable, Equatable {
        /// Counts up from 0 over the server's life, also across resets.
        public let id: Int64
        public let unixSeconds: Int64
        public let durationMicroseconds: Int64
        public let arguments: [[UInt8]]
        public let clientAddress: [UInt8]
        public let clientName: [UInt8]
    }

    private struct State {
        /// A ring: the newest entry stands at `newest`, older ones behind it, cyclically.
        var ring: [Entry] = []
        var newest = 0
        var maximum: Int
        var nextID: Int64 = 0

        func entry(_ age: Int) -> Entry { ring[(newest - age + ring.count) % ring.count] }

        mutating func push(_ entry: Entry) {
            guard maximum > 0 else { return }
            if ring.count < maximum {
                // The ring is in order of age until it is full: the newest is last.
                ring.append(entry)
                newest = ring.count - 1
            } else {
                newest = (newest + 1) % maximum
                ring[newest] = entry
            }
        }

        /// Puts the newest `count` entries in order of age, so that the ring can grow.
        mutating func straighten(keeping count: Int) {
            ring = (0..<min(count, ring.count)).reversed().map { entry($0) }
            newest = max(ring.count - 1, 0)
        }
    }

    private let threshold: Atomic<Int64>
    private let state: Monitor<State>

    /// - Parameters:
    ///   - thresholdMicroseconds: slowlog-log-slower-than; < 0 logs nothing, 0 everything.
    ///   - maximumLength: slowlog-max-len.
    public init(thresholdMicroseconds: Int64 = 10_000, maximumLength: Int = 128) {
        threshold = Atomic(thresholdMicroseconds)
        state = Monitor(State(maximum: max(maximumLength, 0)))
    }

    public var thresholdMicroseconds: Int64 {
        get { threshold.load(ordering: .relaxed) }
        set { threshold.store(newValue, ordering: .relaxed) }
    }

    /// Changes the number of entries kept; the oldest go.
    public func setMaximumLength(_ length: Int) {
        state.withLock { state in
            state.straighten(keeping: max(length, 0))
            state.maximum = max(length, 0)
        }
    }

    /// Whether a call of this duration belongs in the log. One relaxed load.
    @inline(__always)
    public func isSlow(microseconds: Int64) -> Bool {
        let limit = threshold.load(ordering: .relaxed)
        return limit >= 0 && microseconds >= limit
    }

    /// Logs a call; ask `isSlow` first. Copies at most 32 x 128 bytes of the arguments.
    public func record(
        durationMicroseconds: Int64, argumentCount: Int, clientAddress: ByteSlice, clientName: ByteSlice,
        unixSeconds: Int64 = Clock.unixMicroseconds() / 1_000_000, argument: (Int) -> ByteSlice
    ) {
        let arguments = Self.cut(argumentCount, argument)
        let address = clientAddress.array
        let name = clientName.array
        state.withLock { state in
            let entry = Entry(
                id: state.nextID, unixSeconds: unixSeconds, durationMicroseconds: durationMicroseconds,
                arguments: arguments, clientAddress: address, clientName: name)
            state.nextID += 1
            state.push(entry)
        }
    }

    private static func cut(_ count: Int, _ argument: (Int) -> ByteSlice) -> [[UInt8]] {
        let kept = min(count, maximumArguments)
        return (0..<kept).map { i in
            if kept < count && i == kept - 1 {
                return Array("... (\(count - kept + 1) more arguments)".utf8)
            }
            let bytes = argument(i)
            guard bytes.count > maximumArgumentBytes else { return bytes.array }
            let rest = bytes.count - maximumArgumentBytes
            return bytes.prefix(maximumArgumentBytes).array + Array("... (\(rest) more bytes)".utf8)
        }
    }

    /// The newest `count` entries (< 0: all), newest first.
    public func get(_ count: Int) -> [Entry] {
        state.withLock { state in
            let wanted = count < 0 ? state.ring.count : min(count, state.ring.count)
            return (0..<wanted).map { state.entry($0) }
        }
    }

    public var count: Int { state.withLock { $0.ring.count } }

    /// Forgets all entries; ids count on.
    public func reset() {
        state.withLock { state in
            state.ring = []
            state.newest = 0
        }
    }
}
