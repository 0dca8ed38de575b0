import Bytes
import Commands
import Keyspace
import RESP
import Storage

/// FLUSHDB, FLUSHALL, SWAPDB.
enum FlushCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            "flushdb", arity: -1, [.write], [.keyspace, .write, .slow, .dangerous], group: .server, since: "1.0.0",
            summary: "Removes all keys of the selected database; CACHE: only drops them from RAM.",
            complexity: "O(1), the memory is freed in the background.",
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
            documentation: ServerSyntax.flushdb
        ) { flush(&$0, everything: false) },
        CommandRow(
            "flushall", arity: -1, [.write], [.keyspace, .write, .slow, .dangerous], group: .server, since: "1.0.0",
            summary: "Removes all keys of all databases; CACHE: only drops them from RAM.",
            complexity: "O(databases), the memory is freed in the background.",
            tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
            documentation: ServerSyntax.flushall
        ) { flush(&$0, everything: true) },
        CommandRow(
            "swapdb", arity: 3, [.write, .fast], [.keyspace, .write, .fast, .dangerous], group: .server, since: "4.0.0",
            summary: "Exchanges two databases.", complexity: "O(1)",
            documentation: ServerSyntax.swapdb, swap),
    ]

    private static func flush(_ context: inout CommandContext, everything: Bool) {
        if let answer = context.answer {
            switch answer {
            case .failed(let text): return context.reply.pointee.error("ERR \(text)")
            case .done(let hasFlushed as Bool) where hasFlushed: context.session.noteEverythingChanged()
            default: break
            }
            return context.reply.pointee.ok()
        }
        var waits = !context.core.configuration.current.lazyFreeing.userFlush
        if context.arguments.count > 2 { return context.reply.pointee.error(ErrorText.syntax) }
        if context.arguments.count == 2 {
            let word = context.arguments[1]
            if word.equalsIgnoringCase("async") {
                waits = false
            } else if word.equalsIgnoringCase("sync") {
                waits = true
            } else if word.equalsIgnoringCase("cache") {
                return dropCache(&context)
            } else {
                return context.reply.pointee.error(ErrorText.syntax)
            }
        }
        let core = context.core
        let databases = everything ? Array(0..<core.store.databases) : [context.database]
        let caller = context.session.tracking
        if waits {
            // Freeing takes as long as there are records: not on the loop, and the caller waits for it. Nothing is done
            // before: this runs again from the top when the job is done.
            context.request = .change {
                core.dispose(core.flush(databases, except: caller))
                return .done(true)
            }
        } else {
            let detached = core.flush(databases, except: caller)
            core.control.submit { core.dispose(detached) }
            context.session.noteEverythingChanged()
            context.reply.pointee.ok()
        }
    }

    private static func dropCache(_ context: inout CommandContext) {
        guard let tier = context.core.tier else { return context.reply.pointee.ok() }
        context.request = .job {
            do throws(StorageError) {
                try tier.spillEverything(keepsClean: false)
                return .done(false)
            } catch {
                return .failed("the flash tier failed: \(error.message)")
            }
        }
    }

    private static func swap(_ context: inout CommandContext) {
        let store = context.keyspace.store
        guard let first = Decimal.parseInt64(context.arguments[1]) else {
            return context.reply.pointee.error("ERR invalid first DB index")
        }
        guard let second = Decimal.parseInt64(context.arguments[2]) else {
            return context.reply.pointee.error("ERR invalid second DB index")
        }
        guard first >= 0, first < Int64(store.databases), second >= 0, second < Int64(store.databases) else {
            return context.reply.pointee.error(ErrorText.databaseIndex)
        }
        let core = context.core
        store.lockAll()
        context.core.observers.willSwap(Int(first), Int(second), now: context.now)
        store.swap(Int(first), Int(second))
        core.observers.databasesChanged([Int(first), Int(second)])
        let dead = first == second ? [] : core.tracking.everythingChanged(except: context.session.tracking)
        store.unlockAll()
        core.free(dead)
        if first != second { context.session.noteEverythingChanged() }
        context.reply.pointee.ok()
    }
}

extension ServerCore {
    /// Empties databases. What it returns is to be disposed of, off the loops.
    /// `caller` is told by its own call, after the reply.
    func flush(_ databases: [Int], except caller: TrackingClient? = nil) -> [KeyspaceStore.Detached] {
        store.lockAll()
        observers.willFlush(databases)
        let detached = databases.map { store.detach(database: $0) }
        observers.databasesChanged(databases)
        let dead = tracking.everythingChanged(except: caller)
        store.unlockAll()
        free(dead)
        for part in detached where part.keys > 0 { tier?.bury(generation: part.generation) }
        return detached
    }

    /// Has tables freed off the loops.
    func free(_ tables: [Any]) {
        if tables.isEmpty { return }
        // The job's reference is the last; the compiler is told that nobody uses it from two threads.
        nonisolated(unsafe) let dead = tables
        control.submit { _ = dead }
    }

    /// Frees what a flush left: records in RAM, then the data of the dead generations on flash.
    func dispose(_ detached: [KeyspaceStore.Detached]) {
        let ledger = disposalLedger
        for part in detached {
            disposing.withLock { _ in part.free(ledger) }
            guard let tier, part.keys > 0 else { continue }
            do throws(StorageError) {
                try tier.reap(generation: part.generation)
            } catch {
                // The generation is dead whether or not its data is gone: nothing can see it, and the spiller tries
                // again.
                log.warning("Removing flushed data from flash failed for now: \(error.message)")
            }
        }
        tier?.evaluate()
    }
}
