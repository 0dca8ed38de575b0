import CShims

/// The processor's own clock, for durations of single commands: 8 ns a reading where clock_gettime takes 25.
///
/// The rate is measured once against the monotonic clock. Only differences mean anything; both processors' counters
/// run at a constant rate whatever the core's frequency (x86: constant_tsc, nonstop_tsc; arm64: the generic timer).
public struct Ticks: Sendable {
    /// Nanoseconds per tick, times 2^32.
    @usableFromInline let multiplier: UInt64

    /// Measures the rate: takes 5 ms.
    public init() {
        let startTicks = firn_ticks()
        let start = Clock.monotonicNanoseconds()
        var end = start
        while end - start < 5_000_000 { end = Clock.monotonicNanoseconds() }
        let ticks = max(1, firn_ticks() &- startTicks)
        multiplier = UInt64(Double(end - start) / Double(ticks) * 4_294_967_296)
    }

    @inlinable
    public static func now() -> UInt64 { firn_ticks() }

    /// Nanoseconds between two readings; a reading that seems to run backwards (a move between cores) counts as 0.
    @inlinable
    public func nanoseconds(from: UInt64, to: UInt64) -> Int64 {
        to <= from ? 0 : Int64(truncatingIfNeeded: (to &- from).multipliedFullWidth(by: multiplier).high &<< 32
            | (to &- from).multipliedFullWidth(by: multiplier).low &>> 32)
    }
}
