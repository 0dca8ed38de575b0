import Testing

import Bytes

@Suite struct RandomSourceTests {
    /// SplitMix64 from 0 starts e220a8397b1dcdaf 6e789e6aa1b965f4 ...; the first xoshiro256** output is
    /// rotl(s1 * 5, 7) * 9 of that state.
    @Test func firstOutputFollowsFromTheSeed() {
        var source = RandomSource(seed: 0)
        let s1: UInt64 = 0x6e78_9e6a_a1b9_65f4
        let product = s1 &* 5
        #expect(source.next() == (product << 7 | product >> 57) &* 9)
    }

    @Test func sameSeedSameNumbers() {
        var a = RandomSource(seed: 42)
        var b = RandomSource(seed: 42)
        var c = RandomSource(seed: 43)
        let drawn = (0..<100).map { _ in a.next() }
        #expect(drawn == (0..<100).map { _ in b.next() })
        #expect(drawn != (0..<100).map { _ in c.next() })
        #expect(Set(drawn).count == 100)
    }

    @Test func boundedNumbersCoverTheirRange() {
        var source = RandomSource(seed: 7)
        var seen = [Int](repeating: 0, count: 10)
        for _ in 0..<10_000 { seen[source.index(below: 10)] += 1 }
        #expect(seen.allSatisfy { $0 > 800 && $0 < 1200 })
        #expect(source.below(1) == 0)
        for _ in 0..<1000 {
            let fraction = source.fraction()
            #expect(fraction >= 0 && fraction < 1)
        }
    }

    @Test func entropyDiffers() {
        #expect(Entropy.seed() != Entropy.seed())
        #expect(Entropy.bytes(0).isEmpty)
        #expect(Entropy.bytes(100).count == 100)
        let id = Entropy.hexadecimal(40)
        #expect(id.count == 40 && id.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    }
}
