import Bytes
import Commands
import Keyspace
import Platform
import Synchronization
import Values

// Blocked calls: who waits for which key, and who gets what is pushed.
//
// The simple version (a pusher wakes a waiter, which runs again and takes what is there) lets others take it first, and
// serves waiters in no order. Redis serves them within the command that pushes, which needs no order among threads.
// Here a waiter belongs to its loop, and to run it may need other shards' locks and keys from flash, which a pusher
// can't wait for under its own locks. So what was pushed is put aside for the one it is for:
//
//  1. A call that found nothing is put into the queue of each of its keys, under the locks under which it found
//     nothing: no push can come between.
//  2. A change of a key is told to `happened` before the changing call gives its locks back. If the key now holds what
//     somebody in its queue wants, the first such call is *claimed* and the key *reserved* for it.
//  3. The claimed call's loop runs it again from the top. Any other call that needs the key is parked until then;
//     `LockedKeyspace.hasReserved` tells, on a line that locking has just brought into the cache.
//  4. When it has run, it leaves its queues, and under the same locks the key is offered to the next. If there is
//     nothing for anybody any more, those who were parked go on, first come, first served.
//
// So to all others a push and the calls that it serves are one step, though they run on different threads. Who sees
// keys without locking them (DBSIZE, SCAN, FLUSHALL), or goes on after a push, waits for its consequences:
// `Reservations`.
//
// What keeps this right:
//
//  - No key that isn't reserved holds something that a waiting call in its queue wants: each place that could change
//    this (a change, a release, a swap, a call that waits again) offers the key.
//  - A claimed call takes from the key it was claimed for and no other, so it can't take what is reserved for others.
//    It may need one more key (BLMOVE's target), and waits for that only if the other reservation is older: there is
//    no circle.
//  - A call that is claimed runs whatever happens, or its connection closes: then its loop gives the key on.
//
// Most waiting calls need no key but the one that was pushed to. Those are not claimed but *served* where they stand in
// the queue, by the thread that pushed and under its locks (`BlockRequest.serve`); their loops only send the reply. It
// saves two hand-overs between loops for each element, and the other calls that want the key needn't queue behind it.
// Reservations remain for BLMOVE, whose target may be cold or in a shard that can't be locked in order, and for keys of
// which only a run can find out whether they are there.

/// The queues of all keys that somebody waits on.
final class WaitTable: @unchecked Sendable {
    // @unchecked: `queues` are guarded by the locks of their shards; the rest is constant or a monitor.
    private let store: KeyspaceStore
    /// By shard.
    private let queues: UnsafeMutablePointer<[WaitedKey: WaitQueue]>
    let reservations = Reservations()
    /// Keys that have changed in a transaction which has the exclusive gate: what it does is told as a whole.
    private let postponed = Monitor<[WaitQueue]>([])
    private let postpones = Atomic<Bool>(false)
    /// All blocked calls, by their connections' identifiers.
    private let calls = Monitor<[Int: BlockedCall]>([:])

    init(store: KeyspaceStore) {
        self.store = store
        queues = .allocate(capacity: Position.shardCount)
        queues.initialize(repeating: [:], count: Position.shardCount)
    }

    deinit {
        queues.deinitialize(count: Position.shardCount)
        queues.deallocate()
    }

    // MARK: The calls

    /// For INFO.
    struct Totals {
        var calls = 0
        var withDeadline = 0
        var keys = 0
        /// Of those, the ones of which somebody wants to know that they are gone.
        var keysOnNoKey = 0
    }

    /// O(blocked calls).
    var totals: Totals {
        calls.withLock { calls in
            var totals = Totals()
            var keys = Set<WaitedKey>()
            var onNoKey = Set<WaitedKey>()
            for call in calls.values where call.fate == .waiting {
                totals.calls += 1
                if call.deadline != .max { totals.withDeadline += 1 }
                keys.formUnion(call.keys.lazy.map(\.key))
                if call.request.wants(nil) { onNoKey.formUnion(call.keys.lazy.map(\.key)) }
            }
            totals.keys = keys.count
            totals.keysOnNoKey = onNoKey.count
            return totals
        }
    }

    /// CLIENT UNBLOCK. Whether the connection's call was waiting.
    func unblock(_ client: Int, withError: Bool) -> Bool {
        guard let call = calls.withLock({ $0[client] }), call.decide(.unblocked(withError: withError)) else {
            return false
        }
        call.wake()
        return true
    }

    // MARK: Waiting

    /// Puts a call into the queues of its keys. Their shards are locked, and the call has found nothing.
    func register(_ call: BlockedCall) {
        calls.withLock { $0[call.session.id] = call }
        for (key, index) in call.keys {
            let position = key.key.withSlice { store.placement.position(of: $0) }
            let queue = queue(key, position)
            let node = WaitNode(call, index, queue)
            queue.append(node)
            call.nodes.append(node)
            store.observe(position.shard, 1)
        }
    }

    private func key(_ ref: KeyRef) -> WaitedKey {
        WaitedKey(database: store.database(ofSpace: ref.space), key: ref.bytes.array)
    }

    private func queue(_ key: WaitedKey, _ position: Position) -> WaitQueue {
        if let queue = queues[position.shard][key] { return queue }
        let queue = WaitQueue(key, position)
        queues[position.shard][key] = queue
        return queue
    }

    /// A claimed call has run and has replied. Its keys' shards are still locked.
    func served(_ call: BlockedCall, _ context: inout CommandContext) {
        call.finish()
        // What it has pushed itself is offered as a consequence of what it was served.
        for index in 0..<context.keys.count where !call.request.keys.contains(index) {
            let ref = context.keys[index]
            if let queue = queues[ref.position.shard][key(ref)] {
                offer(queue, &context.keyspace, isSettled: true, chain: call.ticket.chain)
                dismantle(queue)
            }
        }
        for node in call.nodes { depart(node, &context.keyspace, isSettled: true) }
        call.nodes = []
        _ = calls.withLock { $0.removeValue(forKey: call.session.id) }
    }

    /// A claimed call has run and found nothing: it keeps its places. Its keys' shards are still locked.
    func failed(_ call: BlockedCall, in keyspace: inout LockedKeyspace) {
        call.waitAgain()
        for node in call.nodes {
            if node.queue.holder === call {
                // The call itself has just seen that there is nothing for it.
                release(node.queue, &keyspace, isSettled: true, except: call)
            } else {
                // While it was claimed, what came under its other keys passed it by.
                offer(node.queue, &keyspace, isSettled: true)
            }
        }
    }

    /// A call ends otherwise: it was served, its time is up, somebody has ended the wait, or its connection is gone.
    /// Takes and releases the locks of its keys' shards, one after the other.
    func leave(_ call: BlockedCall, in keyspace: inout LockedKeyspace) {
        call.finish()
        for node in call.nodes {
            let shard = node.queue.position.shard
            keyspace.lock(shard)
            depart(node, &keyspace, isSettled: false)
            keyspace.unlock(shard)
        }
        call.nodes = []
        _ = calls.withLock { $0.removeValue(forKey: call.session.id) }
    }

    /// Takes a call out of one queue, and gives on what it held. The shard is locked.
    private func depart(_ node: WaitNode, _ keyspace: inout LockedKeyspace, isSettled: Bool) {
        let queue = node.queue
        if node.isQueued {
            queue.remove(node)
            store.observe(queue.position.shard, -1)
        }
        if queue.holder === node.call { release(queue, &keyspace, isSettled: isSettled) }
        dismantle(queue)
    }

    private func dismantle(_ queue: WaitQueue) {
        let shard = queue.position.shard
        if queue.first == nil, queue.holder == nil, queues[shard][queue.key] === queue {
            queues[shard][queue.key] = nil
        }
    }

    // MARK: Reserving

    /// Keys have changed. Their shards are locked, and the call that changed them is done.
    func happened(_ changes: [KeyChange], in keyspace: inout LockedKeyspace) {
        for change in changes where !queues[change.position.shard].isEmpty {
            let key = WaitedKey(database: change.database, key: change.key)
            if let queue = queues[change.position.shard][key] {
                offer(queue, &keyspace, isSettled: true)
                dismantle(queue)
            }
        }
    }

    /// Databases show other keys than before. All shards are locked.
    func databasesChanged(_ databases: [Int]) {
        // A view that changes nothing: nobody tells of changes when these locks are given back.
        var keyspace = LockedKeyspace(store: store, ledger: store.idleLedger)
        keyspace.now = Clock.unixMilliseconds()
        keyspace.deletesExpired = false
        for shard in 0..<Position.shardCount where !queues[shard].isEmpty {
            for queue in queues[shard].values where databases.contains(queue.key.database) {
                offer(queue, &keyspace, isSettled: false, serves: false)
            }
        }
    }

    /// A transaction that has the exclusive gate begins. There are no reservations.
    func beginTransaction() { postpones.store(true, ordering: .relaxed) }

    /// The transaction is through, and no other command has run yet: offers what it has brought. Takes and releases
    /// locks.
    func endTransaction(in keyspace: inout LockedKeyspace) {
        postpones.store(false, ordering: .relaxed)
        let changed = postponed.withLock { changed in
            defer { changed = [] }
            return changed
        }
        for queue in changed {
            keyspace.lock(queue.position.shard)
            offer(queue, &keyspace, isSettled: false)
            dismantle(queue)
            keyspace.unlock(queue.position.shard)
        }
    }

    /// Serves the calls that wait for what is there now, unless the key is reserved; reserves it for the first that
    /// must run. The shard is locked. `isSettled`: a key without an entry in RAM doesn't exist; else it may be on
    /// flash, and a call must run to find out. `serves`: this view may change keys.
    private func offer(
        _ queue: WaitQueue, _ keyspace: inout LockedKeyspace, isSettled: Bool, serves: Bool = true,
        chain: UInt64? = nil, except: BlockedCall? = nil
    ) {
        guard queue.holder == nil, queue.first != nil else { return }
        if postpones.load(ordering: .relaxed) { return postponed.withLock { $0.append(queue) } }
        queue.key.key.withSlice { bytes in
            let ref = KeyRef(
                bytes: bytes, position: queue.position, space: store.space(ofDatabase: queue.key.database))
            var entry = keyspace.peek(ref)
            let isUnknown = !isSettled && entry == nil && !keyspace.isResident(ref)
            var cursor = queue.first
            while let node = cursor {
                cursor = node.next
                let wants = isUnknown || node.call.request.wants(entry?.record)
                guard wants, node.call !== except else { continue }
                // Who takes from a collection of which pages are only on flash must ask for them.
                if serves, let found = entry, found.record.collectionObject?.isPartial != true,
                    let serve = node.call.request.serve
                {
                    guard node.call.serve({ serve(&keyspace, ref, found, $0) }) else { continue }
                    queue.remove(node)
                    store.observe(queue.position.shard, -1)
                    node.call.wake()
                    entry = keyspace.peek(ref)
                    continue
                }
                guard node.call.decide(.claimed(key: node.index)) else { continue }
                queue.holder = node.call
                queue.ticket = reservations.begin(chain: chain)
                node.call.ticket = queue.ticket
                keyspace.heard = queue.ticket.chain
                keyspace.reserve(queue.position.shard, 1)
                return node.call.wake()
            }
        }
    }

    /// The holder has run, or never will: gives the key on to the next, or frees it. The shard is locked.
    private func release(
        _ queue: WaitQueue, _ keyspace: inout LockedKeyspace, isSettled: Bool, except: BlockedCall? = nil
    ) {
        queue.holder = nil
        keyspace.reserve(queue.position.shard, -1)
        let ended = queue.ticket
        offer(queue, &keyspace, isSettled: isSettled, chain: ended.chain, except: except)
        // The new reservation, if there is one, is younger than those of claimed calls that wait here.
        queue.resume(onlyClaimed: queue.holder != nil)
        reservations.end(ended)
    }

    /// Whether one of a call's keys is reserved for another: then the call's connection is resumed when it is free. The
    /// keys' shards are locked.
    func holdsUp(_ session: ClientSession, _ context: inout CommandContext) -> Bool {
        let own = session.blocked
        for index in 0..<context.keys.count {
            let ref = context.keys[index]
            let shard = ref.position.shard
            // A call that waits looks at none of its keys but the one it holds.
            if !context.keyspace.hasReserved(shard) || own?.request.keys.contains(index) ?? false { continue }
            guard let queue = queues[shard][key(ref)], let holder = queue.holder, holder !== own else { continue }
            if let own {
                if queue.ticket.number > own.ticket.number { continue }
                queue.claimed.append(session)
            } else {
                queue.outsiders.append(session)
            }
            return true
        }
        return false
    }
}

extension WaitTable {
    /// Whether nobody waits and nothing is reserved. For tests: takes the locks.
    package var isUnused: Bool {
        store.lockAll()
        defer { store.unlockAll() }
        let hasQueues = (0..<Position.shardCount).contains { !queues[$0].isEmpty || store.isObservedOrReserved($0) }
        return !hasQueues && reservations.isEmpty && calls.withLock { $0.isEmpty }
    }
}
