import Commands
import Frontend
import Keyspace
import Synchronization
import Tiering

/// A call that can't run yet. Its bytes stay in its connection's query buffer; when what it waits for is there, the
/// connection's loop parses and runs it again from the top.
final class ParkedCall: ReadWaiter, @unchecked Sendable {
    // @unchecked: as ReadWaiter; `answer` is written before `ready`, read after the resume that `ready` causes.

    enum Reason: Equatable, Sendable {
        case keys
        case memory
        case background
        case pause
        /// Until loops have passed on what was published for their subscribers.
        case publishing
        /// The exclusive gate: until it opens or, for EXEC, until the transaction is through.
        case exclusive
        /// It has found nothing and waits for a key or for its time to be up: `ClientSession.blocked`.
        case blocked
        /// What was pushed for somebody who waits must reach him first.
        case reserved
        /// None yet: the connection's next call waits until all that follows from its last has happened.
        case consequences(chain: UInt64)

        /// Whether it is a call that waits, and not in Redis' sense blocked.
        var isParking: Bool {
            switch self {
            case .keys, .memory, .background, .pause, .publishing, .exclusive, .reserved: true
            case .blocked, .consequences: false
            }
        }
    }

    private let session: ClientSession
    let reason: Reason
    /// What a background job found.
    var answer: BackgroundAnswer?
    /// The keys that its body has asked for.
    var late: LateKeys?
    /// How often the call has been parked, all portions of its keys together once.
    let attempts: Int

    /// `since`: when the call was parked first; restarts inherit it.
    init(_ session: ClientSession, _ reason: Reason, since: Int64, attempts: Int) {
        self.session = session
        self.reason = reason
        self.attempts = attempts
        super.init(since: since)
    }

    override func ready() { session.loop.resume(session) }
}
