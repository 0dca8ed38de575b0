import Bytes

/// Decides whether bytes from outside are a listpack that can be used without further checks.
public enum ListpackCheck {
    /// A copy of `bytes` if they are a well-formed listpack: the sizes fit, every entry lies inside and is followed by
    /// its own length, the count is right. Else nil. O(n).
    public static func listpack(_ bytes: ByteSlice) -> Listpack? {
        guard isValid(bytes) else { return nil }
        return Listpack(trusted: bytes)
    }

    /// See `listpack`.
    public static func isValid(_ bytes: ByteSlice) -> Bool {
        guard bytes.count >= Listpack.emptyBytes, bytes[bytes.count - 1] == Listpack.endMark,
            number(bytes, 0, 4) == bytes.count
        else { return false }
        let end = bytes.count - 1
        var at = Listpack.headerBytes
        var entries = 0
        while at < end {
            guard let length = entryBytes(bytes, at, end), at + length + Listpack.backBytes(length) <= end,
                backLength(bytes, at + length, Listpack.backBytes(length)) == length
            else { return false }
            at += length + Listpack.backBytes(length)
            entries += 1
        }
        let stored = number(bytes, 4, 2)
        return at == end && (stored == entries || stored == 65535)
    }

    /// Bytes of the encoding and data at `at`, nil unless they end before `end`.
    private static func entryBytes(_ bytes: ByteSlice, _ at: Int, _ end: Int) -> Int? {
        let byte = bytes[at]
        let length: Int
        switch byte {
        case 0..<0x80: length = 1
        case 0x80..<0xc0: length = 1 + Int(byte & 0x3f)
        case 0xc0..<0xe0: length = 2
        case 0xe0..<0xf0:
            guard at + 1 < end else { return nil }
            length = 2 + (Int(byte & 0x0f) << 8 | Int(bytes[at + 1]))
        case 0xf0:
            guard at + 4 < end else { return nil }
            length = 5 + number(bytes, at + 1, 4)
        case 0xf1...0xf3: length = Int(byte - 0xf1) + 3
        case 0xf4: length = 9
        default: return nil
        }
        return at + length <= end ? length : nil
    }

    /// The length written backwards in `count` bytes at `at`.
    private static func backLength(_ bytes: ByteSlice, _ at: Int, _ count: Int) -> Int? {
        var length = 0
        for index in 0..<count {
            let byte = bytes[at + index]
            // All but the first byte say that there are more before them.
            guard (byte & 128 != 0) == (index > 0) else { return nil }
            length = length << 7 | Int(byte & 127)
        }
        return length
    }

    private static func number(_ bytes: ByteSlice, _ at: Int, _ count: Int) -> Int {
        var value = 0
        for index in 0..<count { value |= Int(bytes[at + index]) << (8 * index) }
        return value
    }
}
