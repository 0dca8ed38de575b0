import Foundation
import Platform
import Testing

/// Collections that are large beside `maxmemory`.
@Suite(.serialized) struct LargeCollectionTests {
    /// A hash grows until it takes half of the memory for records, then is refused by name; everything else goes on,
    /// and what makes it smaller, too.
    @Test func growthEndsWithANamedError() throws {
        let path = "/tmp/firn-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = try TestServer(["--storage-provider", "flash", path, "--maxmemory", "16mb"])
        let client = try server.connect()
        let value = String(repeating: "v", count: 1_000)
        var refusal = ""
        var fields = 0
        while refusal.isEmpty, fields < 20_000 {
            let pairs = (fields..<fields + 50).flatMap { ["f\($0)", value] }
            let reply = try client.call(["hset", "huge"] + pairs)
            if let text = reply.text, text.hasPrefix("OOM") { refusal = text } else { fields += 50 }
        }
        #expect(refusal.hasPrefix("OOM the collection takes half of the memory"))
        #expect((2_000..<9_000).contains(fields))
        #expect(try client.call("hlen", "huge").number == fields)
        #expect(try client.call("hget", "huge", "f7").text == value)
        #expect(try client.call("set", "other", "v").text == "OK")
        // In a transaction, too; and what takes no memory is allowed.
        _ = try client.call("multi")
        _ = try client.call("hset", "huge", "one", "more")
        _ = try client.call("hdel", "huge", "f0")
        #expect("\(try client.call("exec"))".contains("OOM"))
        #expect(try client.call("hlen", "huge").number == fields - 1)
        #expect(try client.call("rename", "huge", "moved").text == "OK")
        #expect(try client.call("del", "moved").number == 1)
        #expect(try client.call("hset", "huge", "f", "v").number == 1)
    }
}
