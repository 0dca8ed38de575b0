import Commands

/// The arguments of the commands of Administration and Introspection, as COMMAND DOCS describes them.
enum ServerSyntax {
    static let configGet = CommandDocumentation([
        CommandArgument(
            .block, "parameter", .multiple,
            arguments: [
                CommandArgument(.string, "parameter"),
            ]),
    ])
    static let configSet = CommandDocumentation([
        CommandArgument(
            .block, "parameter_value", .multiple,
            arguments: [
                CommandArgument(.string, "parameter"),
                CommandArgument(.string, "value"),
            ]),
    ])
    static let commandList = CommandDocumentation([
        CommandArgument(
            .oneof, "filterby", .optional, token: "FILTERBY",
            arguments: [
                CommandArgument(.string, "module-name", token: "MODULE"),
                CommandArgument(.string, "category", token: "ACLCAT"),
                CommandArgument(.pattern, "pattern", token: "PATTERN"),
            ]),
    ])
    static let commandDocs = CommandDocumentation([
        CommandArgument(.string, "command-name", [.optional, .multiple]),
    ])
    static let commandInfo = CommandDocumentation([
        CommandArgument(.string, "command-name", [.optional, .multiple]),
    ])
    static let info = CommandDocumentation([
        CommandArgument(.string, "section", [.optional, .multiple]),
    ])
    static let slowlogGet = CommandDocumentation([
        CommandArgument(.integer, "count", .optional),
    ])
    static let latencyReset = CommandDocumentation([
        CommandArgument(.string, "event", [.optional, .multiple]),
    ])
    static let latencyGraph = CommandDocumentation([
        CommandArgument(.string, "event"),
    ])
    static let latencyHistogram = CommandDocumentation([
        CommandArgument(.string, "command", [.optional, .multiple]),
    ])
    static let latencyHistory = CommandDocumentation([
        CommandArgument(.string, "event"),
    ])
    static let memoryUsage = CommandDocumentation([
        CommandArgument(.key, "key", keySpec: 0),
        CommandArgument(.integer, "count", .optional, token: "SAMPLES"),
    ])
    static let lolwut = CommandDocumentation([
        CommandArgument(.integer, "version", .optional, token: "VERSION"),
    ])
    static let flushdb = CommandDocumentation([
        CommandArgument(
            .oneof, "flush-type", .optional,
            arguments: [
                CommandArgument(.pureToken, "async", token: "ASYNC", since: "4.0.0"),
                CommandArgument(.pureToken, "sync", token: "SYNC", since: "6.2.0"),
                CommandArgument(.pureToken, "cache", token: "CACHE"),
            ]),
    ])
    static let flushall = flushdb
    static let flashJob = CommandDocumentation([
        CommandArgument(.pureToken, "stop", .optional, token: "STOP"),
    ])
    static let swapdb = CommandDocumentation([
        CommandArgument(.integer, "index1"),
        CommandArgument(.integer, "index2"),
    ])
    static let shutdown = CommandDocumentation([
        CommandArgument(
            .oneof, "save-selector", .optional,
            arguments: [
                CommandArgument(.pureToken, "nosave", token: "NOSAVE"),
                CommandArgument(.pureToken, "save", token: "SAVE"),
                CommandArgument(.pureToken, "soft", token: "SOFT"),
            ]),
        CommandArgument(.pureToken, "now", .optional, token: "NOW", since: "7.0.0"),
        CommandArgument(.pureToken, "force", .optional, token: "FORCE", since: "7.0.0"),
        CommandArgument(.pureToken, "abort", .optional, token: "ABORT", since: "7.0.0"),
    ])
}
