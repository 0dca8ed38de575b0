import Bytes
import CShims
import Testing

@testable import Values

/// Bytes that tests are made of: no two positions alike, so that a shift shows.
func pattern(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) ^ seed | 0x80 }
}

private func contents(_ record: Record) -> [UInt8] { record.withString { $0.array } }

private func make(_ key: [UInt8], _ value: [UInt8], _ expiry: Int64?) -> Record {
    key.withSlice { key in value.withSlice { Record.string(key: key, value: $0, expiry: expiry) } }
}

@Suite struct RecordTests {
    /// Key lengths, value lengths and expiries across every boundary of the layout.
    static let keyLengths = [0, 1, 2, 15, 16, 17, 100, 300]
    static let valueLengths = [0, 1, 8, 20, 21, 44, 45, 200, 16_383, 16_384, 16_385, 70_000]
    static let expiries: [Int64?] = [nil, 0, 1_700_000_000_000, -1, .max]

    @Test func everyLayoutKeepsKeyValueAndExpiry() {
        for keyLength in Self.keyLengths {
            for length in Self.valueLengths {
                for expiry in Self.expiries {
                    let key = pattern(keyLength)
                    let value = pattern(length, seed: 3)
                    let record = make(key, value, expiry)
                    #expect(record.key.array == key)
                    #expect(contents(record) == value)
                    #expect(record.stringLength == length)
                    #expect(record.expiry == expiry)
                    #expect(record.hasExpiry == (expiry != nil))
                    #expect(record.encoding == (length <= 44 ? .embstr : .raw))
                    #expect((record.sharedValue != nil) == (length >= Record.externalThreshold))
                    #expect(record.residency == 0 && record.access == 0)
                    #expect(record.memoryBytes >= keyLength + length + 14)
                    record.access = 0xabcdef
                    record.residency = 0x5a
                    #expect(record.access == 0xabcdef && record.residency == 0x5a)
                    #expect(record.key.array == key && contents(record) == value && record.expiry == expiry)
                    #expect(key.withSlice { record.hasKey($0) })
                    #expect((key + [1]).withSlice { !record.hasKey($0) })
                    record.free()
                }
            }
        }
    }

    @Test func integersAreKeptAsSuch() {
        let texts = ["0", "-1", "7", "1234567890123", "9223372036854775807", "-9223372036854775808"]
        let others = ["", "-", "-0", "01", "+1", " 1", "1 ", "9223372036854775808", "1.0", "12345678901234567890123"]
        for text in texts {
            let record = make([1, 2], Array(text.utf8), 5)
            #expect(record.encoding == .int && record.integerValue == Int64(text))
            #expect(contents(record) == Array(text.utf8) && record.stringLength == text.utf8.count)
            record.replaceInteger(-42)
            #expect(contents(record) == Array("-42".utf8) && record.stringLength == 3 && record.expiry == 5)
            record.free()
        }
        for text in others {
            let record = make([1, 2], Array(text.utf8), nil)
            #expect(record.integerValue == nil, "\(text)")
            #expect(contents(record) == Array(text.utf8))
            record.free()
        }
    }

    /// Every change of length across every boundary keeps the prefix and zeroes the rest.
    @Test func writableStringKeepsTheOldAndZeroesTheNew() {
        let lengths = [0, 1, 8, 40, 44, 45, 60, 100, 1_000, 16_383, 16_384, 20_000, 70_000]
        for from in lengths {
            for to in lengths {
                for expiry in [nil, Int64(77)] {
                    let value = pattern(from)
                    let record = make([9, 9, 9], value, expiry)
                    record.residency = 0x2b
                    record.access = 0x123456
                    let (changed, bytes) = record.writableString(length: to)
                    let kept = min(from, to)
                    #expect(contents(changed) == value[..<kept] + [UInt8](repeating: 0, count: to - kept))
                    #expect(changed.expiry == expiry && changed.key.array == [9, 9, 9])
                    #expect(changed.residency == 0x2b && changed.access == 0x123456)
                    #expect(changed.encoding == .raw)
                    for at in 0..<to { bytes[at] = UInt8(truncatingIfNeeded: at) }
                    #expect(contents(changed) == (0..<to).map { UInt8(truncatingIfNeeded: $0) })
                    changed.free()
                }
            }
        }
    }

    @Test func writableStringWritesAnIntegerOut() {
        let record = make([1], Array("-120".utf8), nil)
        let (changed, bytes) = record.writableString(length: 6)
        #expect(contents(changed) == Array("-120".utf8) + [0, 0])
        bytes[4] = 0x35
        #expect(changed.encoding == .raw && contents(changed)[4] == 0x35)
        changed.free()
    }

    /// A block that a reply holds is not written to; one that nobody holds is changed where it is.
    @Test func sharedBlocksAreCopiedBeforeTheyAreWritten() {
        let value = pattern(20_000)
        let record = make([1], value, nil)
        var held = record.sharedValue
        let (second, bytes) = record.writableString(length: 20_001)
        bytes[0] = 1
        #expect(held?.slice.array == value)
        #expect(contents(second)[0] == 1 && contents(second).count == 20_001)
        held = nil
        let address = second.storedBytes.base
        let (third, _) = second.writableString(length: 20_500)
        #expect(third.storedBytes.base == address)
        third.free()
    }

    @Test func copiesShareBlocksAndNothingElse() {
        for length in [3, 100, 20_000] {
            let value = pattern(length)
            let record = make([1], value, 9)
            record.access = 77
            let copy = [UInt8](repeating: 5, count: 40).withSlice { record.copy(key: $0, expiry: nil) }
            #expect(contents(copy) == value && copy.expiry == nil && copy.key.count == 40 && copy.access == 77)
            #expect((copy.sharedValue === record.sharedValue))
            let (changed, bytes) = copy.writableString(length: length)
            bytes[0] = 0
            #expect(contents(record) == value)
            record.free()
            #expect(contents(changed)[0] == 0)
            changed.free()
        }
    }

    @Test func settingExpiryChangesNothingElse() {
        for length in [0, 5, 44, 60, 20_000] {
            let value = pattern(length)
            var record = make([4, 2], value, nil)
            record.residency = 0x31
            record.access = 99
            for expiry: Int64? in [5, 6, nil, nil, 7] {
                record = record.settingExpiry(expiry)
                #expect(record.expiry == expiry && contents(record) == value && record.key.array == [4, 2])
                #expect(record.residency == 0x31 && record.access == 99)
            }
            record.free()
        }
    }

    @Test func aBlockLivesAsLongAsSomebodyHoldsIt() {
        let record = make([1], pattern(30_000), nil)
        weak var watched = record.sharedValue
        var held = record.sharedValue
        record.free()
        #expect(watched != nil && held?.count == 30_000)
        held = nil
        #expect(watched == nil)
    }
}
