import Platform

/// The thread that frees large collections, so that no event loop spends milliseconds on it. One for the process, from
/// the first that it gets on.
public final class Reaper: Sendable {
    public static let shared = Reaper()

    /// References that nobody else has: an `Unmanaged` is handed over without a retain, so the last release is the
    /// thread's.
    private struct Waiting: @unchecked Sendable {
        // @unchecked: a value here has no other user.
        var references: [Unmanaged<CollectionValue>] = []
        /// Taken by the thread and not freed yet.
        var underWay = 0
        var freed = 0
    }
    private let waiting = Monitor(Waiting())

    private init() {
        // Lives as long as the process: there is nothing to wait for at its end.
        _ = Thread(name: "reaper") { [self] in run() }
    }

    /// Any thread: takes a reference over.
    func take(_ reference: Unmanaged<CollectionValue>) {
        waiting.withLock { $0.references.append(reference) }
        waiting.wakeOne()
    }

    /// Values that wait to be freed, and those that were.
    public var counts: (pending: Int, freed: Int) {
        waiting.withLock { ($0.references.count + $0.underWay, $0.freed) }
    }

    private func run() {
        while true {
            let found = waiting.wait { waiting -> [Unmanaged<CollectionValue>]? in
                if waiting.references.isEmpty { return nil }
                waiting.underWay = waiting.references.count
                defer { waiting.references = [] }
                return waiting.references
            }
            guard let taken = found else { continue }
            for reference in taken { reference.release() }
            waiting.withLock { waiting in
                waiting.underWay = 0
                waiting.freed += taken.count
            }
        }
    }
}
