import Bytes
import Commands
import Keyspace
import Platform
import RESP
import Synchronization

// MULTI and EXEC. A client in MULTI leaves the usual way in the gates (`Gates.inMulti`); from there its commands come
// here and are queued, or run as a whole.
//
// EXEC takes the locks of all keys of all queued commands, and of the keys that its client watches: so what is seen of
// the watches is still true when the first command runs. If a key is cold, the locks are given back and EXEC is parked
// like any other call: nothing has happened yet. When all keys are there, the bodies run one after another at the same
// time (`now`) and the locks are given back after the last: with the first of them what has changed is told.

extension LoopWorker {
    /// A queued command that is about to run: what is needed to account for it.
    struct QueuedStart {
        let start: Int
        let errors: Int
    }

    /// A command of a client in MULTI that has passed the gates: queues it, or runs the queue. False: EXEC is parked.
    func runInMulti(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>,
        _ ran: inout UnsafePointer<CommandIndex.Entry>?
    ) -> Bool {
        // Only a client with a transaction is in MULTI.
        guard let transaction = session.transaction else { preconditionFailure("MULTI without a transaction") }
        guard entry.pointee.flags.contains(.runsQueue) else {
            let arguments = context.pointee.arguments
            let position =
                entry.pointee.shape != .single
                ? Position(bits: 0)
                : ahead.pointee.take(arguments) ?? core.store.placement.position(of: arguments[1])
            session.queue(entry, arguments, position)
            context.pointee.reply.pointee.raw("+QUEUED\r\n")
            return true
        }
        ran = entry
        return runQueue(session, transaction)
    }

    /// A command was refused, with an error that begins at `start`: in MULTI, EXEC will run nothing. If it is EXEC
    /// itself, that is the end of the transaction, and of the watches, and is said so even where there is none.
    func refused(_ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>?, start: Int) {
        guard let entry, entry.pointee.flags.contains(.runsQueue) else {
            if session.isQueueing { session.transaction?.isFlagged = true }
            return
        }
        session.endTransaction()
        let reply = context.pointee.reply
        // "-ERR reason\r\n": of the codes only those that say something stay.
        let line = reply.pointee.slice.buffer.suffix(reply.pointee.count - start).dropFirst().dropLast(2)
        let reason = line.starts(with: "ERR ".utf8) ? line.dropFirst(4) : line
        let text = ErrorText.execAborted(because: Array(reason))
        reply.pointee.truncate(to: start)
        reply.pointee.error(text)
    }

    private func runQueue(_ session: ClientSession, _ transaction: Transaction) -> Bool {
        let reply = context.pointee.reply
        if let run = transaction.run { return deliver(run, session) }
        if transaction.isFlagged {
            reply.pointee.error(ErrorText.execAborted)
            session.endTransaction()
            return true
        }
        if session.hasBrokenWatch.load(ordering: .relaxed) {
            reply.pointee.nullArray()
            session.endTransaction()
            return true
        }
        if transaction.needsGate {
            let run = ExclusiveRun(session, transaction, version: reply.pointee.version)
            transaction.run = run
            _ = park(session, .exclusive)
            core.gate.enter(run)
            return false
        }
        return runUnderLocks(session, transaction)
    }

    /// The reply of a transaction behind the gate, if it is through.
    private func deliver(_ run: ExclusiveRun, _ session: ClientSession) -> Bool {
        guard run.isFinished else { return false }
        let reply = context.pointee.reply
        if run.isBroken {
            reply.pointee.nullArray()
        } else {
            reply.pointee.version = run.reply.pointee.version
            reply.pointee.append(run.reply.pointee)
            hasSettledReplies = session.replyMode == .off
            context.pointee.keyspace.heard = run.consequences
        }
        session.endTransaction()
        return true
    }

    private func runUnderLocks(_ session: ClientSession, _ transaction: Transaction) -> Bool {
        let call = context.pointee.arguments
        context.pointee.database = session.database.load(ordering: .relaxed)
        guard preparation.pointee.lock(transaction, &context.pointee) else {
            preparation.pointee.read(for: park(session, .keys), &context.pointee)
            return false
        }
        if preparation.pointee.hasReserved(context.pointee),
            core.observers.waits.holdsUp(session, &context.pointee)
        {
            preparation.pointee.unlock(&context.pointee)
            _ = park(session, .reserved)
            return false
        }
        let isBroken =
            session.hasBrokenWatch.load(ordering: .relaxed)
            || transaction.hasExpiredWatch(now: context.pointee.now)
        session.unwatchLocked()
        if isBroken {
            context.pointee.reply.pointee.nullArray()
        } else {
            runAll(transaction.commands, session)
        }
        preparation.pointee.unlock(&context.pointee)
        context.pointee.arguments = call
        session.endTransaction()
        return true
    }

    /// All shards are locked, all keys resident.
    private func runAll(_ commands: [QueuedCommand], _ session: ClientSession) {
        let exec = session.lastCommand.load(ordering: .relaxed)
        if session.replyMode == .on { context.pointee.reply.pointee.array(commands.count) }
        context.pointee.isInTransaction = true
        var began = Ticks.now()
        for (number, command) in commands.enumerated() {
            let record = begin(command, session)
            preparation.pointee.takeKeys(ofCommand: number, &context.pointee)
            context.pointee.mayGrow = command.entry.pointee.isDenied
            command.entry.pointee.body?(&context.pointee)
            remember(session, command.entry)
            precondition(
                context.pointee.request == nil, "\(command.entry.pointee.fullName) asked for something under locks")
            finish(command, session, record, &began)
        }
        context.pointee.isInTransaction = false
        session.lastCommand.store(exec, ordering: .relaxed)
        hasSettledReplies = session.replyMode == .off
    }

    // MARK: One of the queue

    func begin(_ command: QueuedCommand, _ session: ClientSession) -> QueuedStart {
        context.pointee.arguments = command.arguments
        context.pointee.database = session.database.load(ordering: .relaxed)
        session.lastCommand.store(command.entry.pointee.number, ordering: .relaxed)
        let reply = context.pointee.reply
        return QueuedStart(start: reply.pointee.count, errors: reply.pointee.errorCount)
    }

    /// Counts the command as Redis counts one that came by itself; its errors are not EXEC's. `began`: in ticks;
    /// becomes the time at which the next one begins.
    func finish(_ command: QueuedCommand, _ session: ClientSession, _ record: QueuedStart, _ began: inout UInt64) {
        let reply = context.pointee.reply
        let failed = reply.pointee.errorCount != record.errors
        if failed {
            core.errorCounts.count(reply.pointee.lastErrorCode.array)
            reply.pointee.errorCount = record.errors
        }
        let ended = Ticks.now()
        let duration = core.ticks.nanoseconds(from: began, to: ended)
        began = ended
        account(session, command.entry, duration, failed: failed)
        // CLIENT REPLY as part of a transaction takes effect at once, in the middle of EXEC's reply.
        if session.replyMode == .off || session.replyMode == .skipping { reply.pointee.truncate(to: record.start) }
    }
}
