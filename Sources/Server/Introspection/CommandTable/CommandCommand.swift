import Bytes
import Commands
import RESP

/// COMMAND: the command table, told from the rows.
enum CommandCommand {
    private static let tips: [StaticString] = ["nondeterministic_output_order"]

    static let row = CommandRow(
        "command", arity: -1, [.loading, .stale], [.slow, .connection], group: .server, since: "2.8.13",
        summary: "Describes all commands.", complexity: "O(N) for N commands.", tips: tips,
        subcommands: [
            sub("count", arity: 2, since: "2.8.13", "Counts the commands.", "O(1)") {
                $0.reply.pointee.integer($0.core.index.topLevel.count)
            },
            sub(
                "docs", arity: -2, since: "7.0.0", "Documents commands.", "O(N) for N commands.", tips: tips,
                docs: ServerSyntax.commandDocs, documents),
            sub(
                "getkeys", arity: -4, since: "2.8.13", "Finds the keys of a call.", "O(N) for N arguments.",
                docs: getkeys
            ) { keys(&$0, withFlags: false) },
            sub(
                "getkeysandflags", arity: -4, since: "7.0.0", "Finds the keys of a call and what it does with them.",
                "O(N) for N arguments.", docs: getkeys
            ) { keys(&$0, withFlags: true) },
            sub(
                "info", arity: -2, since: "2.8.13", "Describes some commands, or all.", "O(N) for N commands.",
                tips: tips, docs: ServerSyntax.commandInfo, information),
            sub(
                "list", arity: -2, since: "7.0.0", "Names the commands.", "O(N) for N commands.", tips: tips,
                docs: ServerSyntax.commandList, list),
            sub("help", arity: 2, since: "5.0.0", "Lists the subcommands.", "O(1)", help),
        ]
    ) { context in
        let numbers = context.core.index.topLevel
        context.reply.pointee.array(numbers.count)
        for number in numbers { context.commands.information(number, to: context.reply) }
    }

    private static let getkeys = CommandDocumentation([
        CommandArgument(.string, "command"), CommandArgument(.string, "arg", [.optional, .multiple]),
    ])

    private static func sub(
        _ name: StaticString, arity: Int, since: StaticString, _ summary: StaticString, _ complexity: StaticString,
        tips: [StaticString] = [], docs documentation: CommandDocumentation = .none,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.loading, .stale], [.slow, .connection], group: .server, since: since,
            summary: summary, complexity: complexity, tips: tips, documentation: documentation, body)
    }

    private static func information(_ context: inout CommandContext) {
        let table = context.commands
        if context.arguments.count == 2 {
            let numbers = table.index.topLevel
            context.reply.pointee.array(numbers.count)
            for number in numbers { table.information(number, to: context.reply) }
            return
        }
        context.reply.pointee.array(context.arguments.count - 2)
        for index in 2..<context.arguments.count {
            if let number = table.find(context.arguments[index]) {
                table.information(number, to: context.reply)
            } else {
                context.reply.pointee.null()
            }
        }
    }

    private static func documents(_ context: inout CommandContext) {
        let table = context.commands
        let numbers =
            context.arguments.count == 2
            ? table.index.topLevel : (2..<context.arguments.count).compactMap { table.find(context.arguments[$0]) }
        context.reply.pointee.map(numbers.count)
        for number in numbers {
            context.reply.pointee.bulk(table.name(number))
            table.documentation(number, to: context.reply)
        }
    }

    // MARK: LIST

    private enum Filter {
        case all
        /// There are no modules.
        case none
        case category(ACLCategories)
        case pattern([UInt8])

        func passes(_ row: CommandRow, _ name: String) -> Bool {
            switch self {
            case .all: true
            case .none: false
            case .category(let category): row.categories.contains(category)
            case .pattern(let pattern):
                pattern.withSlice { pattern in
                    name.withSlice { GlobPattern.matches(pattern: pattern, text: $0, ignoresCase: true) }
                }
            }
        }
    }

    private static func list(_ context: inout CommandContext) {
        guard let filter = filter(context.arguments) else { return context.reply.pointee.error(ErrorText.syntax) }
        let table = context.commands
        var names: [String] = []
        for number in table.index.topLevel {
            let entry = table.index[number]
            if filter.passes(entry.pointee.row, table.name(number)) { names.append(table.name(number)) }
            for sub in entry.pointee.subcommands
            where filter.passes(table.index[sub].pointee.row, table.name(sub)) {
                names.append(table.name(sub))
            }
        }
        context.reply.pointee.array(names.count)
        for name in names { context.reply.pointee.bulk(name) }
    }

    /// Nil: the arguments are wrong.
    private static func filter(_ arguments: Arguments) -> Filter? {
        if arguments.count == 2 { return .all }
        guard arguments.count == 5, arguments[2].equalsIgnoringCase("filterby") else { return nil }
        if arguments[3].equalsIgnoringCase("module") { return Filter.none }
        if arguments[3].equalsIgnoringCase("pattern") { return .pattern(arguments[4].array) }
        guard arguments[3].equalsIgnoringCase("aclcat") else { return nil }
        let name = "@" + arguments[4].string.lowercased()
        return ACLCategories.names.first { $0.1.description == name }.map { .category($0.0) } ?? Filter.none
    }

    // MARK: GETKEYS

    private static func keys(_ context: inout CommandContext, withFlags: Bool) {
        let index = context.core.index
        let call = context.arguments.dropFirst(2)
        guard var entry = index.find(call[0]) else {
            return context.reply.pointee.error("ERR Invalid command specified")
        }
        if !entry.pointee.subcommands.isEmpty, call.count > 1 {
            guard let sub = index.find(call[1], in: entry) else {
                return context.reply.pointee.error("ERR Invalid command specified")
            }
            entry = sub
        }
        let row = entry.pointee.row
        guard !row.keys.allSatisfy({ $0.flags.contains(.notKey) }) else {
            return context.reply.pointee.error("ERR The command has no key arguments")
        }
        guard row.arity > 0 ? call.count == row.arity : call.count >= -row.arity else {
            return context.reply.pointee.error("ERR Invalid number of arguments specified for command")
        }
        var found: [(index: Int, flags: KeySpec.Flags)] = []
        for spec in row.keys {
            var indices: [Int] = []
            guard spec.append(call, to: &indices) else {
                return context.reply.pointee.error("ERR Invalid arguments specified for command")
            }
            let flags = spec.decide?(call) ?? spec.flags
            for index in indices { found.append((index, flags)) }
        }
        if found.isEmpty { return context.reply.pointee.error("ERR Invalid arguments specified for command") }
        context.reply.pointee.array(found.count)
        for (index, flags) in found {
            if withFlags { context.reply.pointee.array(2) }
            context.reply.pointee.bulk(call[index])
            if withFlags { context.commands.flags(flags, of: KeySpec.Flags.names, to: context.reply) }
        }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "COMMAND",
            [
                "(no subcommand)",
                "    Describes all commands.",
                "COUNT",
                "    Counts the commands.",
                "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
                "    Names the commands and subcommands.",
                "INFO [<command-name> ...]",
                "    Describes commands (default: all of them).",
                "DOCS [<command-name> ...]",
                "    Documents commands (default: all of them).",
                "GETKEYS <full-command>",
                "    Finds the keys of a call.",
                "GETKEYSANDFLAGS <full-command>",
                "    Finds the keys of a call and what it does with them.",
            ])
    }
}

extension CommandContext {
    /// The command table as COMMAND tells it.
    fileprivate var commands: CommandTableReply { CommandTableReply(index: core.index) }
}
