import Bytes
import Keyspace
import RDB
import RESP
import Values

extension KeyCommands {
    static let payloadRows: [CommandRow] = [
        CommandRow(
            "dump", arity: 2, .readOnly, [.keyspace, .read, .slow], group: .generic,
            keys: [.one([.readOnly, .access])], since: "2.6.0",
            summary: "Answers a key's value as bytes that RESTORE takes.", complexity: "O(N) for N bytes of value.",
            tips: ["nondeterministic_output"],
            documentation: KeySyntax.dump
        ) { dump(&$0) },
        restoring("restore", [], group: .generic, since: "2.6.0", KeySyntax.restore),
        // In a cluster MIGRATE sends it, to a node that doesn't own the slot yet.
        restoring("restore-asking", .asking, group: .server, since: "3.0.0", KeySyntax.restoreAsking),
    ]

    private static func restoring(
        _ name: StaticString, _ flags: CommandFlags, group: CommandGroup, since: StaticString,
        _ documentation: CommandDocumentation
    ) -> CommandRow {
        CommandRow(
            name, arity: -4, [.write, .denyOOM, flags], [.keyspace, .write, .slow, .dangerous], group: group,
            keys: [.one([.overwrite, .update])], plan: .deciding { needOfRestore($0) }, since: since,
            summary: "Makes a key from what DUMP answered.", complexity: "O(N) for N bytes of value.",
            documentation: documentation
        ) { restore(&$0) }
    }

    // MARK: DUMP

    private static func dump(_ context: inout CommandContext) {
        guard let entry = context.keyspace.read(context.key) else { return context.reply.pointee.null() }
        var payload = ByteBuffer()
        let compresses = context.settings.compressesDumps
        DumpPayload.append(of: entry.record, compresses: compresses, to: &payload)
        context.reply.pointee.bulk(payload.slice)
    }

    // MARK: RESTORE

    /// What follows the payload.
    private struct RestoreOptions {
        var replaces = false
        var isAbsolute = false
        var idleSeconds: Int64?
        var frequency: Int64?
    }

    /// An absolute time may be past: then RESTORE deletes the key, so it has to be known.
    private static func needOfRestore(_ arguments: Arguments) -> KeyNeed {
        let words = (4..<max(4, arguments.count)).map { arguments[$0] }
        let overwrites = words.contains { $0.equalsIgnoringCase("replace") }
        return overwrites && !words.contains { $0.equalsIgnoringCase("absttl") } ? .overwrite : .presence
    }

    private static func restore(_ context: inout CommandContext) {
        guard let options = restoreOptions(context) else { return }
        if !options.replaces, context.keyspace.find(context.key) != nil {
            return context.reply.pointee.error(ErrorText.busyKey)
        }
        guard let time = context.integer(2) else { return }
        // Redis lets the sum of a huge time and the clock wrap around and drops the key; it is refused here.
        let (sum, overflows) = time.addingReportingOverflow(options.isAbsolute || time == 0 ? 0 : context.now)
        guard time >= 0, !overflows else { return context.reply.pointee.error(ErrorText.invalidTTL) }
        guard let value = decoded(context) else { return }
        if case .collection(let collection) = value, context.refuses(collection) { return }
        let expiry = time == 0 ? nil : sum
        if let expiry, isPast(expiry, context) {
            if context.keyspace.delete(context.key) { context.keyspace.notify(.generic, "del", context.key) }
        } else {
            let record = record(context.key.bytes, value, expiry)
            context.replace(context.key, record)
            context.keyspace.notify(.generic, "restore", context.key)
            setAccess(of: record, options, context)
        }
        context.reply.pointee.ok()
    }

    /// The options from argument 4 on; nil if they are wrong, which has been replied then.
    private static func restoreOptions(_ context: borrowing CommandContext) -> RestoreOptions? {
        var options = RestoreOptions()
        var index = 4
        while index < context.arguments.count {
            let word = context.arguments[index]
            let hasMore = index + 1 < context.arguments.count
            if word.equalsIgnoringCase("replace") {
                options.replaces = true
            } else if word.equalsIgnoringCase("absttl") {
                options.isAbsolute = true
            } else if word.equalsIgnoringCase("idletime"), hasMore, options.frequency == nil {
                guard let idle = context.integer(index + 1) else { return nil }
                guard idle >= 0 else {
                    context.reply.pointee.error(ErrorText.invalidIdleTime)
                    return nil
                }
                options.idleSeconds = idle
                index += 1
            } else if word.equalsIgnoringCase("freq"), hasMore, options.idleSeconds == nil {
                guard let frequency = context.integer(index + 1) else { return nil }
                guard (0...255).contains(frequency) else {
                    context.reply.pointee.error(ErrorText.invalidFrequency)
                    return nil
                }
                options.frequency = frequency
                index += 1
            } else {
                context.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 1
        }
        return options
    }

    /// The value in argument 3, views into which it may hold; nil if there is none, which has been replied then.
    private static func decoded(_ context: borrowing CommandContext) -> RDBValue? {
        do {
            return try DumpPayload.decode(
                context.arguments[3], maximumStringBytes: context.settings.maximumStringBytes)
        } catch RDBError.wrongVersionOrChecksum {
            context.reply.pointee.error(ErrorText.wrongPayload)
        } catch {
            context.warn?("Bad data format in RESTORE: \(DumpPayload.complaint(context.arguments[3], error))")
            context.reply.pointee.error(ErrorText.badPayload)
        }
        return nil
    }

    private static func record(_ key: ByteSlice, _ value: RDBValue, _ expiry: Int64?) -> Record {
        switch value {
        case .string(.integer(let number)): .integer(key: key, number, expiry: expiry)
        // A fresh block of that size becomes the value as it is.
        case .string(.owned(let block)) where block.count >= Record.externalThreshold:
            .block(key: key, block, expiry: expiry)
        case .string(let string): string.withBytes { .string(key: key, value: $0, expiry: expiry) }
        case .collection(let collection): .collection(key: key, collection, expiry: expiry)
        }
    }

    /// IDLETIME counts under an LRU policy, FREQ under an LFU one; each is ignored under the other.
    private static func setAccess(of record: Record, _ options: RestoreOptions, _ context: borrowing CommandContext) {
        if context.settings.isLFU {
            guard let frequency = options.frequency else { return }
            record.access = context.keyspace.accessClock.word(frequency: Int(frequency))
        } else if let idle = options.idleSeconds {
            // The access word has 24 bits of seconds: 194 days.
            record.access = context.keyspace.accessClock.word(idleSeconds: min(idle, 0xff_ffff))
        }
    }
}
