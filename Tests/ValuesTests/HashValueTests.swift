import Bytes
import Testing

@testable import Values

@Suite struct HashValueTests {
    static func contents(_ value: HashValue) -> [[UInt8]: [UInt8]] {
        value.checkInvariants()
        var result: [[UInt8]: [UInt8]] = [:]
        value.forEach { pair in
            let field = pair.page.withBytes(pair.field) { $0.array }
            #expect(result[field] == nil, "\(field) stands there twice")
            result[field] = pair.page.withBytes(pair.value) { $0.array }
            return true
        }
        #expect(result.count == value.count)
        return result
    }

    @discardableResult
    static func set(_ value: HashValue, _ field: [UInt8], _ bytes: [UInt8]) -> Bool {
        field.withSlice { field in bytes.withSlice { value.set(field, $0) } }
    }

    static func encoded(_ value: HashValue) -> [UInt8] {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        return buffer.slice.array
    }

    static func decoded(_ bytes: [UInt8]) -> HashValue? {
        bytes.withSlice { CollectionValue.decode(.hash, $0) }.map { unsafeDowncast($0, to: HashValue.self) }
    }

    static func make(pairs: Int) -> HashValue {
        let value = HashValue()
        for index in 0..<pairs { set(value, Array("field\(index)".utf8), Array("\(index)".utf8)) }
        return value
    }

    /// Grows past the packed form and shrinks to nothing.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func behavesLikeADictionary(seed: UInt64) {
        var random = Mixer(seed)
        var model: [[UInt8]: [UInt8]] = [:]
        let value = HashValue()
        for phase in 0..<4 {
            for step in 0..<3000 {
                // The first phase stays packed.
                let field = Array("field:\(random.below(phase == 0 ? 100 : 2000))".utf8)
                if random.below(10) < (phase == 3 ? 1 : 8) {
                    let long = phase > 0 && random.below(100) == 0
                    let bytes =
                        random.below(2) == 0
                        ? Array("\(step)".utf8) : [UInt8](repeating: 0x61, count: long ? 3000 : random.below(65))
                    let isNew = Self.set(value, field, bytes)
                    #expect(isNew == (model.updateValue(bytes, forKey: field) == nil))
                } else {
                    let removed = field.withSlice { value.remove($0) }
                    #expect(removed == (model.removeValue(forKey: field) != nil))
                }
                let found = field.withSlice { value.find($0) }.map { $0.page.withBytes($0.value) { $0.array } }
                #expect(found == model[field])
            }
            #expect(Self.contents(value) == model)
            #expect("\(value.encodingName)" == (phase == 0 ? "listpack" : "hashtable"))
            let copy = unsafeDowncast(value.copy(), to: HashValue.self)
            #expect(Self.contents(copy) == model)
            #expect(copy.memoryBytes == value.memoryBytes)
            #expect(Self.decoded(Self.encoded(value)).map(Self.contents) == model)
        }
        for field in model.keys { #expect(field.withSlice { value.remove($0) }) }
        #expect(value.count == 0)
        #expect("\(value.encodingName)" == "hashtable")
    }

    @Test func leavesThePackedFormAtItsLimits() {
        let value = Self.make(pairs: 512)
        #expect("\(value.encodingName)" == "listpack")
        #expect(!Self.set(value, Array("field1".utf8), Array("other".utf8)))
        #expect("\(value.encodingName)" == "listpack")
        Self.set(value, [1], [])
        #expect("\(value.encodingName)" == "hashtable")
        #expect(value.count == 513)
        for (field, bytes) in [(64, 64), (65, 1), (1, 65)] {
            let value = HashValue()
            Self.set(value, [UInt8](repeating: 0x61, count: field), [UInt8](repeating: 0x62, count: bytes))
            #expect("\(value.encodingName)" == (field == 64 ? "listpack" : "hashtable"))
            #expect(value.count == 1)
        }
    }

    @Test func damageIsRefused() {
        #expect(Self.decoded([]) == nil)
        for pairs in [1, 20, 600] {
            let bytes = Self.encoded(Self.make(pairs: pairs))
            #expect(Self.decoded(bytes) != nil)
            #expect(Self.decoded([2] + bytes.dropFirst()) == nil)
            #expect(Self.decoded([bytes[0]]) == nil)
            // All cuts of short ones, some of long ones. A cut between two pages leaves a smaller hash.
            for cut in stride(from: 1, to: bytes.count, by: pairs > 100 ? 301 : 1) {
                guard let value = Self.decoded(Array(bytes[..<cut])) else { continue }
                #expect(pairs > 100 && value.count < pairs)
                _ = Self.contents(value)
            }
            // Whatever a flipped bit makes of it can be used or is refused.
            var random = Mixer(UInt64(pairs))
            for _ in 0..<(pairs > 100 ? 100 : 2000) {
                var damaged = bytes
                damaged[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                guard let value = Self.decoded(damaged) else { continue }
                value.checkInvariants()
                _ = Self.decoded(Self.encoded(value))
            }
        }
    }

    @Test func oddAndDoubledEntriesAreRefused() {
        func list(_ words: [String]) -> Listpack {
            var list = Listpack()
            for word in words { Array(word.utf8).withSlice { list.append($0) } }
            return list
        }
        for words in [["a"], ["a", "1", "b"], ["a", "1", "a", "2"]] {
            let list = list(words)
            #expect(Self.decoded([1] + list.bytes.array) == nil, "\(words)")
            #expect(words.count == 4 || Self.decoded([0] + list.bytes.array) == nil, "\(words)")
            #expect(HashValue.make(taking: list) == nil, "\(words)")
        }
        let empty = Listpack()
        #expect(Self.decoded([0] + empty.bytes.array) == nil)
        #expect(Self.decoded([1] + empty.bytes.array) == nil)
        empty.free()
        #expect(HashValue.make(taking: list(["a", "1", "b", "1"]))?.count == 2)
    }

    /// Memory is what the parts say, and O(1) to ask for: it follows growth.
    @Test func memoryFollows() {
        let small = Self.make(pairs: 1)
        #expect(small.memoryBytes < 150)
        let large = Self.make(pairs: 10_000)
        #expect(100_000...400_000 ~= large.memoryBytes, "\(large.memoryBytes)")
    }

    @Test func scansAndDrawsEverything() {
        for pairs in [1, 300, 3000] {
            let value = Self.make(pairs: pairs)
            var seen: Set<[UInt8]> = []
            var cursor: UInt64 = 0
            repeat {
                cursor = value.scan(cursor, atLeast: 10) { pair in
                    seen.insert(pair.page.withBytes(pair.field) { $0.array })
                }
            } while cursor != 0
            #expect(seen.count == pairs)
            var random = Mixer(UInt64(pairs))
            var drawn: Set<[UInt8]> = []
            for _ in 0..<20 * pairs {
                guard let pair = value.random({ random.below($0) }) else { continue }
                drawn.insert(pair.page.withBytes(pair.field) { $0.array })
            }
            #expect(drawn.count == pairs)
        }
        #expect(HashValue().random({ $0 - 1 }) == nil)
    }
}
