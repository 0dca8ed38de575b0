import Bytes
import Testing

@testable import Values

@Suite struct RecordEncodingTests {
    private func encoded(_ record: Record) -> [UInt8] {
        var buffer = ByteBuffer()
        RecordEncoding.encode(record, into: &buffer)
        return buffer.slice.array
    }

    private func records() -> [Record] {
        let key = pattern(10)
        var all: [Record] = []
        for expiry in RecordTests.expiries {
            for length in RecordTests.valueLengths {
                all.append(
                    key.withSlice { key in
                        pattern(length).withSlice { Record.string(key: key, value: $0, expiry: expiry) }
                    })
            }
            for number in [0, -1, Int64.min, .max] {
                all.append(key.withSlice { Record.integer(key: $0, number, expiry: expiry) })
            }
        }
        return all
    }

    @Test func everyRecordComesBack() throws {
        for record in records() {
            record.access = 0x00c0ffee
            let bytes = encoded(record)
            let back = try #require(
                pattern(10).withSlice { key in bytes.withSlice { RecordEncoding.decode(key: key, $0) } })
            #expect(back.key == record.key && back.expiry == record.expiry && back.access == record.access)
            #expect(back.encoding == record.encoding && back.type == record.type && back.residency == 0)
            #expect(back.withString { $0.array } == record.withString { $0.array })
            let head = try #require(bytes.withSlice { RecordEncoding.head($0) })
            #expect(head.expiry == record.expiry && head.encoding == record.encoding && head.access == record.access)
            #expect(encoded(back) == bytes)
            back.free()
            record.free()
        }
    }

    /// What is cut short or damaged is refused, or decoded to something that encodes to the same bytes.
    @Test func hostileBytesAreRefusedOrConsistent() {
        var random = RandomSource(seed: 4)
        func check(_ bytes: [UInt8]) {
            guard let record = bytes.withSlice({ RecordEncoding.decode(key: ByteSlice("k"), $0) }) else { return }
            #expect(encoded(record) == bytes)
            record.free()
        }
        for record in records() where record.stringLength < 300 {
            let bytes = encoded(record)
            record.free()
            for count in 0..<bytes.count { check(Array(bytes[..<count])) }
            for _ in 0..<50 {
                var damaged = bytes
                for _ in 0...random.index(below: 3) {
                    damaged[random.index(below: min(damaged.count, 14))] = UInt8(random.below(256))
                }
                check(damaged)
            }
        }
        for _ in 0..<20_000 { check((0..<random.index(below: 24)).map { _ in UInt8(random.below(256)) }) }
    }

    @Test func unknownKindsAndFlagsAreRefused() {
        let good: [UInt8] = [0x80, 0, 0, 0, 0, 0x61]
        #expect(good.withSlice { RecordEncoding.head($0) } != nil)
        for (at, byte) in [(0, UInt8(0x81)), (0, 0x20), (0, 0xf0), (1, 2), (1, 0x80), (1, 3)] {
            var bad = good
            bad[at] = byte
            #expect(bad.withSlice { RecordEncoding.head($0) } == nil, "byte \(at) = \(byte)")
        }
    }

    /// The bytes on disk, once and for all.
    @Test func theFormatIsFixed() {
        let record = Record.integer(key: ByteSlice("k"), 258, expiry: 0x0102030405060708)
        record.access = 0x0a0b0c
        #expect(
            encoded(record) == [0x10, 1, 0x0c, 0x0b, 0x0a, 8, 7, 6, 5, 4, 3, 2, 1, 2, 1, 0, 0, 0, 0, 0, 0])
        record.free()
        let text = Record.string(key: ByteSlice("k"), value: ByteSlice("ab"), expiry: nil)
        #expect(encoded(text) == [0x80, 0, 0, 0, 0, 0x61, 0x62])
        text.free()
    }
}
