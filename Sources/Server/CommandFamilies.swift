import Commands

/// All rows of all families.
enum CommandFamilies {
    static let rows: [CommandRow] = 
        StringCommands.rows + KeyCommands.rows + AdministrationCommands.rows
        + ConnectionCommands.rows
        + SortedSetCommands.rows
        + IntrospectionCommands.rows
}
