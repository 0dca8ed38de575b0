import Bytes

/// Reads a zipmap, in which Redis kept small hashes before 2.6:
///
///     pairs (1; 254: unknown) | pair ... | 0xff
///
///     pair:  length | field | length | free (1) | value | `free` bytes that mean nothing
///
/// A length takes a byte, or 254 and four bytes, little endian, if it is 254 or more.
enum Zipmap {
    private static let long: UInt8 = 254
    private static let end: UInt8 = 255

    /// Calls `body` with each pair, as long as it returns true. False if the bytes are no zipmap or it returned false.
    /// O(n).
    static func forEach(_ bytes: ByteSlice, _ body: (ByteSlice, ByteSlice) -> Bool) -> Bool {
        guard bytes.count >= 2, bytes[bytes.count - 1] == end else { return false }
        var at = 1
        var pairs = 0
        while bytes[at] != end {
            guard let field = string(bytes, &at, hasFree: false), let value = string(bytes, &at, hasFree: true),
                body(field, value)
            else { return false }
            pairs += 1
        }
        return at == bytes.count - 1 && pairs > 0 && (bytes[0] == long || Int(bytes[0]) == pairs)
    }

    /// The string at `at`, behind which there must be another byte.
    private static func string(_ bytes: ByteSlice, _ at: inout Int, hasFree: Bool) -> ByteSlice? {
        var length = Int(bytes[at])
        guard bytes[at] != end else { return nil }
        at += 1
        if length == Int(long) {
            guard at + 4 < bytes.count else { return nil }
            length = (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
            guard length >= Int(long) else { return nil }
            at += 4
        }
        var free = 0
        if hasFree {
            guard at < bytes.count else { return nil }
            free = Int(bytes[at])
            at += 1
        }
        let start = at
        at += length + free
        guard at < bytes.count else { return nil }
        return bytes[start..<start + length]
    }
}
