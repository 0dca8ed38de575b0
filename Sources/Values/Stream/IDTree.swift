import CShims

// IDTree: a B+ tree from stream IDs to small values: pages of a stream, deliveries of a group, what a consumer has.
//
// Redis keeps these in radix trees, where an entry of a group's pending list takes some 100 bytes in three places. Here
// IDs lie side by side in leaves of 1.5 KiB. Where IDs grow (they nearly always do) the last leaf is filled to the brim
// before the next is begun, as in CountedTree; in between a full leaf is cut in halves. A leaf that has become empty is
// freed, one with few entries joined with a neighbour.
//
//     level 1            [ 5-0 | 90-3 ]            a key is not above any ID below its child; the first child's
//                         /          \             key is not looked at
//     leaves     [ 5-0 7-1 8-0 ]  [ 90-3 91-0 ]
//
// There are no links between leaves and no parents: the trees are at most four levels high, so going down again for the
// next ID is cheap.

/// IDs in ascending order, each with a value, which must be trivial: it is moved as bytes and never destroyed.
///
/// Everything about one ID is O(log n). Not thread-safe: the owner's lock guards it.
struct IDTree<Value>: ~Copyable {
    typealias Node = IDTreeNode<Value>

    private(set) var count = 0
    /// What the allocator sets aside for the nodes.
    private(set) var memoryBytes = 0
    /// Nil if there are no entries. A root that is a leaf may have less room than others.
    private var root: Node?

    init() {}

    deinit {
        if let root { Self.free(root) }
    }

    private static func free(_ node: Node) {
        if node.level > 0 {
            for slot in 0..<node.entries { free(node.children[slot]) }
        }
        node.free()
    }

    private mutating func makeNode(level: Int, capacity: Int) -> Node {
        let node = Node(level: level, capacity: capacity)
        memoryBytes += node.memoryBytes
        return node
    }

    private mutating func freeNode(_ node: Node) {
        memoryBytes -= node.memoryBytes
        node.free()
    }

    // MARK: Finding

    /// An ID and where its value is, until the next insertion or removal.
    typealias Found = (id: StreamID, value: UnsafeMutablePointer<Value>)

    /// The value of `id`, valid until the next insertion or removal.
    func find(_ id: StreamID) -> UnsafeMutablePointer<Value>? {
        guard var node = root else { return nil }
        while node.level > 0 { node = node.children[node.slot(for: id)] }
        let at = node.lowerBound(id)
        return at < node.entries && node.keys[at] == id ? node.values + at : nil
    }

    var first: Found? { first(atOrAfter: .zero) }

    var last: Found? { last(atOrBefore: .max) }

    /// The first whose ID is `id` or behind it.
    func first(atOrAfter id: StreamID) -> Found? { root.flatMap { Self.first(atOrAfter: id, $0) } }

    private static func first(atOrAfter id: StreamID, _ node: Node) -> Found? {
        if node.level == 0 {
            let at = node.lowerBound(id)
            return at < node.entries ? (node.keys[at], node.values + at) : nil
        }
        let slot = node.slot(for: id)
        if let found = first(atOrAfter: id, node.children[slot]) { return found }
        return slot + 1 < node.entries ? first(atOrAfter: id, node.children[slot + 1]) : nil
    }

    /// The last whose ID is `id` or before it.
    func last(atOrBefore id: StreamID) -> Found? { root.flatMap { Self.last(atOrBefore: id, $0) } }

    private static func last(atOrBefore id: StreamID, _ node: Node) -> Found? {
        if node.level == 0 {
            let at = node.lowerBound(id)
            if at < node.entries, node.keys[at] == id { return (id, node.values + at) }
            return at > 0 ? (node.keys[at - 1], node.values + at - 1) : nil
        }
        let slot = node.slot(for: id)
        if let found = last(atOrBefore: id, node.children[slot]) { return found }
        return slot > 0 ? last(atOrBefore: id, node.children[slot - 1]) : nil
    }

    /// Calls `body` with the entries from `id` on, in order; it returns whether to go on.
    func forEach(from id: StreamID = .zero, _ body: (StreamID, UnsafeMutablePointer<Value>) -> Bool) {
        guard let root else { return }
        _ = Self.visit(root, from: id, body)
    }

    private static func visit(
        _ node: Node, from id: StreamID, _ body: (StreamID, UnsafeMutablePointer<Value>) -> Bool
    ) -> Bool {
        if node.level == 0 {
            for at in node.lowerBound(id)..<node.entries {
                guard body(node.keys[at], node.values + at) else { return false }
            }
            return true
        }
        for slot in node.slot(for: id)..<node.entries {
            guard visit(node.children[slot], from: id, body) else { return false }
        }
        return true
    }

    /// The same from `id` on backwards.
    func forEachReversed(from id: StreamID = .max, _ body: (StreamID, UnsafeMutablePointer<Value>) -> Bool) {
        guard let root else { return }
        _ = Self.visitReversed(root, from: id, body)
    }

    private static func visitReversed(
        _ node: Node, from id: StreamID, _ body: (StreamID, UnsafeMutablePointer<Value>) -> Bool
    ) -> Bool {
        if node.level == 0 {
            let bound = node.lowerBound(id)
            let end = bound < node.entries && node.keys[bound] == id ? bound + 1 : bound
            for at in stride(from: end - 1, through: 0, by: -1) {
                guard body(node.keys[at], node.values + at) else { return false }
            }
            return true
        }
        for slot in stride(from: node.slot(for: id), through: 0, by: -1) {
            guard visitReversed(node.children[slot], from: id, body) else { return false }
        }
        return true
    }

    // MARK: Inserting

    private enum Insertion {
        case present
        case done
        /// The node was split: this is the one behind it, to be entered by who knows the parent.
        case split(Node)
    }

    /// Adds an ID; false, and nothing is changed, if it is there.
    @discardableResult
    mutating func insert(_ id: StreamID, _ value: Value) -> Bool {
        let top = rootWithRoom()
        switch add(id, value, to: top, isLast: true) {
        case .present: return false
        case .done: break
        case .split(let behind):
            let above = makeNode(level: top.level + 1, capacity: Node.innerCapacity)
            above.enter(top, key: top.keys[0], at: 0)
            above.enter(behind, key: behind.keys[0], at: 1)
            root = above
        }
        count += 1
        return true
    }

    /// The root; one that is a small leaf grows here.
    private mutating func rootWithRoom() -> Node {
        guard let root else {
            let fresh = makeNode(level: 0, capacity: 1)
            self.root = fresh
            return fresh
        }
        guard root.level == 0, root.entries == root.capacity, root.capacity < Node.leafCapacity else { return root }
        return resizeRoot(min(2 * root.capacity, Node.leafCapacity), root)
    }

    private mutating func resizeRoot(_ capacity: Int, _ old: Node) -> Node {
        let fresh = makeNode(level: 0, capacity: capacity)
        old.move(from: 0, to: fresh)
        freeNode(old)
        root = fresh
        return fresh
    }

    private mutating func add(_ id: StreamID, _ value: Value, to node: Node, isLast: Bool) -> Insertion {
        if node.level == 0 {
            let at = node.lowerBound(id)
            if at < node.entries, node.keys[at] == id { return .present }
            let room = makeRoom(node, at, isLast: isLast)
            room.node.enter(value, key: id, at: room.slot)
            return room.behind.map { .split($0) } ?? .done
        }
        let slot = node.slot(for: id)
        let below = add(id, value, to: node.children[slot], isLast: isLast && slot == node.entries - 1)
        guard case .split(let child) = below else { return below }
        let room = makeRoom(node, slot + 1, isLast: isLast)
        room.node.enter(child, key: child.keys[0], at: room.slot)
        return room.behind.map { .split($0) } ?? .done
    }

    /// Makes room for one more entry at `slot`: where it goes, and the node that had to be made for it.
    private mutating func makeRoom(_ node: Node, _ slot: Int, isLast: Bool) -> (node: Node, slot: Int, behind: Node?) {
        if node.entries < node.capacity { return (node, slot, nil) }
        let behind = makeNode(level: node.level, capacity: node.capacity)
        // At the end full nodes stay full.
        if isLast, slot == node.entries { return (behind, 0, behind) }
        let half = node.entries / 2
        node.move(from: half, to: behind)
        return slot > half ? (behind, slot - half, behind) : (node, slot, behind)
    }

    // MARK: Removing

    /// Removes an ID. Returns its value, nil if it wasn't there.
    @discardableResult
    mutating func remove(_ id: StreamID) -> Value? {
        guard let top = root, let value = take(id, from: top) else { return nil }
        count -= 1
        shrinkRoot(top)
        return value
    }

    private mutating func take(_ id: StreamID, from node: Node) -> Value? {
        if node.level == 0 {
            let at = node.lowerBound(id)
            guard at < node.entries, node.keys[at] == id else { return nil }
            let value = node.values[at]
            node.close(at)
            return value
        }
        let slot = node.slot(for: id)
        let child = node.children[slot]
        guard let value = take(id, from: child) else { return nil }
        if child.entries == 0 {
            freeNode(child)
            node.close(slot)
        } else if child.entries < child.capacity / 4 {
            if slot + 1 < node.entries, join(node, slot) { return value }
            if slot > 0 { _ = join(node, slot - 1) }
        }
        return value
    }

    /// Joins the children at `slot` and behind it if together they are well below what a node holds.
    private mutating func join(_ node: Node, _ slot: Int) -> Bool {
        let left = node.children[slot]
        let right = node.children[slot + 1]
        guard left.entries + right.entries <= left.capacity / 4 * 3 else { return false }
        // A first child's own key may be above what is below it: its parent's is not.
        if right.level > 0 { right.keys[0] = node.keys[slot + 1] }
        right.move(from: 0, to: left)
        freeNode(right)
        node.close(slot + 1)
        return true
    }

    private mutating func shrinkRoot(_ top: Node) {
        var top = top
        while top.level > 0, top.entries == 1 {
            let child = top.children[0]
            freeNode(top)
            top = child
            root = child
        }
        if top.entries == 0 {
            freeNode(top)
            root = nil
        } else if top.level == 0, top.capacity > 1, top.entries <= top.capacity / 4 {
            _ = resizeRoot(2 * top.entries, top)
        }
    }

    // MARK: For tests

    /// Traps unless nodes, order and counts agree. O(n).
    func checkInvariants() {
        var totals = (entries: 0, bytes: 0)
        if let root { Self.check(root, from: .zero, below: nil, &totals) }
        precondition(totals.entries == count, "\(totals.entries) entries, \(count) counted")
        precondition(totals.bytes == memoryBytes, "\(totals.bytes) bytes, \(memoryBytes) counted")
        precondition(root.map { $0.level == 0 || $0.entries > 1 } ?? true, "a root with one child")
    }

    private static func check(
        _ node: Node, from low: StreamID, below high: StreamID?, _ totals: inout (entries: Int, bytes: Int)
    ) {
        totals.bytes += node.memoryBytes
        precondition(node.entries > 0 && node.entries <= node.capacity, "\(node.entries) entries in a node")
        for slot in 0..<node.entries {
            let from = node.level > 0 && slot == 0 ? low : node.keys[slot]
            precondition(from >= low && (high.map { from < $0 } ?? true), "a key outside its node's bounds")
            precondition(slot == 0 || node.keys[slot] > (slot == 1 && node.level > 0 ? low : node.keys[slot - 1]))
            guard node.level > 0 else { continue }
            let child = node.children[slot]
            precondition(child.level == node.level - 1, "a child of level \(child.level) below \(node.level)")
            check(child, from: from, below: slot + 1 < node.entries ? node.keys[slot + 1] : high, &totals)
        }
        if node.level == 0 { totals.entries += node.entries }
    }
}
