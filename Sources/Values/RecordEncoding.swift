import Bytes
import CShims

/// A value as bytes on flash. The format is on disk: fields are never renumbered or moved, new ones get new flag bits.
///
///     0      1      2         5            13
///     kind   flags  access    [expiry, 8]  value
///
/// - kind: `ValueType` in the low four bits, `ValueEncoding` in the high four.
/// - flags: bit 0: an expiry follows. All other bits are 0.
/// - access: the 24-bit LRU or LFU word, little endian, so that OBJECT FREQ survives a trip to flash.
/// - expiry: unix milliseconds, little endian.
/// - value: the string's bytes, or 8 bytes little endian for an integer, or what the collection's class writes.
///
/// RocksDB's block checksums guard it; the decoder still refuses what it does not know.
public enum RecordEncoding {
    /// Appends the encoded value of `record`. O(n).
    public static func encode(_ record: Record, into buffer: inout ByteBuffer) {
        let collection = record.collection
        buffer.reserve(13 + (collection?.encodedBytes ?? record.storedLength))
        buffer.append(record.type.rawValue | record.encoding.rawValue << 4)
        buffer.append(record.hasExpiry ? 1 : 0)
        let access = record.access
        buffer.append(UInt8(truncatingIfNeeded: access))
        buffer.append(UInt8(truncatingIfNeeded: access >> 8))
        buffer.append(UInt8(truncatingIfNeeded: access >> 16))
        if let expiry = record.expiry { append(UInt64(bitPattern: expiry), to: &buffer) }
        if let collection {
            collection.encode(into: &buffer)
        } else if let number = record.integerValue {
            append(UInt64(bitPattern: number), to: &buffer)
        } else {
            buffer.append(record.storedBytes)
        }
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
        let value = bytes.dropFirst(head.valueOffset)
        let record: Record
        switch head.encoding {
        case .collection:
            guard let collection = CollectionValue.decode(head.type, value) else { return nil }
            record = .collection(key: key, collection, expiry: head.expiry)
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

    /// What stands before the value.
    public struct Head: Sendable {
        public let type: ValueType
        public let encoding: ValueEncoding
        public let access: UInt32
        public let expiry: Int64?
        let valueOffset: Int
    }

    /// Reads the head alone; nil if the bytes are not in the format.
    public static func head(_ bytes: ByteSlice) -> Head? {
        guard bytes.count >= 5, let type = ValueType(rawValue: bytes[0] & 15),
            let encoding = ValueEncoding(rawValue: bytes[0] >> 4), bytes[1] & ~1 == 0,
            (encoding == .collection) == (type != .string)
        else { return nil }
        let access = UInt32(bytes[2]) | UInt32(bytes[3]) << 8 | UInt32(bytes[4]) << 16
        guard bytes[1] & 1 == 1 else {
            return Head(type: type, encoding: encoding, access: access, expiry: nil, valueOffset: 5)
        }
        guard bytes.count >= 13 else { return nil }
        let expiry = UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: 5, as: UInt64.self)
        return Head(
            type: type, encoding: encoding, access: access, expiry: Int64(bitPattern: UInt64(littleEndian: expiry)),
            valueOffset: 13)
    }
}
