import Bytes
import CShims

/// The arguments of one request: views into the query buffer, valid until the batch's execution returns.
public struct Arguments: @unchecked Sendable {
    // @unchecked: views without rights; the owner of the query buffer keeps them valid during the call.
    @usableFromInline let base: UnsafePointer<ByteSlice>
    /// Arguments, the command's name included; at least 1.
    public let count: Int

    @inlinable
    public init(base: UnsafePointer<ByteSlice>, count: Int) {
        self.base = base
        self.count = count
    }

    /// The call without its first `n` words: a call within a call (COMMAND GETKEYS). At least one word must be left.
    public func dropFirst(_ n: Int) -> Arguments {
        precondition(n >= 0 && n < count, "\(n) of \(count) arguments dropped")
        return Arguments(base: base + n, count: count - n)
    }

    /// Argument `index`; 0 is the command's name.
    @inlinable
    public subscript(index: Int) -> ByteSlice {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "argument \(index) of \(count)")
        return base[index]
    }

    /// The arguments as a buffer, valid as long as they are.
    @inlinable
    public var buffer: UnsafeBufferPointer<ByteSlice> { UnsafeBufferPointer(start: base, count: count) }
}

/// Up to `maximumCount` complete requests of one connection, in order.
///
/// Owned by an event loop and used again for every batch of each of its connections, so that parsing allocates nothing.
/// Offsets are counted from the start of the bytes given to the parser.
public struct RequestBatch: ~Copyable {
    /// Requests that a batch holds at most: bounds what one connection can have executed at once.
    public static var maximumCount: Int { 256 }

    @usableFromInline
    struct Entry {
        @usableFromInline var first: Int
        @usableFromInline var count: Int
        @usableFromInline var start: Int
        @usableFromInline var end: Int

        @inlinable
        init(first: Int, count: Int, start: Int, end: Int) {
            self.first = first
            self.count = count
            self.start = start
            self.end = end
        }
    }

    /// Arguments kept allocated between batches: 4 of 16 bytes for each of 256 requests, rounded up (64 KiB).
    private static var keptCapacity: Int { 4096 }

    @usableFromInline var arguments: UnsafeMutablePointer<ByteSlice>
    @usableFromInline var argumentCapacity: Int
    @usableFromInline var argumentCount = 0
    @usableFromInline let entries: UnsafeMutablePointer<Entry>
    /// Requests in the batch.
    public internal(set) var count = 0
    /// Inline requests with quotes are decoded into blocks of their own, which live as long as the batch.
    var decoded: [SharedBytes] = []

    public init() {
        argumentCapacity = Self.keptCapacity
        arguments = .allocate(capacity: argumentCapacity)
        entries = .allocate(capacity: Self.maximumCount)
    }

    deinit {
        arguments.deallocate()
        entries.deallocate()
    }

    /// The arguments of request `index`.
    @inlinable
    public func arguments(of index: Int) -> Arguments {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "request \(index) of \(count)")
        let entry = entries[index]
        return Arguments(base: arguments + entry.first, count: entry.count)
    }

    /// Where request `index` begins in the parsed bytes.
    @inlinable
    public func start(of index: Int) -> Int {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "request \(index) of \(count)")
        return entries[index].start
    }

    /// Where request `index` ends in the parsed bytes.
    @inlinable
    public func end(of index: Int) -> Int {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "request \(index) of \(count)")
        return entries[index].end
    }

    /// Forgets the requests; what an exceptionally large one needed is given back.
    public mutating func removeAll() {
        count = 0
        argumentCount = 0
        if !decoded.isEmpty { decoded.removeAll() }
        if argumentCapacity > 16 * Self.keptCapacity {
            arguments.deallocate()
            argumentCapacity = Self.keptCapacity
            arguments = .allocate(capacity: argumentCapacity)
        }
    }

    var isFull: Bool { count == Self.maximumCount }

    @inline(__always)
    mutating func append(_ argument: ByteSlice) {
        if argumentCount == argumentCapacity { grow() }
        (arguments + argumentCount).initialize(to: argument)
        argumentCount &+= 1
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<ByteSlice>.allocate(capacity: argumentCapacity * 2)
        larger.moveInitialize(from: arguments, count: argumentCount)
        arguments.deallocate()
        arguments = larger
        argumentCapacity *= 2
    }

    /// Makes a request of the arguments appended since `first`. The batch isn't full: the parser has looked.
    @inline(__always)
    mutating func finishRequest(first: Int, start: Int, end: Int) {
        (entries + count).initialize(to: Entry(first: first, count: argumentCount &- first, start: start, end: end))
        count &+= 1
    }
}
