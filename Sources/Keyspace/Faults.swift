import Bytes
import Platform
import Synchronization
import Values

// Faults: single flight of reads from flash, and the guard against installing what is no longer true.
//
// The simple version (read the provider, then put the result into the table) resurrects: between read and install the
// key may have been written, spilled and dropped again, deleted, or its database flushed, and the table shows no
// trace of it. So a fault is an object in its shard from the request to the last call that waited for it:
//
//   in flight   the read is queued or under way. Inserting any entry for the key marks it stale (`markStale`), so
//               does a flush: a fault that isn't stale belongs to its space's generation.
//   landed      the result is in the table, pinned there until every call that waited has run again.
//
// A stale fault installs nothing; its calls start again and ask anew. 'Not there' is a result like any other: it is
// installed as an `absent` marker, so that the call that starts again finds an answer instead of asking for ever.
// One key has at most one fault in flight that isn't stale, so at most one read under way that could still be
// installed.

/// A call that waits for faults. `ready` is called once, from any thread, when the last of them has landed.
open class FaultWaiter: @unchecked Sendable {
    // @unchecked: `faults` is changed by the thread that registers, before the count can reach zero, and read after
    // it has.
    private let pending = Atomic<Int>(1)
    /// What was waited for, to be released when the call has run.
    public private(set) var faults: [Fault] = []
    private let failureText = Atomic<Bool>(false)
    private let readyTime = Atomic<Int64>(0)
    /// Since when the call waits, restarts included. Nanoseconds of the monotonic clock.
    public let since: Int64

    public init(since: Int64 = Clock.monotonicNanoseconds()) { self.since = since }

    /// The error reply to a call that can't be served, whatever the reads bring.
    public private(set) var refusal: String?

    /// Whether a read failed, as `firstFailure` says, or the call is refused.
    public var hasFailed: Bool { failureText.load(ordering: .acquiring) }

    /// The first failed fault's message.
    public var firstFailure: String? {
        guard hasFailed else { return nil }
        return faults.lazy.compactMap(\.failure).first
    }

    func register(_ fault: Fault) {
        faults.append(fault)
        pending.add(1, ordering: .relaxed)
    }

    /// The call is to end with this error reply. Before `arm`.
    func refuse(_ text: String) {
        refusal = text
        failureText.store(true, ordering: .releasing)
    }

    /// Takes over what `earlier`, which has run in vain, waited for: it stays pinned until this call has run.
    public func inherit(_ earlier: FaultWaiter) {
        // Moved where it can be: it may be thousands, and this happens with each portion of them.
        if faults.isEmpty { swap(&faults, &earlier.faults) } else { faults += earlier.faults }
        earlier.faults = []
    }

    /// `time`: the fault's `landedAt`.
    func landed(failed: Bool, at time: Int64) {
        if failed { failureText.store(true, ordering: .releasing) }
        guard pending.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        readyTime.store(time, ordering: .relaxed)
        ready()
    }

    /// Registration is over: from now on `ready` may be called, at once if everything has landed.
    public func arm() { landed(failed: false, at: Clock.monotonicNanoseconds()) }

    /// Since when the call could run again, for the stage's latency; 0 while it can't, and for all but the first who
    /// ask. Nanoseconds of the monotonic clock.
    public func takeReadyTime() -> Int64 { readyTime.exchange(0, ordering: .relaxed) }

    /// Makes the call run again. Called once, on any thread, without locks.
    open func ready() {}
}

/// A fault's place among those that wait to be read.
public struct FaultPlace {
    public enum Stage: Sendable {
        /// Not queued yet.
        case requested
        case queued
        /// Somebody reads it, or has read it.
        case taken
    }
    public var stage = Stage.requested
    /// Of the queue's lines the one it stands in, and the one that has made room for it.
    public var line: UInt8 = 0
    public var room: UInt8 = 0
    public var next: Fault?
    /// Kept alive by its line.
    public unowned(unsafe) var previous: Fault?

    init() {}
}

/// One read from flash.
public final class Fault: @unchecked Sendable {
    // @unchecked: constant, or guarded by the shard's lock, or `place`, by that of the queue; `failure` is written
    // before the waiters are told, and `landedAt` is of use to the thread that lands it only.
    public let position: Position
    public let space: Int
    public let generation: UInt32
    public let key: [UInt8]
    /// When it was requested, for the stage's latency. Nanoseconds of the monotonic clock.
    public let requestedAt: Int64
    /// When `land` was through with it and told the calls that wait. Nanoseconds of the monotonic clock.
    public fileprivate(set) var landedAt: Int64 = 0
    /// Of a collection's page: whose it is, and which. Nil: the read is one of the key's record.
    let owner: PageOwner?
    let page: AbsentPage?
    var isStale = false
    var hasLanded = false
    fileprivate var hasPinnedPage = false
    fileprivate var waiters: [FaultWaiter] = []
    fileprivate var unreleased = 0
    var next: Fault?
    public internal(set) var failure: String?
    /// The tier's, under its queue's lock.
    public var place = FaultPlace()

    init(_ ref: KeyRef, generation: UInt32, requestedAt: Int64) {
        position = ref.position
        space = ref.space
        key = ref.bytes.array
        self.generation = generation
        self.requestedAt = requestedAt
        owner = nil
        page = nil
    }

    init(_ owner: PageOwner, _ page: AbsentPage, requestedAt: Int64) {
        position = owner.position
        space = owner.space
        key = owner.key
        generation = owner.generation
        self.requestedAt = requestedAt
        self.owner = owner
        self.page = page
    }

    /// Appends the name of what is to be read.
    public func appendName(to buffer: inout ByteBuffer) {
        if let owner, let page {
            FlashKey.page(generation: generation, collection: owner.collection, name: page.name, into: &buffer)
        } else {
            key.withSlice { FlashKey.record(generation: generation, position: position, key: $0, into: &buffer) }
        }
    }

    /// Touches that the record begins with: none, unless it is known to be hot. Set under the shard's lock, before the
    /// read.
    public var touches: UInt8 = 0

    /// Calls that wait. For tests, under the shard's lock.
    var waiterCount: Int { waiters.count }

    fileprivate var chain: UInt64 {
        if let owner, let page { return Self.chain(owner.collection, page) }
        return Self.chain(space, position)
    }

    /// May be a key's, too.
    static func chain(_ collection: UInt64, _ page: AbsentPage) -> UInt64 {
        (collection &* 0x9e37_79b9_7f4a_7c15) ^ page.name << 24
    }

    fileprivate static func chain(_ space: Int, _ position: Position) -> UInt64 {
        UInt64(space) << 32 | UInt64(position.tag)
    }
}

extension Shard {
    /// Marks a fault in flight for this key as stale.
    @inlinable
    mutating func markStale(_ ref: KeyRef) {
        if !faults.isEmpty { markStaleSlow(ref) }
    }

    @usableFromInline
    mutating func markStaleSlow(_ ref: KeyRef) {
        var fault = faults[Fault.chain(ref.space, ref.position)]
        while let here = fault {
            if !here.hasLanded, here.page == nil, here.key.withSlice({ $0 == ref.bytes }) { here.isStale = true }
            fault = here.next
        }
    }

    /// Marks all faults of a space as stale.
    mutating func markStale(space: Int) {
        for first in faults.values {
            var fault: Fault? = first
            while let here = fault {
                if here.space == space { here.isStale = true }
                fault = here.next
            }
        }
    }

    fileprivate mutating func unlink(_ fault: Fault) {
        var kept: [Fault] = []
        var cursor = faults[fault.chain]
        while let here = cursor {
            if here !== fault { kept.append(here) }
            cursor = here.next
        }
        for (index, here) in kept.enumerated() { here.next = index + 1 < kept.count ? kept[index + 1] : nil }
        faults[fault.chain] = kept.first
        fault.next = nil
    }

    fileprivate func hasLandedFault(_ fault: Fault) -> Bool {
        var cursor = faults[fault.chain]
        while let here = cursor {
            if here.hasLanded, here.page == nil, here.key == fault.key { return true }
            cursor = here.next
        }
        return false
    }
}

/// What the provider said to a fault.
public enum FaultResult {
    case found(SharedBytes)
    case missing
    case failed(String)
}

extension LockedKeyspace {
    /// Whether the key's truth is in RAM: an entry of any state, or no cold key in its partition at all.
    @inlinable
    public func isResident(_ ref: KeyRef) -> Bool {
        let part = partition(ref)
        return part.pointee.keys == part.pointee.resident
            || part.pointee.table.find(ref.position.tag, ref.bytes) >= 0
    }

    /// How many records have left the partition: an answer 'not on flash' holds while this stays the same.
    @inlinable
    public func departures(_ ref: KeyRef) -> UInt64 { partition(ref).pointee.departures }

    /// Asks for the key to be read from flash for `waiter` (nil: ahead of need). The shard is locked, the key not
    /// resident. Returns the fault, which may be under way already; nil if that is so and nobody waits.
    public mutating func requestFault(_ ref: KeyRef, for waiter: FaultWaiter?, at time: Int64) -> Fault? {
        let shard = store.shards + ref.position.shard
        var fault = shard.pointee.faults[Fault.chain(ref.space, ref.position)]
        while let here = fault {
            if !here.hasLanded, !here.isStale, here.page == nil, here.key.withSlice({ $0 == ref.bytes }) {
                guard let waiter else { return nil }
                join(here, waiter)
                return here
            }
            fault = here.next
        }
        let fresh = Fault(ref, generation: store.generations[ref.space], requestedAt: time)
        fresh.next = shard.pointee.faults[fresh.chain]
        shard.pointee.faults[fresh.chain] = fresh
        if let waiter { join(fresh, waiter) }
        return fresh
    }

    func join(_ fault: Fault, _ waiter: FaultWaiter) {
        fault.waiters.append(waiter)
        fault.unreleased += 1
        waiter.register(fault)
    }

    /// Lands a fault: installs what was read unless it is stale, pins it for the calls that wait, and wakes them.
    /// Takes and releases the shard's lock. Returns whether something was installed.
    @discardableResult
    public mutating func land(_ fault: Fault, _ result: FaultResult) -> Bool {
        let shard = fault.position.shard
        lock(shard)
        let isCurrent = !fault.isStale
        assert(!isCurrent || store.generations[fault.space] == fault.generation, "a flush left a fault alone")
        var isInstalled = false
        if isCurrent {
            if let owner = fault.owner, let page = fault.page {
                isInstalled = installPage(fault, owner, page, result)
            } else {
                isInstalled = install(fault, result)
            }
        }
        if case .failed(let message) = result, isCurrent { fault.failure = message }
        let waiters = fault.waiters
        fault.waiters = []
        fault.hasLanded = true
        if fault.unreleased == 0 {
            end(fault)
        } else if let owner = fault.owner, let page = fault.page {
            fault.hasPinnedPage = isInstalled
            if isInstalled { pinPage(owner, page, true) }
        } else if isCurrent {
            setPin(fault, true)
        }
        unlock(shard)
        fault.landedAt = Clock.monotonicNanoseconds()
        for waiter in waiters { waiter.landed(failed: fault.failure != nil, at: fault.landedAt) }
        return isInstalled
    }

    /// The last call that waited has run, or there was none. The shard is locked.
    private func end(_ fault: Fault) {
        store.shards[fault.position.shard].unlink(fault)
        if let owner = fault.owner { endAwaiting(owner) }
    }

    private mutating func install(_ fault: Fault, _ result: FaultResult) -> Bool {
        let part = partitions + (fault.space * Position.shardCount + fault.position.shard)
        let tag = fault.position.tag
        return fault.key.withSlice { key in
            guard part.pointee.table.find(tag, key) < 0 else { return false }
            let record: Record
            switch result {
            case .found(let bytes):
                guard let decoded = RecordEncoding.decode(key: key, bytes.slice) else {
                    fault.failure = "the record on flash is not in a known format"
                    return false
                }
                record = decoded
                record.residence = Residency(.clean, mayBeOnFlash: true, frequency: fault.touches)
                if fault.touches > 0 { accessClock.start(record) }
                part.pointee.resident += 1
                gainPages(part, record)
                if record.hasTimes {
                    gainTimes(part, record)
                    moveCold(part, expiring: record.hasExpiry, members: record.hasMemberExpiries, by: -1)
                }
            case .missing:
                record = .marker(key: key)
                record.residence = Residency(.absent)
            case .failed: return false
            }
            let grown = part.pointee.table.insert(tag, record)
            account(grown + record.memoryBytes)
            return true
        }
    }

    private func setPin(_ fault: Fault, _ on: Bool) {
        let part = partitions + (fault.space * Position.shardCount + fault.position.shard)
        let index = fault.key.withSlice { part.pointee.table.find(fault.position.tag, $0) }
        guard index >= 0 else { return }
        let record = part.pointee.table.slot(at: index).record
        record.residence = record.residence.pinned(on)
    }

    /// A call that waited for `faults` has run, or never will: what they pinned may go. Takes and releases the locks.
    public mutating func release(_ faults: [Fault]) {
        for fault in faults {
            let shard = fault.position.shard
            lock(shard)
            fault.unreleased -= 1
            if fault.unreleased == 0, fault.hasLanded {
                end(fault)
                if let owner = fault.owner, let page = fault.page {
                    if fault.hasPinnedPage { pinPage(owner, page, false) }
                } else if !store.shards[shard].hasLandedFault(fault) {
                    // Whatever generation it was of: while it lingered here, who released a later one left the pin to
                    // it.
                    setPin(fault, false)
                }
            }
            unlock(shard)
        }
    }

    /// A call gives up before its faults have landed (its client is gone): they land without it.
    public mutating func abandon(_ waiter: FaultWaiter) {
        for fault in waiter.faults {
            lock(fault.position.shard)
            fault.waiters.removeAll { $0 === waiter }
            unlock(fault.position.shard)
        }
        release(waiter.faults)
    }
}
