import Bytes
import Platform
import Storage
import StorageFaulty
import StorageMemory
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// Compaction and scrub on demand.
@Suite(.serialized) struct FlashUpkeepTests {
    /// A world with 300 cold keys, and a cold collection in pages.
    private func coldWorld(_ plan: FaultPlan = FaultPlan()) throws -> World {
        let world = World(recordBytes: 8 << 20, plan: plan)
        let client = Client(world)
        for number in 0..<300 { try client.set("k\(number)", "value \(number)") }
        let commands = CommandClient(world, seed: 1)
        for first in stride(from: 0, to: 3_000, by: 100) {
            let fields = (first..<(first + 100)).flatMap { ["field:\($0)", String(repeating: "v", count: 30)] }
            _ = try commands.run((["hset", "h"] + fields).map { Array($0.utf8) })
        }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.flashPages() > 10)
        return world
    }

    private func scrub(_ world: World) -> FlashJob.Outcome {
        #expect(world.tier.upkeep.startScrub())
        world.tier.upkeep.scrub.join()
        return world.tier.upkeep.scrub.outcome
    }

    @Test func aScrubReadsAllThereIs() throws {
        let world = try coldWorld()
        defer { world.stop() }
        for _ in 0..<2 {
            #expect(scrub(world) == .done)
            let upkeep = world.tier.upkeep!
            #expect(upkeep.scrubbedRecords.load(ordering: .relaxed) == 301)
            #expect(upkeep.scrubbedPages.load(ordering: .relaxed) == world.flashPages())
            #expect(upkeep.scrubbedBytes.load(ordering: .relaxed) > 100_000)
            #expect(upkeep.scrubProblems.load(ordering: .relaxed) == 0)
        }
        // It is none of the clients' business: nothing came to RAM.
        #expect(world.counters()[1] == 0)
    }

    @Test func damageIsFound() throws {
        let world = try coldWorld()
        defer { world.stop() }
        func name(_ key: String, at position: Position? = nil) -> [UInt8] {
            var name = ByteBuffer()
            Array(key.utf8).withSlice { key in
                FlashKey.record(
                    generation: world.store.identify(database: 0).generation,
                    position: position ?? World.placement.position(of: key), key: key, into: &name)
            }
            return name.slice.array
        }
        var batch = WriteBatch()
        name("k1").withSlice { batch.put(key: $0, value: ByteSlice("nonsense")) }
        let other = Array("k3".utf8).withSlice { World.placement.position(of: $0) }
        name("k2", at: other).withSlice { batch.put(key: $0, value: ByteSlice("")) }
        let pages = try world.memory.cursor(from: ByteSlice("P"), to: ByteSlice("Q"), withValues: false)
        if let (page, _) = try pages.next() { batch.put(key: page, value: ByteSlice("nonsense")) }
        try world.memory.write(batch)
        #expect(scrub(world) == .done)
        // k2 is wrong in two ways.
        #expect(world.tier.upkeep.scrubProblems.load(ordering: .relaxed) == 4)
    }

    @Test func aRunCanBeStoppedAndThereIsOneAtATime() throws {
        let world = try coldWorld()
        defer { world.stop() }
        let upkeep = world.tier.upkeep!
        #expect(!upkeep.stopScrub())
        world.faulty.hold(.beforeStep)
        #expect(upkeep.startScrub() && upkeep.scrub.isRunning)
        #expect(world.faulty.waitUntilHeld(1, at: .beforeStep))
        #expect(!upkeep.startScrub() && upkeep.stopScrub())
        world.faulty.release(.beforeStep)
        upkeep.scrub.join()
        #expect(upkeep.scrub.outcome == .stopped && !upkeep.scrub.isRunning)
        #expect(upkeep.scrubbedRecords.load(ordering: .relaxed) < 301)
        #expect(scrub(world) == .done)
    }

    @Test func aDeviceThatFailsEndsAScrub() throws {
        var plan = FaultPlan()
        plan.step.failing = [50]
        let world = try coldWorld(plan)
        defer { world.stop() }
        #expect(scrub(world) == .failed("injected fault"))
        // A block that is damaged is a problem like any other, and the scrub goes on behind it.
        plan.step.failing = []
        plan.step.error = StorageError(.corruption, "checksum mismatch")
        plan.step.failureProbability = 0.01
        let damaged = try coldWorld(plan)
        defer { damaged.stop() }
        #expect(scrub(damaged) == .done)
        #expect(damaged.tier.upkeep.scrubProblems.load(ordering: .relaxed) > 0)
        #expect(damaged.tier.upkeep.scrubbedRecords.load(ordering: .relaxed) > 100)
    }

    @Test func aScrubKeepsToThePace() throws {
        let world = try coldWorld()
        defer { world.stop() }
        world.tier.update { $0.upkeepBytesPerSecond = 200_000 }
        let begun = Clock.monotonicNanoseconds()
        #expect(scrub(world) == .done)
        let least = Double(world.tier.upkeep.scrubbedBytes.load(ordering: .relaxed)) / 200_000 * 0.4
        #expect(Double(Clock.monotonicNanoseconds() - begun) / 1e9 > least)
    }

    @Test func aCompactionRunsAndIsOver() throws {
        let world = try coldWorld()
        defer { world.stop() }
        let upkeep = world.tier.upkeep!
        #expect(upkeep.compaction.outcome == .never && !upkeep.stopCompaction())
        #expect(upkeep.startCompaction())
        upkeep.compaction.join()
        #expect(upkeep.compaction.outcome == .done && upkeep.compaction.milliseconds >= 0)
    }
}
