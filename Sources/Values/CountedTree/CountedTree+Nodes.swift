// Nodes split, joined and freed; and the invariants of the whole.

extension CountedTree {
    /// Below this number of entries a node looks for a neighbour to be joined with.
    private static var fewEntries: Int { Node.fanout / 4 }
    /// Nodes are joined into one of at most so many entries: room is left, lest the next insertion split it.
    private static var joinedEntries: Int { Node.fanout / 4 * 3 }

    /// Adds to the counts above `node`.
    @inline(__always)
    func carry(_ elements: Int, up node: Node) {
        var node = node
        while let parent = node.parent {
            parent.counts[parent.slot(of: node)] += elements
            node = parent
        }
    }

    mutating func makeNode(level: Int, capacity: Int = Node.fanout) -> Node {
        let node = Node(level: level, capacity: capacity, hasStates: level == 0 && paging != nil)
        memoryBytes += node.memoryBytes
        return node
    }

    mutating func freeNode(_ node: Node) {
        memoryBytes -= node.memoryBytes
        node.free()
    }

    // MARK: Growing

    /// Makes room for one more entry at `slot` of `node`. Returns where to put it.
    mutating func makeRoom(_ node: Node, _ slot: Int) -> (row: Node, slot: Int) {
        let entries = node.entries
        if entries < node.capacity { return (node, slot) }
        if entries < Node.fanout {
            resizeRoot(min(2 * entries, Node.fanout))
            return (root, slot)
        }
        // At the ends full nodes stay full, and the new entry is alone in its node.
        let isLast = slot == entries && node.next == nil
        let at = isLast ? entries : slot == 0 && node.previous == nil ? 0 : entries / 2
        let behind = split(node, at)
        return slot > at || isLast ? (behind, slot - at) : (node, slot)
    }

    /// Moves the entries from `slot` on to a new node behind `node`.
    private mutating func split(_ node: Node, _ slot: Int) -> Node {
        if node == root {
            root = makeNode(level: node.level + 1)
            root.open(0)
            root.children[0] = node
            root.counts[0] = node.elements(before: node.entries)
            node.parent = root
        }
        guard let parent = node.parent else { preconditionFailure("a node without a parent that is not the root") }
        let behind = makeNode(level: node.level)
        let moved = move(node, from: slot, to: behind)
        behind.previous = node
        behind.next = node.next
        node.next?.previous = behind
        node.next = behind
        if lastRow == node { lastRow = behind }
        let (above, place) = makeRoom(parent, parent.slot(of: node) + 1)
        above.open(place)
        above.children[place] = behind
        behind.parent = above
        // If the parent was split too, the two are below different parents: so both ways to the top.
        carry(moved, up: behind)
        carry(-moved, up: node)
        return behind
    }

    /// As the node's own; and pages are known to be where they are now.
    @discardableResult
    private func move(_ node: Node, from slot: Int, to other: Node) -> Int {
        let first = other.entries
        let elements = node.move(from: slot, to: other)
        if let paging, other.level == 0 {
            for index in first..<other.entries { paging.rows[other.names[index]] = other }
        }
        return elements
    }

    /// Gives the root, which is a row, another capacity.
    private mutating func resizeRoot(_ capacity: Int) {
        let fresh = makeNode(level: 0, capacity: capacity)
        move(root, from: 0, to: fresh)
        freeNode(root)
        root = fresh
        firstRow = fresh
        lastRow = fresh
    }

    // MARK: Shrinking

    /// To be called when `node` has lost entries: frees it if it is empty, joins it with a neighbour if it has few.
    mutating func shrink(_ node: Node) {
        guard let parent = node.parent else { return shrinkRoot() }
        let slot = parent.slot(of: node)
        if node.entries == 0 {
            unlink(node, parent, slot)
        } else if node.entries < Self.fewEntries {
            if slot + 1 < parent.entries, join(parent, slot) { return }
            if slot > 0, join(parent, slot - 1) { return }
        }
    }

    /// Joins two neighbours below a node if they fit into one.
    private mutating func join(_ parent: Node, _ slot: Int) -> Bool {
        let node = parent.children[slot]
        let behind = parent.children[slot + 1]
        guard node.entries + behind.entries <= Self.joinedEntries else { return false }
        parent.counts[slot] += move(behind, from: 0, to: node)
        unlink(behind, parent, slot + 1)
        return true
    }

    /// Frees an empty node.
    private mutating func unlink(_ node: Node, _ parent: Node, _ slot: Int) {
        node.previous?.next = node.next
        node.next?.previous = node.previous
        if firstRow == node, let next = node.next { firstRow = next }
        if lastRow == node, let previous = node.previous { lastRow = previous }
        freeNode(node)
        parent.close(slot..<slot + 1)
        shrink(parent)
    }

    private mutating func shrinkRoot() {
        while root.level > 0, root.entries == 1 {
            let old = root
            root = old.children[0]
            root.parent = nil
            freeNode(old)
        }
        if root.level == 0, root.capacity > 1, root.entries <= root.capacity / 4 {
            resizeRoot(max(1, root.entries * 2))
        }
    }

    // MARK: For tests

    /// Traps unless nodes, pages and counts agree. O(bytes).
    public func checkInvariants() {
        var totals = (elements: 0, pages: 0, bytes: 0)
        // The node that was last seen on each level: the next one must be linked with it.
        var seen: [Node?] = Array(repeating: nil, count: root.level + 1)
        precondition(root.parent == nil, "the root has a parent")
        precondition(root.level == 0 || root.entries > 1, "a root with one child")
        check(root, &seen, &totals)
        for node in seen { precondition(node?.next == nil, "a node behind the last") }
        precondition(seen[0] == lastRow, "another last row")
        precondition(totals.elements == count, "\(totals.elements) elements, \(count) counted")
        precondition(totals.pages == pageCount, "\(totals.pages) pages, \(pageCount) counted")
        precondition(totals.bytes == memoryBytes, "\(totals.bytes) bytes, \(memoryBytes) counted")
        checkPaging()
    }

    private func check(
        _ node: Node, _ seen: inout [Node?], _ totals: inout (elements: Int, pages: Int, bytes: Int)
    ) {
        let level = node.level
        precondition(node.entries > 0 || node == root, "an empty node on level \(level)")
        precondition(node.capacity == Node.fanout || node == root && level == 0, "room for \(node.capacity)")
        precondition(node.previous == seen[level], "another node before on level \(level)")
        precondition(seen[level].map { $0.next == node } ?? true, "another node behind on level \(level)")
        if level == 0, seen[0] == nil { precondition(firstRow == node, "another first row") }
        seen[level] = node
        totals.bytes += node.memoryBytes
        for slot in 0..<node.entries {
            let before = totals.elements
            if level == 0, node.pages[slot].isAway {
                totals.elements += node.counts[slot]
                totals.pages += 1
                totals.bytes += node.pages[slot].memoryBytes
            } else if level == 0 {
                let number = totals.pages
                totals.elements += withPage(node, slot) { page in
                    precondition(ListpackCheck.isValid(page.bytes), "page \(number) is damaged")
                    precondition(page.count % width == 0, "\(page.count) entries in a page of width \(width)")
                    precondition(!page.isEmpty, "page \(number) is empty")
                    return page.count / width
                }
                totals.pages += 1
                totals.bytes += node.pages[slot].memoryBytes
            } else {
                let child = node.children[slot]
                precondition(child.parent == node, "a child that has another parent")
                precondition(child.level == level - 1, "a child of level \(child.level) below level \(level)")
                check(child, &seen, &totals)
            }
            let elements = totals.elements - before
            precondition(elements == node.counts[slot], "\(elements) elements, \(node.counts[slot]) in the node")
        }
    }
}
