import Bytes
import CShims

/// Copies of requests' arguments, for calls that outlive the query buffer. They lie in few blocks of memory, of which
/// the first is kept from one use to the next.
public final class StoredRequests: @unchecked Sendable {
    // @unchecked: one thread at a time appends; what was appended doesn't change until `removeAll`.

    /// A transaction of ten short commands fits. Further blocks are as large as all before them together.
    private static let firstBlockBytes = 1 << 10

    private struct Block {
        let memory: UnsafeMutableRawPointer
        let size: Int
    }

    private var blocks: [Block] = []
    /// Bytes used of the last block.
    private var used = 0
    private var allocated = 0

    public init() {}

    deinit { for block in blocks { firn_deallocate(block.memory, block.size) } }

    /// Copies a request. The result is valid until `removeAll`, as long as this object lives. O(its bytes).
    public func append(_ original: Arguments) -> Arguments {
        let count = original.count
        let views = count * MemoryLayout<ByteSlice>.stride
        let size = original.buffer.reduce(views) { $0 + $1.count }
        let memory = take(size)
        let slices = memory.bindMemory(to: ByteSlice.self, capacity: count)
        var bytes = (memory + views).assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            let argument = original[index]
            memcpy(bytes, argument.base, argument.count)
            (slices + index).initialize(to: ByteSlice(base: bytes, count: argument.count))
            bytes += argument.count
        }
        return Arguments(base: slices, count: count)
    }

    /// Memory of the next `size` bytes, aligned for views.
    private func take(_ size: Int) -> UnsafeMutableRawPointer {
        let rounded = (size + 7) & ~7
        if let last = blocks.last, last.size - used >= rounded {
            defer { used += rounded }
            return last.memory + used
        }
        let block = max(Self.firstBlockBytes, allocated, rounded)
        let memory: UnsafeMutableRawPointer = firn_allocate(block)
        blocks.append(Block(memory: memory, size: block))
        allocated += block
        used = rounded
        return memory
    }

    /// Forgets all requests.
    public func removeAll() {
        while blocks.count > 1 || allocated > Self.firstBlockBytes, let last = blocks.popLast() {
            firn_deallocate(last.memory, last.size)
            allocated -= last.size
        }
        used = 0
    }
}
