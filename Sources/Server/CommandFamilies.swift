import Commands

/// All rows of all families.
enum CommandFamilies {
    static let rows: [CommandRow] =
        StringCommands.rows + KeyCommands.rows + AdministrationCommands.rows + ListCommands.rows + SetCommands.rows
        + HashCommands.rows + SortedSetCommands.rows + ConnectionCommands.rows + IntrospectionCommands.rows
        + TransactionCommands.rows
}
