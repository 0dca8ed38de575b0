import Bytes
import Platform
import RESP

/// How a connection has its reads tracked (CLIENT TRACKING ON).
struct TrackingOptions: Sendable {
    /// Where messages go: the identifier of a connection, 0 for the connection itself.
    var redirection = 0
    var isBroadcast = false
    /// Only what is read after CLIENT CACHING YES is tracked.
    var optsIn = false
    /// What is read after CLIENT CACHING NO is not tracked.
    var optsOut = false
    /// No messages about the connection's own changes.
    var excludesOwn = false
    /// Of broadcasting mode, in order, each once.
    var prefixes: [[UInt8]] = []
    /// A message could not be sent, because the connection it was to go to is gone.
    var isBroken = false
}

/// What a connection is told about keys it may have cached.
enum TrackingMessage: Sendable {
    case invalidate([[UInt8]])
    /// Any key may have changed (FLUSHALL ...).
    case invalidateAll
    /// The connection with this identifier, which was to get the messages, is gone.
    case redirectionBroken(Int)

    /// Writes the message to a connection that gets it itself, or (`isRedirected`) for another one. A RESP2 connection
    /// only gets what is redirected to it, and only as a subscriber (`subscribes`).
    func write(_ reply: inout ReplyWriter, isRedirected: Bool, subscribes: Bool) {
        if reply.version < 3 {
            guard isRedirected, subscribes else { return }
            reply.push(3)
            reply.bulk("message")
            reply.bulk("__redis__:invalidate")
        } else if case .redirectionBroken(let id) = self {
            reply.push(2)
            reply.bulk("tracking-redir-broken")
            return reply.integer(id)
        } else {
            reply.push(2)
            reply.bulk("invalidate")
        }
        guard case .invalidate(let keys) = self else { return reply.null() }
        reply.array(keys.count)
        for key in keys { key.withSlice { reply.bulk($0) } }
    }
}

/// A connection as client-side caching knows it: how its reads are tracked, and the messages on their way to it.
///
/// The table of tracked keys refers to it rather than to the connection, which it outlives as long as keys that the
/// connection read are in the table. Any thread.
final class TrackingClient: Sendable {
    /// The connection's identifier.
    let id: Int

    private struct Post {
        let message: TrackingMessage
        let isRedirected: Bool
    }
    private struct State {
        /// Nil when the connection is gone.
        var session: ClientSession?
        /// Nil while tracking is off.
        var options: TrackingOptions?
        /// Who gets the messages, if they are redirected.
        var target: TrackingClient?
        /// Not yet taken by the connection's loop, which has been told of the first.
        var posted: [Post] = []
    }
    private let state = Monitor(State())

    init(id: Int) { self.id = id }

    /// The connection's loop, once: from now on messages reach it.
    func attach(_ session: ClientSession) { state.withLock { $0.session = session } }

    /// The connection is gone: nothing more can be sent.
    func detach() { state.withLock { $0 = State() } }

    var options: TrackingOptions? { state.withLock { $0.options } }

    func set(_ options: TrackingOptions?, target: TrackingClient?) {
        state.withLock {
            $0.options = options
            $0.target = target
            // What is on its way about keys read before is of no use any more.
            if options == nil { $0.posted.removeAll { !$0.isRedirected } }
        }
    }

    /// Sends the message to where it has to go. To the client itself it is given to `own`, if there is one.
    func send(_ message: TrackingMessage, own: ((TrackingMessage) -> Void)? = nil) {
        let (redirection, target) = state.withLock { ($0.options?.redirection ?? 0, $0.target) }
        if redirection != 0 {
            if let target, target.post(Post(message: message, isRedirected: true)) { return }
            state.withLock { $0.options?.isBroken = true }
            return deliver(.redirectionBroken(redirection), own)
        }
        deliver(message, own)
    }

    private func deliver(_ message: TrackingMessage, _ own: ((TrackingMessage) -> Void)?) {
        if let own { return own(message) }
        _ = post(Post(message: message, isRedirected: false))
    }

    /// Leaves a message for the connection's loop. False: the connection is gone.
    private func post(_ post: Post) -> Bool {
        let (isThere, toWake) = state.withLock { state -> (Bool, ClientSession?) in
            guard let session = state.session else { return (false, nil) }
            state.posted.append(post)
            return (true, state.posted.count == 1 ? session : nil)
        }
        if let session = toWake { session.loop.post { [self] in drain() } }
        return isThere
    }

    /// On the connection's loop: writes what has been posted.
    private func drain() {
        let (session, posted) = state.withLock { state in
            let posted = state.posted
            state.posted = []
            return (state.session, posted)
        }
        guard let session, !session.isClosed, !posted.isEmpty else { return }
        let subscribes = session.outputClassShown == .pubsub
        session.enqueueOutput { reply in
            for post in posted {
                post.message.write(&reply, isRedirected: post.isRedirected, subscribes: subscribes)
            }
        }
    }
}
