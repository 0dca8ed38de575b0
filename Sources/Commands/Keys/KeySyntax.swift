/// The arguments of the commands on keys, as COMMAND DOCS describes them.
enum KeySyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let keyList = CommandArgument(.key, "key", .multiple, keySpec: 0)
    private static let condition = CommandArgument(
        .oneof, "condition", .optional, since: "7.0.0",
        arguments: [
            CommandArgument(.pureToken, "nx", token: "NX"),
            CommandArgument(.pureToken, "xx", token: "XX"),
            CommandArgument(.pureToken, "gt", token: "GT"),
            CommandArgument(.pureToken, "lt", token: "LT"),
        ])

    static let del = CommandDocumentation([keyList])
    static let unlink = CommandDocumentation([keyList])
    static let exists = CommandDocumentation([keyList])
    static let touch = CommandDocumentation([keyList])
    static let type = CommandDocumentation([key])
    static let expire = CommandDocumentation([key, CommandArgument(.integer, "seconds"), condition])
    static let pexpire = CommandDocumentation([key, CommandArgument(.integer, "milliseconds"), condition])
    static let expireat = CommandDocumentation([key, CommandArgument(.unixTime, "unix-time-seconds"), condition])
    static let pexpireat = CommandDocumentation([key, CommandArgument(.unixTime, "unix-time-milliseconds"), condition])
    static let ttl = CommandDocumentation([key])
    static let pttl = CommandDocumentation([key])
    static let expiretime = CommandDocumentation([key])
    static let pexpiretime = CommandDocumentation([key])
    static let persist = CommandDocumentation([key])
    static let dump = CommandDocumentation([key])
    static let restore = CommandDocumentation(restored)
    static let restoreAsking = CommandDocumentation(
        restored,
        history: [
            ("3.0.0", "Added the `REPLACE` modifier."), ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ], isSystem: true)
    private static let restored = [
        key,
        CommandArgument(.integer, "ttl"),
        CommandArgument(.string, "serialized-value"),
        CommandArgument(.pureToken, "replace", .optional, token: "REPLACE", since: "3.0.0"),
        CommandArgument(.pureToken, "absttl", .optional, token: "ABSTTL", since: "5.0.0"),
        CommandArgument(.integer, "seconds", .optional, token: "IDLETIME", since: "5.0.0"),
        CommandArgument(.integer, "frequency", .optional, token: "FREQ", since: "5.0.0"),
    ]
    static let rename = CommandDocumentation([key, CommandArgument(.key, "newkey", keySpec: 1)])
    static let renamenx = rename
    static let copy = CommandDocumentation([
        CommandArgument(.key, "source", keySpec: 0),
        CommandArgument(.key, "destination", keySpec: 1),
        CommandArgument(.integer, "destination-db", .optional, token: "DB"),
        CommandArgument(.pureToken, "replace", .optional, token: "REPLACE"),
    ])
    static let move = CommandDocumentation([key, CommandArgument(.integer, "db")])
    static let scan = CommandDocumentation([
        CommandArgument(.integer, "cursor"),
        CommandArgument(.pattern, "pattern", .optional, token: "MATCH"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
        CommandArgument(.string, "type", .optional, token: "TYPE", since: "6.0.0"),
    ])
    static let keys = CommandDocumentation([CommandArgument(.pattern, "pattern")])
    static let objectEncoding = CommandDocumentation([key])
}
