import Bytes
import Values

/// What a touch writes into a record's 24-bit access word.
///
/// LRU: seconds since the epoch, modulo 2^24. LFU: the low 8 bits are a logarithmic counter, the high 16 the minute of
/// its last decay (the scheme of Redis' allkeys-lfu, described in its redis.conf).
public struct AccessClock: Sendable {
    public enum Mode: Sendable {
        case lru
        case lfu(logFactor: Int, decayMinutes: Int)
    }
    public var mode: Mode = .lru
    /// Unix seconds.
    public var seconds: UInt32 = 0
    /// While set, past-due keys are met as if they were alive (loading, a replica).
    public var suspendsExpiry = false
    private var random: UInt64 = 0x9e37_79b9_7f4a_7c15

    public init() {}

    static let initialCounter: UInt32 = 5

    @inlinable
    mutating func touch(_ record: Record) {
        switch mode {
        case .lru: record.access = seconds & 0xff_ffff
        case .lfu(let logFactor, let decay): touchFrequency(record, logFactor, decay)
        }
    }

    /// The word of a new key.
    @inlinable
    mutating func start(_ record: Record) {
        switch mode {
        case .lru: record.access = seconds & 0xff_ffff
        case .lfu: record.access = startWord
        }
    }

    @usableFromInline var startWord: UInt32 { minute << 8 | Self.initialCounter }

    private var minute: UInt32 { seconds / 60 & 0xffff }

    @usableFromInline
    mutating func touchFrequency(_ record: Record, _ logFactor: Int, _ decay: Int) {
        var counter = frequency(record, decayMinutes: decay)
        if counter < 255 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            let base = Double(max(0, counter - Int(Self.initialCounter)))
            let chance = 1 / (base * Double(logFactor) + 1)
            if Double(random >> 11) * 0x1p-53 < chance { counter += 1 }
        }
        record.access = minute << 8 | UInt32(counter)
    }

    /// The decayed LFU counter, 0 to 255.
    public func frequency(_ record: Record, decayMinutes: Int) -> Int {
        let counter = Int(record.access & 0xff)
        guard decayMinutes > 0 else { return counter }
        let elapsed = Int((minute &- record.access >> 8) & 0xffff)
        return max(0, counter - elapsed / decayMinutes)
    }

    /// The LFU counter, decayed as the mode says.
    func frequency(_ record: Record) -> Int {
        guard case .lfu(_, let decay) = mode else { return 0 }
        return frequency(record, decayMinutes: decay)
    }

    /// Seconds since the last touch under LRU.
    public func idleSeconds(_ record: Record) -> Int {
        switch mode {
        case .lru: Int((seconds &- record.access) & 0xff_ffff)
        case .lfu: 0
        }
    }

    /// The word that says 'idle for `idle` seconds' (RESTORE ... IDLETIME) under LRU.
    public func word(idleSeconds idle: Int64) -> UInt32 {
        UInt32(truncatingIfNeeded: Int64(seconds) - idle) & 0xff_ffff
    }

    /// The word that says 'used with frequency `counter`' (RESTORE ... FREQ) under LFU.
    public func word(frequency counter: Int) -> UInt32 { minute << 8 | UInt32(min(max(counter, 0), 255)) }
}
