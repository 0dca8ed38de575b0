/// The commands on sets.
///
/// A row names the function that it stands for: members in SetMembers, chance in SetDraws, several sets in SetAlgebra,
/// SSCAN in SetScan.
public enum SetCommands {
    public static let rows: [CommandRow] = changing + reading + combining

    private static let changing: [CommandRow] = [
        CommandRow(
            "sadd", arity: -3, [.write, .denyOOM, .fast], [.write, .set, .fast], group: .set,
            keys: [.one([.readWrite, .insert])], plan: .specified(.elements),
            since: "1.0.0", summary: "Adds members to a set, which need not exist.",
            complexity: "O(N) for N members",
            documentation: SetSyntax.members, sadd),
        CommandRow(
            "srem", arity: -3, [.write, .fast], [.write, .set, .fast], group: .set,
            keys: [.one([.readWrite, .delete])], plan: .specified(.elements),
            since: "1.0.0", summary: "Removes members from a set; an empty set is deleted.",
            complexity: "O(N) for N members",
            documentation: SetSyntax.members, srem),
        CommandRow(
            "smove", arity: 4, [.write, .fast], [.write, .set, .fast], group: .set,
            keys: [.one([.readWrite, .access, .delete]), .one([.readWrite, .insert], at: 2)],
            plan: .specified(.elementBehindTarget), since: "1.0.0", summary: "Moves a member from one set to another.",
            complexity: "O(1)",
            documentation: SetSyntax.smove, smove),
        CommandRow(
            "spop", arity: -2, [.write, .fast], [.write, .set, .fast], group: .set,
            keys: [.one([.readWrite, .access, .delete])],
            since: "1.0.0", summary: "Removes one or more members at random and returns them.",
            complexity: "O(1), O(N) for N members", tips: ["nondeterministic_output"],
            documentation: SetSyntax.spop, spop),
    ]

    private static let reading: [CommandRow] = [
        CommandRow(
            "sismember", arity: 3, [.readOnly, .fast], [.read, .set, .fast], group: .set,
            keys: [.one(.readOnly)], plan: .specified(.element),
            since: "1.0.0", summary: "Tells whether something is a member of a set.",
            complexity: "O(1)",
            documentation: SetSyntax.sismember, sismember),
        CommandRow(
            "smismember", arity: -3, [.readOnly, .fast], [.read, .set, .fast], group: .set,
            keys: [.one([.readOnly, .access])], plan: .specified(.elements),
            since: "6.2.0", summary: "Tells of several things whether they are members of a set.",
            complexity: "O(N) for N things",
            documentation: SetSyntax.smismember, smismember),
        CommandRow(
            "scard", arity: 2, [.readOnly, .fast], [.read, .set, .fast], group: .set,
            keys: [.one(.readOnly)], plan: .specified(.presence),
            since: "1.0.0", summary: "Counts the members of a set.",
            complexity: "O(1)",
            documentation: SetSyntax.key, scard),
        CommandRow(
            "smembers", arity: 2, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.one([.readOnly, .access])],
            since: "1.0.0", summary: "Returns all members of a set.",
            complexity: "O(N) for N members", tips: ["nondeterministic_output_order"],
            documentation: SetSyntax.key, smembers),
        CommandRow(
            "srandmember", arity: -2, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.one([.readOnly, .access])],
            since: "1.0.0", summary: "Returns one or more members at random.",
            complexity: "O(1), O(N) for N members", tips: ["nondeterministic_output"],
            documentation: SetSyntax.srandmember, srandmember),
        CommandRow(
            "sscan", arity: -3, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.one([.readOnly, .access])], plan: .specified(.scan),
            since: "2.8.0", summary: "Goes through the members of a set, some in each call.",
            complexity: "O(COUNT) for a call, O(N) for all calls together, N members",
            tips: ["nondeterministic_output"],
            documentation: SetSyntax.sscan, sscan),
    ]

    /// The destination is never read, but it has to be known whether it has to be deleted: its need is a value's.
    private static func storeKeys(_ destination: KeySpec.Flags) -> [KeySpec] {
        [.one(destination), KeySpec([.readOnly, .access], .index(2), .range(last: -1, step: 1, limit: 0))]
    }

    private static let combining: [CommandRow] = [
        CommandRow(
            "sinter", arity: -2, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.all([.readOnly, .access])],
            since: "1.0.0", summary: "Returns the members that several sets have in common.",
            complexity: "O(N*M) for N members of the smallest of M sets", tips: ["nondeterministic_output_order"],
            documentation: SetSyntax.keys, sinter),
        CommandRow(
            "sintercard", arity: -3, [.readOnly, .movableKeys], [.read, .set, .slow], group: .set,
            keys: [KeySpec([.readOnly, .access], .index(1), .count(index: 0, first: 1, step: 1))],
            since: "7.0.0", summary: "Counts the members that several sets have in common.",
            complexity: "O(N*M) for N members of the smallest of M sets",
            documentation: SetSyntax.sintercard, sintercard),
        CommandRow(
            "sinterstore", arity: -3, [.write, .denyOOM], [.write, .set, .slow], group: .set,
            keys: storeKeys([.readWrite, .update]),
            since: "1.0.0", summary: "Stores the members that several sets have in common in a key.",
            complexity: "O(N*M) for N members of the smallest of M sets",
            documentation: SetSyntax.store, sinterstore),
        CommandRow(
            "sunion", arity: -2, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.all([.readOnly, .access])],
            since: "1.0.0", summary: "Returns the members of all of several sets.",
            complexity: "O(N) for N members in all sets", tips: ["nondeterministic_output_order"],
            documentation: SetSyntax.keys, sunion),
        CommandRow(
            "sunionstore", arity: -3, [.write, .denyOOM], [.write, .set, .slow], group: .set,
            keys: storeKeys([.overwrite, .update]),
            since: "1.0.0", summary: "Stores the members of all of several sets in a key.",
            complexity: "O(N) for N members in all sets",
            documentation: SetSyntax.store, sunionstore),
        CommandRow(
            "sdiff", arity: -2, [.readOnly], [.read, .set, .slow], group: .set,
            keys: [.all([.readOnly, .access])],
            since: "1.0.0", summary: "Returns the members of the first of several sets that no other has.",
            complexity: "O(N) for N members in all sets", tips: ["nondeterministic_output_order"],
            documentation: SetSyntax.keys, sdiff),
        CommandRow(
            "sdiffstore", arity: -3, [.write, .denyOOM], [.write, .set, .slow], group: .set,
            keys: storeKeys([.overwrite, .update]),
            since: "1.0.0", summary: "Stores the members of the first of several sets that no other has in a key.",
            complexity: "O(N) for N members in all sets",
            documentation: SetSyntax.store, sdiffstore),
    ]
}
