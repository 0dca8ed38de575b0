import Bytes
import CShims

// Leads to an element of a page without a walk over those before it. In the block (48 bytes, the last four unused):
//
//     depth (1) | elements (1) | use (1) | 0 | pins (2) | 0 (2) | mark of each element (24)
//     | offset of every fourth element (6 * 2)
//
// A mark is a byte of the element's hash. A search compares eight marks at a time and looks only at elements whose mark
// is the right one: for an element that isn't there at none in most cases.
//
// A page with more elements than marks, or one that is too long for offsets of 16 bits, has no index: then `elements`
// is `none`, and the page is searched from its start.
//
// Of a page that is only on flash (PagedHash+Paging) no more than the first eight bytes are there: `elements` is
// `away`.

/// The index of one page, which its owner frees. What is said of the listpack is true of the page's one.
struct PageIndex: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    private let raw: UnsafeMutableRawPointer

    /// Elements that there is room for.
    static let mostElements = 24
    private static let bytes = 48
    private static let group = 4
    private static let none: UInt8 = 255
    private static let away: UInt8 = 254
    /// A page below this has an index if it has no more than `mostElements`; a longer one may have.
    static let longBytes = 1 << 16

    private enum Offset {
        static let depth = 0
        static let elements = 1
        static let use = 2
        static let pins = 4
        static let marks = 8
        static let starts = 32
    }

    /// Of a page that is only on flash.
    private static let absentBytes = 8

    /// Of a page without elements.
    init(depth: Int) {
        raw = firn_allocate(Self.bytes)
        // Marks behind the last element are compared too.
        memset(raw, 0, Self.bytes)
        self.depth = depth
    }

    /// Of a page that is only on flash.
    init(awayAt depth: Int) {
        raw = firn_allocate(Self.absentBytes)
        memset(raw, 0, Self.absentBytes)
        self.depth = depth
        elements = Self.away
    }

    private init(raw: UnsafeMutableRawPointer) { self.raw = raw }

    private var bytes: Int { isAway ? Self.absentBytes : Self.bytes }

    func free() { firn_deallocate(raw, bytes) }

    /// An independent copy, without uses and pins.
    func copy() -> PageIndex {
        let fresh = firn_allocate(bytes)
        memcpy(fresh, raw, bytes)
        let copy = PageIndex(raw: fresh)
        copy.use = 0
        if !isAway { copy.pins = 0 }
        return copy
    }

    /// Bytes that the allocator sets aside.
    var memoryBytes: Int { firn_allocation_size(bytes) }
    static var absentMemoryBytes: Int { firn_allocation_size(absentBytes) }

    static func == (a: PageIndex, b: PageIndex) -> Bool { a.raw == b.raw }

    /// Bits of the hash that all elements of the page share.
    var depth: Int {
        @inline(__always) get { Int(raw.load(fromByteOffset: Offset.depth, as: UInt8.self)) }
        nonmutating set { raw.storeBytes(of: UInt8(newValue), toByteOffset: Offset.depth, as: UInt8.self) }
    }

    private var elements: UInt8 {
        @inline(__always) get { raw.load(fromByteOffset: Offset.elements, as: UInt8.self) }
        nonmutating set { raw.storeBytes(of: newValue, toByteOffset: Offset.elements, as: UInt8.self) }
    }

    /// Whether it says where elements are.
    var isThere: Bool { elements < Self.away }

    /// Whether the page is only on flash.
    var isAway: Bool { elements == Self.away }

    /// Its owner's: see PagedHash+Paging.
    var use: UInt8 {
        @inline(__always) get { raw.load(fromByteOffset: Offset.use, as: UInt8.self) }
        nonmutating set { raw.storeBytes(of: newValue, toByteOffset: Offset.use, as: UInt8.self) }
    }

    /// Calls that need the page.
    var pins: UInt16 {
        get { raw.load(fromByteOffset: Offset.pins, as: UInt16.self) }
        nonmutating set { raw.storeBytes(of: newValue, toByteOffset: Offset.pins, as: UInt16.self) }
    }

    // MARK: Searching

    /// The mark of an element with this hash.
    @inline(__always)
    static func mark(_ hash: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: hash) }

    /// The offset of the element with this key; nil if there is none. O(1), without an index O(bytes).
    @inline(__always)
    func find(_ key: ByteSlice, mark: UInt8, in listpack: Listpack, width: Int) -> Int? {
        let elements = self.elements
        guard elements < Self.away else {
            precondition(elements == Self.none, "a search in a page that is not in RAM")
            return listpack.find(key, stride: width)
        }
        var first = 0
        while first < elements {
            var hits = hits(from: first, mark)
            while hits != 0 {
                let number = first + hits.trailingZeroBitCount / 8
                if number >= elements { return nil }
                let at = offset(of: number, in: listpack, width: width)
                if listpack.equals(at, key, StringForm.canonicalInteger(key)) { return at }
                hits &= hits &- 1
            }
            first += 8
        }
        return nil
    }

    /// The top bit of each byte that is `mark`, of the eight from `first` on; above such a byte others may be set too.
    @inline(__always)
    private func hits(from first: Int, _ mark: UInt8) -> UInt64 {
        let marks = UInt64(littleEndian: raw.load(fromByteOffset: Offset.marks + first, as: UInt64.self))
        let different = marks ^ (UInt64(mark) &* 0x0101_0101_0101_0101)
        return (different &- 0x0101_0101_0101_0101) & ~different & 0x8080_8080_8080_8080
    }

    @inline(__always)
    private func offset(of number: Int, in listpack: Listpack, width: Int) -> Int {
        var at = start(number / Self.group)
        for _ in 0..<(number % Self.group) * width { at = listpack.next(at) }
        return at
    }

    /// Brings it into the cache.
    @inline(__always)
    func prefetch() {
        firn_prefetch(raw)
        firn_prefetch(raw + Offset.starts)
    }

    // MARK: Changing

    private var marks: UnsafeMutablePointer<UInt8> { (raw + Offset.marks).assumingMemoryBound(to: UInt8.self) }
    private var groups: Int { (Int(elements) + Self.group - 1) / Self.group }

    @inline(__always)
    private func start(_ group: Int) -> Int {
        Int(raw.load(fromByteOffset: Offset.starts + 2 * group, as: UInt16.self))
    }

    private func setStart(_ group: Int, _ offset: Int) {
        guard let offset = UInt16(exactly: offset) else { return elements = Self.none }
        raw.storeBytes(of: offset, toByteOffset: Offset.starts + 2 * group, as: UInt16.self)
    }

    /// An element has been appended to the listpack, at `offset`.
    func enter(mark: UInt8, at offset: Int) {
        let number = Int(elements)
        // None, or full.
        guard number < Self.mostElements else { return elements = Self.none }
        marks[number] = mark
        elements += 1
        if number % Self.group == 0 { setStart(number / Self.group, offset) }
    }

    /// The element at `offset` has become longer by `bytes`, or shorter if that is negative.
    func resize(at offset: Int, by bytes: Int) {
        guard isThere, bytes != 0 else { return }
        for group in 0..<groups where isThere && start(group) > offset { setStart(group, start(group) + bytes) }
    }

    /// The element that was at `offset` has left `listpack`, and `bytes` with it.
    func leave(_ offset: Int, bytes: Int, in listpack: Listpack, width: Int) {
        guard isThere else { return }
        let groups = groups
        var group = groups - 1
        while start(group) > offset { group -= 1 }
        var number = group * Self.group
        var at = start(group)
        while at < offset {
            at = listpack.advance(at, by: width)
            number += 1
        }
        let left = Int(elements) - 1
        memmove(marks + number, marks + number + 1, left - number)
        // Each group behind begins an element later than before.
        for behind in group + 1..<max(groups, group + 1) {
            setStart(behind, listpack.advance(start(behind) - bytes, by: width))
        }
        elements = UInt8(left)
    }

    /// Makes it anew from the listpack, if the page can have an index. `hash`: of a key. O(bytes).
    func enterAll(of listpack: Listpack, width: Int, _ hash: (ByteSlice) -> UInt64) {
        elements = 0
        var at = listpack.first
        while at < listpack.end, isThere {
            enter(mark: Self.mark(listpack.withBytes(at, hash)), at: at)
            at = listpack.advance(at, by: width)
        }
    }

    // MARK: For tests

    /// Traps unless what it says is true of the listpack, and it is there if it can be.
    func checkInvariants(_ listpack: Listpack, width: Int, _ hash: (ByteSlice) -> UInt64) {
        guard isThere else {
            let elements = listpack.count / width
            let mayBeNone = elements > Self.mostElements || listpack.totalBytes >= Self.longBytes
            precondition(mayBeNone, "\(elements) elements without an index")
            return
        }
        precondition(listpack.count == Int(elements) * width, "\(elements) elements, \(listpack.count) entries")
        var at = listpack.first
        for number in 0..<Int(elements) {
            precondition(marks[number] == Self.mark(listpack.withBytes(at, hash)), "the mark of element \(number)")
            precondition(offset(of: number, in: listpack, width: width) == at, "the place of element \(number)")
            at = listpack.advance(at, by: width)
        }
    }
}
