import Bytes
import CShims

/// Strings as rows of bits. Bit 0 is the highest one of byte 0, as Redis counts them.
public enum Bits {
    // MARK: Counting and finding

    /// Ones among the bits `range`, which must lie in the string. O(n).
    public static func count(_ bytes: ByteSlice, in range: Range<Int>) -> Int {
        guard !range.isEmpty else { return 0 }
        let first = range.lowerBound >> 3
        let last = (range.upperBound - 1) >> 3
        let whole = bytes[first..<last + 1]
        // Bits of the outer bytes that don't belong to the range are counted too, and taken off again.
        let before = bytes[first] & ~(0xff >> UInt8(range.lowerBound & 7))
        let behind = bytes[last] & (0x7f >> UInt8((range.upperBound - 1) & 7))
        return firn_count_bits(whole.base, whole.count) - before.nonzeroBitCount - behind.nonzeroBitCount
    }

    /// The first bit of the range, which must lie in the string, that is one (or zero). O(n), eight bytes a step.
    public static func firstIndex(ofOne isOne: Bool, _ bytes: ByteSlice, in range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        let end = (range.upperBound + 7) >> 3
        precondition(range.lowerBound >= 0 && end <= bytes.count, "bits \(range) of \(bytes.count) bytes")
        // Zeros are looked for as ones of the complement.
        let flip: UInt8 = isOne ? 0 : 0xff
        var index = range.lowerBound >> 3
        var byte = (bytes.base[index] ^ flip) & (0xff >> UInt8(range.lowerBound & 7))
        let pass: UInt64 = isOne ? 0 : .max
        while byte == 0 {
            index += 1
            let raw = UnsafeRawPointer(bytes.base)
            while index + 8 <= end, raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) == pass { index += 8 }
            guard index < end else { return nil }
            byte = bytes.base[index] ^ flip
        }
        let found = index << 3 + byte.leadingZeroBitCount
        return found < range.upperBound ? found : nil
    }

    // MARK: Combining

    public enum Combination: Sendable {
        case and, or, xor
    }

    /// Bytes that are combined at a time: what the first-level cache holds of result and source.
    private static let stretch = 8192

    /// Combines strings into `result` of `count` bytes, as many as the longest has; shorter ones count as filled up
    /// with zeros. O(count of all).
    public static func combine(
        _ combination: Combination, _ sources: [ByteSlice], into result: UnsafeMutablePointer<UInt8>, count: Int
    ) {
        guard let first = sources.first else { return }
        var start = 0
        while start < count {
            let length = min(stretch, count - start)
            let target = result + start
            let kept = copy(first, from: start, to: target, length)
            memset(target + kept, 0, length - kept)
            for source in sources.dropFirst() {
                let there = max(0, min(length, source.count - start))
                // Vectorised by the compiler: 16 bytes a step.
                let other = source.base + start
                switch combination {
                case .and:
                    for i in 0..<there { target[i] &= other[i] }
                    memset(target + there, 0, length - there)
                case .or: for i in 0..<there { target[i] |= other[i] }
                case .xor: for i in 0..<there { target[i] ^= other[i] }
                }
            }
            start += length
        }
    }

    private static func copy(
        _ source: ByteSlice, from start: Int, to target: UnsafeMutablePointer<UInt8>, _ length: Int
    ) -> Int {
        let there = max(0, min(length, source.count - start))
        if there > 0 { memcpy(target, source.base + start, there) }
        return there
    }

    /// Writes the complement of `source` to `result`.
    public static func complement(_ source: ByteSlice, into result: UnsafeMutablePointer<UInt8>) {
        for i in 0..<source.count { result[i] = ~source.base[i] }
    }

    // MARK: Shifting

    // A string counts as a number whose lowest byte is the first one, as in KeyDB, which invented this. (KeyDB's
    // shift to the right by a multiple of eight drops the last bytes instead of the first: that is not repeated.)

    /// Bytes of `count` bytes shifted by `shift`: to the left (to higher places) if positive.
    public static func shiftedCount(_ count: Int, by shift: Int) -> Int {
        if shift < 0 { return max(0, count - Int((shift.magnitude >> 3))) }
        return count + shift >> 3 + (shift & 7 == 0 ? 0 : 1)
    }

    /// Writes `source` shifted to `result`, which holds `shiftedCount` bytes.
    public static func shift(_ source: ByteSlice, by shift: Int, into result: UnsafeMutablePointer<UInt8>) {
        let count = shiftedCount(source.count, by: shift)
        let bytes = Int(shift.magnitude >> 3)
        let bits = UInt16(shift.magnitude & 7)
        func byte(_ index: Int) -> UInt16 { index >= 0 && index < source.count ? UInt16(source.base[index]) : 0 }
        if shift >= 0 {
            for index in 0..<count {
                let pair = byte(index - bytes) << 8 | byte(index - bytes - 1)
                result[index] = UInt8(truncatingIfNeeded: pair >> (8 - bits))
            }
        } else {
            for index in 0..<count {
                let pair = byte(index + bytes + 1) << 8 | byte(index + bytes)
                result[index] = UInt8(truncatingIfNeeded: pair >> bits)
            }
        }
    }
}
