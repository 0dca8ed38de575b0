import Bytes
import Synchronization
import Testing

@testable import Values

@Suite struct ListValueTests {
    static func contents(_ list: ListValue) -> [[UInt8]] {
        var result: [[UInt8]] = []
        list.forEach(in: 0..<list.count) { page, offset in
            result.append(page.withBytes(offset) { $0.array })
            return true
        }
        return result
    }

    static func encoded(_ list: ListValue) -> [UInt8] {
        var buffer = ByteBuffer()
        list.encode(into: &buffer)
        return buffer.slice.array
    }

    static func decoded(_ bytes: [UInt8]) -> ListValue? {
        bytes.withSlice { CollectionValue.decode(.list, $0) as? ListValue }
    }

    static func positions(_ text: [UInt8], _ list: ListValue, _ end: ListEnd, _ limit: Int) -> [Int] {
        var result: [Int] = []
        text.withSlice { text in
            list.search(text, from: end, limit: limit) { index in
                result.append(index)
                return true
            }
        }
        return result
    }

    @Test func behavesLikeAnArray() {
        var random = Mixer(7)
        for round in 0..<20 {
            let list = ListValue()
            var model: [[UInt8]] = []
            for _ in 0..<400 { Self.step(list, &model, &random, large: round % 4 == 0) }
            #expect(Self.contents(list) == model)
            #expect(list.memoryBytes >= model.reduce(0) { $0 + ($1.count < 20 ? 1 : $1.count) })
            for _ in 0..<20 where !model.isEmpty {
                let text = model[random.below(model.count)]
                let limit = random.below(model.count) + 1
                #expect(Self.positions(text, list, .left, limit) == (0..<limit).filter { model[$0] == text })
                let behind = (model.count - limit..<model.count).reversed().filter { model[$0] == text }
                #expect(Self.positions(text, list, .right, limit) == behind)
            }
            guard let copy = list.copy() as? ListValue else { return #expect(Bool(false), "no list") }
            list.removeSubrange(0..<list.count)
            #expect(list.count == 0 && Self.contents(copy) == model)
        }
    }

    static func step(_ list: ListValue, _ model: inout [[UInt8]], _ random: inout Mixer, large: Bool) {
        let length = large && random.below(10) == 0 ? random.below(20_000) : random.below(12)
        let value =
            random.below(3) == 0
            ? Array("\(random.below(300))".utf8) : (0..<length).map { _ in UInt8(97 + random.below(3)) }
        let end: ListEnd = random.below(2) == 0 ? .left : .right
        switch random.below(10) {
        case 0..<5:
            value.withSlice { list.push($0, end) }
            if end == .left { model.insert(value, at: 0) } else { model.append(value) }
        case 5, 6:
            let index = random.below(model.count + 1)
            value.withSlice { list.insert($0, before: index) }
            model.insert(value, at: index)
        case 7 where !model.isEmpty:
            let index = random.below(model.count)
            value.withSlice { list.replace(at: index, with: $0) }
            model[index] = value
            #expect(list.withElement(at: index) { $0.array } == value)
        case 8 where !model.isEmpty:
            let number = random.below(min(4, model.count)) + 1
            #expect(list.span(number, from: end).count == number)
            if number == 1 {
                var popped: [UInt8]?
                list.pop(end) { popped = $0.array }
                #expect(popped == (end == .left ? model.first : model.last))
            } else {
                list.remove(number, from: end)
            }
            if end == .left { model.removeFirst(number) } else { model.removeLast(number) }
        default:
            let start = random.below(model.count + 1)
            let range = start..<min(model.count, start + random.below(3))
            list.removeSubrange(range)
            model.removeSubrange(range)
        }
        #expect(list.count == model.count)
    }

    @Test func survivesFlash() throws {
        var random = Mixer(3)
        let list = ListValue()
        var model: [[UInt8]] = []
        for _ in 0..<3000 { Self.step(list, &model, &random, large: true) }
        let bytes = Self.encoded(list)
        let back = try #require(Self.decoded(bytes))
        #expect(Self.contents(back) == model)
        // A second journey changes nothing. The first may have compressed pages that could not be, and have changed.
        let again = Self.encoded(back)
        #expect(try Self.encoded(#require(Self.decoded(again))) == again)
        #expect("\(back.encodingName)" == "quicklist" && ListValue.valueType == .list)
    }

    /// Damage is refused, or what is read can be used.
    @Test func refusesDamage() {
        let list = ListValue()
        for number in 0..<40 { Array("element \(number)".utf8).withSlice { list.push($0, .right) } }
        let bytes = Self.encoded(list)
        for count in 0..<bytes.count { #expect(Self.decoded(Array(bytes[..<count])) == nil, "\(count) bytes") }
        #expect(Self.decoded(bytes + [0]) == nil)
        #expect(Self.decoded([2] + bytes.dropFirst()) == nil)
        #expect(Self.decoded([0, 7, 0, 0, 0, 0, 0, 255]) == nil, "an empty list")
        #expect(Self.decoded([0, 255, 255, 255, 255, 0, 0, 255]) == nil)
        for index in bytes.indices {
            for bit in 0..<8 {
                var bad = bytes
                bad[index] ^= 1 << UInt8(bit)
                if let read = Self.decoded(bad) { #expect(Self.contents(read).count == read.count) }
            }
        }
    }

    @Test func pagesAreAsLargeAsTheSettingSays() {
        let sizes = [-1, -2, -3, -4, -5, -9].map { ListValue.pageLimits($0).bytes }
        #expect(sizes == [4096, 8192, 16384, 32768, 65536, 65536])
        #expect(ListValue.pageLimits(-1).elements == nil)
        #expect(ListValue.pageLimits(128).elements == 128 && ListValue.pageLimits(0).elements == 1)
        #expect(ListValue.pageLimits(3).bytes == 8192)
        #expect(ListValue.pageLimits(-2, alone: 5) == (5, nil) && ListValue.pageLimits(3, alone: 5) == (5, 3))
    }
}
