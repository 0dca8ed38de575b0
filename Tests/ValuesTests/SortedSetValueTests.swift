import Bytes
import Testing

@testable import Values

@Suite struct SortedSetValueTests {
    struct Pair: Equatable {
        let member: [UInt8]
        let score: Double
    }

    static func contents(_ value: SortedSetValue, reversed: Bool = false) -> [Pair] {
        value.checkInvariants()
        var result: [Pair] = []
        value.forEach(in: 0..<value.count, reversed: reversed) { result.append(Pair(member: $0.array, score: $1)) }
        return result
    }

    static func ordered(_ model: [[UInt8]: Double]) -> [Pair] {
        model.map { Pair(member: $0.key, score: $0.value) }.sorted {
            $0.score != $1.score ? $0.score < $1.score : $0.member.lexicographicallyPrecedes($1.member)
        }
    }

    static func encoded(_ value: SortedSetValue) -> [UInt8] {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        return buffer.slice.array
    }

    static func decoded(_ bytes: [UInt8]) -> SortedSetValue? {
        bytes.withSlice { CollectionValue.decode(.zset, $0) as? SortedSetValue }
    }

    /// Numbers, texts, an empty member, and now and then one too long for the small form.
    static func member(_ random: inout Mixer, of number: Int) -> [UInt8] {
        let drawn = random.below(number)
        if drawn == 7 { return [] }
        if number > 200, drawn == 9 { return [UInt8](repeating: 0x78, count: 3000) }
        return Array((drawn % 2 == 0 ? "\(drawn)" : "member:\(drawn)").utf8)
    }

    static func score(_ random: inout Mixer) -> Double {
        switch random.below(12) {
        case 0: .infinity
        case 1: -.infinity
        case 2: 0.1 * Double(random.below(100))
        case 3: 1e300
        // Eight bytes that are digits: the tree keeps them as an integer.
        case 4: Double(bitPattern: 0x3837_3635_3433_3231)
        default: Double(random.below(20) - 5)
        }
    }

    /// 60 members stay in the small form, 1500 don't.
    @Test(arguments: [60, 1500], [1, 2, 3] as [UInt64])
    func behavesLikeASortedArray(members: Int, seed: UInt64) {
        var random = Mixer(seed)
        var model: [[UInt8]: Double] = [:]
        let value = SortedSetValue()
        for step in 0..<6000 {
            let member = Self.member(&random, of: members)
            if random.below(10) < 7 {
                let score = Self.score(&random)
                member.withSlice { value.set($0, score) }
                model[member] = score
            } else {
                let removed = member.withSlice { value.remove($0) }
                #expect(removed == (model.removeValue(forKey: member) != nil))
            }
            #expect(value.count == model.count)
            guard step % 500 == 0 else { continue }
            let expected = Self.ordered(model)
            #expect(Self.contents(value) == expected, "seed \(seed), step \(step)")
            #expect(Self.contents(value, reversed: true) == expected.reversed())
            Self.checkSearches(value, expected)
            let copy = value.copy() as? SortedSetValue
            #expect(copy.map { Self.contents($0) } == expected)
            #expect(copy?.memoryBytes != nil && copy?.encodingName.description == value.encodingName.description)
            // An empty one is no value of a key, and refused.
            let decoded = Self.decoded(Self.encoded(value)).map { Self.contents($0) }
            #expect(decoded == (expected.isEmpty ? nil : expected))
        }
        #expect(value.encodingName.description == (members < 100 ? "listpack" : "skiplist"))
        Self.removeRanges(value, Self.ordered(model), &random)
    }

    static func checkSearches(_ value: SortedSetValue, _ expected: [Pair]) {
        for (rank, pair) in expected.enumerated() where rank % 7 == 0 {
            let found = pair.member.withSlice { value.rank(of: $0) }
            #expect(found?.rank == rank && found?.score == pair.score)
            #expect(pair.member.withSlice { value.score(of: $0) } == pair.score)
            #expect(value.count(below: pair.score, orEqual: false) == expected.count { $0.score < pair.score })
            #expect(value.count(below: pair.score, orEqual: true) == expected.count { $0.score <= pair.score })
        }
        #expect("nobody".withSlice { value.rank(of: $0) } == nil)
        #expect("nobody".withSlice { value.score(of: $0) } == nil)
    }

    static func removeRanges(_ value: SortedSetValue, _ pairs: [Pair], _ random: inout Mixer) {
        var pairs = pairs
        while !pairs.isEmpty {
            let lower = random.below(pairs.count)
            let upper = min(pairs.count, lower + 1 + random.below(40))
            value.removeSubrange(lower..<upper)
            pairs.removeSubrange(lower..<upper)
            #expect(contents(value) == pairs)
        }
    }

    @Test(arguments: [40, 1000])
    func membersInOrder(members: Int) {
        let value = SortedSetValue()
        let names = (0..<members).map { Array("m\(1000 + $0)".utf8) }
        for name in names.reversed() { name.withSlice { value.set($0, 5) } }
        for (index, name) in names.enumerated() {
            #expect(name.withSlice { value.count(before: $0, orEqual: false) } == index)
            #expect(name.withSlice { value.count(before: $0, orEqual: true) } == index + 1)
        }
        #expect("".withSlice { value.count(before: $0, orEqual: true) } == 0)
        #expect("z".withSlice { value.count(before: $0, orEqual: true) } == members)
    }

    @Test func aScanSeesAll() {
        let value = SortedSetValue()
        for number in 0..<3000 { "\(number)".withSlice { value.set($0, Double(number)) } }
        var seen: [[UInt8]: Double] = [:]
        var cursor: UInt64 = 0
        repeat { cursor = value.scan(cursor, atLeast: 10) { seen[$0.array] = $1 } } while cursor != 0
        #expect(seen.count == 3000)
        #expect(Self.ordered(seen) == Self.contents(value))
    }

    @Test func limitsOfTheSmallForm() {
        let value = SortedSetValue()
        for number in 0..<128 { "\(number)".withSlice { value.set($0, 1) } }
        #expect(value.encodingName.description == "listpack")
        "5".withSlice { value.set($0, 2) }
        #expect(value.encodingName.description == "listpack")
        "128".withSlice { value.set($0, 1) }
        #expect(value.encodingName.description == "skiplist")
        let other = SortedSetValue()
        [UInt8](repeating: 0x61, count: 64).withSlice { other.set($0, 1) }
        #expect(other.encodingName.description == "listpack")
        [UInt8](repeating: 0x61, count: 65).withSlice { other.set($0, 1) }
        #expect(other.encodingName.description == "skiplist")
    }

    // MARK: Damage

    /// Bytes changed in turn: the value is refused or is a sorted set, never a crash.
    @Test(arguments: [10, 200])
    func damagedBytesAreRefused(members: Int) {
        let value = SortedSetValue()
        for number in 0..<members { "member \(number)".withSlice { value.set($0, Double(number) / 3) } }
        let whole = Self.encoded(value)
        // A prime that lets every part of an element be met.
        let step = members > 100 ? 7 : 1
        for index in stride(from: 0, to: whole.count, by: step) {
            for change in [1, 0x80, 0xff] as [UInt8] {
                var bytes = whole
                bytes[index] ^= change
                if let decoded = Self.decoded(bytes) { _ = Self.contents(decoded) }
            }
        }
        for cut in stride(from: 0, to: whole.count, by: step) {
            if let decoded = Self.decoded(Array(whole[..<cut])) {
                // Whole pages are a smaller set.
                #expect(decoded.count < members)
            }
        }
    }

    @Test func whatIsNoSortedSet() {
        func form(_ entries: [String]) -> [UInt8] {
            var list = Listpack()
            defer { list.free() }
            for entry in entries { entry.withSlice { list.append($0) } }
            return [0] + list.bytes.array
        }
        #expect(Self.decoded(form(["a", "1", "b", "2"]))?.count == 2)
        #expect(Self.decoded(form(["a", "1", "b", "1"]))?.count == 2)
        #expect(Self.decoded(form([])) == nil)
        #expect(Self.decoded(form(["a"])) == nil)
        #expect(Self.decoded(form(["a", "x"])) == nil)
        #expect(Self.decoded(form(["a", "nan"])) == nil)
        #expect(Self.decoded(form(["b", "1", "a", "1"])) == nil)
        #expect(Self.decoded(form(["a", "2", "b", "1"])) == nil)
        #expect(Self.decoded(form(["a", "1", "a", "2"])) == nil)
        #expect(Self.decoded(form(["7", "1", "7", "2"])) == nil)
        #expect(Self.decoded([]) == nil)
        #expect(Self.decoded([0]) == nil)
        #expect(Self.decoded([1]) == nil)
        #expect(Self.decoded([2, 0, 0]) == nil)
    }
}
