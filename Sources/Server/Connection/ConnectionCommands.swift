import Bytes
import Commands
import Frontend
import RESP

/// Commands about the connection itself: AUTH, HELLO, PING, ECHO, SELECT, RESET, QUIT, CLIENT.
enum ConnectionCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            "auth", arity: -2, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], [.fast, .connection],
            group: .connection, since: "1.0.0", summary: "Shows a password, and becomes the user whose it is.",
            complexity: "O(N) where N is the number of passwords defined for the user",
            documentation: ConnectionSyntax.auth, Authentication.auth),
        CommandRow(
            "hello", arity: -1, [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy], [.fast, .connection],
            group: .connection, since: "6.0.0",
            summary: "Chooses the protocol's version, with AUTH and SETNAME in the same step.", complexity: "O(1)",
            documentation: ConnectionSyntax.hello, Authentication.hello),
        CommandRow(
            "ping", arity: -1, [.fast, .runsUnderLocks, .runsWhileSubscribed], [.fast, .connection],
            group: .connection, since: "1.0.0",
            summary: "Answers, with the message if there is one.", complexity: "O(1)",
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
            documentation: ConnectionSyntax.ping, ping),
        CommandRow(
            "echo", arity: 2, [.loading, .stale, .fast, .runsUnderLocks], [.fast, .connection], group: .connection,
            since: "1.0.0", summary: "Answers with the message.", complexity: "O(1)",
            documentation: ConnectionSyntax.echo
        ) { $0.reply.pointee.bulk($0.arguments[1]) },
        CommandRow(
            "select", arity: 2, [.loading, .stale, .fast, .runsUnderLocks, .selectsDatabase], [.fast, .connection],
            group: .connection, since: "1.0.0", summary: "Chooses the database of the commands that follow.",
            complexity: "O(1)", documentation: ConnectionSyntax.select, select),
        CommandRow(
            "reset", arity: 1,
            [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy, .endsMulti, .runsWhileSubscribed],
            [.fast, .connection],
            group: .connection, since: "6.2.0", summary: "Makes the connection as it was when it was opened.",
            complexity: "O(1)", reset),
        CommandRow(
            "quit", arity: -1,
            [.noScript, .loading, .stale, .fast, .noAuth, .allowBusy, .endsMulti, .runsWhileSubscribed],
            [.fast, .connection],
            group: .connection, since: "1.0.0", summary: "Closes the connection, after the reply.", complexity: "O(1)",
            documentation: CommandDocumentation(deprecated: ("7.2.0", "just closing the connection"))
        ) {
            $0.reply.pointee.ok()
            $0.session.closeAfterReply = true
        },
        ClientCommands.row,
    ]

    private static func ping(_ context: inout CommandContext) {
        let arguments = context.arguments
        switch arguments.count {
        case 1...2 where context.session.isSubscribed && context.reply.pointee.version == 2:
            // What the client reads are messages: this looks like one.
            context.reply.pointee.array(2)
            context.reply.pointee.bulk("pong")
            context.reply.pointee.bulk(arguments.count == 2 ? arguments[1] : .empty)
        case 1: context.reply.pointee.simple("PONG")
        case 2: context.reply.pointee.bulk(context.arguments[1])
        default:
            ErrorText.wrongArity(ByteSlice("ping")).withSlice { context.reply.pointee.error($0) }
        }
    }

    private static func select(_ context: inout CommandContext) {
        guard let number = Decimal.parseInt64(context.arguments[1]) else {
            return context.reply.pointee.error(ErrorText.notInteger)
        }
        guard let short = Int32(exactly: number) else {
            return context.reply.pointee.error(ErrorText.valueNotBetween(Int(Int32.min), Int(Int32.max)))
        }
        guard short >= 0, Int(short) < context.core.store.databases else {
            return context.reply.pointee.error(ErrorText.databaseIndex)
        }
        context.session.database.store(Int(short), ordering: .relaxed)
        context.reply.pointee.ok()
    }

    /// The database that SELECT with these arguments chooses; nil if it will answer with an error.
    static func selectedDatabase(_ arguments: Arguments, databases: Int) -> Int? {
        guard let number = Decimal.parseInt64(arguments[1]), number >= 0, number < Int64(databases) else { return nil }
        return Int(number)
    }

    /// What the client's library has said of itself stays: it is still that library.
    private static func reset(_ context: inout CommandContext) {
        let session = context.session
        session.endTransaction()
        session.endSubscriptions(drains: !context.isInTransaction)
        session.database.store(0, ordering: .relaxed)
        session.isExemptFromEviction.store(false, ordering: .relaxed)
        session.leavesNoTraces.store(false, ordering: .relaxed)
        context.keyspace.leavesTraces = true
        session.replyMode = .on
        TrackingCommands.turnOff(session)
        session.names.withLock {
            $0.name = []
            $0.user = ClientSession.defaultUser
        }
        session.isAuthenticated = !context.core.asksForPassword.load(ordering: .relaxed)
        session.speak(version: 2, context.reply)
        context.reply.pointee.simple("RESET")
    }
}
