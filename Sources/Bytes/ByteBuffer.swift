import CShims

/// An owned, growable run of bytes with a readable part, filled at its end and consumed at its front.
///
/// Growth doubles up to 1 MiB and adds a quarter beyond, so appending is amortised O(1) and a large buffer
/// wastes at most a fifth. Empty buffers hold no memory.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    // @unchecked: the memory has one owner, this value, which is not copyable.
    @usableFromInline var memory: UnsafeMutablePointer<UInt8>?
    @usableFromInline var allocated: Int
    @usableFromInline var start: Int
    @usableFromInline var end: Int

    @inlinable
    public init() {
        memory = nil
        allocated = 0
        start = 0
        end = 0
    }

    public init(capacity: Int) {
        self.init()
        if capacity > 0 { reserve(capacity) }
    }

    deinit {
        if let memory { firn_deallocate(memory, allocated) }
    }

    /// Bytes allocated.
    @inlinable
    public var capacity: Int { allocated }

    /// Bytes that can be read.
    @inlinable
    public var count: Int { end - start }

    @inlinable
    public var isEmpty: Bool { end == start }

    /// The readable bytes, valid until the buffer is changed.
    @inlinable
    public var slice: ByteSlice {
        guard let memory else { return .empty }
        return ByteSlice(base: memory + start, count: end - start)
    }

    /// Makes room for `extra` more bytes after the readable ones.
    @inlinable
    public mutating func reserve(_ extra: Int) {
        if allocated - end < extra { grow(extra) }
    }

    /// As `reserve`, without room for more than that: where the whole of what is to come is known. Appending in small
    /// steps with this is not O(1).
    public mutating func reserveExactly(_ extra: Int) {
        guard allocated - end < extra else { return }
        move(to: end - start + extra)
    }

    @usableFromInline
    @inline(never)
    mutating func grow(_ extra: Int) {
        let used = end - start
        let needed = used + extra
        if let memory, needed <= allocated, start >= allocated / 2 {
            memmove(memory, memory + start, used)
        } else {
            var size = max(allocated, 64)
            while size < needed { size += size < 1 << 20 ? size : size / 4 }
            return move(to: size)
        }
        start = 0
        end = used
    }

    /// Takes another block of `size` bytes, at least as many as are readable.
    private mutating func move(to size: Int) {
        let used = end - start
        let fresh = firn_allocate(size).assumingMemoryBound(to: UInt8.self)
        if let memory {
            memcpy(fresh, memory + start, used)
            firn_deallocate(memory, allocated)
        }
        memory = fresh
        allocated = size
        start = 0
        end = used
    }

    @inlinable
    public mutating func append(_ slice: ByteSlice) {
        reserve(slice.count)
        guard slice.count > 0 else { return }
        memcpy(memory.unsafelyUnwrapped + end, slice.base, slice.count)  // reserve has allocated
        end += slice.count
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        memory.unsafelyUnwrapped[end] = byte  // reserve has allocated
        end += 1
    }

    /// Room for `wanted` or more bytes behind the readable ones, to be filled and then claimed with `didAppend`.
    @inlinable
    public mutating func writableTail(_ wanted: Int) -> UnsafeMutableBufferPointer<UInt8> {
        reserve(wanted)
        guard let memory else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
        return UnsafeMutableBufferPointer(start: memory + end, count: allocated - end)
    }

    /// Claims `n` bytes written to `writableTail`.
    @inlinable
    public mutating func didAppend(_ n: Int) {
        precondition(n >= 0 && n <= allocated - end, "\(n) bytes claimed, \(allocated - end) there")
        end += n
    }

    /// Drops `n` readable bytes at the front. O(1).
    @inlinable
    public mutating func consume(_ n: Int) {
        precondition(n >= 0 && n <= end - start, "\(n) bytes consumed of \(end - start)")
        start += n
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Keeps the first `n` readable bytes.
    @inlinable
    public mutating func truncate(_ n: Int) {
        precondition(n >= 0 && n <= end - start, "truncated to \(n) bytes of \(end - start)")
        end = start + n
    }

    @inlinable
    public mutating func removeAll() {
        start = 0
        end = 0
    }

    /// Gives the memory back; the readable bytes are dropped.
    public mutating func release() {
        if let memory { firn_deallocate(memory, allocated) }
        memory = nil
        allocated = 0
        start = 0
        end = 0
    }
}
