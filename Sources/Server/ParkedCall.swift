import Commands
import Frontend
import Keyspace
import Synchronization

/// A call that can't run yet. Its bytes stay in its connection's query buffer; when what it waits for is there, the
/// connection's loop parses and runs it again from the top.
final class ParkedCall: FaultWaiter, @unchecked Sendable {
    // @unchecked: as FaultWaiter; `answer` is written before `ready`, read after the resume that `ready` causes.

    enum Reason: Sendable {
        case keys
        case memory
        case background
        case pause
        /// The exclusive gate: until it opens or, for EXEC, until the transaction is through.
        case exclusive
    }

    private let session: ClientSession
    let reason: Reason
    /// What a background job found.
    var answer: BackgroundAnswer?
    /// How often the call has been parked.
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
