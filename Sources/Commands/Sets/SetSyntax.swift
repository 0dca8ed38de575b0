/// The arguments of the commands on sets, as COMMAND DOCS describes them.
enum SetSyntax {
    static let key = CommandDocumentation([CommandArgument(.key, "key", keySpec: 0)])
    static let keys = CommandDocumentation([CommandArgument(.key, "key", .multiple, keySpec: 0)])
    /// SADD and SREM.
    static let members = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "member", .multiple),
    ], history: [("2.4.0", "Accepts multiple `member` arguments.")])
    static let sismember = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "member"),
    ])
    static let smismember = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.string, "member", .multiple),
    ])
    static let spop = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "count", .optional, since: "3.2.0"),
    ], history: [("3.2.0", "Added the `count` argument.")])
    static let srandmember = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "count", .optional, since: "2.6.0"),
    ], history: [("2.6.0", "Added the optional `count` argument.")])
    static let smove = CommandDocumentation([
        CommandArgument(.key, "source", keySpec: 0),
        CommandArgument(.key, "destination", keySpec: 1),
        CommandArgument(.string, "member"),
    ])
    static let sintercard = CommandDocumentation([
        CommandArgument(.integer, "numkeys"),
        CommandArgument(.key, "key", .multiple, keySpec: 0),
        CommandArgument(.integer, "limit", .optional, token: "LIMIT"),
    ])
    /// SINTERSTORE, SUNIONSTORE, SDIFFSTORE.
    static let store = CommandDocumentation([
        CommandArgument(.key, "destination", keySpec: 0),
        CommandArgument(.key, "key", .multiple, keySpec: 1),
    ])
    static let sscan = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "cursor"),
        CommandArgument(.pattern, "pattern", .optional, token: "MATCH"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
    ])
}
