/// The arguments of the commands on strings, as COMMAND DOCS describes them.
enum StringSyntax {
    static let get = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let mget = CommandDocumentation([
        CommandArgument(.key, "key", .multiple, keySpec: 0),
    ])
    static let strlen = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let getrange = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "start"),
        CommandArgument(.integer, "end"),
    ])
    static let substr = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "start"),
        CommandArgument(.integer, "end"),
    ], deprecated: ("2.0.0", "`GETRANGE`"))
    static let lcs = CommandDocumentation([
        CommandArgument(.key, "key1", keySpec: 0),
        CommandArgument(.key, "key2", keySpec: 0),
        CommandArgument(.pureToken, "len", .optional, token: "LEN"),
        CommandArgument(.pureToken, "idx", .optional, token: "IDX"),
        CommandArgument(.integer, "len", .optional, token: "MINMATCHLEN"),
        CommandArgument(.pureToken, "withmatchlen", .optional, token: "WITHMATCHLEN"),
    ])
    static let getdel = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let getex = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(
            .oneof, "expiration", .optional,
            arguments: [
                CommandArgument(.integer, "seconds", token: "EX"),
                CommandArgument(.integer, "milliseconds", token: "PX"),
                CommandArgument(.unixTime, "unix-time-seconds", token: "EXAT"),
                CommandArgument(.unixTime, "unix-time-milliseconds", token: "PXAT"),
                CommandArgument(.pureToken, "persist", token: "PERSIST"),
            ]),
    ])
    static let set = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "value"),
        CommandArgument(
            .oneof, "condition", .optional, since: "2.6.12",
            arguments: [
                CommandArgument(.pureToken, "nx", token: "NX"),
                CommandArgument(.pureToken, "xx", token: "XX"),
            ]),
        CommandArgument(.pureToken, "get", .optional, token: "GET", since: "6.2.0"),
        CommandArgument(
            .oneof, "expiration", .optional,
            arguments: [
                CommandArgument(.integer, "seconds", token: "EX", since: "2.6.12"),
                CommandArgument(.integer, "milliseconds", token: "PX", since: "2.6.12"),
                CommandArgument(.unixTime, "unix-time-seconds", token: "EXAT", since: "6.2.0"),
                CommandArgument(.unixTime, "unix-time-milliseconds", token: "PXAT", since: "6.2.0"),
                CommandArgument(.pureToken, "keepttl", token: "KEEPTTL", since: "6.0.0"),
            ]),
    ])
    static let setnx = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "value"),
    ])
    static let setex = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "seconds"),
        CommandArgument(.string, "value"),
    ])
    static let psetex = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "milliseconds"),
        CommandArgument(.string, "value"),
    ])
    static let mset = CommandDocumentation([
        CommandArgument(
            .block, "key_value", .multiple,
            arguments: [
                CommandArgument(.key, "key", keySpec: 0),
                CommandArgument(.string, "value"),
            ]),
    ])
    static let msetnx = CommandDocumentation([
        CommandArgument(
            .block, "key_value", .multiple,
            arguments: [
                CommandArgument(.key, "key", keySpec: 0),
                CommandArgument(.string, "value"),
            ]),
    ])
    static let getset = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "value"),
    ], deprecated: ("6.2.0", "`SET` with the `!GET` argument"))
    static let append = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "value"),
    ])
    static let setrange = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "offset"),
        CommandArgument(.string, "value"),
    ])
    static let incr = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let decr = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
    ])
    static let incrby = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "increment"),
    ])
    static let decrby = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "decrement"),
    ])
    static let incrbyfloat = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.double, "increment"),
    ])
}
