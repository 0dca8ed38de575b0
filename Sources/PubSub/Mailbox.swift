/// Messages on their way to the subscribers of one loop, numbered in the order in which they were put in.
final class Mailbox: @unchecked Sendable {
    // @unchecked: everything is guarded by `lock`.
    struct Delivery {
        let posting: Posting
        let audience: Audience
    }

    /// From here on the mailbox is congested: a few times what a loop reads from one connection in a turn.
    static let limitBytes = 16 << 20
    /// What a message takes besides its bytes: its objects, its entry.
    private static let overheadBytes = 128

    private let lock = WordLock()
    private let congestion: Congestion
    private var deliveries: [Delivery] = []
    private var bytes = 0
    /// The number of the next message.
    private var number: UInt64 = 0

    init(_ congestion: Congestion) { self.congestion = congestion }

    /// Returns whether the mailbox was empty: then the loop has to be woken.
    func put(_ posting: Posting, _ audience: Audience) -> Bool {
        lock.withLock {
            deliveries.append(Delivery(posting: posting, audience: audience))
            number += 1
            let before = bytes
            bytes += posting.count + Self.overheadBytes
            if before < Self.limitBytes, bytes >= Self.limitBytes { congestion.begin() }
            return deliveries.count == 1
        }
    }

    /// The number that the next message will have.
    var next: UInt64 { lock.withLock { number } }

    /// Empties the mailbox. `first`: the number of the first message.
    func take() -> (first: UInt64, deliveries: [Delivery]) {
        let (first, taken, wasCongested) = lock.withLock {
            let taken = deliveries
            let wasCongested = bytes >= Self.limitBytes
            deliveries = []
            bytes = 0
            return (number - UInt64(taken.count), taken, wasCongested)
        }
        if wasCongested { congestion.end() }
        return (first, taken)
    }
}
