import Bytes
import CShims

// CountedTree: a long sequence of small elements, found by position or by order.
//
// The simple version of a list is a chain of pages (Redis' quicklist): the ends are fast, but the middle is reached
// page by page. The simple version of a sorted set is a skip list, 40 bytes and more for each element beyond its data.
// Here the elements lie packed in pages (listpacks), and above the pages stands a B+ tree (Bayer and McCreight, 1972)
// whose nodes know how many elements are below each child:
//
//     level 1                      [ 210 | 190 ]
//                                 /             \
//     level 0 (rows)    [ 80 | 70 | 60 ]  ⇄  [ 90 | 100 ]
//                         │    │    │          │     │
//     pages              ...  ...  ...        ...   ...
//
// A position is found from the top by adding up counts; a place tells its position by adding them up on the way from
// the bottom. An ordered sequence is searched by asking a closure about the first elements of children, so no keys are
// kept in nodes. Rows hold pages themselves: 16 bytes a page, no node for each, and the pages of a row that a search
// looks at are one load away. Nodes of a level are linked both ways, so going on from page to page is O(1).
//
// The ends are special, as with quicklist: what is pushed there starts a new page when the page at the end is full, and
// full pages stay full; only an insertion amid others cuts a page into halves. A page over the limits is cut,
// neighbours that together are well below them are joined (at three quarters, so that the two don't alternate), and
// rows and the nodes above likewise. An element larger than a page may be has a page of its own.
//
// In a tree of a million elements time goes into cache misses (measured: 160 ns each), so searches and walks prefetch.
//
// A page may be compressed, if the owner wants it (lists do, of their inner pages): it is expanded for as long as
// somebody reads it, and for good when it is changed. Sorted sets leave all pages as they are, so what only they need
// (places in pages that nobody has expanded, the search) doesn't provide for it.
//
// Pages may be only on flash (CountedTree+Paging). A tree of pairs keeps bounds of these, so that a search knows which
// page it is about.
//
// The tree of a short list is one row with room for one page; only the root, while it is a row, has less room than 62.

/// A sequence of elements, each `width` listpack entries. Owns its pages and nodes.
///
/// Position to element and back, insertion, removal: O(log n + page); at the ends O(page). Not thread-safe: the owner's
/// lock guards it. Order is the caller's affair: `lowerBound` believes in it, nothing else asks.
///
/// A value that is the canonical text of an integer is kept as an integer, even an 8-byte binary score that happens to
/// look like one: read with `Listpack.withBytes`, which gives the same bytes back, unless any number is meant.
public struct CountedTree: ~Copyable {
    public typealias Value = Listpack.Item
    typealias Node = CountedTreeNode

    /// Elements.
    public internal(set) var count = 0
    /// What the allocator sets aside for pages and nodes.
    public internal(set) var memoryBytes = 0

    var root: Node
    var firstRow: Node
    var lastRow: Node
    // 32 bits: there may be millions of short lists.
    private var pages: UInt32 = 0
    private var bytesLimit: UInt32 = 0
    private var elementsLimit: UInt32 = 0
    private let entries: UInt8
    /// How its pages go to flash one by one; nil while it goes as a whole.
    public internal(set) var paging: Paging?
    /// Bytes of listpacks that are only on flash.
    public internal(set) var absentBytes = 0

    /// Where an element is, in a page that is not compressed: valid until the next change.
    public struct Place: Sendable {
        let row: Node
        let slot: Int
        /// Its number in `page`.
        public let number: Int
        /// The offset of its first entry in `page`.
        public let offset: Int
        public let page: Listpack
    }

    /// `width`: 1 or 2. For the limits see `setLimits`.
    public init(width: Int, pageBytes: Int = 2048, pageElements: Int? = nil) {
        precondition(width == 1 || width == 2, "elements of width \(width)")
        entries = UInt8(width)
        root = Node(level: 0, capacity: 1)
        firstRow = root
        lastRow = root
        memoryBytes = root.memoryBytes
        setLimits(pageBytes: pageBytes, pageElements: pageElements)
    }

    deinit { Self.free(root) }

    private static func free(_ node: Node) {
        for slot in 0..<node.entries {
            if node.level == 0 { node.pages[slot].free() } else { free(node.children[slot]) }
        }
        node.free()
    }

    /// A page has at most `pageBytes` bytes, unless it has one element only, and at most `pageElements` elements.
    /// Pages that are there stay as they are until something is inserted; then they are cut in halves.
    public mutating func setLimits(pageBytes: Int, pageElements: Int?) {
        bytesLimit = UInt32(clamping: max(pageBytes, 1))
        elementsLimit = UInt32(clamping: max(pageElements ?? .max, 1))
    }

    /// Entries of an element: 1 for lists, 2 for pairs.
    public var width: Int { Int(entries) }

    public var pageBytes: Int { Int(bytesLimit) }

    /// `UInt32.max`: no limit.
    public var pageElements: Int { Int(elementsLimit) }

    public internal(set) var pageCount: Int {
        get { Int(pages) }
        set { pages = UInt32(newValue) }
    }

    public var isEmpty: Bool { count == 0 }

    /// An independent copy, its pages the same, its nodes full; pages that are away are away of it too. O(bytes).
    public func copy() -> CountedTree { copy(with: paging.flatMap { Paging(absentPagesOf: $0) }) }

    /// The same with the paging of the copy, which is nil if no page of the collection is away.
    func copy(with paging: Paging?) -> CountedTree {
        var result = CountedTree(width: width)
        result.bytesLimit = bytesLimit
        result.elementsLimit = elementsLimit
        if let paging { result.adopt(paging) }
        var row: Node? = firstRow
        while let node = row {
            for slot in 0..<node.entries {
                let name = result.paging == nil ? nil : node.names[slot]
                result.appendPage(node.pages[slot].copy(), elements: node.counts[slot], name: name)
            }
            row = node.next
        }
        if result.paging != nil { result.absentBytes = absentBytes }
        return result
    }

    // MARK: Places

    public var first: Place? { count == 0 ? nil : firstPlace(firstRow, 0) }

    public var last: Place? { count == 0 ? nil : lastPlace(lastRow, lastRow.entries - 1) }

    /// The element number `index`, from 0, in a page that is not compressed; nil if there are fewer. O(log n + page).
    public func place(at index: Int) -> Place? {
        guard index >= 0, index < count else { return nil }
        let (row, slot, number) = locate(index)
        let page = row.pages[slot].listpack
        let offset = offset(of: number, in: page, elements: row.counts[slot])
        return Place(row: row, slot: slot, number: number, offset: offset, page: page)
    }

    /// The same for a page that is going to be changed: a compressed one is expanded for good.
    public mutating func expandedPlace(at index: Int) -> Place? {
        guard index >= 0, index < count else { return nil }
        let (row, slot, _) = locate(index)
        expandPage(row, slot)
        return place(at: index)
    }

    /// The offset of element `number` in a page of `elements`, sought from the nearer end.
    func offset(of number: Int, in page: Listpack, elements: Int) -> Int {
        let behind = elements - number
        // From the end only if that is much nearer: page and end are two misses, one behind the other.
        if number <= 3 * behind {
            Self.fetchStart(page)
            var offset = page.first
            for _ in 0..<number * width {
                Self.fetchAhead(page, offset)
                offset = page.next(offset)
            }
            return offset
        }
        var offset = page.end
        for _ in 0..<behind * width { offset = page.previous(offset) }
        return offset
    }

    /// In a large tree a page is seldom in the cache, and a walk in it is too short for the processor to see where it
    /// leads: so four lines are kept under way. Behind the end of a page this does no harm.
    @inline(__always)
    private static func fetchStart(_ page: Listpack) {
        for line in 1..<4 { firn_prefetch(page.base + 64 * line) }
    }

    @inline(__always)
    private static func fetchAhead(_ page: Listpack, _ offset: Int) { firn_prefetch(page.base + offset + 256) }

    /// The row, its page and the number in it of element `index`, which must be there.
    func locate(_ index: Int) -> (row: Node, slot: Int, number: Int) {
        precondition(index >= 0 && index < count, "element \(index) of \(count)")
        var node = root
        var number = index
        while true {
            let found = node.slot(ofElement: number)
            if node.level == 0 { return (node, found.slot, found.number) }
            node = node.children[found.slot]
            number = found.number
        }
    }

    /// The number of the element at `place`. O(log n).
    public func index(of place: Place) -> Int {
        var index = place.number + place.row.elements(before: place.slot)
        var node = place.row
        while let parent = node.parent {
            index += parent.elements(before: parent.slot(of: node))
            node = parent
        }
        return index
    }

    /// The element behind the one at `place`, which is in RAM. O(1).
    @inline(__always)
    public func next(_ place: Place) -> Place? {
        let offset = place.page.advance(place.offset, by: width)
        guard offset < place.page.end else { return firstPlace(behind: place.row, place.slot) }
        return Place(row: place.row, slot: place.slot, number: place.number + 1, offset: offset, page: place.page)
    }

    /// The element before the one at `place`. O(1).
    @inline(__always)
    public func previous(_ place: Place) -> Place? {
        guard place.number > 0 else { return lastPlace(before: place.row, place.slot) }
        let offset = back(place.page, place.offset)
        return Place(row: place.row, slot: place.slot, number: place.number - 1, offset: offset, page: place.page)
    }

    /// The offset of the element before `offset`.
    @inline(__always)
    func back(_ page: Listpack, _ offset: Int) -> Int {
        let at = page.previous(offset)
        return entries == 1 ? at : page.previous(at)
    }

    /// Of a page that is away: at its lower bound, in place of the first element.
    func firstPlace(_ row: Node, _ slot: Int) -> Place {
        let page = row.pages[slot].front
        return Place(row: row, slot: slot, number: 0, offset: page.first, page: page)
    }

    private func lastPlace(_ row: Node, _ slot: Int) -> Place {
        let page = row.pages[slot].listpack
        return Place(row: row, slot: slot, number: row.counts[slot] - 1, offset: back(page, page.end), page: page)
    }

    func firstPlace(behind row: Node, _ slot: Int) -> Place? {
        if slot + 1 < row.entries { return firstPlace(row, slot + 1) }
        return row.next.map { firstPlace($0, 0) }
    }

    func lastPlace(before row: Node, _ slot: Int) -> Place? {
        if slot > 0 { return lastPlace(row, slot - 1) }
        return row.previous.map { lastPlace($0, $0.entries - 1) }
    }

    // MARK: Search

    /// The first element for which `isBefore` (its page, its offset there) is false, all for which it is true standing
    /// first. If there is none, the place is nil and the index `count`. O(log n) pages are looked at, one is searched.
    public func lowerBound(_ isBefore: (Listpack, Int) -> Bool) -> (index: Int, place: Place?) {
        search { page, offset in isBefore(page, offset) ? -1 : 1 }
    }

    /// The first element that isn't before what is sought, as `lowerBound` has it. `order` (an element's page, its
    /// offset there) is below 0 for elements before it, 0 for it, and above 0 for those behind it.
    ///
    /// The page that is searched is the last that begins with it or before it. It must be in RAM, unless its bounds
    /// tell that what is sought is before it or behind it. The place may be the beginning of a page that is away.
    @inline(__always)
    func search(_ order: (Listpack, Int) -> Int) -> (index: Int, place: Place?) {
        guard count > 0 else { return (0, nil) }
        let (node, slot, index) = descend(order)
        if paging != nil {
            if node.pages[slot].isAway { return searchBounds(node, slot, index, order) }
            Paging.touch(&node.states[slot].use)
        }
        let page = node.pages[slot].listpack
        let end = page.end
        var offset = page.first
        var number = 0
        Self.fetchStart(page)
        while offset < end, order(page, offset) < 0 {
            Self.fetchAhead(page, offset)
            offset = page.next(offset)
            if entries == 2 { offset = page.next(offset) }
            number += 1
        }
        guard offset < end else { return (index + number, firstPlace(behind: node, slot)) }
        return (index + number, Place(row: node, slot: slot, number: number, offset: offset, page: page))
    }

    /// The page that `search` is about, and the elements before it. There must be elements.
    @inline(__always)
    func descend(_ order: (Listpack, Int) -> Int) -> (row: Node, slot: Int, index: Int) {
        var node = root
        var index = 0
        while node.level > 0 {
            let children = node.children
            let slot = Self.lastSlot(of: node.entries) { slot in
                let page = children[slot].front
                return order(page, page.first) <= 0
            }
            index += node.elements(before: slot)
            node = children[slot]
        }
        let pages = node.pages
        let slot = Self.lastSlot(of: node.entries) { slot in
            let page = pages[slot].front
            return order(page, page.first) <= 0
        } ahead: { slot in
            firn_prefetch(pages[slot].front.base)
        }
        return (node, slot, index + node.elements(before: slot))
    }

    /// The last of `slots` for which `isBefore` is true; 0 if there is none. `ahead` is told the two slots one of which
    /// is asked about next: a page is seldom in the cache, and so two misses overlap.
    @inline(__always)
    private static func lastSlot(of slots: Int, _ isBefore: (Int) -> Bool, ahead: (Int) -> Void = { _ in }) -> Int {
        var low = 0
        var high = slots
        while high - low > 1 {
            let middle = (low + high) / 2
            ahead((low + middle) / 2)
            ahead((middle + high) / 2)
            if isBefore(middle) { low = middle } else { high = middle }
        }
        return low
    }

    // MARK: Iteration

    /// Calls `body` with the page at `slot` of `row`. A compressed one is expanded for the call, or for as long as
    /// there is `keeper`.
    @inline(__always)
    func withPage<R, E: Error>(
        _ row: Node, _ slot: Int, keptBy keeper: ExpandedListpacks? = nil, _ body: (Listpack) throws(E) -> R
    ) throws(E) -> R {
        let page = row.pages[slot]
        if paging != nil { Paging.touch(&row.states[slot].use) }
        guard page.isCompressed else { return try body(page.listpack) }
        let expanded = page.compressedListpack.expanded()
        keeper?.keep(expanded)
        defer { if keeper == nil { expanded.free() } }
        return try body(expanded)
    }

    /// Calls `body` with the element number `index`, which must be there: page, and offset in it.
    public func withElement<R, E: Error>(at index: Int, _ body: (Listpack, Int) throws(E) -> R) throws(E) -> R {
        let (row, slot, number) = locate(index)
        return try withPage(row, slot) { page throws(E) in
            try body(page, offset(of: number, in: page, elements: row.counts[slot]))
        }
    }

    /// Calls `body` with the elements from the first on: page, and offset there. `body` returns whether to go on.
    public func forEach<E: Error>(_ body: (Listpack, Int) throws(E) -> Bool) throws(E) {
        try forEach(in: 0..<count, body)
    }

    /// The same for the elements of `range`, which must be there. For `keeper` see `withPage`.
    public func forEach<E: Error>(
        in range: Range<Int>, keptBy keeper: ExpandedListpacks? = nil,
        _ body: (Listpack, Int) throws(E) -> Bool
    ) throws(E) {
        guard !range.isEmpty else { return }
        precondition(range.upperBound <= count, "elements \(range) of \(count)")
        var (row, slot, number) = locate(range.lowerBound)
        var left = range.count
        while true {
            let (node, at, skipped) = (row, slot, number)
            let goesOn = try withPage(node, at, keptBy: keeper) { page throws(E) in
                var offset =
                    skipped == 0 ? page.first : self.offset(of: skipped, in: page, elements: node.counts[at])
                let end = page.end
                while offset < end {
                    guard try body(page, offset) else { return false }
                    left -= 1
                    if left == 0 { return false }
                    offset = page.advance(offset, by: width)
                }
                return true
            }
            guard goesOn, let next = pageBehind(row, slot) else { return }
            (row, slot) = next
            number = 0
        }
    }

    /// The same from the last of them on, backwards.
    public func forEachReversed<E: Error>(
        in range: Range<Int>, keptBy keeper: ExpandedListpacks? = nil,
        _ body: (Listpack, Int) throws(E) -> Bool
    ) throws(E) {
        guard !range.isEmpty else { return }
        precondition(range.upperBound <= count, "elements \(range) of \(count)")
        var (row, slot, number) = locate(range.upperBound - 1)
        var left = range.count
        while true {
            let (node, at, last) = (row, slot, number)
            let goesOn = try withPage(node, at, keptBy: keeper) { page throws(E) in
                var offset = self.offset(of: last, in: page, elements: node.counts[at])
                while true {
                    guard try body(page, offset) else { return false }
                    left -= 1
                    if left == 0 { return false }
                    if offset == page.first { return true }
                    offset = back(page, offset)
                }
            }
            guard goesOn, let next = pageBefore(row, slot) else { return }
            (row, slot) = next
            number = row.counts[slot] - 1
        }
    }

    /// Calls `body` with each page that has elements of `range`, all of which must be there, in order: the page, which
    /// must not be compressed, the offset of the first of them in it, and how many they are.
    @inline(__always)
    func forEachRun(in range: Range<Int>, _ body: (Listpack, Int, Int) -> Void) {
        guard !range.isEmpty else { return }
        precondition(range.upperBound <= count, "elements \(range) of \(count)")
        var left = range.count
        var next = place(at: range.lowerBound)
        while left > 0, let place = next {
            let elements = min(left, place.row.counts[place.slot] - place.number)
            if paging != nil { noteUse(place.row, place.slot) }
            body(place.page, place.offset, elements)
            left -= elements
            next = firstPlace(behind: place.row, place.slot)
        }
    }

    /// Calls `body` with each page, in order.
    public func forEachPage<E: Error>(_ body: (Listpack) throws(E) -> Bool) throws(E) {
        var row: Node? = firstRow
        while let node = row {
            for slot in 0..<node.entries {
                guard try withPage(node, slot, body) else { return }
            }
            row = node.next
        }
    }

    func pageBefore(_ row: Node, _ slot: Int) -> (row: Node, slot: Int)? {
        if slot > 0 { return (row, slot - 1) }
        return row.previous.map { ($0, $0.entries - 1) }
    }

    func pageBehind(_ row: Node, _ slot: Int) -> (row: Node, slot: Int)? {
        if slot + 1 < row.entries { return (row, slot + 1) }
        return row.next.map { ($0, 0) }
    }
}
