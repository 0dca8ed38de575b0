import Bytes
import RDB
import Testing
import Values

/// Hashes as DUMP and RESTORE exchange them. The bytes are put together by hand from Redis' formats.
@Suite struct HashPayloadTests {
    private typealias Pairs = [String: String]

    private static func hash(_ pairs: Pairs) -> HashValue {
        let hash = HashValue()
        for (field, value) in pairs.sorted(by: { $0.key < $1.key }) {
            Array(field.utf8).withSlice { field in Array(value.utf8).withSlice { _ = hash.set(field, $0) } }
        }
        return hash
    }

    private static func pairs(_ hash: HashValue) -> Pairs {
        hash.checkInvariants()
        var pairs: Pairs = [:]
        hash.forEach { pair in
            pairs[pair.page.withBytes(pair.field) { $0.string }] = pair.page.withBytes(pair.value) { $0.string }
            return true
        }
        return pairs
    }

    private static func payload(_ hash: HashValue, compresses: Bool = true) -> [UInt8] {
        var buffer = ByteBuffer()
        DumpPayload.append(.collection(hash), compresses: compresses, to: &buffer)
        return buffer.slice.array
    }

    /// Nil for another type.
    private static func decoded(_ payload: [UInt8]) throws -> HashValue? {
        try payload.withSlice { slice in
            guard case .collection(let value) = try DumpPayload.decode(slice) else { return nil }
            return value as? HashValue
        }
    }

    private static func body(_ bytes: [UInt8]) throws -> HashValue? {
        try decoded(DumpPayloadTests().sealed(bytes))
    }

    private static func refusal(_ bytes: [UInt8]) -> RDBError? { failure { _ = try body(bytes) } }

    @Test func writesWhatRedisWrites() {
        let small = Self.payload(Self.hash(["a": "1"]))
        #expect(small.dropLast(10) == [16, 12, 12, 0, 0, 0, 2, 0, 0x81, 0x61, 2, 1, 1, 0xff])
        let paged = Self.hash(["a": "1"])
        paged.unpack()
        #expect(Self.payload(paged).dropLast(10) == [4, 1, 1, 0x61, 0xc0, 1])
    }

    @Test func whatIsWrittenIsRead() throws {
        for size in [1, 2, 100, 512, 513, 5000] {
            var pairs: Pairs = [:]
            for index in 0..<size { pairs["field:\(index)"] = String(repeating: "\(index)", count: index % 7) }
            for compresses in [true, false] {
                let payload = Self.payload(Self.hash(pairs), compresses: compresses)
                #expect(payload[0] == (size > 512 ? 4 : 16))
                let read = try #require(try Self.decoded(payload))
                #expect(Self.pairs(read) == pairs)
                #expect("\(read.encodingName)" == (size > 512 ? "hashtable" : "listpack"))
            }
        }
    }

    /// A plain hash of few pairs is packed when read; a listpack of too many isn't.
    @Test func formsFollowTheLimits() throws {
        let plain = try #require(try Self.body([4, 2, 1, 0x61, 0xc0, 1, 1, 0x62, 0]))
        #expect(Self.pairs(plain) == ["a": "1", "b": ""])
        #expect("\(plain.encodingName)" == "listpack")
        let long = try #require(try Self.body([4, 1, 1, 0x61, 0x40, 65] + [UInt8](repeating: 0x78, count: 65)))
        #expect("\(long.encodingName)" == "hashtable")
        var list = Listpack()
        for index in 0..<1200 { list.append(integer: Int64(index)) }
        var buffer = ByteBuffer()
        RDBEncoder.append(string: list.bytes, compresses: false, to: &buffer)
        let many = try #require(try Self.body([16] + buffer.slice.array))
        #expect(many.count == 600 && "\(many.encodingName)" == "hashtable")
        list.free()
    }

    @Test func damageIsRefused() {
        let bodies: [[UInt8]] = [
            [4], [4, 0], [4, 1], [4, 1, 1, 0x61], [4, 2, 1, 0x61, 0, 1, 0x61, 0], [4, 0x80, 0xff, 0xff, 0xff, 0xff],
            [16], [16, 0], [16, 7, 7, 0, 0, 0, 0, 0, 0xff], [16, 9, 9, 0, 0, 0, 1, 0, 1, 1, 0xff],
            // A field twice; a length of its own that is wrong; one entry more than counted.
            [16, 15, 15, 0, 0, 0, 4, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0xff],
            [16, 11, 12, 0, 0, 0, 2, 0, 1, 1, 1, 1, 0xff],
            [16, 11, 11, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0xff],
        ]
        for body in bodies { #expect(Self.refusal(body) == .badFormat, "\(body)") }
        for pairs in [3, 600] {
            var model: Pairs = [:]
            for index in 0..<pairs { model["f\(index)"] = "\(index)" }
            let body = Array(Self.payload(Self.hash(model), compresses: false).dropLast(10))
            for cut in stride(from: 1, to: body.count, by: pairs > 100 ? 301 : 1) {
                #expect(Self.refusal(Array(body[..<cut])) == .badFormat)
            }
            // Whatever a changed byte makes of it is a good hash or refused.
            var random = RandomSource(seed: 7)
            for _ in 0..<(pairs > 100 ? 100 : 2000) {
                var damaged = body
                damaged[1 + random.index(below: body.count - 1)] = UInt8(truncatingIfNeeded: random.next())
                if let hash = try? Self.body(damaged) { hash.checkInvariants() }
            }
        }
    }
}
