import Bytes
import Values

// Spill: which records leave RAM, and what becomes of them. Keyspace chooses and marks under the shard's lock and
// copies what is to be written into a sink; Tiering writes the sink to the provider without any lock and comes back
// with the outcome.
//
// Victims: a hand walks each table in slot order (hash order, so as good as random). What it meets is dropped if it is
// clean, issued if it is dirty, or stays: see Generations.
//
// Rules of an operator may name keys that go sooner or later than that: see FlashRules.
//
// A record that is past due is deleted, never dropped or issued: its entry in the index by time may have been passed
// and removed already, and nobody would look at the key again (see Tiering/ColdExpiry).

/// Where chosen records go. The views are valid during the call.
public protocol SpillSink: ~Copyable {
    mutating func put(space: Int, key: ByteSlice, value: ByteSlice)
    mutating func delete(space: Int, key: ByteSlice)
    /// An index entry that goes with the put before it.
    mutating func putIndex(key: ByteSlice)
    mutating func putPage(_ owner: PageOwner, _ page: PageName, key: ByteSlice, value: ByteSlice)
    mutating func deletePage(_ owner: PageOwner, _ page: PageName, key: ByteSlice)
}

/// A key of which it must be found out whether it is on flash.
public struct Unresolved: Sendable {
    public let space: Int
    public let generation: UInt32
    public let position: Position
    public let key: [UInt8]
}

/// What was found of it there.
public struct Resolution: Sendable {
    public var existed: Bool
    /// Whether it had an expiry, or members that have one.
    public var expiring = false
    public var members = false
    /// Of what its pages were.
    public var collection: UInt64?

    public init(existed: Bool, expiring: Bool = false, members: Bool = false, collection: UInt64? = nil) {
        self.existed = existed
        self.expiring = expiring
        self.members = members
        self.collection = collection
    }
}

/// What one visit of the hand did.
public struct HandVisit: Sendable {
    /// Bytes freed at once by dropping clean records.
    public var freed = 0
    public var dropped = 0
    /// Records issued to the sink, and their bytes in RAM.
    public var issued = 0
    public var issuedBytes = 0
    public var visited = 0
    /// Pages of collections that were looked at, and those that lost a touch.
    public var pages = 0
    public var touchedPages = 0
    /// What the collection among whose pages the hand has stopped takes of RAM; 0 if it has stopped elsewhere.
    public var collectionBytes = 0
    /// Records that lost a touch, or were past due and are deleted.
    public var cooled = 0
    /// Records that could have left, and were passed over, for those of the other generation go before them.
    public var passed = 0
    /// Bytes that are free now, or will be when what was issued is on flash.
    public var leavingBytes: Int { freed + issuedBytes }
    /// Whether the visit brought anything nearer to leaving RAM.
    public var hadEffect: Bool { freed > 0 || issuedBytes > 0 || cooled > 0 || touchedPages > 0 }
    /// Dirty records that can't be issued before they are resolved.
    public var unresolved: [Unresolved] = []
    public init() {}
}

extension LockedKeyspace {
    /// Lets the hand of one shard and space look at up to `slots` slots, at each once at most (a second look at a small
    /// table would take the touches of what was used a moment ago); stops when `wantedBytes` are freed or issued.
    /// Takes and releases the lock. `ignoringTouches`: nothing is spared (a flush of the cache, a shutdown);
    /// `dropsClean`: else clean records stay; `sparesHot`: keys that a rule calls hot stay (see FlashRules).
    public mutating func turnHand<Sink: SpillSink & ~Copyable>(
        shard: Int, space: Int, slots: Int, wantedBytes: Int, ignoringTouches: Bool = false, dropsClean: Bool = true,
        sparesHot: Bool = true, into sink: inout Sink
    ) -> HandVisit {
        var visit = HandVisit()
        var scratch = ByteBuffer()
        let rules = ignoringTouches ? nil : store.flashRulesInForce
        lock(shard)
        defer { unlock(shard) }
        let part = partitions + (space * Position.shardCount + shard)
        let slots = min(slots, part.pointee.table.slotCount)
        var met = Met(part)
        defer { met.remember(part) }
        while visit.visited < slots, visit.leavingBytes < wantedBytes, part.pointee.table.count > 0 {
            if part.pointee.hand >= part.pointee.table.slotCount { part.pointee.hand = 0 }
            let index = part.pointee.hand
            visit.visited += 1
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree else {
                part.pointee.hand += 1
                continue
            }
            var policy = FlashRules.Policy.standard
            if let rules, slot.record.residence.isLive { policy = rules.policy(of: slot.record.key) }
            if policy == .hot, sparesHot {
                part.pointee.hand += 1
                continue
            }
            if !ignoringTouches, met.passesOver(slot.record), policy != .cold {
                visit.passed += 1
                part.pointee.hand += 1
                continue
            }
            let chosen = visit.dropped + visit.issued + visit.unresolved.count
            let outcome = consider(
                slot, index, part, shard, space, wantedBytes: wantedBytes,
                ignoringTouches: ignoringTouches || policy == .cold, dropsClean: dropsClean, &visit, into: &sink,
                &scratch)
            if policy == .hot, visit.dropped + visit.issued + visit.unresolved.count > chosen {
                Ledger.add(1, to: ledger.hotEvicted)
            }
            switch outcome {
            case .next: part.pointee.hand += 1
            case .again: break
            case .stays: return visit
            }
        }
        return visit
    }

    /// What a hand does after it has looked at a slot.
    enum HandStep {
        case next
        /// A record left or is a tombstone now: another one may stand at this index.
        case again
        /// It is among the pages of a collection.
        case stays
    }

    /// Does what is to be done about the record in a slot: drops it, issues it, or takes one of its touches. The shard
    /// is locked.
    mutating func consider<Sink: SpillSink & ~Copyable>(
        _ slot: Slot, _ index: Int, _ part: UnsafeMutablePointer<Partition>, _ shard: Int, _ space: Int,
        wantedBytes: Int, ignoringTouches: Bool, dropsClean: Bool, _ visit: inout HandVisit, into sink: inout Sink,
        _ scratch: inout ByteBuffer
    ) -> HandStep {
        let record = slot.record
        let residence = record.residence
        if residence.isPinned, !(ignoringTouches && residence.state == .dirty) {
            // A pinned record must not leave RAM; writing it (a shutdown writes all that is dirty) does no harm.
            return .next
        }
        let entry = Entry(record: record, partition: part, shard: shard, index: index)
        if residence.state == .dirty || residence.state == .clean {
            if isPastDue(record) {
                // A tombstone stays at this index, or the slots behind move up.
                expire(entry)
                visit.cooled += 1
                return .again
            }
            if hasDueMembers(record), !isHeld {
                _ = trim(entry)
                visit.cooled += 1
                return .again
            }
        }
        let position = Position(shard: shard, tag: slot.tag)
        if residence.isLive,
            staysAmongPages(
                of: record, part, position, space, wantedBytes: wantedBytes, ignoringTouches: ignoringTouches,
                dropsClean: dropsClean, &visit, into: &sink)
        {
            return .stays
        }
        if residence.frequency > 0, !ignoringTouches, residence.isLive {
            cool(record)
            visit.cooled += 1
            return .next
        }
        switch residence.state {
        case .clean, .absent:
            guard dropsClean || residence.state == .absent, pagesAllowDrop(record) else { return .next }
            // The slots behind move up.
            visit.freed += drop(part, shard, index)
            visit.dropped += 1
            return .again
        case .dirty:
            let generation = store.generations[space]
            visit.issuedBytes += record.memoryBytes
            if residence.isUnresolved {
                visit.unresolved.append(
                    Unresolved(space: space, generation: generation, position: position, key: record.key.array))
            } else {
                issue(record, space, generation, position, into: &sink, &scratch)
                visit.issued += 1
            }
            return .next
        case .spilling, .superseded, .deleted, .doomed, .deleting: return .next
        }
    }

    /// Lets the hands of one shard drop what is clean and untouched, without writing anything; what is dirty is passed
    /// over. Stops after `slots` slots of each space, each looked at once at most, or `wantedBytes`. Takes and
    /// releases the lock. Returns the bytes freed.
    public mutating func dropClean(shard: Int, slots: Int, wantedBytes: Int) -> Int {
        var freed = 0
        let rules = store.flashRulesInForce
        lock(shard)
        defer { unlock(shard) }
        for space in 0..<store.databases where freed < wantedBytes {
            let part = partitions + (space * Position.shardCount + shard)
            freed += dropClean(part, shard, slots, wantedBytes - freed, rules)
        }
        return freed
    }

    private mutating func dropClean(
        _ part: UnsafeMutablePointer<Partition>, _ shard: Int, _ slots: Int, _ wantedBytes: Int, _ rules: FlashRules?
    ) -> Int {
        var freed = 0
        let sparesHot = !store.takesHot.load(ordering: .relaxed)
        let slots = min(slots, part.pointee.table.slotCount)
        var met = Met(part)
        defer { met.remember(part) }
        for _ in 0..<slots where freed < wantedBytes && part.pointee.table.count > 0 {
            if part.pointee.hand >= part.pointee.table.slotCount { part.pointee.hand = 0 }
            let slot = part.pointee.table.slot(at: part.pointee.hand)
            guard !slot.isFree, !slot.record.residence.isPinned else {
                part.pointee.hand += 1
                continue
            }
            let residence = slot.record.residence
            var policy = FlashRules.Policy.standard
            if let rules, residence.isLive { policy = rules.policy(of: slot.record.key) }
            if policy == .hot, sparesHot {
                part.pointee.hand += 1
                continue
            }
            if met.passesOver(slot.record), policy != .cold {
                part.pointee.hand += 1
                continue
            }
            if let value = slot.record.collectionObject, value.paging != nil, value.expiries == nil,
                !dropCleanPages(value, part, wantedBytes: wantedBytes, &freed)
            {
                return freed
            }
            if residence.frequency > 0, residence.isLive, policy != .cold {
                cool(slot.record)
                part.pointee.hand += 1
            } else if residence.state == .absent
                || residence.state == .clean && !isPastDue(slot.record) && !hasDueMembers(slot.record)
                    && pagesAllowDrop(slot.record)
            {
                // The slots behind move up: the hand stays.
                if policy == .hot { Ledger.add(1, to: ledger.hotEvicted) }
                freed += drop(part, shard, part.pointee.hand)
            } else {
                part.pointee.hand += 1
            }
        }
        return freed
    }

    private func isPastDue(_ record: Record) -> Bool {
        guard let expiry = record.expiry else { return false }
        return expiry < now && !accessClock.suspendsExpiry && !isHeld
    }

    /// Whether what is past due must stay: it is spilled like anything else then.
    private var isHeld: Bool {
        store.holdsExpiry.load(ordering: .relaxed) || store.holdsDeletions.load(ordering: .relaxed)
    }

    /// Removes a clean record or an absent marker. Returns the bytes freed.
    private mutating func drop(_ part: UnsafeMutablePointer<Partition>, _ shard: Int, _ index: Int) -> Int {
        let record = part.pointee.table.slot(at: index).record
        guard case .gone = record.residence.after(.drop) else {
            preconditionFailure("dropping an entry in state \(record.residence.state)")
        }
        let freed = record.memoryBytes
        if record.residence.state == .clean {
            part.pointee.resident -= 1
            part.pointee.departures &+= 1
            losePages(part, record, shard, dies: false)
            if record.hasTimes {
                loseTimes(part, record)
                moveCold(part, expiring: record.hasExpiry, members: record.hasMemberExpiries, by: 1)
            }
            Ledger.add(1, to: ledger.dropped)
        }
        takeOut(part, shard, index)
        return freed
    }

    /// Copies a dirty record's put, or a tombstone's delete, to the sink and marks it as in flight.
    private mutating func issue<Sink: SpillSink & ~Copyable>(
        _ record: Record, _ space: Int, _ generation: UInt32, _ position: Position, into sink: inout Sink,
        _ scratch: inout ByteBuffer
    ) {
        guard case .keep(let residence) = record.residence.after(.issued) else {
            preconditionFailure("issuing an entry in state \(record.residence.state)")
        }
        scratch.removeAll()
        FlashKey.record(generation: generation, position: position, key: record.key, into: &scratch)
        let keyBytes = scratch.count
        if residence.state == .deleting {
            sink.delete(space: space, key: scratch.slice)
        } else {
            if let value = record.collectionObject {
                let part = partitions + (space * Position.shardCount + position.shard)
                stopPagingIfMembersExpire(value, part, position.shard)
            }
            RecordEncoding.encode(record, into: &scratch)
            sink.put(space: space, key: scratch.slice.prefix(keyBytes), value: scratch.slice.dropFirst(keyBytes))
            // One hint for the key and one for the first of its members: the next member's goes with the record that is
            // written without the first.
            for time in [record.expiry, record.hasMemberExpiries ? record.collectionObject?.earliestExpiry : nil] {
                guard let time else { continue }
                scratch.removeAll()
                FlashKey.expiry(generation: generation, at: time, position: position, key: record.key, into: &scratch)
                sink.putIndex(key: scratch.slice)
            }
        }
        record.residence = residence
    }

    /// Where the entry stands, with its shard locked; nil if it is gone meanwhile.
    private func find(_ item: Unresolved) -> (part: UnsafeMutablePointer<Partition>, index: Int)? {
        guard store.generations[item.space] == item.generation else { return nil }
        let part = partitions + (item.space * Position.shardCount + item.position.shard)
        let index = item.key.withSlice { part.pointee.table.find(item.position.tag, $0) }
        return index >= 0 ? (part, index) : nil
    }

    /// Issues an entry that has been resolved now, if it is still dirty and nobody needs it. Takes and releases the
    /// lock.
    public mutating func issue<Sink: SpillSink & ~Copyable>(_ item: Unresolved, into sink: inout Sink) {
        let shard = item.position.shard
        lock(shard)
        defer { unlock(shard) }
        guard let (part, index) = find(item) else { return }
        let record = part.pointee.table.slot(at: index).record
        let residence = record.residence
        guard residence.state == .dirty, !residence.isUnresolved, !residence.isPinned else { return }
        var scratch = ByteBuffer()
        issue(record, item.space, item.generation, item.position, into: &sink, &scratch)
    }

    /// Goes through up to `limit` of a shard's keys that want attention: issues deletes of tombstones, reports
    /// unresolved entries. Takes and releases the lock.
    public mutating func attend<Sink: SpillSink & ~Copyable>(
        shard: Int, limit: Int, into sink: inout Sink
    ) -> HandVisit {
        var visit = HandVisit()
        var scratch = ByteBuffer()
        lock(shard)
        defer { unlock(shard) }
        while visit.visited < limit, let hint = store.shards[shard].attention.popLast() {
            visit.visited += 1
            let part = partitions + (Int(hint.space) * Position.shardCount + shard)
            let generation = store.generations[Int(hint.space)]
            let position = Position(shard: shard, tag: hint.tag)
            var index = part.pointee.table.firstIndex(from: hint.tag)
            while index < part.pointee.table.slotCount {
                let slot = part.pointee.table.slot(at: index)
                guard !slot.isFree, slot.tag == hint.tag else { break }
                let residence = slot.record.residence
                if residence.isUnresolved {
                    visit.unresolved.append(
                        Unresolved(
                            space: Int(hint.space), generation: generation, position: position,
                            key: slot.record.key.array))
                } else if residence.state == .deleted {
                    issue(slot.record, Int(hint.space), generation, position, into: &sink, &scratch)
                    visit.issued += 1
                }
                index += 1
            }
        }
        return visit
    }

    /// Hints of a shard that wait for attention. Takes and releases the lock.
    public mutating func attentionCount(shard: Int) -> Int {
        lock(shard)
        defer { unlock(shard) }
        return store.shards[shard].attention.count
    }

    /// What could not be found out now shall be tried again. Takes and releases the lock.
    public mutating func postpone(_ item: Unresolved) {
        lock(item.position.shard)
        defer { unlock(item.position.shard) }
        guard store.generations[item.space] == item.generation else { return }
        want(item.position.shard, Attention(tag: item.position.tag, space: UInt16(item.space)))
    }

    /// The count of keys of one shard and database at one moment, and the entries that may each make it one too
    /// large. As long as nothing is written to the provider, what it says of them settles the count. O(1) if nothing
    /// is open, else O(slots). Takes and releases the lock.
    public mutating func openCount(shard: Int, database: Int) -> (keys: Int, open: [Unresolved]) {
        lock(shard)
        defer { unlock(shard) }
        let space = store.space(ofDatabase: database)
        let part = partitions + (space * Position.shardCount + shard)
        var open: [Unresolved] = []
        guard part.pointee.unresolved > 0 else { return (part.pointee.keys, open) }
        for index in 0..<part.pointee.table.slotCount {
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree, slot.record.residence.isUnresolved else { continue }
            open.append(
                Unresolved(
                    space: space, generation: store.generations[space],
                    position: Position(shard: shard, tag: slot.tag), key: slot.record.key.array))
        }
        return (part.pointee.keys, open)
    }

    /// It is known now whether the key was on flash: corrects the count. If it was not and the entry is a tombstone,
    /// the entry goes. A tombstone that stays is put up for attention again. Takes and releases the lock.
    public mutating func resolve(_ item: Unresolved, _ resolution: Resolution) {
        let shard = item.position.shard
        lock(shard)
        defer { unlock(shard) }
        guard let (part, index) = find(item) else { return }
        let record = part.pointee.table.slot(at: index).record
        guard record.residence.isUnresolved else { return }
        record.residence = record.residence.resolved(existed: resolution.existed)
        part.pointee.unresolved -= 1
        if resolution.existed {
            part.pointee.keys -= 1
            moveCold(part, expiring: resolution.expiring, members: resolution.members, by: -1)
            if let collection = resolution.collection { bury(collection, part, shard) }
        }
        guard record.residence.state == .deleted else { return }
        if record.residence.mayBeOnFlash {
            want(shard, Attention(tag: item.position.tag, space: UInt16(item.space)))
        } else {
            takeOut(part, shard, index)
        }
    }

    /// The provider has answered a put or delete of `key` (as it was given to the sink): moves the entry on. With
    /// `drops`, a record that is clean now and untouched leaves RAM at once. Takes and releases the lock. Returns the
    /// bytes freed.
    @discardableResult
    public mutating func complete(space: Int, key flashKey: ByteSlice, succeeded: Bool, drops: Bool) -> Int {
        guard case .record(let generation, let position, let key)? = FlashKey.parse(flashKey) else { return 0 }
        let shard = position.shard
        lock(shard)
        defer { unlock(shard) }
        // A dead generation: its tables are gone, and so is what this write was about.
        guard store.generations[space] == generation else { return 0 }
        let part = partitions + (space * Position.shardCount + shard)
        let index = part.pointee.table.find(position.tag, key)
        guard index >= 0 else { preconditionFailure("a completed write finds no entry at \(position.bits)") }
        let record = part.pointee.table.slot(at: index).record
        switch record.residence.after(succeeded ? .done : .failed) {
        case .gone:
            let freed = record.memoryBytes
            // Nothing departs, so answers 'not on flash' stay true; iterators that are open still show the key.
            part.pointee.burials &+= 1
            takeOut(part, shard, index)
            return freed
        case .keep(let residence):
            record.residence = residence
            if residence.state == .deleted {
                want(shard, Attention(tag: position.tag, space: UInt16(space)))
            }
            guard drops, residence.state == .clean, !residence.isPinned,
                residence.frequency == 0 || store.flashRulesInForce?.policy(of: key) == .cold, pagesAllowDrop(record)
            else { return 0 }
            return drop(part, shard, index)
        }
    }
}
