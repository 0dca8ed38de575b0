import Bytes
import Values

/// Keys as the provider sees them. On disk: the tags are never renumbered, the layouts never change.
///
///     record   'K' generation (4, big endian) position (4, big endian) key
///     expiry   'X' generation (4, big endian) unix ms (8, big endian) position (4, big endian) key
///     page     'P' generation (4, big endian) collection (8, big endian) name (4, big endian; 8 from 2^32 on)
///
/// Big endian, so that the provider's bytewise order is the order of positions, or of times. An expiry entry has
/// no value and is a hint: the record says whether it is still true.
public enum FlashKey {
    public static let recordTag: UInt8 = 0x4b
    static let expiryTag: UInt8 = 0x58
    public static let pageTag: UInt8 = 0x50
    static let pageBytes = 17
    static let longPageBytes = 21
    static let recordPrefixBytes = 9
    static let expiryPrefixBytes = 17

    /// Appends a record's key.
    public static func record(generation: UInt32, position: Position, key: ByteSlice, into buffer: inout ByteBuffer) {
        buffer.reserve(recordPrefixBytes + key.count)
        buffer.append(recordTag)
        append(generation, to: &buffer)
        append(position.bits, to: &buffer)
        buffer.append(key)
    }

    /// Appends the key of an expiry entry.
    public static func expiry(
        generation: UInt32, at unixMilliseconds: Int64, position: Position, key: ByteSlice,
        into buffer: inout ByteBuffer
    ) {
        buffer.reserve(expiryPrefixBytes + key.count)
        buffer.append(expiryTag)
        append(generation, to: &buffer)
        append(UInt32(truncatingIfNeeded: unixMilliseconds >> 32), to: &buffer)
        append(UInt32(truncatingIfNeeded: unixMilliseconds), to: &buffer)
        append(position.bits, to: &buffer)
        buffer.append(key)
    }

    /// Appends the key of a collection's page.
    public static func page(generation: UInt32, collection: UInt64, name: PageName, into buffer: inout ByteBuffer) {
        buffer.reserve(longPageBytes)
        buffer.append(pageTag)
        append(generation, to: &buffer)
        append(UInt32(truncatingIfNeeded: collection >> 32), to: &buffer)
        append(UInt32(truncatingIfNeeded: collection), to: &buffer)
        if name >= 1 << 32 { append(UInt32(truncatingIfNeeded: name >> 32), to: &buffer) }
        append(UInt32(truncatingIfNeeded: name), to: &buffer)
    }

    /// The range that holds all pages of a collection.
    public static func pages(generation: UInt32, collection: UInt64) -> (from: [UInt8], to: [UInt8]) {
        let generation = Array(bytes(UInt64(generation))[4...])
        return ([pageTag] + generation + bytes(collection), [pageTag] + generation + bytes(collection + 1))
    }

    private static func append(_ number: UInt32, to buffer: inout ByteBuffer) {
        buffer.append(UInt8(truncatingIfNeeded: number >> 24))
        buffer.append(UInt8(truncatingIfNeeded: number >> 16))
        buffer.append(UInt8(truncatingIfNeeded: number >> 8))
        buffer.append(UInt8(truncatingIfNeeded: number))
    }

    private static func number(_ bytes: ByteSlice, at offset: Int) -> UInt32 {
        UInt32(bytes[offset]) << 24 | UInt32(bytes[offset + 1]) << 16 | UInt32(bytes[offset + 2]) << 8
            | UInt32(bytes[offset + 3])
    }

    /// What a key read from the provider says; nil if it is of no kind.
    public enum Parsed {
        case record(generation: UInt32, position: Position, key: ByteSlice)
        case expiry(generation: UInt32, at: Int64, position: Position, key: ByteSlice)
        case page(generation: UInt32, collection: UInt64, name: PageName)
    }

    public static func parse(_ bytes: ByteSlice) -> Parsed? {
        guard let tag = bytes.count > 0 ? bytes[0] : nil else { return nil }
        if tag == recordTag, bytes.count >= recordPrefixBytes {
            return .record(
                generation: number(bytes, at: 1), position: Position(bits: number(bytes, at: 5)),
                key: bytes.dropFirst(recordPrefixBytes))
        }
        if tag == expiryTag, bytes.count >= expiryPrefixBytes {
            let time = Int64(number(bytes, at: 5)) << 32 | Int64(number(bytes, at: 9))
            return .expiry(
                generation: number(bytes, at: 1), at: time, position: Position(bits: number(bytes, at: 13)),
                key: bytes.dropFirst(expiryPrefixBytes))
        }
        if tag == pageTag, bytes.count == pageBytes || bytes.count == longPageBytes {
            var name = PageName(number(bytes, at: 13))
            if bytes.count == longPageBytes { name = name << 32 | PageName(number(bytes, at: 17)) }
            return .page(
                generation: number(bytes, at: 1),
                collection: UInt64(number(bytes, at: 5)) << 32 | UInt64(number(bytes, at: 9)), name: name)
        }
        return nil
    }

    /// The first possible record key at or behind a position of a generation.
    public static func recordStart(generation: UInt32, position: UInt64) -> [UInt8] {
        // One past the last position is the next generation's first.
        let carried = UInt64(generation) << 32 + position
        return [recordTag] + bytes(carried)
    }

    /// The first possible expiry key of a generation at or behind a time.
    public static func expiryStart(generation: UInt32, at unixMilliseconds: Int64) -> [UInt8] {
        [expiryTag] + Array(bytes(UInt64(generation))[4...]) + bytes(UInt64(bitPattern: max(0, unixMilliseconds)))
    }

    /// The ranges that hold everything of a generation: records, expiry entries, pages.
    public static func ranges(ofGeneration generation: UInt32) -> [(from: [UInt8], to: [UInt8])] {
        [recordTag, expiryTag, pageTag].map { tag in
            ([tag] + Array(bytes(UInt64(generation))[4...]), after(tag, generation))
        }
    }

    private static func after(_ tag: UInt8, _ generation: UInt32) -> [UInt8] {
        generation == .max ? [tag + 1] : [tag] + Array(bytes(UInt64(generation + 1))[4...])
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - UInt64($0) * 8)) }
    }
}
