import Bytes
import Commands
import Frontend
import Platform
import PubSub
import RESP
import Synchronization

/// MONITOR: a line for each call that has been executed, to each connection that has asked for it.
///
/// A line goes through the mailbox of the monitor's loop, like a message: so monitors see calls on different
/// loops in the order in which they followed each other. Not shown are calls that a gate refuses, and commands of
/// administrators.
enum Monitoring {
    static func begin(_ context: inout CommandContext) {
        if context.isInTransaction { return context.reply.pointee.error(ErrorText.monitorInTransaction) }
        let session = context.session
        // Who monitors already gets no reply.
        if session.isMonitor.load(ordering: .relaxed) { return }
        session.isMonitor.store(true, ordering: .relaxed)
        session.isExemptFromIdleTimeout = true
        session.isRestricted = true
        context.core.subscriptions.subscribe(session.ownSubscriber, .monitor, .empty)
        context.core.monitorCount.add(1, ordering: .relaxed)
        context.reply.pointee.ok()
    }

    /// `+1700000000.123456 [0 127.0.0.1:50000] "set" "key" "value"`
    static func line(_ session: ClientSession, _ arguments: Arguments, socketPath: String) -> SharedBytes {
        var line: [UInt8] = []
        line.reserveCapacity(64 + arguments.buffer.reduce(0) { $0 + $1.count + 3 })
        let now = Clock.unixMicroseconds()
        let fraction = String(now % 1_000_000)
        line += "+\(now / 1_000_000).".utf8
        line += String(repeating: "0", count: 6 - fraction.utf8.count).utf8
        line += fraction.utf8
        line += " [\(session.database.load(ordering: .relaxed)) ".utf8
        if case .unix = session.localAddress {
            line += "unix:\(socketPath)".utf8
        } else {
            line += "\(session.peerAddress)".utf8
        }
        line += "]".utf8
        for index in 0..<arguments.count {
            line.append(0x20)
            let isSecret = session.redactedArguments.contains(index)
            line.append(quoted: isSecret ? ByteSlice("(redacted)") : arguments[index])
        }
        line += "\r\n".utf8
        return line.withSlice { SharedBytes(copying: $0) }
    }
}

extension LoopWorker {
    /// Shows monitors the call that has just been executed, if there are any.
    @inline(__always)
    func showMonitors(_ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>) {
        if core.monitorCount.load(ordering: .relaxed) != 0 { show(session, entry) }
    }

    @inline(never)
    private func show(_ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>) {
        if !entry.pointee.flags.isDisjoint(with: [.admin, .skipMonitor]) { return }
        let socketPath = core.configuration.current.unixSocket ?? ""
        core.subscriptions.monitor(
            Monitoring.line(session, context.pointee.arguments, socketPath: socketPath))
    }
}
