import Bytes
import Keyspace
import RESP
import Values

extension KeyCommands {
    static let objectRows: [CommandRow] = [
        CommandRow(
            "object", arity: -2, [], .slow, group: .generic, since: "2.2.3",
            summary: "Shows how the value of a key is kept.", complexity: "See the subcommands.",
            subcommands: [
                inspecting("encoding", since: "2.2.3", "Names the form in which a key's value is kept.") {
                    objectEncoding(&$0)
                },
                inspecting("freq", since: "4.0.0", "Tells how often a key is used, as a logarithmic counter.") {
                    objectFrequency(&$0)
                },
                inspecting("idletime", since: "2.2.3", "Tells the seconds since a key was last used.") {
                    objectIdleTime(&$0)
                },
                inspecting("refcount", since: "2.2.3", need: .value, "Tells how many refer to a key's value.") {
                    objectReferences(&$0)
                },
                CommandRow(
                    "help", arity: 2, [.loading, .stale], [.keyspace, .slow], group: .generic, since: "6.2.0",
                    summary: "Lists the subcommands.", complexity: "O(1)"
                ) { objectHelp(&$0) },
            ])
    ]

    private static func inspecting(
        _ name: StaticString, since: StaticString, need: KeyNeed = .presence, _ summary: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: 3, .readOnly, [.keyspace, .read, .slow], group: .generic,
            keys: [.one(.readOnly, at: 2)], plan: .specified(need), since: since, summary: summary,
            complexity: "O(1)", tips: ["nondeterministic_output"],
            documentation: KeySyntax.objectEncoding, body)
    }

    private static func objectEncoding(_ context: inout CommandContext) {
        guard let entry = look(&context, context.key, tells: false) else { return context.reply.pointee.null() }
        context.reply.pointee.bulk(entry.record.encodingName)
    }

    private static func objectFrequency(_ context: inout CommandContext) {
        guard let entry = look(&context, context.key, tells: false) else { return context.reply.pointee.null() }
        guard context.settings.isLFU else { return context.reply.pointee.error(ErrorText.frequencyNotTracked) }
        context.reply.pointee.integer(
            context.keyspace.accessClock.frequency(entry.record, decayMinutes: context.settings.lfuDecayMinutes))
    }

    private static func objectIdleTime(_ context: inout CommandContext) {
        guard let entry = look(&context, context.key, tells: false) else { return context.reply.pointee.null() }
        guard !context.settings.isLFU else { return context.reply.pointee.error(ErrorText.idleTimeNotTracked) }
        context.reply.pointee.integer(context.keyspace.accessClock.idleSeconds(entry.record))
    }

    /// Redis shares the objects of the integers below 10000, unless keys may be evicted by LRU or LFU, and says of them
    /// that their references aren't counted.
    private static func objectReferences(_ context: inout CommandContext) {
        guard let entry = look(&context, context.key, tells: false) else { return context.reply.pointee.null() }
        let isSmall = entry.record.integerValue.map { (0..<10_000).contains($0) } ?? false
        let isShared = isSmall && context.settings.sharesIntegers
        context.reply.pointee.integer(isShared ? Int(Int32.max) : 1)
    }

    private static func objectHelp(_ context: inout CommandContext) {
        context.help(
            "OBJECT",
            [
                "ENCODING <key>",
                "    Names the form in which the value of <key> is kept.",
                "FREQ <key>",
                "    Tells how often <key> is used: a counter from 0 to 255 that grows with the",
                "    logarithm of the uses and decays over time. Needs an LFU maxmemory policy.",
                "IDLETIME <key>",
                "    Tells the seconds since <key> was last used. Needs a maxmemory policy that is",
                "    not LFU.",
                "REFCOUNT <key>",
                "    Tells the number of references to the value of <key>: 1, or 2147483647 for",
                "    small integers.",
            ])
    }
}
