import Bytes
import Testing

@testable import Values

/// Small collections without an instance: what stands in the record, and what brings and takes the instance.
@Suite struct PackedRecordTests {
    private static let key = Array("a key".utf8)

    /// A hash, a list, a set and a sorted set of `members`, with what OBJECT ENCODING says of them.
    private static func collections(_ members: Int) -> [(CollectionValue, String)] {
        let (hash, list, set, sorted) = (HashValue(), ListValue(), SetValue(), SortedSetValue())
        for number in 0..<members {
            Decimal.bytes(Int64(number)).withSlice { member in
                hash.set(member, member)
                list.push(member, .right)
                set.add(member)
                sorted.set(member, Double(number))
            }
        }
        return [hash, list, set, sorted].map { ($0, "\($0.encodingName)") }
    }

    private static func record(_ value: CollectionValue, expiry: Int64? = nil) -> Record {
        key.withSlice { .collection(key: $0, value, expiry: expiry) }
    }

    private static func encoded(_ record: Record) -> [UInt8] {
        var buffer = ByteBuffer()
        RecordEncoding.encode(record, into: &buffer)
        return buffer.slice.array
    }

    /// Packed or open, all that others see of a record is the same.
    @Test(arguments: [1, 100])
    func packedAndOpenLookTheSame(members: Int) {
        for (value, name) in Self.collections(members) {
            let record = Self.record(value, expiry: 12)
            defer { record.free() }
            let (bytes, memory) = (Self.encoded(record), record.memoryBytes)
            for _ in 0..<2 {
                record.pack()
                #expect(record.isPacked && record.collectionObject == nil && !record.hasMemberExpiries)
                #expect(Self.encoded(record) == bytes && record.memoryBytes == memory)
                #expect("\(record.encodingName)" == name && record.expiry == 12 && record.key.array == Self.key)
                #expect(record.withCollection { $0.count } == members)
                #expect(record.isPacked)
                let opened = record.open()
                #expect(!record.isPacked && record.collectionObject === opened && opened.count == members)
                #expect(Self.encoded(record) == bytes && record.memoryBytes == memory)
                #expect("\(record.encodingName)" == name)
            }
            // From flash it comes packed.
            let back = Self.key.withSlice { key in bytes.withSlice { RecordEncoding.decode(key: key, $0) } }
            #expect(back?.isPacked == true && back.map { Self.encoded($0) } == bytes)
            back?.free()
        }
    }

    /// No instance is left behind by packing, none by freeing.
    @Test func instancesGo() {
        for isPacked in [true, false] {
            for kind in 0..<4 {
                let (record, instance) = Self.recordAndInstance(kind)
                #expect(instance.value != nil)
                if isPacked { record.pack() } else { record.free() }
                #expect(instance.value == nil)
                if isPacked { record.free() }
            }
        }
    }

    private final class Weak {
        weak var value: CollectionValue?
    }

    private static func recordAndInstance(_ kind: Int) -> (Record, Weak) {
        let reference = Weak()
        let value = collections(3)[kind].0
        reference.value = value
        return (record(value), reference)
    }

    /// Copies are independent; a moved record takes block or instance along.
    @Test func copiesAndMoves() {
        for (value, _) in Self.collections(5) {
            let record = Self.record(value)
            record.pack()
            let copy = Self.key.withSlice { record.copy(key: $0, expiry: nil) }
            #expect(copy.isPacked && Self.encoded(copy) == Self.encoded(record))
            let opened = copy.open()
            opened.home = copy
            let moved = copy.settingExpiry(77)
            #expect(opened.home?.raw == moved.raw && moved.collectionObject === opened)
            _ = (opened as? ListValue)?.removeSubrange(0..<1)
            opened.removeMember(ByteSlice("0"))
            moved.pack()
            #expect(moved.withCollection { $0.count } == 4 && record.withCollection { $0.count } == 5)
            // A packed one moves too.
            let again = moved.settingExpiry(nil)
            #expect(again.isPacked && again.expiry == nil && again.withCollection { $0.count } == 4)
            // To another key: both refer to the same until the old one is freed.
            let renamed = "other".withSlice { again.copy(key: $0, expiry: nil, isMove: true) }
            again.free()
            renamed.pack()
            #expect(renamed.isPacked && renamed.withCollection { $0.count } == 4)
            renamed.free()
            let kept = record.open()
            kept.home = record
            record.free()
            #expect(kept.home == nil && kept.count == 5, "the record has gone, who holds the instance still has it")
        }
    }

    /// More than one block, or times of members: the instance stays.
    @Test func otherCollectionsStayOpen() {
        for (value, _) in Self.collections(5000) {
            let record = Self.record(value)
            record.pack()
            #expect(record.collectionObject === value && record.memoryBytes > 5000)
            record.free()
        }
        for (value, _) in Self.collections(5) where !(value is ListValue) {
            let plain = value.memoryBytes
            "1".withSlice { value.setExpiry(of: $0, 9) }
            #expect(value.memoryBytes > plain)
            let record = Self.record(value)
            record.pack()
            #expect(record.collectionObject === value && record.hasMemberExpiries)
            "1".withSlice { value.setExpiry(of: $0, nil) }
            record.noteMemberExpiries()
            record.pack()
            #expect(record.isPacked && !record.hasMemberExpiries)
            record.free()
        }
    }
}
