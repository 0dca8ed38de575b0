import Testing

import Bytes
@testable import RDB

func bytes(hex: String) -> [UInt8] {
    let digits = hex.utf8.map { $0 <= 0x39 ? $0 - 0x30 : $0 - 0x57 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// The error that `body` throws.
func failure(_ body: () throws -> Void) -> RDBError? {
    do {
        try body()
        return nil
    } catch {
        return error as? RDBError
    }
}

/// Values and what DUMP of redis-server 7.0.15 answered for them.
let golden: [(value: String, payload: String)] = [
    ("", "00000a005d9b5c400f7fa2da"),
    ("0", "00c0000a009840a778f8500308"),
    ("-1", "00c0ff0a000c937e2485089dc5"),
    ("127", "00c07f0a000db5eb315254c514"),
    ("128", "00c180000a00eb7ab3b510cf4b65"),
    ("-128", "00c0800a009966326d2f0c5bd9"),
    ("-129", "00c17fff0a001760822854808480"),
    ("32767", "00c1ff7f0a00495a37da17f4d52b"),
    ("32768", "00c2008000000a0045d82eedd5bda910"),
    ("-32769", "00c2ff7fffff0a00aee34c4d06c68536"),
    ("2147483647", "00c2ffffff7f0a002c74e59ee02eada1"),
    ("-2147483648", "00c2000000800a00c74f873e33558187"),
    ("2147483648", "000a323134373438333634380a00e7b129a34c1d76ee"),
    ("9223372036854775807", "0013393232333337323033363835343737353830370a003a657e9481e85f22"),
    ("007", "00033030370a007258e27b4c69bad9"),
    ("hello", "000568656c6c6f0a006372df766534200a"),
    (String(repeating: "a", count: 20), "001461616161616161616161616161616161616161610a0083b46b5e1b11acf1"),
    (String(repeating: "a", count: 21), "00c30615016161e00a000a00fd0cb36807413f68"),
    (String(repeating: "a", count: 100), "00c3094064016161e057000161610a00e8a3b507b06df271"),
    (String(repeating: "x", count: 63) + "y", "00c3094040017878e033000178790a00c84995b8ec2846b6"),
]

@Suite struct DumpPayloadTests {
    func payload(_ string: [UInt8], compresses: Bool = true) -> [UInt8] {
        var buffer = ByteBuffer()
        string.withSlice { DumpPayload.append(.string(.view($0)), compresses: compresses, to: &buffer) }
        return buffer.slice.array
    }

    func decoded(_ payload: [UInt8]) throws -> [UInt8] {
        try payload.withSlice { slice in
            switch try DumpPayload.decode(slice) {
            case .string(let string): return string.array
            case .collection: throw RDBError.badFormat
            }
        }
    }

    /// `body` with a valid footer.
    func sealed(_ body: [UInt8], version: Int = 10) -> [UInt8] {
        let framed = body + [UInt8(version & 0xff), UInt8(version >> 8)]
        let checksum = framed.withSlice { CRC64.checksum($0) }
        return framed + (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * UInt64($0))) }
    }

    @Test func checksumOfTheUsualVector() {
        #expect("123456789".withSlice { CRC64.checksum($0) } == 0xe9c6_d914_c4b8_d9ca)
        // In pieces of any size, around the eight bytes of a step.
        let whole = (0..<100).map { UInt8($0) }
        let expected = whole.withSlice { CRC64.checksum($0) }
        for cut in 0...100 {
            let first = whole[..<cut].withUnsafeBufferPointer { Array($0) }.withSlice { CRC64.update(0, $0) }
            #expect(Array(whole[cut...]).withSlice { CRC64.update(first, $0) } == expected)
        }
    }

    @Test func readsAndWritesWhatRedisWrites() throws {
        for (value, hex) in golden {
            let expected = bytes(hex: hex)
            #expect(payload(Array(value.utf8)) == expected, "\(value)")
            #expect(text(try decoded(expected)) == value)
        }
    }

    @Test func lengthsAroundTheirBounds() throws {
        var random = RandomSource(seed: 1)
        for count in [0, 1, 20, 21, 63, 64, 255, 256, 16_383, 16_384, 70_000, 1_000_000] {
            let noise = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let repetitive = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 50 % 7) }
            for value in [noise, repetitive] {
                for compresses in [true, false] {
                    #expect(try decoded(payload(value, compresses: compresses)) == value)
                }
            }
            if count > 20 { #expect(payload(repetitive).count < payload(repetitive, compresses: false).count) }
        }
        var buffer = ByteBuffer()
        for value: Int64 in [.min, -1 << 31, 0, 1 << 31, .max] {
            buffer.removeAll()
            DumpPayload.append(.string(.integer(value)), to: &buffer)
            #expect(try text(decoded(buffer.slice.array)) == String(value))
        }
        // A length may be spelled in more bytes than it needs.
        #expect(try decoded(sealed([0, 0x81, 0, 0, 0, 0, 0, 0, 0, 2, 65, 66])) == [65, 66])
        #expect(try decoded(sealed([0, 0x80, 0, 0, 0, 1, 65])) == [65])
    }

    @Test func refusesBadFooters() throws {
        let good = payload(Array("hello".utf8))
        for i in good.indices {
            var bad = good
            bad[i] ^= 1
            #expect(failure { _ = try decoded(bad) } == .wrongVersionOrChecksum, "byte \(i)")
        }
        for count in 0..<good.count {
            #expect(failure { _ = try decoded(Array(good[..<count])) } == .wrongVersionOrChecksum)
        }
        #expect(failure { _ = try decoded(sealed([0, 0], version: 13)) } == .wrongVersionOrChecksum)
        #expect(try decoded(sealed([0, 0], version: 12)) == [])
        #expect(try decoded(sealed([0, 0], version: 1)) == [])
    }

    @Test func refusesBadBodies() {
        let bodies: [[UInt8]] = [
            [], [0], [0, 1], [0, 0x40], [0, 0x41, 0], [0, 0x80, 0, 0, 0], [0, 0x82, 0, 0, 0, 0], [0, 0xc0],
            [0, 0xc1, 1],
            [0, 0xc2, 1, 2, 3], [0, 0xc4, 0], [0, 0xff], [0, 0xc3], [0, 0xc3, 1], [0, 0xc3, 0, 5], [0, 0xc3, 1, 0, 0],
            [0, 0xc3, 2, 5, 0x20], [0, 0xc3, 1, 80, 0x20], [0, 0xc3, 0xc0, 1, 1], [200], [100, 0],
            // A compressed length and a length that don't fit each other: nothing of that size is allocated.
            [0, 0xc3, 2, 0x80, 0x10, 0, 0, 0, 0, 65],
            // A back reference in front of the output.
            [0, 0xc3, 3, 5, 0x20, 0x05, 0x00],
        ]
        for body in bodies {
            #expect(failure { _ = try decoded(sealed(body)) } == .badFormat, "\(body)")
        }
        #expect(failure { _ = try decoded(sealed([0, 0x80, 0xff, 0xff, 0xff, 0xff])) } == .stringTooLong(0xffff_ffff))
        #expect(
            failure { _ = try decoded(sealed([0, 0x81] + [UInt8](repeating: 0xff, count: 8))) } == .stringTooLong(.max))
    }

    @Test func namesTypesThatItCannotDecode() {
        for type in UInt8(1)...25 where !RDBCollections.types.contains(type) {
            #expect(failure { _ = try decoded(sealed([type, 0])) } == .unsupportedType(type))
        }
    }

    @Test func survivesMutations() {
        var random = RandomSource(seed: 0xd0_0d)
        let seeds = golden.map { bytes(hex: $0.payload).dropLast(10) }.map(Array.init)
        var accepted = 0
        for _ in 0..<30_000 {
            var body = seeds[random.index(below: seeds.count)]
            for _ in 0...random.index(below: 4) {
                switch random.index(below: 4) {
                case 0 where !body.isEmpty:
                    body[random.index(below: body.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1 where !body.isEmpty: body.removeLast(random.index(below: body.count) + 1)
                case 2: body.insert(UInt8(truncatingIfNeeded: random.next()), at: random.index(below: body.count + 1))
                default: body += (0..<random.index(below: 6)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                }
            }
            // Allocated exactly, so that a sanitizer would see a read behind the end.
            if let value = try? decoded(sealed(body)) {
                accepted += 1
                #expect(value.count <= max(20, 88 * body.count))
            }
        }
        #expect(accepted > 1000)
    }
}
