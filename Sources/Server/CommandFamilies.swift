import Commands

/// All rows of all families.
enum CommandFamilies {
    static let rows: [CommandRow] =
        StringCommands.rows + KeyCommands.rows + AdministrationCommands.rows + ListCommands.rows + SetCommands.rows
        + HashCommands.rows + SortedSetCommands.rows + BitmapCommands.rows
        + HyperLogLogCommands.rows + GeoCommands.rows + ConnectionCommands.rows + IntrospectionCommands.rows
}
