import Bytes

/// SHA-1 (FIPS 180-4): DEBUG DIGEST is defined by it. Not for anything that must be safe.
struct SHA1 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0
    )

    /// The digest of `bytes`, 20 bytes.
    static func digest(_ bytes: ByteSlice) -> [UInt8] {
        var hash = SHA1()
        let whole = bytes.count / 64 * 64
        for at in stride(from: 0, to: whole, by: 64) { hash.add(bytes[at..<at + 64]) }
        // The rest, a one bit, zeros up to 8 bytes before the end of a block, the length in bits.
        var tail = bytes.dropFirst(whole).array + [0x80]
        while tail.count % 64 != 56 { tail.append(0) }
        let bits = UInt64(bytes.count) * 8
        for shift in stride(from: 56, through: 0, by: -8) {
            tail.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        tail.withSlice { tail in
            for at in stride(from: 0, to: tail.count, by: 64) { hash.add(tail[at..<at + 64]) }
        }
        let words = [hash.state.0, hash.state.1, hash.state.2, hash.state.3, hash.state.4]
        return words.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) } }
    }

    private mutating func add(_ block: ByteSlice) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { words in
            for index in 0..<16 {
                words[index] =
                    UInt32(block[index * 4]) << 24 | UInt32(block[index * 4 + 1]) << 16
                    | UInt32(block[index * 4 + 2]) << 8 | UInt32(block[index * 4 + 3])
            }
            for index in 16..<80 {
                let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
                words[index] = mixed << 1 | mixed >> 31
            }
            var (a, b, c, d, e) = state
            for index in 0..<80 {
                let (mix, constant): (UInt32, UInt32) =
                    switch index {
                    case ..<20: (b & c | ~b & d, 0x5a82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
                    case ..<60: (b & c | b & d | c & d, 0x8f1b_bcdc)
                    default: (b ^ c ^ d, 0xca62_c1d6)
                    }
                let next = (a << 5 | a >> 27) &+ mix &+ e &+ constant &+ words[index]
                (e, d, c, b, a) = (d, c, b << 30 | b >> 2, a, next)
            }
            state.0 &+= a
            state.1 &+= b
            state.2 &+= c
            state.3 &+= d
            state.4 &+= e
        }
    }
}
