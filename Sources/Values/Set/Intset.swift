import Bytes
import CShims

// An intset: different integers in ascending order. The format is Redis', byte for byte, because DUMP and dump.rdb hold
// intsets as they are.
//
//     bytes a number (4) | count (4) | number ...          all little endian
//
// Numbers take 2, 4 or 8 bytes, all the same: as many as the widest that ever was in it needs.

/// Sorted integers in one block of memory, which this value owns until `free`.
///
/// Trivial to copy; two copies must not both be changed. Finding is O(log n), a change O(n).
public struct Intset: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    private(set) var base: UnsafeMutableRawPointer

    private static let headerBytes = 8

    /// An empty one.
    public init() {
        base = firn_allocate(Self.headerBytes)
        store(width: 2, count: 0)
    }

    /// A copy of `bytes` if they are an intset: the sizes fit, the numbers ascend. Else nil. O(n).
    public init?(checking bytes: ByteSlice) {
        guard bytes.count >= Self.headerBytes else { return nil }
        base = firn_allocate(bytes.count)
        memcpy(base, bytes.base, bytes.count)
        guard isValid(bytes.count) else {
            firn_deallocate(base, bytes.count)
            return nil
        }
    }

    /// Takes over the block of another, which is no longer used.
    init(owning base: UnsafeMutableRawPointer) { self.base = base }

    private init(copying other: Intset) {
        base = firn_allocate(other.totalBytes)
        memcpy(base, other.base, other.totalBytes)
    }

    /// An independent copy.
    public func copy() -> Intset { Intset(copying: self) }

    /// Gives the memory back.
    public func free() { firn_deallocate(base, totalBytes) }

    private func isValid(_ bytes: Int) -> Bool {
        // Below 2^35, so nothing overflows.
        guard width == 2 || width == 4 || width == 8, totalBytes == bytes else { return false }
        return (1..<max(1, count)).allSatisfy { self[$0 - 1] < self[$0] }
    }

    // MARK: Reading

    private func header(_ at: Int) -> Int {
        Int(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    }

    /// Bytes of each number.
    public var width: Int { header(0) }

    /// Numbers.
    public var count: Int { header(4) }

    /// Bytes of the whole, header included.
    public var totalBytes: Int { Self.headerBytes + count * width }

    /// Bytes that the allocator sets aside.
    public var memoryBytes: Int { firn_allocation_size(totalBytes) }

    /// The whole as it stands in DUMP, valid until a change.
    public var bytes: ByteSlice { ByteSlice(base, count: totalBytes) }

    /// The number at `index`, in ascending order.
    public subscript(index: Int) -> Int64 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "number \(index) of \(count)")
        return load(index, width)
    }

    private func load(_ index: Int, _ width: Int) -> Int64 {
        let at = Self.headerBytes + index * width
        return switch width {
        case 2: Int64(Int16(littleEndian: base.loadUnaligned(fromByteOffset: at, as: Int16.self)))
        case 4: Int64(Int32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: Int32.self)))
        default: Int64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: Int64.self))
        }
    }

    public func contains(_ number: Int64) -> Bool {
        let index = place(of: number)
        return index < count && self[index] == number
    }

    /// The index of the first number that isn't below `number`; the count if all are.
    private func place(of number: Int64) -> Int {
        let width = width
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if load(middle, width) < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Changing

    /// Adds a number. Returns whether it is new.
    @discardableResult
    public mutating func insert(_ number: Int64) -> Bool {
        let needed = Self.width(of: number)
        if needed > width { widen(to: needed) }
        let index = place(of: number)
        let (count, width) = (count, width)
        if index < count, load(index, width) == number { return false }
        resize(from: totalBytes, to: totalBytes + width)
        let at = Self.headerBytes + index * width
        memmove(base + at + width, base + at, (count - index) * width)
        put(number, at: index, width)
        store(width: width, count: count + 1)
        return true
    }

    /// Removes a number. Returns whether it was there.
    @discardableResult
    public mutating func remove(_ number: Int64) -> Bool {
        let index = place(of: number)
        guard index < count, self[index] == number else { return false }
        remove(at: index)
        return true
    }

    /// Removes the number at `index`.
    public mutating func remove(at index: Int) {
        let (count, width, total) = (count, width, totalBytes)
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "number \(index) of \(count)")
        let at = Self.headerBytes + index * width
        memmove(base + at, base + at + width, (count - index - 1) * width)
        resize(from: total, to: total - width)
        store(width: width, count: count - 1)
    }

    private static func width(of number: Int64) -> Int {
        Int16(exactly: number) != nil ? 2 : Int32(exactly: number) != nil ? 4 : 8
    }

    private mutating func widen(to wide: Int) {
        let (count, narrow) = (count, width)
        resize(from: totalBytes, to: Self.headerBytes + count * wide)
        // From the end, so that no number is overwritten before it has moved.
        for index in stride(from: count - 1, through: 0, by: -1) { put(load(index, narrow), at: index, wide) }
        store(width: wide, count: count)
    }

    private func put(_ number: Int64, at index: Int, _ width: Int) {
        let at = Self.headerBytes + index * width
        switch width {
        case 2: base.storeBytes(of: Int16(truncatingIfNeeded: number).littleEndian, toByteOffset: at, as: Int16.self)
        case 4: base.storeBytes(of: Int32(truncatingIfNeeded: number).littleEndian, toByteOffset: at, as: Int32.self)
        default: base.storeBytes(of: number.littleEndian, toByteOffset: at, as: Int64.self)
        }
    }

    private func store(width: Int, count: Int) {
        base.storeBytes(of: UInt32(width).littleEndian, as: UInt32.self)
        base.storeBytes(of: UInt32(count).littleEndian, toByteOffset: 4, as: UInt32.self)
    }

    /// Makes room for `new` bytes in all, or gives back what is above; the contents stay.
    private mutating func resize(from old: Int, to new: Int) {
        guard firn_allocation_size(new) != firn_allocation_size(old) else { return }
        let fresh = firn_allocate(new)
        memcpy(fresh, base, min(old, new))
        firn_deallocate(base, old)
        base = fresh
    }
}
