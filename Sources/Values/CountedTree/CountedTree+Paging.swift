import Bytes

// The pages of a CountedTree on flash.
//
// The root, from which all of them are found, is in CountedTree+Root.
//
// No key says where a page is, as its hash does in a PagedHash: so the row of each is kept in a table by name
// (`Paging.rows`), and whatever moves pages between rows tells it.
//
// A tree of pairs is searched by order (a sorted set's, of scores and members), one of single elements by position (a
// list's). The former keeps in RAM, of each page that is away, bounds: something between the last element before it and
// its own first one, and between its last one and the first behind it (`CountedTreePage`). The simple version keeps
// that first element; where members are long that is half of all there is. A bound is as short as tells the two apart:
// the score alone, mostly. It is made when the page leaves RAM, of its neighbours, or of their bounds if they are away,
// and stays true until it is back: what belongs between its bounds can't be put anywhere before it has been read.
//
// So a search looks into one page at most. What is put between two pages that are away gets a page of its own. A page
// that is away is never cut, and joined with no other.

extension CountedTree {
    /// For owners whose pages are optional.
    mutating func apply<R>(_ body: (inout CountedTree) -> R) -> R { body(&self) }

    // MARK: Beginning and end

    /// From now on pages go to flash one by one, as those of `collection`.
    mutating func startPaging(_ paging: Paging) {
        precondition(self.paging == nil, "a collection with two numbers")
        adopt(paging)
        forEachSlot { row, slot in
            row.names[slot] = paging.takeName()
            row.states[slot] = Node.PageState()
            paging.noteNew(&row.states[slot].use)
            paging.rows[row.names[slot]] = row
        }
    }

    /// From now on the whole goes to flash as one value again. All pages must be in RAM.
    public mutating func stopPaging() {
        precondition(paging?.absentInOrder ?? 0 == 0, "pages that are needed are not in RAM")
        paging = nil
        replaceRows()
    }

    /// Has rows with names and states of their pages, which are yet to be set.
    mutating func adopt(_ paging: Paging) {
        self.paging = paging
        replaceRows()
    }

    /// Gives every row room for names and states, or takes it.
    private mutating func replaceRows() {
        var next: Node? = firstRow
        while let old = next {
            next = old.next
            let row = makeNode(level: 0, capacity: old.capacity)
            old.move(from: 0, to: row)
            (row.parent, row.previous, row.next) = (old.parent, old.previous, old.next)
            if let parent = old.parent { parent.children[parent.slot(of: old)] = row } else { root = row }
            old.previous?.next = row
            old.next?.previous = row
            if firstRow == old { firstRow = row }
            if lastRow == old { lastRow = row }
            freeNode(old)
        }
    }

    /// The record moves to another key.
    mutating func forgetFlights() {
        guard let paging else { return }
        forEachSlot { row, slot in
            row.states[slot].pins = 0
            if row.states[slot].use & Paging.Use.inFlight != 0 {
                paging.noteWritten(&row.states[slot].use, succeeded: false)
            }
        }
    }

    func forEachSlot(_ body: (Node, Int) -> Void) {
        var row: Node? = firstRow
        while let node = row {
            for slot in 0..<node.entries { body(node, slot) }
            row = node.next
        }
    }

    /// A page has come to `slot`: a new one, or one with a name.
    func notePage(_ row: Node, _ slot: Int, _ name: PageName?) {
        guard let paging else { return }
        row.names[slot] = name ?? paging.takeName()
        row.states[slot] = Node.PageState()
        if name == nil { paging.noteNew(&row.states[slot].use) }
        paging.rows[row.names[slot]] = row
    }

    /// The page at `slot` is about to go for good, be it in RAM or away.
    mutating func noteGone(_ row: Node, _ slot: Int) {
        guard let paging else { return }
        let name = row.names[slot]
        paging.rows[name] = nil
        if row.pages[slot].isAway {
            paging.absentInOrder -= 1
            absentBytes -= row.pages[slot].totalBytes
            paging.buried[name] = .wanted
        } else {
            paging.noteGone(row.states[slot].use, name)
        }
    }

    /// Where the page with this name is; nil if there is none.
    private func find(_ name: PageName) -> (row: Node, slot: Int)? {
        guard let row = paging?.rows[name] else { return nil }
        for slot in 0..<row.entries where row.names[slot] == name { return (row, slot) }
        preconditionFailure("a row that doesn't have page \(name)")
    }

    /// What stays in RAM when all pages are away.
    var directoryBytes: Int {
        let rows = pageCount * (Node.entryBytes + Node.stateBytes)
        // Two bounds, which are scores, or not much longer.
        let bounds = hasBounds ? pageCount * 64 : 0
        // Rows are two thirds full, as a rule; a name's place in the table takes two buckets.
        return rows + rows / 2 + pageCount * 32 + bounds
    }

    // MARK: Bounds

    /// Whether it keeps bounds of pages that are away.
    var hasBounds: Bool { width == 2 }

    /// What stands for a page that is about to leave RAM.
    private func pageAway(_ row: Node, _ slot: Int) -> CountedTreePage {
        let page = row.pages[slot]
        guard hasBounds else { return CountedTreePage(awayWith: page.totalBytes) }
        return withLowerBound(row, slot) { lower in
            guard let behind = pageBehind(row, slot) else {
                return CountedTreePage(awayWith: page.totalBytes, from: lower, to: nil)
            }
            return withLowerBound(behind.row, behind.slot) { upper in
                CountedTreePage(awayWith: page.totalBytes, from: lower, to: upper)
            }
        }
    }

    /// Calls `body` with the lower bound of the page at `slot`.
    func withLowerBound<R>(_ row: Node, _ slot: Int, _ body: (Listpack) -> R) -> R {
        if row.pages[slot].isAway { return body(row.pages[slot].lower) }
        let page = row.pages[slot].listpack
        var last: (page: Listpack, at: Int)?
        if let before = pageBefore(row, slot) {
            let page = before.row.pages[before.slot]
            if page.isAway, let upper = page.upper { return body(upper) }
            last = (page.listpack, back(page.listpack, page.listpack.end))
        }
        let bound = SortedSetValue.bound(behind: last, notBehind: (page, page.first))
        defer { bound.free() }
        return body(bound)
    }

    /// `search` where its page is away.
    func searchBounds(
        _ row: Node, _ slot: Int, _ index: Int, _ order: (Listpack, Int) -> Int
    ) -> (index: Int, place: Place?) {
        let page = row.pages[slot]
        if order(page.lower, page.lower.first) >= 0 { return (index, firstPlace(row, slot)) }
        guard let upper = page.upper, order(upper, upper.first) <= 0 else {
            preconditionFailure("a search in a page that is not in RAM")
        }
        return (index + row.counts[slot], firstPlace(behind: row, slot))
    }

    // MARK: Pages that are away

    /// Those of the pages with elements of `range` that are away. O(log n + pages).
    public func forEachAbsentPage(in range: Range<Int>, _ body: (AbsentPage) -> Void) {
        guard paging?.absentInOrder ?? 0 > 0 else { return }
        forEachPage(in: range) { row, slot in
            if row.pages[slot].isAway { body(AbsentPage(name: row.names[slot])) }
        }
    }

    private func forEachPage(in range: Range<Int>, _ body: (Node, Int) -> Void) {
        guard !range.isEmpty else { return }
        var (row, slot, number) = locate(range.lowerBound)
        var left = range.count + number
        while true {
            body(row, slot)
            left -= row.counts[slot]
            guard left > 0, let next = pageBehind(row, slot) else { return }
            (row, slot) = next
        }
    }

    /// Calls `body` with the elements of `range` that are in RAM, in pages that are not compressed: page, and offset
    /// there. `body` returns whether to go on.
    func forEachPresent(in range: Range<Int>, _ body: (Listpack, Int) -> Bool) {
        guard !range.isEmpty else { return }
        var skipped = locate(range.lowerBound).number
        var left = range.count
        var goesOn = true
        forEachPage(in: range) { row, slot in
            let elements = min(left, row.counts[slot] - skipped)
            if goesOn, !row.pages[slot].isAway {
                let page = row.pages[slot].listpack
                var at = page.offset(of: skipped * width)
                for _ in 0..<elements where goesOn {
                    goesOn = body(page, at)
                    at = page.advance(at, by: width)
                }
            }
            left -= elements
            skipped = 0
        }
    }

    /// All that are away. O(pages).
    public func forEachAbsentPage(_ body: (AbsentPage) -> Void) { forEachAbsentPage(in: 0..<count, body) }

    /// Whether the elements before the one number `index` and that one are in the same page.
    func isInsidePage(_ index: Int) -> Bool { index > 0 && index < count && locate(index).number > 0 }

    /// The first page, or the last, if it is away and an element that is put there should find it: one that is half
    /// full is left alone, and the element begins another.
    public func absentPageForPush(isFirst: Bool) -> AbsentPage? {
        guard paging?.absentInOrder ?? 0 > 0, count > 0 else { return nil }
        let row = isFirst ? firstRow : lastRow
        let slot = isFirst ? 0 : row.entries - 1
        return isHalfFull(row, slot) ? nil : absentPage(row, slot)
    }

    private func isHalfFull(_ row: Node, _ slot: Int) -> Bool {
        row.pages[slot].totalBytes >= pageBytes / 2 || row.counts[slot] >= pageElements
    }

    private func absentPage(_ row: Node, _ slot: Int) -> AbsentPage? {
        row.pages[slot].isAway ? AbsentPage(name: row.names[slot]) : nil
    }

    /// Why an element, or the place of one, is sought.
    enum SearchPurpose {
        /// Its number is wanted.
        case number
        /// It is there, and will be changed or removed.
        case change
        /// It isn't there, and will be put there.
        case insertion
    }

    /// The page, if it is away, that `search` with this order needs, or who then does what it is for. O(log n + page).
    func absentPage(for purpose: SearchPurpose, _ order: (Listpack, Int) -> Int) -> AbsentPage? {
        guard paging?.absentInOrder ?? 0 > 0, count > 0 else { return nil }
        let (row, slot, _) = descend(order)
        let page = row.pages[slot]
        guard page.isAway else {
            // What finds no room at the end of a page goes to the next one, unless that is away and half full.
            guard purpose == .insertion, isHalfFull(row, slot), let behind = search(order).place,
                behind.row != row || behind.slot != slot, !isHalfFull(behind.row, behind.slot)
            else { return nil }
            return absentPage(behind.row, behind.slot)
        }
        let first = order(page.lower, page.lower.first)
        switch purpose {
        case .number where first == 0: return nil
        // In front of all elements. As with a list, a page that is half full is left alone.
        case .insertion where first > 0: return isHalfFull(row, slot) ? nil : absentPage(row, slot)
        case .number, .insertion:
            let isBehind = page.upper.map { order($0, $0.first) <= 0 } ?? false
            return first > 0 || isBehind ? nil : absentPage(row, slot)
        case .change: return absentPage(row, slot)
        }
    }

    /// The elements of the page are read.
    func noteUse(_ row: Node, _ slot: Int) {
        precondition(!row.pages[slot].isAway, "a page is read that is not in RAM")
        Paging.touch(&row.states[slot].use)
    }

    /// Bytes of the pages with elements of `range`, in RAM or away. O(log n + pages).
    func bytes(in range: Range<Int>) -> Int {
        var sum = 0
        forEachPage(in: range) { row, slot in sum += row.pages[slot].totalBytes }
        return sum
    }

    /// Whether there is a page of this name, and it is away.
    public func isAway(_ page: AbsentPage) -> Bool { find(page.name).map { $0.row.pages[$0.slot].isAway } ?? false }

    /// Brings a page that is away back. False, and nothing happens, if the bytes are not those of this page. `isValid`:
    /// whether this may be a listpack between these bounds. O(bytes).
    public mutating func install(
        _ page: AbsentPage, _ bytes: ByteSlice,
        isValid: (_ page: Listpack, _ lower: Listpack, _ upper: Listpack?) -> Bool = { _, _, _ in true }
    ) -> Bool {
        guard let (row, slot) = find(page.name), let paging, let fresh = Self.page(bytes) else { return false }
        let old = row.pages[slot]
        guard fresh.entries == row.counts[slot] * width,
            !hasBounds || !fresh.page.isCompressed && isValid(fresh.page.listpack, old.lower, old.upper)
        else {
            fresh.page.free()
            return false
        }
        absentBytes -= old.totalBytes
        row.pages[slot] = fresh.page
        memoryBytes += fresh.page.memoryBytes - old.memoryBytes
        old.free()
        row.states[slot] = Node.PageState(use: Paging.Use.mayBeOnFlash)
        paging.absentInOrder -= 1
        return true
    }

    /// A page from flash, and how many entries it has; nil if the bytes are not in the format.
    private static func page(_ bytes: ByteSlice) -> (page: CountedTreePage, entries: Int)? {
        guard bytes.count > 4, bytes.prefix(4).buffer.allSatisfy({ $0 == 0 }) else {
            return ListpackCheck.listpack(bytes).map { (CountedTreePage($0), $0.count) }
        }
        guard let page = CompressedListpack.checked(bytes.dropFirst(4)) else { return nil }
        let entries = page.listpack.count
        page.listpack.free()
        guard 4 + page.compressed.bytes.count == bytes.count else {
            page.compressed.free()
            return nil
        }
        return (CountedTreePage(page.compressed), entries)
    }

    /// Whether bytes from flash have the form of a page: of a tree, or of a PagedHash, whose pages are listpacks too.
    public static func isPage(_ bytes: ByteSlice) -> Bool {
        guard let (page, _) = page(bytes) else { return false }
        page.free()
        return true
    }

    /// The elements of the page with this name, which must be there.
    public func elements(of name: PageName) -> Int {
        guard let (row, slot) = find(name) else { preconditionFailure("no page \(name)") }
        return row.counts[slot]
    }

    // MARK: Pins

    /// Calls need the page that was away (1), or no longer (-1), if it is still there.
    public func pin(_ page: AbsentPage, by number: Int) {
        guard let (row, slot) = find(page.name) else { return }
        precondition(!row.pages[slot].isAway, "a pinned page is away")
        row.states[slot].pins = UInt16(Int(row.states[slot].pins) + number)
    }

    // MARK: The hand

    /// As `PagedHash.turnHand`. O(log n).
    public mutating func turnHand(ignoringTouches: Bool) -> PageLook? {
        guard let paging else { return nil }
        guard paging.hand < UInt64(count) else {
            paging.hand = 0
            return nil
        }
        let (row, slot, number) = locate(Int(paging.hand))
        paging.hand += UInt64(row.counts[slot] - number)
        let state = row.states[slot]
        if row.pages[slot].isAway || state.use & Paging.Use.inFlight != 0 { return PageLook.none }
        let isChanged = state.use & Paging.Use.changed != 0
        if state.pins > 0, !(ignoringTouches && isChanged) { return PageLook.none }
        if state.use >= Paging.Use.touch, !ignoringTouches {
            row.states[slot].use = state.use - Paging.Use.touch
            return .touched
        }
        return isChanged ? .changed(row.names[slot]) : .clean(row.names[slot])
    }

    /// Whether the page is there and may leave RAM now: flash has it, nobody needs it or has used it lately.
    public func isDroppable(_ name: PageName) -> Bool {
        guard let (row, slot) = find(name), !row.pages[slot].isAway else { return false }
        return row.states[slot].use == Paging.Use.mayBeOnFlash && row.states[slot].pins == 0
    }

    /// Frees the memory of a clean page that nobody needs. Returns the bytes freed.
    public mutating func drop(_ name: PageName) -> Int {
        guard let (row, slot) = find(name), let paging else { preconditionFailure("no page \(name)") }
        let (page, state) = (row.pages[slot], row.states[slot])
        precondition(
            !page.isAway && state.use & Paging.Use.unsettled == 0 && state.pins == 0,
            "a page in use \(state.use) is dropped")
        let away = pageAway(row, slot)
        let freed = page.memoryBytes - away.memoryBytes
        absentBytes += page.totalBytes
        page.free()
        row.pages[slot] = away
        memoryBytes -= freed
        paging.absentInOrder += 1
        return freed
    }

    /// Hands a changed page's bytes to `body`, and has it in flight from then on.
    public mutating func issue(_ name: PageName, _ body: (ByteSlice) -> Void) {
        guard let (row, slot) = find(name), let paging else { preconditionFailure("no page \(name)") }
        paging.noteIssued(&row.states[slot].use)
        guard row.pages[slot].isCompressed else { return body(row.pages[slot].listpack.bytes) }
        var marked = ByteBuffer()
        for _ in 0..<4 { marked.append(0) }
        marked.append(row.pages[slot].compressedListpack.bytes)
        body(marked.slice)
    }

    /// What was in flight under this name has been confirmed, or refused.
    public mutating func complete(_ name: PageName, succeeded: Bool) {
        guard let paging else { return }
        if let (row, slot) = find(name), row.states[slot].use & Paging.Use.inFlight != 0 {
            paging.noteWritten(&row.states[slot].use, succeeded: succeeded)
        } else {
            paging.completeBuried(name, succeeded: succeeded)
        }
    }

    /// For tests: calls `body` with each element in RAM and each bound, in order: page, and offset there. O(bytes).
    func forEachKnown(_ body: (Listpack, Int, _ isBound: Bool) -> Void) {
        forEachSlot { row, slot in
            let page = row.pages[slot]
            if page.isAway {
                body(page.lower, page.lower.first, true)
                if let upper = page.upper { body(upper, upper.first, true) }
                return
            }
            var at = page.listpack.first
            while at < page.listpack.end {
                body(page.listpack, at, false)
                at = page.listpack.advance(at, by: width)
            }
        }
    }

    /// For tests: traps unless the counts of pages agree with their states, and each is where the table says. Returns
    /// the pages that are unsettled, which are counted together with those of a hash, if there is one. O(pages).
    @discardableResult
    func checkPaging() -> Int {
        guard let paging else {
            precondition(!firstRow.hasStates, "states of pages that have none")
            return 0
        }
        var (unsettled, absent, bytes, pages) = (0, 0, 0, 0)
        forEachSlot { row, slot in
            let name = row.names[slot]
            pages += 1
            precondition(paging.rows[name] == row, "page \(name) is elsewhere")
            precondition(paging.buried[name] == nil && name < paging.nextName, "a page under a buried or new name")
            if row.pages[slot].isAway {
                absent += 1
                bytes += row.pages[slot].totalBytes
            } else if row.states[slot].use & Paging.Use.unsettled != 0 {
                unsettled += 1
            }
        }
        precondition(paging.rows.count == pages, "\(pages) pages, \(paging.rows.count) in the table")
        precondition(unsettled <= paging.unsettled, "\(unsettled) pages unsettled, \(paging.unsettled) counted")
        precondition(absent == paging.absentInOrder, "\(absent) pages away, \(paging.absentInOrder) counted")
        precondition(bytes == absentBytes, "\(bytes) bytes away, \(absentBytes) counted")
        return unsettled
    }
}
