import Bytes
import Values

// MemberExpiry: members of collections that are past due.
//
// The simple version asks of each member that a command meets whether it is past due: every command of four types would
// have to, and none may forget. Here a collection loses its past-due members when its key is looked up (`peek`), before
// any command sees it, so that for commands there is no such thing. It costs a look at a flag of the record for keys
// without such members, and O(log n) for each member that goes, once.
//
// Nobody needs to come by: the walk over the tables (`expireResident`) trims what is in RAM, a portion at a time, and
// for cold collections the index by time has an entry for the earliest member (Tiering/ColdExpiry).

extension LockedKeyspace {
    /// A record that expires, or members of which do, has come to RAM or lives again.
    @usableFromInline
    mutating func gainTimes(_ part: UnsafeMutablePointer<Partition>, _ record: Record) {
        if record.hasExpiry { part.pointee.expiring += 1 }
        if record.hasMemberExpiries { part.pointee.memberExpiring += 1 }
        // Others have marked the space already.
        if part.pointee.expiring + part.pointee.memberExpiring <= 2 {
            store.markExpiring(space: (part - partitions) / Position.shardCount)
        }
    }

    @usableFromInline
    mutating func loseTimes(_ part: UnsafeMutablePointer<Partition>, _ record: Record) {
        if record.hasExpiry { part.pointee.expiring -= 1 }
        if record.hasMemberExpiries { part.pointee.memberExpiring -= 1 }
    }

    /// A cold key has come (1) or gone (-1).
    func moveCold(_ part: UnsafeMutablePointer<Partition>, expiring: Bool, members: Bool, by number: Int) {
        if expiring { part.pointee.coldExpiring += number }
        if members { part.pointee.coldMemberExpiring += number }
    }

    // MARK: Changing

    /// Has `body` change when members of the entry's collection expire, and perhaps more. The key stays, even if the
    /// collection is empty afterwards.
    public mutating func changeExpiries<V: CollectionValue, R>(_ entry: Entry, _ value: V, _ body: (V) -> R) -> R {
        let result = change(entry, value, body)
        settleMemberExpiries(entry)
        return result
    }

    /// Takes note of whether members of a collection expire after a change.
    @usableFromInline
    mutating func settleMemberExpiries(_ entry: Entry) {
        let part = entry.partition
        if entry.record.hasTimes { loseTimes(part, entry.record) }
        entry.record.noteMemberExpiries()
        if entry.record.hasTimes { gainTimes(part, entry.record) }
        // Without the last of its times a small collection is one block again.
        if !entry.record.hasMemberExpiries { noteOpen(entry.record) }
    }

    // MARK: Past due

    func hasDueMembers(_ record: Record) -> Bool {
        guard record.hasMemberExpiries, !accessClock.suspendsExpiry else { return false }
        return record.collectionObject?.earliestExpiry.map { $0 < now } ?? false
    }

    /// The entry without the members that are past due; nil if none is left.
    @usableFromInline
    mutating func trimmed(_ entry: Entry) -> Entry? {
        guard hasDueMembers(entry.record) else { return entry }
        guard deletesExpired else { return shadow(entry) }
        return trim(entry) ? entry : nil
    }

    /// Removes past-due members, of which there must be one, and the key with its last; `limit` bounds the work.
    /// Returns whether the key is still there.
    mutating func trim(_ entry: Entry, limit: Int = .max) -> Bool {
        guard let value = entry.record.collectionObject else { preconditionFailure("trimming what is no collection") }
        let due = value.dueMembers(at: now)
        if due == value.count {
            // The whole is handed to be freed: no matter how many they are.
            Ledger.add(due, to: ledger.expiredMembers)
            notifyTrimmed(entry, isGone: true)
            expireEmpty(entry)
            return false
        }
        let now = now
        let removed = change(entry, value) { $0.trim(at: now, limit: limit) }
        Ledger.add(removed, to: ledger.expiredMembers)
        notifyTrimmed(entry, isGone: false)
        return true
    }

    private mutating func expireEmpty(_ entry: Entry) {
        if entry.record.type != .hash { return expire(entry) }
        note(.expired, entry)
        Ledger.add(1, to: ledger.changes)
        remove(entry)
    }

    /// The events of Redis 7.4 for hashes, of KeyDB for the others.
    private mutating func notifyTrimmed(_ entry: Entry, isGone: Bool) {
        let key = entry.record.key
        let space = space(of: entry)
        switch entry.record.type {
        case .hash:
            if notifies(.hash) { add(.hash, "hexpired", key, space: space) }
            if isGone, notifies(.generic) { add(.generic, "del", key, space: space) }
        case .set: if !isGone, notifies(.set) { add(.set, "srem", key, space: space) }
        case .zset: if !isGone, notifies(.sortedSet) { add(.sortedSet, "zrem", key, space: space) }
        default: return
        }
    }

    // MARK: While nothing may be deleted

    /// A record that shows the collection without its past-due members, for the time of the call, which can't be a
    /// write: those wait for the end of the pause.
    private mutating func shadow(_ entry: Entry) -> Entry? {
        guard let value = entry.record.collectionObject else {
            preconditionFailure("a shadow of what is no collection")
        }
        if value.dueMembers(at: now) == value.count { return nil }
        let copy = value.copy()
        copy.trim(at: now)
        let record = Record.collection(key: entry.record.key, copy, expiry: entry.record.expiry)
        record.access = entry.record.access
        record.residency = entry.record.residency
        shadows.append(record)
        hasNews = true
        return Entry(record: record, partition: entry.partition, shard: entry.shard, index: entry.index)
    }

    mutating func freeShadows() {
        for record in shadows { record.free() }
        shadows = []
    }
}
