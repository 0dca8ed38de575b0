import Bytes
import CShims

// A listpack: strings and integers packed one behind the other. The format is Redis', byte for byte, because DUMP and
// dump.rdb hold listpacks as they are.
//
//     total bytes (4) | count (2) | entry ... | 0xff           numbers little endian; count 65535: unknown
//
//     entry:  encoding and data | length of these, written to be read backwards (1 to 5 bytes)
//
//     0xxxxxxx                      integer 0...127
//     10llllll + l bytes            string of up to 63 bytes
//     110xxxxx xxxxxxxx             integer of 13 bits, signed
//     1110llll llllllll + l bytes   string of up to 4095 bytes
//     11110000 + 4 bytes + l bytes  string, length of 32 bits
//     11110001 ... 11110100         integer of 16, 24, 32, 64 bits
//
// A value that is the canonical text of a 64-bit integer is kept as that integer.

/// Strings and integers in one block of memory, which this value owns until `free`.
///
/// Trivial to copy; two copies must not both be changed. Entries are named by their offset from the block's start, from
/// `first` to below `end`; offsets at and behind a change are void after it. Finding an entry by its number or contents
/// is O(bytes); next and previous are O(1). A change moves what stands behind it, and the block if its size class of
/// the allocator changes.
public struct Listpack: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    public private(set) var base: UnsafeMutableRawPointer

    static let headerBytes = 6
    static let endMark: UInt8 = 0xff
    /// What an empty one takes.
    static let emptyBytes = 7

    /// An empty one.
    public init() {
        base = firn_allocate(Self.emptyBytes)
        totalBytes = Self.emptyBytes
        storeCount(0)
        base.storeBytes(of: Self.endMark, toByteOffset: Self.headerBytes, as: UInt8.self)
    }

    /// A copy of bytes that are a listpack, as `ListpackCheck` has found.
    public init(trusted bytes: ByteSlice) {
        base = firn_allocate(bytes.count)
        memcpy(base, bytes.base, bytes.count)
    }

    /// Takes over the block of another, which is no longer used.
    init(owning base: UnsafeMutableRawPointer) { self.base = base }

    /// An independent copy.
    public func copy() -> Listpack { Listpack(trusted: bytes) }

    /// Gives the memory back.
    public func free() { firn_deallocate(base, totalBytes) }

    // MARK: Header

    /// Bytes of the whole, header and end mark included.
    public private(set) var totalBytes: Int {
        @inline(__always) get { Int(UInt32(littleEndian: base.loadUnaligned(as: UInt32.self))) }
        @inline(__always) nonmutating set {
            base.storeBytes(of: UInt32(truncatingIfNeeded: newValue).littleEndian, as: UInt32.self)
        }
    }

    /// Bytes that the allocator sets aside.
    public var memoryBytes: Int { firn_allocation_size(totalBytes) }

    /// The whole as it stands in DUMP.
    public var bytes: ByteSlice { ByteSlice(base, count: totalBytes) }

    /// Entries. O(1) up to 65534, else O(bytes).
    public var count: Int {
        let stored = storedCount
        if stored < Self.unknownCount { return stored }
        var n = 0
        var at = first
        while at < end {
            at = next(at)
            n += 1
        }
        return n
    }

    private static let unknownCount = 65535

    private var storedCount: Int { Int(UInt16(littleEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt16.self))) }

    private func storeCount(_ n: Int) {
        base.storeBytes(of: UInt16(min(n, Self.unknownCount)).littleEndian, toByteOffset: 4, as: UInt16.self)
    }

    // MARK: Places

    /// The first entry's offset; `end` if there is none.
    @inline(__always)
    public var first: Int { Self.headerBytes }

    /// The offset behind the last entry.
    @inline(__always)
    public var end: Int { totalBytes - 1 }

    @inline(__always)
    public var isEmpty: Bool { first == end }

    /// The last entry's offset. There must be one.
    public var last: Int { previous(end) }

    /// The offset of the entry behind the one at `at`; `end` behind the last.
    @inline(__always)
    public func next(_ at: Int) -> Int {
        let length = entryBytes(at)
        return at + length + Self.backBytes(length)
    }

    /// The offset of the entry before `at` (which may be `end`). There must be one.
    @inline(__always)
    public func previous(_ at: Int) -> Int {
        precondition(at > first, "no entry before offset \(at)")
        let byte = load(at - 1)
        return byte < 128 ? at - Int(byte) - 1 : longPrevious(at)
    }

    private func longPrevious(_ at: Int) -> Int {
        var back = at - 1
        var length = 0
        var shift = 0
        while true {
            let byte = load(back)
            length |= Int(byte & 127) << shift
            if byte & 128 == 0 { break }
            shift += 7
            back -= 1
        }
        return at - length - Self.backBytes(length)
    }

    /// The offset of entry `index`, from 0; `end` if there are fewer. O(bytes), from the nearer end.
    public func offset(of index: Int) -> Int {
        let total = count
        guard index < total else { return end }
        if index <= total / 2 {
            var at = first
            for _ in 0..<index { at = next(at) }
            return at
        }
        var at = end
        for _ in index..<total { at = previous(at) }
        return at
    }

    /// The offset `entries` entries behind `at`; `end` if there are fewer.
    @inline(__always)
    public func advance(_ at: Int, by entries: Int) -> Int {
        var at = at
        for _ in 0..<entries where at < end { at = next(at) }
        return at
    }

    // MARK: Reading

    /// An entry's value. The bytes are those in the block, valid until it changes.
    public enum Item: Sendable {
        case integer(Int64)
        case bytes(ByteSlice)

        /// Calls `body` with the value's bytes, valid during the call; an integer is written out first.
        @inlinable
        public func withBytes<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
            switch self {
            case .bytes(let slice): return try body(slice)
            case .integer(let number):
                // Room for any integer's text.
                var room: (UInt64, UInt64, UInt64) = (0, 0, 0)
                return try withUnsafeMutableBytes(of: &room) { (raw) throws(E) -> R in
                    let base = raw.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
                    return try body(ByteSlice(base: base, count: Decimal.formatInt64(number, into: base)))
                }
            }
        }
    }

    /// The value at `at`.
    @inline(__always)
    public func item(_ at: Int) -> Item {
        let byte = load(at)
        if byte < 0x80 { return .integer(Int64(byte)) }
        if byte < 0xc0 { return .bytes(ByteSlice(base + at + 1, count: Int(byte & 0x3f))) }
        return longItem(byte, at)
    }

    private func longItem(_ byte: UInt8, _ at: Int) -> Item {
        if byte < 0xe0 {
            let raw = Int64(byte & 0x1f) << 8 | Int64(load(at + 1))
            return .integer(raw >= 1 << 12 ? raw - 1 << 13 : raw)
        }
        if byte < 0xf0 {
            return .bytes(ByteSlice(base + at + 2, count: Int(byte & 0x0f) << 8 | Int(load(at + 1))))
        }
        switch byte {
        case 0xf0: return .bytes(ByteSlice(base + at + 5, count: Int(loadNumber(at + 1, 4))))
        case 0xf1: return .integer(Int64(Int16(truncatingIfNeeded: loadNumber(at + 1, 2))))
        case 0xf2: return .integer((Int64(loadNumber(at + 1, 3)) << 40) >> 40)
        case 0xf3: return .integer(Int64(Int32(truncatingIfNeeded: loadNumber(at + 1, 4))))
        case 0xf4: return .integer(Int64(bitPattern: loadNumber(at + 1, 8)))
        default: preconditionFailure("a listpack entry that begins with \(byte)")
        }
    }

    /// The value at `at` as a little-endian number, if it is a string of eight bytes.
    @inline(__always)
    func eightBytes(_ at: Int) -> UInt64? {
        guard load(at) == 0x88 else { return nil }
        return UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at + 1, as: UInt64.self))
    }

    /// Calls `body` with the value's bytes, valid during the call; an integer is written out first.
    public func withBytes<R, E: Error>(_ at: Int, _ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        try item(at).withBytes(body)
    }

    /// Whether the value at `at` is `text`. `number`: the integer that `text` is the canonical text of, if it is one
    /// (`StringForm.canonicalInteger`); worked out once by who compares with many.
    @inline(__always)
    public func equals(_ at: Int, _ text: ByteSlice, _ number: Int64?) -> Bool {
        switch item(at) {
        case .bytes(let slice): number == nil && slice == text
        case .integer(let value): value == number
        }
    }

    // MARK: Changing

    /// Puts `value` before the entry at `at` (`end`: behind the last). Returns the offset behind the new entry.
    @discardableResult
    public mutating func insert(_ value: ByteSlice, at: Int) -> Int {
        splice(at, removing: 0, entries: 0, Encoded(value))
    }

    @discardableResult
    public mutating func insert(integer: Int64, at: Int) -> Int {
        splice(at, removing: 0, entries: 0, Encoded(integer))
    }

    public mutating func append(_ value: ByteSlice) { insert(value, at: end) }

    public mutating func append(integer: Int64) { insert(integer: integer, at: end) }

    /// Appends a copy of the entry at `at` of another listpack.
    public mutating func append(entryOf other: Listpack, _ at: Int) {
        switch other.item(at) {
        case .integer(let number): append(integer: number)
        case .bytes(let slice): insert(slice, at: end)
        }
    }

    /// Gives the entry at `at` another value. Returns the offset behind it.
    @discardableResult
    public mutating func replace(_ at: Int, with value: ByteSlice) -> Int {
        splice(at, removing: next(at) - at, entries: 1, Encoded(value))
    }

    @discardableResult
    public mutating func replace(_ at: Int, withInteger integer: Int64) -> Int {
        splice(at, removing: next(at) - at, entries: 1, Encoded(integer))
    }

    /// Removes up to `entries` entries from `at` on. What stood behind them then stands at `at`. Returns how many.
    @discardableResult
    public mutating func remove(_ at: Int, entries: Int = 1) -> Int {
        var to = at
        var removed = 0
        while removed < entries, to < end {
            to = next(to)
            removed += 1
        }
        if removed > 0 { splice(at, removing: to - at, entries: removed, nil) }
        return removed
    }

    /// The listpack without its first `entries` entries, of more. It begins further on in the same block, where its
    /// header overwrites what it no longer has; this one is no longer valid. O(entries).
    func cutFront(_ entries: Int) -> Listpack {
        let at = advance(first, by: entries)
        precondition(at < end, "all entries, or more, were to be removed")
        let known = storedCount
        let rest = Listpack(owning: base + at - Self.headerBytes)
        let bytes = totalBytes - (at - Self.headerBytes)
        rest.totalBytes = bytes
        rest.storeCount(known == Self.unknownCount ? known : known - entries)
        return rest
    }

    /// Moves the entries from `at` on to a new listpack, which is returned.
    public mutating func split(_ at: Int) -> Listpack {
        var behind = Listpack()
        let moved = end - at
        guard moved > 0 else { return behind }
        let number = countEntries(from: at)
        let total = count
        behind.resize(to: Self.emptyBytes + moved)
        memcpy(behind.base + Self.headerBytes, base + at, moved)
        behind.finish(Self.emptyBytes + moved, number)
        resize(to: at + 1)
        finish(at + 1, total - number)
        return behind
    }

    /// Appends all of `other`, which stays as it is.
    public mutating func append(contentsOf other: Listpack) {
        let added = other.end - other.first
        guard added > 0 else { return }
        let at = end
        let total = count + other.count
        resize(to: totalBytes + added)
        memcpy(base + at, other.base + Self.headerBytes, added)
        finish(at + added + 1, total)
    }

    private func countEntries(from: Int) -> Int {
        var n = 0
        var at = from
        while at < end {
            at = next(at)
            n += 1
        }
        return n
    }

    /// Replaces `removing` bytes at `at`, which hold `entries` entries, by an encoded value. Returns the offset behind
    /// what was put in.
    @discardableResult
    private mutating func splice(_ at: Int, removing: Int, entries: Int, _ new: Encoded?) -> Int {
        let old = totalBytes
        precondition(at >= first && at + removing < old, "a change at \(at) of \(old) bytes")
        let added = new.map { $0.bytes + Self.backBytes($0.bytes) } ?? 0
        let total = old - removing + added
        precondition(total <= Int(UInt32.max), "a listpack of \(total) bytes")
        // A count that is not known stays so: to find it out would cost O(bytes) with each change.
        let known = storedCount
        let number = known == Self.unknownCount ? known : known - entries + (new == nil ? 0 : 1)
        if total > old { resize(to: total) }
        if added != removing { memmove(base + at + added, base + at + removing, old - at - removing) }
        if let new {
            new.write(to: base + at)
            Self.writeBack(new.bytes, to: base + at + new.bytes)
        }
        if total < old { resize(to: total) }
        finish(total, number)
        return at + added
    }

    /// Makes room for `bytes` in all, or gives back what is above; the contents stay. Does not store the size.
    private mutating func resize(to bytes: Int) {
        let old = totalBytes
        guard firn_allocation_size(bytes) != firn_allocation_size(old) else { return }
        let fresh = firn_allocate(bytes)
        memcpy(fresh, base, min(bytes, old))
        firn_deallocate(base, old)
        base = fresh
    }

    private func finish(_ bytes: Int, _ number: Int) {
        totalBytes = bytes
        storeCount(number)
        base.storeBytes(of: Self.endMark, toByteOffset: bytes - 1, as: UInt8.self)
    }

    // MARK: Encoding

    @inline(__always)
    func load(_ at: Int) -> UInt8 { base.load(fromByteOffset: at, as: UInt8.self) }

    private func loadNumber(_ at: Int, _ bytes: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<bytes { value |= UInt64(load(at + index)) << UInt64(8 * index) }
        return value
    }

    /// Bytes of the encoding and data at `at`.
    @inline(__always)
    private func entryBytes(_ at: Int) -> Int {
        let byte = load(at)
        if byte < 0x80 { return 1 }
        if byte < 0xc0 { return 1 + Int(byte & 0x3f) }
        return longEntryBytes(byte, at)
    }

    private func longEntryBytes(_ byte: UInt8, _ at: Int) -> Int {
        if byte < 0xe0 { return 2 }
        if byte < 0xf0 { return 2 + (Int(byte & 0x0f) << 8 | Int(load(at + 1))) }
        switch byte {
        case 0xf0: return 5 + Int(loadNumber(at + 1, 4))
        case 0xf1: return 3
        case 0xf2: return 4
        case 0xf3: return 5
        case 0xf4: return 9
        default: preconditionFailure("a listpack entry that begins with \(byte)")
        }
    }

    /// Bytes that the length behind an entry of `length` bytes takes. The bounds are the format's.
    @inline(__always)
    static func backBytes(_ length: Int) -> Int {
        if length <= 127 { return 1 }
        if length < 16383 { return 2 }
        if length < 2_097_151 { return 3 }
        return length < 268_435_455 ? 4 : 5
    }

    private static func writeBack(_ length: Int, to target: UnsafeMutableRawPointer) {
        let count = backBytes(length)
        for index in 0..<count {
            let bits = UInt8(length >> (7 * (count - 1 - index)) & 127)
            target.storeBytes(of: index == 0 ? bits : bits | 128, toByteOffset: index, as: UInt8.self)
        }
    }

    /// Bytes that `value` would add.
    public static func cost(_ value: ByteSlice) -> Int {
        let bytes = Encoded(value).bytes
        return bytes + backBytes(bytes)
    }

    /// A value on its way into a listpack.
    private struct Encoded {
        let item: Item
        /// Of encoding and data.
        let bytes: Int

        init(_ value: ByteSlice) {
            if let number = StringForm.canonicalInteger(value) {
                self.init(number)
                return
            }
            self.init(item: .bytes(value), bytes: value.count + (value.count < 64 ? 1 : value.count < 4096 ? 2 : 5))
        }

        init(_ number: Int64) {
            let bytes =
                switch number {
                case 0...127: 1
                case -4096...4095: 2
                case -0x8000...0x7fff: 3
                case -0x80_0000...0x7f_ffff: 4
                case -0x8000_0000...0x7fff_ffff: 5
                default: 9
                }
            self.init(item: .integer(number), bytes: bytes)
        }

        private init(item: Item, bytes: Int) {
            self.item = item
            self.bytes = bytes
        }

        func write(to target: UnsafeMutableRawPointer) {
            func put(_ byte: Int, at offset: Int) {
                target.storeBytes(of: UInt8(truncatingIfNeeded: byte), toByteOffset: offset, as: UInt8.self)
            }
            switch item {
            case .integer(let number):
                switch bytes {
                case 1: put(Int(number), at: 0)
                case 2:
                    put(0xc0 | Int(number >> 8 & 0x1f), at: 0)
                    put(Int(number & 0xff), at: 1)
                default:
                    put(bytes == 9 ? 0xf4 : 0xf1 + bytes - 3, at: 0)
                    for index in 1..<bytes { put(Int(number >> Int64(8 * (index - 1)) & 0xff), at: index) }
                }
            case .bytes(let value):
                let head = bytes - value.count
                switch head {
                case 1: put(0x80 | value.count, at: 0)
                case 2:
                    put(0xe0 | value.count >> 8, at: 0)
                    put(value.count & 0xff, at: 1)
                default:
                    put(0xf0, at: 0)
                    for index in 0..<4 { put(value.count >> (8 * index) & 0xff, at: 1 + index) }
                }
                memcpy(target + head, value.base, value.count)
            }
        }
    }
}
