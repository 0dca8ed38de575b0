import Bytes
import Commands
import RESP

/// SLOWLOG.
enum SlowLogCommand {
    static let row = CommandRow(
        "slowlog", arity: -2, [], [.slow], group: .server, since: "2.2.12", summary: "Shows calls that took long.",
        complexity: "See the subcommands.",
        subcommands: [
            sub(
                "get", arity: -2, "Lists the newest entries.", "O(N) for N entries.",
                tips: ["request_policy:all_nodes", "nondeterministic_output"], docs: ServerSyntax.slowlogGet, get),
            sub(
                "len", arity: 2, "Counts the entries.", "O(1)",
                tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"]
            ) { $0.reply.pointee.integer($0.core.slowLog.count) },
            sub(
                "reset", arity: 2, "Forgets all entries.", "O(N) for N entries.",
                tips: ["request_policy:all_nodes", "response_policy:all_succeeded"]
            ) { context in
                context.core.slowLog.reset()
                context.reply.pointee.ok()
            },
            CommandRow(
                "help", arity: 2, [.loading, .stale], [.slow], group: .server, since: "6.2.0",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func sub(
        _ name: StaticString, arity: Int, _ summary: StaticString, _ complexity: StaticString, tips: [StaticString],
        docs: CommandDocumentation = .none, _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.admin, .loading, .stale], [.admin, .slow, .dangerous], group: .server,
            since: "2.2.12", summary: summary, complexity: complexity, tips: tips, documentation: docs, body)
    }

    private static func get(_ context: inout CommandContext) {
        let arguments = context.arguments
        guard arguments.count <= 3 else {
            return context.reply.pointee.error(
                ErrorText.subcommandSyntax(arguments[1], command: arguments[0]))
        }
        var count = 10
        if arguments.count == 3 {
            guard let wanted = Decimal.parseInt64(arguments[2]), wanted >= -1 else {
                return context.reply.pointee.error("ERR count should be greater than or equal to -1")
            }
            count = Int(wanted)
        }
        let entries = context.core.slowLog.get(count)
        context.reply.pointee.array(entries.count)
        for entry in entries {
            context.reply.pointee.array(6)
            context.reply.pointee.integer(entry.id)
            context.reply.pointee.integer(entry.unixSeconds)
            context.reply.pointee.integer(entry.durationMicroseconds)
            context.reply.pointee.array(entry.arguments.count)
            for argument in entry.arguments { argument.withSlice { context.reply.pointee.bulk($0) } }
            entry.clientAddress.withSlice { context.reply.pointee.bulk($0) }
            entry.clientName.withSlice { context.reply.pointee.bulk($0) }
        }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "SLOWLOG",
            [
                "GET [<count>]",
                "    Lists the newest <count> entries (default: 10, -1: all). An entry is its number,",
                "    Unix time, microseconds, arguments, the client's address and the client's name.",
                "LEN",
                "    Counts the entries.",
                "RESET",
                "    Forgets all entries.",
            ])
    }
}
