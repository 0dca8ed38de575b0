import Bytes

/// Keys as the provider sees them. On disk: the tags are never renumbered, the layouts never change.
///
///     record   'K' generation (4, big endian) position (4, big endian) key
///     expiry   'X' generation (4, big endian) unix ms (8, big endian) position (4, big endian) key
///
/// Big endian, so that the provider's bytewise order is the order of positions, or of times. An expiry entry has
/// no value and is a hint: the record says whether it is still true.
public enum FlashKey {
    static let recordTag: UInt8 = 0x4b
    static let expiryTag: UInt8 = 0x58
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

    /// What a key read from the provider says; nil if it is neither kind.
    public enum Parsed {
        case record(generation: UInt32, position: Position, key: ByteSlice)
        case expiry(generation: UInt32, at: Int64, position: Position, key: ByteSlice)
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

    /// The two ranges that hold everything of a generation.
    public static func ranges(ofGeneration generation: UInt32) -> [(from: [UInt8], to: [UInt8])] {
        [recordTag, expiryTag].map { tag in
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
