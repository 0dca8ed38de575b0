import Commands

/// Commands that show what the server is, has and does, and change its settings.
enum IntrospectionCommands {
    static let rows: [CommandRow] =
        [
            ConfigCommand.row, InfoCommand.row, CommandCommand.row, SlowLogCommand.row, LatencyCommand.row,
            MemoryCommand.row, LolwutCommand.row, DebugCommand.row, ModuleCommand.row,
        ] + StateCommands.rows
}
