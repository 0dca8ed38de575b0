import Bytes
import CShims
import Testing

@testable import Values

@Suite struct SetValueTests {
    static func members(_ set: SetValue) -> Set<String> {
        var result: Set<String> = []
        set.forEach { member in
            #expect(result.insert(text(member)).inserted)
            return true
        }
        #expect(result.count == set.count)
        return result
    }

    /// A byte is a character, so that damaged members stay different.
    static func text(_ member: Listpack.Item) -> String {
        member.withBytes { $0.buffer.map { String(UnicodeScalar($0)) }.joined() }
    }

    static func encoded(_ set: SetValue) -> [UInt8] {
        var buffer = ByteBuffer()
        set.encode(into: &buffer)
        return buffer.slice.array
    }

    static func decoded(_ bytes: [UInt8]) -> SetValue? {
        bytes.withSlice { CollectionValue.decode(.set, $0) } as? SetValue
    }

    static func make(_ members: some Sequence<String>) -> SetValue {
        let set = SetValue()
        for member in members { member.withSlice { set.add($0) } }
        return set
    }

    @Test func keepsIntegersApart() {
        let set = Self.make((0..<512).map { "\($0)" })
        #expect("\(set.encodingName)" == "intset")
        #expect("512".withSlice { set.add($0) })
        #expect("\(set.encodingName)" == "hashtable" && set.count == 513)
        "512".withSlice { _ = set.remove($0) }
        #expect("\(set.encodingName)" == "hashtable")
        let mixed = Self.make(["1", "2", "01"])
        #expect("\(mixed.encodingName)" == "hashtable" && Self.members(mixed) == ["1", "2", "01"])
        let small = Self.make(["1", "-7"])
        #expect(!("01".withSlice { small.contains($0) }) && "\(small.encodingName)" == "intset")
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func behavesLikeASet(seed: UInt64) {
        var random = Mixer(seed)
        var model: Set<String> = []
        let set = SetValue()
        for step in 0..<6000 {
            let number = random.below(1500)
            let member = step > 1000 && number % 3 == 0 ? "member \(number)" : "\(number)"
            if random.below(10) < (step < 4000 ? 7 : 1) {
                #expect(member.withSlice { set.add($0) } == model.insert(member).inserted)
            } else {
                #expect(member.withSlice { set.remove($0) } == (model.remove(member) != nil))
            }
            #expect(set.count == model.count)
            guard step % 500 == 0 else { continue }
            #expect(Self.members(set) == model)
            guard let copy = set.copy() as? SetValue else { preconditionFailure("a copy of another class") }
            #expect(Self.members(copy) == model && copy.encodingName.description == set.encodingName.description)
            if !model.isEmpty { #expect(Self.decoded(Self.encoded(set)).map(Self.members) == model) }
        }
    }

    /// Every member comes up, each choice of several has different ones, and what is popped is gone.
    @Test(arguments: [10, 400, 3000]) func draws(members: Int) {
        var random = Mixer(5)
        let names = Set((0..<members).map { members == 400 ? "\($0)" : "m\($0)" })
        let set = Self.make(names)
        for wanted in [0, 1, members / 4, members / 2, members - 1] {
            let chosen = set.sample(wanted) { random.below($0) }.map(Self.text)
            #expect(chosen.count == wanted && Set(chosen).count == wanted && names.isSuperset(of: chosen))
        }
        var seen: Set<String> = []
        for _ in 0..<20 * members {
            guard let member = set.random({ random.below($0) }) else { continue }
            seen.insert(Self.text(member))
        }
        #expect(seen == names)
        var left = names
        while set.count > 0 {
            set.pop({ random.below($0) }) { left.remove(Self.text($0)) }
            #expect(left.count == set.count)
        }
        #expect(set.random { random.below($0) } == nil)
    }

    @Test func flashRoundTrip() {
        for members in [
            ["1"], ["-1", "70000", "9223372036854775807"], ["a"], [""], ["a", "1", String(repeating: "x", count: 900)],
        ] {
            let set = Self.make(members)
            let bytes = Self.encoded(set)
            let back = Self.decoded(bytes)
            #expect(back.map(Self.members) == Set(members))
            #expect(back?.encodingName.description == set.encodingName.description)
            for count in 0..<bytes.count {
                #expect(Self.decoded(Array(bytes.prefix(count))) == nil, "\(count) bytes of \(members)")
            }
        }
        let large = Self.make((0..<5000).map { "member \($0)" })
        #expect(Self.decoded(Self.encoded(large)).map(Self.members) == Self.members(large))
        // The form outlives what made it necessary.
        let integers = Self.make(["1", "x"])
        "x".withSlice { _ = integers.remove($0) }
        #expect(Self.decoded(Self.encoded(integers))?.encodingName.description == "hashtable")
    }

    @Test func damageIsRefused() {
        let pages = Self.encoded(Self.make(["a", "b"]))
        for bytes: [UInt8] in [
            [], [0], [1], [2], [0, 2, 0, 0, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
            pages + pages.dropFirst(), pages + [0], [1, 7, 0, 0, 0, 0, 0, 0xff], [1, 0, 0, 0, 0],
        ] { #expect(Self.decoded(bytes) == nil, "\(bytes)") }
        var random = Mixer(11)
        for _ in 0..<20_000 {
            var bytes = random.below(2) == 0 ? pages : Self.encoded(Self.make(["1", "2", "300"]))
            for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
            if let set = Self.decoded(bytes) { #expect(Self.members(set).count == set.count) }
        }
    }

    @Test func memoryIsWhatItTakes() {
        let set = SetValue()
        let empty = set.memoryBytes
        #expect(empty < 120, "\(empty) bytes")
        for number in 0..<500 { "\(number)".withSlice { set.add($0) } }
        #expect(set.memoryBytes < empty + 500 * 3)
        for number in 0..<10_000 { "member:\(number)".withSlice { set.add($0) } }
        #expect(set.memoryBytes < 10_500 * 25, "\(set.memoryBytes) bytes")
    }
}
