/// The arguments of the commands on keys, as COMMAND DOCS describes them.
enum KeySyntax {
    static let del = CommandDocumentation([
        CommandArgument(.key, "key", .multiple, keySpec: 0),
    ])
    static let unlink = CommandDocumentation([
        CommandArgument(.key, "key", .multiple, keySpec: 0),
    ])
    static let exists = CommandDocumentation([
        CommandArgument(.key, "key", .multiple, keySpec: 0),
    ])
    static let touch = CommandDocumentation([
        CommandArgument(.key, "key", .multiple, keySpec: 0),
    ])
    static let type = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let expire = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "seconds"),
        CommandArgument(
            .oneof, "condition", .optional, since: "7.0.0",
            arguments: [
                CommandArgument(.pureToken, "nx", token: "NX"),
                CommandArgument(.pureToken, "xx", token: "XX"),
                CommandArgument(.pureToken, "gt", token: "GT"),
                CommandArgument(.pureToken, "lt", token: "LT"),
            ]),
    ])
    static let pexpire = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "milliseconds"),
        CommandArgument(
            .oneof, "condition", .optional, since: "7.0.0",
            arguments: [
                CommandArgument(.pureToken, "nx", token: "NX"),
                CommandArgument(.pureToken, "xx", token: "XX"),
                CommandArgument(.pureToken, "gt", token: "GT"),
                CommandArgument(.pureToken, "lt", token: "LT"),
            ]),
    ])
    static let expireat = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.unixTime, "unix-time-seconds"),
        CommandArgument(
            .oneof, "condition", .optional, since: "7.0.0",
            arguments: [
                CommandArgument(.pureToken, "nx", token: "NX"),
                CommandArgument(.pureToken, "xx", token: "XX"),
                CommandArgument(.pureToken, "gt", token: "GT"),
                CommandArgument(.pureToken, "lt", token: "LT"),
            ]),
    ])
    static let pexpireat = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.unixTime, "unix-time-milliseconds"),
        CommandArgument(
            .oneof, "condition", .optional, since: "7.0.0",
            arguments: [
                CommandArgument(.pureToken, "nx", token: "NX"),
                CommandArgument(.pureToken, "xx", token: "XX"),
                CommandArgument(.pureToken, "gt", token: "GT"),
                CommandArgument(.pureToken, "lt", token: "LT"),
            ]),
    ])
    static let ttl = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let pttl = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let expiretime = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let pexpiretime = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let persist = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let dump = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let restore = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "ttl"),
        CommandArgument(.string, "serialized-value"),
        CommandArgument(.pureToken, "replace", .optional, token: "REPLACE", since: "3.0.0"),
        CommandArgument(.pureToken, "absttl", .optional, token: "ABSTTL", since: "5.0.0"),
        CommandArgument(.integer, "seconds", .optional, token: "IDLETIME", since: "5.0.0"),
        CommandArgument(.integer, "frequency", .optional, token: "FREQ", since: "5.0.0"),
    ])
    static let rename = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.key, "newkey", keySpec: 1),
    ])
    static let renamenx = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.key, "newkey", keySpec: 1),
    ])
    static let copy = CommandDocumentation([
        CommandArgument(.key, "source", keySpec: 0),
        CommandArgument(.key, "destination", keySpec: 1),
        CommandArgument(.integer, "destination-db", .optional, token: "DB"),
        CommandArgument(.pureToken, "replace", .optional, token: "REPLACE"),
    ])
    static let move = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "db"),
    ])
    static let scan = CommandDocumentation([
        CommandArgument(.integer, "cursor"),
        CommandArgument(.pattern, "pattern", .optional, token: "MATCH"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
        CommandArgument(.string, "type", .optional, token: "TYPE", since: "6.0.0"),
    ])
    static let keys = CommandDocumentation([
        CommandArgument(.pattern, "pattern"),
    ])
    static let objectIdletime = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let objectFreq = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let objectRefcount = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let objectEncoding = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
}
