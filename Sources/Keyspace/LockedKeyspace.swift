import Bytes
import CShims
import Platform
import Synchronization
import Values

/// A live key that a command found: its record, and where it stands. Valid until the keyspace is changed through
/// anything but the entry itself.
public struct Entry {
    public let record: Record
    @usableFromInline let partition: UnsafeMutablePointer<Partition>
    @usableFromInline let shard: Int
    @usableFromInline let index: Int

    @inlinable
    init(record: Record, partition: UnsafeMutablePointer<Partition>, shard: Int, index: Int) {
        self.record = record
        self.partition = partition
        self.shard = shard
        self.index = index
    }
}

/// What commands see of the keyspace while the shards of their keys are locked.
///
/// Each thread has one for its life; it is used only between lock and unlock. Everything a command touches is
/// resident by then: a key that isn't found does not exist. Past-due keys are deleted when they are met, and count as
/// not found.
public struct LockedKeyspace: ~Copyable {
    public let store: KeyspaceStore
    public let ledger: Ledger
    @usableFromInline let locks: UnsafeMutablePointer<KeyspaceStore.PaddedLock>
    @usableFromInline let partitions: UnsafeMutablePointer<Partition>

    /// The command's time, unix milliseconds. The same for a whole transaction or script.
    public var now: Int64 = 0
    /// How a touch changes the access word.
    public var accessClock = AccessClock()
    /// Whether a touch leaves traces (CLIENT NO-TOUCH).
    public var leavesTraces = true

    /// Whether past-due keys are deleted when they are met; if not (CLIENT PAUSE) they only count as not found.
    public var deletesExpired = true

    /// Who is told of what happens through this view; nil: the store's listener. See KeyChanges.
    public unowned(unsafe) var listener: (any KeyspaceListener)?  // the server's, which outlives every view
    /// On whose behalf keys are changed through this view just now, for listeners; nil: on nobody's.
    public unowned(unsafe) var actor: AnyObject?  // whoever sets it takes it away before it goes
    /// What the listener has to say about the last call's changes to who made the call; 0: nothing. The caller takes
    /// it.
    public var heard: UInt64 = 0
    @usableFromInline var changes: [KeyChange] = []
    @usableFromInline var events: [KeyEvent] = []
    @usableFromInline var hasNews = false
    /// Collections whose records are packed again before the locks are given back.
    var opened: [Unmanaged<CollectionValue>] = []
    @usableFromInline var hasOpened = false
    /// Copies that stand for collections with past-due members while nothing may be deleted; see MemberExpiry.
    var shadows: [Record] = []

    public init(store: KeyspaceStore, ledger: Ledger) {
        self.store = store
        self.ledger = ledger
        locks = store.locks
        partitions = store.partitions
    }

    // MARK: Keys and locks

    /// The place of `key` in a database. The space may change until the shard is locked: see `KeyRef.space`.
    @inlinable
    public func ref(_ key: ByteSlice, database: Int) -> KeyRef {
        ref(key, at: position(of: key), database: database)
    }

    /// The same for a key whose position is known.
    @inlinable
    public func ref(_ key: ByteSlice, at position: Position, database: Int) -> KeyRef {
        KeyRef(bytes: key, position: position, space: store.space(ofDatabase: database))
    }

    /// The place of `key` in the order of keys, whatever the database. O(its bytes).
    @inlinable
    public func position(of key: ByteSlice) -> Position { store.placement.position(of: key) }

    @inlinable
    public func lock(_ shard: Int) { locks[shard].lock.lock() }

    /// Gives a lock back; before the first of a call's, what the call has changed is told.
    @inlinable
    public mutating func unlock(_ shard: Int) {
        if hasNews { deliver() }
        if hasOpened { packOpened() }
        locks[shard].lock.unlock()
    }

    /// Whether any of the shard's keys is reserved for a call that is about to run. The shard is locked.
    @inlinable
    public func hasReserved(_ shard: Int) -> Bool { locks[shard].reserved != 0 }

    /// One more (or, negative, fewer) of the shard's keys is reserved. The shard is locked.
    public func reserve(_ shard: Int, _ more: Int) {
        locks[shard].reserved = UInt32(Int(locks[shard].reserved) + more)
    }

    @inlinable
    func partition(_ ref: KeyRef) -> UnsafeMutablePointer<Partition> {
        partitions + (ref.space &* Position.shardCount &+ ref.position.shard)
    }

    // MARK: Fetching ahead

    // Each step reads what the one before it has fetched; done for several keys in turn, their misses overlap.

    /// Where a partition is just now: without a lock the database may show another space by the time it is used.
    @inlinable
    func partition(of position: Position, _ database: Int) -> UnsafeMutablePointer<Partition> {
        partitions + (store.space(ofDatabase: database) &* Position.shardCount &+ position.shard)
    }

    /// The place of a key of which something will be asked soon; its lock and partition are on their way to the cache.
    @inlinable
    public func prefetchPartition(_ key: ByteSlice, database: Int) -> Position {
        let position = position(of: key)
        firn_prefetch(locks + position.shard)
        firn_prefetch(partition(of: position, database))
        return position
    }

    /// Brings the slots of a key at this place into the cache. Without locks.
    @inlinable
    public func prefetchSlot(_ position: Position, database: Int) {
        // The table is the partition's first member.
        KeyTable.prefetch(at: UnsafeRawPointer(partition(of: position, database)), position.tag)
    }

    /// Brings the record of a key at this place into the cache. Skips a shard that is locked just now.
    @inlinable
    public func prefetchRecord(_ position: Position, database: Int) {
        guard locks[position.shard].lock.tryLock() else { return }
        partition(of: position, database).pointee.table.prefetchRecord(position.tag)
        locks[position.shard].lock.unlock()
    }

    /// Brings what that record refers to into the cache, in the same way. Returns whether that is a collection of
    /// which `prefetchElements` may be of use.
    @inlinable
    public func prefetchValue(_ position: Position, database: Int) -> Bool {
        guard locks[position.shard].lock.tryLock() else { return false }
        let hasElements = partition(of: position, database).pointee.table.prefetchValue(position.tag)
        locks[position.shard].lock.unlock()
        return hasElements
    }

    /// Brings the places of `elements` of that collection into the cache, in the same way; nil elements are left out.
    @inlinable
    public func prefetchElements(
        _ position: Position, database: Int, _ elements: Range<Int>, _ element: (Int) -> ByteSlice?
    ) {
        guard locks[position.shard].lock.tryLock() else { return }
        if let record = partition(of: position, database).pointee.table.first(position.tag) {
            for number in elements { if let element = element(number) { record.prefetch(element) } }
        }
        locks[position.shard].lock.unlock()
    }

    // MARK: Reading

    /// The key's entry for a command that reads its value: counts a hit or miss and leaves a trace of the access.
    @inlinable
    public mutating func read(_ ref: KeyRef) -> Entry? {
        guard let entry = peek(ref) else {
            Ledger.add(1, to: ledger.misses)
            notify(.miss, "keymiss", ref)
            return nil
        }
        Ledger.add(1, to: ledger.hits)
        if leavesTraces { touch(entry.record) }
        return entry
    }

    /// The key's entry for a command that changes it: leaves a trace, counts nothing.
    @inlinable
    public mutating func find(_ ref: KeyRef) -> Entry? {
        guard let entry = peek(ref) else { return nil }
        if leavesTraces { touch(entry.record) }
        return entry
    }

    /// The key's entry, without a trace or a count.
    @inlinable
    public mutating func peek(_ ref: KeyRef) -> Entry? {
        let part = partition(ref)
        assert(locks[ref.position.shard].lock.isHeld(), "shard \(ref.position.shard) is not locked")
        let index = part.pointee.table.find(ref.position.tag, ref.bytes)
        guard index >= 0 else { return nil }
        let record = part.pointee.table[index].record
        guard record.residence.isLive else { return nil }
        let entry = Entry(record: record, partition: part, shard: ref.position.shard, index: index)
        if let expiry = record.expiry, expiry < now, !accessClock.suspendsExpiry {
            if deletesExpired { expire(entry) }
            return nil
        }
        return record.hasMemberExpiries ? trimmed(entry) : entry
    }

    @inlinable
    mutating func touch(_ record: Record) {
        record.residence = record.residence.touched()
        accessClock.touch(record)
    }

    /// Counts a hit or a miss of a command that looked at a key by other means.
    public func count(hit: Bool) {
        if hit { Ledger.add(1, to: ledger.hits) } else { Ledger.add(1, to: ledger.misses) }
    }

    // MARK: Writing

    /// Gives the key a new value: `record`, which carries key and expiry, becomes the table's. Returns whether the
    /// key is new in RAM (it may have existed on flash).
    @inlinable
    @discardableResult
    public mutating func set(_ ref: KeyRef, _ record: Record) -> Bool {
        if notifiesAnything { meetExpired(ref) }
        let part = partition(ref)
        let index = part.pointee.table.find(ref.position.tag, ref.bytes)
        Ledger.add(1, to: ledger.changes)
        note(.written, ref)
        if record.isOpen { noteOpen(record) }
        if index >= 0, !overwrite(part, ref.position.shard, index, record) { return false }
        if index < 0 { insert(ref, record, part) }
        notify(.new, "new", ref)
        return true
    }

    /// SET without options: gives the key a string value and no expiry, in place where the old value's memory fits.
    @inlinable
    public mutating func setString(_ ref: KeyRef, _ value: ByteSlice) {
        if notifiesAnything { meetExpired(ref) }
        let part = partition(ref)
        let index = part.pointee.table.find(ref.position.tag, ref.bytes)
        if index >= 0 {
            let record = part.pointee.table[index].record
            if record.residence.isLive, record.replaceString(value) {
                note(.written, ref)
                markWritten(record)
                if leavesTraces { touch(record) }
                return
            }
        }
        set(ref, Record.string(key: ref.bytes, value: value, expiry: nil))
    }

    @inlinable
    mutating func insert(_ ref: KeyRef, _ record: Record, _ part: UnsafeMutablePointer<Partition>) {
        // Somebody may have the old value under way from flash: what arrives after this must not be installed.
        let isUnresolved = part.pointee.keys != part.pointee.resident && !ref.isKnownAbsent
        if isUnresolved { noteUnresolved(ref, part) }
        if store.hasProvider { store.shards[ref.position.shard].markStale(ref) }
        record.residence = Residency(.dirty, isUnresolved: isUnresolved)
        accessClock.start(record)
        part.pointee.keys &+= 1
        part.pointee.resident &+= 1
        if record.hasTimes { gainTimes(part, record) }
        gainPages(part, record)
        let grown = part.pointee.table.insert(ref.position.tag, record)
        account(grown + record.memoryBytes)
    }


    @usableFromInline
    mutating func noteUnresolved(_ ref: KeyRef, _ part: UnsafeMutablePointer<Partition>) {
        part.pointee.unresolved += 1
        want(ref.position.shard, Attention(tag: ref.position.tag, space: UInt16(ref.space)))
    }

    @usableFromInline
    mutating func overwrite(
        _ part: UnsafeMutablePointer<Partition>, _ shard: Int, _ index: Int, _ record: Record
    ) -> Bool {
        let old = part.pointee.table[index].record
        let wasLive = old.residence.isLive
        guard case .keep(let residence) = old.residence.after(.write) else {
            preconditionFailure("a write removed an entry in state \(old.residence.state)")
        }
        record.residence = wasLive && leavesTraces ? residence.touched() : residence
        if wasLive {
            record.access = old.access
            if old.isProven { record.isProven = true }
            if leavesTraces { accessClock.touch(record) }
            if old.hasTimes { loseTimes(part, old) }
            losePages(part, old, shard, dies: true)
        } else {
            accessClock.start(record)
            part.pointee.keys += 1
            part.pointee.resident += 1
        }
        if record.hasTimes { gainTimes(part, record) }
        gainPages(part, record)
        account(record.memoryBytes - old.memoryBytes)
        part.pointee.table.replace(at: index, record)
        old.free()
        return !wasLive
    }

    /// Changes an entry's record: `body` gets it and returns the one to be kept (the same, or one that replaced and
    /// freed it).
    @inlinable
    public mutating func update(_ entry: Entry, _ body: (Record) -> Record) {
        let old = entry.record
        let before = old.memoryBytes
        if old.hasTimes { loseTimes(entry.partition, old) }
        note(.written, entry)
        markWritten(old)
        let (residence, isProven) = (old.residence, old.isProven)
        let new = body(old)
        if new.raw != old.raw {
            // Whatever made the new record: where the key stands between RAM and flash is not its maker's to know.
            new.residence = residence
            new.isProven = isProven
            entry.partition.pointee.table.replace(at: entry.index, new)
        }
        if new.hasTimes { gainTimes(entry.partition, new) }
        account(new.memoryBytes - before)
    }

    /// Has `body` change the entry's collection, and counts its memory and the change. The key stays, even if the
    /// collection is empty afterwards. `isNoted`: WATCH and those who wait for the key see it; what only concerns a
    /// stream's consumer groups they don't.
    @inlinable
    public mutating func change<V: CollectionValue, R>(
        _ entry: Entry, _ value: V, isNoted: Bool = true, _ body: (V) -> R
    ) -> R {
        let before = value.memoryBytes
        if isNoted { note(.written, entry) }
        markWritten(entry.record)
        let result = body(value)
        if entry.record.hasMemberExpiries { settleMemberExpiries(entry) }
        account(value.memoryBytes - before)
        return result
    }

    /// Removes the key of a collection that a change has emptied.
    public mutating func removeEmpty(_ entry: Entry) {
        note(.deleted, entry)
        remove(entry)
    }

    /// Notes that the caller changes bytes of the entry's record where they are, layout and size staying the same.
    @inlinable
    public mutating func updateInPlace(_ entry: Entry) {
        note(.written, entry)
        markWritten(entry.record)
    }

    @inlinable
    func markWritten(_ record: Record) {
        Ledger.add(1, to: ledger.changes)
        guard record.residence.state != .dirty else { return }
        guard case .keep(let residence) = record.residence.after(.write) else {
            preconditionFailure("a write removed an entry in state \(record.residence.state)")
        }
        record.residence = residence
    }

    /// Sets or (nil) removes the expiry.
    public mutating func setExpiry(_ entry: Entry, _ unixMilliseconds: Int64?) {
        update(entry) { $0.settingExpiry(unixMilliseconds) }
    }

    /// Deletes the key. Returns whether it existed.
    @discardableResult
    public mutating func delete(_ ref: KeyRef) -> Bool {
        guard let entry = peek(ref) else { return false }
        delete(entry)
        return true
    }

    /// Deletes the entry's key. `keepsPages`: what its collection has on flash besides the record lives on under
    /// another key of the same database.
    public mutating func delete(_ entry: Entry, keepsPages: Bool = false) {
        Ledger.add(1, to: ledger.changes)
        note(.deleted, entry)
        remove(entry, keepsPages: keepsPages)
    }

    /// Deletes a past-due key.
    @usableFromInline
    mutating func expire(_ entry: Entry) {
        Ledger.add(1, to: ledger.expired)
        Ledger.add(1, to: ledger.changes)
        if notifies(.expired) { add(.expired, "expired", entry.record.key, space: space(of: entry)) }
        note(.expired, entry)
        remove(entry)
    }

    mutating func remove(_ entry: Entry, keepsPages: Bool = false) {
        let old = entry.record
        let part = entry.partition
        part.pointee.keys -= 1
        part.pointee.resident -= 1
        if old.hasTimes { loseTimes(part, old) }
        losePages(part, old, entry.shard, dies: !keepsPages)
        switch old.residence.after(.delete) {
        case .gone:
            takeOut(part, entry.shard, entry.index)
        case .keep(let residence):
            let tombstone = Record.marker(key: old.key)
            tombstone.residence = residence
            if residence.state == .deleted { note(entry, tag: part.pointee.table.slot(at: entry.index).tag) }
            account(tombstone.memoryBytes - old.memoryBytes)
            part.pointee.table.replace(at: entry.index, tombstone)
            old.free()
        }
    }

    /// Asks the spiller to look at the entry's key.
    private func note(_ entry: Entry, tag: UInt32) {
        let offset = entry.partition - partitions
        want(entry.shard, Attention(tag: tag, space: UInt16(offset / Position.shardCount)))
    }

    /// Puts a hint up for the spiller. Amortised O(log n): where hints pile up (one key set and deleted over and over
    /// while the spiller waits for the device), those that say the same or are no longer true are thrown away, so
    /// there are never more than twice as many as entries that want attention.
    func want(_ shard: Int, _ hint: Attention) {
        store.shards[shard].attention.append(hint)
        if store.shards[shard].attention.count >= store.shards[shard].attentionLimit { thinAttention(shard) }
    }

    private func thinAttention(_ shard: Int) {
        var seen = Set<Attention>()
        store.shards[shard].attention.removeAll { hint in !seen.insert(hint).inserted || !wantsAttention(shard, hint) }
        store.shards[shard].attentionLimit = max(Shard.leastAttentionLimit, store.shards[shard].attention.count * 2)
    }

    private func wantsAttention(_ shard: Int, _ hint: Attention) -> Bool {
        let part = partitions + (Int(hint.space) * Position.shardCount + shard)
        var index = part.pointee.table.firstIndex(from: hint.tag)
        while index < part.pointee.table.slotCount {
            let slot = part.pointee.table.slot(at: index)
            guard !slot.isFree, slot.tag == hint.tag else { return false }
            if slot.record.residence.isUnresolved || slot.record.residence.state == .deleted { return true }
            index += 1
        }
        return false
    }

    /// Removes the slot and frees its record.
    mutating func takeOut(_ part: UnsafeMutablePointer<Partition>, _ shard: Int, _ index: Int) {
        let record = part.pointee.table[index].record
        let freed = record.memoryBytes
        let shrunk = part.pointee.table.remove(at: index)
        record.free()
        account(-freed - shrunk)
    }

    @usableFromInline
    func account(_ bytes: Int) {
        if bytes != 0 { Ledger.add(bytes, to: ledger.memoryBytes) }
    }
}
