import Platform
import Storage
import Synchronization

/// Something an operator has the flash tier do on demand (FLASH COMPACT, FLASH SCRUB): on a thread of its own, one run
/// at a time, which can be stopped and ends with the server.
public final class FlashJob: @unchecked Sendable {
    // @unchecked: the state is a monitor, the flag atomic.
    public enum Outcome: Sendable, Equatable {
        case never
        case done
        case stopped
        case failed(String)
    }

    private struct State {
        var isRunning = false
        var thread: Thread?
        var began: Int64 = 0
        var lastNanoseconds: Int64 = 0
        var outcome = Outcome.never
    }

    private let name: String
    private let state = Monitor(State())
    private let stops = Atomic<Bool>(false)

    init(name: String) { self.name = name }

    /// Whether the run is to end: the body looks at it every now and then.
    var isStopping: Bool { stops.load(ordering: .relaxed) }

    public var isRunning: Bool { state.withLock { $0.isRunning } }
    /// Of the last run that has ended.
    public var outcome: Outcome { state.withLock { $0.outcome } }
    /// How long the present run takes so far, or the last one took.
    public var milliseconds: Int64 {
        state.withLock { state in
            let taken = state.isRunning ? Clock.monotonicNanoseconds() - state.began : state.lastNanoseconds
            return taken / 1_000_000
        }
    }

    /// Begins a run: `prepare` on this thread, then `body` on its own. False, and nothing happens, if one is under way.
    /// `ended` hears how it went; `settled` is called when the run can't be stopped any more, before another may begin.
    func start(
        prepare: () -> Void, ended: @escaping @Sendable (Outcome) -> Void, settled: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable () throws(StorageError) -> Void
    ) -> Bool {
        state.withLock { state in
            if state.isRunning { return false }
            // The last run's, which has nothing left to do.
            state.thread?.join()
            stops.store(false, ordering: .relaxed)
            prepare()
            state.isRunning = true
            state.began = Clock.monotonicNanoseconds()
            state.thread = Thread(name: name) { [self] in
                Thread.yieldToOthers()
                var failure: StorageError?
                do throws(StorageError) {
                    try body()
                } catch {
                    failure = error
                }
                let outcome: Outcome = isStopping ? .stopped : failure.map { .failed($0.message) } ?? .done
                ended(outcome)
                self.state.withLock { state in
                    settled()
                    state.outcome = outcome
                    state.lastNanoseconds = Clock.monotonicNanoseconds() - state.began
                    state.isRunning = false
                }
            }
            return true
        }
    }

    /// Has the run end soon: `hurry` is called while it is under way. False if there is none.
    func end(hurry: () -> Void = {}) -> Bool {
        state.withLock { state in
            guard state.isRunning else { return false }
            stops.store(true, ordering: .relaxed)
            hurry()
            return true
        }
    }

    /// Waits until the run has ended, if there is one.
    package func join() {
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }
}
