import Bytes
import CShims

// Packed collections.
//
// A class instance is what commands work with, but it costs a small collection 32 to 48 bytes and a cache miss between
// record and elements. All that a small hash, sorted set, list or set of integers is stands in one block (a listpack or
// an intset), and the type says what it means. So between calls such a record refers to the block itself: it is
// *packed*. A call that wants the collection has the record *opened*: an instance takes the block over and stands in
// its place. When the call gives its locks back the block returns to the record and the instance goes
// (`LockedKeyspace.unlock`); an instance that has grown out of one block stays.
//
// Invariants: block and instance are never both reached from a record. An open record that will be packed again is
// known to its instance (`CollectionValue.home`), so it may move or be freed meanwhile. A collection with members that
// expire is never packed. `memoryBytes` is the same open or packed, since the instance doesn't outlive the call.

/// The one block of memory that a small collection consists of. Trivial to copy: whoever has it last frees it.
struct PackedBlock: @unchecked Sendable {
    // @unchecked: a pointer without rights; the lock of the record's shard guards what it points to.
    let base: UnsafeMutableRawPointer
    let type: ValueType

    private var listpack: Listpack { Listpack(owning: base) }

    /// The block as it stands in DUMP.
    var bytes: ByteSlice { type == .set ? Intset(owning: base).bytes : listpack.bytes }

    /// Bytes that the allocator sets aside.
    var memoryBytes: Int { firn_allocation_size(bytes.count) }

    func free() { firn_deallocate(base, bytes.count) }

    /// An independent copy. O(bytes).
    func copy() -> PackedBlock {
        let bytes = self.bytes
        let fresh = firn_allocate(bytes.count)
        memcpy(fresh, bytes.base, bytes.count)
        return PackedBlock(base: fresh, type: type)
    }

    /// An instance that has taken the block over.
    func open() -> CollectionValue {
        switch type {
        case .list: ListValue(taking: listpack)
        case .set: SetValue(taking: Intset(owning: base))
        case .zset: SortedSetValue(taking: listpack)
        case .hash: HashValue(taking: listpack)
        case .string, .stream: preconditionFailure("a \(type) in one block")
        }
    }

    /// As `CollectionValue.encode`: in each type form 0 is the block as it is.
    func encode(into buffer: inout ByteBuffer) {
        buffer.append(0)
        buffer.append(bytes)
    }

    /// What OBJECT ENCODING answers.
    var encodingName: StaticString {
        switch type {
        case .list: "quicklist"
        case .set: "intset"
        default: "listpack"
        }
    }
}

extension Record {
    /// Whether the value is a collection in one block, without an instance.
    @inlinable
    public var isPacked: Bool { flags & Flag.packed != 0 }

    /// Whether the value is a collection with an instance.
    @inlinable
    public var isOpen: Bool { flags & (Flag.packed | Flag.collection) == Flag.collection }

    var block: PackedBlock {
        PackedBlock(base: valueAddress.loadUnaligned(as: UnsafeMutableRawPointer.self), type: type)
    }

    /// Gives a packed collection an instance; `pack` takes it away again.
    public func open() -> CollectionValue {
        precondition(isPacked, "opening what is not packed")
        let value = block.open()
        valueAddress.storeBytes(of: Unmanaged.passRetained(value).toOpaque(), as: UnsafeMutableRawPointer.self)
        raw.storeBytes(of: flags & ~Flag.packed, toByteOffset: 1, as: UInt8.self)
        return value
    }

    /// Packs an open collection that is one block; nothing happens if it is more.
    public func pack() {
        guard isOpen, !hasMemberExpiries else { return }
        let reference = collectionReference
        guard let block = reference._withUnsafeGuaranteedRef({ $0.takeBlock() }) else { return }
        valueAddress.storeBytes(of: block.base, as: UnsafeMutableRawPointer.self)
        raw.storeBytes(of: flags | Flag.packed, toByteOffset: 1, as: UInt8.self)
        reference.release()
    }

    /// A packed record with this block and no expiry but the one given.
    static func packed(key: ByteSlice, _ block: PackedBlock, expiry: Int64?) -> Record {
        let record = allocate(
            key: key, type: block.type, encoding: .collection,
            flags: (expiry == nil ? 0 : Flag.expiry) | Flag.collection | Flag.packed, stored: 8, inline: 8)
        if let expiry { record.replaceExpiry(expiry) }
        record.valueAddress.storeBytes(of: block.base, as: UnsafeMutableRawPointer.self)
        return record
    }

    /// Calls `body` with the collection, which it must not change; nil if the value is a string. For those who have the
    /// record without a view of the keyspace: the record stays as it is.
    public func withCollection<R, E: Error>(_ body: (CollectionValue) throws(E) -> R) throws(E) -> R? {
        guard isPacked else {
            guard let collection = collectionObject else { return nil }
            return try body(collection)
        }
        let block = self.block
        let value = block.open()
        // Back to the record, whatever happens.
        defer {
            let kept = value.takeBlock()
            precondition(kept?.base == block.base, "a collection was changed by one who only reads")
        }
        return try body(value)
    }
}
