import Bytes
import Platform
import Storage
import StorageFaulty
import Testing
import Values

@testable import Keyspace
@testable import Tiering

/// The races of DESIGN 1.6, each made to happen. What guards against it stands with each test: without it the test
/// fails.
@Suite struct RaceTests {
    private func cold(_ pairs: [(String, String)], expiry: Int64? = nil) throws -> (World, Client) {
        let world = World()
        let client = Client(world)
        for (key, value) in pairs { try client.set(key, value, expiry: expiry) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        return (world, client)
    }

    /// Keys that share a shard.
    private func neighbours(_ count: Int) -> [String] {
        let shard = World.placement.position(of: ByteSlice("k")).shard
        return Array(
            (0...).lazy.map { "k\($0)" }
                .filter { Array($0.utf8).withSlice { World.placement.position(of: $0).shard } == shard }
                .prefix(count))
    }

    /// Guard: `markStale` in `LockedKeyspace.insert`.
    @Test func aFaultThatWasUnderWayDuringADeleteInstallsNothing() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let (fault, result) = try #require(client.beginFault("k"))
        try client.set("k", "new")
        #expect(try client.delete("k"))
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.flashKeys().isEmpty)
        #expect(client.land(fault, result) == false)
        #expect(try client.get("k") == nil)
        #expect(try world.tier.exactCount(database: 0) == 0)
        #expect(world.counters() == [0, 0, 0, 0, 0])
    }

    /// Guard: `markStale` in `LockedKeyspace.insert`.
    @Test func aFaultIsStaleAfterSetSpillAndDrop() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let (fault, result) = try #require(client.beginFault("k"))
        try client.set("k", "new")
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        #expect(client.land(fault, result) == false)
        #expect(try client.get("k") == "new")
        #expect(try world.tier.exactCount(database: 0) == 1)
    }

    /// Guard: a stale fault is not joined (`!here.isStale` in `requestFault`).
    @Test func nobodyJoinsAStaleFault() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let (fault, result) = try #require(client.beginFault("k"))
        try client.set("k", "new")
        try world.tier.spillEverything(keepsClean: false)
        let second = try #require(client.beginFault("k"))
        #expect(client.land(second.fault, second.result))
        client.land(fault, result)
        #expect(try client.get("k") == "new")
    }

    /// Guard: `superseded` for a write while spilling.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aBatchThatLandsAfterANewerWriteDoesNotCleanIt(_ gate: FaultyGate) throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "old")
        try world.spill(holding: gate) { () throws in
            try client.set("k", "new")
            #expect(try client.get("k") == "new")
        }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        #expect(try client.get("k") == "new")
        #expect(try world.tier.exactCount(database: 0) == 1)
    }

    /// Guard: `doomed` becomes `deleted`, not gone, when the put is confirmed.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aDeleteWhileThePutIsInFlightReachesFlash(_ gate: FaultyGate) throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "old")
        try world.spill(holding: gate) { () throws in
            #expect(try client.delete("k"))
            #expect(try client.get("k") == nil)
        }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.flashKeys().isEmpty)
        #expect(try client.get("k") == nil)
        #expect(world.counters() == [0, 0, 0, 0, 0])
    }

    /// Guard: `superseded` for a write while deleting.
    @Test func aWriteWhileTheDeleteIsInFlightSurvivesIt() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        #expect(try client.delete("k"))
        try world.spill(holding: .beforeWrite) { try client.set("k", "new") }
        try world.tier.spillEverything(keepsClean: false)
        #expect(try client.get("k") == "new")
        #expect(world.flashKeys().count == 1)
    }

    /// Guard: the comparison of generations in `complete`, and `reap` behind `writing`.
    @Test func aFlushMeetsABatchInFlight() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<50 { try client.set("k\(number)", "old") }
        var generation: UInt32 = 0
        var reaping: Thread?
        try world.spill(holding: .beforeWrite) { () throws in
            generation = client.flush()
            try client.set("k1", "new")
            let dead = generation
            reaping = Thread(name: "reap") { try? world.tier.reap(generation: dead) }
            // Given its chance to overtake the batch.
            Clock.sleep(nanoseconds: 20_000_000)
        }
        reaping?.join()
        #expect(try client.get("k1") == "new" && client.get("k2") == nil)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.flashKeys().count == 1)
        #expect(try client.get("k1") == "new")
        #expect(world.counters() == [1, 1, 0, 0, 0])
    }

    /// Guard: `markStale(space:)` in `detach`.
    @Test func aFlushMeetsAFaultInFlight() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let (fault, result) = try #require(client.beginFault("k"))
        client.flush()
        #expect(client.land(fault, result) == false)
        #expect(try client.get("k") == nil)
        #expect(world.counters() == [0, 0, 0, 0, 0])
    }

    /// Guard: `markStale(space:)` in `detach`. Who joins a fault from before the flush is told of a read's failure that
    /// isn't his.
    @Test func nobodyJoinsAFaultFromBeforeAFlush() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        let names = neighbours(2)
        try client.set(names[0], "old")
        try world.tier.spillEverything(keepsClean: false)
        let (fault, result) = try #require(client.beginFault(names[0]))
        client.flush()
        // Something cold in the same shard, or nobody would ask for the other key.
        try client.set(names[1], "new")
        try world.tier.spillEverything(keepsClean: false)
        let second = try #require(client.beginFault(names[0]))
        #expect(client.land(fault, result) == false)
        #expect(client.land(second.fault, second.result))
        #expect(try client.get(names[0]) == nil && client.get(names[1]) == "new")
        #expect(world.faultsInShards() == 0)
    }

    /// Guard: `release` takes the pin away whatever generation the fault was of.
    @Test func aFaultFromBeforeAFlushLeavesNoPinBehind() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let early = Parked()
        let late = Parked()
        let first = try #require(client.beginFault("k", for: early))
        client.flush()
        try client.set("k", "new")
        try world.tier.spillEverything(keepsClean: false)
        let second = try #require(client.beginFault("k", for: late))
        #expect(client.land(first.fault, first.result) == false)
        #expect(client.land(second.fault, second.result))
        client.keys.release(late.faults)
        client.keys.release(early.faults)
        #expect(world.faultsInShards() == 0)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0, "\(world.residents())")
        #expect(try client.get("k") == "new")
    }

    /// Guard: a fault belongs to a space, not to a database's number.
    @Test func aSwapMeetsAFaultInFlight() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "zero")
        try client.set("k", "one", database: 1)
        try world.tier.spillEverything(keepsClean: false)
        let (fault, result) = try #require(client.beginFault("k"))
        client.swap(0, 1)
        #expect(client.land(fault, result))
        #expect(try client.get("k") == "one" && client.get("k", database: 1) == "zero")
        #expect(world.counters() == [2, 2, 0, 0, 0])
    }

    /// Guard: `peek` looks at the time after the fault has landed, and a deleted clean record leaves a tombstone.
    @Test func aKeyExpiresWhileItIsFaultedIn() throws {
        let due = Clock.unixMilliseconds() + 3_600_000
        let (world, client) = try cold([("k", "old")], expiry: due)
        defer { world.stop() }
        #expect(world.counters() == [1, 0, 0, 0, 1])
        let (fault, result) = try #require(client.beginFault("k"))
        client.frozenNow = due + 1
        #expect(client.land(fault, result))
        #expect(try client.get("k") == nil)
        #expect(world.counters() == [0, 0, 0, 0, 0])
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.flashKeys().isEmpty)
        #expect(try client.get("k") == nil)
    }

    /// Guard: `departures`, counted where a record leaves RAM, compared where an answer is used.
    @Test func anAnswerNotOnFlashIsVoidWhenSomethingLeftRAM() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        let other = Client(world)
        // A cold key in the same shard, or nobody would be asked.
        for number in 0..<20_000 { try client.set("filler:\(number)", "x") }
        try world.tier.spillEverything(keepsClean: false)
        var fired = false
        client.afterQuestion = {
            guard !fired else { return }
            fired = true
            try? other.set("k", "v")
            try? world.tier.spillEverything(keepsClean: false)
        }
        #expect(try client.get("k") == "v")
        #expect(fired)
        #expect(try world.tier.exactCount(database: 0) == 20_001)
    }

    /// Guard: `burials`, counted where a confirmed delete takes a tombstone out of RAM, compared where a walk meets a
    /// key without an entry. That it changed proves nothing either: the neighbour is still there.
    @Test func aTombstoneLeavesRAMBehindAWalksIterator() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        let names = neighbours(2)
        for name in names { try client.set(name, "v") }
        try world.tier.spillEverything(keepsClean: false)
        #expect(try client.delete(names[0]))
        #expect(world.flashKeys().count == 2)
        world.faulty.hold(.beforeStep)
        let found = Monitor<[[UInt8]]?>(nil)
        let walking = Thread(name: "walk") {
            var walker = Walker(store: world.store, tier: world.tier)
            let result = try? walker.walk(WalkRequest(database: 0, from: 0, count: .max), now: 0)
            found.withLock { $0 = result?.keys }
        }
        do {
            defer {
                world.faulty.release(.beforeStep)
                walking.join()
            }
            // The iterator is open and shows both keys; RAM has not been asked about them yet.
            #expect(world.faulty.waitUntilHeld(1, at: .beforeStep))
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashKeys().count == 1 && world.residents().isEmpty)
        }
        #expect(found.withLock { $0 } == [Array(names[1].utf8)])
    }

    /// Guard: `burials` in `evictCold`.
    @Test func aKeyThatIsGoneSinceItWasSeenIsNotEvicted() throws {
        let names = neighbours(2)
        let (world, client) = try cold(names.map { ($0, "v") })
        defer { world.stop() }
        let view = client.coldView(names[0])
        #expect(try client.delete(names[0]))
        try world.tier.spillEverything(keepsClean: false)
        guard case .outdated = client.evictCold(view, names[0]) else { Issue.record("not outdated"); return }
        #expect(world.counters() == [1, 0, 0, 0, 0])
    }

    /// Guard: `departures` in `evictCold`.
    @Test func aKeyThatWasWrittenSinceItWasSeenIsNotEvicted() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let view = client.coldView("k")
        try client.set("k", "new", expiry: Clock.unixMilliseconds() + 3_600_000)
        try world.tier.spillEverything(keepsClean: false)
        guard case .outdated = client.evictCold(view, "k") else { Issue.record("not outdated"); return }
        #expect(world.counters() == [1, 0, 0, 0, 1])
        #expect(try client.get("k") == "new")
    }

    /// Guard: a failed put is dirty again, a failed delete a tombstone again.
    @Test func refusedWritesLoseNothing() throws {
        let (world, client) = try cold([("gone", "x"), ("kept", "x")])
        defer { world.stop() }
        #expect(try client.delete("gone"))
        for number in 0..<100 { try client.set("k\(number)", "v\(number)") }
        world.faulty.breakDown(StorageError(.noSpace, "full"))
        #expect(throws: StorageError.self) { try world.tier.spillEverything(keepsClean: false) }
        for number in 0..<100 { #expect(try client.get("k\(number)") == "v\(number)") }
        #expect(try client.get("gone") == nil && client.get("kept") == "x")
        #expect(world.tier.writeFailures.load(ordering: .relaxed) > 0)
        world.faulty.repair()
        try world.faulty.resume()
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        for number in 0..<100 { #expect(try client.get("k\(number)") == "v\(number)") }
        #expect(try client.get("gone") == nil && client.get("kept") == "x")
        #expect(try world.tier.exactCount(database: 0) == 101)
    }

    /// Guard: `SpillPass.resolve` writes what is in the batch before it throws.
    @Test func anUnreadableOldValueStopsNothingForEver() throws {
        let (world, client) = try cold((0..<50).map { ("k\($0)", "old") })
        defer { world.stop() }
        for number in 0..<50 { try client.set("k\(number)", "new\(number)") }
        for number in 0..<50 { try client.set("fresh\(number)", "x") }
        var plan = FaultPlan()
        plan.read.failureProbability = 1
        world.faulty.plan = plan
        #expect(throws: StorageError.self) { try world.tier.spillEverything(keepsClean: false) }
        #expect(throws: StorageError.self) { _ = try world.tier.exactCount(database: 0) }
        world.faulty.plan = FaultPlan()
        #expect(try world.tier.exactCount(database: 0) == 100)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        for number in 0..<50 { #expect(try client.get("k\(number)") == "new\(number)") }
        #expect(try client.get("fresh7") == "x")
    }

    /// Guard: `FaultIn` and `ColdExpiry` land what they can't read.
    @Test func anUnreadableKeyIsAnErrorNotAbsent() throws {
        let (world, client) = try cold([("k", "v")])
        defer { world.stop() }
        world.faulty.plan.read.failureProbability = 1
        #expect(throws: CallError.self) { _ = try client.get("k") }
        #expect(throws: CallError.self) { _ = try client.delete("k") }
        world.faulty.plan.read.failureProbability = 0
        #expect(try client.get("k") == "v")
    }
}
