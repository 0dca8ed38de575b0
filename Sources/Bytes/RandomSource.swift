import CShims

/// Pseudo-random numbers from a seed: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", 2018), its state filled by SplitMix64. Not for secrets.
///
/// The same seed gives the same numbers: tests print theirs, and a command that starts again draws what it drew before.
public struct RandomSource: RandomNumberGenerator, Sendable {
    @usableFromInline var s0: UInt64
    @usableFromInline var s1: UInt64
    @usableFromInline var s2: UInt64
    @usableFromInline var s3: UInt64

    public init(seed: UInt64) {
        var state = seed
        func splitMix() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
        s0 = splitMix()
        s1 = splitMix()
        s2 = splitMix()
        s3 = splitMix()
    }

    /// A source seeded by the kernel.
    public init() { self.init(seed: Entropy.seed()) }

    @inlinable
    public mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = (product &<< 7 | product &>> 57) &* 9
        let shifted = s1 &<< 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = s3 &<< 45 | s3 &>> 19
        return result
    }

    /// A number below `bound`, which must be above 0: one draw and a multiplication (Lemire, 2019, without the
    /// rejection: the bias is at most bound / 2^64).
    @inlinable
    public mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a number below 0 was asked for")
        return next().multipliedFullWidth(by: bound).high
    }

    /// An index below `count`, which must be above 0.
    @inlinable
    public mutating func index(below count: Int) -> Int { Int(below(UInt64(count))) }

    /// A number in 0..<1 with 53 random bits.
    @inlinable
    public mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Random bytes of the kernel (getrandom), fit for seeds, run ids and secrets.
public enum Entropy {
    public static func seed() -> UInt64 {
        var seed: UInt64 = 0
        firn_entropy(&seed, 8)
        return seed
    }

    public static func bytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0, "\(count) random bytes asked for")
        var bytes = [UInt8](repeating: 0, count: count)
        if count > 0 { firn_entropy(&bytes, count) }
        return bytes
    }

    /// `digits` lower-case hexadecimal digits: the form of run ids and replication ids (40).
    public static func hexadecimal(_ digits: Int) -> [UInt8] {
        bytes(digits).map { byte in
            let nibble = byte & 15
            return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
        }
    }
}
