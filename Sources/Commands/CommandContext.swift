import Bytes
import Keyspace
import RESP

/// What a command asks of the flash tier as a whole. It is parked without a reply and called again with the answer.
public enum BackgroundRequest: Sendable {
    /// Keys of a database in the order of positions.
    case walk(WalkRequest)
    /// That the count of a database's keys is exact.
    case exactCount(database: Int)
    /// Keys that the call needs besides those its arguments name: see LateKeys.
    case moreKeys(LateKeys)
    /// Anything that may take long: run on a control thread.
    case job(@Sendable () -> BackgroundAnswer)
    /// What waits for another server: run where it holds up no other job.
    case remote(@Sendable () -> BackgroundAnswer)
    /// A job that changes keys: no transaction has the server for itself meanwhile.
    case change(@Sendable () -> BackgroundAnswer)
}

/// The answer to a `BackgroundRequest`.
public enum BackgroundAnswer: Sendable {
    case walked(WalkResult)
    /// The exact number of keys.
    case counted(Int)
    /// What a job found, in the form its command understands.
    case done(any Sendable)
    /// Why it could not be answered.
    case failed(String)
}

/// What of the configuration commands read, refreshed when it changes.
public struct CommandSettings: Sendable {
    /// Longest string, in bytes (`proto-max-bulk-len`).
    public var maximumStringBytes = 512 << 20
    /// A collection of more bytes can't grow: with a flash tier, which keeps it in memory as a whole or not at all.
    public var growingBytes = Int.max
    /// Whether DUMP compresses (`rdbcompression`).
    public var compressesDumps = true
    /// Longest HyperLogLog in the sparse form (`hll-sparse-max-bytes`).
    public var sparseHyperLogLogBytes = 3000
    /// Minutes after which the LFU counter is decremented (`lfu-decay-time`).
    public var lfuDecayMinutes = 1
    /// Whether the policy is an LFU one (OBJECT FREQ instead of IDLETIME).
    public var isLFU = false
    /// Whether values that are small integers count as shared (OBJECT REFCOUNT): not where each has its own LRU or LFU
    /// word to be evicted by.
    public var sharesIntegers = true
    public init() {}
}

/// The refs of a call's keys: memory that the thread's context owns and reuses.
public struct KeyRefs: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<KeyRef>
    @usableFromInline var capacity: Int
    public var count: Int

    init() {
        capacity = 64
        count = 0
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    @inlinable
    public subscript(index: Int) -> KeyRef {
        get {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "key \(index) of \(count)")
            return base[index]
        }
        set {
            precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "key \(index) of \(count)")
            base[index] = newValue
        }
    }

    @inlinable
    public mutating func removeAll() { count = 0 }

    @inlinable
    public mutating func append(_ ref: KeyRef) {
        if count == capacity { grow() }
        (base + count).initialize(to: ref)
        count &+= 1
    }

    /// Forgets the refs, and gives back memory that few calls need.
    public mutating func trim() {
        count = 0
        guard capacity > 4096 else { return }
        base.deallocate()
        capacity = 64
        base = .allocate(capacity: capacity)
    }

    @usableFromInline
    mutating func grow() {
        let fresh = UnsafeMutablePointer<KeyRef>.allocate(capacity: capacity * 2)
        fresh.moveInitialize(from: base, count: count)
        base.deallocate()
        base = fresh
        capacity *= 2
    }
}

/// A call in execution: its words, its keys (locked and resident), and where the reply goes.
///
/// One per thread, reused. `Commands` functions change the keyspace and write exactly one reply, or set `request` or
/// `block` and write none.
public struct CommandContext: ~Copyable {
    /// The words of the call, the command's name first. Views into the query buffer, valid until the call has run.
    public var arguments: Arguments
    /// The refs of the call's keys, in the order of the row's specifications (or of its custom plan).
    public var keys = KeyRefs()
    /// How many of them the arguments name; the others are `late`'s.
    public var declaredKeys = 0
    /// The keys that the call has asked for in an earlier run.
    public var late: LateKeys?
    public var keyspace: LockedKeyspace
    /// Where the reply goes: the connection's, set by the dispatcher.
    public var reply: UnsafeMutablePointer<ReplyWriter>
    /// The database that the connection has selected.
    public var database = 0
    public var settings = CommandSettings()
    /// Set by a command that can't answer from RAM alone.
    public var request: BackgroundRequest?
    /// The answer to the request of the call's earlier run.
    public var answer: BackgroundAnswer?
    /// Set by a command that found nothing and waits: see `BlockRequest`.
    public var block: BlockRequest?
    /// The key that a call which waited has been woken for, by its place in `keys`; nil in its first run.
    public var served: Int?
    /// What such a call's request remembers.
    public var memory: (any Sendable)?
    /// Whether the call is part of a transaction: what would block answers as if its time had run out at once.
    public var isInTransaction = false
    /// Whether the call may need memory: set by the dispatcher for each.
    public var mayGrow = false
    /// Where a line for the administrator goes: the server's log.
    public var warn: (@Sendable (String) -> Void)?
    /// For choices that a reply shows. What a call draws before it asks for something isn't drawn again.
    public var random = RandomSource()
    /// The connection, for commands of the Server layer.
    // set by the dispatcher for the time of the call, which the connection outlives
    public unowned(unsafe) var caller: AnyObject?

    public init(keyspace: consuming LockedKeyspace, reply: UnsafeMutablePointer<ReplyWriter>) {
        self.keyspace = keyspace
        self.reply = reply
        arguments = Arguments(base: UnsafePointer(bitPattern: 8).unsafelyUnwrapped, count: 0)  // never read: count is 0
    }

    /// The first (for most commands the only) key.
    @inlinable
    public var key: KeyRef { keys[0] }

    /// Unix milliseconds, the same during the whole call.
    @inlinable
    public var now: Int64 { keyspace.now }

    /// The answer to the call's request, once; nil in its first run.
    public mutating func takeAnswer() -> BackgroundAnswer? {
        let taken = answer
        answer = nil
        return taken
    }

    /// Replies why a request could not be answered. Traps on an answer that isn't one to what the command asked.
    public mutating func refuse(_ answer: BackgroundAnswer) {
        guard case .failed(let reason) = answer else {
            preconditionFailure("\(arguments[0]) got \(answer), not what it asked for")
        }
        reply.pointee.error("ERR " + reason)
    }

    /// Replies the usage of a container's subcommands as Redis lays it out: a heading, the lines, HELP itself.
    public func help(_ container: StaticString, _ lines: [StaticString]) {
        reply.pointee.array(lines.count + 3)
        "\(container) <subcommand> [<arg> [value] [opt] ...]. Subcommands are:".withSlice { reply.pointee.simple($0) }
        for line in lines { reply.pointee.simple(line) }
        reply.pointee.simple("HELP")
        reply.pointee.simple("    Prints this help.")
    }
}
