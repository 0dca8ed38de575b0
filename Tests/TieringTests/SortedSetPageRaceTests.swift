import Bytes
import Commands
import Storage
import StorageFaulty
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// What may happen to a sorted set while a page of its hash or its tree is under way, besides what happens to hashes
/// too (PageRaceTests): pages of both go one by one, and what one has of an element the other must have.
@Suite(.serialized) struct SortedSetPageRaceTests {
    /// Has every large sorted set go by pages, and gives a world whose set `z` has 1000 members, member n with the
    /// score n, and is cold.
    private func withColdSet(_ body: (World, CommandClient) throws -> Void) throws {
        let words = ["ZADD", "z"] + (0..<1000).flatMap { ["\($0)", "member:\($0)"] }
        try World.withColdPages(of: "z") { client in
            _ = try client.run(words.map { Array($0.utf8) })
        } run: { world, client in
            #expect(world.flashPages() > 50)
            try body(world, client)
        }
    }

    private func members(_ client: CommandClient, _ key: String, _ first: Int, _ last: Int) throws -> [String] {
        try client.run("ZRANGE", key, "\(first)", "\(last)").reply.texts ?? []
    }

    /// All of it, from the tree, and the score that the hash has of each.
    private func expectAll(_ client: CommandClient, _ key: String, _ expected: [(member: String, score: Int)]) throws {
        let found = try client.run("ZRANGE", key, "0", "-1", "WITHSCORES").reply.texts ?? []
        #expect(found == expected.flatMap { [$0.member, "\($0.score)"] })
        let words = ["ZMSCORE", key] + expected.map(\.member)
        #expect(try client.run(words.map { Array($0.utf8) }).reply.texts == expected.map { "\($0.score)" })
    }

    private func elements(_ range: Range<Int>) -> [(member: String, score: Int)] {
        range.map { ("member:\($0)", $0) }
    }

    /// Gives the first fifty members scores behind all others. What the set is then.
    private func moveFifty(_ client: CommandClient) throws -> [(member: String, score: Int)] {
        for number in 0..<50 { _ = try client.run("ZADD", "z", "\(2000 + number)", "member:\(number)") }
        return elements(50..<1000) + (0..<50).map { ("member:\($0)", 2000 + $0) }
    }

    @Test func aCommandNeedsTheRootAndThePagesThatItNames() throws {
        try withColdSet { world, client in
            #expect(try world.reads(client, "ZCARD", "z") == 1)
            #expect(try world.reads(client, "ZSCORE", "z", "member:17") == 1)
            // The place besides.
            #expect(try world.reads(client, "ZRANK", "z", "member:17") == 1)
            try world.tier.spillEverything(keepsClean: false)
            #expect(try world.reads(client, "ZREVRANK", "z", "member:17") == 3)
            #expect(try client.run("ZRANK", "z", "member:17").reply == .integer(17))
            #expect(try world.reads(client, "ZCOUNT", "z", "17", "900") == 1)
            #expect(try client.run("ZCOUNT", "z", "17", "900").reply == .integer(884))
            #expect(try world.reads(client, "ZINCRBY", "z", "1000", "member:17") == 1)
            #expect(try world.reads(client, "ZADD", "z", "300.5", "new") == 2)
            #expect(try members(client, "z", 300, 301) == ["new", "member:301"])
            #expect(try members(client, "z", -1, -1) == ["member:17"])
            #expect(try world.reads(client, "RENAME", "z", "other") == 0)
            #expect(try world.reads(client, "PERSIST", "other") == 0)
            try world.tier.spillEverything(keepsClean: false)
            #expect(try world.reads(client, "ZPOPMIN", "other") == 3)
            #expect(try world.reads(client, "ZREM", "other", "none") == 1)
        }
    }

    /// Guard: `searchBounds`. When the first element of a page has gone, what belongs between it and the next one is
    /// sought in the page before, whose upper bound says that it isn't in there.
    @Test func theFirstElementOfAPageMovesBesideAPageThatIsAway() throws {
        try withColdSet { world, client in
            var model = elements(0..<1000)
            // Each element in turn is the first of its page at some time; neighbours are away.
            for number in stride(from: 0, to: 1000, by: 7) {
                try world.tier.spillEverything(keepsClean: false)
                _ = try client.run("ZREM", "z", "member:\(number)", "member:\(number + 1)")
                _ = try client.run(
                    "ZADD", "z", "\(number)", "member:\(number + 1)", "\(number + 1)", "member:\(number)")
                if number + 1 < 1000 {
                    model[number] = ("member:\(number + 1)", number)
                    model[number + 1] = ("member:\(number)", number + 1)
                }
            }
            model = model.filter { $0.member != "member:1000" }
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("ZREM", "z", "member:1000")
            try expectAll(client, "z", model)
        }
    }

    /// Guard: the epoch in `LockedKeyspace.find(_: PageOwner)`, for pages of both kinds.
    @Test(arguments: [false, true]) func aPageReadFromBeforeARenameInstallsNothing(isOfTree: Bool) throws {
        try withColdSet { world, client in
            _ = try client.run("ZCARD", "z")
            var member = ByteSlice("member:3")
            let (fault, result) = try withUnsafePointer(to: &member) { slice in
                try client.beginPage(
                    world, "z",
                    isOfTree
                        ? .span(SortedSetSpan(.ranks(3, 3)), .read)
                        : .elements(UnsafeBufferPointer(start: slice, count: 1), step: 1))
            }
            _ = try client.run("RENAME", "z", "other")
            _ = try client.run("ZADD", "other", "2000", "member:3")
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("RENAME", "other", "z")
            #expect(!client.client.land(fault, result))
            #expect(try client.run("ZSCORE", "z", "member:3").reply == .text("2000"))
            #expect(try members(client, "z", 2, 3) == ["member:2", "member:4"])
            #expect(try members(client, "z", -1, -1) == ["member:3"])
        }
    }

    /// Guard: the instance in `LockedKeyspace.find(_: PageOwner)`.
    @Test func aPageReadOfADeletedSetInstallsNothing() throws {
        try withColdSet { world, client in
            _ = try client.run("ZCARD", "z")
            let (fault, result) = try client.beginPage(world, "z", .span(SortedSetSpan(.ranks(3, 3)), .read))
            _ = try client.run("DEL", "z")
            _ = try client.run(
                (["ZADD", "z"] + (0..<1000).flatMap { ["\($0)", "other:\($0)"] }).map { Array($0.utf8) })
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("ZCARD", "z")
            #expect(!client.client.land(fault, result))
            #expect(try members(client, "z", 3, 4) == ["other:3", "other:4"])
        }
    }

    /// Guard: `noteChange` while in flight, of the page of the hash, of the old place and of the new one.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func scoresChangeWhilePagesAreInFlight(_ gate: FaultyGate) throws {
        try withColdSet { world, client in
            var model = elements(0..<1000)
            for number in 0..<40 { _ = try client.run("ZADD", "z", "\(2000 + number)", "member:\(10 * number)") }
            try world.spill(holding: gate) {
                for number in 0..<40 { _ = try client.run("ZADD", "z", "\(3000 - number)", "member:\(10 * number)") }
                _ = try client.run("ZREMRANGEBYSCORE", "z", "501", "598")
            }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
            model.removeAll { $0.score % 10 == 0 && $0.score < 400 || (501...598).contains($0.score) }
            model += (0..<40).map { ("member:\(10 * $0)", 3000 - $0) }.sorted { $0.1 < $1.1 }
            try expectAll(client, "z", model)
        }
    }

    /// Guard: `awaitsWrite` in `Paging.noteGone`: deletes of pages that are no more follow the writes in flight.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func pagesThatGoWhileTheyAreWrittenAreDeleted(_ gate: FaultyGate) throws {
        try withColdSet { world, client in
            for number in 100..<900 { _ = try client.run("ZINCRBY", "z", "0.25", "member:\(number)") }
            try world.spill(holding: gate) {
                _ = try client.run("ZREMRANGEBYRANK", "z", "50", "949")
            }
            try world.tier.spillEverything(keepsClean: false)
            _ = try client.run("ZCARD", "z")
            let pages = client.withRef(world, "z") { keys, ref in
                keys.peek(ref)?.record.collectionObject?.paging?.absent
            }
            #expect(world.flashPages() == pages)
            try expectAll(client, "z", elements(0..<50) + elements(950..<1000))
        }
    }

    /// Guard: the order of the range delete behind the puts, and of both behind the root's.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aDeleteMeetsPagesInFlight(_ gate: FaultyGate) throws {
        try withColdSet { world, client in
            for number in 0..<50 { _ = try client.run("ZADD", "z", "5", "member:\(number)") }
            try world.spill(holding: gate) { _ = try client.run("DEL", "z") }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0 && world.flashKeys().isEmpty)
        }
    }

    /// Guard: `forgetFlights`, of hash and tree.
    @Test(arguments: [FaultyGate.beforeWrite, .afterWrite])
    func aRenameMeetsPagesInFlight(_ gate: FaultyGate) throws {
        try withColdSet { world, client in
            let expected = try moveFifty(client)
            try world.spill(holding: gate) { _ = try client.run("RENAME", "z", "other") }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
            try expectAll(client, "other", expected)
        }
    }

    /// Guard: the pins of both pages: what one step of the preparation has brought in is there when the next one ends.
    @Test func pagesOfAWaitingCallStay() throws {
        try withColdSet { world, client in
            _ = try client.run("ZCARD", "z")
            let waiter = Parked()
            let (fault, result) = try client.beginPage(
                world, "z", .span(SortedSetSpan(.ranks(3, 3)), .read), for: waiter)
            #expect(client.client.land(fault, result))
            try world.tier.spillEverything(keepsClean: false)
            let page = try #require(fault.page)
            let isThere = client.withRef(world, "z") { keys, ref in
                keys.peek(ref)?.record.collectionObject.map { !$0.isAway(page) }
            }
            #expect(isThere == true)
            client.client.keys.release(waiter.faults)
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
        }
    }

    /// Members that expire are trimmed wherever they are: the set goes as a whole, and loses its pages on flash.
    @Test func aSetWhoseMembersExpireGoesAsAWhole() throws {
        try withColdSet { world, client in
            _ = try client.run("EXPIREMEMBER", "z", "member:5", "1000")
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0 && world.flashKeys().count == 1)
            #expect(try client.run("ZSCORE", "z", "member:5").reply == .text("5"))
            _ = try client.run("PERSIST", "z", "member:5")
            try world.tier.spillEverything(keepsClean: false)
            try expectAll(client, "z", elements(0..<1000))
        }
    }

    @Test func whatHasBecomeSmallGoesAsAWhole() throws {
        try withColdSet { world, client in
            Paging.leastBytes.store(32 << 10, ordering: .relaxed)
            _ = try client.run("ZREMRANGEBYRANK", "z", "10", "-1")
            try expectAll(client, "z", elements(0..<10))
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 0 && world.flashKeys().count == 1)
            try expectAll(client, "z", elements(0..<10))
        }
    }

    @Test func refusedWritesOfPagesLoseNothing() throws {
        try withColdSet { world, client in
            let expected = try moveFifty(client)
            world.faulty.breakDown(StorageError(.noSpace, "full"))
            #expect(throws: StorageError.self) { try world.tier.spillEverything(keepsClean: false) }
            #expect(try client.run("ZSCORE", "z", "member:7").reply == .text("2007"))
            world.faulty.repair()
            try world.faulty.resume()
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.store.counts(database: 0).resident == 0)
            try expectAll(client, "z", expected)
        }
    }

    @Test func aPageThatIsMissingIsAnErrorNotAnEmptyOne() throws {
        try withColdSet { world, client in
            let range = (from: Array("P".utf8), to: Array("Q".utf8))
            var batch = WriteBatch()
            range.from.withSlice { from in range.to.withSlice { to in batch.deleteRange(from: from, to: to) } }
            try world.memory.write(batch)
            #expect(throws: CallError.self) { try client.run("ZRANK", "z", "member:3") }
            #expect(throws: CallError.self) { try client.run("ZRANGE", "z", "3", "3") }
            #expect(try client.run("ZCARD", "z").reply == .integer(1000))
        }
    }
}
