import Bytes
import CShims
import Testing

@testable import Values

@Suite struct ListpackTests {
    static let values: [[UInt8]] = {
        var values: [[UInt8]] = [[], Array("a".utf8), Array("-".utf8), Array("007".utf8), Array("-0".utf8)]
        for length in [62, 63, 64, 65, 126, 127, 4094, 4095, 4096, 16380, 16384, 70000] {
            values.append((0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) | 1 })
        }
        let edges: [Int64] = [0, 12, 127, 128, -1, 4095, 4096, 32767, 32768, 8_388_607, 8_388_608, 2_147_483_647,
            2_147_483_648, .max]
        for edge in edges {
            values.append(Array("\(edge)".utf8))
            values.append(Array("\(edge == .max ? .min : -edge - 1)".utf8))
        }
        return values
    }()

    /// Contents front to back, and the same back to front, with all invariants checked.
    static func contents(_ list: Listpack) -> [[UInt8]] {
        #expect(ListpackCheck.isValid(list.bytes))
        var forward: [[UInt8]] = []
        var offsets: [Int] = []
        var at = list.first
        while at < list.end {
            offsets.append(at)
            forward.append(list.withBytes(at) { $0.array })
            at = list.next(at)
        }
        #expect(at == list.end)
        for offset in offsets.reversed() {
            at = list.previous(at)
            #expect(at == offset)
        }
        #expect(list.count == forward.count)
        for index in offsets.indices { #expect(list.offset(of: index) == offsets[index]) }
        #expect(list.offset(of: offsets.count) == list.end)
        return forward
    }

    @Test func holdsEveryKindOfValue() {
        var list = Listpack()
        defer { list.free() }
        #expect(list.isEmpty)
        for value in Self.values { value.withSlice { list.append($0) } }
        #expect(Self.contents(list) == Self.values)
        for (index, value) in Self.values.enumerated() {
            value.withSlice { text in
                let found = list.find(text)
                #expect(found.map { list.withBytes($0) { $0.array } } == value, "value \(index)")
            }
        }
        #expect(list.find(ByteSlice("nowhere")) == nil)
    }

    /// Bytes taken from Redis 7.0: `RPUSH`-like packing of "a", 1, -1, 4096 and 300.
    @Test func bytesAreRedis() {
        var list = Listpack()
        defer { list.free() }
        list.append(ByteSlice("a"))
        list.append(integer: 1)
        list.append(integer: -1)
        list.append(integer: 4096)
        list.append(ByteSlice("300"))
        let body: [UInt8] = [0x81, 0x61, 2, 0x01, 1, 0xdf, 0xff, 2, 0xf1, 0x00, 0x10, 3, 0xc1, 0x2c, 2]
        #expect(list.bytes.array == [22, 0, 0, 0, 5, 0] + body + [0xff])
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func behavesLikeAnArray(seed: UInt64) {
        var random = Mixer(seed)
        var model: [[UInt8]] = []
        var list = Listpack()
        defer { list.free() }
        for step in 0..<3000 {
            let value = Self.values[random.below(Self.values.count - (step % 50 == 0 ? 0 : 8))]
            let place = random.below(model.count + 1)
            let at = list.offset(of: place)
            switch random.below(model.count > 60 ? 8 : 5) {
            case 0...2:
                let behind = value.withSlice { list.insert($0, at: at) }
                model.insert(value, at: place)
                #expect(behind == list.offset(of: place + 1))
            case 3 where place < model.count:
                let behind = value.withSlice { list.replace(at, with: $0) }
                model[place] = value
                #expect(behind == list.offset(of: place + 1))
            case 4:
                let behind = list.split(at)
                #expect(Self.contents(behind) == Array(model[place...]))
                var front = list
                front.append(contentsOf: behind)
                list = front
                behind.free()
            default:
                let wanted = random.below(5)
                #expect(list.remove(at, entries: wanted) == min(wanted, model.count - place))
                model.removeSubrange(place..<min(model.count, place + wanted))
            }
            if step % 16 == 0 { #expect(Self.contents(list) == model, "step \(step), seed \(seed)") }
            #expect(list.memoryBytes == firn_allocation_size(list.totalBytes))
        }
        #expect(Self.contents(list) == model)
    }

    /// Every cut and every changed byte of a good listpack is either refused or still safe to read.
    @Test func damageIsNoticedOrHarmless() {
        var list = Listpack()
        defer { list.free() }
        for value in Self.values where value.count < 200 { value.withSlice { list.append($0) } }
        let good = list.bytes.array
        for length in 0..<good.count {
            Array(good[..<length]).withSlice { #expect(!ListpackCheck.isValid($0)) }
        }
        for index in good.indices {
            for change: UInt8 in [1, 0x80, 0xff, 0x40] {
                var bytes = good
                bytes[index] ^= change
                bytes.withSlice { slice in
                    guard let read = ListpackCheck.listpack(slice) else { return }
                    defer { read.free() }
                    var at = read.first
                    while at < read.end {
                        read.withBytes(at) { #expect($0.count <= bytes.count) }
                        at = read.next(at)
                    }
                }
            }
        }
    }
}

/// Numbers from a seed.
struct Mixer {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
