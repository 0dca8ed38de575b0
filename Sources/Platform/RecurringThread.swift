/// A thread that works again and again: after a pause, or sooner when it is kicked, until it is stopped.
///
/// The thread's body is the whole of its life, so what it works with are its local variables:
///
///     thread.start { [self] in
///         var hand = Hand()
///         while thread.pause(nanoseconds: 100_000_000) { hand.turn() }
///     }
public final class RecurringThread: @unchecked Sendable {
    // @unchecked: the state is a monitor; `thread` is written by start and stop only, which one owner calls.
    private struct State {
        var isKicked = false
        var isStopping = false
    }

    private let name: String
    private let state = Monitor(State())
    private var thread: Thread?

    public init(name: String) { self.name = name }

    /// Starts the thread, once. Who started it stops it: until then it keeps alive what `body` refers to.
    public func start(_ body: @escaping @Sendable () -> Void) {
        precondition(thread == nil, "\(name) was started twice")
        thread = Thread(name: name, body)
    }

    /// Ends the pause that the thread is in, for good, and waits until its body has returned. Nothing if it was never
    /// started, or is stopped already.
    public func stop() {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        thread?.join()
        thread = nil
    }

    /// Whether the thread is to end: for work that takes longer than somebody who stops it should wait.
    public var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Ends the thread's pause, or the next one if it is at work; any number of kicks until then count as one. Any
    /// thread; makes no system call if it was kicked already.
    public func kick() {
        let wasKicked = state.withLock { state in
            let before = state.isKicked
            state.isKicked = true
            return before
        }
        if !wasKicked { state.wakeAll() }
    }

    /// Called by the body between two pieces of work: waits for so long, or until a kick unless that has to wait for
    /// the end of this pause too. False when the thread is to end.
    public func pause(nanoseconds: Int64, heedsKicks: Bool = true) -> Bool {
        state.wait(timeoutNanoseconds: nanoseconds) { state -> Bool? in
            if state.isStopping { return false }
            guard heedsKicks, state.isKicked else { return nil }
            state.isKicked = false
            return true
        } ?? true
    }
}
