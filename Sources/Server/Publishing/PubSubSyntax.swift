import Commands

/// The arguments of the commands of publishing and subscribing, as COMMAND DOCS describes them.
enum PubSubSyntax {
    static let channels = CommandDocumentation([CommandArgument(.string, "channel", .multiple)])
    static let optionalChannels = CommandDocumentation([
        CommandArgument(.string, "channel", [.optional, .multiple])
    ])
    static let patterns = CommandDocumentation([
        CommandArgument(.block, "pattern", .multiple, arguments: [CommandArgument(.pattern, "pattern")])
    ])
    static let optionalPatterns = CommandDocumentation([
        CommandArgument(.pattern, "pattern", [.optional, .multiple])
    ])
    static let shardChannels = CommandDocumentation([CommandArgument(.string, "shardchannel", .multiple)])
    static let optionalShardChannels = CommandDocumentation([
        CommandArgument(.string, "shardchannel", [.optional, .multiple])
    ])
    static let publish = CommandDocumentation([
        CommandArgument(.string, "channel"),
        CommandArgument(.string, "message"),
    ])
    static let spublish = CommandDocumentation([
        CommandArgument(.string, "shardchannel"),
        CommandArgument(.string, "message"),
    ])
    static let optionalPattern = CommandDocumentation([CommandArgument(.pattern, "pattern", .optional)])
}
