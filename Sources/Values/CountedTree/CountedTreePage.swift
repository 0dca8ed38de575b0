import CShims

/// What a row of a `CountedTree` has for a page: a listpack, or one that is compressed, or, if the page is only on
/// flash, nothing, or its bounds.
///
/// One word: the address of the block (the allocator's begin at multiples of 8, and below 2^48); in its lowest bits
/// what the block holds, and in its upper 16 where in there the listpack begins. Of a page that is away it has the
/// listpack's length in place of an address; in a tree that is searched, the address of a block with that length (4
/// bytes), the block's (4), and one or two listpacks of an element each: the lower bound, and the upper one, if there
/// is a page behind. Elements that are removed from the
/// front leave a gap. The others are moved when it is larger than what they take, so that emptying a page from its
/// front moves each byte about once.
struct CountedTreePage: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    private var bits: UInt

    private static let compressed: UInt = 1
    private static let incompressible: UInt = 2
    private static let away: UInt = 4
    /// Of a page that is away: bounds are there.
    private static let bounded: UInt = away | incompressible
    private static let boundsOffset = 8
    private static let gapShift: UInt = 48
    private static let mostGap = 0xffff
    private static let address: UInt = (1 << gapShift - 1) & ~(compressed | incompressible | away)

    @inline(__always)
    init(_ listpack: Listpack) { bits = UInt(bitPattern: listpack.base) }

    init(_ page: CompressedListpack) { bits = UInt(bitPattern: page.base) | Self.compressed }

    /// One that is away, with a listpack of so many bytes.
    init(awayWith bytes: Int) { bits = UInt(bytes) << 3 | Self.away }

    /// The same, with copies of two listpacks of an element each: none of the page's is before `lower`, all are before
    /// `upper`.
    init(awayWith bytes: Int, from lower: Listpack, to upper: Listpack?) {
        let length = lower.totalBytes
        let size = Self.boundsOffset + length + (upper?.totalBytes ?? 0)
        let block = firn_allocate(size)
        block.storeBytes(of: UInt32(bytes), as: UInt32.self)
        block.storeBytes(of: UInt32(size), toByteOffset: 4, as: UInt32.self)
        memcpy(block + Self.boundsOffset, lower.base, length)
        if let upper { memcpy(block + Self.boundsOffset + length, upper.base, upper.totalBytes) }
        bits = UInt(bitPattern: block) | Self.bounded
    }

    @inline(__always)
    var isAway: Bool { bits & Self.away != 0 }

    @inline(__always)
    var isCompressed: Bool { bits & Self.compressed != 0 }

    /// Whether it is a listpack that would not become smaller, when that was tried. Changes leave the mark, lest each
    /// of them be followed by an attempt.
    var isIncompressible: Bool { bits & Self.incompressible != 0 }

    @inline(__always)
    private var block: UnsafeMutableRawPointer {
        // Made of a block's address, to which the bits that are taken off here were added: never zero.
        UnsafeMutableRawPointer(bitPattern: bits & Self.address).unsafelyUnwrapped
    }

    /// Bytes of the block in front of the listpack.
    @inline(__always)
    private var gap: Int { Int(bits >> Self.gapShift) }

    /// The listpack of a page that isn't compressed, to be read.
    @inline(__always)
    var listpack: Listpack {
        precondition(bits & (Self.compressed | Self.away) == 0, "a page, compressed or away, in place of a listpack")
        return Listpack(owning: block + gap)
    }

    /// What begins with the page's first element: the listpack, or, if the page is away, its lower bound.
    @inline(__always)
    var front: Listpack {
        if bits & (Self.compressed | Self.away) == 0 { return Listpack(owning: block + gap) }
        return lower
    }

    private var hasBounds: Bool { bits & Self.bounded == Self.bounded }

    /// The lower bound of a page that is away and has one: the only element of a listpack.
    var lower: Listpack {
        precondition(hasBounds, "a bound of a page that has none")
        return Listpack(owning: block + Self.boundsOffset)
    }

    /// The upper bound, if there is one.
    var upper: Listpack? {
        let offset = Self.boundsOffset + lower.totalBytes
        return offset < boundsBytes ? Listpack(owning: block + offset) : nil
    }

    /// Bytes of the block with the bounds.
    private var boundsBytes: Int { Int(block.load(fromByteOffset: 4, as: UInt32.self)) }

    /// The other form.
    var compressedListpack: CompressedListpack {
        precondition(isCompressed, "a listpack where a compressed page was expected")
        return CompressedListpack(owning: block)
    }

    /// Bytes of the listpack, in whatever form, or away.
    @inline(__always)
    var totalBytes: Int {
        if bits & (Self.compressed | Self.away) == 0 { return listpack.totalBytes }
        guard isAway else { return compressedListpack.listpackBytes }
        return hasBounds ? Int(block.load(as: UInt32.self)) : Int(bits >> 3)
    }

    /// Bytes that the allocator sets aside.
    @inline(__always)
    var memoryBytes: Int {
        if bits & (Self.compressed | Self.away) == 0 { return firn_allocation_size(gap + listpack.totalBytes) }
        guard isAway else { return compressedListpack.memoryBytes }
        return hasBounds ? firn_allocation_size(boundsBytes) : 0
    }

    func free() {
        if isAway {
            if hasBounds { firn_deallocate(block, boundsBytes) }
            return
        }
        if isCompressed { compressedListpack.free() } else { firn_deallocate(block, gap + listpack.totalBytes) }
    }

    /// An independent copy, in the same form.
    func copy() -> CountedTreePage {
        if isAway { return hasBounds ? CountedTreePage(awayWith: totalBytes, from: lower, to: upper) : self }
        return isCompressed ? CountedTreePage(compressedListpack.copy()) : CountedTreePage(listpack.copy())
    }

    /// Has `body` change the listpack; a compressed one is expanded for good.
    @inline(__always)
    mutating func change(_ body: (inout Listpack) -> Void) {
        if isCompressed { expand() }
        if gap > 0 { closeGap(to: listpack) }
        var listpack = self.listpack
        body(&listpack)
        bits = UInt(bitPattern: listpack.base) | bits & Self.incompressible
    }

    /// Removes the first `entries` entries, of more; a compressed one is expanded for good. O(entries), on average.
    mutating func removeFirst(_ entries: Int) {
        if isCompressed { expand() }
        let rest = listpack.cutFront(entries)
        let gap = rest.base - block
        if gap <= min(rest.totalBytes, Self.mostGap) {
            bits = bits & (1 << Self.gapShift - 1) | UInt(gap) << Self.gapShift
        } else {
            closeGap(to: rest)
        }
    }

    /// Moves the listpack, which begins at `rest` now, to the front of a block of its size.
    private mutating func closeGap(to rest: Listpack) {
        let (old, bytes) = (block, rest.totalBytes)
        let held = rest.base - old + bytes
        var fresh = old
        if firn_allocation_size(bytes) == firn_allocation_size(held) {
            memmove(old, rest.base, bytes)
        } else {
            fresh = firn_allocate(bytes)
            memcpy(fresh, rest.base, bytes)
            firn_deallocate(old, held)
        }
        bits = UInt(bitPattern: fresh) | bits & Self.incompressible
    }

    /// Compresses a listpack, or marks it as one that can't be.
    mutating func compress() {
        guard let page = CompressedListpack(listpack) else {
            bits |= Self.incompressible
            return
        }
        free()
        self = CountedTreePage(page)
    }

    /// Makes a compressed page a listpack again.
    mutating func expand() {
        let page = compressedListpack
        self = CountedTreePage(page.expanded())
        page.free()
    }

    /// Has the next `compress` try again.
    mutating func forgetAttempt() { bits &= ~Self.incompressible }
}
