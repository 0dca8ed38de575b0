import Bytes
import Commands
import Platform
import RESP
import Storage
import StorageFaulty
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// What may happen to a collection while a page of it is under way. The guard stands with each test.
@Suite(.serialized) struct PageRaceTests {
    /// Has every hash with pages go by pages, and gives a world whose hash `h` has 500 fields and is cold.
    private func withColdHash(_ body: (World, CommandClient) throws -> Void) throws {
        try World.withColdPages(of: "h") { client in
            try fill(client, "h", from: 0)
        } run: { world, client in
            #expect(world.flashPages() > 10)
            try body(world, client)
        }
    }

    private func fill(_ client: CommandClient, _ key: String, from first: Int) throws {
        var words = ["HSET", key]
        for number in first..<first + 600 { words += ["field:\(number)", "value-\(number)"] }
        _ = try client.run(words.map { Array($0.utf8) })
    }

    private func get(_ client: CommandClient, _ key: String, _ field: Int) throws -> Histories.Reply {
        try client.run("HGET", key, "field:\(field)").reply
    }

    /// Requests the page of a field of a hash whose root is in RAM, and reads it, but doesn't land it.
    private func beginPage(
        _ world: World, _ client: CommandClient, _ key: String, _ field: Int, for waiter: FaultWaiter? = nil
    ) throws -> (fault: Fault, result: FaultResult) {
        let element = Array("field:\(field)".utf8).withSlice { SharedBytes(copying: $0) }
        var slice = element.slice
        return try withUnsafePointer(to: &slice) {
            try client.beginPage(
                world, key, .elements(UnsafeBufferPointer(start: $0, count: 1), step: 1), for: waiter)
        }
    }

    private func withRef<R>(
        _ world: World, _ client: CommandClient, _ key: String, _ body: (inout LockedKeyspace, KeyRef) -> R
    ) -> R { client.withRef(world, key, body) }

    @Test func aFieldNeedsTheRootAndOnePage() throws {
        try withColdHash { world, client in
            let before = world.tier.statistics.faultsRequested
            #expect(try get(client, "h", 17) == .text("value-17"))
            #expect(try get(client, "h", 17) == .text("value-17"))
            #expect(world.tier.statistics.faultsRequested - before == 2)
            // What says nothing of elements needs the root alone.
            _ = try client.run("PERSIST", "h")
            #expect(try client.run("HLEN", "h").reply == .integer(600))
            #expect(try client.run("RENAME", "h", "other").reply == .simple("OK"))
            #expect(world.tier.statistics.faultsRequested - before == 2)
            #expect(try get(client, "other", 18) == .text("value-18"))
        }
    }

    /// Guard: the epoch in `LockedKeyspace.find(_: PageOwner)`.
    @Test func aPageReadFromBeforeARenameInstallsNothing() throws {
        try withColdHash { world, client in
            _ = try client.run("HLEN", "h")
            let (fault, result) = try beginPage(world, client, "h", 3)
            _ = try client.run("RENAME", "h", "other")
            _ = try client.run("HSET", "other", "field:3", "new")
            // Another page is awaited, so the root stays, and is the same instance under its old name again.
            let waiter = Parked()
            let another = try fieldOfAnotherPage(world, client, "other")
            let (second, _) = try beginPage(world, client, "other", another, for: waiter)
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 1)
            _ = try client.run("RENAME", "other", "h")
            #expect(!client.client.land(fault, result))
            #expect(try get(client, "h", 3) == .text("new"))
            client.client.land(second, .failed("the test is over"))
            client.client.keys.release(waiter.faults)
        }
    }

    /// A field whose page is away.
    private func fieldOfAnotherPage(_ world: World, _ client: CommandClient, _ key: String) throws -> Int {
        let found = withRef(world, client, key) { keys, ref in
            keys.peek(ref)?.record.collectionObject?.withPages { pages in
                (0..<600).first { number in
                    Array("field:\(number)".utf8).withSlice { pages.absentPage(of: $0) } != nil
                }
            }
        }
        let field = try #require(found)
        return try #require(field)
    }

    /// Guard: the instance in `LockedKeyspace.find(_: PageOwner)`.
    @Test func aPageReadOfADeletedHashInstallsNothing() throws {
        try withColdHash { world, client in
            _ = try client.run("HLEN", "h")
            let (fault, result) = try beginPage(world, client, "h", 3)
            _ = try client.run("DEL", "h")
            try fill(client, "h", from: 1000)
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("HLEN", "h")
            #expect(!client.client.land(fault, result))
            #expect(try get(client, "h", 3) == .null)
            #expect(try get(client, "h", 1003) == .text("value-1003"))
        }
    }

    /// Guard: `awaited` in `pagesAllowDrop`, without which calls read roots and pages in turn for ever.
    @Test func theRootStaysWhileAPageIsAwaited() throws {
        try withColdHash { world, client in
            _ = try client.run("HLEN", "h")
            let waiter = Parked()
            let (fault, result) = try beginPage(world, client, "h", 3, for: waiter)
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 1)
            #expect(client.client.land(fault, result))
            // Guard: the pin.
            try world.tier.spillEverything(keepsClean: false)
            let isThere = withRef(world, client, "h") { keys, ref in
                keys.peek(ref)?.record.collectionObject?.withPages { !$0.isAway(fault.page!) }
            }
            #expect(isThere == true)
            client.client.keys.release(waiter.faults)
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
        }
    }

    @Test func callsShareTheReadOfAPage() throws {
        try withColdHash { world, client in
            _ = try client.run("HLEN", "h")
            let (first, second) = (Parked(), Parked())
            let (fault, result) = try beginPage(world, client, "h", 3, for: first)
            withRef(world, client, "h") { keys, ref in
                var faults: [Fault] = []
                keys.requestPages(ref, .all, for: second, at: 0, into: &faults)
                let fresh = faults.filter { world.tier.claim($0) }
                #expect(!fresh.contains { $0 === fault } && !fresh.isEmpty)
                for other in fresh { #expect(other.page != fault.page) }
            }
            #expect(second.faults.contains { $0 === fault })
            client.client.keys.abandon(second)
            #expect(client.client.land(fault, result))
            client.client.keys.release(first.faults)
            // Reads that nobody waits for any more land all the same.
            for other in second.faults where other !== fault {
                client.client.land(other, .failed("the test is over"))
            }
            #expect(try get(client, "h", 3) == .text("value-3"))
        }
    }

    /// Guard: the order of the range delete behind the puts, and of both behind the root's.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aDeleteMeetsPagesInFlight(_ gate: FaultyGate) throws {
        try withColdHash { world, client in
            for number in 0..<50 { _ = try client.run("HSET", "h", "field:\(number)", "new") }
            try world.spill(holding: gate) { _ = try client.run("DEL", "h") }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0)
            #expect(world.flashKeys().isEmpty)
        }
    }

    /// Guard: `isSettled` in `pagesAllowDrop`. A page that was used more often than its root stays longer.
    @Test func aRootDoesNotLeaveBeforeItsPages() throws {
        try withColdHash { world, client in
            _ = try client.run("HSET", "h", "number", "1")
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("HINCRBY", "h", "number", "5")
            let shard = World.placement.position(of: ByteSlice("h")).shard
            for _ in 0..<4 {
                try world.tier.writing.withLock { () throws(StorageError) in
                    var pass = SpillPass(tier: world.tier)
                    pass.setTime(Clock.unixMilliseconds())
                    _ = try pass.visit(shard: shard, space: 0, wantedBytes: .max, ignoringTouches: false)
                    try pass.write()
                }
            }
            #expect(world.store.counts(database: 0).resident == 0)
            #expect(try client.run("HGET", "h", "number").reply == .text("6"))
        }
    }

    /// Guard: `forgetFlights`, without which pages would be in flight for ever.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aRenameMeetsPagesInFlight(_ gate: FaultyGate) throws {
        try withColdHash { world, client in
            for number in 0..<50 { _ = try client.run("HSET", "h", "field:\(number)", "new") }
            try world.spill(holding: gate) { _ = try client.run("RENAME", "h", "other") }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
            for number in 0..<50 { #expect(try get(client, "other", number) == .text("new")) }
            #expect(try get(client, "other", 60) == .text("value-60"))
        }
    }

    /// Guard: `noteChange` while in flight.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aChangeMeetsItsPageInFlight(_ gate: FaultyGate) throws {
        try withColdHash { world, client in
            for number in 0..<50 { _ = try client.run("HSET", "h", "field:\(number)", "new") }
            try world.spill(holding: gate) {
                for number in 0..<50 { _ = try client.run("HSET", "h", "field:\(number)", "newer") }
            }
            try world.tier.spillEverything(keepsClean: false)
            for number in 0..<50 { #expect(try get(client, "h", number) == .text("newer")) }
        }
    }

    /// Guard: `RecordEncoding.pagedCollection` where an overwritten key is looked up.
    @Test func whatIsOverwrittenUnreadLosesItsPages() throws {
        try withColdHash { world, client in
            _ = try client.run("SET", "h", "a string")
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0)
            #expect(try client.run("GET", "h").reply == .text("a string"))
        }
    }

    @Test func aFlushRemovesThePages() throws {
        try withColdHash { world, client in
            try world.tier.reap(generation: client.client.flush())
            #expect(world.flashPages() == 0)
        }
    }

    /// Guard: `bury` in `evictCold`.
    @Test func anEvictedColdHashLosesItsPages() throws {
        try withColdHash { world, client in
            let view = client.client.coldView("h")
            let found = try root(world)
            let collection = try #require(found)
            let outcome = ByteSlice("h").withPosition {
                client.client.keys.evictCold(view, position: $1, key: $0, hadExpiry: false, collection: collection)
            }
            guard case .deleted = outcome else {
                Issue.record("not deleted")
                return
            }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0)
        }
    }

    private func root(_ world: World) throws -> UInt64? {
        guard let key = world.flashKeys().first else { return nil }
        guard case .found(let bytes) = try key.withSlice({ try world.memory.read($0) }) else { return nil }
        return RecordEncoding.pagedCollection(bytes.slice)
    }

    /// Members that expire are trimmed wherever they are: the hash goes as a whole, and loses its pages on flash.
    @Test func aHashWhoseFieldsExpireGoesAsAWhole() throws {
        try withColdHash { world, client in
            _ = try client.run("HEXPIRE", "h", "1000", "FIELDS", "1", "field:5")
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0)
            #expect(world.flashKeys().count == 1)
            #expect(try get(client, "h", 5) == .text("value-5"))
            _ = try client.run("HPERSIST", "h", "FIELDS", "1", "field:5")
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() > 10)
            #expect(try get(client, "h", 5) == .text("value-5"))
        }
    }

    @Test func whatHasBecomeSmallGoesAsAWhole() throws {
        try withColdHash { world, client in
            Paging.leastBytes.store(32 << 10, ordering: .relaxed)
            let fields = (10..<600).map { "field:\($0)" }
            _ = try client.run((["HDEL", "h"] + fields).map { Array($0.utf8) })
            _ = try client.run("HGETALL", "h")
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0 && world.flashKeys().count == 1)
            #expect(try get(client, "h", 7) == .text("value-7"))
            #expect(try client.run("HLEN", "h").reply == .integer(10))
        }
    }

    /// However many elements a step asks for, it brings in no more than some pages, and ends before the others.
    @Test func aStepOfAScanIsBounded() throws {
        try withColdHash { world, client in
            try fill(client, "h", from: 1_000)
            for first in stride(from: 2_000, to: 8_000, by: 600) { try fill(client, "h", from: first) }
            try world.tier.spillEverything(keepsClean: false)
            let before = world.tier.statistics.faultsRequested
            guard case .array(let step) = try client.run("HSCAN", "h", "0", "COUNT", "1000000000").reply else {
                Issue.record("no reply")
                return
            }
            #expect(step.first != .text("0"))
            #expect(world.tier.statistics.faultsRequested - before == 65)
        }
    }

    /// Guard: `stopPagingIfMembersExpire` where a record is issued that had to be looked up first.
    @Test func fieldsGetTimesWhileTheHashIsLookedUp() throws {
        try withColdHash { world, client in
            _ = try client.run("SET", "other", "old")
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("HGETALL", "h")
            _ = try client.run("RENAME", "h", "other")
            world.faulty.hold(.beforeRead)
            let spilling = Thread(name: "spill") { try? world.tier.spillEverything(keepsClean: true) }
            #expect(world.faulty.waitUntilHeld(1, at: .beforeRead))
            _ = try client.run("HEXPIRE", "other", "1000", "FIELDS", "1", "field:5")
            world.faulty.release(.beforeRead)
            spilling.join()
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0)
            #expect(try get(client, "other", 5) == .text("value-5"))
            #expect(try client.run("HLEN", "other").reply == .integer(600))
        }
    }

    @Test func refusedWritesOfPagesLoseNothing() throws {
        try withColdHash { world, client in
            for number in 0..<50 { _ = try client.run("HSET", "h", "field:\(number)", "new") }
            world.faulty.breakDown(StorageError(.noSpace, "full"))
            #expect(throws: StorageError.self) { try world.tier.spillEverything(keepsClean: false) }
            #expect(try get(client, "h", 7) == .text("new"))
            world.faulty.repair()
            try world.faulty.resume()
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
            for number in 0..<60 {
                #expect(try get(client, "h", number) == .text(number < 50 ? "new" : "value-\(number)"))
            }
        }
    }

    @Test func aPageThatIsMissingIsAnErrorNotAnEmptyOne() throws {
        try withColdHash { world, client in
            let range = (from: Array("P".utf8), to: Array("Q".utf8))
            var batch = WriteBatch()
            range.from.withSlice { from in range.to.withSlice { to in batch.deleteRange(from: from, to: to) } }
            try world.memory.write(batch)
            #expect(throws: CallError.self) { try get(client, "h", 3) }
            #expect(try client.run("HLEN", "h").reply == .integer(600))
        }
    }

    /// Guard: `lastCollection` of the seal: a number that is used again would mix the pages of two collections.
    @Test func numbersGoOnBehindARestart() throws {
        try withColdHash { world, client in
            let next = KeyspaceStore(
                databases: 2, placement: World.placement, hasProvider: true,
                lastCollection: world.store.collectionsNumbered)
            let used = try root(world)
            #expect(next.nextCollection() > (used ?? .max))
        }
    }
}

extension ByteSlice {
    fileprivate func withPosition<R>(_ body: (ByteSlice, Position) -> R) -> R {
        body(self, World.placement.position(of: self))
    }
}
