/// The arguments of SORT and SORT_RO, as COMMAND DOCS describes them.
enum SortSyntax {
    static let sort = CommandDocumentation(
        common + [CommandArgument(.key, "destination", .optional, token: "STORE", keySpec: 2)])
    static let sortReadOnly = CommandDocumentation(common)

    private static let common = [
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.pattern, "by-pattern", .optional, token: "BY", keySpec: 1),
        CommandArgument(
            .block, "limit", .optional, token: "LIMIT",
            arguments: [CommandArgument(.integer, "offset"), CommandArgument(.integer, "count")]),
        CommandArgument(.pattern, "get-pattern", [.optional, .multiple, .multipleToken], token: "GET", keySpec: 1),
        CommandArgument(
            .oneof, "order", .optional,
            arguments: [
                CommandArgument(.pureToken, "asc", token: "ASC"), CommandArgument(.pureToken, "desc", token: "DESC"),
            ]),
        CommandArgument(.pureToken, "sorting", .optional, token: "ALPHA"),
    ]
}
