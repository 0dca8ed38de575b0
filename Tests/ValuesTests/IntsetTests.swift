import Bytes
import Testing

@testable import Values

@Suite struct IntsetTests {
    static func numbers(_ set: Intset) -> [Int64] { (0..<set.count).map { set[$0] } }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func behavesLikeASet(seed: UInt64) {
        var random = Mixer(seed)
        var model: Set<Int64> = []
        var set = Intset()
        defer { set.free() }
        for step in 0..<3000 {
            let shift = Int64(random.below(step < 1000 ? 48 : step < 2000 ? 32 : 2))
            let number = Int64(bitPattern: random.next()) >> max(shift, step < 1000 ? 50 : shift)
            let known = model.randomElement()
            let chosen = step % 3 == 0 ? known ?? number : number
            if step % 5 < 3 {
                #expect(set.insert(chosen) == model.insert(chosen).inserted)
            } else {
                #expect(set.remove(chosen) == (model.remove(chosen) != nil))
            }
            #expect(set.contains(chosen) == model.contains(chosen))
            if step % 100 == 0 { #expect(Self.numbers(set) == model.sorted()) }
        }
        #expect(Self.numbers(set) == model.sorted())
        let copy = set.copy()
        defer { copy.free() }
        #expect(copy.bytes == set.bytes)
    }

    @Test func isRedisFormat() {
        var set = Intset()
        defer { set.free() }
        for number: Int64 in [5, -1, 300] { set.insert(number) }
        #expect(set.bytes.array == [2, 0, 0, 0, 3, 0, 0, 0, 0xff, 0xff, 5, 0, 0x2c, 1])
        set.insert(-70_000)
        #expect(set.width == 4)
        set.insert(.max)
        #expect(set.width == 8)
        #expect(Self.numbers(set) == [-70_000, -1, 5, 300, .max])
        // It doesn't get narrower again.
        set.remove(.max)
        #expect(set.width == 8 && set.count == 4)
    }

    @Test func bordersOfTheWidths() {
        for (number, width): (Int64, Int) in [
            (0x7fff, 2), (0x8000, 4), (-0x8000, 2), (-0x8001, 4), (0x7fff_ffff, 4), (0x8000_0000, 8), (.min, 8),
        ] {
            var set = Intset()
            defer { set.free() }
            set.insert(number)
            #expect(set.width == width && set[0] == number && set.contains(number), "\(number)")
        }
    }

    @Test func damageIsRefused() {
        func isIntset(_ bytes: [UInt8]) -> Bool {
            guard let set = bytes.withSlice({ Intset(checking: $0) }) else { return false }
            set.free()
            return true
        }
        #expect(isIntset([2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0]))
        #expect(isIntset([8, 0, 0, 0, 0, 0, 0, 0]))
        for bytes: [UInt8] in [
            [], [2, 0, 0, 0], [2, 0, 0, 0, 2, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0],
            [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2], [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0, 0],
            [2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
            [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0], [8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0],
        ] { #expect(!isIntset(bytes), "\(bytes)") }
    }
}
