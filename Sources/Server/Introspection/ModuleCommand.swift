import Commands
import RESP

/// MODULE of a server that takes no modules, as clients that ask for what is loaded expect it: none is, none can be.
enum ModuleCommand {
    static let row = CommandRow(
        "module", arity: -2, [], .slow, group: .server, since: "4.0.0",
        summary: "Tells of the modules: there are none.", complexity: "See the subcommands.",
        subcommands: [
            CommandRow(
                "list", arity: 2, [.admin, .noScript], [.admin, .slow, .dangerous], group: .server, since: "4.0.0",
                summary: "Lists the modules that are loaded.", complexity: "O(1)",
                tips: ["nondeterministic_output_order"]
            ) { $0.reply.pointee.array(0) },
            changing("load", arity: -3, since: "4.0.0", "Loads a module.", ServerSyntax.moduleLoad, load),
            changing(
                "loadex", arity: -3, since: "7.0.0", "Loads a module with settings of its own.",
                ServerSyntax.moduleLoadEx, load),
            changing("unload", arity: 3, since: "4.0.0", "Unloads a module.", ServerSyntax.moduleUnload) {
                $0.reply.pointee.error(ErrorText.noSuchModule)
            },
            CommandRow(
                "help", arity: 2, [.loading, .stale], .slow, group: .server, since: "5.0.0",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func changing(
        _ name: StaticString, arity: Int, since: StaticString, _ summary: StaticString,
        _ documentation: CommandDocumentation, _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.admin, .noScript, .noAsyncLoading, .protectedModule], [.admin, .slow, .dangerous],
            group: .server, since: since, summary: summary, complexity: "O(1)", documentation: documentation, body)
    }

    private static func load(_ context: inout CommandContext) {
        context.core.log.warning("Module \(context.arguments[2].string) was not loaded: this server takes no modules.")
        context.reply.pointee.error(ErrorText.moduleNotLoaded)
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "MODULE",
            [
                "LIST",
                "    Lists the modules that are loaded: none, this server takes none.",
                "LOAD <path> [<arg> ...]",
                "    Fails: see LIST.",
                "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
                "    Fails: see LIST.",
                "UNLOAD <name>",
                "    Fails: no module has that name.",
            ])
    }
}
