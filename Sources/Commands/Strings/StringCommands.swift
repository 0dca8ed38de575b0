import Bytes

/// The commands on strings, without those on their bits.
///
/// A row names the function that it stands for: reads in StringReads, writes in StringWrites, numbers in Increments.
public enum StringCommands {
    public static let rows: [CommandRow] = reading + setting + changing

    private static let reading: [CommandRow] = [
        CommandRow(
            "get", arity: 2, [.readOnly, .fast], [.read, .string, .fast], group: .string,
            keys: [.one([.readOnly, .access])],
            since: "1.0.0", summary: "Returns the value of a key.",
            complexity: "O(1)",
            documentation: StringSyntax.get, get),
        CommandRow(
            "mget", arity: -2, [.readOnly, .fast], [.read, .string, .fast], group: .string,
            keys: [.all([.readOnly, .access])],
            since: "1.0.0", summary: "Returns the values of several keys.",
            complexity: "O(N) for N keys", tips: ["request_policy:multi_shard"],
            documentation: StringSyntax.mget, mget),
        CommandRow(
            "strlen", arity: 2, [.readOnly, .fast], [.read, .string, .fast], group: .string,
            keys: [.one(.readOnly)],
            since: "2.2.0", summary: "Returns the length of a string in bytes.",
            complexity: "O(1)",
            documentation: StringSyntax.strlen, strlen),
        CommandRow(
            "getrange", arity: 4, [.readOnly], [.read, .string, .slow], group: .string,
            keys: [.one([.readOnly, .access])],
            since: "2.4.0", summary: "Returns a part of a string, named by its first and last index.",
            complexity: "O(N) for N bytes returned",
            documentation: StringSyntax.getrange, getrange),
        CommandRow(
            "substr", arity: 4, [.readOnly], [.read, .string, .slow], group: .string,
            keys: [.one([.readOnly, .access])],
            since: "1.0.0", summary: "Returns a part of a string; the old name of GETRANGE.",
            complexity: "O(N) for N bytes returned",
            documentation: StringSyntax.substr, getrange),
        CommandRow(
            "lcs", arity: -3, [.readOnly], [.read, .string, .slow], group: .string,
            keys: [
                KeySpec([.readOnly, .access], .index(1), .range(last: 1, step: 1, limit: 0))
            ],
            since: "7.0.0", summary: "Finds the longest common subsequence of two strings.",
            complexity: "O(N*M) for strings of N and M bytes",
            documentation: StringSyntax.lcs, lcs),
        CommandRow(
            "getdel", arity: 2, [.write, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .delete])],
            since: "6.2.0", summary: "Returns the value of a key and deletes it.",
            complexity: "O(1)",
            documentation: StringSyntax.getdel, getdel),
        CommandRow(
            "getex", arity: -2, [.write, .fast], [.write, .string, .fast], group: .string,
            keys: [
                .one([.readWrite, .access, .update], notes: "RW and UPDATE because it changes the TTL")
            ],
            since: "6.2.0", summary: "Returns the value of a key and sets or removes its expiry.",
            complexity: "O(1)",
            documentation: StringSyntax.getex, getex),
    ]

    private static let setting: [CommandRow] = [
        CommandRow(
            "set", arity: -3, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [
                .one(
                    [.readWrite, .access, .update, .variable],
                    notes: "RW and ACCESS due to the optional `GET` argument",
                    decide: { call in
                        let reads = (3..<max(3, call.count)).contains { call[$0].equalsIgnoringCase("get") }
                        return reads ? [.readWrite, .access, .update] : [.overwrite, .update]
                    })
            ], plan: .deciding(setNeed),
            since: "1.0.0",
            summary: "Gives a key a value, whatever it held before; options make it conditional and set an expiry.",
            complexity: "O(1)",
            documentation: StringSyntax.set, set),
        CommandRow(
            "setnx", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.overwrite, .insert])],
            since: "1.0.0", summary: "Gives a key a value unless it exists.",
            complexity: "O(1)",
            documentation: StringSyntax.setnx, setnx),
        CommandRow(
            "setex", arity: 4, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [.one([.overwrite, .update])], plan: .specified(.overwrite),
            since: "2.0.0", summary: "Gives a key a value and an expiry in seconds.",
            complexity: "O(1)",
            documentation: StringSyntax.setex, setex),
        CommandRow(
            "psetex", arity: 4, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [.one([.overwrite, .update])], plan: .specified(.overwrite),
            since: "2.6.0", summary: "Gives a key a value and an expiry in milliseconds.",
            complexity: "O(1)",
            documentation: StringSyntax.psetex, psetex),
        CommandRow(
            "getset", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "1.0.0", summary: "Gives a key a value and returns the one before.",
            complexity: "O(1)",
            documentation: StringSyntax.getset, getset),
        CommandRow(
            "mset", arity: -3, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [.all([.overwrite, .update], step: 2)], plan: .specified(.overwrite),
            since: "1.0.1", summary: "Gives several keys their values, all at once.",
            complexity: "O(N) for N keys", tips: ["request_policy:multi_shard", "response_policy:all_succeeded"],
            documentation: StringSyntax.mset, mset),
        CommandRow(
            "msetnx", arity: -3, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [.all([.overwrite, .insert], step: 2)],
            since: "1.0.1",
            summary: "Gives several keys their values, all or none: none if one of the keys exists.",
            complexity: "O(N) for N keys", tips: ["request_policy:multi_shard", "response_policy:agg_min"],
            documentation: StringSyntax.msetnx, msetnx),
    ]

    private static let changing: [CommandRow] = [
        CommandRow(
            "append", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .insert])],
            since: "2.0.0", summary: "Adds bytes to the end of a string, which need not exist.",
            complexity: "O(1) amortised for each byte added",
            documentation: StringSyntax.append, append),
        CommandRow(
            "setrange", arity: 4, [.write, .denyOOM], [.write, .string, .slow], group: .string,
            keys: [.one([.readWrite, .update])],
            since: "2.2.0",
            summary: "Writes bytes into a string from an offset on; a gap before them is filled with zeros.",
            complexity: "O(N) for N bytes written or filled; O(M) for a value of M bytes if it has to move",
            documentation: StringSyntax.setrange, setrange),
        CommandRow(
            "incr", arity: 2, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "1.0.0", summary: "Adds 1 to the integer in a key; a missing key counts as 0.",
            complexity: "O(1)",
            documentation: StringSyntax.incr, incr),
        CommandRow(
            "decr", arity: 2, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "1.0.0", summary: "Takes 1 from the integer in a key; a missing key counts as 0.",
            complexity: "O(1)",
            documentation: StringSyntax.decr, decr),
        CommandRow(
            "incrby", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "1.0.0", summary: "Adds a number to the integer in a key; a missing key counts as 0.",
            complexity: "O(1)",
            documentation: StringSyntax.incrby, incrby),
        CommandRow(
            "decrby", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "1.0.0", summary: "Takes a number from the integer in a key; a missing key counts as 0.",
            complexity: "O(1)",
            documentation: StringSyntax.decrby, decrby),
        CommandRow(
            "incrbyfloat", arity: 3, [.write, .denyOOM, .fast], [.write, .string, .fast], group: .string,
            keys: [.one([.readWrite, .access, .update])],
            since: "2.6.0",
            summary: "Adds a floating-point number to the number in a key; a missing key counts as 0.",
            complexity: "O(1)",
            documentation: StringSyntax.incrbyfloat, incrbyfloat),
    ]
}
