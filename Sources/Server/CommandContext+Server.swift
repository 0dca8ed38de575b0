import Commands

/// What commands of the Server layer reach through their context.
extension CommandContext {
    /// The calling connection.
    var session: ClientSession {
        guard let caller else { preconditionFailure("a command of the Server layer without a connection") }
        // The dispatcher sets no other kind.
        return unsafeDowncast(caller, to: ClientSession.self)
    }

    /// The worker of the calling connection's loop: `worker.core` is the server.
    var worker: LoopWorker { session.worker }

    var core: ServerCore { session.worker.core }
}
