import Platform
import StorageFaulty
import Synchronization
import Telemetry
import Testing

@testable import Keyspace
@testable import Tiering

/// Where the time of misses is said to go. Only lower bounds: the machine may be busy.
@Suite struct FaultStageTests {
    private func slowReads(_ milliseconds: Int64) -> FaultPlan {
        var plan = FaultPlan()
        plan.read.delay = .fixed(nanoseconds: milliseconds * 1_000_000)
        return plan
    }

    private func calls(_ world: World, _ stage: FaultStage) -> UInt64 {
        world.tier.faultStages.statistics(stage.rawValue).calls
    }

    /// Milliseconds that `share` percent of a stage don't exceed.
    private func milliseconds(_ world: World, _ stage: FaultStage, _ share: Double) -> Double {
        guard let distribution = world.tier.faultStages.distribution(stage.rawValue) else { return -1 }
        return Double(distribution.nanoseconds(percentile: share)) / 1_000_000
    }

    /// Recording ends after the call has been told.
    private func waitForFaults(_ world: World, _ count: UInt64) -> Bool {
        eventually { calls(world, .install) == count }
    }

    @Test func aSlowProviderShowsInRead() throws {
        let world = World(plan: slowReads(50))
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "v")
        try world.tier.spillEverything(keepsClean: false)
        #expect(FaultStage.allCases.allSatisfy { calls(world, $0) == 0 })
        #expect(try client.get("k") == "v")
        #expect(waitForFaults(world, 1))
        #expect(calls(world, .queue) == 1 && calls(world, .read) == 1)
        #expect(milliseconds(world, .read, 0) >= 50)
        #expect(world.tier.faultStages.statistics(FaultStage.read.rawValue).nanoseconds >= 50_000_000)
        // What is in RAM costs no stage.
        #expect(try client.get("k") == "v")
        #expect(calls(world, .read) == 1)
    }

    /// Three keys of one call, one thread: the second waits for one read, the third for two.
    @Test func aSingleThreadShowsInQueue() throws {
        let world = World(plan: slowReads(50), readThreads: 1)
        defer { world.stop() }
        let client = Client(world)
        let keys = ["a", "b", "c"]
        for key in keys { try client.set(key, key) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(try client.getMany(keys) == keys)
        #expect(waitForFaults(world, 3))
        #expect(calls(world, .queue) == 3 && calls(world, .read) == 3)
        #expect(milliseconds(world, .queue, 50) >= 50)
        #expect(milliseconds(world, .queue, 100) >= 100)
        #expect(milliseconds(world, .read, 0) >= 50)
    }

    /// A lock that somebody else holds is what installing waits for.
    @Test func aHeldShardShowsInInstall() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "v")
        try world.tier.spillEverything(keepsClean: false)
        world.faulty.hold(.afterRead)
        client.prefetch("k")
        #expect(world.faulty.waitUntilHeld(1, at: .afterRead))
        let shard = World.placement.position(of: "k").shard
        world.store.lock(shard)
        world.faulty.release(.afterRead)
        let hasRead = eventually { calls(world, .read) == 1 }
        Clock.sleep(nanoseconds: 20_000_000)
        world.store.unlock(shard)
        #expect(hasRead && waitForFaults(world, 1))
        #expect(milliseconds(world, .install, 0) >= 20)
    }

    @Test func failuresAndAbsentKeysCountToo() throws {
        var plan = FaultPlan()
        plan.read.failing = [1]
        plan.falsePositiveProbability = 1
        let world = World(plan: plan)
        defer { world.stop() }
        let client = Client(world)
        // Absent, in the partition of a key that is cold: without one nobody would ask.
        try client.set("k", "v")
        try world.tier.spillEverything(keepsClean: false)
        #expect(throws: CallError.self) { try client.get("k") }
        let sibling = (0...).lazy.map { "s\($0)" }.first {
            World.placement.position(of: $0).shard == World.placement.position(of: "k").shard
        }
        #expect(try client.get(try #require(sibling)) == nil)
        #expect(waitForFaults(world, 2))
        #expect(calls(world, .queue) == 2 && calls(world, .read) == 2)
        #expect(world.tier.statistics.faultsFailed == 1 && world.tier.statistics.faultsMissing == 1)
    }

    @Test func aCallIsReadyFromTheLastLandingOn() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for key in ["a", "b"] { try client.set(key, key) }
        try world.tier.spillEverything(keepsClean: false)
        let waiter = Parked()
        let a = try #require(client.beginFault("a", for: waiter))
        let b = try #require(client.beginFault("b", for: waiter))
        waiter.arm()
        let begun = Clock.monotonicNanoseconds()
        client.land(a.fault, a.result)
        #expect(a.fault.landedAt >= begun)
        #expect(waiter.takeReadyTime() == 0)
        client.land(b.fault, b.result)
        #expect(b.fault.landedAt >= a.fault.landedAt)
        #expect(waiter.wait())
        #expect(waiter.takeReadyTime() == b.fault.landedAt)
        // Nobody else counts this call.
        #expect(waiter.takeReadyTime() == 0)
        client.keys.release(waiter.faults)
    }

    @Test func slowStagesAreEvents() throws {
        let world = World(plan: slowReads(50))
        defer { world.stop() }
        let client = Client(world)
        for key in ["a", "b"] { try client.set(key, key) }
        try world.tier.spillEverything(keepsClean: false)
        // Off, as before there is a server.
        #expect(try client.get("a") == "a")
        #expect(waitForFaults(world, 1))
        #expect(world.tier.latency.latest().isEmpty)
        world.tier.latency.thresholdMilliseconds = 50
        #expect(try client.get("b") == "b")
        #expect(waitForFaults(world, 2))
        let read = try #require(world.tier.latency.latest().first { $0.event == "flash-read" })
        #expect(read.worstMilliseconds >= 50)
    }
}

extension Placement {
    fileprivate func position(of key: String) -> Position { Array(key.utf8).withSlice { position(of: $0) } }
}
