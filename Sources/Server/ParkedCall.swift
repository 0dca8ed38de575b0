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
    }

    private let session: ClientSession
    let reason: Reason
    /// What a background job found.
    var answer: BackgroundAnswer?
    /// When the call was parked first; restarts inherit it. Nanoseconds of the monotonic clock.
    let since: Int64
    /// How often the call has been parked.
    let attempts: Int

    init(_ session: ClientSession, _ reason: Reason, since: Int64, attempts: Int) {
        self.session = session
        self.reason = reason
        self.since = since
        self.attempts = attempts
    }

    override func ready() { session.loop.resume(session) }
}
