/// A 64-bit generator with one word of state (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", 2014). Copying the value copies the sequence: the checker of a reply replays what its
/// request drew.
struct Random {
    var state: UInt64

    init(state: UInt64) { self.state = state }

    /// A sequence of its own for each `stream` of one `seed`.
    init(seed: UInt64, stream: UInt64) { state = mix64(mix64(seed) ^ mix64(~stream)) }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return finish(state)
    }

    /// A number in 0..<bound; the bias is below bound / 2^64.
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// A number in 0..<1 with 53 random bits.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// A bijection of 64 bits in which every input bit moves about half of the output bits.
@inline(__always)
func mix64(_ x: UInt64) -> UInt64 { finish(x &+ 0x9e37_79b9_7f4a_7c15) }

@inline(__always)
private func finish(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
}
