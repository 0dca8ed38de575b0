import Bytes
import Commands
import Configuration
import Platform
import RESP

/// CONFIG.
enum ConfigCommand {
    static let row = CommandRow(
        "config", arity: -2, [], [.slow], group: .server, since: "2.0.0", summary: "Reads and changes settings.",
        complexity: "See the subcommands.",
        subcommands: [
            sub(
                "get", arity: -3, since: "2.0.0", docs: ServerSyntax.configGet,
                "Lists settings whose names match patterns.", get),
            sub(
                "set", arity: -4, since: "2.0.0", docs: ServerSyntax.configSet,
                "Changes settings, all of them or none.", set),
            sub(
                "resetstat", arity: 2, since: "2.0.0",
                "Starts the counters of INFO again from zero.", resetStatistics),
            sub(
                "rewrite", arity: 2, since: "2.8.0",
                "Brings the configuration file up to date with the settings in force."
            ) { rewrite(&$0, complete: false) },
            CommandRow(
                "help", arity: 2, [.loading, .stale], [.slow], group: .server, since: "5.0.0",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func sub(
        _ name: StaticString, arity: Int, since: StaticString, docs documentation: CommandDocumentation = .none,
        _ summary: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.admin, .noScript, .loading, .stale], [.admin, .slow, .dangerous], group: .server,
            since: since, summary: summary,
            complexity: name.description.hasPrefix("re") ? "O(1)" : "O(N) for N settings.",
            tips: tips(name), documentation: documentation, body)
    }

    /// In a cluster changes go to all nodes.
    private static func tips(_ name: StaticString) -> [StaticString] {
        switch name.description {
        case "set": ["request_policy:all_nodes", "response_policy:all_succeeded"]
        case "resetstat", "rewrite": ["request_policy:all_nodes", "response_policy:all_succeeded"]
        default: []
        }
    }

    private static func get(_ context: inout CommandContext) {
        let patterns = (2..<context.arguments.count).map { context.arguments[$0].array }
        let found = context.core.configuration.get(patterns)
        context.reply.pointee.map(found.count)
        for (name, value) in found {
            name.withSlice { context.reply.pointee.bulk($0) }
            value.withSlice { context.reply.pointee.bulk($0) }
        }
    }

    private static func set(_ context: inout CommandContext) {
        guard context.arguments.count % 2 == 0 else { return context.reply.pointee.error(ErrorText.syntax) }
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for index in stride(from: 2, to: context.arguments.count, by: 2) {
            let name = context.arguments[index].array
            if ConfigurationStore.isSensitive(name) { context.session.redactedArguments.append(index + 1) }
            pairs.append((name, context.arguments[index + 1].array))
        }
        switch context.core.configuration.set(pairs, isLocal: context.session.peerAddress.isLocal) {
        case .done:
            context.reply.pointee.ok()
            // A lower limit has its effect now, not with the next command that takes memory.
            _ = context.core.eviction.makeRoom(context.worker)
        case .refused(let text): context.reply.pointee.error(text)
        case .loading: context.reply.pointee.error(ErrorText.loading)
        }
    }

    private static func resetStatistics(_ context: inout CommandContext) {
        context.core.resetStatistics()
        context.reply.pointee.ok()
    }

    /// Writes and syncs a file: not on the loop.
    static func rewrite(_ context: inout CommandContext, complete: Bool) {
        switch context.takeAnswer() {
        case .done?:
            context.core.log.notice("CONFIG REWRITE executed with success.")
            context.reply.pointee.ok()
        case .failed(let text)?:
            if text != ConfigurationStore.withoutFile { context.core.log.warning("CONFIG REWRITE failed: \(text)") }
            context.reply.pointee.error(text)
        default:
            let configuration = context.core.configuration
            context.request = .job {
                switch configuration.rewrite(complete: complete) {
                case .done: .done(true)
                case .refused(let text): .failed(text)
                }
            }
        }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "CONFIG",
            [
                "GET <pattern> [<pattern> ...]",
                "    Lists the settings whose names match, with their values.",
                "SET <directive> <value> [<directive> <value> ...]",
                "    Changes settings, all of them or none.",
                "RESETSTAT",
                "    Starts the counters that INFO shows again from zero.",
                "REWRITE",
                "    Brings the configuration file up to date.",
            ])
    }
}
