/// The arguments of the commands on sorted sets, as COMMAND DOCS describes them.
enum SortedSetSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let withScores = CommandArgument(
        .pureToken, "withscores", .optional, token: "WITHSCORES")
    private static let limit = CommandArgument(
        .block, "limit", .optional, token: "LIMIT",
        arguments: [CommandArgument(.integer, "offset"), CommandArgument(.integer, "count")])

    static let zcard = CommandDocumentation([key])
    static let zscore = CommandDocumentation([key, CommandArgument(.string, "member")])
    static let zmscore = CommandDocumentation([key, CommandArgument(.string, "member", .multiple)])
    static let zrank = CommandDocumentation(
        [
            key, CommandArgument(.string, "member"),
            CommandArgument(.pureToken, "withscore", .optional, token: "WITHSCORE"),
        ],
        history: [("7.2.0", "Added the optional `WITHSCORE` argument.")])
    static let zrevrank = zrank
    static let zcount = CommandDocumentation([
        key, CommandArgument(.double, "min"), CommandArgument(.double, "max"),
    ])
    static let zlexcount = CommandDocumentation([
        key, CommandArgument(.string, "min"), CommandArgument(.string, "max"),
    ])
    static let zrandmember = CommandDocumentation([
        key,
        CommandArgument(
            .block, "options", .optional,
            arguments: [
                CommandArgument(.integer, "count"),
                CommandArgument(.pureToken, "withscores", .optional, token: "WITHSCORES"),
            ]),
    ])
    static let zscan = CommandDocumentation([
        key,
        CommandArgument(.integer, "cursor"),
        CommandArgument(.pattern, "pattern", .optional, token: "MATCH"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
    ])

    // MARK: Ranges

    static let zrange = CommandDocumentation(
        [
            key, CommandArgument(.string, "start"), CommandArgument(.string, "stop"),
            CommandArgument(
                .oneof, "sortby", .optional, since: "6.2.0",
                arguments: [
                    CommandArgument(.pureToken, "byscore", token: "BYSCORE"),
                    CommandArgument(.pureToken, "bylex", token: "BYLEX"),
                ]),
            CommandArgument(.pureToken, "rev", .optional, token: "REV", since: "6.2.0"),
            CommandArgument(
                .block, "limit", .optional, token: "LIMIT", since: "6.2.0",
                arguments: [CommandArgument(.integer, "offset"), CommandArgument(.integer, "count")]),
            withScores,
        ],
        history: [("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
    static let zrevrange = CommandDocumentation(
        [key, CommandArgument(.integer, "start"), CommandArgument(.integer, "stop"), withScores],
        deprecated: ("6.2.0", "`ZRANGE` with the `REV` argument"))
    static let zrangebyscore = CommandDocumentation(
        [
            key, CommandArgument(.double, "min"), CommandArgument(.double, "max"),
            CommandArgument(.pureToken, "withscores", .optional, token: "WITHSCORES", since: "2.0.0"), limit,
        ],
        history: [("2.0.0", "Added the `WITHSCORES` modifier.")],
        deprecated: ("6.2.0", "`ZRANGE` with the `BYSCORE` argument"))
    static let zrevrangebyscore = CommandDocumentation(
        [
            key, CommandArgument(.double, "max"), CommandArgument(.double, "min"), withScores, limit,
        ],
        history: [("2.1.6", "`min` and `max` can be exclusive.")],
        deprecated: ("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"))
    static let zrangebylex = CommandDocumentation(
        [key, CommandArgument(.string, "min"), CommandArgument(.string, "max"), limit],
        deprecated: ("6.2.0", "`ZRANGE` with the `BYLEX` argument"))
    static let zrevrangebylex = CommandDocumentation(
        [key, CommandArgument(.string, "max"), CommandArgument(.string, "min"), limit],
        deprecated: ("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"))
    static let zrangestore = CommandDocumentation([
        CommandArgument(.key, "dst", keySpec: 0),
        CommandArgument(.key, "src", keySpec: 1),
        CommandArgument(.string, "min"),
        CommandArgument(.string, "max"),
        CommandArgument(
            .oneof, "sortby", .optional,
            arguments: [
                CommandArgument(.pureToken, "byscore", token: "BYSCORE"),
                CommandArgument(.pureToken, "bylex", token: "BYLEX"),
            ]),
        CommandArgument(.pureToken, "rev", .optional, token: "REV"),
        limit,
    ])

    // MARK: Changes

    static let zadd = CommandDocumentation(
        [
            key,
            CommandArgument(
                .oneof, "condition", .optional, since: "3.0.2",
                arguments: [
                    CommandArgument(.pureToken, "nx", token: "NX"),
                    CommandArgument(.pureToken, "xx", token: "XX"),
                ]),
            CommandArgument(
                .oneof, "comparison", .optional, since: "6.2.0",
                arguments: [
                    CommandArgument(.pureToken, "gt", token: "GT"),
                    CommandArgument(.pureToken, "lt", token: "LT"),
                ]),
            CommandArgument(.pureToken, "change", .optional, token: "CH", since: "3.0.2"),
            CommandArgument(.pureToken, "increment", .optional, token: "INCR", since: "3.0.2"),
            CommandArgument(
                .block, "data", .multiple,
                arguments: [CommandArgument(.double, "score"), CommandArgument(.string, "member")]),
        ],
        history: [
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ])
    static let zincrby = CommandDocumentation([
        key, CommandArgument(.integer, "increment"), CommandArgument(.string, "member"),
    ])
    static let zrem = CommandDocumentation(
        [key, CommandArgument(.string, "member", .multiple)],
        history: [("2.4.0", "Accepts multiple elements.")])
    static let zremrangebyrank = CommandDocumentation([
        key, CommandArgument(.integer, "start"), CommandArgument(.integer, "stop"),
    ])
    static let zremrangebyscore = zcount
    static let zremrangebylex = zlexcount
    static let zpopmin = CommandDocumentation([key, CommandArgument(.integer, "count", .optional)])
    static let zpopmax = zpopmin
    private static let poppedFrom: [CommandArgument] = [
        CommandArgument(.integer, "numkeys"),
        CommandArgument(.key, "key", .multiple, keySpec: 0),
        CommandArgument(
            .oneof, "where",
            arguments: [
                CommandArgument(.pureToken, "min", token: "MIN"),
                CommandArgument(.pureToken, "max", token: "MAX"),
            ]),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
    ]
    static let zmpop = CommandDocumentation(poppedFrom)

    // MARK: Several sets

    private static let numkeys = CommandArgument(.integer, "numkeys")
    private static let destination = CommandArgument(.key, "destination", keySpec: 0)
    private static let weights = CommandArgument(.integer, "weight", [.optional, .multiple], token: "WEIGHTS")
    private static let aggregate = CommandArgument(
        .oneof, "aggregate", .optional, token: "AGGREGATE",
        arguments: [
            CommandArgument(.pureToken, "sum", token: "SUM"), CommandArgument(.pureToken, "min", token: "MIN"),
            CommandArgument(.pureToken, "max", token: "MAX"),
        ])

    /// The keys behind their number; `keySpec` finds them.
    private static func keys(_ keySpec: Int) -> CommandArgument {
        CommandArgument(.key, "key", .multiple, keySpec: keySpec)
    }

    /// ZUNION and ZINTER.
    static let zunion = CommandDocumentation([numkeys, keys(0), weights, aggregate, withScores])
    static let zdiff = CommandDocumentation([numkeys, keys(0), withScores])
    static let zintercard = CommandDocumentation([
        numkeys, keys(0), CommandArgument(.integer, "limit", .optional, token: "LIMIT"),
    ])
    /// ZUNIONSTORE and ZINTERSTORE.
    static let zunionstore = CommandDocumentation([destination, numkeys, keys(1), weights, aggregate])
    static let zdiffstore = CommandDocumentation([destination, numkeys, keys(1)])

    private static let timeout = CommandArgument(.double, "timeout")
    static let bzpopmin = CommandDocumentation(
        [CommandArgument(.key, "key", .multiple, keySpec: 0), timeout],
        history: [("6.0.0", "`timeout` is interpreted as a double instead of an integer.")])
    static let bzpopmax = bzpopmin
    static let bzmpop = CommandDocumentation([timeout] + poppedFrom)
}
