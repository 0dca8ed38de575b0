import Bytes

/// Operations to be applied together, kept in one run of memory: tag, lengths, bytes.
///
/// Filling copies the bytes; `forEach` visits the operations in order with views that are valid during the visit.
/// Removing all keeps the memory, up to `keptBytes`, so one batch serves a thread for ever.
public struct WriteBatch: ~Copyable {
    private var bytes = ByteBuffer()
    /// Operations in the batch.
    public private(set) var count = 0

    private enum Tag {
        static let put: UInt8 = 1
        static let delete: UInt8 = 2
        static let deleteRange: UInt8 = 3
    }

    public init() {}

    public var isEmpty: Bool { count == 0 }
    /// Bytes of keys, values and bookkeeping so far.
    public var byteCount: Int { bytes.count }

    public mutating func put(key: ByteSlice, value: ByteSlice) { add(Tag.put, key, value) }
    public mutating func delete(key: ByteSlice) { add(Tag.delete, key, .empty) }
    /// Removes every key in `from ..< to`.
    public mutating func deleteRange(from: ByteSlice, to: ByteSlice) { add(Tag.deleteRange, from, to) }

    /// Memory that a batch keeps for the next operations. What is larger held a large value.
    public static let keptBytes = 2 << 20

    public mutating func removeAll() {
        if bytes.capacity > Self.keptBytes { bytes = ByteBuffer() } else { bytes.removeAll() }
        count = 0
    }

    private mutating func add(_ tag: UInt8, _ first: ByteSlice, _ second: ByteSlice) {
        bytes.reserve(9 + first.count + second.count)
        bytes.append(tag)
        append(length: first.count)
        append(length: second.count)
        bytes.append(first)
        bytes.append(second)
        count += 1
    }

    private mutating func append(length: Int) {
        precondition(length <= Int(UInt32.max), "an operation of \(length) bytes")
        withUnsafeBytes(of: UInt32(length)) { raw in
            // The view covers the four bytes of the integer during this call.
            bytes.append(ByteSlice(raw.baseAddress.unsafelyUnwrapped, count: 4))
        }
    }

    /// The operations as they lie in memory, for a provider that takes them in one call: per operation one byte (1 put,
    /// 2 delete, 3 delete range), two lengths (UInt32, native order, unaligned), the bytes of both. Valid until the
    /// batch is changed.
    public var encoded: ByteSlice { bytes.slice }

    /// Calls `visit` with each operation in order; stops when it throws.
    public borrowing func forEach<E: Error>(_ visit: (WriteOperation) throws(E) -> Void) throws(E) {
        let all = bytes.slice
        let raw = UnsafeRawPointer(all.base)
        var at = 0
        while at < all.count {
            let tag = all[at]
            let first = Int(raw.loadUnaligned(fromByteOffset: at + 1, as: UInt32.self))
            let second = Int(raw.loadUnaligned(fromByteOffset: at + 5, as: UInt32.self))
            let key = all[at + 9..<at + 9 + first]
            let value = all[at + 9 + first..<at + 9 + first + second]
            at += 9 + first + second
            switch tag {
            case Tag.put: try visit(.put(key: key, value: value))
            case Tag.delete: try visit(.delete(key: key))
            default: try visit(.deleteRange(from: key, to: value))
            }
        }
    }
}
