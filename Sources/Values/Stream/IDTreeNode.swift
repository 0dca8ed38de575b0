import CShims

/// A node of `IDTree`: a block of memory.
///
///     entries (2) | capacity (2) | level (1), 3 unused
///     capacity * ID (16)
///     capacity * value           on level 0 (a leaf), else a child (8)
struct IDTreeNode<Value>: @unchecked Sendable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    let base: UnsafeMutableRawPointer

    private static var headerBytes: Int { 8 }
    /// Of a full node: a size class of the allocator.
    private static var nodeBytes: Int { 1536 }
    private static var keyBytes: Int { MemoryLayout<StreamID>.stride }
    /// The stride of a type without contents is 1, but nothing is kept of it.
    private static var valueBytes: Int { MemoryLayout<Value>.size == 0 ? 0 : MemoryLayout<Value>.stride }

    static var leafCapacity: Int { (nodeBytes - headerBytes) / (keyBytes + valueBytes) }
    static var innerCapacity: Int { (nodeBytes - headerBytes) / (keyBytes + 8) }

    init(level: Int, capacity: Int) {
        base = firn_allocate(Self.bytes(level, capacity))
        base.storeBytes(of: 0, toByteOffset: 0, as: UInt16.self)
        base.storeBytes(of: UInt16(capacity), toByteOffset: 2, as: UInt16.self)
        base.storeBytes(of: UInt8(level), toByteOffset: 4, as: UInt8.self)
    }

    func free() { firn_deallocate(base, Self.bytes(level, capacity)) }

    private static func bytes(_ level: Int, _ capacity: Int) -> Int {
        headerBytes + capacity * (keyBytes + (level == 0 ? valueBytes : 8))
    }

    /// Bytes that the allocator sets aside.
    var memoryBytes: Int { firn_allocation_size(Self.bytes(level, capacity)) }

    var entries: Int {
        get { Int(base.load(fromByteOffset: 0, as: UInt16.self)) }
        nonmutating set { base.storeBytes(of: UInt16(newValue), toByteOffset: 0, as: UInt16.self) }
    }

    var capacity: Int { Int(base.load(fromByteOffset: 2, as: UInt16.self)) }

    var level: Int { Int(base.load(fromByteOffset: 4, as: UInt8.self)) }

    var keys: UnsafeMutablePointer<StreamID> {
        (base + Self.headerBytes).assumingMemoryBound(to: StreamID.self)
    }

    private var payload: UnsafeMutableRawPointer { base + Self.headerBytes + Self.keyBytes * capacity }

    var values: UnsafeMutablePointer<Value> { payload.assumingMemoryBound(to: Value.self) }

    var children: UnsafeMutablePointer<IDTreeNode> { payload.assumingMemoryBound(to: IDTreeNode.self) }

    private var payloadStride: Int { level == 0 ? Self.valueBytes : 8 }

    // MARK: Search

    /// The number of the first key that is not below `id`.
    func lowerBound(_ id: StreamID) -> Int {
        let keys = keys
        var low = 0
        var high = entries
        // IDs are mostly looked for at the end.
        if high > 0, keys[high - 1] < id { return high }
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The child below which `id` is or belongs.
    func slot(for id: StreamID) -> Int {
        let bound = lowerBound(id)
        if bound < entries, keys[bound] == id { return bound }
        return max(bound - 1, 0)
    }

    // MARK: Changes

    private func open(_ slot: Int) {
        let behind = entries - slot
        memmove(keys + slot + 1, keys + slot, Self.keyBytes * behind)
        memmove(payload + payloadStride * (slot + 1), payload + payloadStride * slot, payloadStride * behind)
        entries += 1
    }

    func enter(_ value: Value, key: StreamID, at slot: Int) {
        open(slot)
        keys[slot] = key
        (values + slot).initialize(to: value)
    }

    func enter(_ child: IDTreeNode, key: StreamID, at slot: Int) {
        open(slot)
        keys[slot] = key
        children[slot] = child
    }

    /// Takes the entry at `slot` out.
    func close(_ slot: Int) {
        let behind = entries - slot - 1
        memmove(keys + slot, keys + slot + 1, Self.keyBytes * behind)
        memmove(payload + payloadStride * slot, payload + payloadStride * (slot + 1), payloadStride * behind)
        entries -= 1
    }

    /// Moves the entries from `slot` on behind those of `other`.
    func move(from slot: Int, to other: IDTreeNode) {
        let moved = entries - slot
        let target = other.entries
        precondition(target + moved <= other.capacity, "\(target) and \(moved) entries in one node")
        memcpy(other.keys + target, keys + slot, Self.keyBytes * moved)
        memcpy(other.payload + payloadStride * target, payload + payloadStride * slot, payloadStride * moved)
        other.entries = target + moved
        entries = slot
    }
}
