import Bytes
import CShims

/// A value as bytes on flash. The format is on disk: fields are never renumbered or moved, new ones get new flag bits.
///
///     0      1      2         5
///     kind   flags  access    [expiry, 8] [earliest, 8] [times] value
///
/// - kind: `ValueType` in the low four bits, `ValueEncoding` in the high four.
/// - flags: bit 0: an expiry follows. Bit 1: members of the collection expire. All other bits are 0.
/// - access: the 24-bit LRU or LFU word, little endian, so that OBJECT FREQ survives a trip to flash.
/// - expiry: unix milliseconds, little endian.
/// - earliest: when the first of the members that expire is past due, in the same form, so that the head tells it.
/// - times: the members that expire, as `SortedSetValue` encodes them with their times as scores, behind its length
///   (4 bytes, little endian).
/// - value: the string's bytes, or 8 bytes little endian for an integer, or what the collection's class writes.
///
/// RocksDB's block checksums guard it; the decoder still refuses what it does not know.
public enum RecordEncoding {
    /// Appends the encoded value of `record`. O(n).
    public static func encode(_ record: Record, into buffer: inout ByteBuffer) {
        let collection = record.collectionObject
        let block = record.isPacked ? record.block : nil
        buffer.reserve(13 + (block?.bytes.count ?? collection?.encodedBytes ?? record.storedLength))
        buffer.append(record.type.rawValue | record.encoding.rawValue << 4)
        let times = collection?.expiries
        buffer.append((record.hasExpiry ? 1 : 0) | (times == nil ? 0 : 2))
        let access = record.access
        buffer.append(UInt8(truncatingIfNeeded: access))
        buffer.append(UInt8(truncatingIfNeeded: access >> 8))
        buffer.append(UInt8(truncatingIfNeeded: access >> 16))
        if let expiry = record.expiry { append(UInt64(bitPattern: expiry), to: &buffer) }
        if let times { append(times, to: &buffer) }
        if let block {
            block.encode(into: &buffer)
        } else if let collection {
            collection.encode(into: &buffer)
        } else if let number = record.integerValue {
            append(UInt64(bitPattern: number), to: &buffer)
        } else {
            buffer.append(record.storedBytes)
        }
    }

    private static func append(_ times: SortedSetValue, to buffer: inout ByteBuffer) {
        append(UInt64(times.first ?? 0), to: &buffer)
        var encoded = ByteBuffer()
        times.encode(into: &encoded)
        for shift in [0, 8, 16, 24] { buffer.append(UInt8(truncatingIfNeeded: encoded.count >> shift)) }
        buffer.append(encoded.slice)
    }

    /// The times in front of a collection; nil if the bytes are not in the format. `rest`: what follows them.
    private static func times(_ bytes: ByteSlice, _ rest: inout ByteSlice) -> SortedSetValue? {
        guard bytes.count > 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let body = bytes.dropFirst(4)
        guard length <= body.count, let times = SortedSetValue.decode(body.prefix(length)) else { return nil }
        rest = body.dropFirst(length)
        return times
    }

    private static func append(_ number: UInt64, to buffer: inout ByteBuffer) {
        withUnsafeBytes(of: number.littleEndian) { raw in
            // The view covers the integer's 8 bytes during this call.
            buffer.append(ByteSlice(raw.baseAddress.unsafelyUnwrapped, count: 8))
        }
    }

    /// A record for `key` from its encoded value; nil if the bytes are not in the format. The residency byte is 0.
    public static func decode(key: ByteSlice, _ bytes: ByteSlice) -> Record? {
        guard bytes.count >= 5, let head = head(bytes) else { return nil }
        var value = bytes.dropFirst(head.valueOffset)
        var times: SortedSetValue?
        if head.memberExpiry != nil {
            times = self.times(value, &value)
            guard times != nil else { return nil }
        }
        let record: Record
        switch head.encoding {
        case .collection:
            guard let collection = CollectionValue.decode(head.type, value) else { return nil }
            if let times, !collection.adopt(expiries: times) { return nil }
            record = .collection(key: key, collection, expiry: head.expiry)
            record.pack()
        case .int:
            guard value.count == 8 else { return nil }
            let number = UnsafeRawPointer(value.base).loadUnaligned(as: UInt64.self)
            record = .integer(key: key, Int64(bitPattern: UInt64(littleEndian: number)), expiry: head.expiry)
        case .raw, .embstr:
            record = .string(
                key: key, value: value, expiry: head.expiry, allowInteger: false, encoding: head.encoding)
        }
        record.access = head.access
        return record
    }

    /// The form of collections whose pages are values of their own.
    static let rootForm: UInt8 = 2

    /// The collection whose pages go with this value; nil if it has none of its own.
    public static func pagedCollection(_ bytes: ByteSlice) -> UInt64? {
        guard let head = head(bytes), head.encoding == .collection else { return nil }
        // With members that expire it goes as a whole.
        let value = bytes.dropFirst(head.valueOffset)
        guard head.memberExpiry == nil, value.count > 1, value[0] == rootForm else { return nil }
        return switch head.type {
        case .hash, .set: PagedHash.collection(ofRoot: value.dropFirst(1))
        case .list: CountedTree.collection(ofRoot: value.dropFirst(1))
        case .zset: SortedSetValue.collection(ofRoot: value.dropFirst(1))
        case .string, .stream: nil
        }
    }

    /// About so many bytes on flash that a value and the pages that go with it take, before compression.
    public static func bytesWithPages(_ bytes: ByteSlice) -> Int {
        guard let head = head(bytes), pagedCollection(bytes) != nil else { return bytes.count }
        let root = bytes.dropFirst(head.valueOffset + 1)
        if head.type == .list { return bytes.count + CountedTree.pageBytes(ofRoot: root, width: 1) }
        if head.type == .zset { return bytes.count + SortedSetValue.pageBytes(ofRoot: root) }
        return bytes.count + PagedHash.pageCount(ofRoot: root) * PagedHash.typicalPageBytes
    }

    /// What stands before the value.
    public struct Head: Sendable {
        public let type: ValueType
        public let encoding: ValueEncoding
        public let access: UInt32
        public let expiry: Int64?
        /// When the first of the members that expire is past due; nil if none does.
        public let memberExpiry: Int64?
        let valueOffset: Int

        /// When time changes the key for the first time.
        public var earliest: Int64? {
            guard let expiry, let memberExpiry else { return expiry ?? memberExpiry }
            return min(expiry, memberExpiry)
        }
    }

    /// Reads the head alone; nil if the bytes are not in the format.
    public static func head(_ bytes: ByteSlice) -> Head? {
        guard bytes.count >= 5, let type = ValueType(rawValue: bytes[0] & 15),
            let encoding = ValueEncoding(rawValue: bytes[0] >> 4), bytes[1] & ~3 == 0,
            (encoding == .collection) == (type != .string), encoding == .collection || bytes[1] & 2 == 0
        else { return nil }
        let access = UInt32(bytes[2]) | UInt32(bytes[3]) << 8 | UInt32(bytes[4]) << 16
        var offset = 5
        var times: (expiry: Int64?, member: Int64?)
        if bytes[1] & 1 != 0 {
            guard bytes.count >= offset + 8 else { return nil }
            times.expiry = number(bytes, at: offset)
            offset += 8
        }
        if bytes[1] & 2 != 0 {
            guard bytes.count >= offset + 8 else { return nil }
            times.member = number(bytes, at: offset)
            offset += 8
        }
        return Head(
            type: type, encoding: encoding, access: access, expiry: times.expiry, memberExpiry: times.member,
            valueOffset: offset)
    }

    private static func number(_ bytes: ByteSlice, at offset: Int) -> Int64 {
        let number = UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        return Int64(bitPattern: UInt64(littleEndian: number))
    }
}
