import Bytes
import Platform
import Synchronization
import Testing

@testable import Server

@Suite(.serialized) struct EvictionTests {
    /// While a loop has yet to send the invalidations of what was evicted, the memory reading from before stands, but
    /// not for ever: other memory that is taken meanwhile costs keys too.
    @Test func aLoopThatIsLateDoesNotStopEviction() throws {
        let server = try TestServer(["--maxmemory-policy", "allkeys-random"])
        let clients = try server.connectToAllLoops()
        let loops = server.core.loops.loops
        let onFirst = Set(loops[0].connections().map { "\($0.peerAddress)" })
        let writer = try #require(clients.first { onFirst.contains($0.address) })
        let value = String(repeating: "x", count: 40_000)
        for number in 0..<300 { try writer.call("set", "k\(number)", value) }
        let tracker = try #require(clients.first { !onFirst.contains($0.address) })
        try tracker.call("hello", "3")
        try tracker.call("client", "tracking", "on", "bcast")
        let isReleased = Atomic<Bool>(false)
        loops[1].post { while !isReleased.load(ordering: .relaxed) { Clock.sleep(nanoseconds: 1_000_000) } }
        defer { isReleased.store(true, ordering: .relaxed) }
        func evicted() -> Int { server.core.store.total { $0.evicted.load(ordering: .relaxed) } }

        let limit = server.core.usedMemoryNow - 100_000
        #expect(server.set("maxmemory", "\(limit)") == .done(["maxmemory"]))
        #expect(try eventually { try writer.call("set", "a", "1") == .ok && evicted() > 0 })
        let before = evicted()
        let ballast = SharedBytes(uninitializedCount: 4 << 20)
        // 4 MiB are 104 of the keys.
        #expect(try eventually { try writer.call("set", "a", "1") == .ok && evicted() > before + 80 })
        withExtendedLifetime(ballast) {}
    }
}
