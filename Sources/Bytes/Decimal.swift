import CShims

// Numbers as text, to the letter as Redis reads and writes them: what INCR takes for an integer, what
// SET stores as one, what INCRBYFLOAT answers. A text is an integer only if printing the integer gives the
// same text back, so "+1", "01", "-0" and " 1" are none.

#if arch(x86_64)
/// The number type of INCRBYFLOAT and HINCRBYFLOAT: C's long double, 80 bits on x86-64.
public typealias ExtendedDouble = Float80
#else
/// The number type of INCRBYFLOAT and HINCRBYFLOAT. Swift has no long double here: the last digits
/// may differ from those of Redis.
public typealias ExtendedDouble = Double
#endif

/// Decimal text to and from numbers.
public enum Decimal {
    /// The longest text of a 64-bit integer: "-9223372036854775808" and "18446744073709551615".
    public static let maximumIntegerLength = 20

    /// Longest text that Redis takes for a long double, plus one.
    static let extendedCapacity = 5 * 1024

    // MARK: Integers

    /// The integer that `text` is the one decimal spelling of, or nil (also on overflow). O(n), at most 20 bytes read.
    @inlinable
    public static func parseInt64(_ text: ByteSlice) -> Int64? {
        let count = text.count
        guard count > 0, count <= 20 else { return nil }
        let base = text.base
        let negative = base[0] == 0x2d
        let digits = negative ? count - 1 : count
        guard digits > 0, digits <= 19 else { return nil }
        let first = base[count - digits] &- 0x30
        if first == 0 { return count == 1 ? 0 : nil }
        guard first <= 9 else { return nil }
        // 19 digits stay below 2^64, so only the last step needs a check.
        var value = UInt64(first)
        var at = count - digits + 1
        while at < count {
            let digit = base[at] &- 0x30
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            at += 1
        }
        if negative {
            guard value <= 1 << 63 else { return nil }
            return Int64(truncatingIfNeeded: 0 &- value)
        }
        return Int64(exactly: value)
    }

    /// The integer that `text` is the one decimal spelling of, or nil (a sign included, and on overflow). O(n).
    @inlinable
    public static func parseUInt64(_ text: ByteSlice) -> UInt64? {
        let count = text.count
        guard count > 0, count <= 20 else { return nil }
        if count > 1 && text.base[0] == 0x30 { return nil }
        var value: UInt64 = 0
        for at in 0..<count {
            let digit = text.base[at] &- 0x30
            guard digit <= 9 else { return nil }
            let (product, carried) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = product.addingReportingOverflow(UInt64(digit))
            guard !carried, !overflowed else { return nil }
            value = sum
        }
        return value
    }

    /// The number of decimal digits of `value`, 1 to 20.
    @inlinable
    public static func digitCount(_ value: UInt64) -> Int {
        var limit: UInt64 = 10
        var digits = 1
        while digits < 20 {
            if value < limit { return digits }
            digits += 1
            limit = limit &* 10
        }
        return 20
    }

    /// The length of `value`'s text, sign included, 1 to 20.
    @inlinable
    public static func digitCount(_ value: Int64) -> Int {
        digitCount(value.magnitude) + (value < 0 ? 1 : 0)
    }

    /// Writes `value` to `into`, which has room for 20 bytes; returns the length.
    @inlinable
    public static func formatInt64(_ value: Int64, into: UnsafeMutablePointer<UInt8>) -> Int {
        guard value < 0 else { return formatUInt64(UInt64(value), into: into) }
        into[0] = 0x2d
        return 1 + formatUInt64(value.magnitude, into: into + 1)
    }

    /// Writes `value` to `into`, which has room for 20 bytes; returns the length.
    @inlinable
    public static func formatUInt64(_ value: UInt64, into: UnsafeMutablePointer<UInt8>) -> Int {
        let count = digitCount(value)
        let pairs = digitPairs.utf8Start  // 200 bytes: two digits for each of 0 to 99
        var rest = value
        var at = count
        while rest >= 100 {
            let pair = Int(rest % 100) * 2
            rest /= 100
            at -= 2
            into[at] = pairs[pair]
            into[at + 1] = pairs[pair + 1]
        }
        if rest >= 10 {
            into[0] = pairs[Int(rest) * 2]
            into[1] = pairs[Int(rest) * 2 + 1]
        } else {
            into[0] = 0x30 &+ UInt8(truncatingIfNeeded: rest)
        }
        return count
    }

    @inlinable
    static var digitPairs: StaticString {
        """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839\
        40414243444546474849505152535455565758596061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899
        """
    }

    /// The text of `value`. Allocates.
    public static func bytes(_ value: Int64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: maximumIntegerLength) { buffer, count in
            // A buffer of capacity 20 has an address.
            count = formatInt64(value, into: buffer.baseAddress.unsafelyUnwrapped)
        }
    }

    // MARK: Floating point

    /// The number that the whole of `text` spells as strtod reads it (decimal, exponent, hexadecimal, inf), or nil:
    /// empty, leading space, NaN, trailing bytes, out of range. O(n).
    @inlinable
    public static func parseDouble(_ text: ByteSlice) -> Double? {
        // Integers of up to 15 digits are exact in a double and the common case.
        if text.count <= 15, let integer = parseInt64(text) { return Double(integer) }
        var value = 0.0
        return firn_parse_double(text.base, text.count, &value) != 0 ? value : nil
    }

    /// The number that `text` spells for SORT and as a bound of scores: strtod's rules up to the end or a NUL byte,
    /// leading space allowed, nothing is zero; nil for anything else and NaN. What is out of range is an infinity or
    /// about zero if that `clamps`, else nil.
    public static func scanDouble(_ text: ByteSlice, clamps: Bool) -> Double? {
        if text.count <= 15, let integer = parseInt64(text) { return Double(integer) }
        var value = 0.0
        return firn_scan_double(text.base, text.count, clamps ? 1 : 0, &value) != 0 ? value : nil
    }

    /// The number that the whole of `text` spells as strtold reads it, or nil, as `parseDouble`; at most 5119 bytes.
    public static func parseExtended(_ text: ByteSlice) -> ExtendedDouble? {
        if let integer = parseInt64(text) { return ExtendedDouble(integer) }
        guard text.count < extendedCapacity else { return nil }
        var value: ExtendedDouble = 0
        return firn_parse_extended(text.base, text.count, &value) != 0 ? value : nil
    }

    /// The text that Redis replies a double with (`addReplyDouble`): 17 significant digits, or "inf", "-inf", "nan".
    public static func formatReplyDouble(_ value: Double) -> [UInt8] {
        if value.isInfinite { return [UInt8]((value < 0 ? "-inf" : "inf").utf8) }
        if value.isNaN { return [UInt8]("nan".utf8) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            // The temporary allocation of 32 bytes has an address.
            let count = Int(firn_format_double(value, buffer.baseAddress.unsafelyUnwrapped))
            return buffer[0..<count].map { UInt8(bitPattern: $0) }
        }
    }

    /// The text that Redis stores a double as (`d2string`: scores in packed encodings): an integer in full up to 2^62,
    /// else 17 significant digits; "0" and "-0"; "inf", "-inf", "nan".
    public static func formatDouble(_ value: Double) -> [UInt8] {
        if value == 0 { return [UInt8]((value.sign == .minus ? "-0" : "0").utf8) }
        if abs(value) <= 0x1p62, let integer = Int64(exactly: value) { return bytes(integer) }
        return formatReplyDouble(value)
    }

    /// The number with so many decimals, 17 at most, as printf's `%f` writes it.
    public static func formatFixed(_ value: Double, decimals: Int) -> [UInt8] {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            // The temporary allocation has an address. The largest number prints 309 digits.
            let text = buffer.baseAddress.unsafelyUnwrapped
            let count = Int(firn_format_fixed(value, Int32(decimals), text, 512))
            return (0..<min(count, 511)).map { UInt8(bitPattern: text[$0]) }
        }
    }

    /// The text that INCRBYFLOAT stores and answers: 17 decimals, trailing zeros and a bare point dropped, no
    /// exponent, "-0" as "0"; "inf", "-inf". NaN, which INCRBYFLOAT refuses before, is "nan".
    public static func formatExtended(_ value: ExtendedDouble) -> [UInt8] {
        if value.isInfinite { return [UInt8]((value < 0 ? "-inf" : "inf").utf8) }
        if value.isNaN { return [UInt8]("nan".utf8) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: extendedCapacity) { buffer in
            // The temporary allocation has an address. The largest number prints 4933 digits, a point, 17 decimals:
            // < 5120.
            let text = buffer.baseAddress.unsafelyUnwrapped
            var count = Int(firn_format_extended(value, text, extendedCapacity))
            precondition(count > 0 && count < extendedCapacity, "\(count) bytes printed")
            while text[count - 1] == 0x30 { count -= 1 }  // stops at the point, which %.17f always prints
            if text[count - 1] == 0x2e { count -= 1 }
            if count == 2, text[0] == 0x2d, text[1] == 0x30 { return [0x30] }
            return (0..<count).map { UInt8(bitPattern: text[$0]) }
        }
    }
}

extension ByteBuffer {
    /// Appends the decimal text of `value`.
    @inlinable
    public mutating func append(decimal value: Int64) {
        let tail = writableTail(20)
        // 20 bytes were asked for, so the tail has an address.
        didAppend(Decimal.formatInt64(value, into: tail.baseAddress.unsafelyUnwrapped))
    }
}
