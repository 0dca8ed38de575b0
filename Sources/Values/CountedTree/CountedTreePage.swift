import CShims

/// What a row of a `CountedTree` has for a page: a listpack, or one that is compressed, or nothing, if the page is only
/// on flash.
///
/// One word: the address of the block (the allocator's begin at multiples of 8, and below 2^48); in its lowest bits
/// what the block holds, and in its upper 16 where in there the listpack begins. Of a page that is away it has the
/// listpack's length in place of an address. Elements that are removed from the
/// front leave a gap. The others are moved when it is larger than what they take, so that emptying a page from its
/// front moves each byte about once.
struct CountedTreePage: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    private var bits: UInt

    private static let compressed: UInt = 1
    private static let incompressible: UInt = 2
    private static let away: UInt = 4
    private static let gapShift: UInt = 48
    private static let mostGap = 0xffff
    private static let address: UInt = (1 << gapShift - 1) & ~(compressed | incompressible)

    @inline(__always)
    init(_ listpack: Listpack) { bits = UInt(bitPattern: listpack.base) }

    init(_ page: CompressedListpack) { bits = UInt(bitPattern: page.base) | Self.compressed }

    /// One that is away, with a listpack of so many bytes.
    init(awayWith bytes: Int) { bits = UInt(bytes) << 3 | Self.away }

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

    /// The other form.
    var compressedListpack: CompressedListpack {
        precondition(isCompressed, "a listpack where a compressed page was expected")
        return CompressedListpack(owning: block)
    }

    /// Bytes of the listpack, in whatever form, or away.
    @inline(__always)
    var totalBytes: Int {
        if bits & (Self.compressed | Self.away) == 0 { return listpack.totalBytes }
        return isAway ? Int(bits >> 3) : compressedListpack.listpackBytes
    }

    /// Bytes that the allocator sets aside.
    @inline(__always)
    var memoryBytes: Int {
        if bits & (Self.compressed | Self.away) == 0 { return firn_allocation_size(gap + listpack.totalBytes) }
        return isAway ? 0 : compressedListpack.memoryBytes
    }

    func free() {
        if isAway { return }
        if isCompressed { compressedListpack.free() } else { firn_deallocate(block, gap + listpack.totalBytes) }
    }

    /// An independent copy, in the same form.
    func copy() -> CountedTreePage {
        if isAway { return self }
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
