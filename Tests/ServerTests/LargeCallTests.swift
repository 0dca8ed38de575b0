import Keyspace
import Platform
import StorageFaulty
import Testing
import Tiering

/// Calls that need more cold keys, or pages, than may be queued: they get them in portions.
@Suite(.serialized) struct LargeCallTests {
    /// A queue for 256 reads, so portions of 32, over 500 cold keys and a cold hash of more than 100 pages.
    private let server: TestServer
    private let provider: FaultyProvider
    private let tier: Tier
    private let client: TestClient
    private let keys = (0..<500).map { "cold:\($0)" }
    private static let fields = 12_000

    init() throws {
        server = try TestServer(["--flash-fault-queue-length", "256"], isTiered: true)
        provider = try #require(server.provider)
        tier = try #require(server.core.tier)
        client = try server.connect()
        _ = try client.pipeline(keys.map { "set \($0) v\($0)" })
        for first in stride(from: 0, to: Self.fields, by: 500) {
            try client.call(["hset", "hash"] + (first..<first + 500).flatMap { ["field:\($0)", "value:\($0)"] })
        }
        try server.makeCold()
        #expect(server.core.store.counts(database: 0).resident == 0)
    }

    private func slowReads() {
        var plan = FaultPlan()
        plan.read.delay = .fixed(nanoseconds: 500_000)
        provider.plan = plan
    }

    private func field(_ name: String) throws -> Int? {
        try client.call("info", "flash").text?.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
            .flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    /// The replies to requests, and the reads they took, while somebody else keeps dropping what is in RAM and isn't
    /// pinned.
    private func repliesUnderPressure(_ requests: [[String]]) throws -> (replies: [Reply], reads: Int) {
        slowReads()
        defer { provider.plan = FaultPlan() }
        let before = tier.statistics.faultsRequested
        let isOver = Monitor(false)
        let pressing = Thread(name: "pressing") { [tier] in
            while !isOver.withLock({ $0 }) { try? tier.spillEverything(keepsClean: false) }
        }
        defer {
            isOver.withLock { $0 = true }
            pressing.join()
        }
        let replies = try requests.map { try client.call($0) }
        return (replies, tier.statistics.faultsRequested - before)
    }

    /// Guard: `goesOn` in `LoopWorker.park`, without which a portion is given up for the next.
    @Test func eachKeyIsReadOnce() throws {
        let (replies, reads) = try repliesUnderPressure([["mget"] + keys])
        #expect(replies == [.array(keys.map { .bulk("v" + $0) })])
        #expect(reads == keys.count)
    }

    /// The root is read, then its pages.
    @Test func eachPageIsReadOnce() throws {
        #expect(try client.call("hgetall", "hash").elements.count == 2 * Self.fields)
        let reads = tier.statistics.faultsRequested
        #expect(reads > 3 * 32)
        try server.makeCold()
        let (replies, again) = try repliesUnderPressure([["hgetall", "hash"]])
        #expect(replies[0].elements.count == 2 * Self.fields)
        #expect(again == reads)
    }

    @Test func aTransactionIsReadOnce() throws {
        let (replies, reads) = try repliesUnderPressure([
            ["multi"], ["mget"] + keys[..<200], ["get", keys[300]], ["exec"],
        ])
        #expect(replies.last == [.array(keys[..<200].map { .bulk("v" + $0) }), .bulk("v" + keys[300])])
        #expect(reads == 201)
    }

    /// Guard: `inherit` in `LoopWorker.read`, for a transaction behind the gate.
    @Test func aTransactionBehindTheGateIsReadOnce() throws {
        let (replies, reads) = try repliesUnderPressure([["multi"], ["dbsize"], ["mget"] + keys[..<200], ["exec"]])
        #expect(replies.last == [501, .array(keys[..<200].map { .bulk("v" + $0) })])
        #expect(reads == 200)
    }

    /// Large calls of many clients, some of which go away, and pipelines, over reads that are held at first: all is
    /// served, and no more is queued than may be.
    @Test func manyClientsShareTheQueue() throws {
        provider.holdReads()
        let large = try (0..<12).map { _ in try server.connect() }
        for (number, other) in large.enumerated() {
            try other.send(raw: TestClient.request(["mget"] + (0..<200).map { keys[(number * 40 + $0) % 500] }))
        }
        #expect(eventually { tier.statistics.queue.waiting == 9 })
        let pipelines = try (0..<4).map { _ in try server.connect() }
        for other in pipelines {
            try other.send(raw: keys[400...].flatMap { TestClient.request(["get", $0]) })
        }
        #expect(eventually { server.core.parkedCalls.load(ordering: .relaxed) == 16 })
        #expect(tier.statistics.queue.ahead <= 32)
        // One has sent all it wanted. Of those that go away one has a portion queued, the other waits for room.
        large[11].finishSending()
        #expect(try client.call("client", "kill", "addr", large[1].address) == 1)
        #expect(try client.call("client", "kill", "addr", large[10].address) == 1)
        provider.releaseReads()
        for (number, other) in large.enumerated() where number != 1 && number != 10 {
            let values = (0..<200).map { Reply.bulk("v" + keys[(number * 40 + $0) % 500]) }
            #expect(try other.read() == .array(values))
        }
        for other in pipelines {
            for key in keys[400...] { #expect(try other.read() == .bulk("v" + key)) }
        }
        #expect(eventually { server.core.parkedCalls.load(ordering: .relaxed) == 0 })
        #expect(try field("flash_faults_queued_most") ?? 1_000 <= 256)
        #expect(try field("flash_fault_room_waiting") == 0)
        #expect(try field("flash_fault_room_waits") ?? 0 > 0)
        for line in ["", "_few", "_many", "_ahead"] { #expect(try field("flash_faults_queued" + line) == 0) }
        // Nothing of the room is lost.
        try server.makeCold()
        #expect(try client.call(["mget"] + keys).elements.count == 500)
        #expect(tier.statistics.queue.waiting == 0)
    }

    @Test func theLengthCanBeSet() throws {
        let name = "flash-fault-queue-length"
        #expect(try client.call("config", "get", name) == [.bulk(name), "256"])
        #expect(tier.readsAtOnce == 32)
        #expect(try client.call("config", "set", name, "1024") == .ok)
        #expect(tier.readsAtOnce == 128)
        #expect(try client.call("config", "set", name, "255").isError)
        #expect(tier.readsAtOnce == 128)
    }
}
