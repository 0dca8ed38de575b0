import Bytes
import Platform
import Storage
import StorageFaulty
import Synchronization
import Testing
import Values

@testable import Keyspace
@testable import Tiering

/// Reading in again what was hot, beside everything that may happen to those keys meanwhile.
@Suite(.serialized) struct WarmUpTests {
    private static let keys = 600

    /// A world with cold keys `k0`, `k1` ... of database 0.
    private func coldWorld(_ plan: FaultPlan = FaultPlan(), valueBytes: Int = 100) throws -> (World, Client) {
        let world = World(plan: plan)
        let client = Client(world)
        for number in 0..<Self.keys {
            try client.set("k\(number)", String(repeating: "v", count: valueBytes))
            // Without a spiller there is only so much room.
            if number % 100 == 99 { try world.tier.spillEverything(keepsClean: false) }
        }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.counters()[1] == 0)
        return (world, client)
    }

    private func hot(_ world: World, _ numbers: some Sequence<Int>, touches: UInt8 = 2) -> [HotKey] {
        let generation = world.store.identify(database: 0).generation
        return numbers.map { HotKey(generation: generation, touches: touches, key: Array("k\($0)".utf8)) }
    }

    /// Starts the warm-up with a list of these parts.
    private func start(_ world: World, _ parts: [[HotKey]]) {
        world.tier.update { $0.warmUpKeysPerSecond = 1_000_000 }
        let count = parts.reduce(0) { $0 + $1.count }
        world.tier.warmUp.start { HotKeyList(keys: count, parts: parts.count) { parts[$0] } }
    }

    private func ends(_ world: World) -> WarmUp.State {
        #expect(eventually { world.tier.warmUp.state != .running })
        let state = world.tier.warmUp.state
        world.tier.warmUp.stop()
        return state
    }

    private func touches(_ world: World, _ key: String) -> UInt8? {
        Array(key.utf8).withSlice { name in
            let position = World.placement.position(of: name)
            world.store.lock(position.shard)
            defer { world.store.unlock(position.shard) }
            let table = world.store.partition(position.shard, 0).pointee.table
            let index = table.find(position.tag, name)
            return index < 0 ? nil : table.slot(at: index).record.residence.frequency
        }
    }

    @Test func whatIsListedIsReadInWithItsTouches() throws {
        let (world, client) = try coldWorld()
        defer { world.stop() }
        start(world, [hot(world, 0..<100, touches: 3), [], hot(world, 100..<200, touches: 1)])
        #expect(ends(world) == .done)
        #expect(world.counters()[1] == 200 && world.faultsInShards() == 0)
        #expect(world.tier.warmUp.looked.load(ordering: .relaxed) == 200)
        #expect(world.tier.warmUp.read.load(ordering: .relaxed) == 200)
        #expect(touches(world, "k5") == 3 && touches(world, "k150") == 1 && touches(world, "k200") == nil)
        // They are served without a read, and clean: nothing has to be written before they go.
        #expect(try client.get("k7") == String(repeating: "v", count: 100) && client.parks == 0)
        let spilled = world.tier.spilledOperations.load(ordering: .relaxed)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.tier.spilledOperations.load(ordering: .relaxed) == spilled)
        #expect(world.tier.warmUp.rest == nil)
    }

    @Test func whatChangedMeanwhileStaysAsItIs() throws {
        let (world, client) = try coldWorld()
        defer { world.stop() }
        let list = hot(world, 0..<Self.keys)
        #expect(try client.delete("k0"))
        try client.set("k1", "newer")
        try world.tier.spillEverything(keepsClean: false)
        try client.set("k2", "in RAM")
        start(world, [list, [HotKey(generation: 77, touches: 1, key: Array("k3".utf8))]])
        #expect(ends(world) == .done)
        #expect(try client.get("k0") == nil && client.get("k1") == "newer" && client.get("k2") == "in RAM")
        #expect(try world.tier.exactCount(database: 0) == Self.keys - 1 && world.counters()[1] == Self.keys - 1)
        // No marker is left for what is gone.
        #expect(world.residents().count == Self.keys - 1)
    }

    @Test func aSwapAndAFlushAreSeen() throws {
        let (world, client) = try coldWorld()
        defer { world.stop() }
        let list = hot(world, 0..<Self.keys)
        client.swap(0, 1)
        start(world, [list])
        #expect(ends(world) == .done)
        #expect(try client.get("k9", database: 1) != nil && client.get("k9") == nil)
        #expect(client.parks == 0)

        let (other, flusher) = try coldWorld()
        defer { other.stop() }
        let dead = hot(other, 0..<Self.keys)
        flusher.flush(0)
        start(other, [dead])
        #expect(ends(other) == .done)
        #expect(other.tier.warmUp.read.load(ordering: .relaxed) == 0 && other.residents().isEmpty)
    }

    /// A flush while a read is under way: what it brings is of a dead generation.
    @Test func aFlushOvertakesARead() throws {
        let (world, client) = try coldWorld()
        defer { world.stop() }
        world.faulty.holdReads()
        start(world, [hot(world, 0..<Self.keys)])
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        client.flush(0)
        world.faulty.releaseReads()
        #expect(ends(world) == .done)
        #expect(world.counters()[1] == 0 && world.faultsInShards() == 0)
        #expect(try client.get("k1") == nil)
    }

    @Test func aCallJoinsTheReadOfItsKey() throws {
        let (world, client) = try coldWorld()
        defer { world.stop() }
        world.faulty.holdReads()
        start(world, [hot(world, 0..<1)])
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        let reader = Thread(name: "reader") {
            let value = try? Client(world).get("k0")
            #expect(value != nil)
        }
        Clock.sleep(nanoseconds: 20_000_000)
        world.faulty.releaseReads()
        reader.join()
        #expect(ends(world) == .done)
        #expect(world.tier.faultIn.requested.load(ordering: .relaxed) == 0 && world.faultsInShards() == 0)
        _ = client
    }

    @Test func itStopsAtTheLowWatermark() throws {
        let (world, _) = try coldWorld(valueBytes: 4_000)
        defer { world.stop() }
        start(world, [hot(world, 0..<Self.keys)])
        #expect(ends(world) == .full)
        let low = world.tier.budget.lowWatermark
        let slack = (WarmUp.mostInFlight + 1) * 5_000
        #expect(world.store.memoryBytes >= low && world.store.memoryBytes < low + slack)
        #expect(world.tier.warmUp.looked.load(ordering: .relaxed) < Self.keys)
        #expect(world.tier.warmUp.rest == nil)
    }

    @Test func readsUnderWayAreBounded() throws {
        let (world, _) = try coldWorld()
        defer { world.stop() }
        world.faulty.holdReads()
        start(world, [hot(world, 0..<Self.keys)])
        #expect(world.faulty.waitUntilHeld(WarmUp.mostInFlight, at: .beforeRead))
        Clock.sleep(nanoseconds: 20_000_000)
        #expect(world.faultsInShards() == WarmUp.mostInFlight)
        world.faulty.releaseReads()
        #expect(ends(world) == .done)
    }

    @Test func whatWasNotLookedAtIsTheRest() throws {
        let (world, _) = try coldWorld()
        defer { world.stop() }
        let parts = stride(from: 0, to: Self.keys, by: 100).map { hot(world, $0..<($0 + 100)) }
        world.faulty.holdReads()
        start(world, parts)
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        world.tier.warmUp.end()
        world.faulty.releaseReads()
        #expect(ends(world) == .stopped)
        let rest = try #require(world.tier.warmUp.rest)
        #expect(rest.from < parts.count - 1)
        let looked = Set((0..<rest.from).flatMap { parts[$0] }.map(\.key))
        let left = Set(try (rest.from..<rest.list.parts).flatMap { try rest.list.part($0) }.map(\.key))
        #expect(looked.union(left).count == Self.keys)
    }

    /// Stopped before a thread came to open it, the list is its own rest.
    @Test func aListNobodyOpenedIsTheRest() throws {
        let (world, _) = try coldWorld()
        defer { world.stop() }
        world.tier.warmUp.end()
        start(world, [hot(world, 0..<10)])
        #expect(ends(world) == .stopped)
        let rest = try #require(world.tier.warmUp.rest)
        #expect(rest.from == 0 && rest.list.keys == 10)
    }

    @Test func aDamagedListAndADeadDeviceEndIt() throws {
        struct Damaged: Error {}
        let (world, _) = try coldWorld()
        defer { world.stop() }
        let first = hot(world, 0..<50)
        world.tier.warmUp.start {
            HotKeyList(keys: 100, parts: 2) { if $0 > 0 { throw Damaged() } else { first } }
        }
        let state = ends(world)
        if case .failed = state {} else { Issue.record("\(state)") }
        // The first part may not be at its end by then.
        #expect(world.tier.warmUp.read.load(ordering: .relaxed) <= 50)
        #expect(world.tier.warmUp.rest == nil)

        var plan = FaultPlan()
        plan.read.failureProbability = 1
        let (broken, client) = try coldWorld(plan)
        defer { broken.stop() }
        start(broken, [hot(broken, 0..<Self.keys)])
        let end = ends(broken)
        if case .failed = end {} else { Issue.record("\(end)") }
        #expect(broken.tier.warmUp.looked.load(ordering: .relaxed) < Self.keys)
        #expect(broken.faultsInShards() == 0)
        _ = client

        let (bare, _) = try coldWorld()
        defer { bare.stop() }
        bare.tier.warmUp.start { nil }
        #expect(ends(bare) == .none)
    }
}
