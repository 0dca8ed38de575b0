import Commands

/// Every command there is.
enum CommandFamilies {
    static let rows: [CommandRow] = [
        StringCommands.rows,
        BitmapCommands.rows,
        HyperLogLogCommands.rows,
        KeyCommands.rows,
        ListCommands.rows,
        SetCommands.rows,
        HashCommands.rows,
        SortedSetCommands.rows,
        GeoCommands.rows,
        TransactionCommands.rows,
        WaitCommands.rows,
        ConnectionCommands.rows,
        AdministrationCommands.rows,
        IntrospectionCommands.rows,
    ].flatMap { $0 }
}
