/// The commands on HyperLogLogs: strings that estimate how many different elements they have been given.
///
/// A row names the function that it stands for: see HyperLogLogChanges and HyperLogLogChecks. What the strings are made
/// of is in Values/HyperLogLog.
public enum HyperLogLogCommands {
    public static let rows: [CommandRow] = [
        CommandRow(
            "pfadd", arity: -2, [.write, .denyOOM, .fast], [.write, .hyperLogLog, .fast], group: .hyperloglog,
            keys: [.one([.readWrite, .insert])],
            since: "2.8.9", summary: "Gives elements to a HyperLogLog, which is made if there is none.",
            complexity: "O(1) for each element",
            documentation: HyperLogLogSyntax.pfadd, pfadd),
        CommandRow(
            "pfcount", arity: -2, [.readOnly, .mayReplicate], [.read, .hyperLogLog, .slow], group: .hyperloglog,
            keys: [
                KeySpec(
                    [.readWrite, .access], .index(1), .range(last: -1, step: 1, limit: 0),
                    notes: """
                        RW because it may change the internal representation of the key, and propagate to replicas
                        """)
            ],
            since: "2.8.9",
            summary: "Estimates how many different elements one HyperLogLog or several together have been given.",
            complexity: "O(1) for one key, whose last estimate is kept; O(N) for N keys",
            documentation: HyperLogLogSyntax.pfcount, pfcount),
        CommandRow(
            "pfmerge", arity: -2, [.write, .denyOOM], [.write, .hyperLogLog, .slow], group: .hyperloglog,
            keys: [
                .one([.readWrite, .access, .insert]),
                KeySpec([.readOnly, .access], .index(2), .range(last: -1, step: 1, limit: 0)),
            ],
            since: "2.8.9", summary: "Gives a HyperLogLog all elements of others.",
            complexity: "O(N) for N keys",
            documentation: HyperLogLogSyntax.pfmerge, pfmerge),
        CommandRow(
            "pfselftest", arity: 1, .admin, [.hyperLogLog, .admin, .slow, .dangerous], group: .hyperloglog,
            since: "2.8.9", summary: "Checks that HyperLogLogs work.",
            complexity: "Takes seconds",
            documentation: HyperLogLogSyntax.pfselftest, pfselftest),
        CommandRow(
            "pfdebug", arity: 3, [.write, .denyOOM, .admin], [.write, .hyperLogLog, .admin, .slow, .dangerous],
            group: .hyperloglog,
            keys: [.one([.readWrite, .access], at: 2)],
            since: "2.8.9", summary: "Shows what a HyperLogLog consists of.",
            complexity: "O(N) for N registers",
            documentation: HyperLogLogSyntax.pfdebug, pfdebug),
    ]
}

/// The arguments of these commands, as COMMAND DOCS describes them.
enum HyperLogLogSyntax {
    static let pfadd = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0), CommandArgument(.string, "element", [.optional, .multiple]),
    ])
    static let pfcount = CommandDocumentation([CommandArgument(.key, "key", .multiple, keySpec: 0)])
    static let pfmerge = CommandDocumentation([
        CommandArgument(.key, "destkey", keySpec: 0), CommandArgument(.key, "sourcekey", .multiple, keySpec: 1),
    ])
    static let pfselftest = CommandDocumentation(isSystem: true)
    static let pfdebug = CommandDocumentation(
        [CommandArgument(.string, "subcommand"), CommandArgument(.key, "key", keySpec: 0)], isSystem: true)
}
