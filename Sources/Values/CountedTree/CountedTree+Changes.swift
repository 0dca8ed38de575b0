import Bytes

// Changes of elements and pages. What they do to nodes is in CountedTree+Nodes.swift.
//
// Values must not lie in pages of the tree they are put into: a page may move before they are copied.

extension CountedTree {
    // MARK: Inserting

    /// Puts an element behind the last. `second`: its second entry, for a width of 2. O(page), whatever the count.
    public mutating func append(_ first: Value, _ second: Value? = nil) {
        checkWidth(second)
        let row = lastRow
        let slot = row.entries - 1
        if slot >= 0, hasRoom(row, slot, for: cost(first, second)) {
            change(row, slot, by: 1) { page in Self.put(first, second, into: &page, at: page.end) }
        } else {
            addPage(CountedTreePage(Self.page(first, second)), elements: 1, to: row, at: slot + 1)
        }
    }

    /// Puts an element before the first.
    public mutating func prepend(_ first: Value, _ second: Value? = nil) {
        checkWidth(second)
        let row = firstRow
        if count > 0, hasRoom(row, 0, for: cost(first, second)) {
            change(row, 0, by: 1) { page in Self.put(first, second, into: &page, at: page.first) }
        } else {
            addPage(CountedTreePage(Self.page(first, second)), elements: 1, to: row, at: 0)
        }
    }

    /// Puts an element before the one number `index`, 0...count.
    public mutating func insert(_ first: Value, _ second: Value? = nil, before index: Int) {
        precondition(index >= 0 && index <= count, "an element before \(index) of \(count)")
        insert(first, second, at: expandedPlace(at: index))
    }

    /// Puts an element before the one at `place`; nil: behind the last. So what `lowerBound` finds is where an element
    /// belongs in the order.
    public mutating func insert(_ first: Value, _ second: Value? = nil, at place: Place?) {
        guard let place else { return append(first, second) }
        checkWidth(second)
        let cost = cost(first, second)
        let (row, slot) = (place.row, place.slot)
        if place.number == 0 {
            // Between two pages. At a seam the page that has room takes it, before one is cut.
            guard let before = pageBefore(row, slot) else { return prepend(first, second) }
            if hasRoom(before.row, before.slot, for: cost) {
                change(before.row, before.slot, by: 1) { page in Self.put(first, second, into: &page, at: page.end) }
                return
            }
            if row.pages[slot].isAway {
                addPage(CountedTreePage(Self.page(first, second)), elements: 1, to: row, at: slot)
                return
            }
        }
        if cost > pageBytes {
            insertAlone(CountedTreePage(Self.page(first, second)), at: place)
            return
        }
        change(row, slot, by: 1) { page in Self.put(first, second, into: &page, at: place.offset) }
        if isFull(row, slot) { cutWhileFull(row, slot) }
    }

    /// Puts a page of its own before `place`.
    private mutating func insertAlone(_ page: CountedTreePage, at place: Place) {
        if place.number == 0 {
            addPage(page, elements: 1, to: place.row, at: place.slot)
        } else {
            let behind = cut(place.row, place.slot, at: place.offset, elements: place.number)
            addPage(page, elements: 1, to: behind.row, at: behind.slot)
        }
    }

    /// Gives the element at `place` other values.
    public mutating func replace(at place: Place, _ first: Value, _ second: Value? = nil) {
        checkWidth(second)
        let (row, slot) = (place.row, place.slot)
        if cost(first, second) > pageBytes, row.counts[slot] > 1 {
            let index = index(of: place)
            remove(at: place)
            insert(first, second, before: index)
            return
        }
        change(row, slot, by: 0) { page in
            var at = Self.replace(place.offset, in: &page, with: first)
            if let second { at = Self.replace(at, in: &page, with: second) }
        }
        if isFull(row, slot) { cutWhileFull(row, slot) } else { joinIfSmall(row, slot) }
    }

    /// Adds a page behind the last, which then belongs to the tree. It may be over the limits. O(1).
    public mutating func appendPage(_ page: Listpack) {
        let number = page.count
        precondition(number % width == 0, "\(number) entries in a page of width \(width)")
        if number == 0 { page.free() } else { appendPage(CountedTreePage(page), elements: number / width) }
    }

    /// The same with a page that may be compressed or away and has so many elements. `name`: of one that is away, or of
    /// a copy.
    mutating func appendPage(_ page: CountedTreePage, elements: Int, name: PageName? = nil) {
        addPage(page, elements: elements, name: name, to: lastRow, at: lastRow.entries)
    }

    // MARK: Removing

    /// Removes the element at `place`. To go on from there, find the place again by its index.
    public mutating func remove(at place: Place) {
        removeElements(1, place.row, place.slot, at: place.offset)
    }

    /// Removes the element number `index`.
    public mutating func remove(at index: Int) {
        removeSubrange(index..<index + 1)
    }

    /// Removes the first element, or the last, after `body` has seen its page and its offset in there. There must be
    /// one.
    mutating func removeEnd(isFirst: Bool, _ body: (Listpack, Int) -> Void) {
        precondition(count > 0, "an end of a tree without elements")
        let row = isFirst ? firstRow : lastRow
        let slot = isFirst ? 0 : row.entries - 1
        expandPage(row, slot)
        let page = row.pages[slot].listpack
        let offset = isFirst ? page.first : back(page, page.end)
        body(page, offset)
        removeElements(1, row, slot, at: offset)
    }

    /// Removes the elements of `range`. O(log n + pages removed).
    public mutating func removeSubrange(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "elements \(range) of \(count)")
        var left = range.count
        while left > 0 {
            // The tree changes its shape with each row, so the way down is taken anew: once for some dozens of pages.
            let (row, slot, number) = locate(range.lowerBound)
            if number > 0 || left < row.counts[slot] {
                let elements = min(left, row.counts[slot] - number)
                expandPage(row, slot)
                let offset = offset(of: number, in: row.pages[slot].listpack, elements: row.counts[slot])
                removeElements(elements, row, slot, at: offset)
                left -= elements
                continue
            }
            var end = slot
            while end < row.entries, left >= row.counts[end] {
                left -= row.counts[end]
                end += 1
            }
            dropPages(row, slot..<end)
        }
    }

    public mutating func removeAll() { removeSubrange(0..<count) }

    /// Removes `elements` elements of one page from `offset` on.
    private mutating func removeElements(_ elements: Int, _ row: Node, _ slot: Int, at offset: Int) {
        guard elements < row.counts[slot] else { return dropPages(row, slot..<slot + 1) }
        let entries = elements * width
        if offset == row.pages[slot].listpack.first {
            changePage(row, slot, by: -elements) { page in page.removeFirst(entries) }
        } else {
            change(row, slot, by: -elements) { page in page.remove(offset, entries: entries) }
        }
        joinIfSmall(row, slot)
    }

    // MARK: Values

    private func checkWidth(_ second: Value?) {
        precondition((second != nil) == (width == 2), "an element of another width than \(width)")
    }

    @inline(__always)
    private static func put(_ first: Value, _ second: Value?, into page: inout Listpack, at offset: Int) {
        let at = put(first, into: &page, at: offset)
        if let second { put(second, into: &page, at: at) }
    }

    @inline(__always) @discardableResult
    private static func put(_ value: Value, into page: inout Listpack, at offset: Int) -> Int {
        switch value {
        case .integer(let number): page.insert(integer: number, at: offset)
        case .bytes(let slice): page.insert(slice, at: offset)
        }
    }

    private static func replace(_ offset: Int, in page: inout Listpack, with value: Value) -> Int {
        switch value {
        case .integer(let number): page.replace(offset, withInteger: number)
        case .bytes(let slice): page.replace(offset, with: slice)
        }
    }

    private static func page(_ first: Value, _ second: Value?) -> Listpack {
        var page = Listpack()
        put(first, second, into: &page, at: page.first)
        return page
    }

    /// Bytes that an element takes at most.
    @inline(__always)
    private func cost(_ first: Value, _ second: Value?) -> Int {
        Self.cost(first) + (second.map { Self.cost($0) } ?? 0)
    }

    /// A bound, so that a text isn't looked at twice: the integers among them take less.
    @inline(__always)
    private static func cost(_ value: Value) -> Int {
        switch value {
        // 9 of encoding and number, 1 of the length behind.
        case .integer: 10
        // Head and length behind: 1 + 1, 2 + 2, 5 + 5 bytes.
        case .bytes(let slice): slice.count + (slice.count < 64 ? 2 : slice.count < 4096 ? 4 : 10)
        }
    }

    // MARK: Pages

    @inline(__always)
    private func hasRoom(_ row: Node, _ slot: Int, for cost: Int) -> Bool {
        row.pages[slot].totalBytes + cost <= pageBytes && row.counts[slot] < pageElements && !row.pages[slot].isAway
    }

    /// Makes a page a listpack for good, if it is compressed.
    mutating func expandPage(_ row: Node, _ slot: Int) {
        if row.pages[slot].isCompressed { convert(row, slot) { $0.expand() } }
    }

    /// Compresses a page that is not compressed, if it can be.
    mutating func compressPage(_ row: Node, _ slot: Int) {
        convert(row, slot) { $0.compress() }
    }

    private mutating func convert(_ row: Node, _ slot: Int, _ body: (inout CountedTreePage) -> Void) {
        let before = row.pages[slot].memoryBytes
        body(&row.pages[slot])
        memoryBytes += row.pages[slot].memoryBytes - before
    }

    /// Changes a page that has `elements` more elements afterwards.
    @inline(__always)
    mutating func change(_ row: Node, _ slot: Int, by elements: Int, _ body: (inout Listpack) -> Void) {
        changePage(row, slot, by: elements) { page in page.change(body) }
    }

    @inline(__always)
    private mutating func changePage(
        _ row: Node, _ slot: Int, by elements: Int, _ body: (inout CountedTreePage) -> Void
    ) {
        let before = row.pages[slot].memoryBytes
        if let paging {
            paging.noteChange(&row.states[slot].use)
            Paging.touch(&row.states[slot].use)
        }
        body(&row.pages[slot])
        memoryBytes += row.pages[slot].memoryBytes - before
        guard elements != 0 else { return }
        row.counts[slot] += elements
        carry(elements, up: row)
        count += elements
    }

    /// Adds a page at `slot` of `row`. Returns where it stands then. `name`: of one that isn't new.
    @discardableResult
    mutating func addPage(
        _ page: CountedTreePage, elements: Int, name: PageName? = nil, to row: Node, at slot: Int
    ) -> (row: Node, slot: Int) {
        let (row, slot) = makeRoom(row, slot)
        row.open(slot)
        row.pages[slot] = page
        row.counts[slot] = elements
        if paging != nil { notePage(row, slot, name) }
        carry(elements, up: row)
        count += elements
        pageCount += 1
        memoryBytes += page.memoryBytes
        return (row, slot)
    }

    /// Removes whole pages of a row.
    private mutating func dropPages(_ row: Node, _ range: Range<Int>) {
        var elements = 0
        for slot in range {
            elements += row.counts[slot]
            memoryBytes -= row.pages[slot].memoryBytes
            if paging != nil { noteGone(row, slot) }
            row.pages[slot].free()
        }
        pageCount -= range.count
        row.close(range)
        carry(-elements, up: row)
        count -= elements
        shrink(row)
    }

    /// Moves the elements of a page from `offset` on to a new one behind it; `elements` stay. Returns where the new one
    /// stands.
    private mutating func cut(
        _ row: Node, _ slot: Int, at offset: Int, elements: Int
    ) -> (row: Node, slot: Int) {
        let moved = row.counts[slot] - elements
        var behind: Listpack?
        change(row, slot, by: -moved) { page in behind = page.split(offset) }
        row.pages[slot].forgetAttempt()
        guard let behind else { preconditionFailure("a page that was not cut") }
        return addPage(CountedTreePage(behind), elements: moved, to: row, at: slot + 1)
    }

    private func isFull(_ row: Node, _ slot: Int) -> Bool {
        row.counts[slot] > 1 && (row.pages[slot].totalBytes > pageBytes || row.counts[slot] > pageElements)
    }

    /// Cuts a page that is over the limits in halves, and the half that still is (beside a large element). Of a page
    /// from before the limits were lowered one half may stay over them.
    private mutating func cutWhileFull(_ row: Node, _ slot: Int) {
        var (row, slot) = (row, slot)
        while isFull(row, slot) {
            let page = row.pages[slot].listpack
            let middle = page.totalBytes / 2
            var offset = page.advance(page.first, by: width)
            var elements = 1
            // The cut is before the element that stands on the middle or behind it, whichever halves better.
            while elements < row.counts[slot] - 1 {
                let next = page.advance(offset, by: width)
                if next - middle > middle - offset { break }
                offset = next
                elements += 1
            }
            let behind = cut(row, slot, at: offset, elements: elements)
            (row, slot) = behind
            if let before = pageBefore(behind.row, behind.slot),
                before.row.pages[before.slot].totalBytes > behind.row.pages[behind.slot].totalBytes
            {
                (row, slot) = before
            }
        }
    }

    /// Joins a page with a neighbour in its row if both together are well below the limits.
    private mutating func joinIfSmall(_ row: Node, _ slot: Int) {
        // Most pages are not small: then the neighbours needn't be fetched into the cache.
        guard row.pages[slot].totalBytes <= pageBytes / 2, row.counts[slot] <= pageElements / 2 else { return }
        if slot + 1 < row.entries, isSmall(row, slot) {
            join(row, slot)
        } else if slot > 0, isSmall(row, slot - 1) {
            join(row, slot - 1)
        }
    }

    /// Whether the pages at `slot` and behind it may be joined.
    private func isSmall(_ row: Node, _ slot: Int) -> Bool {
        !row.pages[slot].isAway && !row.pages[slot + 1].isAway
            && row.counts[slot] + row.counts[slot + 1] <= pageElements / 4 * 3
            && row.pages[slot].totalBytes + row.pages[slot + 1].totalBytes <= pageBytes / 4 * 3
    }

    /// Appends the page behind `slot` to the one there.
    private mutating func join(_ row: Node, _ slot: Int) {
        expandPage(row, slot + 1)
        let behind = row.pages[slot + 1]
        change(row, slot, by: 0) { page in page.append(contentsOf: behind.listpack) }
        row.pages[slot].forgetAttempt()
        row.counts[slot] += row.counts[slot + 1]
        memoryBytes -= behind.memoryBytes
        if paging != nil { noteGone(row, slot + 1) }
        behind.free()
        pageCount -= 1
        row.close(slot + 1..<slot + 2)
        shrink(row)
    }
}
