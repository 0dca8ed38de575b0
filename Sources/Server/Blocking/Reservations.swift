import Platform
import Synchronization

/// All reservations that there are, in the order in which they were made, and what follows from what.
///
/// A call that runs when its key is reserved may push to a list that others wait on (BLMOVE), so one push may have a
/// *chain* of reservations as its consequence. A chain is known by the ticket of its first; it has ended when none of
/// it is open, which is after the last call of it has run: the next is begun before the one that caused it ends.
///
/// Waiting for the ends of chains are
///
///  - commands that see keys without locking them one by one. What was pushed for somebody who waits is his, so
///    FLUSHALL behind the push must not take it away, nor DBSIZE count it. They wait for the chains that there are when
///    they come. Later ones they don't wait for, or they might wait for ever;
///  - the next call of a connection whose last has begun a chain, or was part of one: a client that pushes and then
///    looks finds everything done, as in Redis, also where it looks at keys that nobody waits on;
///  - a transaction behind the exclusive gate, before it begins.
final class Reservations: Sendable {
    private struct State {
        var next: UInt64 = 1
        /// Chains with open reservations, and how many, ascending.
        var open: [(chain: UInt64, count: Int)] = []
        /// Who waits until all chains up to one have ended.
        var waiting: [(last: UInt64, goOn: @Sendable () -> Void)] = []
    }
    private let state = Monitor(State())
    private let open = Atomic<Int>(0)

    struct Ticket {
        /// A smaller one is older.
        var number: UInt64 = 0
        var chain: UInt64 = 0
    }

    /// Whether there are any. Exact with all shards locked.
    var isEmpty: Bool { open.load(ordering: .relaxed) == 0 }

    /// A key is reserved, as a consequence of another reservation, which is still open, or of none. Its shard is
    /// locked.
    func begin(chain cause: UInt64?) -> Ticket {
        state.withLock { state in
            let number = state.next
            state.next += 1
            let chain = cause ?? number
            if let index = state.open.lastIndex(where: { $0.chain == chain }) {
                state.open[index].count += 1
            } else {
                precondition(cause == nil, "chain \(chain) goes on after its end")
                state.open.append((chain, 1))
            }
            open.store(state.open.count, ordering: .relaxed)
            return Ticket(number: number, chain: chain)
        }
    }

    /// A reservation has ended; its key's shard is still locked.
    func end(_ ticket: Ticket) {
        let released: [@Sendable () -> Void] = state.withLock { state in
            guard let index = state.open.firstIndex(where: { $0.chain == ticket.chain }) else {
                preconditionFailure("reservation \(ticket) has ended twice")
            }
            state.open[index].count -= 1
            if state.open[index].count > 0 { return [] }
            state.open.remove(at: index)
            open.store(state.open.count, ordering: .relaxed)
            if state.waiting.isEmpty { return [] }
            let oldest = state.open.first?.chain ?? .max
            let released = state.waiting.filter { $0.last < oldest }
            if !released.isEmpty { state.waiting.removeAll { $0.last < oldest } }
            return released.map(\.goOn)
        }
        for goOn in released { goOn() }
    }

    /// Whether there are chains, up to this one if one is named: then `goOn` is called when all of them have ended, by
    /// any thread, under locks.
    func holdsUp(upTo last: UInt64? = nil, _ goOn: @escaping @Sendable () -> Void) -> Bool {
        if isEmpty, last == nil { return false }
        return state.withLock { state in
            guard let first = state.open.first?.chain, let newest = state.open.last?.chain else { return false }
            if let last, first > last { return false }
            state.waiting.append((last ?? newest, goOn))
            return true
        }
    }
}
