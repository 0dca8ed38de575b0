import Bytes
import Commands
import RESP
import Synchronization

/// What is asked before a command runs. The order is Redis', and clients can see it:
///
/// 1. the command exists (and its subcommand), 2. its arity, 3. it is enabled (DEBUG), 4. the client is authenticated,
/// 5. the client neither has subscriptions nor monitors, or may use it nevertheless, 6. allowed in MULTI if that is
/// where the client is, 7. the exclusive gate and pauses of the clients, 8. loops keep up with what is published,
/// 9. memory and storage for commands that may take some.
///
/// A gate that refuses writes the error; the call has had no effect.
enum Gates {
    enum Verdict {
        case pass
        case rejected
        case parked
        /// Allowed, but to be queued (or EXEC): see LoopWorker+Transactions.
        case inMulti
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
        if session.isRestricted, isOutOfContext(entry, session, reply) { return .rejected }
        if session.isQueueing { return checkInMulti(entry, session, worker) }
        if isHeld(entry, flags, session, worker) { return .parked }
        if !flags.isDisjoint(with: [.write, .mayReplicate]), worker.core.subscriptions.isCongested,
            publishes(entry, worker)
        {
            let call = worker.park(session, .publishing)
            worker.core.subscriptions.whenRelieved { call.arm() }
            return .parked
        }
        let hasRoom = makeRoom(session, worker)
        if entry.pointee.isDenied { return checkMemory(session, worker, hasRoom: hasRoom) }
        return .pass
    }

    /// Without a flash tier every command makes room if there is too little. False: there is nothing to evict. What the
    /// client must be told of it comes before the reply.
    @inline(__always)
    private static func makeRoom(_ session: ClientSession, _ worker: LoopWorker) -> Bool {
        !worker.core.eviction.isLimited || makeRoomSlow(session, worker)
    }

    @inline(never)
    private static func makeRoomSlow(_ session: ClientSession, _ worker: LoopWorker) -> Bool {
        let outcome = worker.core.eviction.makeRoom(worker)
        worker.sendOwnInvalidations(session)
        worker.replyStart = worker.context.pointee.reply.pointee.count
        return outcome != .nothingLeft
    }

    /// The same for a client in MULTI. EXEC is what its queue is: a write, in need of memory.
    private static func checkInMulti(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ session: ClientSession, _ worker: LoopWorker
    ) -> Verdict {
        let reply = worker.context.pointee.reply
        var flags = entry.pointee.flags
        let isExec = flags.contains(.runsQueue)
        if isExec, let transaction = session.transaction {
            // It has passed when it began.
            if transaction.run != nil { return .inMulti }
            flags.formUnion(transaction.flags)
        }
        if entry.pointee.body == nil {
            wrongArity(entry, reply)
            return .rejected
        }
        if flags.contains(.noMulti) {
            reply.pointee.error(ErrorText.notInTransaction)
            return .rejected
        }
        if isHeld(entry, flags, session, worker) { return .parked }
        let hasRoom = makeRoom(session, worker)
        if isExec {
            if flags.contains(.denyOOM) {
                let verdict = checkMemory(session, worker, hasRoom: hasRoom)
                return verdict == .pass ? .inMulti : verdict
            }
        } else if worker.tier == nil {
            // A queue takes memory whatever is in it. What ends one gives some back, and must always be possible.
            if !flags.contains(.endsMulti), !hasRoom {
                reply.pointee.error(ErrorText.outOfMemory)
                return .rejected
            }
        } else if flags.contains(.denyOOM), let refusal = worker.tier?.refusalText {
            reply.pointee.error(refusal)
            return .rejected
        }
        return flags.isDisjoint(with: [.runsInMulti, .endsMulti]) ? .inMulti : .pass
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
        if tier.mustWait, !needsTurn(session) {
            let call = worker.park(session, .memory)
            tier.waitForMemory(call)
            return .parked
        }
        return .pass
    }

    /// Whether a call that would wait for memory has its keys at last, and has been through this before. To wait again
    /// it would give them back, and find them cold when there is memory: a call whose keys fill the memory would go
    /// round for ever. So it runs, and memory exceeds its limit by the keys of one call for a moment.
    private static func needsTurn(_ session: ClientSession) -> Bool {
        guard let parked = session.parked else { return false }
        return parked.reason == .keys && parked.attempts > 2
    }

    /// Whether the command sends messages to subscribers, or may do so because keyspace notifications are on.
    private static func publishes(_ entry: UnsafePointer<CommandIndex.Entry>, _ worker: LoopWorker) -> Bool {
        let flags = entry.pointee.flags
        if flags.contains(.mayReplicate) { return true }
        return flags.contains(.write) && worker.core.store.eventClasses.load(ordering: .relaxed) != 0
    }

    /// What a connection may not do that has subscribed to something or monitors: replies the error.
    private static func isOutOfContext(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ session: ClientSession, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) -> Bool {
        let flags = entry.pointee.flags
        if session.isSubscribed, reply.pointee.version == 2,
            flags.isDisjoint(with: [.runsWhileSubscribed, .pushes])
        {
            entry.pointee.fullName.withSlice { reply.pointee.error(ErrorText.subscribed($0)) }
            return true
        }
        // To Redis a monitor is a replica.
        if session.isMonitor.load(ordering: .relaxed),
            !flags.isDisjoint(with: [.write, .readOnly, .mayReplicate])
        {
            reply.pointee.error(ErrorText.replicaKeyspace)
            return true
        }
        return false
    }

    /// Whether the command has to wait; if not, whether it may delete what is past due.
    private static func isHeld(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ flags: CommandFlags, _ session: ClientSession,
        _ worker: LoopWorker
    ) -> Bool {
        let holding = worker.core.holding
        if !holding.isEmpty, holds(entry, flags, session, worker) { return true }
        // A write that passes has found the pause over, whatever the batch's start found: it must not change what only
        // stands in for a collection while nothing may be deleted (Keyspace/MemberExpiry).
        let isPaused =
            holding.contains(.pause)
            && worker.core.pause.holds(
                isWrite: true, now: worker.context.pointee.now, isHolder: isAmongHolders(session))
        if worker.context.pointee.keyspace.deletesExpired == isPaused {
            worker.context.pointee.keyspace.deletesExpired = !isPaused
        }
        return false
    }

    /// The exclusive gate and CLIENT PAUSE: whether a command with these flags has to wait; if so the call is parked.
    private static func holds(
        _ entry: UnsafePointer<CommandIndex.Entry>, _ flags: CommandFlags, _ session: ClientSession,
        _ worker: LoopWorker
    ) -> Bool {
        // What a command without keys asked a background thread for has been done or is under way: doing it again
        // would be wrong, and there is nothing left to hold up but the reply.
        if let parked = session.parked, parked.reason == .background, entry.pointee.shape == .none { return false }
        let holding = worker.core.holding
        if holding.contains(.exclusive), !flags.contains(.runsWhilePaused), waitsAtGate(flags, session) {
            let call = worker.park(session, .exclusive)
            worker.core.gate.wait(call)
            return true
        }
        guard holding.contains(.pause) else { return false }
        let isWrite = flags.contains(.write) || flags.contains(.mayReplicate)
        let isHeld = worker.core.pause.holds(
            isWrite: isWrite, now: worker.context.pointee.now, isHolder: isAmongHolders(session))
        guard isHeld else { return false }
        // CLIENT itself stays usable, or nobody could end the pause.
        if flags.contains(.runsWhilePaused) || session.isMonitor.load(ordering: .relaxed) { return false }
        let call = worker.park(session, .pause)
        worker.core.pause.wait(call)
        return true
    }

    /// Calls that hold up those that write aren't held up themselves, nor is a call that was waiting for a key and has
    /// been claimed: others, and perhaps the one that holds it up, wait for the key that is reserved for it.
    private static func isAmongHolders(_ session: ClientSession) -> Bool {
        if session.holdsWriters { return true }
        if case .claimed? = session.blocked?.fate { return true }
        return false
    }

    /// A transaction that needs the gate itself queues there; a command that is only queued does nothing yet.
    private static func waitsAtGate(_ flags: CommandFlags, _ session: ClientSession) -> Bool {
        guard session.isQueueing else { return true }
        return flags.contains(.runsQueue) && !(session.transaction?.needsGate ?? false)
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
