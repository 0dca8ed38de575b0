import Bytes
import Commands
import Keyspace
import Platform
import RESP
import Storage
import Tiering
import Values

/// The subcommands of DEBUG that go through the whole data set: on a control thread.
enum DebugJobs {
    static func digest(_ core: ServerCore) -> BackgroundAnswer {
        var total = DatasetDigest()
        var reader = DatasetReader(store: core.store, tier: core.tier)
        for database in 0..<core.store.databases {
            var sum = DatasetDigest()
            var isEmpty = true
            do throws(DatasetReadError<Never>) {
                try reader.forEach(database: database) { (record: borrowing Record) in
                    var digest = DatasetDigest()
                    digest.mix(record.key)
                    digest.mix(record)
                    sum.join(digest)
                    isEmpty = false
                }
            } catch {
                return .failed("the flash tier failed: \(error)")
            }
            // The number comes before the keys, and only if there are any.
            if isEmpty { continue }
            total.mix(number: database)
            total.add(sum)
        }
        return .done(total.text)
    }

    // MARK: POPULATE

    static func populate(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case .done?: return context.reply.pointee.ok()
        case let other?: return context.refuse(other)
        case nil: break
        }
        let arguments = context.arguments
        guard let count = natural(arguments[2], context) else { return }
        var size = 0
        if arguments.count == 5 {
            guard let wanted = natural(arguments[4], context) else { return }
            size = wanted
        }
        let prefix = arguments.count > 3 ? arguments[3].array : Array("key".utf8)
        let core = context.core
        let database = context.database
        context.request = .change { [size] in
            do throws(StorageError) {
                try core.disposing.withLock { (_) throws(StorageError) in
                    try fill(core, database, count, prefix, size)
                }
                return .done(true)
            } catch {
                return .failed("the flash tier failed: \(error.message)")
            }
        }
    }

    private static func natural(_ text: ByteSlice, _ context: borrowing CommandContext) -> Int? {
        guard let number = Decimal.parseInt64(text) else {
            context.reply.pointee.error(ErrorText.notInteger)
            return nil
        }
        guard number >= 0 else {
            context.reply.pointee.error(ErrorText.notPositive)
            return nil
        }
        return Int(number)
    }

    /// `disposing` is held: the ledger is this thread's.
    private static func fill(
        _ core: ServerCore, _ database: Int, _ count: Int, _ prefix: [UInt8], _ size: Int
    ) throws(StorageError) {
        var writer = DatasetWriter(core: core, ledger: core.disposalLedger)
        var reader = DatasetReader(store: core.store, tier: core.tier)
        for number in 0..<count {
            let key = prefix + Array(":\(number)".utf8)
            if let found = try reader.fetch(key, database: database) {
                found.free()
                continue
            }
            var value = Array("value:\(number)".utf8)
            if size > 0 {
                value = Array(value.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - value.count))
            }
            let record = key.withSlice { key in value.withSlice { Record.string(key: key, value: $0, expiry: nil) } }
            writer.put(record, database: database)
        }
    }

    // MARK: RELOAD

    static func reload(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case .done?: return context.reply.pointee.ok()
        case let other?: return context.refuse(other)
        case nil: break
        }
        var saves = true
        var flushes = true
        var merges = false
        for index in 2..<max(2, context.arguments.count) {
            let word = context.arguments[index]
            if word.equalsIgnoringCase("merge") {
                merges = true
            } else if word.equalsIgnoringCase("noflush") {
                flushes = false
            } else if word.equalsIgnoringCase("nosave") {
                saves = false
            } else {
                return context.reply.pointee.error(
                    "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
            }
        }
        let core = context.core
        context.request = .change { [saves, flushes, merges] in
            // What others write between saving and flushing would be lost: they wait, as they do in Redis.
            core.pause.begin(.reload, until: .max, scope: .all, now: Clock.unixMilliseconds())
            core.waitForLoops()
            defer { core.pause.end(.reload) }
            do throws(DatasetFile.Failure) {
                try run(core, saves: saves, flushes: flushes, merges: merges)
                return .done(true)
            } catch {
                core.log.warning("DEBUG RELOAD failed: \(error.reason)")
                return .failed("Error trying to load the RDB dump")
            }
        }
    }

    private static func run(
        _ core: ServerCore, saves: Bool, flushes: Bool, merges: Bool
    ) throws(DatasetFile.Failure) {
        var path = core.configuration.current.snapshotFile
        if saves {
            path = "temp-reload-\(String(decoding: core.runID.prefix(16), as: UTF8.self)).rdb"
            try DatasetFile.save(core, to: path)
        }
        if flushes { core.dispose(core.flush(Array(0..<core.store.databases))) }
        let loaded: (keys: Int, expired: Int)
        do throws(DatasetFile.Failure) {
            loaded = try DatasetFile.load(core, from: path, replaces: merges || flushes)
        } catch {
            // What it holds may be gone from the server by now.
            if saves, flushes { core.log.warning("The data of before the reload is in \(path).") }
            throw error
        }
        // Written a moment ago for this alone; left behind it is in nobody's way.
        if saves { try? FileSystem.remove(path) }
        core.lastLoad.withLock { $0 = loaded }
        core.log.warning("DB reloaded by DEBUG RELOAD")
    }
}
