import CShims

/// A view of `count` bytes at `base`, owned by somebody else.
///
/// Valid as long as the owner says (for an argument: until its command has run; for a value: while its shard is
/// locked). Two words, trivially copyable; equality compares contents.
public struct ByteSlice: @unchecked Sendable {
    // @unchecked: a view carries no right to read; whoever passes it to another thread passes the owner's
    // promise along.
    public let base: UnsafePointer<UInt8>
    public let count: Int

    @inlinable
    public init(base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        self.count = count
    }

    /// The view of raw memory.
    @inlinable
    public init(_ base: UnsafeRawPointer, count: Int) {
        self.init(base: base.assumingMemoryBound(to: UInt8.self), count: count)
    }

    /// A view of a literal, valid for ever.
    @inlinable
    public init(_ literal: StaticString) {
        self.init(base: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// The view of no bytes.
    @inlinable
    public static var empty: ByteSlice { ByteSlice("") }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// The byte at `index`, which must lie in `0..<count`.
    @inlinable
    public subscript(index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index \(index) outside \(count) bytes")
        return base[index]
    }

    /// The part `range`, which must lie in `0..<count`.
    @inlinable
    public subscript(range: Range<Int>) -> ByteSlice {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "range \(range) outside \(count) bytes")
        return ByteSlice(base: base + range.lowerBound, count: range.count)
    }

    @inlinable
    public func dropFirst(_ n: Int) -> ByteSlice { self[min(n, count)..<count] }

    @inlinable
    public func prefix(_ n: Int) -> ByteSlice { self[0..<min(n, count)] }

    @inlinable
    public var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    @inlinable
    public var array: [UInt8] { [UInt8](buffer) }

    /// Copies the bytes to `target`, which has room for as many and doesn't overlap them. Short ones, which most are,
    /// without a call: as two halves that may overlap each other.
    @inlinable
    @inline(__always)
    public func copy(to target: UnsafeMutablePointer<UInt8>) {
        let raw = UnsafeMutableRawPointer(target)
        switch count {
        case 16...32: copyEnds(to: raw, SIMD2<UInt64>.self)
        case 8..<16: copyEnds(to: raw, UInt64.self)
        case 4..<8: copyEnds(to: raw, UInt32.self)
        default: memcpy(raw, base, count)
        }
    }

    @inlinable
    @inline(__always)
    func copyEnds<Part: BitwiseCopyable>(to target: UnsafeMutableRawPointer, _: Part.Type) {
        let last = count &- MemoryLayout<Part>.size
        let head = UnsafeRawPointer(base).loadUnaligned(as: Part.self)
        let tail = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: last, as: Part.self)
        target.storeBytes(of: head, as: Part.self)
        target.storeBytes(of: tail, toByteOffset: last, as: Part.self)
    }

    /// The bytes as text; invalid UTF-8 is replaced.
    public var string: String { String(decoding: buffer, as: UTF8.self) }

    @inlinable
    public static func == (a: ByteSlice, b: ByteSlice) -> Bool {
        a.count == b.count && memcmp(a.base, b.base, a.count) == 0
    }

    @inlinable
    public static func == (a: ByteSlice, b: StaticString) -> Bool { a == ByteSlice(b) }

    /// Whether the bytes are those of `lowercase` but for ASCII case. `lowercase` must be in lower case.
    @inlinable
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        equalsIgnoringCase(lowercase: ByteSlice(lowercase))
    }

    /// Whether the bytes are those of `lowercase` but for ASCII case. `lowercase` must be in lower case.
    @inlinable
    public func equalsIgnoringCase(lowercase other: ByteSlice) -> Bool {
        guard count == other.count else { return false }
        for i in 0..<count where asciiLowercase(base[i]) != other.base[i] { return false }
        return true
    }

    /// Bytewise order, the shorter first where one begins with the other: < 0, 0 or > 0, as memcmp.
    @inlinable
    public func compare(_ other: ByteSlice) -> Int {
        let order = Int(memcmp(base, other.base, min(count, other.count)))
        return order != 0 ? order : count - other.count
    }

    @inlinable
    public func hasPrefix(_ other: ByteSlice) -> Bool {
        count >= other.count && memcmp(base, other.base, other.count) == 0
    }

    /// The index of the first `byte`, or nil. O(count).
    @inlinable
    public func firstIndex(of byte: UInt8) -> Int? {
        guard let hit = memchr(base, Int32(byte), count) else { return nil }
        return UnsafeRawPointer(hit) - UnsafeRawPointer(base)
    }
}

extension ByteSlice: Hashable {
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes: UnsafeRawBufferPointer(buffer)) }
}

extension ByteSlice: CustomStringConvertible {
    public var description: String { string }
}

/// `byte` in lower case if it is an ASCII letter in upper case, else unchanged.
@inlinable
public func asciiLowercase(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
}

extension Array where Element == UInt8 {
    /// Calls `body` with a view of the array's bytes, valid during the call.
    @inlinable
    public func withSlice<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { (buffer) throws(E) -> R in
            guard let base = buffer.baseAddress else { return try body(.empty) }
            return try body(ByteSlice(base: base, count: buffer.count))
        }
    }
}

extension String {
    /// Calls `body` with a view of the text's UTF-8 bytes, valid during the call.
    @inlinable
    public func withSlice<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        try Array(utf8).withSlice(body)
    }
}
