import Bytes

/// What BITFIELD calls a type: a signed integer of 1 to 64 bits or an unsigned one of 1 to 63.
public struct BitField: Sendable {
    public let isSigned: Bool
    public let width: Int

    /// What happens to a number that doesn't fit.
    public enum Overflow: Sendable {
        case wrap, saturate, fail
    }

    /// "i16", "u8"; nil if the text is no type.
    public init?(_ text: ByteSlice) {
        guard text.count > 1, text[0] == UInt8(ascii: "i") || text[0] == UInt8(ascii: "u"),
            let width = Decimal.parseInt64(text.dropFirst(1))
        else { return nil }
        isSigned = text[0] == UInt8(ascii: "i")
        guard width >= 1, width <= (isSigned ? 64 : 63) else { return nil }
        self.width = Int(width)
    }

    // MARK: Reading and writing

    /// The number at bit `offset`; beyond the end are zeros.
    public func read(_ bytes: ByteSlice, at offset: Int) -> Int64 {
        let first = offset >> 3
        var window: (UInt64, UInt64) = (0, 0)
        // A field of 64 bits can reach into nine bytes.
        let there = min(9, bytes.count - first)
        if there > 0 {
            withUnsafeMutableBytes(of: &window) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: bytes.base + first, count: there))
            }
        }
        let high = UInt64(bigEndian: window.0)
        let low = UInt64(bigEndian: window.1)
        let shift = UInt64(offset & 7)
        let bits = high << shift | low >> (64 - shift)
        let unused = UInt64(64 - width)
        return isSigned ? Int64(bitPattern: bits) >> Int64(unused) : Int64(bitPattern: bits >> unused)
    }

    /// Writes the low bits of `number` at bit `offset` of a string that reaches so far.
    public func write(_ number: Int64, to bytes: UnsafeMutablePointer<UInt8>, at offset: Int) {
        var rest = UInt64(bitPattern: number)
        var left = width
        // From the last byte to the first; of the last one the bits behind the field stay.
        var end = offset + width
        while left > 0 {
            let shift = -end & 7
            let count = min(8 - shift, left)
            let mask = UInt8(truncatingIfNeeded: (1 << count - 1) << shift)
            let byte = bytes + (end - 1) >> 3
            byte.pointee = byte.pointee & ~mask | UInt8(truncatingIfNeeded: rest << UInt64(shift)) & mask
            rest >>= UInt64(count)
            left -= count
            end -= count
        }
    }

    // MARK: Arithmetic

    private var largest: Int64 { isSigned ? .max >> Int64(64 - width) : Int64(1) << Int64(width) &- 1 }
    private var smallest: Int64 { isSigned ? .min >> Int64(64 - width) : 0 }

    /// `number` brought into range; nil if it isn't and should `fail`.
    public func fit(_ number: Int64, _ overflow: Overflow) -> Int64? {
        if number >= smallest, number <= largest { return number }
        guard overflow == .saturate else { return overflow == .wrap ? wrapped(number) : nil }
        // Unsigned fields take a negative number for the large one with the same bits. And where the distance to the
        // largest overflows, Redis takes it for an overflow upwards.
        let isAbove = number > largest || !isSigned || largest &- number < 0
        return isAbove ? largest : smallest
    }

    /// The sum brought into range; nil if it isn't and should `fail`. `old` is in range.
    public func add(_ old: Int64, _ increment: Int64, _ overflow: Overflow) -> Int64? {
        let (sum, leaves64Bits) = old.addingReportingOverflow(increment)
        if !leaves64Bits, sum >= smallest, sum <= largest { return sum }
        switch overflow {
        case .wrap: return wrapped(sum)
        case .saturate: return increment > 0 ? largest : smallest
        case .fail: return nil
        }
    }

    /// The number that the low bits spell.
    private func wrapped(_ number: Int64) -> Int64 {
        let unused = UInt64(64 - width)
        let bits = UInt64(bitPattern: number) << unused
        return isSigned ? Int64(bitPattern: bits) >> Int64(unused) : Int64(bitPattern: bits >> unused)
    }
}
