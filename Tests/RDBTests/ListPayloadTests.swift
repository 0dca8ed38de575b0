import Bytes
import RDB
import Synchronization
import Testing
import Values

@Suite struct ListPayloadTests {
    static func list(_ elements: [[UInt8]]) -> ListValue {
        let list = ListValue()
        for element in elements { element.withSlice { list.push($0, .right) } }
        return list
    }

    static func contents(_ list: ListValue) -> [[UInt8]] {
        var result: [[UInt8]] = []
        list.forEach(in: 0..<list.count) { page, offset in
            result.append(page.withBytes(offset) { $0.array })
            return true
        }
        return result
    }

    static func payload(_ list: ListValue, compresses: Bool) -> [UInt8] {
        var buffer = ByteBuffer()
        DumpPayload.append(.collection(list), compresses: compresses, to: &buffer)
        return buffer.slice.array
    }

    static func sealed(_ body: [UInt8]) -> [UInt8] {
        let framed = body + [10, 0]
        let checksum = framed.withSlice { CRC64.checksum($0) }
        return framed + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt64($0))) }
    }

    static func decoded(_ payload: [UInt8]) throws(RDBError) -> [[UInt8]] {
        let value = try payload.withSlice { slice throws(RDBError) in try DumpPayload.decode(slice) }
        guard case .collection(let collection) = value, let list = collection as? ListValue else { return [] }
        return contents(list)
    }

    @Test func comesBack() throws {
        var random = RandomSource(seed: 2)
        let elements = (0..<5000).map { index -> [UInt8] in
            if index % 3 == 0 { return Array("\(Int64(bitPattern: random.next()) >> Int64(random.below(64)))".utf8) }
            return [UInt8](repeating: UInt8(97 + index % 20), count: Int(random.below(index % 500 == 1 ? 30_000 : 40)))
        }
        let list = Self.list(elements)
        for compresses in [true, false] {
            #expect(try Self.decoded(Self.payload(list, compresses: compresses)) == elements)
        }
    }

    /// Whether pages are compressed in RAM can't be seen in a payload.
    @Test func compressedPagesAreWrittenAsTheyWere() throws {
        let elements = (0..<40_000).map { Array("element:\($0)".utf8) }
        let list = Self.list(elements)
        let before = CollectionLimits.listDepth.exchange(0, ordering: .relaxed)
        defer { CollectionLimits.listDepth.store(before, ordering: .relaxed) }
        let plain = Self.list(elements)
        #expect(list.memoryBytes < plain.memoryBytes / 4 * 3)
        for compresses in [true, false] {
            #expect(Self.payload(list, compresses: compresses) == Self.payload(plain, compresses: compresses))
        }
        #expect(try Self.decoded(Self.payload(list, compresses: true)) == elements)
    }

    /// The listpack of three short strings, as DUMP of Redis 7.0 has it.
    @Test func isWrittenAsRedisDoes() {
        let payload = Self.payload(Self.list([[97], [98], [99]]), compresses: true)
        let listpack: [UInt8] = [16, 0, 0, 0, 3, 0, 0x81, 97, 2, 0x81, 98, 2, 0x81, 99, 2, 255]
        #expect(payload == Self.sealed([18, 1, 2, 16] + listpack))
        // RPUSH l 1, dumped by redis-server 7.0.15.
        let golden = bytes(hex: "120102090900000001000101ff0a0010828f9209b3f446")
        #expect(Self.payload(Self.list([[49]]), compresses: true) == golden)
    }

    /// Every kind of entry that a ziplist has.
    @Test func readsZiplists() throws {
        let long = [UInt8](repeating: 120, count: 300)
        let numbers: [(bytes: [UInt8], text: String)] = [
            ([0xf1], "0"), ([0xfd], "12"), ([0xfe, 0x80], "-128"), ([0xc0, 0x2c, 0x01], "300"),
            ([0xf0, 0, 0, 0x80], "-8388608"), ([0xd0, 0, 0, 0, 0x80], "-2147483648"),
            ([0xe0, 255, 255, 255, 255, 255, 255, 255, 0x7f], "9223372036854775807"),
        ]
        let strings: [(bytes: [UInt8], text: [UInt8])] = [
            ([0x01, 97], [97]), ([0x00], []), ([0x41, 0x2c] + long, long), ([0x80, 0, 0, 1, 0x2c] + long, long),
            ([0x01, 98], [98]),
        ]
        let entries = numbers.map { ($0.bytes, Array($0.text.utf8)) } + strings.map { ($0.bytes, $0.text) }
        var body: [UInt8] = []
        var before = 0
        var last = 0
        for (bytes, _) in entries {
            last = 10 + body.count
            let head = before < 254 ? [UInt8(before)] : [254, UInt8(before & 255), UInt8(before >> 8), 0, 0]
            body += head + bytes
            before = head.count + bytes.count
        }
        let total = 11 + body.count
        let ziplist =
            [UInt8(total & 255), UInt8(total >> 8), 0, 0, UInt8(last & 255), UInt8(last >> 8), 0, 0]
            + [UInt8(entries.count), 0] + body + [255]
        let string: [UInt8] = [0x40 | UInt8(ziplist.count >> 8), UInt8(ziplist.count & 255)] + ziplist
        let expected = entries.map { $0.1 }
        #expect(try Self.decoded(Self.sealed([10] + string)) == expected)
        #expect(try Self.decoded(Self.sealed([14, 2] + string + string)) == expected + expected)
        Self.damage([10] + string)
        Self.damage([14, 1] + string)
    }

    @Test func refusesDamage() throws {
        #expect(try Self.decoded(Self.sealed([1, 2, 1, 97, 0xc0, 5])) == [[97], [53]])
        for empty: [UInt8] in [[1, 0], [18, 0], [14, 0], [18, 1, 2, 7, 7, 0, 0, 0, 0, 0, 255]] {
            #expect(failure { _ = try Self.decoded(Self.sealed(empty)) } == .badFormat, "\(empty)")
        }
        let listpack: [UInt8] = [16, 0, 0, 0, 3, 0, 0x81, 97, 2, 0x81, 98, 2, 0x81, 99, 2, 255]
        #expect(try Self.decoded(Self.sealed([18, 2, 1, 1, 97, 2, 16] + listpack)).count == 4)
        #expect(failure { _ = try Self.decoded(Self.sealed([18, 1, 3, 16] + listpack)) } == .badFormat)
        Self.damage([18, 2, 1, 1, 97, 2, 16] + listpack)
        Self.damage([1, 2, 1, 97, 0xc0, 5])
    }

    /// Cut short or with a changed byte: an error, or a list that can be read.
    static func damage(_ body: [UInt8]) {
        for count in 1..<body.count {
            #expect(failure { _ = try decoded(sealed(Array(body[..<count]))) } == .badFormat, "\(count) bytes")
        }
        for index in 1..<body.count {
            for bit in 0..<8 {
                var bad = body
                bad[index] ^= 1 << UInt8(bit)
                _ = try? decoded(sealed(bad))
            }
        }
    }
}
