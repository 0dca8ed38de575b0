import Bytes
import Synchronization
import Values

// What others learn of changes: WATCH, blocked calls and client-side caching of keys that change, subscribers of
// keyspace notifications of events.
//
// A change is noted where it happens, under its shard's lock, and only if somebody has said that he wants to know of
// changes in this shard (`KeyspaceStore.observe`). It is handed over before the first of the call's locks is
// given back: so the order of what listeners see is the order of the changes of a key, and nobody can come between a
// change and its consequences. A listener must not take locks of shards, nor wait.

/// A key that has changed. Noted at least once per call that changed it, perhaps more often.
public struct KeyChange: Sendable {
    public enum Kind: Sendable {
        /// The key has a new value, a new expiry, or is new.
        case written
        /// It was deleted or renamed.
        case deleted
        case expired
        case evicted
    }
    public let kind: Kind
    public let key: [UInt8]
    public let position: Position
    /// The database that shows the key now. Constant until the locks are given back.
    public let database: Int
    public let space: Int
}

/// The classes of keyspace notifications, with the letters of `notify-keyspace-events`.
public struct EventClasses: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let keyspace = EventClasses(rawValue: 1 << 0)  // K
    public static let keyevent = EventClasses(rawValue: 1 << 1)  // E
    public static let generic = EventClasses(rawValue: 1 << 2)  // g
    public static let string = EventClasses(rawValue: 1 << 3)  // $
    public static let list = EventClasses(rawValue: 1 << 4)  // l
    public static let set = EventClasses(rawValue: 1 << 5)  // s
    public static let hash = EventClasses(rawValue: 1 << 6)  // h
    public static let sortedSet = EventClasses(rawValue: 1 << 7)  // z
    public static let expired = EventClasses(rawValue: 1 << 8)  // x
    public static let evicted = EventClasses(rawValue: 1 << 9)  // e
    public static let stream = EventClasses(rawValue: 1 << 10)  // t
    public static let miss = EventClasses(rawValue: 1 << 11)  // m
    public static let module = EventClasses(rawValue: 1 << 12)  // d
    public static let new = EventClasses(rawValue: 1 << 13)  // n
    /// A: all but misses and new keys.
    public static let all: EventClasses = [
        .generic, .string, .list, .set, .hash, .sortedSet, .expired, .evicted, .stream, .module,
    ]
}

/// Something that happened to a key, for keyspace notifications.
public struct KeyEvent: Sendable {
    /// The one class it belongs to.
    public let eventClass: EventClasses
    /// "set", "lpush" ...
    public let name: StaticString
    public let key: [UInt8]
    public let database: Int
}

/// Learns of changes and events of keys: see above.
public protocol KeyspaceListener: AnyObject, Sendable {
    /// In the order in which they happened; the locks of all shards concerned are held by the caller.
    func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace)
}

extension KeyspaceStore {
    /// One more (or, negative, fewer) who wants to know of changes in this shard. Its lock must be held.
    public func observe(_ shard: Int, _ more: Int) {
        shards[shard].observers += more
        assert(shards[shard].observers >= 0, "more observers of shard \(shard) have gone than came")
    }

    /// For tests: those who want to know of changes in this shard. Takes and releases the lock.
    package func observerCount(_ shard: Int) -> Int {
        lock(shard)
        defer { unlock(shard) }
        return shards[shard].observers
    }

    /// Whether anybody wants to know of changes in this shard or has reserved one of its keys. Its lock must be held.
    package func isObservedOrReserved(_ shard: Int) -> Bool {
        shards[shard].observers != 0 || locks[shard].reserved != 0
    }

    /// The database that shows a space now. Needs a shard's lock to be stable. O(databases).
    public func database(ofSpace space: Int) -> Int {
        for database in 0..<databases where self.space(ofDatabase: database) == space { return database }
        preconditionFailure("no database shows space \(space)")
    }
}

extension KeyspaceStore {
    /// Whether a key may exist at this time, as far as RAM knows: false is certain. Needs the shard's lock.
    public func mayExist(_ ref: KeyRef, now: Int64) -> Bool {
        let part = partition(ref.position.shard, ref.space)
        let index = part.pointee.table.find(ref.position.tag, ref.bytes)
        guard index >= 0 else { return part.pointee.cold > 0 }
        let record = part.pointee.table[index].record
        guard record.residence.isLive else { return false }
        return record.expiry.map { $0 >= now } ?? true
    }
}

extension LockedKeyspace {
    /// Whether events of this class are wanted.
    @inlinable
    public func notifies(_ eventClass: EventClasses) -> Bool {
        store.eventClasses.load(ordering: .relaxed) & eventClass.rawValue != 0
    }

    /// Whether events of any class are wanted.
    @inlinable
    var notifiesAnything: Bool { store.eventClasses.load(ordering: .relaxed) != 0 }

    /// A key is about to be overwritten unseen: if it is past due, its end is an event of its own.
    @usableFromInline
    @inline(never)
    mutating func meetExpired(_ ref: KeyRef) { _ = peek(ref) }

    /// Something has happened to a key that a notification is for. Costs a load when nobody wants to know.
    @inlinable
    public mutating func notify(_ eventClass: EventClasses, _ name: StaticString, _ ref: KeyRef) {
        if notifies(eventClass) { add(eventClass, name, ref.bytes, space: ref.space) }
    }

    @usableFromInline
    mutating func add(_ eventClass: EventClasses, _ name: StaticString, _ key: ByteSlice, space: Int) {
        events.append(
            KeyEvent(
                eventClass: eventClass, name: name, key: key.array, database: store.database(ofSpace: space)))
        hasNews = true
    }

    /// Notes that a key has changed or is about to.
    @inlinable
    mutating func note(_ kind: KeyChange.Kind, _ ref: KeyRef) {
        if store.shards[ref.position.shard].observers != 0 {
            add(kind, ref.bytes, ref.position, space: ref.space)
        }
    }

    @inlinable
    mutating func note(_ kind: KeyChange.Kind, _ entry: Entry) {
        if store.shards[entry.shard].observers != 0 { add(kind, entry) }
    }

    @usableFromInline
    mutating func add(_ kind: KeyChange.Kind, _ entry: Entry) {
        let key = entry.record.key
        add(kind, key, store.placement.position(of: key), space: space(of: entry))
    }

    @usableFromInline
    mutating func add(_ kind: KeyChange.Kind, _ key: ByteSlice, _ position: Position, space: Int) {
        changes.append(
            KeyChange(
                kind: kind, key: key.array, position: position, database: store.database(ofSpace: space), space: space))
        hasNews = true
    }

    @usableFromInline
    func space(of entry: Entry) -> Int { (entry.partition - partitions) / Position.shardCount }

    /// Tells now what has happened, for one who wants to see listeners as the call leaves them. The locks stay.
    public mutating func tell() { if hasNews { deliver() } }

    /// Hands over the events so far, not the changes: what follows is told to the same listeners by other means.
    public mutating func tellEvents() {
        if events.isEmpty { return }
        let happened = events
        events = []
        (listener ?? store.listener)?.happened([], happened, in: &self)
    }

    /// Hands over what has happened. Called with every lock of the call still held.
    @usableFromInline
    mutating func deliver() {
        // A listener may change keys itself.
        while hasNews {
            hasNews = false
            let changed = changes
            let happened = events
            changes = []
            events = []
            if !changed.isEmpty || !happened.isEmpty {
                (listener ?? store.listener)?.happened(changed, happened, in: &self)
            }
        }
        if !shadows.isEmpty { freeShadows() }
    }
}
