import Bytes

// The pages of a CountedTree on flash.
//
// The root, numbers little endian, varints of seven bits a byte, the lowest first, the top bit set while more follow;
// on disk, never renumbered:
//
//     collection (8) | elements (8) | pages (8) | next name (8)
//     | of each page, in order: name less that of the page before, zigzag (varint) | elements (varint) | bytes (varint)
//
// `bytes` are those of the page's listpack. The page is that listpack, or four bytes of zero, where a listpack has its
// length, and a compressed one.
//
// No key says where a page is, as its hash does in a PagedHash: so the row of each is kept in a table by name
// (`Paging.rows`), and whatever moves pages between rows tells it.

extension CountedTree {
    /// For owners whose pages are optional.
    mutating func apply<R>(_ body: (inout CountedTree) -> R) -> R { body(&self) }

    // MARK: Beginning and end

    /// From now on pages go to flash one by one, as those of `collection`.
    public mutating func startPaging(_ collection: UInt64) {
        precondition(paging == nil, "a collection with two numbers")
        let paging = Paging(collection: collection)
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
        precondition(paging?.absent ?? 0 == 0, "pages that are needed are not in RAM")
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
    public mutating func forgetFlights() {
        guard let paging else { return }
        paging.forgetFlights()
        forEachSlot { row, slot in
            row.states[slot].pins = 0
            if row.states[slot].use & Paging.Use.inFlight != 0 {
                paging.noteWritten(&row.states[slot].use, succeeded: false)
            }
        }
    }

    private func forEachSlot(_ body: (Node, Int) -> Void) {
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
            paging.absent -= 1
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
        // Rows are two thirds full, as a rule; a name's place in the table takes two buckets.
        return rows + rows / 2 + pageCount * 32
    }

    // MARK: Root

    /// Appends the root. O(pages).
    func appendRoot(to buffer: inout ByteBuffer) {
        guard let paging else { preconditionFailure("the root of a collection without pages on flash") }
        buffer.reserve(32 + 8 * pageCount)
        for number in [paging.collection, UInt64(count), UInt64(pageCount), paging.nextName] {
            for shift in stride(from: 0, to: 64, by: 8) { buffer.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        var before: Int64 = 0
        forEachSlot { row, slot in
            let name = Int64(row.names[slot])
            let difference = name - before
            before = name
            Self.append(UInt64(bitPattern: difference << 1 ^ difference >> 63), to: &buffer)
            Self.append(UInt64(row.counts[slot]), to: &buffer)
            Self.append(UInt64(row.pages[slot].totalBytes), to: &buffer)
        }
    }

    private static func append(_ number: UInt64, to buffer: inout ByteBuffer) {
        var rest = number
        while rest >= 0x80 {
            buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.append(UInt8(rest))
    }

    /// Takes a varint off the front of `bytes`; nil if they don't begin with one below 2^63.
    private static func take(_ bytes: inout ByteSlice) -> UInt64? {
        var number: UInt64 = 0
        for index in 0..<min(bytes.count, 9) {
            number |= UInt64(bytes[index] & 0x7f) << (7 * UInt64(index))
            if bytes[index] < 0x80 {
                bytes = bytes.dropFirst(index + 1)
                return number
            }
        }
        return nil
    }

    private static let rootBytes = 32

    private static func number(_ bytes: ByteSlice, at offset: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The collection that a root is of; nil if the bytes are none.
    static func collection(ofRoot bytes: ByteSlice) -> UInt64? { bytes.count > rootBytes ? number(bytes, at: 0) : nil }

    /// About so many bytes that the pages of a root have. O(pages).
    static func pageBytes(ofRoot bytes: ByteSlice) -> Int {
        var rest = bytes.dropFirst(min(rootBytes, bytes.count))
        var sum = 0
        while take(&rest) != nil, take(&rest) != nil, let bytes = take(&rest) { sum += Int(bytes) }
        return sum
    }

    /// From a root, all pages away; nil if the bytes are not in the format. O(pages).
    static func decode(root bytes: ByteSlice, width: Int) -> CountedTree? {
        guard let collection = collection(ofRoot: bytes), collection > 0,
            let count = Int(exactly: number(bytes, at: 8)), let pages = Int(exactly: number(bytes, at: 16))
        else { return nil }
        let paging = Paging(collection: collection)
        paging.nextName = number(bytes, at: 24)
        var result = CountedTree(width: width)
        result.adopt(paging)
        var rest = bytes.dropFirst(rootBytes)
        var name: Int64 = 0
        while !rest.isEmpty {
            guard let difference = take(&rest), let elements = take(&rest), let length = take(&rest) else { return nil }
            let (next, overflow) = name.addingReportingOverflow(
                Int64(bitPattern: difference >> 1) ^ -Int64(bitPattern: difference & 1))
            name = next
            guard !overflow, name >= 1 << 32, name < paging.nextName, paging.rows[PageName(name)] == nil,
                elements > 0, elements <= UInt64(count - result.count), length <= UInt32.max
            else { return nil }
            let page = CountedTreePage(awayWith: Int(length))
            result.appendPage(page, elements: Int(elements), name: PageName(name))
            result.absentBytes += Int(length)
            paging.absent += 1
        }
        guard count > 0, result.count == count, result.pageCount == pages else { return nil }
        return result
    }

    // MARK: Pages that are away

    /// Those of the pages with elements of `range` that are away. O(log n + pages).
    public func forEachAbsentPage(in range: Range<Int>, _ body: (AbsentPage) -> Void) {
        guard paging?.absent ?? 0 > 0 else { return }
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

    /// All that are away. O(pages).
    public func forEachAbsentPage(_ body: (AbsentPage) -> Void) { forEachAbsentPage(in: 0..<count, body) }

    /// Whether the elements before the one number `index` and that one are in the same page.
    func isInsidePage(_ index: Int) -> Bool { index > 0 && index < count && locate(index).number > 0 }

    /// The first page, or the last, if it is away and an element that is put there should find it: one that is half
    /// full is left alone, and the element begins another.
    public func absentPageForPush(isFirst: Bool) -> AbsentPage? {
        guard paging?.absent ?? 0 > 0, count > 0 else { return nil }
        let row = isFirst ? firstRow : lastRow
        let slot = isFirst ? 0 : row.entries - 1
        let page = row.pages[slot]
        guard page.isAway, page.totalBytes < pageBytes / 2, row.counts[slot] < pageElements else { return nil }
        return AbsentPage(name: row.names[slot])
    }

    /// Bytes of the pages with elements of `range`, in RAM or away. O(log n + pages).
    func bytes(in range: Range<Int>) -> Int {
        var sum = 0
        forEachPage(in: range) { row, slot in sum += row.pages[slot].totalBytes }
        return sum
    }

    /// Whether there is a page of this name, and it is away.
    public func isAway(_ page: AbsentPage) -> Bool { find(page.name).map { $0.row.pages[$0.slot].isAway } ?? false }

    /// Brings a page that is away back. False, and nothing happens, if the bytes are not those of this page. O(bytes).
    public mutating func install(_ page: AbsentPage, _ bytes: ByteSlice) -> Bool {
        guard let (row, slot) = find(page.name), let paging, let fresh = Self.page(bytes) else { return false }
        guard fresh.entries == row.counts[slot] * width else {
            fresh.page.free()
            return false
        }
        absentBytes -= row.pages[slot].totalBytes
        row.pages[slot] = fresh.page
        memoryBytes += fresh.page.memoryBytes
        row.states[slot] = Node.PageState(use: Paging.Use.mayBeOnFlash)
        paging.absent -= 1
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
        let (memory, bytes) = (page.memoryBytes, page.totalBytes)
        page.free()
        row.pages[slot] = CountedTreePage(awayWith: bytes)
        memoryBytes -= memory
        absentBytes += bytes
        paging.absent += 1
        return memory
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

    /// For tests: traps unless the counts of pages agree with their states, and each is where the table says. O(pages).
    func checkPaging() {
        guard let paging else { return precondition(!firstRow.hasStates, "states of pages that have none") }
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
        precondition(unsettled == paging.unsettled, "\(unsettled) pages unsettled, \(paging.unsettled) counted")
        precondition(absent == paging.absent, "\(absent) pages away, \(paging.absent) counted")
        precondition(bytes == absentBytes, "\(bytes) bytes away, \(absentBytes) counted")
    }
}
