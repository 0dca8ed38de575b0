import Bytes
import Commands
import RESP
import Synchronization

/// What is asked before a command runs. The order is Redis', and clients can see it:
///
/// 1. the command exists (and its subcommand), 2. its arity, 3. it is enabled (DEBUG), 4. the client is authenticated,
/// 5. a pause of the clients, 6. memory and storage for commands that may take some.
///
/// A gate that refuses writes the error; the call has had no effect.
enum Gates {
    enum Verdict {
        case pass
        case rejected
        case parked
    }

    static func check(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ session: ClientSession, _ worker: LoopWorker
    ) -> Verdict {
        let count = worker.context.pointee.arguments.count
        let arity = entry.pointee.arity
        let reply = worker.context.pointee.reply
        if arity > 0 ? count != arity : count < -arity {
            wrongArity(entry, reply)
            return .rejected
        }
        let flags = entry.pointee.flags
        if flags.contains(.protected),
            !worker.core.configuration.current.enableDebugCommand.allows(isLocal: session.peerAddress.isLocal)
        {
            reply.pointee.error(ErrorText.debugNotAllowed)
            return .rejected
        }
        if !session.isAuthenticated, !flags.contains(.noAuth),
            worker.core.asksForPassword.load(ordering: .relaxed)
        {
            reply.pointee.error(ErrorText.noAuth)
            return .rejected
        }
        if worker.core.isPausing.load(ordering: .relaxed), holds(entry, session, worker) { return .parked }
        let hasRoom = !worker.core.eviction.isLimited || makeRoom(session, worker)
        if entry.pointee.isDenied { return checkMemory(session, worker, hasRoom: hasRoom) }
        return .pass
    }

    /// Without a flash tier every command makes room if there is too little. False: there is nothing to evict. What the
    /// client must be told of it comes before the reply.
    private static func makeRoom(_ session: ClientSession, _ worker: LoopWorker) -> Bool {
        let outcome = worker.core.eviction.makeRoom(worker)
        worker.sendOwnInvalidations(session)
        worker.replyStart = worker.context.pointee.reply.pointee.count
        return outcome != .nothingLeft
    }

    private static func checkMemory(_ session: ClientSession, _ worker: LoopWorker, hasRoom: Bool) -> Verdict {
        let reply = worker.context.pointee.reply
        guard let tier = worker.tier else {
            if !hasRoom { reply.pointee.error(ErrorText.outOfMemory) }
            return hasRoom ? .pass : .rejected
        }
        if let refusal = tier.refusalText {
            reply.pointee.error(refusal)
            return .rejected
        }
        if tier.mustWait {
            let call = worker.park(session, .memory)
            tier.waitForMemory(call)
            return .parked
        }
        return .pass
    }

    /// CLIENT PAUSE: whether this command has to wait; if so the call is parked.
    private static func holds(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ session: ClientSession, _ worker: LoopWorker
    ) -> Bool {
        let flags = entry.pointee.flags
        let isWrite = flags.contains(.write) || flags.contains(.mayReplicate)
        guard worker.core.pause.holds(isWrite: isWrite, now: worker.context.pointee.now) else { return false }
        // CLIENT itself stays usable, or nobody could end the pause.
        if flags.contains(.runsWhilePaused) { return false }
        let call = worker.park(session, .pause)
        worker.core.pause.wait(call)
        return true
    }

    /// Also the end of a browser that was talked into speaking to this port: what begins like an HTTP request is not
    /// answered, since the body behind it could hold commands.
    static func unknownCommand(_ arguments: Arguments, _ session: ClientSession) {
        let reply = session.worker.context.pointee.reply
        if arguments[0].equalsIgnoringCase("post") || arguments[0].equalsIgnoringCase("host:") {
            session.worker.core.log.warning(
                "Possible SECURITY ATTACK detected: POST or Host: from \(session.peerAddress). Connection aborted.")
            session.closeSoon = true
            return
        }
        let rest = (1..<max(1, arguments.count)).map { arguments[$0] }
        ErrorText.unknownCommand(arguments[0], rest).withSlice { reply.pointee.error($0) }
    }

    static func unknownSubcommand(
        _ arguments: Arguments, _ container: UnsafePointer<CommandIndex.Entry>,
        _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        ErrorText.unknownSubcommand(arguments[1], command: ByteSlice(container.pointee.row.name)).withSlice {
            reply.pointee.error($0)
        }
    }

    static func wrongArity(_ entry: UnsafePointer<CommandIndex.Entry>, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        entry.pointee.fullName.withSlice { name in
            ErrorText.wrongArity(name).withSlice { reply.pointee.error($0) }
        }
    }
}
