import Bytes
import Testing
import Values

/// Times of members beside the values: what holds them, copies, frees and encodes them.
@Suite struct MemberExpiriesTests {
    private static func collections(_ members: Int) -> [CollectionValue] {
        let hash = HashValue()
        let set = SetValue()
        let sorted = SortedSetValue()
        for number in 0..<members {
            Decimal.bytes(Int64(number)).withSlice { member in
                hash.set(member, member)
                set.add(member)
                sorted.set(member, Double(number))
            }
        }
        return [hash, set, sorted]
    }

    private static func setTimes(_ value: CollectionValue, _ members: Int) {
        for number in stride(from: 0, to: members, by: 2) {
            Decimal.bytes(Int64(number)).withSlice { value.setExpiry(of: $0, Int64(10_000 - number)) }
        }
    }

    private static func times(_ value: CollectionValue) -> [String: Int64] {
        var times: [String: Int64] = [:]
        guard let expiries = value.expiries else { return [:] }
        expiries.forEach(in: 0..<expiries.count) { member, time in times[member.string] = Int64(time) }
        return times
    }

    @Test(arguments: [1, 10, 3000])
    func timesAreKeptCopiedAndTaken(members: Int) {
        for value in Self.collections(members) {
            let plain = value.memoryBytes
            Self.setTimes(value, members)
            #expect(value.memoryBytes > plain)
            let copy = value.copy()
            #expect(Self.times(copy) == Self.times(value))
            #expect(value.earliestExpiry == Int64(10_000 - (members - 1) / 2 * 2))
            // All go in portions, and their members with them; the copy isn't touched.
            #expect(value.trim(at: 10_001, limit: 7) == min(7, (members + 1) / 2))
            value.trim(at: 10_001)
            #expect(value.count == members / 2)
            #expect(value.expiries == nil && value.earliestExpiry == nil && value.dueMembers(at: .max) == 0)
            #expect(copy.count == members)
            for number in 0..<members { Decimal.bytes(Int64(number)).withSlice { _ = copy.removeMember($0) } }
            #expect(copy.expiries == nil && copy.count == 0)
        }
    }

    /// Nothing is paid for by collections without times, and all of it is given back.
    @Test func memoryIsCounted() {
        for value in Self.collections(10) {
            let plain = value.memoryBytes
            Self.setTimes(value, 10)
            for number in 0..<10 { Decimal.bytes(Int64(number)).withSlice { value.setExpiry(of: $0, nil) } }
            #expect(value.memoryBytes == plain)
        }
    }

    /// A hash that becomes paged keeps the times of its fields, in both directions of the two changes.
    @Test func timesSurviveAChangeOfForm() {
        let hash = HashValue()
        "a".withSlice { name in
            hash.set(name, ByteSlice("1"))
            hash.setExpiry(of: name, 5)
            #expect("\(hash.encodingName)" == "listpackex")
            hash.unpack()
            #expect("\(hash.encodingName)" == "hashtable")
            #expect(hash.expiry(of: name) == 5)
            hash.setExpiry(of: name, nil)
            #expect(hash.expiries == nil && hash.count == 1 && "\(hash.encodingName)" == "hashtable")
        }
        hash.checkInvariants()
    }

    private static func encoded(_ value: CollectionValue, expiry: Int64?) -> [UInt8] {
        var buffer = ByteBuffer()
        let record = Record.collection(key: ByteSlice("k"), value, expiry: expiry)
        RecordEncoding.encode(record, into: &buffer)
        record.free()
        return buffer.slice.array
    }

    private static func decoded(_ bytes: [UInt8]) -> (count: Int, times: [String: Int64], flag: Bool)? {
        bytes.withSlice { slice in
            guard let record = RecordEncoding.decode(key: ByteSlice("k"), slice) else { return nil }
            defer { record.free() }
            return record.withCollection { ($0.count, times($0), record.hasMemberExpiries) }
        }
    }

    @Test(arguments: [1, 10, 3000])
    func flashAndBack(members: Int) {
        for value in Self.collections(members) {
            #expect(Self.decoded(Self.encoded(value.copy(), expiry: nil))?.flag == false)
            Self.setTimes(value, members)
            let times = Self.times(value)
            for expiry in [nil, 77] as [Int64?] {
                let bytes = Self.encoded(value.copy(), expiry: expiry)
                let head = bytes.withSlice { RecordEncoding.head($0) }
                #expect(head?.expiry == expiry)
                #expect(head?.memberExpiry == value.earliestExpiry)
                #expect(head?.earliest == expiry ?? value.earliestExpiry)
                let decoded = Self.decoded(bytes)
                #expect(decoded?.count == members && decoded?.times == times && decoded?.flag == true)
            }
        }
    }

    /// What was cut or changed is refused, or is another collection whose times are of its members: never a trap.
    @Test func damageIsRefused() {
        for value in Self.collections(8) {
            Self.setTimes(value, 8)
            let bytes = Self.encoded(value, expiry: nil)
            for count in 0..<bytes.count { #expect(Self.decoded(Array(bytes[..<count])) == nil, "cut at \(count)") }
            for at in bytes.indices {
                for bit in 0..<8 {
                    var bad = bytes
                    bad[at] ^= 1 << bit
                    if let read = Self.decoded(bad) { #expect(read.times.count <= read.count) }
                }
            }
        }
    }
}
