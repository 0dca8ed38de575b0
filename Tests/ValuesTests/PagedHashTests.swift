import Bytes
import Testing

@testable import Values

@Suite struct PagedHashTests {
    static func contents(_ hash: borrowing PagedHash) -> [[UInt8]: [UInt8]] {
        hash.checkInvariants()
        var result: [[UInt8]: [UInt8]] = [:]
        hash.forEach { page, at in
            let key = page.withBytes(at) { $0.array }
            #expect(result[key] == nil, "\(key) stands there twice")
            result[key] = page.withBytes(page.next(at)) { $0.array }
            return true
        }
        return result
    }

    static func set(_ hash: inout PagedHash, _ key: [UInt8], _ value: [UInt8]) {
        key.withSlice { key in
            value.withSlice { value in
                if let place = hash.find(key) {
                    hash.replaceValue(at: place, with: value)
                } else {
                    hash.insert(key, value)
                }
            }
        }
    }

    /// Grows to thousands, shrinks to nothing, grows again; sizes that fill a page with a few elements among them.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func behavesLikeADictionary(seed: UInt64) {
        var random = Mixer(seed)
        var model: [[UInt8]: [UInt8]] = [:]
        var hash = PagedHash(width: 2)
        for phase in 0..<4 {
            for step in 0..<4000 {
                let key = Array("field:\(random.below(phase == 0 ? 100 : 3000))".utf8)
                let grows = phase % 2 == 0 ? 9 : 1
                if random.below(10) < grows {
                    let length = random.below(100) == 0 ? 5000 : random.below(40)
                    let value = [UInt8](repeating: UInt8(step & 255), count: length)
                    Self.set(&hash, key, value)
                    model[key] = value
                } else {
                    let removed = key.withSlice { hash.remove($0) }
                    #expect(removed == (model.removeValue(forKey: key) != nil))
                }
                if step % 500 == 0 { #expect(Self.contents(hash) == model, "seed \(seed), phase \(phase)") }
            }
            #expect(hash.count == model.count)
            let copy = hash.copy()
            #expect(Self.contents(copy) == model)
        }
        for key in model.keys { #expect(key.withSlice { hash.remove($0) }) }
        #expect(Self.contents(hash).isEmpty)
        #expect(hash.memoryBytes < 200, "an empty one takes \(hash.memoryBytes) bytes")
    }

    /// Elements that are too long or too many for a page's index, which comes back when they no longer are.
    @Test func pagesLoseAndRegainTheirIndex() {
        var model: [[UInt8]: [UInt8]] = [:]
        var hash = PagedHash(width: 2)
        func check() { #expect(Self.contents(hash) == model) }
        func set(_ number: Int, bytes: Int) {
            let (key, value) = (Array("field:\(number)".utf8), [UInt8](repeating: UInt8(number & 255), count: bytes))
            Self.set(&hash, key, value)
            model[key] = value
            #expect(key.withSlice { key in hash.find(key) != nil })
        }
        // Few elements, so they stay in one page: its third begins behind what 16 bits can say, then no longer.
        for number in 0..<4 { set(number, bytes: 5) }
        for bytes in [40_000, 70_000, 100, 60_000, 3] {
            for number in [0, 2] {
                set(number, bytes: bytes)
                check()
            }
        }
        // Large ones among small ones, and everything small again.
        var random = Mixer(11)
        for step in 0..<3000 {
            set(random.below(300), bytes: random.below(20) == 0 ? random.below(50_000) : random.below(30))
            let key = Array("field:\(random.below(300))".utf8)
            if step % 3 == 0 { #expect(key.withSlice { hash.remove($0) } == (model.removeValue(forKey: key) != nil)) }
            if step % 100 == 0 { check() }
        }
        for number in 0..<300 { set(number, bytes: 7) }
        check()
        for number in 300..<600 { #expect(Array("field:\(number)".utf8).withSlice { hash.find($0) == nil }) }
    }

    /// Keys that are integers stand in listpacks as such, and are found by their text.
    @Test func findsIntegersByTheirText() {
        var hash = PagedHash(width: 1)
        let names = (0..<500).map { "\($0 * 37 - 4000)" } + (0..<500).map { "0\($0)" }
        for name in names { Array(name.utf8).withSlice { hash.insert($0) } }
        hash.checkInvariants()
        for name in names { #expect(Array(name.utf8).withSlice { hash.contains($0) }, "\(name)") }
        for name in ["-0", "00", "+5", " 5", "5 ", "99999999"] {
            #expect(!Array(name.utf8).withSlice { hash.contains($0) } || names.contains(name), "\(name)")
        }
        for name in names { #expect(Array(name.utf8).withSlice { hash.remove($0) }, "\(name)") }
        #expect(hash.count == 0)
    }

    /// What is there from the first call to the last is seen, whatever comes and goes meanwhile.
    @Test func scanSeesWhatStays() {
        var random = Mixer(9)
        var hash = PagedHash(width: 1)
        for number in 0..<2000 { Array("stays:\(number)".utf8).withSlice { hash.insert($0) } }
        var seen: Set<[UInt8]> = []
        var cursor: UInt64 = 0
        var calls = 0
        repeat {
            cursor = hash.scan(cursor, atLeast: 10) { page, at in seen.insert(page.withBytes(at) { $0.array }) }
            for _ in 0..<40 {
                let key = Array("goes:\(random.below(4000))".utf8)
                key.withSlice { if !hash.remove($0) { hash.insert($0) } }
            }
            calls += 1
        } while cursor != 0 && calls < 10_000
        hash.checkInvariants()
        #expect(cursor == 0)
        for number in 0..<2000 { #expect(seen.contains(Array("stays:\(number)".utf8)), "\(number)") }
    }

    /// Chi-squared over 500 elements, 100,000 draws: 499 degrees of freedom, so above 650 once in 10^5 runs.
    @Test func drawsAreEven() {
        var random = Mixer(3)
        var hash = PagedHash(width: 1)
        for number in 0..<500 { Array("\(number):member".utf8).withSlice { hash.insert($0) } }
        var counts: [[UInt8]: Int] = [:]
        for _ in 0..<100_000 {
            let place = hash.random { random.below($0) }
            if let place { counts[place.page.withBytes(place.offset) { $0.array }, default: 0] += 1 }
        }
        #expect(counts.count == 500)
        let chi = counts.values.reduce(0.0) { $0 + Double(($1 - 200) * ($1 - 200)) / 200 }
        #expect(chi < 650, "\(chi)")
    }

    @Test func costsFewBytesAnElement() {
        var hash = PagedHash(width: 1)
        for number in 0..<100_000 { Array("element:\(1_000_000 + number)".utf8).withSlice { hash.insert($0) } }
        hash.checkInvariants()
        // 15 bytes of text; Redis takes some 60 for such a member.
        #expect(hash.memoryBytes < 100_000 * 30, "\(hash.memoryBytes / 100_000) bytes an element")
    }
}
