import Commands
import Keyspace
import Platform
import Synchronization

/// Gives one transaction the server for itself.
///
/// The simple version: EXEC locks the shards of all its keys, each once and in ascending order, has every key
/// resident, and runs its commands one after another under the locks (`LoopWorker+Transactions`). Nobody can come
/// between, and nothing waits with an effect behind it. That is how nearly all transactions run.
///
/// It isn't enough where a command can't say beforehand what it will touch, or takes locks itself: walks (SCAN, KEYS,
/// RANDOMKEY), exact counts (DBSIZE, INFO), FLUSHALL and SWAPDB, which take every lock, and whatever else asks a
/// background thread for something. Nothing may read flash under a shard's lock, and every lock for the time of a read
/// would stop all clients in the kernel, the threads that bring the record included.
///
/// So such a transaction closes a gate at command boundaries and then runs its commands one by one, as if they came
/// from a single client: each locks what it needs, may be parked for a fault or an answer, and gives its locks back.
/// What keeps it indivisible is that no other command runs.
///
///     open ──enter──► closing ──all loops have answered──► closed ──leave──► open            (nobody else waits)
///                        ▲                                            └────► airing ─┐       (somebody does)
///                        └────────────────all loops have answered────────────────────┘
///
/// *Closing.* A flag that every loop's gates look at makes commands wait from now on. A job is posted to each loop;
/// jobs run between turns, so a loop that has answered has seen the flag and is not in the middle of a command. Jobs of
/// commands that change keys on another thread (DEBUG POPULATE) are counted from the moment they are asked for
/// (`BackgroundRequest.change`), and waited for too. Last, deletions of past-due and of evicted keys by other threads
/// are held: they look at `KeyspaceStore.holdsDeletions` under a shard's lock, so after it is set and each lock was
/// passed through once none of them is at work. Spilling, faults and all else that moves keys between RAM and flash
/// goes on; nobody can see it.
///
/// *Closed.* The first in the queue runs, on its connection's loop, by jobs posted there. So it doesn't need its
/// connection any more: if the client goes, the transaction is completed and its reply is dropped. Commands of others
/// are parked and listed here in their order. Some pass: those that stay usable in a pause (CLIENT, which does not
/// touch keys), and the second run of a command without keys that has asked a background thread for something: its
/// work is done, it only replies.
///
/// *Airing.* If another transaction waits for the gate, those who wait for its end are let go first, and each loop
/// gets the time to run them: a stream of such transactions slows the others down and doesn't stop them.
///
/// Invariants. One round of answers is under way at a time. The flag is on in `closing` and `closed` and only there.
/// A parked call is in `waiting` only while the flag is on. A transaction is in the queue from `enter` until `leave` or
/// `forget`; only the first can have begun. A pause, and with it SHUTDOWN, holds EXEC before it enters, and SHUTDOWN
/// waits until all that have entered are through.
final class ExclusiveGate: @unchecked Sendable {
    // @unchecked: `core` is set once, before anything can call; the rest is behind the monitor.
    unowned(unsafe) var core: ServerCore! = nil  // the core owns the gate, and sets this in its init

    private enum Phase: Equatable {
        case open
        /// Loops that have not answered.
        case closing(Int)
        case closed
        case airing(Int)
    }
    private struct State {
        var phase = Phase.open
        /// Transactions that want the server for themselves, or have it.
        var queue: [ExclusiveRun] = []
        /// Calls that wait for the gate to open.
        var waiting: [FaultWaiter] = []
        /// Jobs under way that change keys.
        var changes = 0
    }
    private let state = Monitor(State())

    /// What is to be done when the monitor has been released.
    private enum Step {
        case nothing
        case askLoops
        case grant(ExclusiveRun)
        case release([FaultWaiter], thenAskLoops: Bool)
    }

    // MARK: Transactions

    /// Queues for the gate; `advance` is called on the transaction's loop when it is closed for it.
    func enter(_ run: ExclusiveRun) {
        perform(
            state.withLock { state in
                state.queue.append(run)
                return state.phase == .open ? close(&state) : .nothing
            })
    }

    /// The transaction is through, or was granted the gate in vain.
    func leave(_ run: ExclusiveRun) {
        perform(
            state.withLock { state in
                precondition(
                    state.phase == .closed && state.queue.first === run,
                    "client \(run.session.id) leaves the gate in \(state.phase)")
                state.queue.removeFirst()
                return open(&state)
            })
    }

    /// The client of a transaction that hasn't begun is gone. One that has been granted the gate stays, to leave it.
    func forget(_ run: ExclusiveRun) {
        state.withLock { state in
            if state.phase == .closed, state.queue.first === run { return }
            state.queue.removeAll { $0 === run }
        }
    }

    // MARK: Others

    /// Parks a call until the gate opens.
    func wait(_ call: FaultWaiter) {
        let isOpen = state.withLock { state in
            switch state.phase {
            case .open, .airing: return true
            case .closing, .closed:
                state.waiting.append(call)
                return false
            }
        }
        if isOpen { call.arm() }
    }

    /// The call's connection is gone. O(calls that wait).
    func forget(_ call: FaultWaiter) { state.withLock { $0.waiting.removeAll { $0 === call } } }

    /// A job that changes keys has been asked for, by a command that runs now.
    func beginChange() { state.withLock { $0.changes += 1 } }

    func endChange() {
        perform(
            state.withLock { state in
                state.changes -= 1
                return grantIfClosed(&state)
            })
    }

    /// Waits until no transaction has the gate or wants it. Not on a loop.
    func waitUntilIdle() { _ = state.wait { $0.phase == .open && $0.queue.isEmpty ? true : nil } }

    // MARK: Phases

    private func close(_ state: inout State) -> Step {
        state.phase = .closing(core.loops.loops.count)
        core.hold(.exclusive, true)
        return .askLoops
    }

    private func open(_ state: inout State) -> Step {
        core.hold(.exclusive, false)
        core.store.holdsDeletions.store(false, ordering: .relaxed)
        let waiting = state.waiting
        state.waiting = []
        if state.queue.isEmpty {
            state.phase = .open
            return .release(waiting, thenAskLoops: false)
        }
        state.phase = .airing(core.loops.loops.count)
        return .release(waiting, thenAskLoops: true)
    }

    private func answered() {
        perform(
            state.withLock { state in
                switch state.phase {
                case .closing(let left):
                    state.phase = .closing(left - 1)
                    return grantIfClosed(&state)
                case .airing(let left):
                    state.phase = .airing(left - 1)
                    if left > 1 { return .nothing }
                    return state.queue.isEmpty ? open(&state) : close(&state)
                case .open, .closed:
                    preconditionFailure("a loop answers in \(state.phase)")
                }
            })
    }

    private func grantIfClosed(_ state: inout State) -> Step {
        guard state.phase == .closing(0), state.changes == 0 else { return .nothing }
        // The one it was closed for may have gone.
        guard let first = state.queue.first else { return open(&state) }
        state.phase = .closed
        return .grant(first)
    }

    private func perform(_ step: Step) {
        switch step {
        case .nothing: break
        case .askLoops:
            for loop in core.loops.loops { loop.post { [self] in answered() } }
        case .grant(let run):
            core.store.holdDeletions()
            run.proceed()
        case .release(let waiting, let thenAskLoops):
            state.wakeAll()
            for call in waiting { call.arm() }
            // Connections that were resumed are looked at before jobs that were posted later.
            if thenAskLoops { perform(.askLoops) }
        }
    }
}
