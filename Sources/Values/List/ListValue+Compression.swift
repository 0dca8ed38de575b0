import Bytes

// Which pages of a list are compressed.
//
// What is pushed and popped is at the ends, so pages further than `depth` (`CollectionLimits.listDepth`) from both are
// compressed, one with each page that is added; the ends never see it. Simple would be to expand a page again as soon
// as it comes within `depth`. But then a list whose end moves to and fro over the edge of a page would compress and
// expand one with each step: so pages are expanded when they come within half of `depth`. What is in between stays in
// the form it has.
//
// Reading leaves a page compressed. A change of an inner page expands it, and it is compressed again before the change
// is over, so that the list's size is settled when it is asked for. A page that doesn't become smaller is marked and
// left alone until it is cut, joined with another or comes to an end.
//
// While `depth` is the same, every page that lies further inside is compressed or marked. A new value holds for pages
// that come to the inside or are changed from then on, and for whole lists when they come back from flash.

extension ListValue {
    /// Pages that are looked at when some are added: a change adds fewer.
    private static let crossingPages = 4

    private var depth: Int { CollectionLimits.listDepth.load(ordering: .relaxed) }

    /// To be called when a page was added at `end`.
    func compressInwards(from end: ListEnd) {
        let depth = self.depth
        if depth > 0, pageCount > 2 * depth { tree?.compress(inwardsFrom: end, depth, Self.crossingPages) }
    }

    /// To be called when pages were removed: what is an end now is not compressed.
    func expandEnds() { tree?.expandEnds(pages: max(1, (depth + 1) / 2)) }

    /// To be called when elements at or before the one number `index` were changed amid others.
    func settle(around index: Int, pagesBefore: Int) {
        let now = pageCount
        if now < pagesBefore { expandEnds() }
        if now > pagesBefore {
            compressInwards(from: .left)
            compressInwards(from: .right)
        }
        compress(around: index)
    }

    /// Compresses what a change there has expanded, cut and joined, but for the page with element `kept`.
    func compress(around index: Int, butNotAt kept: Int? = nil) {
        let depth = self.depth
        if depth > 0, pageCount > 2 * depth { tree?.compress(around: index, depth, butNotAt: kept) }
    }
}

extension CountedTree {
    /// Compresses `pages` pages from the one on that `depth` others part from an end. There are more than `2 * depth`.
    fileprivate mutating func compress(inwardsFrom end: ListEnd, _ depth: Int, _ pages: Int) {
        var left = depth
        var row = end == .left ? firstRow : lastRow
        while left >= row.entries, let next = end == .left ? row.next : row.previous {
            left -= row.entries
            row = next
        }
        var at = (row: row, slot: end == .left ? left : row.entries - 1 - left)
        for _ in 0..<min(pages, pageCount - 2 * depth) {
            if isForCompression(at) { compressPage(at.row, at.slot) }
            guard let next = end == .left ? pageBehind(at.row, at.slot) : pageBefore(at.row, at.slot) else { return }
            at = next
        }
    }

    /// A change expands, cuts and joins pages that are at most two from the one where it ends.
    fileprivate mutating func compress(around index: Int, _ depth: Int, butNotAt kept: Int?) {
        let (row, slot, _) = locate(min(index, count - 1))
        let spared = kept.map { locate($0) }
        var at = (row: row, slot: slot)
        for _ in 0..<2 { at = pageBefore(at.row, at.slot) ?? at }
        for _ in 0..<5 {
            let isSpared = spared.map { $0.row == at.row && $0.slot == at.slot } ?? false
            if !isSpared, isForCompression(at), isInner(at, depth) { compressPage(at.row, at.slot) }
            guard let next = pageBehind(at.row, at.slot) else { return }
            at = next
        }
    }

    private func isForCompression(_ at: (row: Node, slot: Int)) -> Bool {
        let page = at.row.pages[at.slot]
        return !page.isCompressed && !page.isIncompressible && !page.isAway
    }

    /// Whether there are `depth` pages on either side. O(depth / 62), if nodes are full.
    private func isInner(_ at: (row: Node, slot: Int), _ depth: Int) -> Bool {
        var before = at.slot
        var row = at.row
        while before < depth {
            guard let previous = row.previous else { return false }
            row = previous
            before += row.entries
        }
        var behind = at.row.entries - 1 - at.slot
        row = at.row
        while behind < depth {
            guard let next = row.next else { return false }
            row = next
            behind += row.entries
        }
        return true
    }

    /// Expands the compressed among the first and last `pages` pages, and has all of them tried anew when they come to
    /// the inside again.
    fileprivate mutating func expandEnds(pages: Int) {
        guard count > 0 else { return }
        var first: (row: Node, slot: Int)? = (firstRow, 0)
        var last: (row: Node, slot: Int)? = (lastRow, lastRow.entries - 1)
        for _ in 0..<min(pages, pageCount) {
            if let at = first {
                expandPage(at.row, at.slot)
                at.row.pages[at.slot].forgetAttempt()
                first = pageBehind(at.row, at.slot)
            }
            if let at = last {
                expandPage(at.row, at.slot)
                at.row.pages[at.slot].forgetAttempt()
                last = pageBefore(at.row, at.slot)
            }
        }
    }

    /// See `ListValue.encode`.
    fileprivate func isAnyPageCompressed() -> Bool {
        var row: Node? = firstRow
        while let node = row {
            for slot in 0..<node.entries where node.pages[slot].isCompressed { return true }
            row = node.next
        }
        return false
    }

    func encodePages(into buffer: inout ByteBuffer) {
        buffer.append(isAnyPageCompressed() ? 1 : 0)
        var row: Node? = firstRow
        while let node = row {
            for slot in 0..<node.entries {
                let page = node.pages[slot]
                if page.isCompressed {
                    for _ in 0..<4 { buffer.append(0) }
                    buffer.append(page.compressedListpack.bytes)
                } else {
                    buffer.append(page.listpack.bytes)
                }
            }
            row = node.next
        }
    }
}
