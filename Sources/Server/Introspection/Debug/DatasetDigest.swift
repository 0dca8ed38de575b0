import Bytes
import Values

/// The digest of DEBUG DIGEST and DIGEST-VALUE, as Redis computes it: equal data, equal digest, whatever tier it is in.
///
/// A key's digest mixes type, value and whether there is an expiry; the data set's is the exclusive or over all keys,
/// mixed with the numbers of databases that have keys.
struct DatasetDigest: Equatable {
    private(set) var bytes = [UInt8](repeating: 0, count: 20)

    var text: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// Adds data whose order doesn't matter.
    mutating func join(_ data: ByteSlice) {
        let hash = SHA1.digest(data)
        for index in 0..<20 { bytes[index] ^= hash[index] }
    }

    mutating func join(_ other: DatasetDigest) { other.bytes.withSlice { join($0) } }

    /// Adds what was joined elsewhere.
    mutating func add(_ joined: DatasetDigest) {
        for index in 0..<20 { bytes[index] ^= joined.bytes[index] }
    }

    /// Adds data whose order matters.
    mutating func mix(_ data: ByteSlice) {
        join(data)
        bytes = bytes.withSlice { SHA1.digest($0) }
    }

    /// A 32-bit number in network order.
    mutating func mix(number: Int) {
        let value = UInt32(truncatingIfNeeded: number)
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }.withSlice { mix($0) }
    }

    /// As Redis: what a list holds in its order, what the others hold so that the order doesn't matter.
    private mutating func mixCollection(_ record: Record) {
        record.withCollection { collection in
            switch collection {
            case let set as SetValue: mixSet(set)
            case let hash as HashValue: mix(hash)
            case let list as ListValue: mixList(list)
            case let value as SortedSetValue: mix(value)
            case let stream as StreamValue: mix(stream)
            default: preconditionFailure("a collection without a digest")
            }
        }
    }

    private mutating func mixSet(_ set: SetValue) {
        mix(number: 2)
        set.forEach { member in
            member.withBytes { join($0) }
            return true
        }
    }

    private mutating func mixList(_ list: ListValue) {
        mix(number: 1)
        list.forEach(in: 0..<list.count) { page, offset in
            page.withBytes(offset) { mix($0) }
            return true
        }
    }

    private mutating func mix(_ value: SortedSetValue) {
        mix(number: 3)
        value.forEach(in: 0..<value.count) { member, score in
            var element = DatasetDigest()
            element.mix(member)
            Decimal.formatReplyDouble(score).withSlice { element.mix($0) }
            join(element)
        }
    }

    /// Adds a value with its type and whether it expires.
    mutating func mix(_ record: Record) {
        switch record.type {
        case .string:
            mix(number: 0)
            record.withString { mix($0) }
        case .list, .set, .zset, .hash, .stream: mixCollection(record)
        }
        if record.hasExpiry { join(ByteSlice("!!expire!!")) }
    }

    private mutating func mix(_ stream: StreamValue) {
        mix(number: 6)
        stream.forEach { entry in
            entry.id.withText(separator: UInt8(ascii: ".")) { mix($0) }
            entry.forEach { field, value in
                field.withBytes { mix($0) }
                value.withBytes { mix($0) }
            }
            return true
        }
    }

    private mutating func mix(_ hash: HashValue) {
        mix(number: 4)
        hash.forEach { pair in
            var digest = DatasetDigest()
            pair.page.withBytes(pair.field) { digest.mix($0) }
            pair.page.withBytes(pair.value) { digest.mix($0) }
            join(digest)
            return true
        }
    }
}
