import Commands
import Keyspace
import RESP
import Synchronization

/// A command that waits for EXEC.
struct QueuedCommand: @unchecked Sendable {
    // @unchecked: immutable; the index outlives all connections.
    let entry: UnsafePointer<CommandIndex.Entry>
    /// In the transaction's `requests`.
    let arguments: Arguments
    /// Where its only key belongs, if the command has one, argument 1.
    let position: Position

    /// Whether it can run under the locks of its keys, as part of a transaction: see `ExclusiveGate` for the others.
    var runsUnderLocks: Bool {
        let flags = entry.pointee.flags
        if flags.contains(.needsGate) { return false }
        return entry.pointee.shape != .none || flags.contains(.runsUnderLocks)
    }
}

/// What MULTI and WATCH have begun on a connection. Its loop's alone.
final class Transaction {
    /// Room for so many commands is kept from one transaction to the next.
    private static let keptCommands = 64

    /// A command was refused when it was to be queued: EXEC runs none.
    var isFlagged = false
    private(set) var commands: [QueuedCommand] = []
    /// Where their arguments are.
    private(set) var requests = StoredRequests()
    /// The flags of all queued commands together.
    private(set) var flags: CommandFlags = []
    /// One of the commands can't run under locks.
    private(set) var needsGate = false
    /// What the queued arguments take, counted as Redis does: their bytes, and a pointer for each.
    private(set) var argumentBytes = 0
    var watches: [Watch] = []
    /// EXEC, while it waits for the exclusive gate or runs behind it.
    var run: ExclusiveRun?

    func append(_ entry: UnsafePointer<CommandIndex.Entry>, _ arguments: Arguments, _ position: Position) {
        let command = QueuedCommand(entry: entry, arguments: requests.append(arguments), position: position)
        commands.append(command)
        flags.formUnion(entry.pointee.flags)
        if !command.runsUnderLocks { needsGate = true }
        argumentBytes = arguments.buffer.reduce(argumentBytes) { $0 + $1.count + 8 }
    }

    /// Forgets everything but the watches, which stand in tables that need locks.
    func forgetCommands() {
        isFlagged = false
        commands.removeAll(keepingCapacity: commands.count <= Self.keptCommands)
        // Behind the gate they are still read if their connection ends.
        if isKnownUniquelyReferenced(&requests) { requests.removeAll() } else { requests = StoredRequests() }
        flags = []
        needsGate = false
        argumentBytes = 0
        run = nil
    }

    /// Whether a key that is watched has passed its time, be it removed already or not.
    func hasExpiredWatch(now: Int64) -> Bool {
        watches.contains { watch in watch.existed && watch.expiry.map { $0 < now } ?? false }
    }
}

extension ClientSession {
    /// Begins to queue commands.
    func beginQueueing() {
        if transaction == nil { transaction = Transaction() }
        isQueueing = true
        queuedCommands.store(0, ordering: .relaxed)
    }

    /// `position`: where its key belongs, if it has a single one.
    func queue(_ entry: UnsafePointer<CommandIndex.Entry>, _ arguments: Arguments, _ position: Position) {
        // What will not run needs no memory.
        guard let transaction, !transaction.isFlagged, !hasBrokenWatch.load(ordering: .relaxed) else { return }
        transaction.append(entry, arguments, position)
        queuedCommands.store(transaction.commands.count, ordering: .relaxed)
        noteQueued(bytes: transaction.argumentBytes)
    }

    private func noteQueued(bytes: Int) {
        // The loop is the only one that writes it.
        let more = bytes - queuedBytes.load(ordering: .relaxed)
        queuedBytes.store(bytes, ordering: .relaxed)
        hold(more)
    }

    /// Ends the transaction, run or not, and all watches.
    func endTransaction() {
        guard let transaction else { return }
        unwatch()
        transaction.forgetCommands()
        isQueueing = false
        queuedCommands.store(-1, ordering: .relaxed)
        noteQueued(bytes: 0)
    }

    func watch(_ watch: Watch) {
        if transaction == nil { transaction = Transaction() }
        transaction?.watches.append(watch)
        worker.core.observers.watches.add(watch)
        watchCount.add(1, ordering: .relaxed)
        hold(watch.memoryBytes)
    }

    /// Ends all watches. Takes the locks of their shards, one at a time.
    func unwatch() {
        let store = worker.core.store
        forgetWatches { watch in
            store.lock(watch.position.shard)
            worker.core.observers.watches.remove(watch)
            store.unlock(watch.position.shard)
        }
    }

    /// Ends all watches; their shards are locked.
    func unwatchLocked() { forgetWatches { worker.core.observers.watches.remove($0) } }

    private func forgetWatches(_ remove: (Watch) -> Void) {
        guard let transaction else { return }
        for watch in transaction.watches { remove(watch) }
        if !transaction.watches.isEmpty { hold(-transaction.watches.reduce(0) { $0 + $1.memoryBytes }) }
        transaction.watches = []
        watchCount.store(0, ordering: .relaxed)
        hasBrokenWatch.store(false, ordering: .relaxed)
    }
}
