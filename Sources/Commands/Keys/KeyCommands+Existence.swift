import Bytes
import Keyspace
import RESP
import Values

extension KeyCommands {
    private static let multiShardSum: [StaticString] = ["request_policy:multi_shard", "response_policy:agg_sum"]

    static let existenceRows: [CommandRow] = [
        CommandRow(
            "del", arity: -2, .write, [.keyspace, .write, .slow], group: .generic,
            keys: [.all([.remove, .delete])], plan: .specified(.presence), since: "1.0.0",
            summary: "Deletes keys.", complexity: "O(N) for N keys.", tips: multiShardSum,
            documentation: KeySyntax.del
        ) { delete(&$0) },
        CommandRow(
            "unlink", arity: -2, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.all([.remove, .delete])], plan: .specified(.presence), since: "4.0.0",
            summary: "Deletes keys, as DEL does.", complexity: "O(N) for N keys.", tips: multiShardSum,
            documentation: KeySyntax.unlink
        ) { delete(&$0) },
        CommandRow(
            "exists", arity: -2, [.readOnly, .fast], [.keyspace, .read, .fast], group: .generic,
            keys: [.all(.readOnly)], plan: .specified(.presence), since: "1.0.0",
            summary: "Counts which of the keys exist; a key named twice counts twice.",
            complexity: "O(N) for N keys.", tips: multiShardSum,
            documentation: KeySyntax.exists
        ) { exists(&$0) },
        CommandRow(
            "keydb.mexists", arity: -2, [.readOnly, .fast], [.keyspace, .read, .fast], group: .generic,
            keys: [.all(.readOnly)], plan: .specified(.presence), since: "7.0.0",
            summary: "Says of each key whether it exists.", complexity: "O(N) for N keys."
        ) { existsEach(&$0) },
        CommandRow(
            "touch", arity: -2, [.readOnly, .fast], [.keyspace, .read, .fast], group: .generic,
            keys: [.all(.readOnly)], plan: .specified(.presence), since: "3.2.1",
            summary: "Marks keys as just used and counts those that exist.", complexity: "O(N) for N keys.",
            tips: multiShardSum,
            documentation: KeySyntax.touch
        ) { touch(&$0) },
        CommandRow(
            "type", arity: 2, [.readOnly, .fast], [.keyspace, .read, .fast], group: .generic,
            keys: [.one(.readOnly)], plan: .specified(.presence), since: "1.0.0",
            summary: "Names the type of a key's value.", complexity: "O(1)",
            documentation: KeySyntax.type
        ) { type(&$0) },
    ]

    static func delete(_ context: inout CommandContext) {
        var deleted = 0
        for index in 0..<context.keys.count where context.keyspace.delete(context.keys[index]) {
            context.keyspace.notify(.generic, "del", context.keys[index])
            deleted += 1
        }
        context.reply.pointee.integer(deleted)
    }

    private static func exists(_ context: inout CommandContext) {
        var found = 0
        for index in 0..<context.keys.count where look(&context, context.keys[index]) != nil { found += 1 }
        context.reply.pointee.integer(found)
    }

    private static func existsEach(_ context: inout CommandContext) {
        context.reply.pointee.array(context.keys.count)
        for index in 0..<context.keys.count {
            let isThere = look(&context, context.keys[index]) != nil
            context.reply.pointee.integer(isThere ? 1 : 0)
        }
    }

    private static func touch(_ context: inout CommandContext) {
        var touched = 0
        for index in 0..<context.keys.count where context.keyspace.read(context.keys[index]) != nil { touched += 1 }
        context.reply.pointee.integer(touched)
    }

    private static func type(_ context: inout CommandContext) {
        let type = look(&context, context.key)?.record.type
        context.reply.pointee.simple(type?.name ?? "none")
    }

    /// The key's entry for a command that asks about the key, not for its value: counts a hit or miss, leaves no trace.
    /// `tells`: a miss is an event.
    static func look(_ context: inout CommandContext, _ ref: KeyRef, tells: Bool = true) -> Entry? {
        let entry = context.keyspace.peek(ref)
        context.keyspace.count(hit: entry != nil)
        if entry == nil, tells { context.keyspace.notify(.miss, "keymiss", ref) }
        return entry
    }
}
