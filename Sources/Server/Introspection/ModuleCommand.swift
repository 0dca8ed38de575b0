import Commands
import RESP

/// MODULE of a server that takes no modules: clients ask for the list, and get an empty one. What would load a module
/// isn't there.
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
            CommandRow(
                "help", arity: 2, [.loading, .stale], .slow, group: .server, since: "5.0.0",
                summary: "Lists the subcommands.", complexity: "O(1)"
            ) { $0.help("MODULE", ["LIST", "    Lists the modules that are loaded: none, this server takes none."]) },
        ])
}
