/// Numbers as Redis reads and writes them in its configuration.
public enum Number {
    /// A decimal integer without blanks, plus sign or leading zeros; nil if it isn't one or does not fit.
    static func integer(_ bytes: [UInt8]) -> Int64? {
        guard let first = bytes.first, bytes.count <= 20 else { return nil }
        let negative = first == UInt8(ascii: "-")
        let digits = bytes.dropFirst(negative ? 1 : 0)
        guard let lead = digits.first, lead != UInt8(ascii: "0") || (digits.count == 1 && !negative) else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte - 0x30)
            let (sum, overflow2) = negative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !overflow, !overflow2 else { return nil }
            value = sum
        }
        return value
    }

    /// An integer with leading zeros or a plus sign allowed, as `save` and its like take it.
    static func looseInteger(_ bytes: [UInt8]) -> Int64? {
        guard bytes.count <= 128, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        return Int64(String(decoding: bytes, as: UTF8.self), radix: 10)
    }

    static func octal(_ bytes: [UInt8]) -> Int64? {
        guard bytes.count <= 24, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        return bytes.isEmpty ? 0 : Int64(String(decoding: bytes, as: UTF8.self), radix: 8)
    }

    /// A size in bytes with an optional unit: k, m, g are powers of 1000; kb, mb, gb of 1024. No digits are 0, as
    /// Redis has it. Nil if it is not one or exceeds 2^63 - 1.
    public static func memory(_ bytes: [UInt8]) -> Int64? {
        guard bytes.count <= 128 else { return nil }
        var value: Int64 = 0
        var i = 0
        while i < bytes.count, bytes[i] >= 0x30, bytes[i] <= 0x39 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int64(bytes[i] - 0x30))
            guard !overflow, !overflow2 else { return nil }
            value = sum
            i += 1
        }
        let unit: Int64
        switch String(decoding: bytes[i...].map(LineSyntax.lowered), as: UTF8.self) {
        case "", "b": unit = 1
        case "k": unit = 1000
        case "kb": unit = 1 << 10
        case "m": unit = 1_000_000
        case "mb": unit = 1 << 20
        case "g": unit = 1_000_000_000
        case "gb": unit = 1 << 30
        default: return nil
        }
        let (size, overflow) = value.multipliedReportingOverflow(by: unit)
        return overflow ? nil : size
    }

    /// A size for a line of the file: in the largest unit of which it is a multiple.
    static func memoryText(_ bytes: Int64) -> String {
        for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] where bytes > 0 && bytes % (1 << Int64(shift)) == 0 {
            return "\(bytes >> Int64(shift))\(unit)"
        }
        return "\(bytes)"
    }

    /// A finite decimal fraction; nil if it isn't one.
    static func fraction(_ bytes: [UInt8]) -> Double? {
        guard !bytes.isEmpty, bytes.count <= 64, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
            let value = Double(String(decoding: bytes, as: UTF8.self)), value.isFinite
        else { return nil }
        return value
    }

    /// `value`, which lies in 0...100, with at most six decimals and no zeros at the end.
    static func percentText(_ value: Double) -> String {
        let millionths = Int64((value * 1_000_000).rounded())
        var digits = String(millionths % 1_000_000)
        guard digits != "0" else { return "\(millionths / 1_000_000)" }
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return "\(millionths / 1_000_000).\(digits)"
    }
}
