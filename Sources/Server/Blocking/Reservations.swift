import Platform
import Synchronization

/// All reservations that there are, in the order in which they were made.
///
/// For commands that see keys without locking them one by one. What was pushed for somebody who waits is his, so
/// FLUSHALL behind the push must not take it away, nor DBSIZE count it: such a command first lets the reservations end
/// that there are when it comes. Later ones it doesn't wait for, or it might wait for ever.
final class Reservations: Sendable {
    private struct State {
        var next: UInt64 = 1
        /// Tickets of those not yet ended, ascending.
        var open: [UInt64] = []
        /// Connections that wait until all reservations up to a ticket have ended, in the order in which they came.
        var waiting: [(last: UInt64, session: ClientSession)] = []
    }
    private let state = Monitor(State())
    private let open = Atomic<Int>(0)

    /// Whether there are any. Exact with all shards locked.
    var isEmpty: Bool { open.load(ordering: .relaxed) == 0 }

    /// A key is reserved. Its shard is locked.
    func begin() -> UInt64 {
        state.withLock { state in
            defer { state.next += 1 }
            state.open.append(state.next)
            open.store(state.open.count, ordering: .relaxed)
            return state.next
        }
    }

    /// A reservation has ended; its key's shard is still locked.
    func end(_ ticket: UInt64) {
        let released: [ClientSession] = state.withLock { state in
            guard let index = state.open.firstIndex(of: ticket) else {
                preconditionFailure("reservation \(ticket) has ended twice")
            }
            state.open.remove(at: index)
            open.store(state.open.count, ordering: .relaxed)
            if state.waiting.isEmpty { return [] }
            let oldest = state.open.first ?? .max
            var released: [ClientSession] = []
            while let first = state.waiting.first, first.last < oldest {
                released.append(first.session)
                state.waiting.removeFirst()
            }
            return released
        }
        for session in released { session.loop.resume(session) }
    }

    /// Whether there are reservations: then the connection is resumed when all of them have ended.
    func holdsUp(_ session: ClientSession) -> Bool {
        state.withLock { state in
            guard let last = state.open.last else { return false }
            state.waiting.append((last, session))
            return true
        }
    }
}
