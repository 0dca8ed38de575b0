import Commands
import Frontend
import Keyspace
import Platform
import RESP
import Synchronization
import Telemetry

// What is done when a command has run: statistics, SLOWLOG, CLIENT REPLY.

extension LoopWorker {
    func finish(
        _ session: ClientSession, _ ran: UnsafePointer<CommandIndex.Entry>?, failed: Bool, _ began: inout UInt64
    ) {
        let ended = Ticks.now()
        let duration = core.ticks.nanoseconds(from: began, to: ended)
        began = ended
        if failed {
            core.errorCounts.count(context.pointee.reply.pointee.lastErrorCode.array)
        }
        if let entry = ran {
            account(session, entry, duration, failed: failed)
        }
        if session.replyMode != .on { suppress(session, ran) }
        sendOwnInvalidations(session)
        if session.hasChosenCaching, !session.isQueueing { endCaching(session, after: ran) }
    }

    /// The statistics of a command that has run.
    @inline(__always)
    func account(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>, _ nanoseconds: Int64, failed: Bool
    ) {
        statistics.executed(entry.pointee.number, nanoseconds: nanoseconds, failed: failed)
        Ledger.add(1, to: session.commandCount)
        if nanoseconds >= core.slowNanoseconds.load(ordering: .relaxed) { recordSlow(session, entry, nanoseconds) }
        showMonitors(session, entry)
        if !session.redactedArguments.isEmpty { session.redactedArguments = [] }
    }

    private func recordSlow(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>, _ nanoseconds: Int64
    ) {
        let arguments = context.pointee.arguments
        core.latency.sampleIfSlow(
            entry.pointee.flags.contains(.fast) ? "fast-command" : "command",
            milliseconds: nanoseconds / 1_000_000)
        guard !entry.pointee.flags.contains(.skipSlowLog),
            core.slowLog.isSlow(microseconds: nanoseconds / 1_000)
        else { return }
        core.recordSlow(session, arguments, microseconds: nanoseconds / 1_000)
    }

    /// CLIENT REPLY OFF and SKIP.
    private func suppress(_ session: ClientSession, _ ran: UnsafePointer<CommandIndex.Entry>?) {
        // What confirms a subscription, and the messages before it, are pushes.
        let isPush = ran?.pointee.flags.contains(.pushes) == true
        switch session.replyMode {
        case .on: break
        case .off:
            if !hasSettledReplies, !isPush { context.pointee.reply.pointee.truncate(to: replyStart) }
            hasSettledReplies = false
        case .skipNext: session.replyMode = .skipping
        case .skipping:
            if !isPush { context.pointee.reply.pointee.truncate(to: replyStart) }
            session.replyMode = .on
        }
    }
}
