import Glibc

/// The two clocks, as integers.
public enum Clock {
    /// Nanoseconds of the monotonic clock: for durations.
    @inlinable
    public static func monotonicNanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Unix time in microseconds: for what users see.
    @inlinable
    public static func unixMicroseconds() -> Int64 { read(CLOCK_REALTIME) / 1_000 }

    /// Unix time in milliseconds: the unit of expiry.
    @inlinable
    public static func unixMilliseconds() -> Int64 { read(CLOCK_REALTIME) / 1_000_000 }

    @usableFromInline
    static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        let status = clock_gettime(clock, &now)
        precondition(status == 0, "clock_gettime(\(clock)): errno \(errno)")
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    /// Sleeps; returns early on a signal.
    public static func sleep(nanoseconds: Int64) {
        guard nanoseconds > 0 else { return }
        var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        nanosleep(&time, nil)
    }
}
