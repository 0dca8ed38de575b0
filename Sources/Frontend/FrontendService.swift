import Bytes
import RESP

/// How far the service came with a batch.
public enum BatchOutcome: Equatable, Sendable {
    /// All requests were executed (or, after a close flag was set, dropped).
    case completed
    /// Request `atRequest` can't run yet; it has had no effect and no reply. Those before it were executed.
    ///
    /// It is given again, first in a later batch, after `EventLoop.resume`. A service that wants to give way to other
    /// connections may resume the connection itself before it returns this.
    case parked(atRequest: Int)
}

/// What executes requests: the layer above the frontend. Called on the connection's loop; calls must not wait.
public protocol FrontendService: AnyObject, Sendable {
    /// A connection of the service's own class for a socket that was accepted.
    func makeConnection(_ seed: consuming ConnectionSeed) -> Connection
    /// The connection is in place; its first bytes are not yet read.
    func opened(_ connection: Connection)
    /// The connection is gone: nothing more can be sent. Called once for each that was opened. Of memory it held, and
    /// has given back, `bytes`.
    func closed(_ connection: Connection, holding bytes: Int)
    /// Executes a batch's requests in order and writes their replies. The arguments are valid until this returns.
    ///
    /// When it sets `closeAfterReply` or `closeSoon`, it drops the requests behind and returns `.completed`.
    func execute(
        _ connection: Connection, _ batch: UnsafeMutablePointer<RequestBatch>, reply: UnsafeMutablePointer<ReplyWriter>
    ) -> BatchOutcome
    /// Bytes have come that will be executed soon, the first as number 0: the service may have fetched what they will
    /// look at. The bytes need not begin or end with a request.
    func announce(_ bytes: ByteSlice, of connection: Connection, number: Int)
    /// All that is executed next has been announced.
    func announced(on loop: EventLoop)
    /// The client sent what is no request: it gets the error's text and is closed. For the statistics.
    func protocolError(_ connection: Connection, _ error: ProtocolError)
    /// The peer of a parked connection sends no more. True: close it now, its call is of no use to anyone. False: let
    /// the call and those behind it run, then close.
    func peerClosed(_ connection: Connection) -> Bool
    /// Every 100 ms on each loop.
    func tick(_ loop: EventLoop)
    /// Connections have come to take more memory than before: before the next one's input is executed, and at the end
    /// of the turn.
    func connectionsGrew(on loop: EventLoop)
    /// The time that was set as the loop's `alarmMilliseconds` has come, by a millisecond or so.
    func alarm(_ loop: EventLoop)
}

extension FrontendService {
    public func announce(_ bytes: ByteSlice, of connection: Connection, number: Int) {}
    public func announced(on loop: EventLoop) {}
    public func opened(_ connection: Connection) {}
    public func closed(_ connection: Connection, holding bytes: Int) {}
    public func protocolError(_ connection: Connection, _ error: ProtocolError) {}
    public func peerClosed(_ connection: Connection) -> Bool { false }
    public func tick(_ loop: EventLoop) {}
    public func connectionsGrew(on loop: EventLoop) {}
    public func alarm(_ loop: EventLoop) {}
}
