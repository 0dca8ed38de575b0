import Bytes
import Frontend
import Glibc
import Platform
import Testing

@Suite struct OutputQueueTests {
    /// Small copies, small and large shared parts, in random order and sent in pieces: the other end gets the bytes in
    /// order.
    @Test func keepsTheOrder() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = RandomSource(seed: seed)
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        defer { for end in ends { Socket.close(end) } }
        let bytes = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let shared = bytes.withSlice { SharedBytes(copying: $0) }
        var queue = OutputQueue()
        var expected: [UInt8] = []
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)

        func receive() {
            let count = chunk.withUnsafeMutableBytes { recv(ends[1], $0.baseAddress, $0.count, 0) }
            if count > 0 { received += chunk[0..<count] }
        }

        for _ in 0..<4_000 {
            switch random.next() % 8 {
            case 0:
                _ = queue.send(to: ends[0])
            case 1:
                receive()
            case 2:
                let range = Int(random.next() % 20_000)..<20_000 + Int(random.next() % 20_000)
                queue.append(shared, range)
                expected += shared.slice[range].array
            case 3:
                let start = Int(random.next() % 30_000)
                queue.append(shared, start..<start + 17)
                expected += shared.slice[start..<start + 17].array
            default:
                let bytes = (0..<random.next() % (random.next() % 16 == 0 ? 50_000 : 40)).map { UInt8($0 & 255) }
                bytes.withSlice { queue.append($0) }
                expected += bytes
            }
        }
        while !queue.isEmpty {
            _ = queue.send(to: ends[0])
            receive()
        }
        while received.count < expected.count { receive() }
        let isSame = received == expected
        #expect(isSame, "seed \(seed)")
    }

    /// What stands between large shared values shares a page.
    @Test func headersOfLargeValuesTakeLittle() {
        let value = SharedBytes(uninitializedCount: 100_000)
        var queue = OutputQueue()
        for _ in 0..<100 {
            queue.append(ByteSlice("$100000\r\n"))
            queue.append(value, 0..<value.count)
        }
        #expect(queue.memoryBytes - queue.count < 32 << 10)
    }
}
