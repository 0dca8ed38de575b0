import Keyspace
import Platform
import StorageFaulty
import Synchronization
import Testing

@testable import Server

/// Transactions with commands that can't run under locks: nobody sees their middle, and they always come to an end.
@Suite(.serialized) struct ExclusiveGateTests {
    private let server: TestServer
    private let provider: FaultyProvider
    private let client: TestClient
    private let other: TestClient

    init() throws {
        server = try TransactionTests.server(true)
        provider = try #require(server.provider)
        client = try server.connect()
        other = try server.connect()
        for number in 0..<20 { try client.call("set", "cold:\(number)", "\(number)") }
        try server.makeCold()
    }

    private func isIdle() -> Bool { TransactionTests.isClean(server) }

    private func queue(_ client: TestClient, _ commands: [String]) throws {
        try client.pipeline(["multi"] + commands).forEach { #expect(!$0.isError) }
    }

    @Test(arguments: [false, true]) func whatNeedsEverythingRunsInTransactions(_ isTiered: Bool) throws {
        let server = try TransactionTests.server(isTiered)
        let client = try server.connect()
        try client.call("set", "old", "1")
        if isTiered { try server.makeCold() }
        let all = try client.pipeline([
            "multi", "set a 1", "dbsize", "keys *", "flushdb", "dbsize", "randomkey", "set b 2", "scan 0", "swapdb 0 1",
            "get b", "select 1", "get b", "flushall sync", "dbsize", "config set maxmemory bla",
            "info keyspace", "exec",
        ])
        let replies = try #require(all.last).elements
        #expect(replies.count == 16)
        #expect(replies[0] == .ok && replies[1] == 2 && Set(replies[2].elements.compactMap(\.text)) == ["a", "old"])
        #expect(replies[3] == .ok && replies[4] == 0 && replies[5] == .null && replies[6] == .ok)
        #expect(replies[7] == ["0", ["b"]] && replies[8] == .ok && replies[9] == .null && replies[10] == .ok)
        #expect(replies[11] == "2" && replies[12] == .ok && replies[13] == 0 && replies[14].isError)
        #expect(eventually { TransactionTests.isClean(server) })
    }

    /// Every command there is, with the fewest words it takes, each of them the name of a cold key: under locks or
    /// behind the gate, none of them asks for what it can't get there.
    @Test func everyCommandRunsInATransaction() throws {
        let index = server.core.index
        for number in 0..<index.count {
            let entry = index[number].pointee
            let flags = entry.flags
            // PFSELFTEST takes a minute without optimisation.
            if entry.body == nil || ["shutdown", "debug", "pfselftest"].contains(entry.fullName) { continue }
            if !flags.isDisjoint(with: [.runsInMulti, .endsMulti, .runsQueue, .noMulti]) { continue }
            let client = try server.connect()
            try server.makeCold()
            var words = entry.fullName.split(separator: "|").map(String.init)
            while words.count < abs(entry.arity) { words.append("cold:1") }
            try client.pipeline(["multi", "append cold:1 x"]).forEach { #expect(!$0.isError) }
            guard try !client.call(words).isError else { continue }
            try client.send("exec")
            #expect(try client.read().elements.count >= 1, "\(entry.fullName)")
        }
        #expect(eventually(isIdle))
    }

    /// While the transaction waits for flash in its middle, commands of others wait; CLIENT, which can end it, doesn't.
    @Test func othersWaitForTheEnd() throws {
        let others = try server.connectToAllLoops()
        provider.holdReads()
        try queue(client, ["set g 1", "get cold:1", "flushdb", "set g 2"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        for other in others { try other.send("get", "g") }
        for other in others { #expect(other.isSilent(milliseconds: 30)) }
        let admin = try server.connect()
        #expect(try !admin.call("client", "list").isError)
        provider.releaseReads()
        #expect(try client.read() == [.ok, "1", .ok, .ok])
        for other in others { #expect(try other.read() == "2") }
        #expect(eventually(isIdle))
    }

    /// What has begun is completed without its client.
    @Test(arguments: ["close", "kill"]) func theOwnerGoes(_ how: String) throws {
        provider.holdReads()
        var owner: TestClient? = try server.connect()
        let id = try #require(try owner?.call("client", "id").number)
        if let owner {
            try queue(owner, ["set a 1", "get cold:1", "flushdb", "set b 2", "keys *"])
            try owner.send("exec")
        }
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        if how == "kill" {
            #expect(try other.call("client", "kill", "id", "\(id)") == 1)
        } else {
            // An end that isn't waited for: the server finds the connection reset.
            owner = nil
        }
        #expect(
            eventually { how == "close" || !server.core.sessions().contains { $0.id == id } })
        try other.send("mget", "a", "b", "cold:2")
        #expect(other.isSilent(milliseconds: 30))
        provider.releaseReads()
        #expect(try other.read() == [.null, "2", .null])
        #expect(eventually(isIdle))
        withExtendedLifetime(owner) {}
    }

    /// Two at once: one after the other, and calls that waited for the first run before the second.
    @Test func firstComeFirstServed() throws {
        let second = try server.connect()
        let third = try server.connect()
        provider.holdReads()
        try queue(client, ["append log 1", "get cold:1", "dbsize", "append log 2"])
        try queue(second, ["append log 3", "dbsize", "append log 4"])
        try queue(third, ["append log 5", "dbsize", "append log 6"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        try second.send("exec")
        #expect(second.isSilent(milliseconds: 30))
        try other.send("append", "log", "x")
        try third.send("exec")
        #expect(third.isSilent(milliseconds: 30))
        provider.releaseReads()
        #expect(try !client.read().isError && !second.read().isError && !third.read().isError && !other.read().isError)
        #expect(try other.call("get", "log") == "12x3456")
        #expect(eventually(isIdle))
    }

    /// One that waits for the gate when its client goes has never begun.
    @Test func oneInTheQueueGoes() throws {
        var second: TestClient? = try server.connect()
        let id = try #require(try second?.call("client", "id").number)
        provider.holdReads()
        try queue(client, ["get cold:1", "dbsize"])
        if let second { try queue(second, ["set mark 1", "dbsize"]) }
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        try second?.send("exec")
        #expect(second?.isSilent(milliseconds: 30) ?? false)
        #expect(try other.call("client", "kill", "id", "\(id)") == 1)
        second = nil
        #expect(eventually { !server.core.sessions().contains { $0.id == id } })
        provider.releaseReads()
        #expect(try !client.read().isError)
        #expect(try other.call("exists", "mark") == 0)
        #expect(eventually(isIdle))
    }

    @Test func watchesAreHeeded() throws {
        #expect(try client.pipeline(["watch w", "set w 1", "multi", "dbsize", "exec"]).last == .null)
        // Broken while it waits for the gate.
        let second = try server.connect()
        provider.holdReads()
        try queue(client, ["get cold:1", "dbsize", "set w 2"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        try second.send("watch", "w")
        #expect(second.isSilent(milliseconds: 30))
        provider.releaseReads()
        #expect(try client.read() == ["1", 21, .ok])
        #expect(try second.read() == .ok)
        provider.holdReads()
        try queue(client, ["get cold:2", "dbsize", "set w 3"])
        try queue(second, ["dbsize", "set w 4"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        try second.send("exec")
        #expect(second.isSilent(milliseconds: 30))
        provider.releaseReads()
        #expect(try client.read() == ["2", 21, .ok])
        #expect(try second.read() == .null)
        #expect(try other.call("get", "w") == "3")
        #expect(eventually(isIdle))
    }

    /// A read that fails is that command's failure, like any other error: what went before stands.
    @Test func aReadFailsInTheMiddle() throws {
        try queue(client, ["set a 1", "get cold:1", "dbsize"])
        var plan = FaultPlan()
        plan.read.failureProbability = 1
        provider.plan = plan
        let replies = try client.call("exec").elements
        #expect(replies.count == 3 && replies[0] == .ok && replies[1].isError)
        provider.plan = FaultPlan()
        #expect(eventually(isIdle))
    }

    /// The time stands still, for other threads' deletions too.
    @Test func nothingExpiresInTheMiddle() throws {
        try other.pipeline(["set e 1 px 60", "set f 1 px 60"]).forEach { #expect($0 == .ok) }
        provider.holdReads()
        try queue(client, ["exists e f", "get cold:1", "dbsize", "exists e f", "pttl e"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        Clock.sleep(nanoseconds: 300_000_000)
        provider.releaseReads()
        let replies = try client.read().elements
        #expect(replies.count == 5 && replies[0] == 2 && replies[2] == 22 && replies[3] == 2)
        #expect(try eventually { try other.call("exists", "e", "f") == 0 })
    }

    /// A job that changes keys on another thread is waited for.
    @Test func jobsThatChangeKeysAreOver() throws {
        try other.send("debug", "populate", "20000", "p")
        try queue(client, ["dbsize", "ping", "dbsize"])
        let replies = try client.call("exec").elements
        #expect(replies.count == 3 && replies[0] == replies[2])
        #expect(try other.read() == .ok)
        #expect(eventually(isIdle))
    }

    @Test func aShutdownWaits() throws {
        provider.holdReads()
        try queue(client, ["get cold:1", "dbsize"])
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        let isIdleSeen = Atomic<Bool>(false)
        let core = server.core
        let waiter = Thread(name: "waiter") {
            core.gate.waitUntilIdle()
            isIdleSeen.store(true, ordering: .relaxed)
        }
        Clock.sleep(nanoseconds: 30_000_000)
        let sawTooEarly = isIdleSeen.load(ordering: .relaxed)
        #expect(!sawTooEarly)
        provider.releaseReads()
        waiter.join()
        #expect(try client.read() == ["1", 20])
    }
}
