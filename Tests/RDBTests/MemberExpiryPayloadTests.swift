import Bytes
import RDB
import Testing
import Values

/// Members that expire as DUMP, RESTORE and files hold them. The bytes are put together by hand from the formats.
@Suite struct MemberExpiryPayloadTests {
    private static func hash(_ fields: Int, paged: Bool = false) -> HashValue {
        let hash = HashValue()
        for number in 0..<fields {
            "f\(number)".withSlice { field in
                hash.set(field, ByteSlice("v"))
                if number % 3 != 0 { hash.setExpiry(of: field, 1_700_000_000_000 + Int64(fields - number)) }
            }
        }
        if paged { hash.unpack() }
        return hash
    }

    private static func times(_ value: CollectionValue?) -> [String: Int64] {
        var times: [String: Int64] = [:]
        guard let expiries = value?.expiries else { return [:] }
        expiries.forEach(in: 0..<expiries.count) { member, time in times[member.string] = Int64(time) }
        return times
    }

    private static func payload(_ value: CollectionValue) -> [UInt8] {
        var buffer = ByteBuffer()
        DumpPayload.append(.collection(value), to: &buffer)
        return buffer.slice.array
    }

    private static func decoded(_ payload: [UInt8]) throws -> CollectionValue? {
        try payload.withSlice { slice in
            guard case .collection(let value) = try DumpPayload.decode(slice) else { return nil }
            return value
        }
    }

    private static func body(_ bytes: [UInt8]) throws -> CollectionValue? {
        try decoded(DumpPayloadTests().sealed(bytes))
    }

    @Test func writesWhatRedisWrites() {
        let small = HashValue()
        for (field, time) in [("a", 0), ("b", 0x1234), ("c", 0x1200)] as [(String, Int64)] {
            field.withSlice { field in
                small.set(field, ByteSlice("1"))
                if time > 0 { small.setExpiry(of: field, time) }
            }
        }
        // In the order of time, those without last.
        let listpack: [UInt8] = [
            31, 0, 0, 0, 9, 0,
            0x81, 0x63, 2, 1, 1, 0xf1, 0x00, 0x12, 3,
            0x81, 0x62, 2, 1, 1, 0xf1, 0x34, 0x12, 3,
            0x81, 0x61, 2, 1, 1, 0, 1, 0xff,
        ]
        var packed = Self.payload(small)
        #expect(packed.dropLast(10).prefix(9) == [25, 0, 0x12, 0, 0, 0, 0, 0, 0])
        #expect(packed[packed.count - 10] == 12)
        packed = Array(packed.dropLast(10).dropFirst(9))
        #expect(packed == [UInt8(listpack.count)] + [UInt8(listpack.count)] + listpack.dropFirst())
        small.unpack()
        let paged = Self.payload(small)
        #expect(paged.prefix(10) == [24, 0, 0x12, 0, 0, 0, 0, 0, 0, 3])
        #expect(paged[paged.count - 10] == 12)
    }

    @Test func whatIsWrittenIsRead() throws {
        for fields in [2, 100, 2000] {
            for paged in [false, true] {
                let hash = Self.hash(fields, paged: paged)
                let read = try Self.decoded(Self.payload(hash)) as? HashValue
                read?.checkInvariants()
                #expect(read?.count == fields)
                #expect(Self.times(read) == Self.times(hash))
            }
        }
    }

    @Test func candidatesAreRead() throws {
        // 22: number, then time, field, value; the time a length as it is.
        let plain: [UInt8] = [22, 2, 0x80, 0, 0, 0x12, 0x34, 1, 0x61, 1, 0x78, 0, 1, 0x62, 1, 0x79]
        #expect(Self.times(try Self.body(plain)) == ["a": 0x1234])
        #expect(try Self.body(plain)?.count == 2)
        // 23: a listpack of field, value, time.
        let list: [UInt8] = [
            23, 20, 20, 0, 0, 0, 3, 0, 0x81, 0x61, 2, 0x81, 0x78, 2, 0xf1, 0x34, 0x12, 3, 0xff,
        ]
        var exact = list
        exact[1] = UInt8(list.count - 2)
        exact[2] = UInt8(list.count - 2)
        #expect(Self.times(try Self.body(exact)) == ["a": 0x1234])
    }

    @Test func setsHaveTheirTimesBehindThem() throws {
        let set = SetValue()
        let sorted = SortedSetValue()
        for member in ["a", "12", "c"] {
            member.withSlice { member in
                set.add(member)
                sorted.set(member, 1)
            }
        }
        for value in [set, sorted] as [CollectionValue] {
            let plain = Self.payload(value.copy())
            for (member, time) in [("a", 1_700_000_000_000), ("12", 5)] as [(String, Int64)] {
                member.withSlice { value.setExpiry(of: $0, time) }
            }
            let payload = Self.payload(value)
            // What Redis reads stands before it, and is the same.
            #expect(payload.dropLast(10).starts(with: plain.dropLast(10)))
            #expect(payload[payload.count - 10] == 10)
            let read = try Self.decoded(payload)
            #expect(read?.count == 3)
            #expect(Self.times(read) == ["a": 1_700_000_000_000, "12": 5])
        }
    }

    /// Of members that aren't there, and what isn't a time, nothing is taken; other bytes are ignored, as Redis does.
    @Test func whatStandsBehindIsHarmless() throws {
        let set: [UInt8] = [2, 1, 1, 0x61]
        func aux(_ name: String, _ value: String) -> [UInt8] {
            [250, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        }
        let (key, when) = ("keydb-subexpire-key", "keydb-subexpire-when")
        #expect(Self.times(try Self.body(set + aux(key, "a") + aux(when, "7"))) == ["a": 7])
        #expect(Self.times(try Self.body(set + aux(key, "b") + aux(when, "7"))).isEmpty)
        #expect(Self.times(try Self.body(set + aux(key, "a") + aux(when, "x"))).isEmpty)
        #expect(Self.times(try Self.body(set + aux(key, "a") + aux(when, "-7"))).isEmpty)
        #expect(Self.times(try Self.body(set + aux(when, "7") + aux(key, "a"))).isEmpty)
        #expect(Self.times(try Self.body(set + [250, 9] + aux(key, "a") + aux(when, "7"))).isEmpty)
        #expect(try Self.body(set + [1, 2, 3])?.count == 1)
    }

    @Test func damageIsRefused() throws {
        for hash in [Self.hash(6), Self.hash(6, paged: true)] {
            let payload = Self.payload(hash)
            let body = Array(payload.dropLast(10))
            for count in 1..<body.count {
                #expect(failure { _ = try Self.body(Array(body[..<count])) } == .badFormat, "cut at \(count)")
            }
            for at in body.indices.dropFirst() {
                for bit in 0..<8 {
                    var bad = body
                    bad[at] ^= 1 << bit
                    let read = try? Self.body(bad)
                    (read as? HashValue)?.checkInvariants()
                }
            }
        }
    }

    @Test func filesHoldThem() throws {
        final class Collected { var bytes: [UInt8] = [] }
        let collected = Collected()
        var writer = RDBFileWriter(version: RDBFormat.versionOfFieldExpiries) { (piece) throws(RDBError) in
            collected.bytes += piece.array
        }
        let set = SetValue()
        "m".withSlice { member in
            set.add(member)
            set.setExpiry(of: member, 77)
        }
        try writer.select(database: 0, keys: 3, expiring: 0)
        try writer.key(ByteSlice("h"), RDBKeyInfo(), .collection(Self.hash(4)))
        try writer.key(ByteSlice("s"), RDBKeyInfo(), .collection(set))
        try writer.key(ByteSlice("t"), RDBKeyInfo(), string: ByteSlice("v"))
        try writer.aux(ByteSlice("other"), ByteSlice("field"))
        try writer.finish()
        #expect(collected.bytes.prefix(9) == Array("REDIS0012".utf8)[...])
        // Whole, and a byte at a time.
        for step in [1 << 20, 1] {
            var left = collected.bytes[...]
            var reader = RDBFileReader { (room) throws(RDBError) in
                let count = min(step, left.count, room.count)
                for index in 0..<count { room[index] = left.removeFirst() }
                return count
            }
            var seen: [String: [String: Int64]] = [:]
            var others = 0
            reading: while true {
                switch try reader.next() {
                case .key(let key, _, .collection(let value)):
                    seen[String(decoding: key.array, as: UTF8.self)] = Self.times(value)
                case .aux: others += 1
                case .end: break reading
                default: continue
                }
            }
            #expect(seen == ["h": Self.times(Self.hash(4)), "s": ["m": 77]])
            #expect(others == 1)
        }
    }
}
