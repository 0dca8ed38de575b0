import Foundation
import Platform
import Testing

/// `maxstorage` over RocksDB: what is refused, what is deleted, and that counts stay exact.
@Suite(.serialized) struct StorageLimitTests {
    private static func server(_ policy: String, _ limit: String) throws -> (TestServer, String) {
        let path = "/tmp/firn-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let server = try TestServer([
            "--storage-provider", "flash", path, "--maxmemory", "4mb", "--maxstorage", limit,
            "--maxmemory-policy", policy,
            "--flash-compression", "none", "--storage-provider-options", "write_buffer_size=262144",
        ])
        return (server, path)
    }

    private static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    private func value(_ number: Int) -> String { "\(number):" + String(repeating: "v", count: 1_000) }

    /// Writes keys until one is refused. Returns how many were written, and the error.
    private func write(_ client: TestClient, _ range: Range<Int>, _ options: [String] = []) throws -> (Int, String?) {
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 50) {
            let some = first..<min(first + 50, range.upperBound)
            try client.send(raw: some.flatMap { TestClient.request(["set", "k\($0)", value($0)] + options) })
            var error: (Int, String?)?
            for number in some {
                let reply = try client.read()
                if reply != .ok, error == nil { error = (number, reply.text) }
            }
            if let error { return error }
        }
        return (range.upperBound, nil)
    }

    /// How many of the keys are there, each with its right value.
    private func present(_ client: TestClient, _ range: Range<Int>) throws -> Int {
        var found = 0
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 50) {
            let some = first..<min(first + 50, range.upperBound)
            for (number, reply) in zip(some, try client.pipeline(some.map { "get k\($0)" })) where reply != .null {
                #expect(reply == .bulk(value(number)))
                found += 1
            }
        }
        return found
    }

    /// Reads all keys and counts them, again as long as some are deleted meanwhile: reading displaces what was only
    /// in RAM, which may then be too much for the limit. Returns DBSIZE and which keys are there.
    private func settle(_ client: TestClient, _ ranges: [Range<Int>]) throws -> (count: Int, present: [Int]) {
        for _ in 0..<20 {
            let before = try client.call("dbsize")
            let present = try ranges.map { try self.present(client, $0) }
            Clock.sleep(nanoseconds: 300_000_000)
            if try client.call("dbsize") == before { return (before.number ?? -1, present) }
        }
        Issue.record("keys are deleted without end")
        return (-1, ranges.map { _ in 0 })
    }

    @Test func noEvictionRefusesWrites() throws {
        let (server, path) = try Self.server("noeviction", "8mb")
        defer { Self.remove(path) }
        let client = try server.connect()
        let (written, error) = try write(client, 0..<100_000)
        #expect(error == "OOM command not allowed when used storage > 'maxstorage'.")
        #expect(written > 4_000)
        #expect(try client.call("incr", "n").isError)
        // Reads and deletes go on; deleting makes room, as does a higher limit.
        #expect(try client.call("get", "k1") == .bulk(value(1)))
        for first in stride(from: 0, to: written / 2, by: 50) {
            _ = try client.pipeline((first..<first + 50).map { "del k\($0)" })
        }
        #expect(eventually { (try? client.call("set", "probe", "x")) == .ok })
        #expect(try present(client, written / 2 + 50..<written) == written - written / 2 - 50)
        #expect(server.core.store.total { $0.evicted.load(ordering: .relaxed) } == 0)
        _ = try write(client, 200_000..<300_000)
        #expect(try client.call("set", "probe", "x").isError)
        #expect(server.set("maxstorage", "1gb") == .done(["maxstorage"]))
        #expect(eventually { (try? client.call("set", "probe", "x")) == .ok })
    }

    @Test func anyKeysAreDeleted() throws {
        let (server, path) = try Self.server("allkeys-lru", "5mb")
        defer { Self.remove(path) }
        let client = try server.connect()
        let total = 10_000
        #expect(try write(client, 0..<total).1 == nil)
        // 10 MB were written into 5: most is gone, what is there is whole, and the count is right.
        let (count, present) = try settle(client, [0..<total])
        #expect(try #require(server.core.tier).provider.statistics.diskBytes <= 5 << 20)
        #expect(present == [count])
        #expect(count > 1_000 && count < total / 10 * 7)
        #expect(server.core.store.total { $0.evicted.load(ordering: .relaxed) } == total - count)
    }

    /// Nine tenths of the disk are keys that clients have deleted: that room is used before a key has to go.
    @Test func deletedDataGoesBeforeLiveKeys() throws {
        let (server, path) = try Self.server("allkeys-lru", "1gb")
        defer { Self.remove(path) }
        let client = try server.connect()
        let provider = try #require(server.core.tier).provider
        #expect(try write(client, 0..<5_000).1 == nil)
        #expect(try client.call("flushall", "cache") == .ok)
        // One run of everything, which RocksDB's own estimate takes for alive as long as it is there.
        try provider.compact(from: .empty, to: .empty)
        for first in stride(from: 0, to: 4_500, by: 50) {
            _ = try client.pipeline((first..<first + 50).map { "del k\($0)" })
        }
        #expect(eventually { provider.statistics.estimatedKeys < 1_000 })
        let used = Int(provider.statistics.diskBytes)
        #expect(used > 4 << 20)
        #expect(server.set("maxstorage", "\(used / 20 * 21)") == .done(["maxstorage"]))
        #expect(eventually { provider.statistics.diskBytes < 2 << 20 })
        #expect(try present(client, 4_500..<5_000) == 500)
        #expect(try client.call("dbsize") == .integer(500))
        #expect(server.core.store.total { $0.evicted.load(ordering: .relaxed) } == 0)
    }

    @Test func expiringKeysAreDeletedSoonestFirst() throws {
        let (server, path) = try Self.server("volatile-ttl", "8mb")
        defer { Self.remove(path) }
        let client = try server.connect()
        #expect(try write(client, 0..<1_000).1 == nil)
        #expect(try write(client, 1_000..<3_000, ["EX", "5000"]).1 == nil)
        #expect(try write(client, 3_000..<9_000, ["EX", "500"]).1 == nil)
        let (count, present) = try settle(client, [0..<1_000, 1_000..<3_000, 3_000..<9_000])
        // Keys without an expiry stay, those that were due soonest went first.
        #expect(present[0] == 1_000 && present[1] == 2_000 && present[2] < 5_500)
        #expect(count == present.reduce(0, +))
        // With nothing left that may go writes are refused.
        let (_, error) = try write(client, 100_000..<115_000)
        #expect(error == "OOM command not allowed when used storage > 'maxstorage'.")
    }
}
