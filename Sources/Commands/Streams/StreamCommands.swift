/// The commands on streams and their consumer groups.
///
/// A row names the function that it stands for: see StreamWrites, StreamReads, StreamGroups, StreamPending, StreamInfo.
public enum StreamCommands {
    public static let rows: [CommandRow] = entries + groups + containers

    private static func streams(startFrom start: Int) -> KeySpec {
        KeySpec(
            [.readOnly, .access], .keyword("STREAMS", startFrom: start), .range(last: -1, step: 1, limit: 2))
    }

    private static let entries: [CommandRow] = [
        CommandRow(
            "xadd", arity: -5, [.write, .denyOOM, .fast], [.write, .stream, .fast], group: .stream,
            keys: [
                .one(
                    [.readWrite, .update],
                    notes: "UPDATE instead of INSERT because of the optional trimming feature")
            ],
            since: "5.0.0",
            summary: "Appends an entry to a stream; makes the stream if there is none.",
            complexity: "O(log(N)) for N entries, and O(M) for M that are trimmed",
            tips: ["nondeterministic_output"],
            documentation: StreamSyntax.xadd, xadd),
        CommandRow(
            "xlen", arity: 2, [.readOnly, .fast], [.read, .stream, .fast], group: .stream,
            keys: [.one(.readOnly)],
            since: "5.0.0",
            summary: "Counts the entries of a stream.",
            complexity: "O(1)",
            documentation: StreamSyntax.xlen, xlen),
        CommandRow(
            "xrange", arity: -4, .readOnly, [.read, .stream, .slow], group: .stream,
            keys: [.one([.readOnly, .access])],
            since: "5.0.0",
            summary: "Returns the entries between two IDs.",
            complexity: "O(log(N)+M) for M of N entries",
            documentation: StreamSyntax.xrange, xrange),
        CommandRow(
            "xrevrange", arity: -4, .readOnly, [.read, .stream, .slow], group: .stream,
            keys: [.one([.readOnly, .access])],
            since: "5.0.0",
            summary: "Returns the entries between two IDs, the last first.",
            complexity: "O(log(N)+M) for M of N entries",
            documentation: StreamSyntax.xrevrange, xrevrange),
        CommandRow(
            "xdel", arity: -3, [.write, .fast], [.write, .stream, .fast], group: .stream,
            keys: [.one([.readWrite, .delete])],
            since: "5.0.0",
            summary: "Removes entries, and says how many.",
            complexity: "O(log(N)) for each of N entries",
            documentation: StreamSyntax.xdel, xdel),
        CommandRow(
            "xtrim", arity: -4, .write, [.write, .stream, .slow], group: .stream,
            keys: [.one([.readWrite, .delete])],
            since: "5.0.0",
            summary: "Removes the entries at the front that are too many or too old.",
            complexity: "O(M) for M entries removed; entries go by the page",
            tips: ["nondeterministic_output"],
            documentation: StreamSyntax.xtrim, xtrim),
        CommandRow(
            "xsetid", arity: -3, [.write, .denyOOM, .fast], [.write, .stream, .fast], group: .stream,
            keys: [.one([.readWrite, .update])],
            since: "5.0.0",
            summary: "Sets the last ID of a stream, for internal use.",
            complexity: "O(1)",
            documentation: StreamSyntax.xsetid, xsetid),
        CommandRow(
            "xread", arity: -4, [.readOnly, .blocking, .movableKeys], [.read, .stream, .slow, .blocking], group: .stream,
            keys: [streams(startFrom: 1)], plan: .custom(planRead),
            since: "5.0.0",
            summary: "Returns the entries of streams that are behind given IDs.",
            complexity: "O(log(N)+M) for each stream, M of N entries",
            documentation: StreamSyntax.xread, xread),
    ]

    private static let groups: [CommandRow] = [
        CommandRow(
            "xreadgroup", arity: -7, [.write, .blocking, .movableKeys], [.write, .stream, .slow, .blocking], group: .stream,
            keys: [streams(startFrom: 4)], plan: .custom(planRead),
            since: "5.0.0",
            summary: "Gives a consumer entries of streams: new ones, or those that it has not acknowledged.",
            complexity: "O(log(N)+M) for each stream, M of N entries",
            documentation: StreamSyntax.xreadgroup, xreadgroup),
        CommandRow(
            "xack", arity: -4, [.write, .fast], [.write, .stream, .fast], group: .stream,
            keys: [.one([.readWrite, .update])],
            since: "5.0.0",
            summary: "Acknowledges entries, and says how many were to be.",
            complexity: "O(log(N)) for each of N pending entries",
            documentation: StreamSyntax.xack, xack),
        CommandRow(
            "xpending", arity: -3, .readOnly, [.read, .stream, .slow], group: .stream,
            keys: [.one([.readOnly, .access])],
            since: "5.0.0",
            summary: "Shows what was given to consumers and not acknowledged.",
            complexity: "O(log(N)+M) for M of N pending entries",
            tips: ["nondeterministic_output"],
            documentation: StreamSyntax.xpending, xpending),
        CommandRow(
            "xclaim", arity: -6, [.write, .fast], [.write, .stream, .fast], group: .stream,
            keys: [.one([.readWrite, .update])],
            since: "5.0.0",
            summary: "Gives a consumer entries that another has not acknowledged.",
            complexity: "O(log(N)) for each of N pending entries",
            tips: ["nondeterministic_output"],
            documentation: StreamSyntax.xclaim, xclaim),
        CommandRow(
            "xautoclaim", arity: -6, [.write, .fast], [.write, .stream, .fast], group: .stream,
            keys: [.one([.readWrite, .delete])],
            since: "6.2.0",
            summary: "Gives a consumer the entries that others have not acknowledged for some time.",
            complexity: "O(1) for a small COUNT",
            tips: ["nondeterministic_output"],
            documentation: StreamSyntax.xautoclaim, xautoclaim),
    ]

    private static let containers: [CommandRow] = [
        CommandRow(
            "xgroup", arity: -2, [], .slow, group: .stream, since: "5.0.0",
            summary: "Manages the consumer groups of a stream.", complexity: "See the subcommands.",
            subcommands: [
                CommandRow(
                    "create", arity: -5, [.write, .denyOOM], [.write, .stream, .slow], group: .stream,
                    keys: [.one([.readWrite, .insert], at: 2)],
                    since: "5.0.0",
                    summary: "Makes a consumer group.",
                    complexity: "O(1)",
                    documentation: StreamSyntax.groupCreate, groupCreate),
                CommandRow(
                    "setid", arity: -5, .write, [.write, .stream, .slow], group: .stream,
                    keys: [.one([.readWrite, .update], at: 2)],
                    since: "5.0.0",
                    summary: "Sets the ID up to which a group has read.",
                    complexity: "O(1)",
                    documentation: StreamSyntax.groupSetID, groupSetID),
                CommandRow(
                    "destroy", arity: 4, .write, [.write, .stream, .slow], group: .stream,
                    keys: [.one([.readWrite, .delete], at: 2)],
                    since: "5.0.0",
                    summary: "Removes a group.",
                    complexity: "O(N) for N pending entries",
                    documentation: StreamSyntax.groupDestroy, groupDestroy),
                CommandRow(
                    "createconsumer", arity: 5, [.write, .denyOOM], [.write, .stream, .slow], group: .stream,
                    keys: [.one([.readWrite, .insert], at: 2)],
                    since: "6.2.0",
                    summary: "Makes a consumer of a group.",
                    complexity: "O(1)",
                    documentation: StreamSyntax.groupConsumer, groupCreateConsumer),
                CommandRow(
                    "delconsumer", arity: 5, .write, [.write, .stream, .slow], group: .stream,
                    keys: [.one([.readWrite, .delete], at: 2)],
                    since: "5.0.0",
                    summary: "Removes a consumer of a group.",
                    complexity: "O(N) for N entries that it has pending",
                    documentation: StreamSyntax.groupConsumer, groupDeleteConsumer),
                CommandRow(
                    "help", arity: 2, [.loading, .stale], [.stream, .slow], group: .stream, since: "5.0.0",
                    summary: "Lists the subcommands.", complexity: "O(1)", groupHelp),
            ]),
        CommandRow(
            "xinfo", arity: -2, [], .slow, group: .stream, since: "5.0.0",
            summary: "Shows streams, their groups and consumers.", complexity: "See the subcommands.",
            subcommands: [
                CommandRow(
                    "stream", arity: -3, .readOnly, [.read, .stream, .slow], group: .stream,
                    keys: [.one([.readOnly, .access], at: 2)],
                    since: "5.0.0",
                    summary: "Shows a stream.",
                    complexity: "O(P) for P pages, and what FULL shows",
                    documentation: StreamSyntax.infoStream, infoStream),
                CommandRow(
                    "groups", arity: 3, .readOnly, [.read, .stream, .slow], group: .stream,
                    keys: [.one([.readOnly, .access], at: 2)],
                    since: "5.0.0",
                    summary: "Shows the groups of a stream.",
                    complexity: "O(N) for N groups",
                    documentation: StreamSyntax.infoGroups, infoGroups),
                CommandRow(
                    "consumers", arity: 4, .readOnly, [.read, .stream, .slow], group: .stream,
                    keys: [.one([.readOnly, .access], at: 2)],
                    since: "5.0.0",
                    summary: "Shows the consumers of a group.",
                    complexity: "O(N) for N consumers",
                    tips: ["nondeterministic_output"],
                    documentation: StreamSyntax.infoConsumers, infoConsumers),
                CommandRow(
                    "help", arity: 2, [.loading, .stale], [.stream, .slow], group: .stream, since: "5.0.0",
                    summary: "Lists the subcommands.", complexity: "O(1)", infoHelp),
            ]),
    ]
}
