import Keyspace

/// Writers that wait for memory: first come, first served.
///
/// The simple version (when memory falls below the budget, wake all) wakes thousands for room that a hundred fill; the
/// rest find it taken, wait again, and who is unlucky does so for long. So each time room appears as many are woken as
/// are likely to fit, those first that came first. Who is woken holds no reservation: another writer may be quicker.
/// He is parked again then, but at his old place (a restarted call keeps the time at which it was parked first), so
/// nobody is overtaken in the queue.
struct MemoryQueue {
    private var waiters: [FaultWaiter] = []

    /// The room for which one waiter is woken: a write of average size and those that the same client sends next.
    static let bytesPerWaiter = 4 << 10

    var isEmpty: Bool { waiters.isEmpty }

    /// O(log n) for a newcomer; who comes back moves those behind him.
    mutating func add(_ waiter: FaultWaiter) {
        var low = 0
        var high = waiters.count
        if let last = waiters.last, last.since <= waiter.since { low = high }
        while low < high {
            let middle = (low + high) / 2
            if waiters[middle].since <= waiter.since { low = middle + 1 } else { high = middle }
        }
        waiters.insert(waiter, at: low)
    }

    /// Takes those whose turn it is when so many bytes are free: one at least, who may need less than there is.
    mutating func take(room: Int) -> [FaultWaiter] {
        let count = min(waiters.count, max(1, room / Self.bytesPerWaiter))
        defer { waiters.removeFirst(count) }
        return Array(waiters.prefix(count))
    }

    mutating func takeAll() -> [FaultWaiter] {
        defer { waiters = [] }
        return waiters
    }
}
