import Platform
import StorageFaulty
import Synchronization
import Testing

@testable import Server

/// Two who want to decide about the same call, or the same element, at the same time.
@Suite struct BlockingRaceTests {
    /// The claimed call waits for its target from flash, so that everything else can be looked at in the meantime.
    private struct HeldMove {
        let server: TestServer
        let provider: FaultyProvider
        let mover: TestClient
        let pusher: TestClient
        let other: TestClient

        /// `mover` waits to move from `a` to `b`, which is cold; `pusher` has pushed one element to `a`.
        init() throws {
            server = try TestServer(threads: 3, isTiered: true)
            provider = try #require(server.provider)
            let clients = try server.connectToAllLoops()
            (mover, pusher, other) = (clients[0], clients[1], clients[clients.count - 1])
            _ = try pusher.pipeline(["rpush b old", "set s x"])
            try server.makeCold()
            try server.block(mover, "blmove a b left right 0")
            provider.holdReads()
            // The filter says that `b` may be there: the call waits for it before it waits for `a`.
        }
    }

    @Test func aReservedKeyIsReachedByNobodyElse() throws {
        let world = try HeldMove()
        let (server, provider) = (world.server, world.provider)
        try server.makeCold()
        #expect(try world.pusher.ask("rpush a x") == 1)
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        // One that needs the key, one that pushes more, one that would count it, one that would take it away.
        let needy = try (0..<4).map { _ in try server.connect() }
        for (client, request) in zip(needy, ["llen a", "rpush a y", "dbsize", "flushall"]) {
            try client.send(raw: TestClient.request(request.split(separator: " ").map(String.init)))
            #expect(client.isSilent(milliseconds: 50), "\(request)")
        }
        #expect(try world.other.ask("set free x") == .ok)
        provider.releaseReads()
        #expect(try world.mover.read() == "x")
        #expect(try needy[1].read() == 1)
        _ = try (needy[0].read(), needy[2].read())
        #expect(try needy[3].read() == .ok)
        server.expectNoTraces()
    }

    @Test func aClaimedCallWhoseConnectionClosesGivesTheKeyOn() throws {
        let world = try HeldMove()
        let (server, provider) = (world.server, world.provider)
        try server.makeCold()
        let next = try server.connect()
        try server.block(next, "blpop a 0")
        #expect(try world.pusher.ask("rpush a x") == 1)
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        #expect(next.isSilent(milliseconds: 50))
        let list = try #require(try world.other.ask("client list").text)
        let line = try #require(list.split(separator: "\n").first { $0.contains("cmd=blmove") })
        let id = try #require(line.split(separator: " ").first).dropFirst(3)
        #expect(try world.other.ask("client unblock \(id)") == 0)
        #expect(try world.other.ask("client kill id \(id)") == 1)
        #expect(try next.read() == ["a", "x"])
        provider.releaseReads()
        #expect(try world.other.ask("lrange b 0 -1") == ["old"])
        server.expectNoTraces()
    }

    @Test func aTargetThatCannotBeReadLeavesTheElement() throws {
        let world = try HeldMove()
        let (server, provider) = (world.server, world.provider)
        try server.makeCold()
        var plan = FaultPlan()
        plan.read.failureProbability = 1
        provider.plan = plan
        #expect(try world.pusher.ask("rpush a x") == 1)
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        provider.releaseReads()
        #expect(try world.mover.read().isError)
        provider.plan = FaultPlan()
        #expect(try world.other.ask("lrange a 0 -1") == ["x"])
        server.expectNoTraces()
    }

    @Test func pushesMeetTimeouts() throws {
        let server = try TestServer(threads: 3)
        let clients = try server.connectToAllLoops()
        let (waiter, pusher) = (clients[0], clients[1])
        var served = 0
        for round in 0..<400 {
            try waiter.send("blpop", "k", "0.003")
            Clock.sleep(nanoseconds: 1_000_000 + Int64(round % 40) * 100_000)
            let count = try pusher.ask("rpush k \(round)")
            #expect(count == 1)
            let reply = try waiter.read()
            let left = try pusher.ask("lpop k")
            if reply == .null {
                #expect(left == .bulk("\(round)"))
            } else {
                served += 1
                #expect(reply == ["k", .bulk("\(round)")] && left == .null)
            }
        }
        print("push against timeout: \(served) of 400 served")
        server.expectNoTraces()
    }

    @Test func pushesMeetUnblocks() throws {
        let server = try TestServer(threads: 3)
        let clients = try server.connectToAllLoops()
        let (waiter, pusher, other) = (clients[0], clients[1], clients[clients.count - 1])
        let id = try waiter.ask("client id").number ?? -1
        var served = 0
        for round in 0..<300 {
            try server.block(waiter, "blpop k 0")
            try other.send("client", "unblock", "\(id)")
            try pusher.send("rpush", "k", "\(round)")
            let (wasWaiting, _, reply) = (try other.read(), try pusher.read(), try waiter.read())
            let left = try pusher.ask("lpop k")
            if wasWaiting == 1 {
                #expect(reply == .null && left == .bulk("\(round)"))
            } else {
                served += 1
                #expect(reply == ["k", .bulk("\(round)")] && left == .null)
            }
        }
        print("push against CLIENT UNBLOCK: \(served) of 300 served")
        server.expectNoTraces()
    }

    @Test func pushesMeetClosingConnections() throws {
        let server = try TestServer(threads: 3)
        let clients = try server.connectToAllLoops()
        let pusher = clients[1]
        var served = 0
        for round in 0..<200 {
            let waiter = try server.connect()
            try server.block(waiter, "blpop k 0")
            let next = clients[round % 2 == 0 ? 0 : clients.count - 1]
            try server.block(next, "blpop k 0")
            if round % 2 == 0 { waiter.finishSending() }
            try pusher.send("rpush", "k", "\(round)")
            if round % 2 == 1 { waiter.finishSending() }
            #expect(try pusher.read() == 1)
            // Either got it, never both; whoever comes second gets the next.
            let reply = try? waiter.read()
            if reply != nil {
                served += 1
                #expect(reply == ["k", .bulk("\(round)")])
                #expect(try pusher.ask("rpush k next") == 1)
                #expect(try next.read() == ["k", "next"])
            } else {
                #expect(try next.read() == ["k", .bulk("\(round)")])
            }
            #expect(try pusher.ask("llen k") == 0)
        }
        print("push against close: \(served) of 200 served")
        server.expectNoTraces()
    }

    @Test func pushesMeetSpills() throws {
        let server = try TestServer(threads: 3, isTiered: true)
        let clients = try server.connectToAllLoops()
        let (waiter, pusher) = (clients[0], clients[1])
        let isOver = Atomic<Bool>(false)
        let tier = try #require(server.core.tier)
        let spiller = Thread(name: "spills") {
            while !isOver.load(ordering: .relaxed) { try? tier.spillEverything(keepsClean: false) }
        }
        for round in 0..<150 {
            try server.block(waiter, round % 2 == 0 ? "blpop k 0" : "blmove k l left right 0")
            #expect(try pusher.ask("rpush k \(round) more") == 2)
            #expect(try waiter.read() == (round % 2 == 0 ? ["k", .bulk("\(round)")] : .bulk("\(round)")))
            #expect(try pusher.ask("lpop k") == "more")
        }
        isOver.store(true, ordering: .relaxed)
        spiller.join()
        #expect(try pusher.ask("llen l") == 75)
        server.expectNoTraces()
    }

    @Test func elementsComeToWhoeverWaitsThoughTheKeyIsCold() throws {
        let server = try TestServer(isTiered: true)
        let clients = try server.connectToAllLoops()
        let (waiter, other) = (clients[0], clients[1])
        _ = try other.pipeline(["select 1", "rpush k x"])
        try server.makeCold()
        try server.block(waiter, "blpop k 0")
        #expect(try other.ask("swapdb 0 1") == .ok)
        #expect(try waiter.read() == ["k", "x"])
        server.expectNoTraces()
    }
}
