import Bytes
import Glibc
import Platform

/// Walks the whole keyspace with SCAN and notes which keys of the pattern it was given.
struct FullScan {
    private(set) var calls = 0
    private(set) var returned: UInt64 = 0
    private(set) var repeated: UInt64 = 0
    private(set) var foreign: UInt64 = 0
    private(set) var missing: UInt64
    private(set) var firstMissing: [UInt64] = []
    private(set) var seconds = 0.0
    private(set) var slowestNanoseconds: Int64 = 0
    private var seen: [Bool]
    private let keys: KeyPattern

    init(keys: KeyPattern, count: UInt64) {
        self.keys = keys
        missing = count
        seen = Array(repeating: false, count: Int(count))
    }

    /// One full iteration, at most `limitNanoseconds` long, `batch` as COUNT.
    mutating func run(_ target: Target, password: String?, batch: Int, limitNanoseconds: Int64) throws {
        let fd = try Socket.connect(target)
        defer { close(fd) }
        if let password { try LoadRun.authenticate(fd, password) }
        let start = Clock.monotonicNanoseconds()
        var cursor = "0"
        var input = ByteBuffer()
        repeat {
            let sent = Clock.monotonicNanoseconds()
            guard sent - start < limitNanoseconds else { throw LoadError("SCAN not through after \(seconds) s") }
            try Socket.sendAll(fd, request(cursor, batch))
            cursor = try takeReply(fd, &input)
            calls += 1
            let now = Clock.monotonicNanoseconds()
            slowestNanoseconds = max(slowestNanoseconds, now - sent)
            seconds = Double(now - start) / 1e9
        } while cursor != "0"
        missing = UInt64(seen.count { !$0 })
        firstMissing = seen.indices.lazy.filter { [seen] in !seen[$0] }.prefix(5).map(UInt64.init)
    }

    private func request(_ cursor: String, _ batch: Int) -> [UInt8] {
        let words = ["SCAN", cursor, "COUNT", String(batch)]
        return Array(("*4\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()).utf8)
    }

    private mutating func takeReply(_ fd: Int32, _ input: inout ByteBuffer) throws -> String {
        while true {
            if let (cursor, found, end) = try parse(input.slice) {
                for key in found { note(key) }
                let text = cursor.string
                input.consume(end)
                return text
            }
            try Socket.receive(fd, into: &input)
        }
    }

    private func parse(_ bytes: ByteSlice) throws -> (ByteSlice, [ByteSlice], Int)? {
        guard bytes.count > 0, let outer = Reply.read(bytes, at: 0) else { return nil }
        guard outer.kind == .array, outer.number == 2 else { throw LoadError("SCAN: \(outer.text)") }
        guard outer.end < bytes.count, let cursor = Reply.read(bytes, at: outer.end) else { return nil }
        guard cursor.end < bytes.count, let list = Reply.read(bytes, at: cursor.end) else { return nil }
        guard cursor.kind == .bulk, list.kind == .array else { throw LoadError("SCAN: reply of another shape") }
        var found: [ByteSlice] = []
        found.reserveCapacity(list.number)
        var at = list.end
        for _ in 0..<list.number {
            guard at < bytes.count, let key = Reply.read(bytes, at: at) else { return nil }
            guard key.kind == .bulk else { throw LoadError("SCAN: a key that is a \(key.kind)") }
            found.append(key.text)
            at = key.end
        }
        return (cursor.text, found, at)
    }

    private mutating func note(_ key: ByteSlice) {
        returned += 1
        guard let index = keys.index(of: key), index < UInt64(seen.count) else {
            foreign += 1
            return
        }
        if seen[Int(index)] { repeated += 1 }
        seen[Int(index)] = true
    }
}
