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
        HashExpiryCommands.rows,
        SortedSetCommands.rows,
        StreamCommands.rows,
        GeoCommands.rows,
        SortCommands.rows,
        KeyDBCommands.rows,
        NestedHashCommands.rows,
        MigrateCommand.rows,
        PubSubCommands.rows,
        TransactionCommands.rows,
        WaitCommands.rows,
        ConnectionCommands.rows,
        AdministrationCommands.rows,
        IntrospectionCommands.rows,
    ].flatMap { $0 }
}
