import Bytes
import CShims

/// A copy of a request's arguments, for calls that outlive the query buffer: one block of memory.
public final class StoredArguments: @unchecked Sendable {
    // @unchecked: immutable, and freed with the object.

    /// Valid as long as this object lives.
    public let arguments: Arguments
    /// Bytes of all arguments together.
    public let byteCount: Int
    private let memory: UnsafeMutableRawPointer
    private let size: Int

    public init(_ original: Arguments) {
        let count = original.count
        byteCount = original.buffer.reduce(0) { $0 + $1.count }
        let views = count * MemoryLayout<ByteSlice>.stride
        size = views + byteCount
        memory = firn_allocate(size)
        let slices = memory.bindMemory(to: ByteSlice.self, capacity: count)
        var bytes = (memory + views).assumingMemoryBound(to: UInt8.self)
        for index in 0..<count {
            let argument = original[index]
            memcpy(bytes, argument.base, argument.count)
            (slices + index).initialize(to: ByteSlice(base: bytes, count: argument.count))
            bytes += argument.count
        }
        arguments = Arguments(base: slices, count: count)
    }

    deinit { firn_deallocate(memory, size) }

    /// Bytes of memory held.
    public var memoryBytes: Int { size }
}
