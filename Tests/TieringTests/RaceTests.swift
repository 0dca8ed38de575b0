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
    /// A spill that stands still before (or behind) the provider until `during` has run.
    private func spill(_ world: World, holding gate: FaultyGate, during: () throws -> Void) throws {
        world.faulty.hold(gate)
        let spilling = Thread(name: "spill") { try? world.tier.spillEverything(keepsClean: false) }
        #expect(world.faulty.waitUntilHeld(1, at: gate))
        defer {
            world.faulty.release(gate)
            spilling.join()
        }
        try during()
    }

    private func cold(_ pairs: [(String, String)], expiry: Int64? = nil) throws -> (World, Client) {
        let world = World()
        let client = Client(world)
        for (key, value) in pairs { try client.set(key, value, expiry: expiry) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        return (world, client)
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
        try spill(world, holding: gate) { () throws in
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
        try spill(world, holding: gate) { () throws in
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
        try spill(world, holding: .beforeWrite) { try client.set("k", "new") }
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
        try spill(world, holding: .beforeWrite) { () throws in
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

    /// Guards, of which either suffices: the faults of a flushed space are stale, and `land` compares generations.
    @Test func aFlushMeetsAFaultInFlight() throws {
        let (world, client) = try cold([("k", "old")])
        defer { world.stop() }
        let (fault, result) = try #require(client.beginFault("k"))
        client.flush()
        #expect(client.land(fault, result) == false)
        #expect(try client.get("k") == nil)
        #expect(world.counters() == [0, 0, 0, 0, 0])
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
