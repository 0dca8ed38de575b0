import Platform
import Storage
import StorageFaulty
import StorageMemory
import Testing

@testable import Keyspace
@testable import Tiering

/// How the tier gets on under more writes than the device takes: pauses, many look-ups, counts that don't hold it up.
@Suite(.serialized) struct PaceTests {
    @Test func pausesGrowWithTheBacklog() {
        #expect(SpillPace.pause(bytes: 1 << 20, backlog: 0) == 0)
        let pauses = (0...20).map { SpillPace.pause(bytes: SpillPass.batchBytes, backlog: Double($0) / 20) }
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 < $1 })
        // A batch waits for a sixteenth of a second at the most, whatever the provider says.
        #expect(pauses[20] == 62_500_000)
        #expect(SpillPace.pause(bytes: SpillPass.batchBytes, backlog: 7) == pauses[20])
        #expect(SpillPace.pause(bytes: 2 * SpillPass.batchBytes, backlog: 0.5) == 2 * pauses[10])
    }

    @Test func aBacklogPutsBatchesOffAndLosesNothing() throws {
        var plan = FaultPlan()
        plan.backlog = 1
        let world = World(plan: plan, threads: true)
        defer { world.stop() }
        let client = Client(world)
        let value = String(repeating: "v", count: 1_000)
        for number in 0..<3_000 { try client.set("k\(number)", "\(number) \(value)") }
        #expect(world.tier.spilledBatches.load(ordering: .relaxed) > 0)
        #expect(world.tier.spillPauses.load(ordering: .relaxed) > 0)
        #expect(try world.tier.exactCount(database: 0) == 3_000)
        world.faulty.plan.backlog = 0
        for number in 0..<3_000 { #expect(try client.get("k\(number)") == "\(number) \(value)") }
    }

    /// A world with `count` cold keys, the first `overwritten` of them written again without a look at the old value.
    private func open(_ overwritten: Int, of count: Int, _ body: (World, Client) throws -> Void) throws {
        let world = World(recordBytes: 8 << 20)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<count { try client.set("k\(number)", "old") }
        try world.tier.spillEverything(keepsClean: false)
        for number in 0..<overwritten { try client.set("k\(number)", "new") }
        try body(world, client)
    }

    @Test func manyKeysAreLookedUpAtATime() throws {
        try open(500, of: 1_000) { world, _ in
            world.tier.lookUps.start(threads: 4)
            let before = world.faulty.callCount(.read)
            world.faulty.holdReads()
            let spilling = Thread(name: "spill") { try? world.tier.spillEverything(keepsClean: true) }
            #expect(world.faulty.waitUntilHeld(2, at: .beforeRead))
            world.faulty.releaseReads()
            spilling.join()
            #expect(world.faulty.callCount(.read) - before == 500)
            #expect(world.counters()[2] == 0)
            let count = try world.tier.exactCount(database: 0)
            #expect(count == 1_000)
        }
    }

    @Test func whatCannotBeLookedUpIsTriedAgain() throws {
        try open(300, of: 300) { world, client in
            world.tier.lookUps.start(threads: 4)
            world.faulty.plan.read.failureProbability = 0.5
            #expect(throws: StorageError.self) { try world.tier.spillEverything(keepsClean: true) }
            world.faulty.plan.read.failureProbability = 0
            #expect(try world.tier.exactCount(database: 0) == 300)
            try world.tier.spillEverything(keepsClean: false)
            for number in 0..<300 { #expect(try client.get("k\(number)") == "new") }
        }
    }

    /// INFO must not wait for a hundred thousand reads.
    @Test func aPromptCountReadsLittle() throws {
        try open(2_000, of: 3_000) { world, client in
            for number in 0..<500 { try client.set("fresh\(number)", "new") }
            let before = world.faulty.callCount(.read)
            let estimate = world.tier.promptCounts()[0]
            #expect(world.faulty.callCount(.read) == before)
            // Nothing is known yet of how many of those were there.
            #expect((3_500...5_500).contains(estimate))
            #expect(try world.tier.exactCount(database: 0) == 3_500)
            // Few are looked up.
            for number in 2_000..<2_100 { try client.set("k\(number)", "new") }
            #expect(world.tier.promptCounts() == [3_500, 0])
        }
    }

    /// What a count has to look up may take seconds: who spills gets turns, and so does who counts.
    @Test func aCountAndTheSpillerTakeTurns() throws {
        let world = World(recordBytes: 4 << 20, threads: true)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<20_000 { try client.set("k\(number)", "old") }
        try world.tier.spillEverything(keepsClean: false)
        world.faulty.plan.read.delay = .fixed(nanoseconds: 200_000)
        let counting = Thread(name: "count") {
            for _ in 0..<3 { #expect((try? world.tier.exactCount(database: 0)) == 20_000) }
        }
        let value = String(repeating: "v", count: 1_000)
        for number in 0..<10_000 { try client.set("k\(number)", value) }
        counting.join()
        #expect(try world.tier.exactCount(database: 0) == 20_000)
        #expect(world.store.memoryBytes <= world.tier.recordLimit + (1 << 20))
    }
}
