/// The arguments of the commands on lists, as COMMAND DOCS describes them.
enum ListSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let range = CommandDocumentation([
        key, CommandArgument(.integer, "start"), CommandArgument(.integer, "stop"),
    ])
    private static func end(_ name: StaticString) -> CommandArgument {
        CommandArgument(
            .oneof, name,
            arguments: [
                CommandArgument(.pureToken, "left", token: "LEFT"),
                CommandArgument(.pureToken, "right", token: "RIGHT"),
            ])
    }

    static let llen = CommandDocumentation([key])
    static let lindex = CommandDocumentation([key, CommandArgument(.integer, "index")])
    static let lrange = range
    static let ltrim = range
    static let lpos = CommandDocumentation([
        key,
        CommandArgument(.string, "element"),
        CommandArgument(.integer, "rank", .optional, token: "RANK"),
        CommandArgument(.integer, "num-matches", .optional, token: "COUNT"),
        CommandArgument(.integer, "len", .optional, token: "MAXLEN"),
    ])
    static let lpush = CommandDocumentation(
        [key, CommandArgument(.string, "element", .multiple)],
        history: [("2.4.0", "Accepts multiple `element` arguments.")])
    static let rpush = lpush
    static let lpushx = CommandDocumentation(
        [key, CommandArgument(.string, "element", .multiple)],
        history: [("4.0.0", "Accepts multiple `element` arguments.")])
    static let rpushx = lpushx
    static let linsert = CommandDocumentation([
        key,
        CommandArgument(
            .oneof, "where",
            arguments: [
                CommandArgument(.pureToken, "before", token: "BEFORE"),
                CommandArgument(.pureToken, "after", token: "AFTER"),
            ]),
        CommandArgument(.string, "pivot"),
        CommandArgument(.string, "element"),
    ])
    static let lset = CommandDocumentation([
        key, CommandArgument(.integer, "index"), CommandArgument(.string, "element"),
    ])
    static let lpop = CommandDocumentation(
        [key, CommandArgument(.integer, "count", .optional, since: "6.2.0")],
        history: [("6.2.0", "Added the `count` argument.")])
    static let rpop = lpop
    static let lrem = CommandDocumentation([
        key, CommandArgument(.integer, "count"), CommandArgument(.string, "element"),
    ])
    private static let poppedFrom: [CommandArgument] = [
        CommandArgument(.integer, "numkeys"),
        CommandArgument(.key, "key", .multiple, keySpec: 0),
        end("where"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
    ]
    static let lmpop = CommandDocumentation(poppedFrom)
    private static let moved: [CommandArgument] = [
        CommandArgument(.key, "source", keySpec: 0),
        CommandArgument(.key, "destination", keySpec: 1),
        end("wherefrom"),
        end("whereto"),
    ]
    static let lmove = CommandDocumentation(moved)
    static let rpoplpush = CommandDocumentation(
        [
            CommandArgument(.key, "source", keySpec: 0),
            CommandArgument(.key, "destination", keySpec: 1),
        ], deprecated: ("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"))

    private static let timeout = CommandArgument(.double, "timeout")
    private static let doubles: [(StaticString, StaticString)] = [
        ("6.0.0", "`timeout` is interpreted as a double instead of an integer.")
    ]
    static let blpop = CommandDocumentation(
        [CommandArgument(.key, "key", .multiple, keySpec: 0), timeout], history: doubles)
    static let brpop = blpop
    static let blmpop = CommandDocumentation([timeout] + poppedFrom)
    static let blmove = CommandDocumentation(moved + [timeout])
    static let brpoplpush = CommandDocumentation(
        [
            CommandArgument(.key, "source", keySpec: 0),
            CommandArgument(.key, "destination", keySpec: 1),
            timeout,
        ], history: doubles, deprecated: ("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"))
}
