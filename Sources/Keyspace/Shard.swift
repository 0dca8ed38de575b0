import Bytes
import Values

/// One shard's share of one space (a database's keys under one generation).
///
/// Counters are exact but for unresolved entries; see `unresolved`. All guarded by the shard's lock.
public struct Partition {
    public var table = KeyTable()
    /// Keys that exist, hot and cold. An entry written over an unknown key counts as new until it is resolved.
    public var keys = 0
    /// Live records in RAM. `keys - resident` is the number of cold keys, never too small.
    public var resident = 0
    /// Entries of which it is open whether the key was on flash before: each may make `keys` one too large.
    public var unresolved = 0
    /// Keys with an expiry among the live records in RAM.
    public var expiring = 0
    /// Keys with an expiry that are cold.
    public var coldExpiring = 0
    /// Keys whose members expire among the live records in RAM, and those that are cold.
    public var memberExpiring = 0
    public var coldMemberExpiring = 0
    /// Collections in RAM of which pages are only on flash.
    public var partial = 0
    /// Counts records that left RAM while their key lives on: an answer 'not on flash' given before is void then.
    public var departures: UInt64 = 0
    /// Counts tombstones that left RAM because the provider confirmed the delete: an iterator opened before that may
    /// still yield the key.
    public var burials: UInt64 = 0
    /// The slot at which the eviction hand stands, and the one of the expiry walk.
    var hand = 0
    var expiryHand = 0
    /// The part of the records in RAM that are newcomers, about; see Generations.
    var newcomers: Float = 1

    init() {}

    /// Keys that are only on flash, at most.
    @inlinable
    public var cold: Int { keys - resident }
}

/// Something in a shard that the spiller should look at soon: an unresolved entry or a tombstone at this place.
public struct Attention: Hashable, Sendable {
    public let tag: UInt32
    public let space: UInt16
}

/// What one lock guards besides the partitions.
public struct Shard: ~Copyable {
    /// Faults in flight and landed ones that still have calls to run, by space and tag; see Faults.
    @usableFromInline var faults: [UInt64: Fault] = [:]
    /// Keys whose entry wants the spiller. A hint: what it says is checked against the entry.
    var attention: [Attention] = []
    /// At this many hints those that are of no use are thrown away; see `LockedKeyspace.want`.
    var attentionLimit = Shard.leastAttentionLimit
    static let leastAttentionLimit = 256
    /// Collections that are no more, whose pages are to be deleted on flash.
    var dead: [DeadCollection] = []
    /// How many want to know of changes of this shard's keys; see KeyChanges.
    @usableFromInline var observers = 0

    init() {}
}
