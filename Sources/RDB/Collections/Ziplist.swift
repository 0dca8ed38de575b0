import Bytes
import Values

/// Reads a ziplist, in which Redis kept small lists, hashes and sorted sets before 7.0. All numbers are little endian,
/// but not the lengths of strings:
///
///     total bytes (4) | offset of the last entry (4) | count (2) | entry ... | 0xff       count 65535: unknown
///
///     entry:  length of the entry before (1 byte, or 254 and 4 bytes) | encoding and data
///
///     00llllll, 01llllll llllllll, 10...... and 4 bytes: string
///     11000000, 11010000, 11100000: integer of 16, 32, 64 bits; 11110000: of 24; 11111110: of 8
///     1111xxxx: 0 to 12, as x - 1
enum Ziplist {
    private static let headerBytes = 10

    /// Calls `body` with each entry. False if the bytes are no ziplist; by then it may have been called. O(n).
    static func forEach(_ bytes: ByteSlice, _ body: (Listpack.Item) -> Void) -> Bool {
        guard bytes.count > headerBytes, number(bytes, 0, 4) == UInt64(bytes.count), bytes[bytes.count - 1] == 0xff
        else { return false }
        let end = bytes.count - 1
        var at = headerBytes
        var before = 0
        var entries = 0
        while at < end {
            let start = at
            guard let next = entry(bytes, at, end, before, body) else { return false }
            at = next
            before = next - start
            entries += 1
        }
        let stored = number(bytes, 8, 2)
        let last = entries == 0 ? headerBytes : at - before
        return at == end && number(bytes, 4, 4) == UInt64(last) && (stored == 65535 || stored == UInt64(entries))
    }

    /// Calls `body` with each two entries, a key and what belongs to it, as long as it returns true. False if the bytes
    /// are no ziplist of pairs or it returned false.
    static func forEachPair(_ bytes: ByteSlice, _ body: (ByteSlice, ByteSlice) -> Bool) -> Bool {
        var isGood = true
        var first: Listpack.Item?
        func withBytes<R>(_ item: Listpack.Item, _ body: (ByteSlice) -> R) -> R {
            switch item {
            case .bytes(let slice): body(slice)
            case .integer(let number): Decimal.bytes(number).withSlice(body)
            }
        }
        let isValid = forEach(bytes) { entry in
            guard isGood, let key = first else {
                first = entry
                return
            }
            first = nil
            isGood = withBytes(key) { key in withBytes(entry) { body(key, $0) } }
        }
        return isValid && isGood && first == nil
    }

    /// Reads the entry at `at`, which the length of the one `before` must precede. Returns the offset behind it.
    private static func entry(
        _ bytes: ByteSlice, _ at: Int, _ end: Int, _ before: Int, _ body: (Listpack.Item) -> Void
    ) -> Int? {
        var at = at
        if bytes[at] < 254 {
            guard Int(bytes[at]) == before else { return nil }
            at += 1
        } else {
            guard bytes[at] == 254, at + 5 <= end, number(bytes, at + 1, 4) == UInt64(before) else { return nil }
            at += 5
        }
        guard at < end else { return nil }
        let byte = bytes[at]
        if byte < 0xc0 { return string(bytes, at, end, body) }
        if byte > 0xf0, byte <= 0xfd {
            body(.integer(Int64(byte & 15) - 1))
            return at + 1
        }
        let width: Int
        switch byte {
        case 0xc0: width = 2
        case 0xd0: width = 4
        case 0xe0: width = 8
        case 0xf0: width = 3
        case 0xfe: width = 1
        default: return nil
        }
        guard at + 1 + width <= end else { return nil }
        let unused = Int64(64 - 8 * width)
        body(.integer((Int64(bitPattern: number(bytes, at + 1, width)) << unused) >> unused))
        return at + 1 + width
    }

    private static func string(
        _ bytes: ByteSlice, _ at: Int, _ end: Int, _ body: (Listpack.Item) -> Void
    ) -> Int? {
        let byte = bytes[at]
        let head = byte < 0x40 ? 1 : byte < 0x80 ? 2 : 5
        guard at + head <= end else { return nil }
        var length = head == 5 ? 0 : Int(byte & 0x3f)
        for index in 1..<head { length = length << 8 | Int(bytes[at + index]) }
        guard at + head + length <= end else { return nil }
        body(.bytes(bytes[at + head..<at + head + length]))
        return at + head + length
    }

    private static func number(_ bytes: ByteSlice, _ at: Int, _ count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
        return value
    }
}
