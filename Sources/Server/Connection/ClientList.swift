import Bytes
import Commands
import Frontend
import Platform
import RESP
import Synchronization

/// CLIENT LIST, and the line of a connection in it.
///
/// Connections live on other loops: only what is atomic or behind a monitor is read, so a line is not a cut through the
/// connection's state; and a connection that is being closed may still show for a moment.
enum ClientList {
    /// What a line needs besides its connection.
    struct Scene {
        /// The calling connection, of which more is known: its loop is this one.
        let caller: ClientSession
        /// Bytes of the caller's input and arguments, and of the replies written before in the same batch.
        let inputBytes: Int
        let argumentBytes: Int
        let replyBytes: Int
        let unixMilliseconds: Int64
        let monotonicMilliseconds: Int
        let socketPath: String

        init(_ context: borrowing CommandContext) {
            caller = context.session
            inputBytes = caller.loop.executingBytes
            argumentBytes = context.arguments.buffer.reduce(0) { $0 + $1.count }
            replyBytes = caller.loop.executingReplyBytes
            unixMilliseconds = Clock.unixMilliseconds()
            monotonicMilliseconds = Int(Clock.monotonicNanoseconds() / 1_000_000)
            socketPath = context.core.configuration.current.unixSocket ?? ""
        }
    }

    /// The types that CLIENT LIST and KILL know. There are no replicas yet.
    enum Kind {
        case normal, replica, pubsub, master

        init?(_ word: ByteSlice) {
            if word.equalsIgnoringCase("normal") {
                self = .normal
            } else if word.equalsIgnoringCase("replica") || word.equalsIgnoringCase("slave") {
                self = .replica
            } else if word.equalsIgnoringCase("pubsub") {
                self = .pubsub
            } else if word.equalsIgnoringCase("master") {
                self = .master
            } else {
                return nil
            }
        }

        func matches(_ session: ClientSession) -> Bool {
            switch (self, session.outputClassShown) {
            case (.normal, .normal), (.replica, .replica), (.pubsub, .pubsub): true
            default: false
            }
        }
    }

    static func list(_ context: inout CommandContext) {
        let arguments = context.arguments
        let sessions: [ClientSession]
        if arguments.count == 4, arguments[2].equalsIgnoringCase("type") {
            guard let kind = Kind(arguments[3]) else {
                return context.reply.pointee.error(ErrorText.unknownClientType(arguments[3]))
            }
            sessions = context.core.sessions().filter(kind.matches)
        } else if arguments.count > 3, arguments[2].equalsIgnoringCase("id") {
            var wanted: [Int] = []
            for index in 3..<arguments.count {
                guard let id = Decimal.parseInt64(arguments[index]) else {
                    return context.reply.pointee.error(ErrorText.invalidClientID)
                }
                wanted.append(Int(id))
            }
            var known: [Int: ClientSession] = [:]
            for session in context.core.sessions() { known[session.id] = session }
            sessions = wanted.compactMap { known[$0] }
        } else if arguments.count == 2 {
            sessions = context.core.sessions()
        } else {
            return context.reply.pointee.error(ErrorText.syntax)
        }
        let scene = Scene(context)
        var text: [UInt8] = []
        text.reserveCapacity(sessions.count * 384)  // what a line usually comes to
        for session in sessions { append(session, scene, to: &text) }
        text.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    /// Appends the line, with its end.
    ///
    /// Two letters mean something else than in Redis. `flags`: `f` for a call that waits for the flash tier (`b` is one
    /// that waits for the end of a pause, or in a command that blocks). `events`: no `r` while a call waits, because
    /// then nothing is read.
    static func append(_ session: ClientSession, _ scene: Scene, to text: inout [UInt8]) {
        let isCaller = session === scene.caller
        let names = session.names.withLock { $0 }
        let waits = session.waitsForFlash.load(ordering: .relaxed) || session.isBlocked.load(ordering: .relaxed)
        let arguments = isCaller ? scene.argumentBytes : session.parkedBytes.load(ordering: .relaxed)
        let parsed = isCaller ? 0 : session.parsedBytes.current
        let input = isCaller ? scene.inputBytes : max(0, session.queryBufferBytes.current - parsed)
        let queued = session.queuedBytes.load(ordering: .relaxed)
        let free = session.queryBufferFreeBytes.current
        let output = session.outputBytes.current
        let command = session.lastCommand.load(ordering: .relaxed)
        var line = Line(text: text)
        text = []
        line.number("id", session.id)
        line.text("addr", session.addressText(session.peerAddress, socketPath: scene.socketPath))
        line.text("laddr", session.addressText(session.localAddress, socketPath: scene.socketPath))
        line.number("fd", Int(session.descriptor))
        line.bytes("name", names.name)
        line.number("age", Int(scene.unixMilliseconds / 1000 - session.createdMilliseconds / 1000))
        line.number("idle", max(0, scene.monotonicMilliseconds - session.lastInteraction.current) / 1000)
        line.text("flags", flags(session))
        line.number("db", session.database.load(ordering: .relaxed))
        line.number("sub", session.channelCount.load(ordering: .relaxed))
        line.number("psub", session.patternCount.load(ordering: .relaxed))
        line.number("ssub", session.shardChannelCount.load(ordering: .relaxed))
        line.number("multi", session.queuedCommands.load(ordering: .relaxed))
        line.number("qbuf", input)
        line.number("qbuf-free", free)
        line.number("argv-mem", arguments + parsed)
        line.number("multi-mem", queued)
        // A reply is written to a buffer of the loop; the connection itself has one only for what is not sent yet.
        line.number("rbs", 0)
        line.number("rbp", 0)
        line.number("obl", isCaller ? scene.replyBytes : 0)
        line.number("oll", session.outputBlocks.current)
        line.number("omem", output)
        line.number("tot-mem", session.memoryBytes + (isCaller ? input + arguments : 0))
        line.text("events", (waits ? "" : "r") + (output > 0 ? "w" : ""))
        line.text("cmd", command < 0 ? "NULL" : session.worker.core.index[command].pointee.fullName)
        line.bytes("user", names.user)
        line.number("redir", session.tracking.options?.redirection ?? -1)
        line.number("resp", session.shownVersion.load(ordering: .relaxed))
        line.bytes("lib-name", names.libraryName)
        line.bytes("lib-ver", names.libraryVersion)
        // Behind all others, since Redis 7.2 hasn't got it.
        line.number("watch", session.watchCount.load(ordering: .relaxed))
        text = line.ended()
    }

    private static func flags(_ session: ClientSession) -> String {
        var flags = ""
        if session.isMonitor.load(ordering: .relaxed) { flags += "O" }
        if session.outputClassShown == .replica { flags += "S" }
        if session.outputClassShown == .pubsub { flags += "P" }
        if session.queuedCommands.load(ordering: .relaxed) >= 0 { flags += "x" }
        if session.isBlocked.load(ordering: .relaxed) { flags += "b" }
        if session.hasBrokenWatch.load(ordering: .relaxed) { flags += "d" }
        if session.waitsForFlash.load(ordering: .relaxed) { flags += "f" }
        if let options = session.tracking.options {
            flags += "t"
            if options.isBroken { flags += "R" }
            if options.isBroadcast { flags += "B" }
        }
        if case .unix = session.localAddress { flags += "U" }
        if session.isExemptFromEviction.load(ordering: .relaxed) { flags += "e" }
        if session.leavesNoTraces.load(ordering: .relaxed) { flags += "T" }
        return flags.isEmpty ? "N" : flags
    }

    /// `name=value` pairs with blanks between.
    private struct Line {
        var text: [UInt8]
        private var isFirst = true

        init(text: [UInt8]) { self.text = text }

        private mutating func begin(_ name: String) {
            if !isFirst { text.append(0x20) }
            isFirst = false
            text.append(contentsOf: name.utf8)
            text.append(0x3d)
        }
        mutating func number(_ name: String, _ value: Int) { self.text(name, String(value)) }
        mutating func text(_ name: String, _ value: String) {
            begin(name)
            text.append(contentsOf: value.utf8)
        }
        mutating func bytes(_ name: String, _ value: [UInt8]) {
            begin(name)
            text.append(contentsOf: value)
        }
        consuming func ended() -> [UInt8] {
            text.append(0x0a)
            return text
        }
    }
}
