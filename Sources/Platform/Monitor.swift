import Glibc

/// State behind a mutex with one condition: what queues between threads are made of.
///
/// Off the hot path (a shard's lock is a `LockWord`). Reference type, so that threads share it.
public final class Monitor<State>: @unchecked Sendable {
    // @unchecked: `state` is reached only inside `withLock`.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    public init(_ state: State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    public func withLock<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Waits until `body` returns a value; `body` runs with the lock held, again after each wake-up.
    /// Nil when `timeoutNanoseconds` (< 0: none) has passed first.
    public func wait<R>(timeoutNanoseconds: Int64 = -1, _ body: (inout State) -> R?) -> R? {
        let limit = timeoutNanoseconds < 0 ? Int64.max : Clock.monotonicNanoseconds() &+ timeoutNanoseconds
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) { return result }
            if timeoutNanoseconds < 0 {
                pthread_cond_wait(condition, mutex)
            } else {
                var until = timespec(tv_sec: Int(limit / 1_000_000_000), tv_nsec: Int(limit % 1_000_000_000))
                if pthread_cond_timedwait(condition, mutex, &until) == ETIMEDOUT { return body(&state) }
            }
        }
    }

    public func wakeOne() { pthread_cond_signal(condition) }
    public func wakeAll() { pthread_cond_broadcast(condition) }
}
