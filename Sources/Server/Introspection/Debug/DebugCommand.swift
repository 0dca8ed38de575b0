import Bytes
import Commands
import Configuration
import Keyspace
import Platform
import RDB
import RESP
import Storage
import Synchronization
import Values

/// DEBUG, as far as tests of clients and servers use it. What concerns the insides of another server is not here.
enum DebugCommand {
    static let row = CommandRow(
        "debug", arity: -2, [.admin, .noScript, .loading, .stale, .protected, .needsGate], [.admin, .slow, .dangerous],
        group: .server, plan: .custom(keys), since: "1.0.0", summary: "Does things that only tests want.",
        complexity: "Depends on the subcommand.", documentation: CommandDocumentation(isSystem: true), debug)

    /// OBJECT and DIGEST-VALUE look at values.
    private static func keys(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        guard arguments.count > 1 else { return }
        let word = arguments[1]
        guard word.equalsIgnoringCase("object") || word.equalsIgnoringCase("digest-value") else { return }
        for index in 2..<max(2, arguments.count) {
            uses.append(KeyUse(argument: index, database: database, need: .value))
        }
    }

    private static func debug(_ context: inout CommandContext) {
        let arguments = context.arguments
        switch (arguments[1].string.lowercased(), arguments.count) {
        case ("help", 2): help(&context)
        case ("sleep", 3): sleep(&context)
        case ("set-active-expire", 3): setActiveExpiry(&context)
        case ("pause-cron", 3):
            let pauses = (Decimal.parseInt64(arguments[2]) ?? 0) != 0
            context.core.isMaintenancePaused.store(pauses, ordering: .relaxed)
            context.reply.pointee.ok()
        case ("quicklist-packed-threshold", 3): setListAlone(&context)
        case ("replybuffer", 4): keepReplyMemory(&context)
        case ("set-skip-checksum-validation", 3):
            let skips = (Decimal.parseInt64(arguments[2]) ?? 0) != 0
            DumpPayload.takesWrongChecksums.store(skips, ordering: .relaxed)
            context.reply.pointee.ok()
        case ("object", 3): object(&context)
        case ("digest", 2): digest(&context)
        case ("digest-value", 2...): digestValues(&context)
        case ("populate", 3...5): DebugJobs.populate(&context)
        case ("reload", _): DebugJobs.reload(&context)
        case ("protocol", 3): DebugProtocol.reply(&context, type: arguments[2].string.lowercased())
        case ("change-repl-id", 2):
            context.core.log.warning("Changing the replication id as DEBUG CHANGE-REPL-ID asks.")
            context.core.replicationID.withLock { $0 = String(decoding: Entropy.hexadecimal(40), as: UTF8.self) }
            context.reply.pointee.ok()
        case ("error", 3): context.reply.pointee.error(arguments[2])
        case ("log", 3):
            context.core.log.warning("DEBUG LOG: \(arguments[2].string)")
            context.reply.pointee.ok()
        case ("config-rewrite-force-all", 2): ConfigCommand.rewrite(&context, complete: true)
        case ("htstats", 3): tableStatistics(&context)
        default: context.reply.pointee.error(ErrorText.subcommandSyntax(arguments[1], command: arguments[0]))
        }
    }

    /// Stops everybody, as the one thread of Redis does: no key can be reached meanwhile.
    private static func sleep(_ context: inout CommandContext) {
        let seconds = Decimal.parseDouble(context.arguments[2]) ?? 0
        let store = context.keyspace.store
        store.lockAll()
        Clock.sleep(nanoseconds: Int64(min(max(seconds, 0), 3600) * 1e9))
        store.unlockAll()
        context.reply.pointee.ok()
    }

    private static func setActiveExpiry(_ context: inout CommandContext) {
        let isOn = (Decimal.parseInt64(context.arguments[2]) ?? 0) != 0
        context.core.isActiveExpiryEnabled.store(isOn, ordering: .relaxed)
        context.core.tier?.coldExpiry.isEnabled.store(isOn, ordering: .relaxed)
        context.reply.pointee.ok()
    }

    /// Redis' "plain nodes" are here pages of one element.
    private static func setListAlone(_ context: inout CommandContext) {
        guard let bytes = Number.memory(context.arguments[2].array), bytes >= 0, bytes <= 4 << 30 else {
            return context.reply.pointee.error(
                "ERR argument must be a memory value bigger than 1 and smaller than 4gb")
        }
        CollectionLimits.listAloneBytes.store(bytes == 0 ? .max : Int(bytes), ordering: .relaxed)
        context.reply.pointee.ok()
    }

    /// Redis' connections have a buffer for replies each; here the loops have one each. RESIZING 0 keeps its size.
    private static func keepReplyMemory(_ context: inout CommandContext) {
        let arguments = context.arguments
        guard arguments[2].equalsIgnoringCase("resizing"), let resizes = Decimal.parseInt64(arguments[3]) else {
            return context.reply.pointee.error(ErrorText.subcommandSyntax(arguments[1], command: arguments[0]))
        }
        context.core.loops.keepsReplyMemory.store(resizes == 0, ordering: .relaxed)
        context.reply.pointee.ok()
    }

    private static func object(_ context: inout CommandContext) {
        guard let record = context.keyspace.peek(context.key)?.record else {
            return context.reply.pointee.error(ErrorText.noSuchKey)
        }
        var payload = ByteBuffer()
        let compresses = context.settings.compressesDumps
        let isCollection: Void? = record.withCollection {
            RDBEncoder.append(body: .collection($0), compresses: compresses, to: &payload)
        }
        if isCollection == nil {
            record.withString { RDBEncoder.append(string: $0, compresses: compresses, to: &payload) }
        }
        let idle = context.keyspace.accessClock.idleSeconds(record)
        let text =
            "Value at:0x\(String(UInt(bitPattern: record.raw), radix: 16)) refcount:1 "
            + "encoding:\(record.encodingName) serializedlength:\(payload.count) "
            + "lru:\(record.access) lru_seconds_idle:\(idle)"
        text.withSlice { context.reply.pointee.simple($0) }
    }

    private static func digest(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case .done(let text as String)?: text.withSlice { context.reply.pointee.simple($0) }
        case nil:
            let core = context.core
            context.request = .job { DebugJobs.digest(core) }
        case let other?: context.refuse(other)
        }
    }

    private static func digestValues(_ context: inout CommandContext) {
        context.reply.pointee.array(context.keys.count)
        for index in 0..<context.keys.count {
            var digest = DatasetDigest()
            if let record = context.keyspace.peek(context.keys[index])?.record { digest.mix(record) }
            digest.text.withSlice { context.reply.pointee.simple($0) }
        }
    }

    /// What there is instead of Redis' two dictionaries: the tables of all shards of a database.
    private static func tableStatistics(_ context: inout CommandContext) {
        let store = context.keyspace.store
        guard let database = Decimal.parseInt64(context.arguments[2]) else {
            return context.reply.pointee.error(ErrorText.notInteger)
        }
        guard database >= 0, database < Int64(store.databases) else {
            return context.reply.pointee.error("ERR Out of range database")
        }
        let space = store.identify(database: Int(database)).space
        let slots = (0..<Position.shardCount).reduce(0) { $0 + store.slotCount(shard: $1, space: space) }
        let counts = store.counts(database: Int(database))
        let text = """
            [Dictionary HT]
            Tables: \(Position.shardCount), one for each shard
             table size: \(slots)
             number of elements: \(counts.resident)
             on flash only: \(counts.cold)
            [Expires HT]
             number of elements: \(counts.expiring)

            """
        text.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "DEBUG",
            [
                "CHANGE-REPL-ID",
                "    Draws a new replication id.",
                "CONFIG-REWRITE-FORCE-ALL",
                "    As CONFIG REWRITE, with a line for every directive, defaults included.",
                "DIGEST",
                "    Shows a digest of all keys and values; equal data have equal digests.",
                "DIGEST-VALUE <key> [<key> ...]",
                "    Shows digests of values.",
                "ERROR <text>",
                "    Replies <text> as an error.",
                "HTSTATS <database>",
                "    Shows the size of a database's tables.",
                "LOG <message>",
                "    Writes <message> to the log.",
                "OBJECT <key>",
                "    Shows how the value of <key> is kept.",
                "PAUSE-CRON <0|1>",
                "    Stops the work that is done every so often (expiry, limits, rates), or lets it go on.",
                "POPULATE <count> [<prefix>] [<size>]",
                "    Makes keys <prefix>:<number> (default: key:<number>) that don't exist yet, with values",
                "    of <size> bytes.",
                "PROTOCOL <type>",
                "    Replies a value of <type>: string, integer, double, bignum, null, array, set, map,",
                "    attrib, push, verbatim, true, false.",
                "QUICKLIST-PACKED-THRESHOLD <size>",
                "    Elements of more than <size> bytes of lists that are made from now on have a page to",
                "    themselves. 0: if they don't fit into one.",
                "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
                "    Writes all keys to an RDB file, empties the server and reads them back. NOSAVE reads",
                "    the file of the directive dbfilename instead, NOFLUSH keeps what there is, MERGE lets",
                "    the file's keys replace those that there are.",
                "REPLYBUFFER RESIZING <0|1>",
                "    Keeps the event loops' buffers for replies at their size, or lets them shrink.",
                "SET-ACTIVE-EXPIRE <0|1>",
                "    Switches the deletion of past-due keys that nobody touches off and on.",
                "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
                "    Has RESTORE take payloads whose checksum is wrong, or no longer.",
                "SLEEP <seconds>",
                "    Stops the server for a while.",
            ])
    }
}
