import Commands

/// Commands with which an operator runs the server.
enum AdministrationCommands {
    static let rows: [CommandRow] = FlushCommands.rows + ShutdownCommand.rows + [FlashCommand.row]
}
