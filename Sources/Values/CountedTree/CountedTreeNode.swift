import CShims

/// A node of `CountedTree`: a block of memory with the children, and the elements below each.
///
///     parent (8) | previous (8) | next (8) | entries (2) | capacity (2) | level (1) | has states (1), 2 unused
///     capacity * child (8)           a page on level 0 (such a node is called a row), else a node
///     capacity * elements (8)
///     capacity * name (8)            of each page, and
///     capacity * state (4)           in rows of a tree whose pages go to flash one by one
///
/// `previous` and `next` are the neighbours on the same level, whoever their parents are.
struct CountedTreeNode: @unchecked Sendable, Equatable {
    // @unchecked: a pointer without rights; the owner's lock guards what it points to.
    let base: UnsafeMutableRawPointer

    static let headerBytes = 32
    static let entryBytes = 16
    /// Of an entry's name and state.
    static let stateBytes = 12
    /// Entries of a node at most: such a node takes 1024 bytes, a size class of the allocator.
    static let fanout = 62

    /// What paging knows of a page.
    struct PageState {
        var use: UInt8 = 0
        /// Calls that need it.
        var pins: UInt16 = 0
    }

    /// `hasStates`: it is a row with names and states of pages.
    init(level: Int, capacity: Int, hasStates: Bool = false) {
        base = firn_allocate(Self.bytes(capacity, hasStates))
        parent = nil
        previous = nil
        next = nil
        base.storeBytes(of: UInt16(capacity), toByteOffset: 26, as: UInt16.self)
        base.storeBytes(of: UInt8(level), toByteOffset: 28, as: UInt8.self)
        base.storeBytes(of: hasStates ? 1 : 0, toByteOffset: 29, as: UInt8.self)
        entries = 0
    }

    func free() { firn_deallocate(base, Self.bytes(capacity, hasStates)) }

    private init(_ base: UnsafeMutableRawPointer) { self.base = base }

    private static func bytes(_ capacity: Int, _ hasStates: Bool) -> Int {
        headerBytes + capacity * (entryBytes + (hasStates ? stateBytes : 0))
    }

    /// Bytes that the allocator sets aside.
    var memoryBytes: Int { firn_allocation_size(Self.bytes(capacity, hasStates)) }

    // MARK: Header

    var parent: CountedTreeNode? {
        get { link(0) }
        nonmutating set { store(newValue, 0) }
    }

    var previous: CountedTreeNode? {
        get { link(8) }
        nonmutating set { store(newValue, 8) }
    }

    var next: CountedTreeNode? {
        get { link(16) }
        nonmutating set { store(newValue, 16) }
    }

    @inline(__always)
    private func link(_ offset: Int) -> CountedTreeNode? {
        base.load(fromByteOffset: offset, as: UnsafeMutableRawPointer?.self).map { CountedTreeNode($0) }
    }

    private func store(_ node: CountedTreeNode?, _ offset: Int) {
        base.storeBytes(of: node?.base, toByteOffset: offset, as: UnsafeMutableRawPointer?.self)
    }

    var entries: Int {
        @inline(__always) get { Int(base.load(fromByteOffset: 24, as: UInt16.self)) }
        nonmutating set { base.storeBytes(of: UInt16(newValue), toByteOffset: 24, as: UInt16.self) }
    }

    var capacity: Int { Int(base.load(fromByteOffset: 26, as: UInt16.self)) }

    var level: Int {
        @inline(__always) get { Int(base.load(fromByteOffset: 28, as: UInt8.self)) }
    }

    var hasStates: Bool {
        @inline(__always) get { base.load(fromByteOffset: 29, as: UInt8.self) != 0 }
    }

    // MARK: Entries

    /// The pages of a row. Each is a pointer.
    var pages: UnsafeMutablePointer<CountedTreePage> {
        @inline(__always) get { (base + Self.headerBytes).assumingMemoryBound(to: CountedTreePage.self) }
    }

    /// The children of a node above the rows.
    var children: UnsafeMutablePointer<CountedTreeNode> {
        @inline(__always) get { (base + Self.headerBytes).assumingMemoryBound(to: CountedTreeNode.self) }
    }

    /// The elements below each entry.
    var counts: UnsafeMutablePointer<Int> {
        @inline(__always) get { (base + Self.headerBytes + 8 * capacity).assumingMemoryBound(to: Int.self) }
    }

    /// The names of a row's pages, if it has states.
    var names: UnsafeMutablePointer<PageName> {
        precondition(hasStates, "names of pages that have none")
        return (base + Self.headerBytes + 16 * capacity).assumingMemoryBound(to: PageName.self)
    }

    /// Their states.
    var states: UnsafeMutablePointer<PageState> {
        precondition(hasStates, "states of pages that have none")
        return (base + Self.headerBytes + 24 * capacity).assumingMemoryBound(to: PageState.self)
    }

    /// Elements below the entries before `slot`.
    @inline(__always)
    func elements(before slot: Int) -> Int {
        let counts = counts
        var sum = 0
        for index in 0..<slot { sum += counts[index] }
        return sum
    }

    /// The entry that is `child`. The last is looked at first: most changes are at the ends.
    @inline(__always)
    func slot(of child: CountedTreeNode) -> Int {
        let children = children
        let last = entries - 1
        if children[last] == child { return last }
        for index in 0..<last where children[index] == child { return index }
        preconditionFailure("a node that its parent does not know")
    }

    /// The entry in which the element number `index` below this node stands, and its number there.
    @inline(__always)
    func slot(ofElement index: Int) -> (slot: Int, number: Int) {
        let counts = counts
        var number = index
        var slot = 0
        while number >= counts[slot] {
            number -= counts[slot]
            slot += 1
        }
        return (slot, number)
    }

    /// The `front` of the first page below, in a tree without compressed pages.
    @inline(__always)
    var front: Listpack {
        var node = self
        while node.level > 0 { node = node.children[0] }
        return node.pages[0].front
    }

    // MARK: Moving entries

    /// Makes place for one more entry at `slot`, with no elements; the caller stores the child, its name and its state.
    func open(_ slot: Int) {
        let old = entries
        precondition(old < capacity && slot <= old, "an entry at \(slot) of \(old), room for \(capacity)")
        memmove(children + slot + 1, children + slot, 8 * (old - slot))
        memmove(counts + slot + 1, counts + slot, 8 * (old - slot))
        if hasStates {
            memmove(names + slot + 1, names + slot, 8 * (old - slot))
            memmove(states + slot + 1, states + slot, 4 * (old - slot))
        }
        counts[slot] = 0
        entries = old + 1
    }

    /// Takes `range` out.
    func close(_ range: Range<Int>) {
        let old = entries
        memmove(children + range.lowerBound, children + range.upperBound, 8 * (old - range.upperBound))
        memmove(counts + range.lowerBound, counts + range.upperBound, 8 * (old - range.upperBound))
        if hasStates {
            memmove(names + range.lowerBound, names + range.upperBound, 8 * (old - range.upperBound))
            memmove(states + range.lowerBound, states + range.upperBound, 4 * (old - range.upperBound))
        }
        entries = old - range.count
    }

    /// Moves the entries from `slot` on behind those of `other`, a node of the same level. Returns their elements.
    /// Names and states go with them if both have them.
    @discardableResult
    func move(from slot: Int, to other: CountedTreeNode) -> Int {
        let moved = entries - slot
        let target = other.entries
        precondition(target + moved <= other.capacity, "\(target) and \(moved) entries in one node")
        memcpy(other.children + target, children + slot, 8 * moved)
        memcpy(other.counts + target, counts + slot, 8 * moved)
        if hasStates, other.hasStates {
            memcpy(other.names + target, names + slot, 8 * moved)
            memcpy(other.states + target, states + slot, 4 * moved)
        }
        other.entries = target + moved
        entries = slot
        var elements = 0
        for index in target..<target + moved {
            if level > 0 { other.children[index].parent = other }
            elements += other.counts[index]
        }
        return elements
    }
}
