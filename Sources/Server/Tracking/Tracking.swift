import Bytes
import Commands
import Keyspace
import Platform
import Synchronization

// Client-side caching: who has read which keys, so that he can be told when they change.
//
// The simple version, one table behind one lock, would have every read of every tracking client and every write go
// through that lock. Here each shard of the keyspace has a table of its own, guarded by the shard's lock:
//
// - A read is remembered by the call that made it, before it gives its locks back. So between a client's read and its
//   place in the table no change can come: whoever changes the key afterwards finds the client there.
// - A change is told with the locks still held (`KeyspaceListener`). It takes the key out of the table: a client is
//   told once, until it reads the key again. Clients have names for keys, not databases: a key of the same name
//   in another database counts as the same.
// - A shard whose table isn't empty is observed, others cost writers nothing. While anybody is in broadcasting mode all
//   shards are.
// - A record that leaves RAM or comes back is no change: nothing is noted, the table isn't touched.
//
// What is sent, and when: a message is left for the receiver's loop under the same locks, in the order of the changes
// of a key, and the reply of the read was written by that loop before. So on one connection a client never sees
// the message before the value that it is about. Messages that a call causes to its own connection wait until its reply
// (for a transaction: EXEC's) is written; those of evictions that make room for a call come before it is run.
//
// Changes that nobody made, expiry and eviction, are told in NOLOOP mode too: Redis 7.0 leaves those out that happen
// while the client's own call runs, unless in broadcasting mode, and the client keeps what isn't there any more.

/// The tables of tracked keys, and who broadcasts are for.
final class Tracking: @unchecked Sendable {
    // @unchecked: `tables` are guarded by the shards' locks; the rest is atomic or a monitor.
    private let store: KeyspaceStore
    private let tables: UnsafeMutablePointer<[[UInt8]: Readers]>
    /// `tracking-table-max-keys`; 0 for no limit.
    let maximumKeys = Atomic<Int>(0)
    private let keyCount = Atomic<Int>(0)
    private let itemCount = Atomic<Int>(0)
    private let clientCount = Atomic<Int>(0)
    /// Rounds in a row after which the table was still too large.
    private let overruns = Atomic<Int>(0)
    /// Where the search for keys to drop goes on.
    private let hand = Atomic<Int>(0)
    /// Everybody who tracks.
    private let clients = Monitor<[Int: TrackingClient]>([:])

    private struct Prefix {
        let bytes: [UInt8]
        var clients: [TrackingClient]
    }
    private let prefixes = Monitor<[Prefix]>([])
    private let prefixCount = Atomic<Int>(0)
    /// Held while shards begin or cease to be observed for broadcasts: who asks for the second prefix must find all of
    /// them observed. Taken before shards' locks, never under one.
    private let broadcasting = Monitor(())

    /// Who has read a key. Most keys have one reader.
    private enum Readers {
        case one(TrackingClient)
        case many([Int: TrackingClient])

        var count: Int {
            switch self {
            case .one: 1
            case .many(let all): all.count
            }
        }

        /// Whether the client is new.
        mutating func insert(_ client: TrackingClient) -> Bool {
            switch self {
            case .one(let other):
                if other === client { return false }
                self = .many([other.id: other, client.id: client])
                return true
            case .many(var all):
                self = .one(client)  // so that the dictionary has one owner and isn't copied
                let isNew = all.updateValue(client, forKey: client.id) == nil
                self = .many(all)
                return isNew
            }
        }

        func forEach(_ body: (TrackingClient) -> Void) {
            switch self {
            case .one(let client): body(client)
            case .many(let all): for client in all.values { body(client) }
            }
        }
    }

    init(store: KeyspaceStore) {
        self.store = store
        tables = .allocate(capacity: Position.shardCount)
        tables.initialize(repeating: [:], count: Position.shardCount)
    }

    deinit {
        tables.deinitialize(count: Position.shardCount)
        tables.deallocate()
    }

    // MARK: What INFO shows

    var totalKeys: Int { keyCount.load(ordering: .relaxed) }
    var totalItems: Int { itemCount.load(ordering: .relaxed) }
    var totalPrefixes: Int { prefixCount.load(ordering: .relaxed) }
    var totalClients: Int { clientCount.load(ordering: .relaxed) }

    // MARK: Clients

    /// Tracking begins, or goes on in another way; `added`: prefixes that the client hasn't had yet. Without locks of
    /// shards.
    func enable(
        _ client: TrackingClient, _ options: TrackingOptions, target: TrackingClient?, added: [[UInt8]]
    ) {
        clients.withLock { clients in
            if clients.updateValue(client, forKey: client.id) == nil { clientCount.add(1, ordering: .relaxed) }
        }
        client.set(options, target: target)
        guard !added.isEmpty else { return }
        broadcasting.withLock { _ in
            let isFirst = prefixes.withLock { all in
                let isFirst = all.isEmpty
                for bytes in added {
                    if let index = all.firstIndex(where: { $0.bytes == bytes }) {
                        all[index].clients.append(client)
                    } else {
                        all.append(Prefix(bytes: bytes, clients: [client]))
                    }
                }
                prefixCount.store(all.count, ordering: .relaxed)
                return isFirst
            }
            if isFirst { observeAll(1) }
        }
    }

    /// Tracking is off. Keys in the table stay there until they change. Without locks of shards.
    func disable(_ client: TrackingClient) {
        guard let options = client.options else { return }
        client.set(nil, target: nil)
        clients.withLock { clients in
            if clients.removeValue(forKey: client.id) != nil { clientCount.subtract(1, ordering: .relaxed) }
        }
        guard options.isBroadcast else { return }
        broadcasting.withLock { _ in
            let wasLast = prefixes.withLock { all in
                guard !all.isEmpty else { return false }
                for index in all.indices { all[index].clients.removeAll { $0 === client } }
                all.removeAll { $0.clients.isEmpty }
                prefixCount.store(all.count, ordering: .relaxed)
                return all.isEmpty
            }
            if wasLast { observeAll(-1) }
        }
    }

    private func observeAll(_ more: Int) {
        for shard in 0..<Position.shardCount {
            store.lock(shard)
            store.observe(shard, more)
            store.unlock(shard)
        }
    }

    // MARK: Reads

    /// The client has read the call's keys, whose shards are still locked.
    func remember(_ client: TrackingClient, _ keys: borrowing KeyRefs) {
        for index in 0..<keys.count {
            let key = keys[index].bytes.array
            let shard = keys[index].position.shard
            if tables[shard].isEmpty { store.observe(shard, 1) }
            if let isNew = tables[shard][key]?.insert(client) {
                if isNew { itemCount.add(1, ordering: .relaxed) }
                continue
            }
            tables[shard][key] = .one(client)
            keyCount.add(1, ordering: .relaxed)
            itemCount.add(1, ordering: .relaxed)
        }
    }

    // MARK: Changes

    /// Keys have changed, through calls of `actor` or by themselves. The locks of their shards are held.
    func happened(_ changes: [KeyChange], by actor: ClientSession?) {
        if changes.isEmpty { return }
        for change in changes {
            guard let readers = take(change.key, change.position.shard) else { continue }
            tell(readers, change.key, isOwn: change.isMade, by: actor)
        }
        if prefixCount.load(ordering: .relaxed) > 0 { broadcast(changes, by: actor) }
    }

    /// Takes a key out of its table.
    private func take(_ key: [UInt8], _ shard: Int) -> Readers? {
        guard !tables[shard].isEmpty, let readers = tables[shard].removeValue(forKey: key) else { return nil }
        if tables[shard].isEmpty {
            tables[shard] = [:]
            store.observe(shard, -1)
        }
        keyCount.subtract(1, ordering: .relaxed)
        itemCount.subtract(readers.count, ordering: .relaxed)
        return readers
    }

    private func tell(_ readers: Readers, _ key: [UInt8], isOwn: Bool, by actor: ClientSession?) {
        readers.forEach { client in
            // Whoever reads nothing more by itself, or hears of everything anyway, is not told of what it once read.
            guard let options = client.options, !options.isBroadcast else { return }
            let isActor = client === actor?.tracking
            if isActor, isOwn, options.excludesOwn { return }
            send(.invalidate([key]), to: client, isActor ? actor : nil)
        }
    }

    /// To the actor itself: when its call is over.
    private func send(_ message: TrackingMessage, to client: TrackingClient, _ actor: ClientSession?) {
        if let actor { actor.ownInvalidations.append(message) } else { client.send(message) }
    }

    /// One message for each prefix with all keys of one call.
    private func broadcast(_ changes: [KeyChange], by actor: ClientSession?) {
        // The last change of a key says whether it was the actor's own.
        var isOwn: [[UInt8]: Bool] = [:]
        var order: [[UInt8]] = []
        for change in changes where isOwn.updateValue(change.isMade, forKey: change.key) == nil {
            order.append(change.key)
        }
        prefixes.withLock { all in
            for prefix in all {
                let keys = order.filter { $0.starts(with: prefix.bytes) }
                if keys.isEmpty { continue }
                for client in prefix.clients {
                    let isActor = client === actor?.tracking
                    var told = keys
                    if isActor, client.options?.excludesOwn == true {
                        told = keys.filter { isOwn[$0] == false }
                        if told.isEmpty { continue }
                    }
                    send(.invalidate(told), to: client, isActor ? actor : nil)
                }
            }
        }
    }

    /// Databases were emptied or exchanged: every key may have changed. All locks are held. Tells everybody but
    /// `caller`. What the tables held is returned, to be freed elsewhere.
    func everythingChanged(except caller: TrackingClient?) -> [Any] {
        var dead: [Any] = []
        for shard in 0..<Position.shardCount where !tables[shard].isEmpty {
            dead.append(tables[shard])
            tables[shard] = [:]
            store.observe(shard, -1)
        }
        keyCount.store(0, ordering: .relaxed)
        itemCount.store(0, ordering: .relaxed)
        if clientCount.load(ordering: .relaxed) > 0 {
            for client in clients.withLock({ Array($0.values) }) where client !== caller { client.send(.invalidateAll) }
        }
        return dead
    }

    // MARK: The limit

    /// Keys that are dropped in one round, when the round before has reached the limit.
    private static let keysPerRound = 100

    /// Whether there are more keys than `tracking-table-max-keys`. Two relaxed loads.
    @inline(__always)
    var isOverLimit: Bool {
        let maximum = maximumKeys.load(ordering: .relaxed)
        return maximum > 0 && keyCount.load(ordering: .relaxed) > maximum
    }

    /// Drops keys of a table that is too large, as if they had changed: a bounded number, more in every round that
    /// doesn't reach the limit. Without locks of shards.
    func reduce(for actor: ClientSession?) {
        var left = Self.keysPerRound * (overruns.add(1, ordering: .relaxed).newValue)
        // One key of a shard at a time, so that no keys are spared because of where they lie.
        var empty = 0
        while isOverLimit, left > 0, empty < Position.shardCount {
            let shard = hand.wrappingAdd(1, ordering: .relaxed).oldValue & (Position.shardCount - 1)
            store.lock(shard)
            if let key = tables[shard].keys.first, let readers = take(key, shard) {
                tell(readers, key, isOwn: false, by: actor)
                left -= 1
                empty = 0
            } else {
                empty += 1
            }
            store.unlock(shard)
        }
        if !isOverLimit { overruns.store(0, ordering: .relaxed) }
    }
}

extension KeyChange {
    /// Whether somebody has made the change, rather than time or lack of room.
    var isMade: Bool {
        switch kind {
        case .written, .deleted: true
        case .expired, .evicted: false
        }
    }
}

extension ServerCore {
    /// Keys, items, prefixes and clients, as INFO shows them: for tests.
    package var trackingTotals: [Int] {
        [tracking.totalKeys, tracking.totalItems, tracking.totalPrefixes, tracking.totalClients]
    }
}
