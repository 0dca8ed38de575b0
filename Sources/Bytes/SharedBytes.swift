import CShims

/// A block of bytes that several owners share: reference-counted.
///
/// Whoever is its only owner may write to it and lengthen it within its capacity; as soon as it is shared it is
/// immutable. (Growing in place is what makes APPEND to a large value amortised O(bytes appended).)
public final class SharedBytes: @unchecked Sendable {
    // @unchecked: immutable while it is shared; the two mutators state the condition.
    @usableFromInline let base: UnsafeMutablePointer<UInt8>
    /// Bytes allocated.
    public let capacity: Int
    /// Bytes in the block.
    @usableFromInline var length: Int

    /// A block of `count` bytes, contents unspecified: its maker fills it before sharing it.
    @inlinable
    public init(uninitializedCount count: Int, capacity: Int = 0) {
        self.capacity = max(count, capacity)
        length = count
        base = firn_allocate(max(self.capacity, 1)).assumingMemoryBound(to: UInt8.self)
    }

    /// A copy of `slice`. O(n).
    @inlinable
    public convenience init(copying slice: ByteSlice) {
        self.init(uninitializedCount: slice.count)
        memcpy(base, slice.base, slice.count)
    }

    @inlinable
    deinit { firn_deallocate(base, max(capacity, 1)) }

    /// Bytes in the block.
    @inlinable
    public var count: Int { length }

    /// The block's bytes, valid as long as the caller holds the object.
    @inlinable
    public var slice: ByteSlice { ByteSlice(base: base, count: length) }

    /// Writes into the block. Only its single owner may.
    @inlinable
    public func withUnsafeMutableBytes<R>(_ body: (UnsafeMutablePointer<UInt8>) -> R) -> R { body(base) }

    /// Sets the length, at most `capacity`; bytes beyond the old length are zeroed. Only its single owner may.
    public func resize(to count: Int) {
        precondition(count <= capacity, "resized to \(count) of \(capacity) bytes")
        if count > length { memset(base + length, 0, count - length) }
        length = count
    }
}
