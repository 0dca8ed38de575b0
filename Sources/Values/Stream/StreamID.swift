import Bytes

/// The name and place of a stream's entry: milliseconds, and a number among those of one millisecond.
public struct StreamID: Hashable, Comparable, Sendable {
    public var milliseconds: UInt64
    public var sequence: UInt64

    @inlinable
    public init(_ milliseconds: UInt64, _ sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    /// 0-0, which no entry has.
    public static let zero = StreamID(0, 0)
    /// The last there is.
    public static let max = StreamID(.max, .max)

    @inlinable
    public static func < (a: StreamID, b: StreamID) -> Bool {
        a.milliseconds != b.milliseconds ? a.milliseconds < b.milliseconds : a.sequence < b.sequence
    }

    /// The one behind; nil behind the last.
    public var next: StreamID? {
        if sequence < .max { return StreamID(milliseconds, sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds + 1, 0) : nil
    }

    /// The one before; nil before 0-0.
    public var previous: StreamID? {
        if sequence > 0 { return StreamID(milliseconds, sequence - 1) }
        return milliseconds > 0 ? StreamID(milliseconds - 1, .max) : nil
    }

    // MARK: Bytes

    /// Of an ID as DUMP holds it: both numbers with the high byte first.
    public static let encodedBytes = 16

    /// From `encodedBytes` bytes; nil of another number of them.
    public init?(bytes: ByteSlice) {
        guard bytes.count == Self.encodedBytes else { return nil }
        let raw = UnsafeRawPointer(bytes.base)
        self.init(
            UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// Calls `body` with the ID's `encodedBytes` bytes, valid during the call.
    public func withBytes<R>(_ body: (ByteSlice) -> R) -> R {
        withUnsafeBytes(of: (milliseconds.bigEndian, sequence.bigEndian)) { raw in
            // Sixteen bytes have an address.
            body(ByteSlice(raw.baseAddress.unsafelyUnwrapped, count: Self.encodedBytes))
        }
    }

    /// The byte number `index`, from 0, of the encoded ID.
    func byte(_ index: Int) -> UInt8 {
        let word = index < 8 ? milliseconds : sequence
        return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index & 7)))
    }

    // MARK: Text

    /// Of the longest text: two numbers of 20 digits and what stands between them.
    public static let maximumTextBytes = 2 * Decimal.maximumIntegerLength + 1

    /// Calls `body` with "milliseconds-sequence", valid during the call. `separator`: what stands between.
    public func withText<R>(separator: UInt8 = 0x2d, _ body: (ByteSlice) -> R) -> R {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.maximumTextBytes) { buffer in
            // A buffer of 41 bytes has an address.
            let text = buffer.baseAddress.unsafelyUnwrapped
            let length = Decimal.formatUInt64(milliseconds, into: text)
            text[length] = separator
            return body(ByteSlice(base: text, count: length + 1 + Decimal.formatUInt64(sequence, into: text + length + 1)))
        }
    }
}

extension StreamID: CustomStringConvertible {
    public var description: String { "\(milliseconds)-\(sequence)" }
}
