import Bytes
import Platform
import StorageFaulty
import Synchronization
import Testing

@testable import Keyspace
@testable import Tiering

/// Calls of all sizes over a provider whose reads are held, or slow: who is served when, and with how much queued.
@Suite(.serialized) struct FaultInTests {
    /// A world whose `count` keys are cold.
    private func cold(_ count: Int, readThreads: Int = 1, queueLength: Int = 16_384) throws -> (World, [String]) {
        let world = World(recordBytes: 64 << 20, readThreads: readThreads, queueLength: queueLength)
        let client = Client(world)
        let keys = (0..<count).map { "k\($0)" }
        for key in keys { try client.set(key, "v" + key) }
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        return (world, keys)
    }

    /// A call on a thread of its own.
    private final class Calling: @unchecked Sendable {
        // @unchecked: the outcome is a monitor; `thread` is of use to who started it only.
        private let outcome = Monitor<Result<[String?], CallError>?>(nil)
        private var thread: Thread?

        init(_ world: World, _ keys: [String]) {
            thread = Thread(name: "call") { [outcome] in
                let result: Result<[String?], CallError>
                do throws(CallError) {
                    result = .success(try Client(world).getMany(keys))
                } catch {
                    result = .failure(error)
                }
                outcome.withLock { $0 = result }
            }
        }

        var hasEnded: Bool { outcome.withLock { $0 != nil } }

        /// Nil: it has failed.
        func end() -> [String?]? {
            thread?.join()
            return try? outcome.withLock { $0 }?.get()
        }

        /// What a read failed with.
        func failure() -> String? {
            thread?.join()
            if case .failure(.unreadable(let text)) = outcome.withLock({ $0 }) { return text }
            return nil
        }
    }

    /// Lets reads go that are held, one by one, until none of the line `few` is queued. Returns how many they were.
    private func readsBeforeFew(_ world: World) -> Int {
        var reads = 0
        while reads < 50, world.tier.statistics.queue.few > 0 {
            world.faulty.release(.beforeRead, count: 1)
            reads += 1
            #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        }
        return reads
    }

    /// The next read is that of the call.
    private func nextReadEnds(_ call: Calling, in world: World) -> Bool {
        let before = call.hasEnded
        world.faulty.release(.beforeRead, count: 1)
        return eventually { call.hasEnded } && !before
    }

    /// The room that a call with many reads gets, and gives back at once; nil: it waits for some.
    private func asks(_ call: Parked, _ world: World) -> Int? {
        guard let room = world.tier.reserve(1_000, for: call) else { return nil }
        return room.reads
    }

    private func ahead(_ world: World, _ wanted: Int) -> Int {
        guard let room = world.tier.reserveAhead(wanted) else { return 0 }
        return room.reads
    }

    /// One thread has taken four of thousands; a fifth read is that of a call that comes then.
    @Test func aSingleReadDoesNotQueueBehindThousands() throws {
        let (world, keys) = try cold(2_001)
        defer { world.stop() }
        world.faulty.holdReads()
        let large = Calling(world, Array(keys.dropLast()))
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        #expect(world.tier.statistics.queue.many == 1_996)
        let single = Calling(world, [keys[2_000]])
        #expect(eventually { world.tier.statistics.queue.few == 1 })
        #expect(readsBeforeFew(world) <= 4)
        #expect(nextReadEnds(single, in: world))
        #expect(world.tier.statistics.queue.many >= 1_980)
        world.faulty.releaseReads()
        #expect(single.end() == ["vk2000"])
        #expect(large.end()?.compactMap { $0 }.count == 2_000)
        #expect(world.tier.statistics.faultsRequested == 2_001)
        #expect(world.faultsInShards() == 0)
    }

    /// The read that a single call needs is queued already, far behind, for another.
    @Test func aReadThatIsJoinedIsNotWaitedForWithTheOthers() throws {
        let (world, keys) = try cold(2_000)
        defer { world.stop() }
        world.faulty.holdReads()
        let large = Calling(world, keys)
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        #expect(world.tier.statistics.queue.many == 1_996)
        // The last of the queue, wherever the call's keys were put.
        let last = keys[1_999]
        let single = Calling(world, [last])
        #expect(eventually { world.tier.statistics.queue.few == 1 })
        #expect(world.tier.statistics.queue.many == 1_995 && world.tier.statistics.queue.promoted == 1)
        #expect(readsBeforeFew(world) <= 4)
        #expect(nextReadEnds(single, in: world))
        world.faulty.releaseReads()
        #expect(single.end() == ["vk1999"])
        #expect(large.end()?.compactMap { $0 }.count == 2_000)
        // Each key was read once.
        #expect(world.faulty.callCount(.read) == 2_000)
        #expect(world.faultsInShards() == 0)
    }

    /// As above with a read ahead of need, of which nothing else is known.
    @Test func aReadAheadThatIsNeededIsPromoted() throws {
        let (world, keys) = try cold(600)
        defer { world.stop() }
        world.faulty.holdReads()
        let client = Client(world)
        for key in keys { client.prefetch(key) }
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        #expect(eventually { world.tier.statistics.queue.ahead >= 596 })
        let single = Calling(world, [keys[599]])
        #expect(eventually { world.tier.statistics.queue.few == 1 })
        #expect(readsBeforeFew(world) <= 4)
        #expect(nextReadEnds(single, in: world))
        world.faulty.releaseReads()
        #expect(single.end() == ["vk599"])
        #expect(eventually { world.faultsInShards() == 0 })
        #expect(world.faulty.callCount(.read) == 600)
    }

    /// Guard: `claim` in `ColdExpiry.follow`, which makes the read of its fault itself.
    @Test func aReadOfColdExpiryThatIsJoinedIsNotMadeAgain() throws {
        let world = World(threads: true)
        defer { world.stop() }
        let client = Client(world)
        try client.set("k", "v", expiry: Clock.unixMilliseconds() + 1_500)
        try world.tier.spillEverything(keepsClean: false)
        try #require(world.flashKeys().count == 1)
        world.faulty.holdReads()
        // It looks whether the key is due, and then reads it as a fault.
        try #require(world.faulty.waitUntilHeld(1, at: .beforeRead))
        world.faulty.release(.beforeRead, count: 1)
        try #require(world.faulty.waitUntilHeld(1, at: .beforeRead))
        let call = Calling(world, ["k"])
        let shard = Array("k".utf8).withSlice { World.placement.position(of: $0).shard }
        #expect(
            eventually {
                world.store.lock(shard)
                defer { world.store.unlock(shard) }
                return world.store.shards[shard].faults.values.first?.waiterCount == 1
            })
        Clock.sleep(nanoseconds: 20_000_000)
        #expect(world.faulty.heldCount(.beforeRead) == 1)
        world.faulty.releaseReads()
        #expect(call.end() == [nil])
        #expect(world.faulty.callCount(.read) == 2)
    }

    /// Calls that need far more than may be queued, next to small ones: all are served, each key is read once, and
    /// the bound holds all the time.
    @Test func theBoundHoldsUnderCallsThatNeedMore() throws {
        let (world, keys) = try cold(3_000, readThreads: 4, queueLength: 256)
        defer { world.stop() }
        var plan = FaultPlan()
        plan.read.delay = .random(upToNanoseconds: 100_000)
        world.faulty.plan = plan
        let calls = (0..<6).map { number in
            Calling(world, Array(number == 0 ? keys[...] : keys[(number * 100)..<(number * 400)]))
        }
        let small = Client(world)
        for number in stride(from: 0, to: 3_000, by: 10) { #expect(try small.get(keys[number]) == "vk\(number)") }
        for call in calls {
            let values = try #require(call.end())
            #expect(!values.isEmpty && values.allSatisfy { $0 != nil })
        }
        let queue = world.tier.statistics.queue
        #expect(queue.most <= 256 && queue.most > 32 && queue.waits > 0)
        #expect(queue.total == 0 && queue.waiting == 0)
        #expect(world.tier.statistics.faultsRequested == 3_000 && world.faulty.callCount(.read) == 3_000)
        #expect(world.faultsInShards() == 0)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0, "nothing stays pinned")
    }

    /// Reads ahead of need take the room there is, and then none is requested.
    @Test func nothingIsReadAheadAtTheBound() throws {
        let (world, keys) = try cold(60, queueLength: 256)
        defer { world.stop() }
        world.faulty.holdReads()
        // A thread has taken one, of an eighth of 256 the rest is room.
        let client = Client(world)
        client.prefetch(keys[0])
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        for number in 1...32 { client.prefetch(keys[number]) }
        #expect(ahead(world, 1) == 0)
        #expect(world.tier.statistics.queue.ahead == 32)
        // Whoever needs one now still gets it.
        let single = Calling(world, [keys[50]])
        #expect(eventually { world.tier.statistics.queue.few == 1 })
        world.faulty.releaseReads()
        #expect(single.end() == ["vk50"])
        #expect(eventually { world.faultsInShards() == 0 })
        #expect(ahead(world, 64) == 32)
    }

    /// Room goes back with the call that has it, and from a call that waits for some to the next.
    @Test func roomOfCallsThatAreGoneGoesBack() throws {
        let (world, _) = try cold(1, queueLength: 256)
        defer { world.stop() }
        let tier = world.tier
        var held: [Parked] = []
        for _ in 0..<3 {
            let call = Parked()
            call.room = tier.reserve(1_000, for: call)
            #expect(call.reserved == 32)
            held.append(call)
        }
        let gone = Parked()
        var patient: Parked? = Parked()
        let last = Parked()
        for call in [gone, patient!, last] { #expect(asks(call, world) == nil) }
        #expect(tier.statistics.queue.waiting == 3)
        tier.forget(gone)
        held.removeFirst()
        #expect(patient?.wait() == true && patient?.reserved == 32 && tier.statistics.queue.waiting == 1)
        // It needs no room after all.
        patient = nil
        #expect(last.wait() && last.reserved == 32)
        #expect(gone.reserved == nil)
        held = []
        let call = Parked()
        #expect(asks(call, world) == 32)
    }

    @Test func aLongerQueueWakesWhoWaits() throws {
        let (world, _) = try cold(1, queueLength: 256)
        defer { world.stop() }
        let held = (0..<3).map { _ in Parked() }
        for call in held { call.room = world.tier.reserve(1_000, for: call) }
        let waiting = Parked()
        #expect(asks(waiting, world) == nil)
        world.tier.update { $0.queueLength = 1_024 }
        #expect(waiting.wait() && waiting.reserved == 128)
        #expect(world.tier.readsAtOnce == 128)
    }

    /// Reads under way, full lines, and calls that wait for room: a stop ends all of them.
    @Test func aStopWithFullLinesEndsEveryCall() throws {
        let (world, keys) = try cold(2_000, queueLength: 256)
        world.faulty.holdReads()
        let large = (0..<8).map { number in Calling(world, Array(keys[(number * 200)..<(number * 200 + 200)])) }
        #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
        #expect(eventually { world.tier.statistics.queue.waiting == 5 })
        let small = (0..<134).map { Calling(world, [keys[1_700 + $0]]) }
        #expect(eventually { world.tier.statistics.queue.few == 128 })
        #expect(eventually { world.tier.statistics.queue.waiting == 11 })
        let stopping = Thread(name: "stop") { world.stop() }
        #expect(eventually { world.tier.statistics.queue.total == 0 })
        world.faulty.releaseReads()
        stopping.join()
        for call in large + small { #expect(call.failure() == "the server is shutting down") }
        #expect(world.tier.statistics.queue.waiting == 0)
        #expect(world.faultsInShards() == 0)
        // Nothing is read any more.
        #expect(world.faulty.callCount(.read) <= 4)
    }
}

extension ReadWaiter {
    /// The reads that it has room for and hasn't used yet.
    fileprivate var reserved: Int? { room?.reads }
}
