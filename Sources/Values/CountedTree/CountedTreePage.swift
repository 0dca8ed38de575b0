import CShims

/// What a row of a `CountedTree` has for a page: a listpack, or one that is compressed. A pointer, whose lowest bits
/// say which of them it leads to; the allocator's blocks begin at multiples of 8.
struct CountedTreePage: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    private var bits: UInt

    private static let compressed: UInt = 1
    private static let incompressible: UInt = 2

    @inline(__always)
    init(_ listpack: Listpack) { bits = UInt(bitPattern: listpack.base) }

    init(_ page: CompressedListpack) { bits = UInt(bitPattern: page.base) | Self.compressed }

    @inline(__always)
    var isCompressed: Bool { bits & Self.compressed != 0 }

    /// Whether it is a listpack that would not become smaller, when that was tried. Changes leave the mark, lest each
    /// of them be followed by an attempt.
    var isIncompressible: Bool { bits & Self.incompressible != 0 }

    @inline(__always)
    private var base: UnsafeMutableRawPointer {
        // Made of a block's address and the two bits taken off here: never zero.
        UnsafeMutableRawPointer(bitPattern: bits & ~(Self.compressed | Self.incompressible)).unsafelyUnwrapped
    }

    /// The listpack of a page that isn't compressed.
    @inline(__always)
    var listpack: Listpack {
        precondition(!isCompressed, "a compressed page where a listpack was expected")
        return Listpack(owning: base)
    }

    /// The other form.
    var compressedListpack: CompressedListpack {
        precondition(isCompressed, "a listpack where a compressed page was expected")
        return CompressedListpack(owning: base)
    }

    /// Bytes of the listpack, compressed or not.
    @inline(__always)
    var totalBytes: Int { isCompressed ? compressedListpack.listpackBytes : listpack.totalBytes }

    /// Bytes that the allocator sets aside.
    @inline(__always)
    var memoryBytes: Int { isCompressed ? compressedListpack.memoryBytes : listpack.memoryBytes }

    func free() { if isCompressed { compressedListpack.free() } else { listpack.free() } }

    /// An independent copy, in the same form.
    func copy() -> CountedTreePage {
        isCompressed ? CountedTreePage(compressedListpack.copy()) : CountedTreePage(listpack.copy())
    }

    /// Has `body` change the listpack; a compressed one is expanded for good.
    @inline(__always)
    mutating func change(_ body: (inout Listpack) -> Void) {
        if isCompressed { expand() }
        var listpack = self.listpack
        body(&listpack)
        bits = UInt(bitPattern: listpack.base) | bits & Self.incompressible
    }

    /// Compresses a listpack, or marks it as one that can't be.
    mutating func compress() {
        let listpack = self.listpack
        guard let page = CompressedListpack(listpack) else {
            bits |= Self.incompressible
            return
        }
        listpack.free()
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
