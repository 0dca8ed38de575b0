import Bytes
import Commands
import PubSub
import RESP

/// Commands that publish and subscribe, and MONITOR.
enum PubSubCommands {
    static let rows: [CommandRow] =
        [
            subscribing("subscribe", "2.0.0", PubSubSyntax.channels, .channel, "Listens to channels."),
            subscribing(
                "psubscribe", "2.0.0", PubSubSyntax.patterns, .pattern, "Listens to all channels that fit patterns."),
            subscribing("ssubscribe", "7.0.0", PubSubSyntax.shardChannels, .shardChannel, "Listens to shard channels."),
            unsubscribing(
                "unsubscribe", "2.0.0", PubSubSyntax.optionalChannels, .channel,
                "Stops listening to channels (default: to all of them)."),
            unsubscribing(
                "punsubscribe", "2.0.0", PubSubSyntax.optionalPatterns, .pattern,
                "Stops listening to channels that fit patterns (default: to all of them)."),
            unsubscribing(
                "sunsubscribe", "7.0.0", PubSubSyntax.optionalShardChannels, .shardChannel,
                "Stops listening to shard channels (default: to all of them)."),
            publishing(
                "publish", "2.0.0", [], PubSubSyntax.publish, "Sends a message to those who listen to a channel.",
                "O(N+M) for N loops with listeners and M patterns"
            ) { $0.core.subscriptions.publish($0.arguments[1], $0.arguments[2]) },
            publishing(
                "spublish", "7.0.0", [.one(.notKey)], PubSubSyntax.spublish,
                "Sends a message to those who listen to a shard channel.", "O(N) for N loops with listeners"
            ) { $0.core.subscriptions.publish(shard: $0.arguments[1], $0.arguments[2]) },
            CommandRow(
                "pubsub", arity: -2, [], [.slow], group: .pubsub, since: "2.8.0",
                summary: "Tells who listens to what.", complexity: "See the subcommands.", subcommands: looking),
            CommandRow(
                "monitor", arity: 1, [.admin, .noScript, .loading, .stale, .runsUnderLocks],
                [.admin, .slow, .dangerous], group: .server, since: "1.0.0", summary: "Shows all calls as they are executed.",
                complexity: "O(1), and O(N) for N monitors with each call afterwards", Monitoring.begin),
        ]

    private static let listening: CommandFlags = [.pubSub, .noScript, .loading, .stale, .pushes, .runsUnderLocks]

    private static func publishing(
        _ name: StaticString, _ since: StaticString, _ keys: [KeySpec], _ documentation: CommandDocumentation,
        _ summary: StaticString, _ complexity: StaticString,
        _ publish: @escaping @Sendable (borrowing CommandContext) -> Int
    ) -> CommandRow {
        CommandRow(
            name, arity: 3, [.pubSub, .loading, .stale, .fast, .mayReplicate, .runsUnderLocks], [.pubSub, .fast],
            group: .pubsub, keys: keys, since: since, summary: summary, complexity: complexity,
            documentation: documentation
        ) { context in
            // Those of the commands before it in a transaction come first.
            context.keyspace.tellEvents()
            context.reply.pointee.integer(publish(context))
        }
    }

    private static func shardKeys(_ kind: SubscriptionKind) -> [KeySpec] {
        kind == .shardChannel ? [.all(.notKey)] : []
    }

    private static func subscribing(
        _ name: StaticString, _ since: StaticString, _ documentation: CommandDocumentation, _ kind: SubscriptionKind,
        _ summary: StaticString
    ) -> CommandRow {
        CommandRow(
            name, arity: -2, listening, [.pubSub, .slow], group: .pubsub, keys: shardKeys(kind), since: since,
            summary: summary, complexity: "O(N) for N names", documentation: documentation
        ) { Subscribing.subscribe(&$0, kind) }
    }

    private static func unsubscribing(
        _ name: StaticString, _ since: StaticString, _ documentation: CommandDocumentation, _ kind: SubscriptionKind,
        _ summary: StaticString
    ) -> CommandRow {
        CommandRow(
            name, arity: -1, listening, [.pubSub, .slow], group: .pubsub, keys: shardKeys(kind), since: since,
            summary: summary, complexity: "O(N) for N names", documentation: documentation
        ) { Subscribing.unsubscribe(&$0, kind) }
    }

    // MARK: PUBSUB

    private static let looking: [CommandRow] = [
        sub(
            "channels", arity: -2, "2.8.0", "Names the channels that somebody listens to.", "O(N) for N channels",
            PubSubSyntax.optionalPattern
        ) { names(&$0, .channel) },
        sub("numpat", arity: 2, "2.8.0", "Counts the patterns that somebody listens to.", "O(1)") {
            $0.reply.pointee.integer($0.core.subscriptions.topicCount(.pattern))
        },
        sub(
            "numsub", arity: -2, "2.8.0", "Counts who listens to each of some channels.", "O(N) for N channels",
            PubSubSyntax.optionalChannels
        ) { listeners(&$0, .channel) },
        sub(
            "shardchannels", arity: -2, "7.0.0", "Names the shard channels that somebody listens to.",
            "O(N) for N channels", PubSubSyntax.optionalPattern
        ) { names(&$0, .shardChannel) },
        sub(
            "shardnumsub", arity: -2, "7.0.0", "Counts who listens to each of some shard channels.",
            "O(N) for N channels", PubSubSyntax.optionalShardChannels
        ) { listeners(&$0, .shardChannel) },
        CommandRow(
            "help", arity: 2, [.loading, .stale], [.slow], group: .pubsub, since: "6.2.0",
            summary: "Lists the subcommands.", complexity: "O(1)"
        ) { $0.help("PUBSUB", helpLines) },
    ]

    private static let helpLines: [StaticString] = [
        "CHANNELS [<pattern>]", "    Names the channels that somebody listens to (default: all of them).",
        "NUMPAT", "    Counts the patterns that somebody listens to.",
        "NUMSUB [<channel> ...]", "    Counts who listens to each channel itself, not to a pattern.",
        "SHARDCHANNELS [<pattern>]", "    Names the shard channels that somebody listens to (default: all of them).",
        "SHARDNUMSUB [<shardchannel> ...]", "    Counts who listens to each shard channel.",
    ]

    private static func sub(
        _ name: StaticString, arity: Int, _ since: StaticString, _ summary: StaticString, _ complexity: StaticString,
        _ documentation: CommandDocumentation = .none, _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.pubSub, .loading, .stale, .runsUnderLocks], [.pubSub, .slow], group: .pubsub,
            since: since, summary: summary, complexity: complexity, documentation: documentation, body)
    }

    private static func names(_ context: inout CommandContext, _ kind: SubscriptionKind) {
        let arguments = context.arguments
        guard arguments.count <= 3 else {
            return context.reply.pointee.error(
                ErrorText.subcommandSyntax(arguments[1], command: ByteSlice("pubsub")))
        }
        let pattern = arguments.count == 3 ? GlobPattern(arguments[2]) : nil
        let names = context.core.subscriptions.channelNames(kind, matching: pattern)
        context.reply.pointee.array(names.count)
        for name in names { name.withSlice { context.reply.pointee.bulk($0) } }
    }

    private static func listeners(_ context: inout CommandContext, _ kind: SubscriptionKind) {
        let arguments = context.arguments
        context.reply.pointee.array((arguments.count - 2) * 2)
        for index in 2..<arguments.count {
            context.reply.pointee.bulk(arguments[index])
            context.reply.pointee.integer(context.core.subscriptions.subscriberCount(kind, arguments[index]))
        }
    }
}
