import Platform

/// A few threads for work that may take long and belongs to nobody's loop. First come, first served.
public final class ControlPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var stopping = false
    }
    private let state = Monitor(State())
    private let threads = Monitor<[Thread]>([])

    init() {}

    func start(_ count: Int) {
        threads.withLock { threads in
            for index in 0..<count { threads.append(Thread(name: "control-\(index)") { [self] in run() }) }
        }
    }

    /// Finishes what is queued, then ends the threads.
    func stop() {
        state.withLock { $0.stopping = true }
        state.wakeAll()
        let all = threads.withLock { threads in
            let all = threads
            threads = []
            return all
        }
        for thread in all { thread.join() }
    }

    public func submit(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.jobs.append(job) }
        state.wakeOne()
    }

    private func run() {
        while true {
            let job = state.wait { state -> (@Sendable () -> Void)?? in
                if !state.jobs.isEmpty { return .some(state.jobs.removeFirst()) }
                return state.stopping ? .some(nil) : nil
            }
            guard let job, let job else { return }
            job()
        }
    }
}
