import Bytes

/// The commands on hashes.
///
/// A row names the function that it stands for: reads in HashReads, draws and HSCAN in HashSamples, writes in
/// HashWrites, numbers in HashIncrements.
public enum HashCommands {
    public static let rows: [CommandRow] = reading + listing + writing + counting

    private static let reading: [CommandRow] = [
        CommandRow(
            "hget", arity: 3, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one([.readOnly, .access])], plan: .specified(.element),
            since: "2.0.0", summary: "Returns the value of a field of a hash.",
            complexity: "O(1)",
            documentation: HashSyntax.hget, hget),
        CommandRow(
            "hmget", arity: -3, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one([.readOnly, .access])], plan: .specified(.elements),
            since: "2.0.0", summary: "Returns the values of several fields of a hash.",
            complexity: "O(N) for N fields asked for",
            documentation: HashSyntax.hmget, hmget),
        CommandRow(
            "hlen", arity: 2, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one(.readOnly)], plan: .specified(.presence),
            since: "2.0.0", summary: "Counts the fields of a hash.",
            complexity: "O(1)",
            documentation: HashSyntax.hlen, hlen),
        CommandRow(
            "hstrlen", arity: 3, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one(.readOnly)], plan: .specified(.element),
            since: "3.2.0", summary: "Returns the length in bytes of the value of a field.",
            complexity: "O(1)",
            documentation: HashSyntax.hstrlen, hstrlen),
        CommandRow(
            "hexists", arity: 3, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one(.readOnly)], plan: .specified(.element),
            since: "2.0.0", summary: "Says whether a hash has a field.",
            complexity: "O(1)",
            documentation: HashSyntax.hexists, hexists),
    ]

    private static let listing: [CommandRow] = [
        CommandRow(
            "hgetall", arity: 2, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [.one([.readOnly, .access])],
            since: "2.0.0", summary: "Returns all fields of a hash with their values.",
            complexity: "O(N) for N fields", tips: ["nondeterministic_output_order"],
            documentation: HashSyntax.hgetall, hgetall),
        CommandRow(
            "hkeys", arity: 2, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [.one([.readOnly, .access])],
            since: "2.0.0", summary: "Returns all fields of a hash.",
            complexity: "O(N) for N fields", tips: ["nondeterministic_output_order"],
            documentation: HashSyntax.hkeys, hkeys),
        CommandRow(
            "hvals", arity: 2, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [.one([.readOnly, .access])],
            since: "2.0.0", summary: "Returns all values of a hash.",
            complexity: "O(N) for N fields", tips: ["nondeterministic_output_order"],
            documentation: HashSyntax.hvals, hvals),
        CommandRow(
            "hrandfield", arity: -2, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [.one([.readOnly, .access])],
            since: "6.2.0", summary: "Draws one or several fields of a hash.",
            complexity: "O(N) for N fields drawn", tips: ["nondeterministic_output"],
            documentation: HashSyntax.hrandfield, hrandfield),
        CommandRow(
            "hscan", arity: -3, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [.one([.readOnly, .access])], plan: .specified(.scan),
            since: "2.8.0", summary: "Goes through the fields of a hash and their values, some in each call.",
            complexity: "O(COUNT) for a call, O(N) for all calls together, N fields.",
            tips: ["nondeterministic_output"],
            documentation: HashSyntax.hscan, hscan),
    ]

    private static let writing: [CommandRow] = [
        CommandRow(
            "hset", arity: -4, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .update])], plan: .specified(.pairs),
            since: "2.0.0", summary: "Gives fields of a hash their values.",
            complexity: "O(N) for N fields",
            documentation: HashSyntax.hset, hset),
        CommandRow(
            "hmset", arity: -4, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .update])], plan: .specified(.pairs),
            since: "2.0.0", summary: "Gives fields of a hash their values; the old form of HSET.",
            complexity: "O(N) for N fields",
            documentation: HashSyntax.hmset, hmset),
        CommandRow(
            "hsetnx", arity: 4, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .insert])], plan: .specified(.element),
            since: "2.0.0", summary: "Gives a field of a hash a value unless the field exists.",
            complexity: "O(1)",
            documentation: HashSyntax.hsetnx, hsetnx),
        CommandRow(
            "hdel", arity: -3, [.write, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .delete])], plan: .specified(.elements),
            since: "2.0.0", summary: "Removes fields of a hash, and the hash itself with its last field.",
            complexity: "O(N) for N fields named",
            documentation: HashSyntax.hdel, hdel),
    ]

    private static let counting: [CommandRow] = [
        CommandRow(
            "hincrby", arity: 4, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .access, .update])], plan: .specified(.element),
            since: "2.0.0", summary: "Adds a number to the integer in a field; a missing field counts as 0.",
            complexity: "O(1)",
            documentation: HashSyntax.hincrby, hincrby),
        CommandRow(
            "hincrbyfloat", arity: 4, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .access, .update])], plan: .specified(.element),
            since: "2.6.0",
            summary: "Adds a floating-point number to the number in a field; a missing field counts as 0.",
            complexity: "O(1)",
            documentation: HashSyntax.hincrbyfloat, hincrbyfloat),
    ]
}
