import Bytes
import CShims
import Platform
import Storage
import StorageFaulty
import StorageMemory
import Synchronization
import Testing
import Values

@testable import Keyspace
@testable import Tiering

/// A keyspace with a tier over a faulty provider over memory.
final class World: @unchecked Sendable {
    // @unchecked: constants; what they refer to is made for many threads.
    let store: KeyspaceStore
    let memory: MemoryProvider
    let faulty: FaultyProvider
    let tier: Tier
    static let placement = Placement(seed: SipHash(k0: 3, k1: 4))

    /// `recordBytes`: the budget for records, at least 1 MiB. `threads`: start the spiller and cold expiry too.
    init(
        databases: Int = 2, recordBytes: Int = 1 << 20, plan: FaultPlan = FaultPlan(), seed: UInt64 = 1,
        over memory: MemoryProvider = MemoryProvider(), generations: [UInt32] = [], readThreads: Int = 4,
        queueLength: Int = 16_384, threads: Bool = false
    ) {
        self.memory = memory
        faulty = FaultyProvider(memory, plan: plan, seed: seed)
        store = KeyspaceStore(
            databases: databases, placement: Self.placement, hasProvider: true,
            generations: generations)
        // Of four parts two are memtables and one block cache, so the records' minimum of a quarter holds.
        let budget = MemoryBudget(maximum: recordBytes * 4, blockCache: recordBytes, memtables: recordBytes * 2)
        tier = Tier(
            store: store, provider: faulty,
            settings: TierSettings(budget: budget, readThreads: readThreads, queueLength: queueLength))
        if threads { tier.start() } else { tier.faultIn.start() }
    }

    func stop() { tier.stop() }

    /// Has a fault read, as if nobody needed it soon.
    func submit(_ fault: Fault) {
        guard let room = tier.reserveAhead(1) else { preconditionFailure("no room for one read ahead") }
        tier.submit([fault], room)
    }

    /// Keys of any generation on flash, records only.
    func flashKeys() -> [[UInt8]] {
        var keys: [[UInt8]] = []
        let cursor = try? memory.cursor(from: ByteSlice("K"), to: ByteSlice("L"), withValues: false)
        while let (key, _) = try? cursor?.next() { keys.append(key.array) }
        return keys
    }

    /// A spill of everything that stands still before (or behind) the provider until `during` has run.
    func spill(holding gate: FaultyGate, during: () throws -> Void) throws {
        faulty.hold(gate)
        let spilling = Thread(name: "spill") { [self] in try? tier.spillEverything(keepsClean: false) }
        #expect(faulty.waitUntilHeld(1, at: gate))
        defer {
            faulty.release(gate)
            spilling.join()
        }
        try during()
    }

    /// Pages of collections on flash.
    func flashPages() -> Int {
        var count = 0
        let cursor = try? memory.cursor(from: ByteSlice("P"), to: ByteSlice("Q"), withValues: false)
        while (try? cursor?.next()) ?? nil != nil { count += 1 }
        return count
    }

    /// Faults in flight, or landed and not released.
    func faultsInShards() -> Int {
        var count = 0
        for shard in 0..<Position.shardCount {
            store.lock(shard)
            count += store.shards[shard].faults.count
            store.unlock(shard)
        }
        return count
    }

    /// After a history whose keys have been deleted: nothing of them is left anywhere.
    func expectNothingLeft() throws {
        try tier.spillEverything(keepsClean: false)
        #expect(flashPages() == 0)
        #expect(flashKeys().isEmpty)
        #expect(counters() == [0, 0, 0, 0, 0])
        #expect(faultsInShards() == 0)
    }

    /// The entries that are in RAM, for messages.
    func residents() -> [String] {
        var all: [String] = []
        for shard in 0..<Position.shardCount {
            store.lock(shard)
            for space in 0..<store.databases {
                let table = store.partition(shard, space).pointee.table
                for index in 0..<table.slotCount where !table.slot(at: index).isFree {
                    let record = table.slot(at: index).record
                    let residence = record.residence
                    all.append(
                        "\(record.key) \(residence.state) pinned \(residence.isPinned) touches \(residence.frequency)"
                            + " open \(residence.isUnresolved)")
                }
            }
            store.unlock(shard)
        }
        return all
    }

    /// Keys whose members expire, hot and cold. Traps on a negative one.
    func memberCounters() -> [Int] {
        var sums = [0, 0]
        for shard in 0..<Position.shardCount {
            store.lock(shard)
            for space in 0..<store.databases {
                let part = store.partition(shard, space).pointee
                precondition(part.memberExpiring >= 0 && part.coldMemberExpiring >= 0, "shard \(shard)")
                sums[0] += part.memberExpiring
                sums[1] += part.coldMemberExpiring
            }
            store.unlock(shard)
        }
        return sums
    }

    /// Counters of all partitions: keys, resident, unresolved, expiring, cold expiring. Traps on a negative one.
    func counters() -> [Int] {
        var sums = [Int](repeating: 0, count: 5)
        for shard in 0..<Position.shardCount {
            store.lock(shard)
            for space in 0..<store.databases {
                let part = store.partition(shard, space).pointee
                let parts = [part.keys, part.resident, part.unresolved, part.expiring, part.coldExpiring]
                for (index, value) in parts.enumerated() {
                    precondition(value >= 0, "counter \(index) of shard \(shard) is \(value)")
                    sums[index] += value
                }
                precondition(part.keys >= part.resident, "\(part.keys) keys, \(part.resident) resident")
                var partial = 0
                for index in 0..<part.table.slotCount where !part.table.slot(at: index).isFree {
                    let record = part.table.slot(at: index).record
                    guard record.residence.isLive, let value = record.collectionObject else { continue }
                    let isCounted = value.paging?.isCountedPartial == true
                    if isCounted { partial += 1 }
                    precondition(isCounted || !value.isPartial, "a collection that lacks pages is not counted")
                    if let sorted = value as? SortedSetValue { sorted.checkInvariants() } else { value.checkPages() }
                }
                precondition(partial == part.partial, "\(partial) that may lack pages, \(part.partial) counted")
                part.table.checkInvariants()
            }
            store.unlock(shard)
        }
        return sums
    }
}

/// A call that waits.
final class Parked: ReadWaiter, @unchecked Sendable {
    // @unchecked: the state is a monitor.
    private let isReady = Monitor(false)
    override func ready() {
        isReady.withLock { $0 = true }
        isReady.wakeAll()
    }
    /// False after ten seconds: nobody woke it.
    func wait() -> Bool { isReady.wait(timeoutNanoseconds: 60_000_000_000) { $0 ? true : nil } ?? false }
}

/// Why a call had no effect.
enum CallError: Error {
    case refused(String)
    case unreadable(String)
    case stuck
}

/// A key a call names.
struct Name {
    let bytes: SharedBytes
    /// Whether the call needs the old value.
    let isNeeded: Bool
    /// What of its pages, if it is a large collection.
    let pages: PageNeed
    init(_ key: String, needed: Bool = true, pages: PageNeed = .all) {
        bytes = Array(key.utf8).withSlice { SharedBytes(copying: $0) }
        isNeeded = needed
        self.pages = pages
    }
}

/// One connection: does with keys what the server's dispatcher does. For one thread.
final class Client {
    let world: World
    var keys: LockedKeyspace
    private var scratch = ByteBuffer()
    /// The time of calls, if not the clock's.
    var frozenNow: Int64?
    /// Called between the answer 'not on flash' and its revalidation.
    var afterQuestion: (() -> Void)?
    /// Times that calls were parked for a read.
    var parks = 0

    init(_ world: World) {
        self.world = world
        keys = LockedKeyspace(store: world.store, ledger: world.store.makeLedger())
    }

    /// Runs `body` with the shards of `names` locked and all that is needed resident.
    func call<R>(
        _ names: [Name], database: Int = 0, writes: Bool, _ body: (inout LockedKeyspace, [KeyRef]) -> R
    ) throws(CallError) -> R {
        if writes { try waitForMemory() }
        var waiters: [Parked] = []
        defer { for waiter in waiters { keys.release(waiter.faults) } }
        let positions = names.map { world.store.placement.position(of: $0.bytes.slice) }
        let shards = Set(positions.map(\.shard)).sorted()
        while true {
            lock(shards)
            var refs = self.refs(names, positions, database)
            let missing = refs.indices.filter { names[$0].isNeeded && !keys.isResident(refs[$0]) }
            let pages = refs.indices.reduce(0) { count, index in
                names[index].isNeeded && keys.isResident(refs[index])
                    ? count + keys.absentPages(refs[index], names[index].pages) : count
            }
            if missing.isEmpty, pages == 0 { return finish(shards, refs, writes, body) }
            let before = refs
            let generations = refs.map { world.store.generation(ofSpace: $0.space) }
            let departures = refs.map { keys.departures($0) }
            unlock(shards)
            let absent = missing.filter {
                !world.tier.mayBeOnFlash(
                    generation: generations[$0], position: positions[$0], key: before[$0].bytes, scratch: &scratch)
            }
            afterQuestion?()
            let waiter = Parked()
            waiters.append(waiter)
            waiter.room = waiters.dropLast().last?.room.take()
            guard let room = world.tier.reserve(missing.count + pages, for: waiter) else {
                parks += 1
                if !waiter.wait() { throw .stuck }
                continue
            }
            lock(shards)
            refs = self.refs(names, positions, database)
            var faults: [Fault] = []
            for index in refs.indices where names[index].isNeeded && keys.isResident(refs[index]) {
                keys.requestPages(
                    refs[index], names[index].pages, for: waiter, at: Clock.monotonicNanoseconds(),
                    limit: room.reads, into: &faults)
            }
            for index in refs.indices where names[index].isNeeded && !keys.isResident(refs[index]) {
                if absent.contains(index), refs[index].space == before[index].space,
                    world.store.generation(ofSpace: refs[index].space) == generations[index],
                    keys.departures(refs[index]) == departures[index]
                {
                    refs[index].isKnownAbsent = true
                } else if faults.count < room.reads,
                    let fault = keys.requestFault(refs[index], for: waiter, at: Clock.monotonicNanoseconds())
                {
                    faults.append(fault)
                }
            }
            if waiter.faults.isEmpty { return finish(shards, refs, writes, body) }
            unlock(shards)
            world.tier.submit(faults, room)
            waiter.arm()
            parks += 1
            if !waiter.wait() { throw .stuck }
            if waiter.hasFailed { throw .unreadable(waiter.firstFailure ?? "") }
        }
    }

    private func finish<R>(
        _ shards: [Int], _ refs: [KeyRef], _ writes: Bool, _ body: (inout LockedKeyspace, [KeyRef]) -> R
    ) -> R {
        keys.now = frozenNow ?? Clock.unixMilliseconds()
        let result = body(&keys, refs)
        unlock(shards)
        if writes { world.tier.evaluate() }
        return result
    }

    private func lock(_ shards: [Int]) { for shard in shards { keys.lock(shard) } }
    private func unlock(_ shards: [Int]) { for shard in shards { keys.unlock(shard) } }

    private func refs(_ names: [Name], _ positions: [Position], _ database: Int) -> [KeyRef] {
        zip(names, positions).map { name, position in
            KeyRef(bytes: name.bytes.slice, position: position, space: world.store.space(ofDatabase: database))
        }
    }

    private func waitForMemory() throws(CallError) {
        while world.tier.mustWait {
            if let text = world.tier.refusalText { throw .refused(text) }
            let waiter = Parked()
            world.tier.waitForMemory(waiter)
            if !waiter.wait() { throw .stuck }
        }
        if let text = world.tier.refusalText { throw .refused(text) }
    }

    // MARK: Commands

    func set(_ key: String, _ value: String, expiry: Int64? = nil, database: Int = 0) throws(CallError) {
        try call([Name(key, needed: false)], database: database, writes: true) { keys, refs in
            let record = Array(value.utf8).withSlice { Record.string(key: refs[0].bytes, value: $0, expiry: expiry) }
            keys.set(refs[0], record)
        }
    }

    func get(_ key: String, database: Int = 0) throws(CallError) -> String? {
        try call([Name(key)], database: database, writes: false) { keys, refs in
            keys.read(refs[0])?.record.withString { $0.string }
        }
    }

    func delete(_ key: String, database: Int = 0) throws(CallError) -> Bool {
        try call([Name(key)], database: database, writes: true) { keys, refs in keys.delete(refs[0]) }
    }

    /// The new length.
    func append(_ key: String, _ suffix: String, database: Int = 0) throws(CallError) -> Int {
        let bytes = Array(suffix.utf8)
        return try call([Name(key)], database: database, writes: true) { keys, refs in
            guard let entry = keys.find(refs[0]) else {
                keys.set(refs[0], bytes.withSlice { Record.string(key: refs[0].bytes, value: $0, expiry: nil) })
                return bytes.count
            }
            let length = entry.record.stringLength
            keys.update(entry) { old in
                let (record, target) = old.writableString(length: length + bytes.count)
                _ = bytes.withSlice { memcpy(target + length, $0.base, $0.count) }
                return record
            }
            return length + bytes.count
        }
    }

    /// The new number, nil if the value isn't one.
    func increment(_ key: String, database: Int = 0) throws(CallError) -> Int64? {
        try call([Name(key)], database: database, writes: true) { keys, refs in
            guard let entry = keys.find(refs[0]) else {
                keys.set(refs[0], Record.integer(key: refs[0].bytes, 1, expiry: nil))
                return 1
            }
            if let number = entry.record.integerValue {
                keys.updateInPlace(entry)
                entry.record.replaceInteger(number + 1)
                return number + 1
            }
            guard let number = entry.record.withString({ StringForm.canonicalInteger($0) }), number < .max else {
                return nil
            }
            keys.update(entry) { old in
                let fresh = Record.integer(key: old.key, number + 1, expiry: old.expiry)
                old.free()
                return fresh
            }
            return number + 1
        }
    }

    func expire(_ key: String, at expiry: Int64?, database: Int = 0) throws(CallError) -> Bool {
        try call([Name(key)], database: database, writes: true) { keys, refs in
            guard let entry = keys.find(refs[0]) else { return false }
            if let expiry, expiry <= keys.now { keys.delete(entry) } else { keys.setExpiry(entry, expiry) }
            return true
        }
    }

    func rename(_ key: String, to other: String, database: Int = 0) throws(CallError) -> Bool {
        try call([Name(key), Name(other, needed: false)], database: database, writes: true) { keys, refs in
            guard let entry = keys.find(refs[0]) else { return false }
            let record = entry.record.copy(key: refs[1].bytes, expiry: entry.record.expiry)
            keys.set(refs[1], record)
            keys.delete(refs[0])
            return true
        }
    }

    func getMany(_ names: [String], database: Int = 0) throws(CallError) -> [String?] {
        try call(names.map { Name($0) }, database: database, writes: false) { keys, refs in
            refs.map { keys.read($0)?.record.withString { $0.string } }
        }
    }

    /// Asks for a key ahead of need; with `abandons` for a call that then goes away.
    func prefetch(_ key: String, database: Int = 0, abandons: Bool = false) {
        let name = Name(key)
        let position = world.store.placement.position(of: name.bytes.slice)
        keys.lock(position.shard)
        let ref = refs([name], [position], database)[0]
        let waiter = abandons ? Parked() : nil
        let fault =
            keys.isResident(ref) ? nil : keys.requestFault(ref, for: waiter, at: Clock.monotonicNanoseconds())
        keys.unlock(position.shard)
        if let fault { world.submit(fault) }
        if let waiter { keys.abandon(waiter) }
    }

    /// Requests a fault and makes its read, but does not land it: the test does. Nil if the key isn't cold, or a fault
    /// is under way that was joined.
    func beginFault(
        _ key: String, database: Int = 0, for waiter: FaultWaiter? = nil
    ) -> (fault: Fault, result: FaultResult)? {
        let name = Name(key)
        let position = world.store.placement.position(of: name.bytes.slice)
        keys.lock(position.shard)
        let ref = refs([name], [position], database)[0]
        let fault = keys.isResident(ref) ? nil : keys.requestFault(ref, for: waiter, at: 0)
        let isOwn = fault.map { world.tier.claim($0) } ?? false
        keys.unlock(position.shard)
        guard let fault, isOwn else { return nil }
        scratch.removeAll()
        FlashKey.record(generation: fault.generation, position: position, key: name.bytes.slice, into: &scratch)
        guard case .found(let bytes)? = try? world.memory.read(scratch.slice) else { return (fault, .missing) }
        return (fault, .found(bytes))
    }

    @discardableResult
    func land(_ fault: Fault, _ result: FaultResult) -> Bool { keys.land(fault, result) }

    /// What an eviction of cold keys knows before it looks at flash for `key`.
    func coldView(_ key: String) -> ColdView {
        keys.coldView(shard: Array(key.utf8).withSlice { World.placement.position(of: $0).shard }, space: 0)
    }

    /// Evicts a key that was seen there.
    func evictCold(_ view: ColdView, _ key: String) -> ColdEviction {
        Array(key.utf8).withSlice {
            keys.evictCold(view, position: World.placement.position(of: $0), key: $0, hadExpiry: false)
        }
    }

    func swap(_ a: Int, _ b: Int) {
        world.store.lockAll()
        world.store.swap(a, b)
        world.store.unlockAll()
    }

    /// FLUSHDB; returns the dead generation.
    @discardableResult
    func flush(_ database: Int = 0) -> UInt32 {
        world.store.lockAll()
        let detached = world.store.detach(database: database)
        world.store.unlockAll()
        detached.free(keys.ledger)
        return detached.generation
    }
}

/// Waits until `condition` holds, at most half a minute.
func eventually(_ condition: () -> Bool) -> Bool {
    let until = Clock.monotonicNanoseconds() + 30_000_000_000
    while !condition() {
        if Clock.monotonicNanoseconds() > until { return false }
        Clock.sleep(nanoseconds: 2_000_000)
    }
    return true
}
