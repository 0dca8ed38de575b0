import Bytes
import RDB
import Testing
import Values

/// Hashes and sorted sets as servers before 7.0 wrote them: ziplists and zipmaps, put together by hand.
@Suite struct OldFormsTests {
    /// An entry of a ziplist: encoding and data, without the length of the one before it.
    private enum Entry {
        case text(String)
        case raw([UInt8])

        var bytes: [UInt8] {
            switch self {
            case .text(let text) where text.utf8.count < 64: [UInt8(text.utf8.count)] + Array(text.utf8)
            case .text(let text):
                [UInt8(text.utf8.count >> 8) | 0x40, UInt8(truncatingIfNeeded: text.utf8.count)] + Array(text.utf8)
            case .raw(let bytes): bytes
            }
        }
    }

    private static func ziplist(_ entries: [Entry], count: Int? = nil) -> [UInt8] {
        var body: [UInt8] = []
        var before = 0
        var last = 10
        for entry in entries {
            last = 10 + body.count
            let length = before < 254 ? [UInt8(before)] : [254, UInt8(before & 255), UInt8(before >> 8), 0, 0]
            body += length + entry.bytes
            before = length.count + entry.bytes.count
        }
        let total = 10 + body.count + 1
        let number = count ?? entries.count
        func little(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return little(total) + little(last) + little(number).prefix(2) + body + [0xff]
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        bytes.count < 64 ? [UInt8(bytes.count)] + bytes : [UInt8(bytes.count >> 8) | 0x40, UInt8(bytes.count & 255)] + bytes
    }

    private static func decoded(_ body: [UInt8]) throws -> CollectionValue? {
        try DumpPayloadTests().sealed(body).withSlice { slice in
            guard case .collection(let value) = try DumpPayload.decode(slice) else { return nil }
            return value
        }
    }

    private static func refusal(_ bytes: [UInt8]) -> RDBError? { failure { _ = try decoded(bytes) } }

    private static func pairs(_ value: CollectionValue?) throws -> [String: String] {
        let hash = try #require(value as? HashValue)
        hash.checkInvariants()
        var pairs: [String: String] = [:]
        hash.forEach { pair in
            pairs[pair.page.withBytes(pair.field) { $0.string }] = pair.page.withBytes(pair.value) { $0.string }
            return true
        }
        return pairs
    }

    private static func members(_ value: CollectionValue?) throws -> [String] {
        let set = try #require(value as? SortedSetValue)
        set.checkInvariants()
        var members: [String] = []
        set.forEach(in: 0..<set.count) { member, score in members.append("\(member.string)=\(score)") }
        return members
    }

    // 0 to 12, 8, 16, 24, 32 and 64 bits.
    private static let numbers: [Entry] = [
        .raw([0xf1]), .raw([0xfd]), .raw([0xfe, 0x80]), .raw([0xc0, 0, 0x80]), .raw([0xf0, 0, 0, 0x80]),
        .raw([0xd0, 0, 0, 0, 0x80]), .raw([0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80]),
    ]

    @Test func hashesOfZiplistsAreRead() throws {
        let long = String(repeating: "x", count: 300)
        let entries: [Entry] = [.text("a"), Self.numbers[2], .text(long), .text(""), Self.numbers[1], .text("z")]
        let value = try Self.decoded([13] + Self.string(Self.ziplist(entries)))
        #expect(try Self.pairs(value) == ["a": "-128", long: "", "12": "z"])
        let small = try Self.decoded([13] + Self.string(Self.ziplist([.text("a"), .text("b")], count: 65535)))
        #expect(try Self.pairs(small) == ["a": "b"])
        #expect(small.map { "\($0.encodingName)" } == "listpack")
    }

    @Test func sortedSetsOfZiplistsAreRead() throws {
        var entries: [Entry] = []
        for (index, number) in Self.numbers.enumerated() { entries += [.text("m\(index)"), number] }
        entries += [.text("half"), .text("0.5"), .text("inf"), .text("inf")]
        let value = try Self.decoded([12] + Self.string(Self.ziplist(entries)))
        #expect(try Self.members(value) == [
            "m6=\(-0x1p63)",
            "m5=\(-0x1p31)", "m4=\(-0x1p23)", "m3=-32768.0", "m2=-128.0", "m0=0.0", "half=0.5", "m1=12.0", "inf=inf",
        ])
    }

    @Test func zipmapsAreRead() throws {
        let long = [UInt8](repeating: 0x79, count: 300)
        let map: [UInt8] =
            [3, 1, 0x61, 2, 0, 0x78, 0x79, 0, 1, 3, 0x31, 9, 9, 9, 1, 0x6c, 254, 0x2c, 1, 0, 0, 0] + long + [255]
        #expect(try Self.pairs(Self.decoded([9] + Self.string(map))) == [
            "a": "xy", "": "1", "l": String(repeating: "y", count: 300),
        ])
        // 254 pairs or more: the count says nothing.
        #expect(try Self.pairs(Self.decoded([9, 7, 254, 1, 0x61, 1, 0, 0x62, 255])) == ["a": "b"])
    }

    @Test func damageIsRefused() throws {
        let a = Entry.text("a"), b = Entry.text("b"), one = Entry.raw([0xf2])
        let bodies: [[UInt8]] = [
            // No pairs; half a pair; a field twice; a count that is wrong; no ziplist at all.
            [13] + Self.string(Self.ziplist([])), [13] + Self.string(Self.ziplist([a])),
            [13] + Self.string(Self.ziplist([a, b, a, b])), [13] + Self.string(Self.ziplist([a, b], count: 3)),
            [13, 0], [13, 1, 0xff], [12] + Self.string(Self.ziplist([])), [12] + Self.string(Self.ziplist([a])),
            // A score that is none or not a number; a member twice.
            [12] + Self.string(Self.ziplist([a, b])), [12] + Self.string(Self.ziplist([a, .text("nan")])),
            [12] + Self.string(Self.ziplist([a, .text("")])), [12] + Self.string(Self.ziplist([a, one, a, one])),
            // An unknown encoding; a string longer than the ziplist.
            [13] + Self.string(Self.ziplist([a, .raw([0xc1, 0])])), [13] + Self.string(Self.ziplist([a, .raw([9, 0])])),
            // Zipmaps: none, empty, a wrong count, a field twice, a length of five bytes for a short string, no end.
            [9, 0], [9, 1, 255], [9, 2, 0, 255], [9, 7, 2, 1, 0x61, 1, 0, 0x62, 255],
            [9, 12, 2, 1, 0x61, 1, 0, 0x62, 1, 0x61, 1, 0, 0x62, 255],
            [9, 11, 1, 254, 1, 0, 0, 0, 0x61, 1, 0, 0x62, 255], [9, 6, 1, 1, 0x61, 1, 0, 0x62],
            [9, 8, 1, 1, 0x61, 254, 255, 255, 255, 255], [9, 7, 1, 1, 0x61, 1, 200, 0x62, 255],
        ]
        for body in bodies { #expect(Self.refusal(body) == .badFormat, "\(body)") }
        let good: [[UInt8]] = [
            [13] + Self.string(Self.ziplist([a, b, .text("c"), one, .text(String(repeating: "x", count: 260)), b])),
            [12] + Self.string(Self.ziplist([a, one, b, .text("0.5"), .text("c"), Self.numbers[4]])),
            [9, 12, 2, 1, 0x61, 1, 0, 0x62, 1, 0x63, 1, 0, 0x62, 255],
        ]
        for body in good {
            #expect(try Self.decoded(body) != nil)
            for cut in 1..<body.count { #expect(Self.refusal(Array(body[..<cut])) == .badFormat) }
            // Whatever a changed byte makes of it is a good value or refused.
            for index in 1..<min(body.count, 60) {
                for byte in 0...255 {
                    var damaged = body
                    damaged[index] = UInt8(byte)
                    _ = try? Self.decoded(damaged)
                }
            }
        }
    }
}
