import Bytes
import Testing

@testable import loadgen

@Suite struct WorkloadTests {
    @Test func valuesAreToldApart() {
        for compressible in [false, true] {
            let values = ValuePattern(size: 100, compressible: compressible)
            var bytes = [UInt8](repeating: 0, count: 100)
            bytes.withUnsafeMutableBufferPointer { values.write(index: 7, version: 3, to: $0.baseAddress!) }
            #expect(bytes.withSlice { values.version(of: $0, index: 7) } == 3)
            #expect(bytes.withSlice { values.version(of: $0, index: 8) } == nil)
            #expect(bytes.withSlice { values.version(of: $0.prefix(99), index: 7) } == nil)
            for at in [0, 8, 16, 50, 99] {
                var changed = bytes
                changed[at] ^= 1
                #expect(changed.withSlice { values.version(of: $0, index: 7) } == nil, "byte \(at)")
            }
        }
    }

    @Test func keysHaveTheirWidthAndReadBack() {
        let pattern = KeyPattern(prefix: Array("key:".utf8), width: 12)
        var bytes = [UInt8](repeating: 0, count: pattern.length)
        for index: UInt64 in [0, 9, 10, 123_456_789_012] {
            bytes.withUnsafeMutableBufferPointer { pattern.write(index, to: $0.baseAddress!) }
            #expect(bytes.withSlice { pattern.index(of: $0) } == index)
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "key:123456789012")
        #expect("kex:123456789012".withSlice { pattern.index(of: $0) } == nil)
        #expect("key:12345678901x".withSlice { pattern.index(of: $0) } == nil)
        #expect(pattern.capacity == 1_000_000_000_000)
    }

    /// The share of the most popular key is 1 / zeta(n, theta), of the second 2^-theta of that.
    @Test func zipfHasItsProportions() {
        let n: UInt64 = 1000
        let zipf = Zipf(count: n, theta: 0.99)
        var zeta = 0.0
        for rank in 1...n { zeta += 1 / power(Double(rank)) }
        var counts = [Int](repeating: 0, count: Int(n))
        var random = Random(seed: 1, stream: 1)
        let draws = 400_000
        for _ in 0..<draws { counts[Int(zipf.rank(random.unit()))] += 1 }
        for rank in [0, 1] {
            let expected = Double(draws) / zeta / power(Double(rank + 1))
            #expect(abs(Double(counts[rank]) - expected) < expected * 0.03)
        }
        #expect(counts.reduce(0, +) == draws)
        #expect(counts[500...].reduce(0, +) > 0)
    }

    /// x^0.99 by square roots: x / x^(1/100), with the hundredth root by Newton's method.
    private func power(_ x: Double) -> Double {
        var root = 1.0
        for _ in 0..<200 {
            var p = 1.0
            for _ in 0..<99 { p *= root }
            root -= (p * root - x) / (100 * p)
        }
        return x / root
    }

    @Test func choosersStayInTheirRange() {
        for shape in [KeyChooser.Shape.uniform, .zipf(theta: 0.99)] {
            let chooser = KeyChooser(range: 1000..<1100, shape: shape)
            var random = Random(seed: 2, stream: 1)
            var copy = random
            var seen = Set<UInt64>()
            for _ in 0..<20_000 {
                let key = chooser.next(&random)
                #expect((1000..<1100).contains(key))
                #expect(chooser.next(&copy) == key)
                seen.insert(key)
            }
            #expect(seen.count > (shape == .uniform ? 99 : 50))
        }
    }

    @Test func connectionsDrawSequencesOfTheirOwn() {
        let firsts = (0..<1000).map { stream -> UInt64 in
            var random = Random(seed: 5, stream: UInt64(stream))
            return random.next()
        }
        #expect(Set(firsts).count == 1000)
    }

    @Test func mixesAreReadAndWeighed() throws {
        #expect(Mix(parsing: "get:95,sett:5") == nil)
        #expect(Mix(parsing: "") == nil)
        #expect(Mix(parsing: "get:0") == nil)
        #expect(Mix(parsing: "get:x") == nil)
        let mix = try #require(Mix(parsing: "get:3,set:1"))
        var random = Random(seed: 3, stream: 1)
        let gets = (0..<40_000).count { _ in mix.next(&random) == .get }
        #expect((29_000...31_000).contains(gets))
        #expect(Mix(parsing: "incr")?.single == .incr)
    }

    @Test func sharesAreWholeAndDisjoint() {
        for (total, parts) in [(10, 3), (2_000_000, 64), (3, 5)] as [(UInt64, Int)] {
            var next: UInt64 = 0
            for at in 0..<parts {
                let share = LoadRun.share(of: total, at: at, of: parts)
                #expect(share.start == next && share.end >= share.start)
                next = share.end
            }
            #expect(next == total)
        }
        #expect(LoadRun.share(of: .max, at: 0, of: 1).end == .max)
    }
}
