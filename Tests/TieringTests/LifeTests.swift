import Bytes
import Platform
import Storage
import StorageFaulty
import StorageMemory
import Synchronization
import Testing
import Values

@testable import Keyspace
@testable import Tiering

/// Restart, memory, expiry, refusal: what a tier does over its life.
@Suite(.serialized) struct LifeTests {
    // MARK: Restart

    @Test func aRestartFindsEverythingAgain() throws {
        let memory = MemoryProvider()
        let first = World(databases: 3, over: memory)
        let writer = Client(first)
        let due = Clock.unixMilliseconds() + 3_600_000
        for number in 0..<3_000 {
            try writer.set("k\(number)", "zero \(number)", expiry: number % 3 == 0 ? due : nil)
            if number % 2 == 0 { try writer.set("k\(number)", "one \(number)", database: 1) }
        }
        try first.tier.spillEverything(keepsClean: false)
        // What is deleted, overwritten unseen, flushed and swapped before the seal.
        for number in 0..<100 { #expect(try writer.delete("k\(number)")) }
        for number in 100..<200 { try writer.set("k\(number)", "newer \(number)") }
        try writer.set("x", "flushed", database: 2)
        try first.tier.reap(generation: writer.flush(2))
        writer.swap(1, 2)
        try first.tier.spillEverything(keepsClean: true)
        first.store.lockAll()
        let counts = (0..<3).map { first.store.coldCounts(database: $0) }
        let generations = first.store.generationsByDatabase
        let next = first.store.nextGeneration
        first.store.unlockAll()
        first.stop()

        let second = World(databases: 3, over: memory, generations: generations)
        defer { second.stop() }
        for database in 0..<3 { second.store.restore(database: database, counts[database]) }
        second.store.restore(nextGeneration: next)
        let reader = Client(second)
        #expect(try second.tier.exactCount(database: 0) == 2_900)
        #expect(try second.tier.exactCount(database: 1) == 0 && second.tier.exactCount(database: 2) == 1_500)
        for number in 0..<3_000 {
            let expected = number < 100 ? nil : number < 200 ? "newer \(number)" : "zero \(number)"
            #expect(try reader.get("k\(number)") == expected)
            #expect(try reader.get("k\(number)", database: 2) == (number % 2 == 0 ? "one \(number)" : nil))
        }
        let expiry = try reader.call([Name("k300")], writes: false) { keys, refs in keys.peek(refs[0])?.record.expiry }
        #expect(expiry == .some(due))
        #expect(second.counters()[3] == (200..<3_000).count { $0 % 3 == 0 })
        // Generations are never used again.
        #expect(reader.flush(0) == generations[0])
        #expect(second.store.identify(database: 0).generation == next)
    }

    // MARK: Memory

    @Test func memoryStaysNearTheBudgetAndWritersGetOn() throws {
        var plan = FaultPlan()
        // A disk that is slower than the writers.
        plan.write.delay = .fixed(nanoseconds: 3_000_000)
        let world = World(plan: plan, threads: true)
        defer { world.stop() }
        let most = Atomic<Int>(0)
        let errors = Monitor<[String]>([])
        let threads = (0..<3).map { number in
            Thread(name: "writer-\(number)") {
                let client = Client(world)
                do {
                    for index in 0..<4_000 {
                        try client.set("w\(number):\(index)", String(repeating: "v", count: 1_000))
                        most.max(world.store.memoryBytes, ordering: .relaxed)
                        // Absent keys leave no trace that lasts.
                        if index % 4 == 0 { _ = try client.get("absent\(number):\(index)") }
                    }
                } catch {
                    errors.withLock { $0.append("\(error)") }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(errors.withLock { $0 } == [])
        let limit = world.tier.budget.limit
        // One value for each writer that saw the pressure too late, and the tables' growth.
        #expect(most.load(ordering: .relaxed) < limit + 64 * 1_024, "limit \(limit)")
        #expect(try world.tier.exactCount(database: 0) == 12_000)
        let reader = Client(world)
        for index in stride(from: 0, to: 4_000, by: 37) {
            #expect(try reader.get("w1:\(index)") == String(repeating: "v", count: 1_000))
        }
    }

    @Test func absentMarkersDoNotPileUp() throws {
        var plan = FaultPlan()
        plan.falsePositiveProbability = 1
        let world = World(plan: plan, threads: true)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<5_000 { try client.set("k\(number)", String(repeating: "v", count: 300)) }
        for number in 0..<40_000 { #expect(try client.get("absent:\(number)") == nil) }
        #expect(eventually { world.store.memoryBytes <= world.tier.budget.limit })
        #expect(try world.tier.exactCount(database: 0) == 5_000)
    }

    /// All that is in RAM is pinned by calls that never end: the spiller must not spin, and goes on when they do.
    @Test func whatIsPinnedStaysUntilItIsReleased() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<100 { try client.set("k\(number)", "v") }
        try world.tier.spillEverything(keepsClean: false)
        var waiters: [Parked] = []
        for number in 0..<100 {
            let name = Name("k\(number)")
            let position = world.store.placement.position(of: name.bytes.slice)
            let waiter = Parked()
            client.keys.lock(position.shard)
            let fault = client.keys.requestFault(
                KeyRef(bytes: name.bytes.slice, position: position, space: 0), for: waiter, at: 0)
            client.keys.unlock(position.shard)
            if let fault { world.submit(fault) }
            waiter.arm()
            waiters.append(waiter)
        }
        for waiter in waiters { #expect(waiter.wait() && !waiter.hasFailed) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.counters()[1] == 100)
        for waiter in waiters { client.keys.release(waiter.faults) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.counters()[1] == 0)
        #expect(world.faultsInShards() == 0)
    }

    // MARK: Single flight

    @Test func allWhoWaitForAKeyShareOneRead() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "v")
        try world.tier.spillEverything(keepsClean: false)
        let before = world.faulty.callCount(.read)
        world.faulty.holdReads()
        let answers = Monitor<[String?]>([])
        let threads = (0..<6).map { number in
            Thread(name: "reader-\(number)") {
                let reader = Client(world)
                let answer = try? reader.get("k")
                answers.withLock { $0.append(answer) }
            }
        }
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        let shard = world.store.placement.position(of: ByteSlice("k")).shard
        #expect(
            eventually {
                world.store.lock(shard)
                defer { world.store.unlock(shard) }
                return world.store.shards[shard].faults.values.first?.waiterCount == 6
            })
        world.faulty.releaseReads()
        for thread in threads { thread.join() }
        #expect(answers.withLock { $0 } == [String?](repeating: "v", count: 6))
        #expect(world.faulty.callCount(.read) == before + 1)
        #expect(world.faultsInShards() == 0)
    }

    // MARK: Expiry

    @Test func keysNobodyTouchesVanishFromBothTiers() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        // Late enough for what comes before to be done under a sanitizer.
        let due = Clock.unixMilliseconds() + 2_500
        for number in 0..<4_000 {
            try client.set("k\(number)", "v", expiry: number % 2 == 0 ? due : due + 3_600_000)
            if number % 4 == 0 { try client.set("stay\(number)", "v") }
        }
        // Two thirds to flash; a part of it is brought back, given another expiry or none, and spilled again.
        try world.tier.spillEverything(keepsClean: false)
        for number in stride(from: 0, to: 1_000, by: 10) {
            _ = try client.expire("k\(number)", at: nil)
            _ = try client.expire("k\(number + 2)", at: due + 200)
        }
        try world.tier.spillEverything(keepsClean: false)
        for number in 3_000..<4_000 { _ = try client.get("k\(number)") }
        let staying = 2_000 + 1_000 + 100
        var hand = ResidentExpiry(store: world.store)
        #expect(
            eventually {
                _ = hand.cycle(budgetNanoseconds: 20_000_000)
                return (try? world.tier.exactCount(database: 0)) == staying
            })
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.counters() == [staying, 0, 0, 0, 2_000])
        #expect(world.flashKeys().count == staying)
        #expect(try client.get("k0") == "v" && client.get("k2") == nil && client.get("k3998") == nil)
    }

    /// While clients are paused, or a transaction has the server for itself, what is past due stays: the spiller writes
    /// it like anything else, and nobody follows its hint.
    @Test(arguments: [true, false]) func nothingExpiresWhileItIsHeld(_ byPause: Bool) throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<200 { try client.set("k\(number)", "v", expiry: Clock.unixMilliseconds() + 60) }
        for number in 0..<20 { try client.set("hot\(number)", "v", expiry: Clock.unixMilliseconds() + 60) }
        func hold(_ on: Bool) {
            if byPause {
                world.store.holdsExpiry.store(on, ordering: .relaxed)
            } else {
                world.store.holdsDeletions.store(on, ordering: .relaxed)
            }
        }
        hold(true)
        Clock.sleep(nanoseconds: 100_000_000)
        try world.tier.spillEverything(keepsClean: false)
        Clock.sleep(nanoseconds: 300_000_000)
        #expect(world.store.total { $0.expired.load(ordering: .relaxed) } == 0)
        #expect(world.counters()[0] == 220)
        hold(false)
        // What the hints have brought to RAM meanwhile goes with the walk over the tables.
        var hand = ResidentExpiry(store: world.store)
        #expect(
            eventually {
                _ = hand.cycle(budgetNanoseconds: 20_000_000)
                return world.store.total { $0.expired.load(ordering: .relaxed) } == 220
            })
    }

    /// A read that fails must not leave a fault that nobody lands, nor take the hint away.
    @Test func coldExpirySurvivesReadErrors() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        let due = Clock.unixMilliseconds() + 200
        for number in 0..<500 { try client.set("k\(number)", "v", expiry: due) }
        try world.tier.spillEverything(keepsClean: false)
        world.faulty.plan.read.failureProbability = 0.5
        #expect(eventually { world.counters()[4] < 400 })
        world.faulty.plan.read.failureProbability = 0
        #expect(eventually { world.counters()[4] == 0 })
        for number in 0..<500 { #expect(try client.get("k\(number)") == nil) }
        #expect(world.counters()[0] == 0)
        #expect(world.faultsInShards() == 0)
    }

    // MARK: Refusal

    @Test func writersAreToldWhyAndGoOnAfterwards() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        world.faulty.breakDown(StorageError(.noSpace, "no space left"))
        var acknowledged = 0
        var refusal = ""
        do {
            while acknowledged < 20_000 {
                try client.set("k\(acknowledged)", String(repeating: "v", count: 500))
                acknowledged += 1
            }
        } catch {
            refusal = "\(error)"
        }
        #expect(refusal.contains("no space left"))
        #expect(acknowledged > 100)
        // Reads go on, and nothing is gone.
        for number in 0..<acknowledged { #expect(try client.get("k\(number)")?.count == 500) }
        world.faulty.repair()
        #expect(eventually { world.tier.refusalText == nil })
        for number in acknowledged..<acknowledged + 3_000 {
            try client.set("k\(number)", String(repeating: "v", count: 500))
        }
        #expect(try world.tier.exactCount(database: 0) == acknowledged + 3_000)
        for number in stride(from: 0, to: acknowledged + 3_000, by: 7) {
            #expect(try client.get("k\(number)")?.count == 500)
        }
    }

    /// A provider that failed in the background is brought back though nothing is to be written, and nobody is refused
    /// if the first attempt helps.
    @Test func aFailureThatPassesIsNoRefusal() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<10 { try client.set("k\(number)", "v") }
        world.faulty.repairedBreakDown(StorageError(.noSpace, "no space left"))
        var refusal: String?
        #expect(eventually {
            refusal = refusal ?? world.tier.refusalText
            return world.tier.takesWrites
        })
        #expect(world.faulty.health == .good)
        #expect(refusal == nil)
    }

    // MARK: Counts

    @Test func exactCountEndsWhileWritersAreBusy() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<2_000 { try client.set("k\(number)", "v") }
        try world.tier.spillEverything(keepsClean: false)
        let stopping = Atomic<Bool>(false)
        let total = Monitor(0)
        let writer = Thread(name: "writer") {
            let other = Client(world)
            var random = RandomSource(seed: 5)
            while !stopping.load(ordering: .relaxed) {
                // Overwrites only: the count never changes, and always something is open.
                try? other.set("k\(random.index(below: 2_000))", "w")
                total.withLock { $0 += 1 }
                if random.index(below: 500) == 0 { try? world.tier.spillEverything(keepsClean: false) }
            }
        }
        for _ in 0..<20 { #expect(try world.tier.exactCount(database: 0) == 2_000) }
        stopping.store(true, ordering: .relaxed)
        writer.join()
        #expect(try world.tier.exactCount(database: 0) == 2_000)
    }

    /// While keys move between the tiers and others are made, a walk returns every key that is there throughout, once.
    @Test func aWalkMissesNothingThatMoves() throws {
        let world = World()
        defer { world.stop() }
        let client = Client(world)
        for number in 0..<1_500 { try client.set("k\(number)", "v") }
        let stopping = Atomic<Bool>(false)
        let mover = Thread(name: "mover") {
            let other = Client(world)
            var random = RandomSource(seed: 6)
            var turn = 0
            while !stopping.load(ordering: .relaxed) {
                turn += 1
                for _ in 0..<300 { _ = try? other.get("k\(random.index(below: 1_500))") }
                try? other.set("new\(turn)", "v")
                _ = try? other.delete("new\(turn - 1)")
                try? world.tier.spillEverything(keepsClean: turn % 3 == 0)
            }
        }
        var walker = Walker(store: world.store, tier: world.tier)
        let expected = Set((0..<1_500).map { "k\($0)" })
        for round in 0..<12 {
            var found: [String] = []
            var from: UInt64? = 0
            while let at = from {
                let request = WalkRequest(
                    database: 0, from: at, count: round % 2 == 0 ? 10 : 700, pattern: Array("k*".utf8))
                let result = try walker.walk(request, now: 0)
                found += result.keys.map { String(decoding: $0, as: UTF8.self) }
                from = result.next
            }
            #expect(found.count == 1_500 && Set(found) == expected)
        }
        stopping.store(true, ordering: .relaxed)
        mover.join()
    }
}
