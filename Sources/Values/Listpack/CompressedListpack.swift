import Bytes
import CLZ4
import CShims

/// A listpack that is made smaller for the time in which nobody looks at it: one block of memory, which this value owns
/// until `free`.
///
///     bytes of the listpack (4) | bytes that follow (4) | an LZ4 block            numbers little endian
///
/// It stands so on flash too. LZ4 and not LZF, which RDB has: see ARCHITECTURE.md for what was measured.
struct CompressedListpack: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    let base: UnsafeMutableRawPointer

    static let headerBytes = 8
    /// What is larger than any page of several elements may be is one element. It stays as it is: to read it would take
    /// the longer the larger it is, and memory for a second time.
    static let mostListpackBytes = 64 << 10

    /// Takes over the block of another, which is no longer used.
    init(owning base: UnsafeMutableRawPointer) { self.base = base }

    /// Nil if a quarter of the memory can't be saved. O(bytes): 1 µs a KiB.
    init?(_ listpack: Listpack) {
        let total = listpack.totalBytes
        guard total <= Self.mostListpackBytes else { return nil }
        let most = listpack.memoryBytes / 4 * 3
        guard most > Self.headerBytes else { return nil }
        let draft = firn_allocate(most)
        defer { firn_deallocate(draft, most) }
        let length = firn_lz4_compress(
            listpack.base, UInt32(total), draft + Self.headerBytes, UInt32(most - Self.headerBytes))
        let bytes = Self.headerBytes + Int(length)
        guard length > 0, firn_allocation_size(bytes) <= most else { return nil }
        draft.storeBytes(of: UInt32(total).littleEndian, as: UInt32.self)
        draft.storeBytes(of: length.littleEndian, toByteOffset: 4, as: UInt32.self)
        base = firn_allocate(bytes)
        memcpy(base, draft, bytes)
    }

    /// A copy of what `bytes` begin with, and the listpack in it; nil if that is not well-formed or has no elements.
    /// O(bytes).
    static func checked(_ bytes: ByteSlice) -> (compressed: CompressedListpack, listpack: Listpack)? {
        guard bytes.count > headerBytes else { return nil }
        // The view covers the header; nothing is written through it.
        let total = Int(loadNumber(bytes.base, 0))
        let length = Int(loadNumber(bytes.base, 4))
        guard total > Listpack.emptyBytes, total <= mostListpackBytes, length > 0,
            length <= bytes.count - headerBytes
        else { return nil }
        let block = firn_allocate(total)
        let written = firn_lz4_decompress(bytes.base + headerBytes, UInt32(length), block, UInt32(total))
        guard Int(written) == total, ListpackCheck.isValid(ByteSlice(block, count: total)) else {
            firn_deallocate(block, total)
            return nil
        }
        let copy = firn_allocate(headerBytes + length)
        memcpy(copy, bytes.base, headerBytes + length)
        return (CompressedListpack(owning: copy), Listpack(owning: block))
    }

    /// Gives the memory back.
    func free() { firn_deallocate(base, bytes.count) }

    /// An independent copy.
    func copy() -> CompressedListpack {
        let fresh = firn_allocate(bytes.count)
        memcpy(fresh, base, bytes.count)
        return CompressedListpack(owning: fresh)
    }

    /// What was compressed, in memory of its own. O(bytes): a fifth of a µs a KiB.
    func expanded() -> Listpack {
        let total = listpackBytes
        let block = firn_allocate(total)
        let written = firn_lz4_decompress(
            base + Self.headerBytes, UInt32(bytes.count - Self.headerBytes), block, UInt32(total))
        precondition(Int(written) == total, "\(written) bytes in place of a listpack of \(total)")
        return Listpack(owning: block)
    }

    /// `totalBytes` of the listpack.
    var listpackBytes: Int { Int(Self.loadNumber(base, 0)) }

    /// The whole as it stands on flash.
    var bytes: ByteSlice { ByteSlice(base, count: Self.headerBytes + Int(Self.loadNumber(base, 4))) }

    /// Bytes that the allocator sets aside.
    var memoryBytes: Int { firn_allocation_size(bytes.count) }

    private static func loadNumber(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

/// Expanded listpacks that must outlive the look at them: they are freed with this.
public final class ExpandedListpacks {
    private var kept: [Listpack] = []

    public init() {}

    deinit { for listpack in kept { listpack.free() } }

    func keep(_ listpack: Listpack) { kept.append(listpack) }
}
