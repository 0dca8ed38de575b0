/// The arguments of the commands on bits, as COMMAND DOCS describes them.
enum BitmapSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let units = CommandArgument(
        .oneof, "index_unit", .optional, since: "7.0.0",
        arguments: [
            CommandArgument(.pureToken, "byte", token: "BYTE"), CommandArgument(.pureToken, "bit", token: "BIT"),
        ])
    private static let field = [CommandArgument(.string, "encoding"), CommandArgument(.integer, "offset")]

    static let setbit = CommandDocumentation([
        key, CommandArgument(.integer, "offset"), CommandArgument(.integer, "value"),
    ])
    static let getbit = CommandDocumentation([key, CommandArgument(.integer, "offset")])
    static let bitcount = CommandDocumentation(
        [
            key,
            CommandArgument(
                .block, "index", .optional,
                arguments: [CommandArgument(.integer, "start"), CommandArgument(.integer, "end"), units]),
        ], history: [("7.0.0", "Added the `BYTE|BIT` option.")])
    static let bitpos = CommandDocumentation(
        [
            key, CommandArgument(.integer, "bit"),
            CommandArgument(
                .block, "index", .optional,
                arguments: [
                    CommandArgument(.integer, "start"),
                    CommandArgument(
                        .block, "end_index", .optional, arguments: [CommandArgument(.integer, "end"), units]),
                ]),
        ], history: [("7.0.0", "Added the `BYTE|BIT` option.")])
    static let bitop = CommandDocumentation([
        CommandArgument(.string, "operation"), CommandArgument(.key, "destkey", keySpec: 0),
        CommandArgument(.key, "key", .multiple, keySpec: 1),
    ])
    static let bitfieldReadOnly = CommandDocumentation([
        key,
        CommandArgument(
            .block, "encoding_offset", [.optional, .multiple, .multipleToken], token: "GET", arguments: field),
    ])
    static let bitfield = CommandDocumentation([
        key,
        CommandArgument(
            .oneof, "operation", [.optional, .multiple],
            arguments: [
                CommandArgument(.block, "encoding_offset", token: "GET", arguments: field),
                CommandArgument(.block, "write", arguments: [overflow, write]),
            ]),
    ])
    private static let overflow = CommandArgument(
        .oneof, "wrap_sat_fail", .optional, token: "OVERFLOW",
        arguments: [
            CommandArgument(.pureToken, "wrap", token: "WRAP"), CommandArgument(.pureToken, "sat", token: "SAT"),
            CommandArgument(.pureToken, "fail", token: "FAIL"),
        ])
    private static let write = CommandArgument(
        .oneof, "write_operation",
        arguments: [
            CommandArgument(
                .block, "encoding_offset_value", token: "SET", arguments: field + [CommandArgument(.integer, "value")]),
            CommandArgument(
                .block, "encoding_offset_increment", token: "INCRBY",
                arguments: field + [CommandArgument(.integer, "increment")]),
        ])
}
