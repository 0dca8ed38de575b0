import Keyspace
import Platform
import Synchronization

/// Pauses of the clients: until when, and for which commands. Calls that wait are parked and run when it is over.
///
/// CLIENT PAUSE, a shutdown, a reload and calls that must come to an end (`LoopWorker.patience`) each have a pause of
/// their own, so that none ends another's.
public final class ClientPause: Sendable {
    public enum Scope: Sendable {
        case writes
        case all
    }
    public enum Purpose: Int, Sendable, CaseIterable {
        case command
        case shutdown
        /// DEBUG RELOAD.
        case reload
        /// Calls that hold up writers: as long as there are any.
        case calls
    }
    private struct Pause {
        /// Unix milliseconds; 0: there is no pause.
        var until: Int64 = 0
        var scope = Scope.writes
    }
    private struct State {
        /// By purpose.
        var pauses = Purpose.allCases.map { _ in Pause() }
        var waiting: [FaultWaiter] = []
        /// Calls that hold up writers.
        var holders = 0

        var isOn: Bool { pauses.contains { $0.until > 0 } }

        /// The calls to let go if nothing pauses any more. Those that only waited for one of two pauses are told too
        /// late rather than too early.
        mutating func released() -> [FaultWaiter] {
            guard !isOn else { return [] }
            let all = waiting
            waiting = []
            return all
        }
    }
    private let state = Monitor(State())
    private let isPausing: @Sendable (Bool) -> Void

    /// `isPausing` tells the gates whether they have to ask at all. It is called with the state locked.
    init(isPausing: @escaping @Sendable (Bool) -> Void) { self.isPausing = isPausing }

    /// Pauses until `until`; a longer or wider pause under way for the same purpose stays as long and as wide as it is.
    public func begin(_ purpose: Purpose, until: Int64, scope: Scope, now: Int64) {
        state.withLock { state in
            let old = state.pauses[purpose.rawValue]
            let isOn = old.until > now
            state.pauses[purpose.rawValue] = Pause(
                until: isOn ? max(old.until, until) : until, scope: isOn && old.scope == .all ? .all : scope)
            isPausing(true)
        }
    }

    public func end(_ purpose: Purpose) {
        let waiting = state.withLock { state in
            state.pauses[purpose.rawValue] = Pause()
            isPausing(state.isOn)
            return state.released()
        }
        for call in waiting { call.arm() }
    }

    /// One more call holds up writers until it says `release`.
    func hold() {
        state.withLock { state in
            state.holders += 1
            state.pauses[Purpose.calls.rawValue] = Pause(until: .max, scope: .writes)
            isPausing(true)
        }
    }

    func release() {
        let waiting = state.withLock { state -> [FaultWaiter] in
            state.holders -= 1
            guard state.holders == 0 else { return [] }
            state.pauses[Purpose.calls.rawValue] = Pause()
            isPausing(state.isOn)
            return state.released()
        }
        for call in waiting { call.arm() }
    }

    /// Whether a command has to wait now. `isHolder`: it is one of those that hold up writers itself.
    func holds(isWrite: Bool, now: Int64, isHolder: Bool) -> Bool {
        state.withLock { state in
            Purpose.allCases.contains { purpose in
                let pause = state.pauses[purpose.rawValue]
                if purpose == .calls, isHolder { return false }
                return pause.until > now && (isWrite || pause.scope == .all)
            }
        }
    }

    /// Calls that wait for the end: what Redis calls blocked clients.
    public var waitingCount: Int { state.withLock { $0.waiting.count } }

    func wait(_ call: FaultWaiter) {
        let isOver = state.withLock { state in
            if !state.isOn { return true }
            state.waiting.append(call)
            return false
        }
        if isOver { call.arm() }
    }

    /// The call's connection is gone. O(calls that wait).
    func forget(_ call: FaultWaiter) { state.withLock { $0.waiting.removeAll { $0 === call } } }

    /// Ends the pauses whose time has come.
    func tick(now: Int64) {
        for purpose in Purpose.allCases {
            let isDue = state.withLock {
                let until = $0.pauses[purpose.rawValue].until
                return until > 0 && until <= now
            }
            if isDue { end(purpose) }
        }
    }
}
