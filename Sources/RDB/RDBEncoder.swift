import Bytes
import CLZF
import Values

// A length, by its first two bits:
//
//     00llllll                      6 bits
//     01llllll llllllll             14 bits, high byte first
//     10000000 + 4 bytes            32 bits, big-endian
//     10000001 + 8 bytes            64 bits, big-endian
//     11eeeeee                      no length: the string is encoded as e says
//
// e = 0, 1, 2: an integer of 8, 16, 32 bits, little-endian. e = 3: compressed length, length, LZF data.
enum RDBEncoding {
    static let length14: UInt8 = 0x40
    static let length32: UInt8 = 0x80
    static let length64: UInt8 = 0x81
    static let integer8: UInt8 = 0xc0
    static let integer16: UInt8 = 0xc1
    static let integer32: UInt8 = 0xc2
    static let compressed: UInt8 = 0xc3
}

/// Appends the parts of RDB to a buffer.
public enum RDBEncoder {
    public static func append(length: UInt64, to buffer: inout ByteBuffer) {
        switch length {
        case 0..<1 << 6:
            buffer.append(UInt8(length))
        case 0..<1 << 14:
            buffer.append(RDBEncoding.length14 | UInt8(length >> 8))
            buffer.append(UInt8(length & 0xff))
        case 0...UInt64(UInt32.max):
            buffer.append(RDBEncoding.length32)
            for shift in [24, 16, 8, 0] { buffer.append(UInt8(length >> UInt64(shift) & 0xff)) }
        default:
            buffer.append(RDBEncoding.length64)
            for shift in stride(from: 56, through: 0, by: -8) { buffer.append(UInt8(length >> UInt64(shift) & 0xff)) }
        }
    }

    /// Appends the string that is `value`'s decimal text.
    public static func append(integer value: Int64, to buffer: inout ByteBuffer) {
        if appendEncoded(value, to: &buffer) { return }
        append(length: UInt64(Decimal.digitCount(value)), to: &buffer)
        buffer.append(decimal: value)
    }

    /// Appends a string in the smallest form: an integer, compressed if it is longer than 20 bytes and
    /// `compresses`, or as it is.
    public static func append(string: ByteSlice, compresses: Bool, to buffer: inout ByteBuffer) {
        // -2147483648 has 11 bytes.
        if string.count <= 11, let value = Decimal.parseInt64(string), appendEncoded(value, to: &buffer) { return }
        if compresses, string.count > 20, appendCompressed(string, to: &buffer) { return }
        append(length: UInt64(string.count), to: &buffer)
        buffer.append(string)
    }

    private static func appendEncoded(_ value: Int64, to buffer: inout ByteBuffer) -> Bool {
        let bytes: Int
        switch value {
        case -0x80...0x7f:
            buffer.append(RDBEncoding.integer8)
            bytes = 1
        case -0x8000...0x7fff:
            buffer.append(RDBEncoding.integer16)
            bytes = 2
        case -0x8000_0000...0x7fff_ffff:
            buffer.append(RDBEncoding.integer32)
            bytes = 4
        default:
            return false
        }
        for i in 0..<bytes { buffer.append(UInt8(truncatingIfNeeded: value >> Int64(8 * i))) }
        return true
    }

    /// False, with nothing appended, if compression doesn't save four bytes.
    private static func appendCompressed(_ string: ByteSlice, to buffer: inout ByteBuffer) -> Bool {
        guard let count = UInt32(exactly: string.count) else { return false }
        // The compressed length stands before the data and is known after it: the data goes to a block of its own.
        let block = SharedBytes(uninitializedCount: string.count - 4)
        let compressed = block.withUnsafeMutableBytes { firn_lzf_compress(string.base, count, $0, count - 4) }
        guard compressed > 0 else { return false }
        buffer.append(RDBEncoding.compressed)
        append(length: UInt64(compressed), to: &buffer)
        append(length: UInt64(count), to: &buffer)
        buffer.append(block.slice[0..<Int(compressed)])
        return true
    }

    static func append(littleEndian value: UInt64, to buffer: inout ByteBuffer) {
        for i in 0..<8 { buffer.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) }
    }

    /// Appends the type byte of `value`; in a file the key comes between it and the body.
    static func append(type value: RDBValue, to buffer: inout ByteBuffer) {
        switch value {
        case .string: buffer.append(RDBType.string)
        case .collection(let collection): buffer.append(RDBCollections.type(of: collection))
        }
    }

    /// The version of the format that has the type of `value`.
    static func version(of value: RDBValue) -> Int {
        if case .collection(let hash as HashValue) = value, hash.expiries != nil {
            return RDBFormat.versionOfFieldExpiries
        }
        return RDBFormat.version
    }

    /// Appends what a file holds of `value` behind its type and key.
    public static func append(body value: RDBValue, compresses: Bool, to buffer: inout ByteBuffer) {
        switch value {
        case .string(.integer(let number)): append(integer: number, to: &buffer)
        case .string(.view(let slice)): append(string: slice, compresses: compresses, to: &buffer)
        case .string(.owned(let bytes)): append(string: bytes.slice, compresses: compresses, to: &buffer)
        case .collection(let collection):
            RDBCollections.append(body: collection, compresses: compresses, to: &buffer)
        }
    }
}
