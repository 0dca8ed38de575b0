/// A lock whose holders take turns: who came first has it first. For holds of milliseconds.
///
/// With a mutex somebody who releases it and comes back at once nearly always has it again before those who sleep.
public final class TurnLock: Sendable {
    private struct State {
        /// The number of who comes next, and of who has the lock.
        var next = 0
        var serving = 0
    }
    private let state = Monitor(State())

    public init() {}

    /// How many wait for their turn.
    var waiting: Int { state.withLock { max(0, $0.next - $0.serving - 1) } }

    /// Blocks until it is the caller's turn, runs `body` and passes the lock on. Not to be nested.
    public func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        let turn = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        _ = state.wait { $0.serving == turn ? true : nil }
        defer {
            state.withLock { $0.serving += 1 }
            state.wakeAll()
        }
        return try body()
    }
}
