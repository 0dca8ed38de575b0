import Bytes
import Platform
import Storage
import StorageFaulty
import Synchronization
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// Rules that keep keys in RAM or send them away early.
@Suite(.serialized) struct FlashPolicyTests {
    private func rule(_ world: World, _ rules: (String, FlashRules.Policy)...) {
        world.store.setFlashRules(FlashRules(rules.map { (Array($0.0.utf8), $0.1) }))
    }

    private func inRAM(_ world: World, _ prefix: String) -> Int {
        world.residents().count { $0.hasPrefix(prefix) }
    }

    private func value(_ bytes: Int) -> String { String(repeating: "v", count: bytes) }

    /// With room for all of them, and touches: what is cold goes, what isn't stays and keeps its touches.
    @Test func coldKeysLeaveThoughThereIsRoom() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        rule(world, ("log:keep", .standard), ("log:", .cold))
        for number in 0..<300 {
            try client.set("log:\(number)", value(50))
            try client.set("user:\(number)", value(50))
            _ = try client.get("user:\(number)")
        }
        try client.set("log:keep:1", "stays")
        #expect(eventually { inRAM(world, "log:") == 1 })
        #expect(inRAM(world, "user:") == 300 && world.flashKeys().count == 300)
        #expect(world.residents().filter { $0.hasPrefix("user:") }.allSatisfy { $0.contains("touches 1") })
        #expect(world.tier.spilledOperations.load(ordering: .relaxed) == 300)
        // A read brings one in, and it leaves again, without a write; so does a change, with one, whatever its touches.
        #expect(try client.get("log:7") == value(50))
        for _ in 0..<3 { try client.set("log:8", "changed") }
        #expect(eventually { inRAM(world, "log:") == 1 })
        #expect(try client.get("log:8") == "changed" && client.get("log:7") == value(50))
        #expect(try client.delete("log:9") && client.get("log:9") == nil)
        #expect(eventually { inRAM(world, "log:") == 1 })
        #expect(try world.tier.exactCount(database: 0) == 600 && world.counters()[0] == 600)
    }

    @Test func rulesTakeEffectOnWhatIsThere() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<200 { try client.set("log:\(number)", value(50), database: number % 2) }
        Clock.sleep(nanoseconds: 100_000_000)
        // Without rules nothing walks below the watermark.
        #expect(inRAM(world, "log:") == 200)
        rule(world, ("user:", .hot))
        Clock.sleep(nanoseconds: 100_000_000)
        #expect(inRAM(world, "log:") == 200)
        rule(world, ("log:", .cold))
        #expect(eventually { inRAM(world, "log:") == 0 })
        rule(world)
        #expect(try client.get("log:4") == value(50))
        Clock.sleep(nanoseconds: 100_000_000)
        #expect(inRAM(world, "log:") == 1)
    }

    /// Twice as much data as there is room: those that are hot have no touches, the others have, and go all the same.
    @Test func hotKeysStayWhileThereAreOthers() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        rule(world, ("vip:*", .hot))
        for number in 0..<300 { try client.set("vip:\(number)", value(1_000)) }
        for number in 0..<1_600 {
            try client.set("user:\(number)", value(1_000))
            if number % 2 == 0 { for _ in 0..<3 { _ = try client.get("user:\(number)") } }
        }
        for number in 0..<1_600 { #expect(try client.get("user:\(number)") == value(1_000)) }
        #expect(inRAM(world, "vip:") == 300)
        #expect(world.store.memoryBytes <= world.tier.budget.limit)
        #expect(world.store.total { $0.hotEvicted.load(ordering: .relaxed) } == 0)
        #expect(inRAM(world, "user:") < 900)
    }

    /// Only hot keys: memory is bounded all the same, writers get on, and it is counted.
    @Test func hotKeysGoWhenThereIsNothingElse() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        rule(world, ("vip:", .hot))
        for number in 0..<2_000 { try client.set("vip:\(number)", value(1_000)) }
        #expect(eventually { world.store.memoryBytes <= world.tier.budget.limit })
        #expect(world.store.total { $0.hotEvicted.load(ordering: .relaxed) } > 500)
        for number in 0..<2_000 { #expect(try client.get("vip:\(number)") == value(1_000)) }
        #expect(eventually { world.store.memoryBytes <= world.tier.budget.limit })
        #expect(try world.tier.exactCount(database: 0) == 2_000)
        // With others there again those go.
        let takesHot = world.store.takesHot.load(ordering: .relaxed)
        #expect(takesHot)
        rule(world, ("other:", .hot))
        for number in 2_000..<2_400 { try client.set("vip:\(number)", value(1_000)) }
        let isOver = eventually { !world.store.takesHot.load(ordering: .relaxed) }
        #expect(isOver)
    }

    /// A collection that goes by pages: all of its pages leave, though each was used.
    @Test func coldCollectionsGoByPages() throws {
        let world = World(recordBytes: 8 << 20, threads: true)
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        rule(world, ("log:", .cold))
        for first in stride(from: 0, to: 3_000, by: 50) {
            let fields = (first..<(first + 50)).flatMap { ["field:\($0)", value(40)] }
            _ = try client.run((["hset", "log:h"] + fields).map { Array($0.utf8) })
        }
        #expect(eventually { inRAM(world, "log:") == 0 })
        #expect(world.flashPages() > 10)
        let reply = try client.run(["hget", "log:h", "field:77"].map { Array($0.utf8) }).reply
        #expect(reply == .bulk(Array(value(40).utf8)))
        #expect(eventually { inRAM(world, "log:") == 0 })
    }

    /// A write that fails leaves everything where it was, and the next round tries again.
    @Test func aFailedWriteIsTriedAgain() throws {
        var plan = FaultPlan()
        plan.write.failing = [1, 2, 3]
        let world = World(plan: plan, threads: true)
        defer { world.stop() }
        let client = Client(world)
        rule(world, ("log:", .cold))
        for number in 0..<50 { try client.set("log:\(number)", value(50)) }
        #expect(eventually { inRAM(world, "log:") == 0 && world.flashKeys().count == 50 })
        for number in 0..<50 { #expect(try client.get("log:\(number)") == value(50)) }
    }

    @Test func theWarmUpListHeedsRules() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for prefix in ["vip", "log", "user"] {
            for number in 0..<20 {
                try client.set("\(prefix):\(number)", "v")
                if prefix != "vip" { _ = try client.get("\(prefix):\(number)") }
            }
        }
        rule(world, ("vip:", .hot), ("log:", .cold))
        var walk = HotKeyWalk(store: world.store, mode: .lru, now: Clock.unixMilliseconds())
        var touches: [String: [UInt8]] = [:]
        _ = walk.forEach(most: 100, until: .max) { touches[String($2.string.prefix(3)), default: []].append($1) }
        #expect(touches == ["vip": Array(repeating: 3, count: 20), "use": Array(repeating: 1, count: 20)])
    }
}
