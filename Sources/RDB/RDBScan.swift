import Bytes
import CLZF

/// What was found where something was looked for at the front of the input.
enum Scanned<Found> {
    /// Found; the next thing begins at this offset.
    case found(Found, next: Int)
    /// The input must reach at least this far.
    case needs(Int)
}

/// The shape of a string: where its bytes are, before anything is allocated for them.
enum RDBStringShape {
    case integer(Int64)
    case plain(Range<Int>)
    case compressed(Range<Int>, length: Int)

    /// The string's bytes, of the input the shape was found in.
    func materialised(_ input: ByteSlice) throws(RDBError) -> RDBString {
        switch self {
        case .integer(let value):
            return .integer(value)
        case .plain(let range):
            return .view(input[range])
        case .compressed(let range, let length):
            let block = SharedBytes(uninitializedCount: length)
            let source = input[range]
            // Both counts are at most the string limit, far below 2^32.
            let written = block.withUnsafeMutableBytes {
                firn_lzf_decompress(source.base, UInt32(source.count), $0, UInt32(length))
            }
            guard written == length else { throw .badFormat }
            return .owned(block)
        }
    }
}

/// Reads lengths and strings at an offset of an input that may end anywhere. Allocates nothing.
enum RDBScan {
    /// A run of LZF: three bytes can stand for at most 264 (7 + 255 + 2).
    static let largestExpansion = 88

    static func byte(_ input: ByteSlice, at: Int) -> Scanned<UInt8> {
        at < input.count ? .found(input[at], next: at + 1) : .needs(at + 1)
    }

    static func littleEndian(_ input: ByteSlice, at: Int, bytes: Int) -> Scanned<UInt64> {
        guard at + bytes <= input.count else { return .needs(at + bytes) }
        var value: UInt64 = 0
        for i in 0..<bytes { value |= UInt64(input[at + i]) << UInt64(8 * i) }
        return .found(value, next: at + bytes)
    }

    /// A length; an encoded string in its place is an error.
    static func length(_ input: ByteSlice, at: Int) throws(RDBError) -> Scanned<UInt64> {
        guard at < input.count else { return .needs(at + 1) }
        let first = input[at]
        let extra: Int
        var value: UInt64 = 0
        switch first {
        case 0..<0x40: return .found(UInt64(first), next: at + 1)
        case 0x40..<0x80:
            value = UInt64(first & 0x3f)
            extra = 1
        case RDBEncoding.length32: extra = 4
        case RDBEncoding.length64: extra = 8
        default: throw .badFormat
        }
        guard at + 1 + extra <= input.count else { return .needs(at + 1 + extra) }
        for i in 1...extra { value = value << 8 | UInt64(input[at + i]) }
        return .found(value, next: at + 1 + extra)
    }

    /// A string of at most `limit` bytes.
    static func string(_ input: ByteSlice, at: Int, limit: Int) throws(RDBError) -> Scanned<RDBStringShape> {
        guard at < input.count else { return .needs(at + 1) }
        let first = input[at]
        switch first {
        case RDBEncoding.integer8, RDBEncoding.integer16, RDBEncoding.integer32:
            let bytes = 1 << Int(first - RDBEncoding.integer8)
            switch littleEndian(input, at: at + 1, bytes: bytes) {
            case .needs(let count): return .needs(count)
            case .found(let raw, let next):
                let unused = Int64(64 - 8 * bytes)
                return .found(.integer((Int64(bitPattern: raw) << unused) >> unused), next: next)
            }
        case RDBEncoding.compressed:
            return try compressed(input, at: at + 1, limit: limit)
        case 0xc4...:
            throw .badFormat
        default:
            let raw: UInt64
            let start: Int
            switch try length(input, at: at) {
            case .needs(let count): return .needs(count)
            case .found(let value, let next): (raw, start) = (value, next)
            }
            let count = try bounded(raw, limit)
            guard start + count <= input.count else { return .needs(start + count) }
            return .found(.plain(start..<start + count), next: start + count)
        }
    }

    private static func compressed(
        _ input: ByteSlice, at: Int, limit: Int
    ) throws(RDBError) -> Scanned<RDBStringShape> {
        let rawSmall: UInt64
        let rawLarge: UInt64
        var next: Int
        switch try length(input, at: at) {
        case .needs(let count): return .needs(count)
        case .found(let value, let after): (rawSmall, next) = (value, after)
        }
        switch try length(input, at: next) {
        case .needs(let count): return .needs(count)
        case .found(let value, let after): (rawLarge, next) = (value, after)
        }
        let small = try bounded(rawSmall, limit)
        let large = try bounded(rawLarge, limit)
        guard small > 0, large > 0, large <= small * largestExpansion else { throw .badFormat }
        guard next + small <= input.count else { return .needs(next + small) }
        return .found(.compressed(next..<next + small, length: large), next: next + small)
    }

    private static func bounded(_ length: UInt64, _ limit: Int) throws(RDBError) -> Int {
        guard length <= UInt64(limit) else { throw .stringTooLong(Int(clamping: length)) }
        return Int(length)
    }
}
