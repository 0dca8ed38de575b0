/// The commands on the bits of strings.
///
/// A row names the function that it stands for: see BitAccess, BitCounting, BitOperations, BitFields. What they do with
/// bytes is in Values/Bits.
public enum BitmapCommands {
    public static let rows: [CommandRow] = reading + writing

    private static let reading: [CommandRow] = [
        CommandRow(
            "getbit", arity: 3, [.readOnly, .fast], [.read, .bitmap, .fast], group: .bitmap,
            keys: [.one([.readOnly, .access])],
            since: "2.2.0", summary: "Returns a bit of a string.",
            complexity: "O(1)",
            documentation: BitmapSyntax.getbit, getbit),
        CommandRow(
            "bitcount", arity: -2, .readOnly, [.read, .bitmap, .slow], group: .bitmap,
            keys: [.one([.readOnly, .access])],
            since: "2.6.0", summary: "Counts the ones among the bits of a string or of a part of it.",
            complexity: "O(N) for N bytes",
            documentation: BitmapSyntax.bitcount, bitcount),
        CommandRow(
            "bitpos", arity: -3, .readOnly, [.read, .bitmap, .slow], group: .bitmap,
            keys: [.one([.readOnly, .access])],
            since: "2.8.7", summary: "Finds the first one or zero among the bits of a string or of a part of it.",
            complexity: "O(N) for N bytes",
            documentation: BitmapSyntax.bitpos, bitpos),
        CommandRow(
            "bitfield_ro", arity: -2, [.readOnly, .fast], [.read, .bitmap, .fast], group: .bitmap,
            keys: [.one([.readOnly, .access])],
            since: "6.0.0", summary: "Returns integers of any width at any bits of a string.",
            complexity: "O(1) for each integer",
            documentation: BitmapSyntax.bitfieldReadOnly, bitfieldReadOnly),
    ]

    private static let writing: [CommandRow] = [
        CommandRow(
            "setbit", arity: 4, [.write, .denyOOM], [.write, .bitmap, .slow], group: .bitmap,
            keys: [.one([.readWrite, .access, .update])],
            since: "2.2.0", summary: "Sets a bit of a string, which is lengthened if need be, and returns the old one.",
            complexity: "O(1)",
            documentation: BitmapSyntax.setbit, setbit),
        CommandRow(
            "bitop", arity: -4, [.write, .denyOOM], [.write, .bitmap, .slow], group: .bitmap,
            keys: [
                .one([.overwrite, .update], at: 2),
                KeySpec([.readOnly, .access], .index(3), .range(last: -1, step: 1, limit: 0)),
            ], plan: .custom(keysOfBitop),
            since: "2.6.0",
            summary: "Combines the bits of strings, or shifts those of one, and stores the result.",
            complexity: "O(N) for N bytes",
            documentation: BitmapSyntax.bitop, bitop),
        CommandRow(
            "bitfield", arity: -2, [.write, .denyOOM], [.write, .bitmap, .slow], group: .bitmap,
            keys: [
                .one(
                    [.readWrite, .access, .update, .variable],
                    notes: "This command allows both access and modification of the key",
                    decide: { flagsOfBitfield($0) })
            ],
            since: "3.2.0", summary: "Reads, sets and increments integers of any width at any bits of a string.",
            complexity: "O(1) for each integer",
            documentation: BitmapSyntax.bitfield, bitfield),
    ]
}
