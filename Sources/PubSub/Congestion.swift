import Platform
import Synchronization

/// Whether messages pile up: loops pass them on more slowly than others publish. Whoever would publish more waits then.
///
/// A message to ten thousand subscribers takes their loop milliseconds and the publisher's loop none: without this, a
/// mailbox could grow without bounds. What the subscribers themselves don't take is bounded by their output limits.
final class Congestion: Sendable {
    /// Mailboxes that have too much.
    private let mailboxes = Atomic<Int>(0)
    private let waiting = Monitor<[@Sendable () -> Void]>([])

    var isThere: Bool { mailboxes.load(ordering: .relaxed) != 0 }

    /// A mailbox has too much. Under its lock, so that this comes before the end.
    func begin() { mailboxes.add(1, ordering: .relaxed) }

    /// That mailbox was emptied.
    func end() {
        guard mailboxes.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        let bodies = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for body in bodies { body() }
    }

    /// Calls `body` once, on some thread, when it is over; at once if it is.
    func whenOver(_ body: @escaping @Sendable () -> Void) {
        let isOver = waiting.withLock { waiting in
            if !isThere { return true }
            waiting.append(body)
            return false
        }
        if isOver { body() }
    }
}
