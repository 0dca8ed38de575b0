/// The arguments of the commands on hashes, as COMMAND DOCS describes them.
enum HashSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let field = CommandArgument(.string, "field")
    private static let value = CommandArgument(.string, "value")

    static let hget = CommandDocumentation([key, field])
    static let hmget = CommandDocumentation([key, CommandArgument(.string, "field", .multiple)])
    static let hlen = CommandDocumentation([key])
    static let hstrlen = CommandDocumentation([key, field])
    static let hexists = CommandDocumentation([key, field])
    static let hgetall = CommandDocumentation([key])
    static let hkeys = CommandDocumentation([key])
    static let hvals = CommandDocumentation([key])
    static let hrandfield = CommandDocumentation([
        key,
        CommandArgument(
            .block, "options", .optional,
            arguments: [
                CommandArgument(.integer, "count"),
                CommandArgument(.pureToken, "withvalues", .optional, token: "WITHVALUES"),
            ]),
    ])
    static let hscan = CommandDocumentation([
        key,
        CommandArgument(.integer, "cursor"),
        CommandArgument(.pattern, "pattern", .optional, token: "MATCH"),
        CommandArgument(.integer, "count", .optional, token: "COUNT"),
        CommandArgument(.pureToken, "novalues", .optional, token: "NOVALUES", since: "7.4.0"),
    ])
    static let hset = CommandDocumentation(
        [key, CommandArgument(.block, "data", .multiple, arguments: [field, value])],
        history: [("4.0.0", "Accepts multiple `field` and `value` arguments.")])
    static let hmset = CommandDocumentation(
        [key, CommandArgument(.block, "data", .multiple, arguments: [field, value])],
        deprecated: ("4.0.0", "`HSET` with multiple field-value pairs"))
    static let hsetnx = CommandDocumentation([key, field, value])
    static let hdel = CommandDocumentation(
        [key, CommandArgument(.string, "field", .multiple)],
        history: [("2.4.0", "Accepts multiple `field` arguments.")])
    static let hincrby = CommandDocumentation([key, field, CommandArgument(.integer, "increment")])
    static let hincrbyfloat = CommandDocumentation([key, field, CommandArgument(.double, "increment")])
}
