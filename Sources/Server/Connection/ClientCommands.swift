import Bytes
import Commands
import Platform
import RESP
import Synchronization

/// CLIENT and its subcommands. Those of tracking stand in `TrackingCommands`.
enum ClientCommands {
    static let row = CommandRow(
        "client", arity: -2, [], [.slow], group: .connection, since: "2.4.0",
        summary: "Commands about client connections.", complexity: "Depends on subcommand.",
        subcommands: ownRows + TrackingCommands.rows + adminRows)

    static let plain: CommandFlags = [.noScript, .loading, .stale, .runsWhilePaused]
    private static let admin: CommandFlags = [.admin, .noScript, .loading, .stale, .runsWhilePaused]
    private static let adminCategories: ACLCategories = [.admin, .slow, .dangerous, .connection]

    /// About the calling connection. All of CLIENT runs during a pause, or nobody could end one.
    private static let ownRows: [CommandRow] = [
        CommandRow(
            "id", arity: 2, plain, [.slow, .connection], group: .connection, since: "5.0.0",
            summary: "The connection's identifier.", complexity: "O(1)"
        ) { $0.reply.pointee.integer($0.session.id) },
        CommandRow(
            "info", arity: 2, plain, [.slow, .connection], group: .connection, since: "6.2.0",
            summary: "The connection's line of CLIENT LIST.", complexity: "O(1)",
            tips: ["nondeterministic_output"], info),
        CommandRow(
            "getname", arity: 2, plain, [.slow, .connection], group: .connection, since: "2.6.9",
            summary: "The connection's name.", complexity: "O(1)", getName),
        CommandRow(
            "setname", arity: 3, plain, [.slow, .connection], group: .connection, since: "2.6.9",
            summary: "Names the connection.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientSetname, setName),
        CommandRow(
            "setinfo", arity: 4, plain, [.slow, .connection], group: .connection, since: "7.2.0",
            summary: "Notes the client library's name or version.", complexity: "O(1)",
            tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
            documentation: ConnectionSyntax.clientSetinfo, setInfo),
        CommandRow(
            "reply", arity: 3, plain, [.slow, .connection], group: .connection, since: "3.2.0",
            summary: "Whether the connection gets replies.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientReply, reply),
        CommandRow(
            "no-touch", arity: 3, plain, [.slow, .connection], group: .connection, since: "7.2.0",
            summary: "Whether the connection's accesses count for eviction.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientNoTouch, noTouch),
        CommandRow(
            "help", arity: 2, [.loading, .stale, .runsWhilePaused], [.slow, .connection], group: .connection,
            since: "5.0.0",
            summary: "Lists the subcommands.", complexity: "O(1)"
        ) { $0.help("CLIENT", helpLines) },
    ]

    /// About other connections or all of them.
    private static let adminRows: [CommandRow] = [
        CommandRow(
            "list", arity: -2, admin, adminCategories, group: .connection, since: "2.4.0",
            summary: "Lists connections.", complexity: "O(N) where N is the number of client connections",
            tips: ["nondeterministic_output"],
            documentation: ConnectionSyntax.clientList, ClientList.list),
        CommandRow(
            "kill", arity: -3, admin, adminCategories, group: .connection, since: "2.4.0",
            summary: "Closes connections.", complexity: "O(N) where N is the number of client connections",
            documentation: ConnectionSyntax.clientKill, ClientKill.kill),
        CommandRow(
            "no-evict", arity: 3, admin, adminCategories, group: .connection, since: "7.0.0",
            summary: "Whether the connection is spared when clients take too much memory.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientNoEvict, noEvict),
        CommandRow(
            "pause", arity: -3, admin, adminCategories, group: .connection, since: "2.9.50",
            summary: "Has all commands, or those that write, wait for a while.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientPause, pause),
        CommandRow(
            "unpause", arity: 2, admin, adminCategories, group: .connection, since: "6.2.0",
            summary: "Ends a pause.", complexity: "O(N) Where N is the number of paused clients"
        ) {
            $0.core.pause.end(.command)
            $0.reply.pointee.ok()
        },
        CommandRow(
            "unblock", arity: -3, admin, adminCategories, group: .connection, since: "5.0.0",
            summary: "Ends the wait of a blocked client.",
            complexity: "O(log N) where N is the number of client connections",
            documentation: ConnectionSyntax.clientUnblock, unblock),
    ]

    private static let helpLines: [StaticString] = [
        "CACHING (YES|NO)", "    Track the keys of the next command, with OPTIN; don't, with OPTOUT.",
        "GETNAME", "    The connection's name.",
        "GETREDIR", "    The client that gets this one's invalidation messages, -1 without tracking.",
        "ID", "    The connection's identifier.",
        "INFO", "    The connection's line of CLIENT LIST.",
        "KILL <ip:port>", "    Close the connection from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]", "    Close the connections that meet all options:",
        "    * ADDR (<ip:port>|<unixsocket>:0)", "      from this address",
        "    * LADDR (<ip:port>|<unixsocket>:0)", "      to this address of the server",
        "    * ID <id>", "      with this identifier",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "      of this type",
        "    * USER <username>", "      authenticated as this user",
        "    * MAXAGE <seconds>", "      at least so old",
        "    * SKIPME (YES|NO)", "      leave out the calling connection (default: yes)",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <id> [<id> ...]]", "    A line for each connection.",
        "NO-EVICT (ON|OFF)", "    Spare the connection when clients take too much memory.",
        "NO-TOUCH (ON|OFF)", "    Let the connection's accesses leave no traces in LRU and LFU.",
        "PAUSE <timeout> [WRITE|ALL]", "    Have all commands, or only writes, wait for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)", "    Send replies, none, or not the next one.",
        "SETINFO (LIB-NAME|LIB-VER) <value>", "    Note what library the client uses.",
        "SETNAME <name>", "    Name the connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]", "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell the connection, or another one, of changes of keys that it has read.",
        "TRACKINGINFO", "    How the connection's reads are tracked.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]", "    End the wait of a blocked client.",
        "UNPAUSE", "    End a pause.",
    ]

    // MARK: The calling connection

    private static func info(_ context: inout CommandContext) {
        var line: [UInt8] = []
        ClientList.append(context.session, ClientList.Scene(context), to: &line)
        line.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func getName(_ context: inout CommandContext) {
        let name = context.session.names.withLock { $0.name }
        if name.isEmpty { return context.reply.pointee.null() }
        name.withSlice { context.reply.pointee.bulk($0) }
    }

    private static func setName(_ context: inout CommandContext) {
        let name = context.arguments[2]
        guard ClientSession.isNameAllowed(name) else { return context.reply.pointee.error(ErrorText.clientName) }
        context.session.names.withLock { $0.name = name.array }
        context.reply.pointee.ok()
    }

    private static func setInfo(_ context: inout CommandContext) {
        let value = context.arguments[3]
        let attribute: StaticString
        let path: WritableKeyPath<ClientSession.Names, [UInt8]> & Sendable
        if context.arguments[2].equalsIgnoringCase("lib-name") {
            attribute = "lib-name"
            path = \.libraryName
        } else if context.arguments[2].equalsIgnoringCase("lib-ver") {
            attribute = "lib-ver"
            path = \.libraryVersion
        } else {
            return context.reply.pointee.error(ErrorText.unrecognizedClientInfo(context.arguments[2]))
        }
        guard ClientSession.isNameAllowed(value) else {
            return context.reply.pointee.error(ErrorText.clientAttribute(attribute))
        }
        context.session.names.withLock { $0[keyPath: path] = value.array }
        context.reply.pointee.ok()
    }

    private static func reply(_ context: inout CommandContext) {
        let word = context.arguments[2]
        let session = context.session
        if word.equalsIgnoringCase("on") {
            session.replyMode = .on
            context.reply.pointee.ok()
        } else if word.equalsIgnoringCase("off") {
            session.replyMode = .off
        } else if word.equalsIgnoringCase("skip") {
            if session.replyMode != .off { session.replyMode = .skipNext }
        } else {
            context.reply.pointee.error(ErrorText.syntax)
        }
    }

    /// ON or OFF; nil after the reply to anything else.
    private static func toggle(_ context: inout CommandContext) -> Bool? {
        if context.arguments[2].equalsIgnoringCase("on") { return true }
        if context.arguments[2].equalsIgnoringCase("off") { return false }
        context.reply.pointee.error(ErrorText.syntax)
        return nil
    }

    private static func noTouch(_ context: inout CommandContext) {
        guard let isOn = toggle(&context) else { return }
        context.session.leavesNoTraces.store(isOn, ordering: .relaxed)
        context.keyspace.leavesTraces = !isOn
        context.reply.pointee.ok()
    }

    private static func noEvict(_ context: inout CommandContext) {
        guard let isOn = toggle(&context) else { return }
        context.session.isExemptFromEviction.store(isOn, ordering: .relaxed)
        if !isOn { context.core.clientEviction.relieve(context.core) }
        context.reply.pointee.ok()
    }

    // MARK: All connections

    private static func pause(_ context: inout CommandContext) {
        let arguments = context.arguments
        guard arguments.count <= 4 else {
            return context.reply.pointee.error(
                ErrorText.subcommandSyntax(arguments[1], command: ByteSlice("client")))
        }
        var scope = ClientPause.Scope.all
        if arguments.count == 4 {
            if arguments[3].equalsIgnoringCase("write") {
                scope = .writes
            } else if !arguments[3].equalsIgnoringCase("all") {
                return context.reply.pointee.error(ErrorText.pauseMode)
            }
        }
        guard let duration = Decimal.parseInt64(arguments[2]) else {
            return context.reply.pointee.error(ErrorText.timeoutNotInteger)
        }
        guard duration >= 0 else { return context.reply.pointee.error(ErrorText.timeoutNegative) }
        // The clock of now, not of the batch's start: a pause shall last as long as it says.
        let now = Clock.unixMilliseconds()
        guard duration <= Int64.max - now else { return context.reply.pointee.error(ErrorText.timeoutOutOfRange) }
        if duration > 0 {
            context.core.pause.begin(.command, until: now + duration, scope: scope, now: now)
            context.keyspace.deletesExpired = false
        }
        context.reply.pointee.ok()
    }

    /// A call that waits for flash or for the end of a pause can't be unblocked.
    private static func unblock(_ context: inout CommandContext) {
        let arguments = context.arguments
        guard arguments.count <= 4 else {
            return context.reply.pointee.error(
                ErrorText.subcommandSyntax(arguments[1], command: ByteSlice("client")))
        }
        let withError = arguments.count == 4 && arguments[3].equalsIgnoringCase("error")
        if arguments.count == 4, !withError, !arguments[3].equalsIgnoringCase("timeout") {
            return context.reply.pointee.error(ErrorText.unblockReason)
        }
        guard let id = Decimal.parseInt64(arguments[2]) else {
            return context.reply.pointee.error(ErrorText.notInteger)
        }
        let wasWaiting = context.core.observers.waits.unblock(Int(id), withError: withError)
        context.reply.pointee.integer(wasWaiting ? 1 : 0)
    }
}
