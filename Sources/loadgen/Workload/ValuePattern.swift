import Bytes
import CShims

/// Values that can be checked without remembering them: key index, version, and a body that follows from both.
///
/// ```
/// 0       8         16                    size
/// | index | version | body                |      integers little-endian
/// ```
/// The body is a window into one table of random bytes, at a place drawn from index and version: a copy to
/// make, a comparison to check,
/// however large the value. The table is far larger than a compressor's block, so a body stays incompressible.
final class ValuePattern: @unchecked Sendable {
    // @unchecked: the table is written in init only.
    static let headerSize = 16
    private static let tableSize = 1 << 20

    let size: Int
    private let table: UnsafeMutablePointer<UInt8>

    /// Of the bytes of a compressible body one in four is random, the rest is text.
    init(size: Int, compressible: Bool) {
        precondition(size >= Self.headerSize, "a value of \(size) bytes has no room for its header")
        self.size = size
        let length = Self.tableSize + size
        table = .allocate(capacity: length)
        var random = Random(seed: 0x5eed, stream: 0)
        let text = Array("The snow that lasts becomes firn, and firn becomes ice. ".utf8)
        for at in 0..<length {
            let plain = compressible && at & 63 >= 16
            table[at] = plain ? text[at % text.count] : UInt8(truncatingIfNeeded: random.next() >> 32)
        }
    }

    deinit { table.deallocate() }

    @inline(__always)
    private func body(_ index: UInt64, _ version: UInt64) -> UnsafePointer<UInt8> {
        UnsafePointer(table + Int(mix64(index ^ mix64(version)) & UInt64(Self.tableSize - 1)))
    }

    /// Writes the value to `out`, which has room for `size` bytes.
    @inline(__always)
    func write(index: UInt64, version: UInt64, to out: UnsafeMutablePointer<UInt8>) {
        let raw = UnsafeMutableRawPointer(out)
        raw.storeBytes(of: index.littleEndian, as: UInt64.self)
        raw.storeBytes(of: version.littleEndian, toByteOffset: 8, as: UInt64.self)
        memcpy(raw + Self.headerSize, body(index, version), size - Self.headerSize)
    }

    /// The version of `value` if it is, byte for byte, a value of key `index`.
    @inline(__always)
    func version(of value: ByteSlice, index: UInt64) -> UInt64? {
        guard value.count == size else { return nil }
        let raw = UnsafeRawPointer(value.base)
        guard UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)) == index else { return nil }
        let version = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        let rest = size - Self.headerSize
        return memcmp(raw + Self.headerSize, body(index, version), rest) == 0 ? version : nil
    }
}
