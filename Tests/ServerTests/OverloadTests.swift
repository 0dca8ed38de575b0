import Platform
import StorageFaulty
import Synchronization
import Testing

/// A provider that is slower than the clients.
@Suite(.serialized) struct OverloadTests {
    private func slowReads(_ milliseconds: Int64) -> FaultPlan {
        var plan = FaultPlan()
        plan.read.delay = .fixed(nanoseconds: milliseconds * 1_000_000)
        return plan
    }

    private func field(_ client: TestClient, _ name: String, _ section: String) throws -> String? {
        try client.call("info", section).text?.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    private func waitForParked(_ server: TestServer, _ count: Int) -> Bool {
        eventually { server.core.parkedCalls.load(ordering: .relaxed) == count }
    }

    /// Four writers into a budget of 4 MB over a disk that takes 20 batches a second.
    @Test func writersAreSlowedNotRefused() throws {
        let server = try TestServer(["--maxmemory", "8mb"], isTiered: true)
        var plan = FaultPlan()
        plan.write.delay = .fixed(nanoseconds: 50_000_000)
        let provider = try #require(server.provider)
        let tier = try #require(server.core.tier)
        provider.plan = plan
        let failures = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let limit = tier.budget.limit
        let port = server.port
        let value = String(repeating: "x", count: 1_000)
        let store = server.core.store
        let writers = (0..<4).map { number in
            Thread(name: "writer-\(number)") {
                guard let client = try? TestClient(port: port) else { return }
                for first in stride(from: 0, to: 6_000, by: 20) {
                    let requests = (first..<first + 20).map { "set w\(number):\($0) \(value)" }
                    let good = (try? client.pipeline(requests))?.count { $0 == .ok } ?? 0
                    failures.add(20 - good, ordering: .relaxed)
                    most.max(store.memoryBytes, ordering: .relaxed)
                }
            }
        }
        for writer in writers { writer.join() }
        #expect(failures.load(ordering: .relaxed) == 0 && most.load(ordering: .relaxed) > 0)
        // What the writers of one turn put in before they notice: a batch of each, and what is being copied.
        #expect(most.load(ordering: .relaxed) < limit + (2 << 20))
        #expect(tier.statistics.memoryWaits > 0)
        #expect(waitForParked(server, 0))
        provider.plan = FaultPlan()
        let client = try server.connect()
        #expect(try client.call("dbsize") == 24_000)
        for number in stride(from: 0, to: 6_000, by: 500) {
            #expect(try client.call("strlen", "w3:\(number)") == 1_000)
        }
    }

    @Test func hotReadersGoOnBesideColdOnes() throws {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        _ = try client.pipeline((0..<200).map { "set cold\($0) \($0)" })
        try server.makeCold()
        try client.call("set", "hot", "1")
        let provider = try #require(server.provider)
        provider.plan = slowReads(2_000)
        let parked = try (0..<20).map { _ in try server.connect() }
        for (number, other) in parked.enumerated() { try other.send("get", "cold\(number)") }
        #expect(waitForParked(server, 20))
        // A client that isn't served within ten seconds fails; this takes milliseconds.
        for _ in 0..<500 { #expect(try client.call("get", "hot") == "1") }
        #expect(try field(client, "parked_calls", "clients") == "20")
        #expect(try field(client, "flash_parked_calls", "flash") == "20")
        let list = try #require(try client.call("client", "list").text)
        #expect(list.split(separator: "\n").count == 21)
        #expect(list.split(separator: "\n").count { $0.contains(" cmd=get ") } == 21 - 1)
        provider.plan = FaultPlan()
        for (number, other) in parked.enumerated() { #expect(try other.read() == .bulk("\(number)")) }
        #expect(waitForParked(server, 0))
    }

    @Test func parkedClientsCanBeKilled() throws {
        let server = try TestServer(isTiered: true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        _ = try client.pipeline((0..<40).map { "set cold\($0) \($0)" })
        try server.makeCold()
        provider.holdReads()
        let parked = try (0..<20).map { _ in try server.connect() }
        let identifiers = try parked.map { try $0.call("client", "id") }
        for (number, other) in parked.enumerated() { try other.send("mget", "cold\(number)", "cold\(number + 20)") }
        #expect(waitForParked(server, 20))
        for identifier in identifiers {
            #expect(try client.call("client", "kill", "id", "\(identifier.number ?? -1)") == 1)
        }
        #expect(waitForParked(server, 0))
        for other in parked { #expect(other.isAtEnd()) }
        provider.releaseReads()
        // What they waited for lands without them, and nothing stays pinned.
        #expect(eventually { server.core.tier?.statistics.faultsRead == 40 })
        try server.makeCold()
        #expect(eventually { server.core.store.counts(database: 0).resident == 0 })
        #expect(try client.call("get", "cold3") == "3")
    }

    /// A peer that closes has its call run for nothing; the call must not stay, however the disk is.
    @Test func parkedClientsThatLeaveAreForgotten() throws {
        let server = try TestServer(isTiered: true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        _ = try client.pipeline((0..<20).map { "set cold\($0) \($0)" })
        try server.makeCold()
        provider.holdReads()
        var parked = try (0..<20).map { _ in try server.connect() }
        for (number, other) in parked.enumerated() { try other.send("get", "cold\(number)") }
        #expect(waitForParked(server, 20))
        parked = []
        provider.releaseReads()
        #expect(waitForParked(server, 0))
        #expect(eventually { server.core.loops.clientCount == 1 })
        try server.makeCold()
        #expect(eventually { server.core.store.counts(database: 0).resident == 0 })
        #expect(try client.call("dbsize") == 20)
    }

    @Test func writersThatWaitForMemoryCanBeKilled() throws {
        let server = try TestServer(["--maxmemory", "8mb"], isTiered: true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        provider.holdWrites()
        let writer = try server.connect()
        let identifier = try writer.call("client", "id").number ?? -1
        let value = String(repeating: "x", count: 10_000)
        var number = 0
        while server.core.parkedCalls.load(ordering: .relaxed) == 0, number < 5_000 {
            try writer.send("set", "k\(number)", value)
            number += 1
            // Not ahead of the server: with its buffers full, a parked call would leave this thread in its send.
            let sent = number
            #expect(
                eventually {
                    server.core.parkedCalls.load(ordering: .relaxed) > 0
                        || server.core.store.counts(database: 0).keys >= sent
                })
        }
        #expect(waitForParked(server, 1))
        #expect(try field(client, "flash_writers_wait", "flash") == "1")
        // Reads of what is in RAM go on.
        #expect(try client.call("strlen", "k1") == 10_000)
        #expect(try client.call("client", "kill", "id", "\(identifier)") == 1)
        #expect(waitForParked(server, 0))
        provider.releaseWrites()
        #expect(eventually { (try? client.call("set", "after", "x")) == .ok })
    }

    /// The end must not wait for every read that is queued.
    @Test func theServerStopsWithParkedCalls() throws {
        let server = try TestServer(isTiered: true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        _ = try client.pipeline((0..<2_000).map { "set cold\($0) \($0)" })
        try server.makeCold()
        provider.plan = slowReads(200)
        let parked = try (0..<4).map { _ in try server.connect() }
        for (number, other) in parked.enumerated() {
            try other.send(raw: TestClient.request(["mget"] + (0..<500).map { "cold\(number * 500 + $0)" }))
        }
        #expect(waitForParked(server, 4))
        #expect(eventually { (server.core.tier?.statistics.queue.total ?? 0) > 1_000 })
        let reads = server.core.tier?.statistics.faultsRead ?? 0
        server.core.stop()
        // With 4 threads the rest would have taken more than a minute and a half.
        #expect((server.core.tier?.statistics.faultsRead ?? 0) < reads + 200)
        for other in parked { #expect(other.isAtEnd()) }
    }
}
