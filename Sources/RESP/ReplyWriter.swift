import Bytes
import CShims

/// Writes replies into one growable run of memory, in the version the client asked for.
///
/// Owned by an event loop, sent and emptied after each batch. Used through a pointer or `inout`; every verb checks the
/// room once and then stores. Text from clients may stand in errors: line ends become spaces there.
///
/// Values of `sharedThreshold` bytes and more given as `SharedBytes` are not copied: an `External` remembers at which
/// place of the memory they belong.
public struct ReplyWriter: ~Copyable {
    /// From this size a reference (16 bytes of list entry, one more iovec) is cheaper than a copy.
    @inlinable
    public static var sharedThreshold: Int { 16 << 10 }

    /// A run of bytes sent from where it is.
    public struct External {
        /// Bytes of the writer's memory that come before it.
        public internal(set) var position: Int
        public let bytes: SharedBytes
        /// The part of `bytes` that is sent.
        public let range: Range<Int>
    }

    /// RESP version, 2 or 3.
    public var version = 2
    /// Errors written since the owner set this to 0.
    public var errorCount = 0
    /// The `count` from which on the connection is closed without being sent any of it, by its limit on output:
    /// `Int.max` if it has none.
    public var bound = Int.max
    @usableFromInline var memory: UnsafeMutablePointer<UInt8>
    @usableFromInline var used = 0
    @usableFromInline var capacity: Int
    /// What is sent between the memory's bytes, in order.
    public private(set) var externals: [External] = []
    @usableFromInline var externalBytes = 0
    private var lastError = 0..<0

    /// A writer with room for `capacity` bytes.
    public init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        memory = firn_allocate(self.capacity).assumingMemoryBound(to: UInt8.self)
    }

    deinit { firn_deallocate(memory, capacity) }

    /// Bytes written, externals included. A position to `truncate` to.
    @inlinable
    public var count: Int { used &+ externalBytes }

    /// Whether what is written is beyond what its connection may leave unread. A reply whose length the client has
    /// chosen need not be written to its end then: it goes nowhere.
    @inlinable
    public var isBeyondBound: Bool { count >= bound }

    /// The bytes in memory, without the externals; valid until the next write.
    @inlinable
    public var slice: ByteSlice { ByteSlice(base: memory, count: used) }

    /// Whether all that was written is in `slice`.
    @inlinable
    public var isContiguous: Bool { externalBytes == 0 }

    /// Bytes of memory held.
    public var allocatedBytes: Int { capacity }

    /// The first word of the last error (`ERR`, `WRONGTYPE`, ...), for statistics; empty if there was none. Valid until
    /// the writer is emptied or written to.
    public var lastErrorCode: ByteSlice {
        lastError.upperBound <= used
            ? ByteSlice(base: memory + lastError.lowerBound, count: lastError.count) : .empty
    }

    /// Forgets what was written and gives back memory beyond `keeping` bytes.
    public mutating func removeAll(keeping: Int = .max) {
        used = 0
        lastError = 0..<0
        if externalBytes > 0 || !externals.isEmpty {
            externals.removeAll(keepingCapacity: externals.count <= 64)
            externalBytes = 0
        }
        if capacity > keeping {
            firn_deallocate(memory, capacity)
            capacity = keeping
            memory = firn_allocate(capacity).assumingMemoryBound(to: UInt8.self)
        }
    }

    /// Takes back everything after `position`, an earlier `count`.
    public mutating func truncate(to position: Int) {
        precondition(position >= 0 && position <= count, "truncated to \(position) of \(count)")
        while let last = externals.last, last.position + externalBytes - last.range.count >= position {
            externalBytes -= last.range.count
            externals.removeLast()
        }
        used = position - externalBytes
        precondition((externals.last?.position ?? 0) <= used, "truncated within an external value")
        if lastError.upperBound > used { lastError = 0..<0 }
    }

    // MARK: Room

    @inlinable
    @inline(__always)
    mutating func reserve(_ extra: Int) {
        if capacity &- used < extra { grow(extra) }
    }

    @usableFromInline
    @inline(never)
    mutating func grow(_ extra: Int) {
        var size = capacity
        while size - used < extra { size += size < 1 << 20 ? size : size / 4 }
        let larger = firn_allocate(size).assumingMemoryBound(to: UInt8.self)
        memcpy(larger, memory, used)
        firn_deallocate(memory, capacity)
        memory = larger
        capacity = size
    }

    // MARK: Bytes as they are

    /// Protocol text that is complete in itself.
    @inlinable
    @inline(__always)
    public mutating func raw(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        memcpy(memory + used, text.utf8Start, text.utf8CodeUnitCount)
        used &+= text.utf8CodeUnitCount
    }

    /// Bytes that are protocol already.
    @inlinable
    public mutating func raw(_ bytes: ByteSlice) {
        reserve(bytes.count)
        memcpy(memory + used, bytes.base, bytes.count)
        used &+= bytes.count
    }

    /// Everything that another writer holds.
    public mutating func append(_ other: borrowing ReplyWriter) {
        var from = 0
        for external in other.externals {
            raw(other.slice[from..<external.position])
            raw(shared: external.bytes, range: external.range)
            from = external.position
        }
        raw(other.slice[from..<other.used])
    }

    /// Shared bytes that are protocol already: by reference from `sharedThreshold` bytes.
    public mutating func raw(shared bytes: SharedBytes, range: Range<Int>? = nil) {
        let range = range ?? 0..<bytes.count
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "\(range) of \(bytes.count)")
        if range.count < Self.sharedThreshold {
            raw(bytes.slice[range])
        } else {
            externals.append(External(position: used, bytes: bytes, range: range))
            externalBytes += range.count
        }
    }

    /// `kind`, a number, and a line end: integers and every header.
    @inlinable
    @inline(__always)
    mutating func line(_ kind: UInt8, _ value: Int) {
        // 1 kind, 20 for -9223372036854775808, 2 line end.
        reserve(24)
        let p = memory + used
        p[0] = kind
        let magnitude = UInt(bitPattern: value)
        if magnitude < 10 {
            p[1] = 0x30 &+ UInt8(truncatingIfNeeded: value)
            p[2] = 0x0d
            p[3] = 0x0a
            used &+= 4
        } else if magnitude < 100 {
            // The length of most bulks. 103 / 1024 is a tenth, near enough below 179.
            let tens = (magnitude &* 103) >> 10
            p[1] = 0x30 &+ UInt8(truncatingIfNeeded: tens)
            p[2] = 0x30 &+ UInt8(truncatingIfNeeded: magnitude &- tens &* 10)
            p[3] = 0x0d
            p[4] = 0x0a
            used &+= 5
        } else {
            longLine(value)
        }
    }

    @usableFromInline
    mutating func longLine(_ value: Int) {
        var p = memory + used + 1
        var rest = value.magnitude
        if value < 0 {
            p[0] = 0x2d
            p += 1
        }
        var digits = 1
        var power: UInt = 10
        while rest >= power, digits < 19 {
            digits &+= 1
            power &*= 10
        }
        if rest >= power { digits &+= 1 }
        var at = digits
        repeat {
            at &-= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            p[at] = 0x30 &+ UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while at > 0
        p[digits] = 0x0d
        p[digits + 1] = 0x0a
        used = p - memory + digits + 2
    }

    // MARK: Simple types

    /// `+OK`
    @inlinable
    public mutating func ok() { raw("+OK\r\n") }

    /// `+text`
    @inlinable
    @inline(__always)
    public mutating func simple(_ text: StaticString) { simple(ByteSlice(text)) }

    /// `+text`, which must have no line end.
    @inlinable
    public mutating func simple(_ text: ByteSlice) {
        reserve(text.count &+ 3)
        let p = memory + used
        p[0] = 0x2b
        memcpy(p + 1, text.base, text.count)
        p[text.count &+ 1] = 0x0d
        p[text.count &+ 2] = 0x0a
        used &+= text.count &+ 3
    }

    @inlinable
    public mutating func integer(_ value: Int) { line(0x3a, value) }

    @inlinable
    public mutating func integer(_ value: Int64) { line(0x3a, Int(value)) }

    /// RESP3 `#t` or `#f`; RESP2 `:1` or `:0`.
    public mutating func boolean(_ value: Bool) {
        if version == 3 {
            raw(value ? "#t\r\n" : "#f\r\n")
        } else {
            raw(value ? ":1\r\n" : ":0\r\n")
        }
    }

    /// The missing value: RESP3 `_`, RESP2 `$-1`.
    @inlinable
    public mutating func null() {
        if version == 3 { raw("_\r\n") } else { raw("$-1\r\n") }
    }

    /// The missing array: RESP3 `_`, RESP2 `*-1`.
    @inlinable
    public mutating func nullArray() {
        if version == 3 { raw("_\r\n") } else { raw("*-1\r\n") }
    }

    // MARK: Bulk strings

    @inlinable
    public mutating func bulk(_ bytes: ByteSlice) {
        reserve(bytes.count &+ 26)
        line(0x24, bytes.count)
        let p = memory + used
        bytes.copy(to: p)
        p[bytes.count] = 0x0d
        p[bytes.count &+ 1] = 0x0a
        used &+= bytes.count &+ 2
    }

    @inlinable
    @inline(__always)
    public mutating func bulk(_ text: StaticString) { bulk(ByteSlice(text)) }

    /// A text made at run time; a literal takes the cheaper `StaticString` form.
    @_disfavoredOverload
    public mutating func bulk(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            bulk(bytes.baseAddress.map { ByteSlice(base: $0, count: bytes.count) } ?? .empty)
        }
    }

    /// A shared value or a part of it: by reference from `sharedThreshold` bytes, else copied.
    public mutating func bulk(shared bytes: SharedBytes, range: Range<Int>? = nil) {
        let range = range ?? 0..<bytes.count
        line(0x24, range.count)
        raw(shared: bytes, range: range)
        raw("\r\n")
    }

    /// A number as a bulk string.
    @inlinable
    public mutating func bulk(number value: Int) {
        withDecimal(value) { writer, digits in writer.bulk(digits) }
    }

    @usableFromInline
    mutating func withDecimal(_ value: Int, _ body: (inout ReplyWriter, ByteSlice) -> Void) {
        // Written as a line behind a gap as long as a bulk's header can get, then given to `body` from there.
        reserve(128)
        let start = used
        used += 64
        line(0x3a, value)
        let digits = ByteSlice(base: memory + start + 65, count: used - start - 67)
        used = start
        body(&self, digits)
    }

    // MARK: Errors

    /// `-text`, of which the first word is the code.
    public mutating func error(_ text: StaticString) { error(ByteSlice(text)) }

    /// `-text`, of which the first word is the code; line ends become spaces.
    @_disfavoredOverload
    public mutating func error(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            error(bytes.baseAddress.map { ByteSlice(base: $0, count: bytes.count) } ?? .empty)
        }
    }

    /// `-text`, of which the first word is the code; line ends become spaces.
    public mutating func error(_ text: [UInt8]) { text.withSlice { error($0) } }

    /// `-text`, of which the first word is the code; line ends become spaces.
    public mutating func error(_ text: ByteSlice) {
        reserve(text.count + 3)
        let p = memory + used
        p[0] = 0x2d
        var code = -1
        for index in 0..<text.count {
            let byte = text.base[index]
            p[index + 1] = byte == 0x0d || byte == 0x0a ? 0x20 : byte
            if byte == 0x20, code < 0 { code = index }
        }
        p[text.count + 1] = 0x0d
        p[text.count + 2] = 0x0a
        lastError = used + 1..<used + 1 + (code < 0 ? text.count : code)
        used += text.count + 3
        errorCount += 1
    }
}

extension ReplyWriter {
    /// Makes room for a header at `position`, which moves what follows. O(bytes behind it).
    mutating func insert(_ header: ByteSlice, at position: Int, after externalsBefore: Int) {
        reserve(header.count)
        memmove(memory + position + header.count, memory + position, used - position)
        memcpy(memory + position, header.base, header.count)
        used += header.count
        for index in externalsBefore..<externals.count { externals[index].position += header.count }
        if lastError.lowerBound > position {
            lastError = lastError.lowerBound + header.count..<lastError.upperBound + header.count
        }
    }
}
