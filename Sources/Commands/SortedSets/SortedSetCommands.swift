/// The commands on sorted sets, without those that block.
///
/// A row names the function that it stands for: see SortedSetReads, SortedSetRanges, SortedSetAdditions,
/// SortedSetRemovals, and for those that combine several SortedSetAlgebra.
public enum SortedSetCommands {
    public static let rows: [CommandRow] = reading + ranges + changing + blocking + combining + storing

    private static let reading: [CommandRow] = [
        CommandRow(
            "zcard", arity: 2, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly])],
            plan: .specified(.presence),
            since: "1.2.0",
            summary: "Counts the members of a sorted set.",
            complexity: "O(1)",
            documentation: SortedSetSyntax.zcard, zcard),
        CommandRow(
            "zscore", arity: 3, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.element),
            since: "1.2.0",
            summary: "Returns the score of a member.",
            complexity: "O(1)",
            documentation: SortedSetSyntax.zscore, zscore),
        CommandRow(
            "zmscore", arity: -3, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.elements),
            since: "6.2.0",
            summary: "Returns the scores of several members.",
            complexity: "O(N) for N members",
            documentation: SortedSetSyntax.zmscore, zmscore),
        CommandRow(
            "zrank", arity: -3, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.rank),
            since: "2.0.0",
            summary: "Returns the number of a member in the order of scores.",
            complexity: "O(log(N)) for N elements",
            documentation: SortedSetSyntax.zrank, zrank),
        CommandRow(
            "zrevrank", arity: -3, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.rank),
            since: "2.0.0",
            summary: "Returns the number of a member in the order of scores, counted from the highest.",
            complexity: "O(log(N)) for N elements",
            documentation: SortedSetSyntax.zrevrank, zrevrank),
        CommandRow(
            "zcount", arity: 4, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.count(.scores)),
            since: "2.0.0",
            summary: "Counts the members whose scores lie between two bounds.",
            complexity: "O(log(N)) for N elements",
            documentation: SortedSetSyntax.zcount, zcount),
        CommandRow(
            "zlexcount", arity: 4, [.readOnly, .fast], [.read, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.count(.members)),
            since: "2.8.9",
            summary: "Counts the members between two others, all scores being the same.",
            complexity: "O(log(N)) for N elements",
            documentation: SortedSetSyntax.zlexcount, zlexcount),
        CommandRow(
            "zrandmember", arity: -2, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            since: "6.2.0",
            summary: "Returns members drawn at random.",
            complexity: "O(M*log(N)) for M of N elements", tips: ["nondeterministic_output"],
            documentation: SortedSetSyntax.zrandmember, zrandmember),
        CommandRow(
            "zscan", arity: -3, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.scan),
            since: "2.8.0",
            summary: "Goes through the members and their scores, some in each call.",
            complexity: "O(COUNT) for a call, O(N) for all calls together, N elements",
            tips: ["nondeterministic_output"],
            documentation: SortedSetSyntax.zscan, zscan),
    ]

    private static let ranges: [CommandRow] = [
        CommandRow(
            "zrange", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrange)),
            since: "1.2.0",
            summary: "Returns the members in a range of ranks, scores or names.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrange, zrange),
        CommandRow(
            "zrevrange", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrevrange)),
            since: "1.2.0",
            summary: "Returns the members in a range of ranks, the highest score first.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrevrange, zrevrange),
        CommandRow(
            "zrangebyscore", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrangebyscore)),
            since: "1.0.5",
            summary: "Returns the members whose scores lie between two bounds.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrangebyscore, zrangebyscore),
        CommandRow(
            "zrevrangebyscore", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrevrangebyscore)),
            since: "2.2.0",
            summary: "Returns the members whose scores lie between two bounds, the highest first.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrevrangebyscore, zrevrangebyscore),
        CommandRow(
            "zrangebylex", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrangebylex)),
            since: "2.8.9",
            summary: "Returns the members between two others, all scores being the same.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrangebylex, zrangebylex),
        CommandRow(
            "zrevrangebylex", arity: -4, .readOnly, [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.range(.zrevrangebylex)),
            since: "2.8.9",
            summary: "Returns the members between two others, backwards, all scores being the same.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zrevrangebylex, zrevrangebylex),
        CommandRow(
            "zrangestore", arity: -5, [.write, .denyOOM], [.write, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.overwrite, .update]), .one([.readOnly, .access], at: 2)],
            plan: .custom(keysOfRangestore),
            since: "6.2.0",
            summary: "Stores the members in a range of ranks, scores or names under another key.",
            complexity: "O(log(N)+M*log(M)) for M of N elements",
            documentation: SortedSetSyntax.zrangestore, zrangestore),
    ]

    private static let changing: [CommandRow] = [
        CommandRow(
            "zadd", arity: -4, [.write, .denyOOM, .fast], [.write, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readWrite, .update])],
            plan: .specified(.additions),
            since: "1.2.0",
            summary: "Gives members their scores; options make it conditional.",
            complexity: "O(log(N)) for each member, N elements",
            documentation: SortedSetSyntax.zadd, zadd),
        CommandRow(
            "zincrby", arity: 4, [.write, .denyOOM, .fast], [.write, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readWrite, .access, .update])],
            plan: .specified(.increment),
            since: "1.2.0",
            summary: "Adds a number to the score of a member; a missing one counts as 0.",
            complexity: "O(log(N)) for N elements",
            documentation: SortedSetSyntax.zincrby, zincrby),
        CommandRow(
            "zrem", arity: -3, [.write, .fast], [.write, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readWrite, .delete])],
            plan: .specified(.removals),
            since: "1.2.0",
            summary: "Removes members.",
            complexity: "O(M*log(N)) for M of N elements",
            documentation: SortedSetSyntax.zrem, zrem),
        CommandRow(
            "zremrangebyrank", arity: 4, .write, [.write, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readWrite, .delete])],
            plan: .specified(.cut(.ranks)),
            since: "2.0.0",
            summary: "Removes the members in a range of ranks.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zremrangebyrank, zremrangebyrank),
        CommandRow(
            "zremrangebyscore", arity: 4, .write, [.write, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readWrite, .delete])],
            plan: .specified(.cut(.scores)),
            since: "1.2.0",
            summary: "Removes the members whose scores lie between two bounds.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zremrangebyscore, zremrangebyscore),
        CommandRow(
            "zremrangebylex", arity: 4, .write, [.write, .sortedSet, .slow], group: .sortedSet,
            keys: [.one([.readWrite, .delete])],
            plan: .specified(.cut(.members)),
            since: "2.8.9",
            summary: "Removes the members between two others, all scores being the same.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zremrangebylex, zremrangebylex),
        CommandRow(
            "zpopmin", arity: -2, [.write, .fast], [.write, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readWrite, .access, .delete])],
            plan: .deciding { .pops(first: popped($0), last: 0) },
            since: "5.0.0",
            summary: "Removes and returns the members with the lowest scores.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zpopmin, zpopmin),
        CommandRow(
            "zpopmax", arity: -2, [.write, .fast], [.write, .sortedSet, .fast], group: .sortedSet,
            keys: [.one([.readWrite, .access, .delete])],
            plan: .deciding { .pops(first: 0, last: popped($0)) },
            since: "5.0.0",
            summary: "Removes and returns the members with the highest scores.",
            complexity: "O(log(N)+M) for M of N elements",
            documentation: SortedSetSyntax.zpopmax, zpopmax),
        CommandRow(
            "zmpop", arity: -4, [.write, .movableKeys], [.write, .sortedSet, .slow], group: .sortedSet,
            keys: [
                KeySpec([.readWrite, .access, .delete], .index(1), .count(index: 0, first: 1, step: 1))
            ],
            plan: .deciding { poppedFirst($0) },
            since: "7.0.0",
            summary: "Removes and returns the members at one end of the first of several sorted sets that has any.",
            complexity: "O(K)+O(log(N)+M) for K keys, M of N elements",
            documentation: SortedSetSyntax.zmpop, zmpop),
    ]

    /// A count and so many keys.
    private static func numberedKeys(at index: Int) -> KeySpec {
        KeySpec([.readOnly, .access], .index(index), .count(index: 0, first: 1, step: 1))
    }

    private static let storeKeys: [KeySpec] = [.one([.overwrite, .update]), numberedKeys(at: 2)]

    private static let combining: [CommandRow] = [
        CommandRow(
            "zunion", arity: -3, [.readOnly, .movableKeys], [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [numberedKeys(at: 1)],
            since: "6.2.0",
            summary: "Returns the members of all of several sorted sets, with combined scores.",
            complexity: "O(N)+O(M*log(M)) for N members in all inputs and M in the result",
            documentation: SortedSetSyntax.zunion, zunion),
        CommandRow(
            "zinter", arity: -3, [.readOnly, .movableKeys], [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [numberedKeys(at: 1)],
            since: "6.2.0",
            summary: "Returns the members that several sorted sets have in common, with combined scores.",
            complexity: "O(N*K)+O(M*log(M)) for N members of the smallest of K inputs and M in the result",
            documentation: SortedSetSyntax.zunion, zinter),
        CommandRow(
            "zdiff", arity: -3, [.readOnly, .movableKeys], [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [numberedKeys(at: 1)],
            since: "6.2.0",
            summary: "Returns the members of the first of several sorted sets that no other has.",
            complexity: "O(L+(N-K)*log(N)) for L members in all inputs, N in the first and K in the result",
            documentation: SortedSetSyntax.zdiff, zdiff),
        CommandRow(
            "zintercard", arity: -3, [.readOnly, .movableKeys], [.read, .sortedSet, .slow], group: .sortedSet,
            keys: [numberedKeys(at: 1)],
            since: "7.0.0",
            summary: "Counts the members that several sorted sets have in common.",
            complexity: "O(N*K) for N members of the smallest of K inputs",
            documentation: SortedSetSyntax.zintercard, zintercard),
    ]

    private static let storing: [CommandRow] = [
        CommandRow(
            "zunionstore", arity: -4, [.write, .denyOOM, .movableKeys], [.write, .sortedSet, .slow],
            group: .sortedSet, keys: storeKeys,
            since: "2.0.0",
            summary: "Stores the members of all of several sorted sets in a key, with combined scores.",
            complexity: "O(N)+O(M*log(M)) for N members in all inputs and M in the result",
            documentation: SortedSetSyntax.zunionstore, zunionstore),
        CommandRow(
            "zinterstore", arity: -4, [.write, .denyOOM, .movableKeys], [.write, .sortedSet, .slow],
            group: .sortedSet, keys: storeKeys,
            since: "2.0.0",
            summary: "Stores the members that several sorted sets have in common in a key.",
            complexity: "O(N*K)+O(M*log(M)) for N members of the smallest of K inputs and M in the result",
            documentation: SortedSetSyntax.zunionstore, zinterstore),
        CommandRow(
            "zdiffstore", arity: -4, [.write, .denyOOM, .movableKeys], [.write, .sortedSet, .slow],
            group: .sortedSet, keys: storeKeys,
            since: "6.2.0",
            summary: "Stores the members of the first of several sorted sets that no other has in a key.",
            complexity: "O(L+(N-K)*log(N)) for L members in all inputs, N in the first and K in the result",
            documentation: SortedSetSyntax.zdiffstore, zdiffstore),
    ]
}
