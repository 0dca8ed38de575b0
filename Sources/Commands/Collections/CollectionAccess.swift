import Bytes
import Keyspace
import RESP
import Values

// What the commands on collections share: the look-up with its check of the type, the change with its accounting.

/// What a look-up of a collection came to.
enum Found<V: CollectionValue> {
    case missing
    /// Another type, or too large for what may make it larger: the error has been replied.
    case refused
    case found(Entry, V)
}

extension CommandContext {
    /// The collection under `ref`; replies WRONGTYPE if the key holds another type, and refuses a collection that must
    /// not grow to calls that may make it, unless this one of their keys doesn't. `isRead`: counts a hit or a miss, as
    /// commands do that only read.
    @inline(__always)
    mutating func collection<V: CollectionValue>(
        _ ref: KeyRef, _ type: V.Type, isRead: Bool, grows: Bool = true
    ) -> Found<V> {
        let entry = isRead ? keyspace.read(ref) : keyspace.find(ref)
        guard let entry else { return .missing }
        guard entry.record.type == V.valueType, let value = keyspace.collection(of: entry) else {
            reply.pointee.error(ErrorText.wrongType)
            return .refused
        }
        if !isRead, grows, mayGrow, refusesGrowth(of: value) { return .refused }
        // A record's type says of which class its collection is.
        return .found(entry, unsafeDowncast(value, to: V.self))
    }

    /// Whether the collection takes more memory than one may that is stored: the error has been replied then.
    @inline(__always)
    func refuses(_ value: CollectionValue) -> Bool { refuses(value, value.memoryBytes) }

    /// Whether what can't leave RAM of the collection takes more memory than in one that grows: the error has been
    /// replied then.
    @inline(__always)
    func refusesGrowth(of value: CollectionValue) -> Bool {
        settings.growingBytes < .max && refuses(value, value.heldBytes)
    }

    private func refuses(_ value: CollectionValue, _ bytes: Int) -> Bool {
        guard bytes > settings.growingBytes else { return false }
        reply.pointee.error(ErrorText.collectionTooLarge)
        return true
    }

    /// Changes a collection that a look-up has found: accounts for its memory, marks the key as written, and removes it
    /// if nothing is left in it; the entry is void then. Call it only if something will change.
    @inline(__always)
    mutating func change<V: CollectionValue, R>(_ entry: Entry, _ value: V, _ body: (V) -> R) -> R {
        keyspace.changeOrRemove(entry, value, body)
    }

    /// `change` with its notification: `event`, and "del" behind it if nothing is left.
    @inline(__always)
    mutating func change<V: CollectionValue, R>(
        _ entry: Entry, _ value: V, _ ref: KeyRef, _ eventClass: EventClasses, _ event: StaticString, _ body: (V) -> R
    ) -> R {
        keyspace.changeOrRemove(entry, value, ref, eventClass, event, body)
    }

    /// As `change`, where the change gives members a time or takes it from them: see CollectionValue+Expiries.
    mutating func changeExpiries<V: CollectionValue, R>(_ entry: Entry, _ value: V, _ body: (V) -> R) -> R {
        let result = keyspace.changeExpiries(entry, value, body)
        if value.count == 0 { keyspace.removeEmpty(entry) }
        return result
    }

    /// Makes a key that doesn't exist, or replaces one that does, with this value and no expiry. An empty value makes
    /// no key, and deletes one that there is.
    mutating func store(_ ref: KeyRef, _ value: CollectionValue) {
        if value.count == 0 {
            keyspace.delete(ref)
        } else {
            keyspace.set(ref, .collection(key: ref.bytes, value, expiry: nil))
        }
    }

    /// `store` with its notification: `event` for a value, "del" for a key that goes.
    mutating func store(_ ref: KeyRef, _ value: CollectionValue, _ eventClass: EventClasses, _ event: StaticString) {
        if value.count > 0 {
            store(ref, value)
            keyspace.notify(eventClass, event, ref)
        } else if keyspace.delete(ref) {
            keyspace.notify(.generic, "del", ref)
        }
    }

    /// Gives a key a record in place of the one that it may have. To subscribers the key is new in any case: Redis
    /// deletes the old one first.
    mutating func replace(_ ref: KeyRef, _ record: Record) {
        if !keyspace.set(ref, record) { keyspace.notify(.new, "new", ref) }
    }
}

extension LockedKeyspace {
    /// See `CommandContext.change`.
    @inline(__always)
    mutating func changeOrRemove<V: CollectionValue, R>(_ entry: Entry, _ value: V, _ body: (V) -> R) -> R {
        let result = change(entry, value, body)
        if value.count == 0 { removeEmpty(entry) }
        return result
    }

    /// See `CommandContext.change`.
    @inline(__always)
    mutating func changeOrRemove<V: CollectionValue, R>(
        _ entry: Entry, _ value: V, _ ref: KeyRef, _ eventClass: EventClasses, _ event: StaticString, _ body: (V) -> R
    ) -> R {
        let result = changeOrRemove(entry, value, body)
        notify(eventClass, event, ref)
        if value.count == 0 { notify(.generic, "del", ref) }
        return result
    }
}

extension LockedKeyspace {
    /// The collection of an entry whose type is known to be this one.
    mutating func value<V: CollectionValue>(of entry: Entry, as type: V.Type) -> V {
        guard entry.record.type == V.valueType, let value = collection(of: entry) else {
            preconditionFailure("a \(entry.record.type) where a \(V.valueType) was expected")
        }
        // A record's type says of which class its collection is.
        return unsafeDowncast(value, to: V.self)
    }
}

extension CommandContext {
    /// Draws with repetition in one reply: more can't be held in memory. Redis tries, and is ended by the system.
    private static let mostDraws: Int64 = 1 << 26

    /// Whether a negative `count` asks for too many draws of a member, which is replied then. Where the connection has
    /// a limit on output, that ends the reply: see `ReplyWriter.isBeyondBound`.
    func refuses(draws count: Int64) -> Bool {
        if count >= -Self.mostDraws || reply.pointee.bound != .max { return false }
        reply.pointee.error(ErrorText.valueOutOfRange)
        return true
    }
}
