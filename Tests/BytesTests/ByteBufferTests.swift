import Testing

import Bytes

@Suite struct ByteBufferTests {
    @Test func appendsAndConsumesAcrossGrowth() {
        var buffer = ByteBuffer()
        var model: [UInt8] = []
        var next: UInt8 = 0
        for step in 0..<2_000 {
            let chunk = (0..<(step * 7 % 91)).map { _ in
                next &+= 1
                return next
            }
            chunk.withSlice { buffer.append($0) }
            model += chunk
            if step % 3 == 0 {
                let n = min(model.count, step % 113)
                buffer.consume(n)
                model.removeFirst(n)
            }
            #expect(buffer.slice.array == model)
        }
    }

    /// The vectors of the reference implementation for 1-3 rounds: key 00..0f, message 00, 01, ... of n bytes.
    @Test func sipHashSeparatesNeighbours() {
        let hash = SipHash(k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908)
        var seen = Set<UInt64>()
        for n in 0..<64 {
            (0..<UInt8(n)).map { $0 }.withSlice { slice in _ = seen.insert(hash.hash(slice)) }
        }
        #expect(seen.count == 64)
        // First vector of SipHash-1-3 with this key: the empty message.
        #expect(hash.hash(.empty) == 0xabac_0158_050f_c4dc)
    }
}
