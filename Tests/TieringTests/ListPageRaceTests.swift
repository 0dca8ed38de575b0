import Bytes
import Commands
import Storage
import StorageFaulty
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

extension World {
    /// Has every collection with pages go by pages, and gives a world in which the one that `fill` makes is cold. The
    /// run may rename it to `other`; afterwards it is deleted, and nothing of it may be left.
    static func withColdPages(
        of key: String, fill: (CommandClient) throws -> Void, run: (World, CommandClient) throws -> Void
    ) throws {
        let before = Paging.leastBytes.exchange(0, ordering: .relaxed)
        defer { Paging.leastBytes.store(before, ordering: .relaxed) }
        let world = World()
        defer { world.stop() }
        let client = CommandClient(world, seed: 1)
        try fill(client)
        try world.tier.spillEverything(keepsClean: false)
        #expect(world.store.counts(database: 0).resident == 0)
        try run(world, client)
        _ = try client.run("DEL", key, "other")
        try world.expectNothingLeft()
    }

    /// The reads that a command of `client` asks for.
    func reads(_ client: CommandClient, _ words: String...) throws -> Int {
        let before = tier.statistics.faultsRequested
        _ = try client.run(words.map { Array($0.utf8) })
        return tier.statistics.faultsRequested - before
    }
}

extension CommandClient {
    /// Requests the page that is needed of a collection whose root is in RAM, and reads it, but doesn't land it.
    func beginPage(
        _ world: World, _ key: String, _ need: PageNeed, for waiter: FaultWaiter? = nil
    ) throws -> (fault: Fault, result: FaultResult) {
        let fault = withRef(world, key) { keys, ref -> Fault? in
            var faults: [Fault] = []
            keys.requestPages(ref, need, for: waiter, at: 0, into: &faults)
            return faults.first { world.tier.claim($0) }
        }
        let begun = try #require(fault)
        var name = ByteBuffer()
        begun.appendName(to: &name)
        guard case .found(let bytes) = try world.memory.read(name.slice) else { return (begun, .missing) }
        return (begun, .found(bytes))
    }

    func withRef<R>(_ world: World, _ key: String, _ body: (inout LockedKeyspace, KeyRef) -> R) -> R {
        Array(key.utf8).withSlice { bytes in
            let position = World.placement.position(of: bytes)
            client.keys.lock(position.shard)
            defer { client.keys.unlock(position.shard) }
            let ref = KeyRef(bytes: bytes, position: position, space: world.store.space(ofDatabase: 0))
            return body(&client.keys, ref)
        }
    }
}

/// What may happen to a list while a page of it is under way, besides what happens to hashes too (PageRaceTests): pages
/// that are only on flash can be cut off.
@Suite(.serialized) struct ListPageRaceTests {
    /// Has every list go by pages, of four elements, and gives a world whose list `l` has 400 elements and is cold.
    private func withColdList(_ body: (World, CommandClient) throws -> Void) throws {
        let page = CollectionLimits.listPage.exchange(4, ordering: .relaxed)
        defer { CollectionLimits.listPage.store(page, ordering: .relaxed) }
        try World.withColdPages(of: "l") { client in
            _ = try client.run(["RPUSH", "l"].map { Array($0.utf8) } + (0..<400).map { Array("e\($0)".utf8) })
        } run: { world, client in
            #expect(world.flashPages() == 100)
            try body(world, client)
        }
    }

    private func element(_ client: CommandClient, _ index: Int) throws -> Histories.Reply {
        try client.run("LINDEX", "l", "\(index)").reply
    }

    @Test func anElementNeedsTheRootAndOnePage() throws {
        try withColdList { world, client in
            let page = try world.reads(client, "LINDEX", "l", "17")
            #expect(page == 2)
            #expect(try element(client, 17) == .text("e17"))
            // What is pushed finds full pages at both ends, and needs none of them.
            #expect(try world.reads(client, "LPUSH", "l", "a", "b") == 0)
            #expect(try world.reads(client, "RPUSH", "l", "c") == 0)
            #expect(try world.reads(client, "LPOP", "l", "3") == 1)
            // Pages between the cuts, and those cut off, stay where they are.
            #expect(try world.reads(client, "LTRIM", "l", "101", "-103") == 2)
            #expect(try client.run("LLEN", "l").reply == .integer(197))
            #expect(try element(client, 0) == .text("e102"))
            #expect(try element(client, -1) == .text("e298"))
        }
    }

    /// Guard: `isAway` in `installPage`, for the page and for what is said of a read that found nothing.
    @Test(arguments: [false, true]) func aPageThatIsCutOffWhileItIsReadInstallsNothing(isGone: Bool) throws {
        try withColdList { world, client in
            _ = try client.run("LLEN", "l")
            let waiter = Parked()
            var (fault, result) = try client.beginPage(world, "l", .positions(17, 17), for: waiter)
            _ = try client.run("LTRIM", "l", "100", "-1")
            if isGone {
                try world.tier.spillEverything(keepsClean: true)
                result = .missing
            }
            #expect(!client.client.land(fault, result))
            #expect(fault.failure == nil)
            client.client.keys.release(waiter.faults)
            #expect(try element(client, 17) == .text("e117"))
        }
    }

    /// Guard: `find` in `CountedTree.pin`: who waited for a page gives up what is no more.
    @Test func aPageThatIsCutOffWhileItIsPinnedNeedsNoPin() throws {
        try withColdList { world, client in
            _ = try client.run("LLEN", "l")
            let waiter = Parked()
            let (fault, result) = try client.beginPage(world, "l", .positions(17, 17), for: waiter)
            #expect(client.client.land(fault, result))
            _ = try client.run("LTRIM", "l", "100", "-1")
            client.client.keys.release(waiter.faults)
            try world.tier.spillEverything(keepsClean: false)
            #expect(try element(client, 0) == .text("e100"))
        }
    }

    /// Guard: `awaitsWrite` in `Paging.noteGone`: the delete of a page that is cut off follows the write in flight.
    @Test(arguments: [.beforeWrite, .afterWrite] as [FaultyGate])
    func aPageThatIsCutOffWhileItIsWrittenIsDeleted(_ gate: FaultyGate) throws {
        try withColdList { world, client in
            _ = try client.run("LSET", "l", "17", "changed")
            try world.spill(holding: gate) { _ = try client.run("LTRIM", "l", "20", "-1") }
            try world.tier.spillEverything(keepsClean: false)
            #expect(world.flashPages() == 95)
            #expect(try element(client, 0) == .text("e20"))
        }
    }
}
