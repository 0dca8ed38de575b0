import Bytes
import Commands
import Keyspace
import RESP
import Synchronization

/// MULTI, EXEC, DISCARD, WATCH, UNWATCH. How a queue is run: `LoopWorker+Transactions`.
enum TransactionCommands {
    private static let flags: CommandFlags = [.noScript, .loading, .stale, .fast, .allowBusy]

    static let rows: [CommandRow] = [
        CommandRow(
            "multi", arity: 1, flags.union(.runsInMulti), [.fast, .transaction], group: .transactions, since: "1.2.0",
            summary: "Begins a transaction: what follows is queued until EXEC.", complexity: "O(1)", multi),
        CommandRow(
            "exec", arity: 1, [.noScript, .loading, .stale, .skipSlowLog, .runsQueue], [.slow, .transaction],
            group: .transactions, since: "1.2.0", summary: "Runs the queued commands, indivisibly.",
            complexity: "Depends on commands in the transaction"
        ) { $0.reply.pointee.error(ErrorText.execWithoutMulti) },
        CommandRow(
            "discard", arity: 1, flags.union(.endsMulti), [.fast, .transaction], group: .transactions,
            since: "2.0.0", summary: "Forgets the queued commands and the watched keys.",
            complexity: "O(N), when N is the number of queued commands", discard),
        CommandRow(
            "watch", arity: -2, flags.union(.runsInMulti), [.fast, .transaction], group: .transactions,
            keys: [.all(.readOnly)], plan: .specified(.presence), since: "2.2.0",
            summary: "Has the next EXEC run nothing if one of the keys changes before.",
            complexity: "O(1) for every key.",
            documentation: CommandDocumentation([CommandArgument(.key, "key", .multiple, keySpec: 0)]), watch),
        CommandRow(
            "unwatch", arity: 1, flags.union(.runsUnderLocks), [.fast, .transaction], group: .transactions,
            since: "2.2.0", summary: "Forgets the watched keys.", complexity: "O(1)"
        ) {
            // As part of a transaction it finds nothing to do: EXEC has ended the watches, under the locks it holds.
            $0.session.unwatch()
            $0.reply.pointee.ok()
        },
    ]

    private static func multi(_ context: inout CommandContext) {
        if context.session.isQueueing { return context.reply.pointee.error(ErrorText.nestedMulti) }
        context.session.beginQueueing()
        context.reply.pointee.ok()
    }

    private static func discard(_ context: inout CommandContext) {
        guard context.session.isQueueing else { return context.reply.pointee.error(ErrorText.discardWithoutMulti) }
        context.session.endTransaction()
        context.reply.pointee.ok()
    }

    private static func watch(_ context: inout CommandContext) {
        let session = context.session
        if session.isQueueing { return context.reply.pointee.error(ErrorText.watchInMulti) }
        // One broken watch does; more of them say nothing new.
        if !session.hasBrokenWatch.load(ordering: .relaxed) {
            for index in 0..<context.keys.count { watch(context.keys[index], session, &context) }
        }
        context.reply.pointee.ok()
    }

    private static func watch(_ ref: KeyRef, _ session: ClientSession, _ context: inout CommandContext) {
        let database = context.database
        let isWatched = session.transaction?.watches.contains { watch in
            watch.database == database && watch.position == ref.position && watch.key.withSlice { $0 == ref.bytes }
        }
        if isWatched ?? false { return }
        // A look that deletes no past-due key: that would be a change, and watching is none.
        let deletes = context.keyspace.deletesExpired
        context.keyspace.deletesExpired = false
        let record = context.keyspace.peek(ref)?.record
        context.keyspace.deletesExpired = deletes
        session.watch(Watch(session, ref, database: database, existed: record != nil, expiry: record?.expiry))
    }
}
