import Bytes
import Testing
import Values

@testable import RDB

@Suite struct SetFormsTests {
    private static func make(_ members: some Sequence<String>) -> SetValue {
        let set = SetValue()
        for member in members { member.withSlice { set.add($0) } }
        return set
    }

    private static func members(_ set: SetValue) -> Set<String> {
        var result: Set<String> = []
        set.forEach { member in
            // A byte is a character, so that damaged members stay different.
            result.insert(member.withBytes { $0.buffer.map { String(UnicodeScalar($0)) }.joined() })
            return true
        }
        #expect(result.count == set.count)
        return result
    }

    private static func payload(_ set: SetValue) -> [UInt8] {
        var buffer = ByteBuffer()
        DumpPayload.append(.collection(set), to: &buffer)
        return buffer.slice.array
    }

    private static func decoded(_ payload: [UInt8]) throws -> SetValue {
        try payload.withSlice { slice in
            guard case .collection(let value as SetValue) = try DumpPayload.decode(slice) else {
                preconditionFailure("no set")
            }
            return value
        }
    }

    private static func sealed(_ body: [UInt8]) -> [UInt8] {
        let framed = body + [10, 0]
        let checksum = framed.withSlice { CRC64.checksum($0) }
        return framed + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt64($0))) }
    }

    @Test func writesWhatRedisWrites() {
        let integers: [UInt8] = [11, 14, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 2, 0, 3, 0]
        #expect(Self.payload(Self.make(["3", "1", "2"])) == Self.sealed(integers))
        #expect(Self.payload(Self.make(["hello"])) == Self.sealed([2, 1, 5] + Array("hello".utf8)))
        let one = Self.make(["x", "300"])
        "x".withSlice { _ = one.remove($0) }
        #expect(Self.payload(one) == Self.sealed([2, 1, 0xc1, 0x2c, 1]))
    }

    @Test(arguments: [1, 30, 512, 513, 5000]) func roundTrip(members: Int) throws {
        for prefix in ["", "-", "member:"] {
            let set = Self.make((1...members).map { "\(prefix)\($0)" })
            let back = try Self.decoded(Self.payload(set))
            #expect(Self.members(back) == Self.members(set))
            #expect("\(back.encodingName)" == "\(set.encodingName)")
        }
    }

    @Test func readsAListpack() throws {
        var list = Listpack()
        defer { list.free() }
        for member in ["a", "12", "-5"] { member.withSlice { list.append($0) } }
        func payload() -> [UInt8] { Self.sealed([20, UInt8(list.totalBytes)] + list.bytes.array) }
        #expect(Self.members(try Self.decoded(payload())) == ["a", "12", "-5"])
        "a".withSlice { list.append($0) }
        #expect(failure { _ = try Self.decoded(payload()) } == .badFormat)
    }

    @Test func refusesDamage() {
        for body: [UInt8] in [
            [2, 0], [2], [2, 1], [2, 2, 1, 0x61, 1, 0x61], [2, 2, 0xc0, 1, 0xc0, 1], [2, 2, 0xc0, 1, 1, 0x31],
            [2, 0x80, 0x7f, 0xff, 0xff, 0xff, 1, 0x61], [11, 0], [11, 8, 2, 0, 0, 0, 0, 0, 0, 0],
            [11, 12, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0], [11, 12, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0],
            [11, 10, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0], [11, 0xc0, 1], [20, 7, 7, 0, 0, 0, 0, 0, 0xff], [20, 1, 0xff],
        ] { #expect(failure { _ = try Self.decoded(Self.sealed(body)) } == .badFormat, "\(body)") }
    }

    @Test func survivesMutations() {
        var random = RandomSource(seed: 3)
        let seeds = [Self.make(["1", "2", "70000"]), Self.make(["a", "bb", "3"])].map { Self.payload($0).dropLast(10) }
        for _ in 0..<20_000 {
            var body = Array(seeds[random.index(below: seeds.count)])
            for _ in 0...random.index(below: 3) {
                body[1 + random.index(below: body.count - 1)] = UInt8(truncatingIfNeeded: random.next())
            }
            if let set = try? Self.decoded(Self.sealed(body)) { #expect(!Self.members(set).isEmpty) }
        }
    }
}
