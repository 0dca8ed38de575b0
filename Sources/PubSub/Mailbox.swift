/// Messages on their way to the subscribers of one loop, numbered in the order in which they were put in.
final class Mailbox: @unchecked Sendable {
    // @unchecked: everything is guarded by `lock`.
    struct Delivery {
        let posting: Posting
        let audience: Audience
    }

    private let lock = WordLock()
    private var deliveries: [Delivery] = []
    /// The number of the next message.
    private var number: UInt64 = 0

    /// Returns whether the mailbox was empty: then the loop has to be woken.
    func put(_ posting: Posting, _ audience: Audience) -> Bool {
        lock.withLock {
            deliveries.append(Delivery(posting: posting, audience: audience))
            number += 1
            return deliveries.count == 1
        }
    }

    /// The number that the next message will have.
    var next: UInt64 { lock.withLock { number } }

    /// Empties the mailbox. `first`: the number of the first message.
    func take() -> (first: UInt64, deliveries: [Delivery]) {
        lock.withLock {
            let taken = deliveries
            deliveries = []
            return (number - UInt64(taken.count), taken)
        }
    }
}
