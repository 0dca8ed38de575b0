import Bytes
import Platform
import Storage
import StorageFaulty
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// Members that expire in collections that are cold.
@Suite struct MemberLifeTests {
    private func cold(_ world: World, _ client: CommandClient, due: Int64, keys: Int) throws {
        for number in 0..<keys {
            _ = try client.run("HSET", "h\(number)", "a", "1", "b", "2", "c", "3")
            _ = try client.run("HPEXPIREAT", "h\(number)", "\(due)", "FIELDS", "1", "a")
            _ = try client.run("HPEXPIREAT", "h\(number)", "\(due + 300)", "FIELDS", "1", "b")
            _ = try client.run("SADD", "s\(number)", "a")
            _ = try client.run("PEXPIREMEMBERAT", "s\(number)", "a", "\(due)")
        }
        try world.tier.spillEverything(keepsClean: false)
    }

    /// Cold hashes lose a field, spill, and lose the next, though nobody touches them; sets go with their last member.
    @Test func nobodyNeedsToComeBy() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        // Later than all are set up, under the sanitizer too.
        let due = Clock.unixMilliseconds() + 3_000
        try cold(world, client, due: due, keys: 300)
        #expect(world.counters() == [600, 0, 0, 0, 0])
        #expect(world.memberCounters() == [0, 600])
        // The first step: what was faulted in for it goes out again, to wait for the second.
        #expect(eventually { world.counters()[0] == 300 })
        #expect(eventually { (try? world.tier.spillEverything(keepsClean: false)) != nil && world.counters()[1] == 0 })
        #expect(eventually { world.memberCounters() == [0, 0] })
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.counters() == [300, 0, 0, 0, 0])
        #expect(world.flashKeys().count == 300)
        for number in 0..<300 {
            #expect(try client.run("HGETALL", "h\(number)").reply == .array([.text("c"), .text("3")]))
            #expect(try client.run("EXISTS", "s\(number)").reply == .integer(0))
        }
        let trimmed = world.store.total { $0.expiredMembers.load(ordering: .relaxed) }
        #expect(trimmed == 900)
        // Hints whose time has come are gone, also those that were out of date.
        #expect(eventually { hints(world) == 0 })
    }

    private func hints(_ world: World) -> Int {
        var count = 0
        let cursor = try? world.memory.cursor(from: ByteSlice("X"), to: ByteSlice("Y"), withValues: false)
        while (try? cursor?.next()) != nil { count += 1 }
        return count
    }

    /// A read that fails leaves the hint, and the member goes later.
    @Test func readErrorsOnlyDelay() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        try cold(world, client, due: Clock.unixMilliseconds() + 200, keys: 200)
        world.faulty.plan.read.failureProbability = 0.5
        #expect(eventually { world.memberCounters()[1] < 300 })
        world.faulty.plan.read.failureProbability = 0
        #expect(
            eventually {
                try? world.tier.spillEverything(keepsClean: false)
                return world.memberCounters() == [0, 0]
            })
        #expect(world.counters()[0] == 200)
        #expect(world.faultsInShards() == 0)
    }

    /// A member whose time has been taken away or moved lives on, though the hint is there.
    @Test func hintsAreOnlyHints() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        let due = Clock.unixMilliseconds() + 500
        try cold(world, client, due: due, keys: 3)
        _ = try client.run("HPERSIST", "h0", "FIELDS", "2", "a", "b")
        _ = try client.run("HPEXPIREAT", "h1", "\(due + 3_600_000)", "FIELDS", "2", "a", "b")
        _ = try client.run("HSET", "h2", "a", "new", "b", "new")
        for number in 0..<3 { _ = try client.run("PERSIST", "s\(number)", "a") }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.memberCounters() == [0, 1])
        Clock.sleep(nanoseconds: 1_200_000_000)
        for number in 0..<3 {
            #expect(try client.run("HLEN", "h\(number)").reply == .integer(3))
            #expect(try client.run("SCARD", "s\(number)").reply == .integer(1))
        }
        #expect(world.store.total { $0.expiredMembers.load(ordering: .relaxed) } == 0)
    }

    /// A delete and a flush of cold collections whose members expire leave the counts right, before the spiller knows
    /// what was there, too.
    @Test func countsAreRightAfterOverwritingUnseen() throws {
        let world = World()
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        try cold(world, client, due: Clock.unixMilliseconds() + 3_600_000, keys: 50)
        for number in 0..<20 { _ = try client.run("SET", "h\(number)", "v") }
        for number in 0..<20 { _ = try client.run("DEL", "s\(number)") }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.memberCounters() == [0, 60])
        #expect(try world.tier.exactCount(database: 0) == 80)
        client.client.flush()
        #expect(world.memberCounters() == [0, 0])
    }
}
