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

    /// Names whose hashes have their first 14 bits in common: few of them stay in one page.
    private static func namesOfOnePage(_ count: Int) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var number = 0
        while names.count < count {
            let name = Array("field:\(number)".utf8)
            if name.withSlice({ PagedHash.hash.hash($0) >> 50 }) == 0 { names.append(name) }
            number += 1
        }
        return names
    }

    /// A page that gets too many elements for an index, or too long ones, is searched all the same, and has an index
    /// again as soon as it can: `checkInvariants` insists.
    @Test func pagesLoseAndRegainTheirIndex() {
        let names = Self.namesOfOnePage(30)
        var model: [[UInt8]: [UInt8]] = [:]
        var hash = PagedHash(width: 2)
        func set(_ number: Int, bytes: Int) {
            let value = [UInt8](repeating: UInt8(number), count: bytes)
            Self.set(&hash, names[number], value)
            model[names[number]] = value
            #expect(Self.contents(hash) == model)
        }
        func remove(_ number: Int) {
            #expect(names[number].withSlice { hash.remove($0) })
            model[names[number]] = nil
            #expect(Self.contents(hash) == model)
        }
        func checkAll() {
            for name in names { #expect(name.withSlice { hash.contains($0) } == (model[name] != nil)) }
        }
        // Too many; then no longer, by removal of the last, of one in between, and of the first.
        for number in 0..<30 { set(number, bytes: number % 7) }
        checkAll()
        for number in [29, 12, 0, 28, 7, 4, 1, 27, 16, 8] { remove(number) }
        checkAll()
        // Too long: what stands behind the first ones begins behind what 16 bits can say. Then no longer.
        for number in [2, 3, 5] { set(number, bytes: 30_000) }
        checkAll()
        for number in [3, 5, 2] { set(number, bytes: 9) }
        checkAll()
        for number in [2, 3, 5] { set(number, bytes: 30_000) }
        for number in [2, 3, 5] { remove(number) }
        checkAll()
    }

    /// Keys that are integers stand in listpacks as such, and are found by their text alone.
    @Test func findsIntegersByTheirText() {
        var hash = PagedHash(width: 1)
        let names = (0..<500).map { "\($0 * 37 - 4000)" } + (0..<500).map { "0\($0)" }
        for name in names { Array(name.utf8).withSlice { hash.insert($0) } }
        hash.checkInvariants()
        for name in names + ["-0", "+5", " 5", "5 ", "-04000", "99999999"] {
            #expect(Array(name.utf8).withSlice { hash.contains($0) } == names.contains(name), "\(name)")
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
