/// The arguments of the commands on streams, as COMMAND DOCS describes them.
enum StreamSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let ids = CommandArgument(.string, "id", .multiple)
    private static let start = CommandArgument(.string, "start")
    private static let end = CommandArgument(.string, "end")
    private static let count = CommandArgument(.integer, "count", .optional, token: "COUNT")
    private static let group = CommandArgument(.string, "group")
    private static let groupName = CommandArgument(.string, "groupname")
    private static let consumer = CommandArgument(.string, "consumer")
    private static let leastIdle = CommandArgument(.string, "min-idle-time")
    private static let justIDs = CommandArgument(.pureToken, "justid", .optional, token: "JUSTID")

    private static func trim(_ flags: CommandArgument.Flags) -> CommandArgument {
        CommandArgument(
            .block, "trim", flags,
            arguments: [
                CommandArgument(
                    .oneof, "strategy",
                    arguments: [
                        CommandArgument(.pureToken, "maxlen", token: "MAXLEN"),
                        CommandArgument(.pureToken, "minid", token: "MINID", since: "6.2.0"),
                    ]),
                CommandArgument(
                    .oneof, "operator", .optional,
                    arguments: [
                        CommandArgument(.pureToken, "equal", token: "="),
                        CommandArgument(.pureToken, "approximately", token: "~"),
                    ]),
                CommandArgument(.string, "threshold"),
                CommandArgument(.integer, "count", .optional, token: "LIMIT", since: "6.2.0"),
            ])
    }

    private static let streams = CommandArgument(
        .block, "streams", token: "STREAMS",
        arguments: [CommandArgument(.key, "key", .multiple, keySpec: 0), ids])
    private static let block = CommandArgument(.integer, "milliseconds", .optional, token: "BLOCK")

    // MARK: Entries

    static let xadd = CommandDocumentation(
        [
            key,
            CommandArgument(.pureToken, "nomkstream", .optional, token: "NOMKSTREAM", since: "6.2.0"),
            trim(.optional),
            CommandArgument(
                .oneof, "id_or_auto",
                arguments: [
                    CommandArgument(.pureToken, "auto_id", token: "*"), CommandArgument(.string, "id"),
                ]),
            CommandArgument(
                .block, "field_value", .multiple,
                arguments: [CommandArgument(.string, "field"), CommandArgument(.string, "value")]),
        ],
        history: [
            ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
            ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
        ])
    static let xlen = CommandDocumentation([key])
    static let xrange = CommandDocumentation(
        [key, start, end, count], history: [("6.2.0", "Added exclusive ranges.")])
    static let xrevrange = CommandDocumentation(
        [key, end, start, count], history: [("6.2.0", "Added exclusive ranges.")])
    static let xdel = CommandDocumentation([key, ids])
    static let xtrim = CommandDocumentation(
        [key, trim([])], history: [("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")])
    static let xread = CommandDocumentation([count, block, streams])
    static let xsetid = CommandDocumentation(
        [
            key, CommandArgument(.string, "last-id"),
            CommandArgument(.integer, "entries_added", .optional, token: "ENTRIESADDED", since: "7.0.0"),
            CommandArgument(.string, "max_deleted_entry_id", .optional, token: "MAXDELETEDID", since: "7.0.0"),
        ],
        history: [("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")])

    // MARK: Groups

    static let xreadgroup = CommandDocumentation([
        CommandArgument(.block, "group_consumer", token: "GROUP", arguments: [group, consumer]), count, block,
        CommandArgument(.pureToken, "noack", .optional, token: "NOACK"), streams,
    ])
    static let xack = CommandDocumentation([key, group, ids])
    static let xpending = CommandDocumentation(
        [
            key, group,
            CommandArgument(
                .block, "filters", .optional,
                arguments: [
                    CommandArgument(.integer, "min-idle-time", .optional, token: "IDLE", since: "6.2.0"), start, end,
                    CommandArgument(.integer, "count"), CommandArgument(.string, "consumer", .optional),
                ]),
        ],
        history: [("6.2.0", "Added the `IDLE` option and exclusive range intervals.")])
    static let xclaim = CommandDocumentation([
        key, group, consumer, leastIdle, ids,
        CommandArgument(.integer, "ms", .optional, token: "IDLE"),
        CommandArgument(.unixTime, "unix-time-milliseconds", .optional, token: "TIME"),
        CommandArgument(.integer, "count", .optional, token: "RETRYCOUNT"),
        CommandArgument(.pureToken, "force", .optional, token: "FORCE"), justIDs,
        CommandArgument(.string, "id", .optional, token: "LASTID"),
    ])
    static let xautoclaim = CommandDocumentation(
        [key, group, consumer, leastIdle, start, count, justIDs],
        history: [
            ("7.0.0", "Added an element to the reply array, containing deleted entries the command cleared from the PEL")
        ])

    private static let newID = CommandArgument(
        .oneof, "id",
        arguments: [CommandArgument(.string, "id"), CommandArgument(.pureToken, "new_id", token: "$")])
    private static let entriesRead = CommandArgument(.integer, "entries_read", .optional, token: "ENTRIESREAD")

    static let groupCreate = CommandDocumentation(
        [
            key, groupName, newID, CommandArgument(.pureToken, "mkstream", .optional, token: "MKSTREAM"), entriesRead,
        ],
        history: [("7.0.0", "Added the `entries_read` named argument.")])
    static let groupSetID = CommandDocumentation(
        [key, groupName, newID, entriesRead], history: [("7.0.0", "Added the optional `entries_read` argument.")])
    static let groupDestroy = CommandDocumentation([key, groupName])
    static let groupConsumer = CommandDocumentation([key, groupName, CommandArgument(.string, "consumername")])

    static let infoStream = CommandDocumentation(
        [key, CommandArgument(.block, "full", .optional, token: "FULL", arguments: [count])],
        history: [
            ("6.0.0", "Added the `FULL` modifier."),
            (
                "7.0.0",
                """
                Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and \
                `lag` fields
                """
            ),
            ("7.2.0", "Added the `active-time` field, and changed the meaning of `seen-time`."),
        ])
    static let infoGroups = CommandDocumentation(
        [key], history: [("7.0.0", "Added the `entries-read` and `lag` fields")])
    static let infoConsumers = CommandDocumentation(
        [key, groupName], history: [("7.2.0", "Added the `inactive` field, and changed the meaning of `idle`.")])
}
