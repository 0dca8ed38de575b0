import Commands

/// All rows of all families.
enum CommandFamilies {
    static let rows: [CommandRow] = 
        StringCommands.rows + KeyCommands.rows + AdministrationCommands.rows
        + SetCommands.rows
        + ConnectionCommands.rows
        + HashCommands.rows
        + SortedSetCommands.rows
        + IntrospectionCommands.rows
        + ListCommands.rows
}
