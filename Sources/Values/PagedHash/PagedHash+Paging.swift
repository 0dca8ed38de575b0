import Bytes
import CShims

// The pages of a PagedHash on flash.
//
// The root, numbers little endian; on disk, never renumbered:
//
//     collection (8) | elements (8) | depth of each page (1), in the order of hashes
//
// The depths say where each page begins, which is its name. A page is its listpack. Its elements are found by their
// hashes, so a data directory is bound to the hash with which it was written, which follows from the seed in its seal.

extension PagedHash {
    /// A block's address for pages that have none.
    nonisolated(unsafe) private static let nowhere = firn_allocate(8)
    // unsafe: never read or written

    /// For owners whose pages are optional.
    mutating func apply<R>(_ body: (inout PagedHash) -> R) -> R { body(&self) }

    // MARK: Beginning and end

    /// From now on pages go to flash one by one, as those of `collection`.
    public mutating func startPaging(_ collection: UInt64) { startPaging(Paging(collection: collection)) }

    mutating func startPaging(_ paging: Paging) {
        precondition(self.paging == nil, "a collection with two numbers")
        forEachSlot { _, index in
            index.use = Paging.Use.changed
            index.pins = 0
        }
        paging.unsettled += pageCount
        self.paging = paging
    }

    /// From now on the whole goes to flash as one value again. All pages must be in RAM.
    public mutating func stopPaging() {
        requireWhole()
        paging = nil
    }

    /// The record moves to another key.
    mutating func forgetFlights() {
        guard let paging else { return }
        forEachSlot { _, index in
            guard !index.isAway else { return }
            index.pins = 0
            if index.use & Paging.Use.inFlight != 0 { paging.noteWritten(&index.use, succeeded: false) }
        }
    }

    /// Traps unless all pages are in RAM.
    func requireWhole() { precondition(paging?.absentByHash ?? 0 == 0, "pages that are needed are not in RAM") }

    func isJoinable(_ slot: Slot) -> Bool { paging == nil || !slot.index.isAway && slot.index.pins == 0 }

    /// Counts a use of the page.
    func touch(_ index: PageIndex) {
        if !index.isAway { Paging.touch(&index.use) }
    }

    /// The first hash of a slot.
    func prefix(ofSlot slot: Int) -> UInt32 { depth == 0 ? 0 : UInt32(truncatingIfNeeded: slot << (32 - depth)) }

    /// Calls `body` with each page's first slot and index.
    private func forEachSlot(_ body: (Int, PageIndex) -> Void) {
        var slot = 0
        while slot < 1 << depth {
            let span = span(slot)
            body(slot, slots[slot].index)
            slot += span
        }
    }

    /// The first slot of the page with this name; nil if there is none.
    private func slot(named name: PageName) -> Int? {
        let name = UInt32(truncatingIfNeeded: name)
        let slot = slot(of: name)
        let first = slot - slot % span(slot)
        return prefix(ofSlot: first) == name ? first : nil
    }

    /// Pages are between half full and full.
    static let typicalPageBytes = pageBytes * 3 / 4

    /// What stays in RAM when all pages are away.
    var directoryBytes: Int { MemoryLayout<Slot>.stride << depth + pageCount * PageIndex.absentMemoryBytes }

    // MARK: Root

    /// Appends the root. O(pages).
    func appendRoot(to buffer: inout ByteBuffer) {
        guard let paging else { preconditionFailure("the root of a collection without pages on flash") }
        buffer.reserve(16 + pageCount)
        for number in [paging.collection, UInt64(count)] {
            for shift in stride(from: 0, to: 64, by: 8) { buffer.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        forEachSlot { _, index in buffer.append(UInt8(index.depth)) }
    }

    /// The collection that a root is of; nil if the bytes are none.
    static func collection(ofRoot bytes: ByteSlice) -> UInt64? { bytes.count > 16 ? number(bytes, at: 0) : nil }

    /// The number of pages of a root.
    static func pageCount(ofRoot bytes: ByteSlice) -> Int { max(0, bytes.count - 16) }

    private static func number(_ bytes: ByteSlice, at offset: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// From a root, all pages away; nil if the bytes are not in the format. O(slots).
    static func decode(root bytes: ByteSlice, width: Int) -> PagedHash? {
        guard let collection = collection(ofRoot: bytes), collection > 0,
            let count = Int(exactly: number(bytes, at: 8)), count > 0
        else { return nil }
        let depths = bytes.dropFirst(16)
        // They must cover all hashes, each page at a multiple of its size.
        var next: UInt64 = 0
        var deepest = 0
        for depth in depths.buffer {
            guard depth <= depthLimit, next < 1 << 32 else { return nil }
            let size: UInt64 = 1 << (32 - UInt64(depth))
            guard next % size == 0 else { return nil }
            next += size
            deepest = max(deepest, Int(depth))
        }
        // No more memory than pages can have made necessary.
        guard next == 1 << 32, 1 << deepest <= 65_536 * depths.count else { return nil }
        return PagedHash(width: width, count: count, depths: depths, depth: deepest, collection: collection)
    }

    private init(width: Int, count: Int, depths: ByteSlice, depth: Int, collection: UInt64) {
        self.init(width: width)
        slots[0].free()
        slots.deallocate()
        slots = .allocate(capacity: 1 << depth)
        self.depth = depth
        self.count = count
        pageCount = depths.count
        deepest = 0
        memoryBytes = MemoryLayout<Slot>.stride << depth
        let paging = Paging(collection: collection)
        paging.absentByHash = depths.count
        var slot = 0
        for pageDepth in depths.buffer {
            let page = Slot(Listpack(owning: Self.nowhere), PageIndex(awayAt: Int(pageDepth)))
            memoryBytes += page.memoryBytes
            let span = 1 << (depth - Int(pageDepth))
            for index in slot..<slot + span { (slots + index).initialize(to: page) }
            if span == 1 { deepest += 1 }
            slot += span
        }
        self.paging = paging
    }

    // MARK: Pages that are away

    /// The page that has `key` or would have it, if it is away.
    public func absentPage(of key: ByteSlice) -> AbsentPage? {
        absentPage(at: slot(of: Self.prefix(Self.hash(of: key))))
    }

    /// The most pages that are brought in for one step of a scan, however many elements it asks for: 128 KiB.
    private static let scannedPages = 64

    /// The pages that a scan for so many elements is going to see from `cursor` on, as far as they are away; of many
    /// the first ones.
    public func forEachAbsentPage(fromCursor cursor: UInt64, elements: Int, _ body: (AbsentPage) -> Void) {
        guard cursor < 1 << 32 else { return }
        var slot = slot(of: UInt32(truncatingIfNeeded: cursor))
        slot -= slot % span(slot)
        let perPage = max(1, count / pageCount)
        for _ in 0..<min(max(1, elements / perPage), Self.scannedPages) where slot < 1 << depth {
            if let page = absentPage(at: slot) { body(page) }
            slot += span(slot)
        }
    }

    private func absentPage(at slot: Int) -> AbsentPage? {
        let index = slots[slot].index
        guard index.isAway else { return nil }
        return AbsentPage(name: PageName(prefix(ofSlot: slot - slot % span(slot))), depth: UInt8(index.depth))
    }

    /// All that are away. O(pages).
    public func forEachAbsentPage(_ body: (AbsentPage) -> Void) {
        guard paging?.absentByHash ?? 0 > 0 else { return }
        forEachSlot { slot, index in
            guard index.isAway else { return }
            body(AbsentPage(name: PageName(prefix(ofSlot: slot)), depth: UInt8(index.depth)))
        }
    }

    /// Whether the page is still away.
    public func isAway(_ page: AbsentPage) -> Bool { slot(named: page.name).map { slots[$0].index.isAway } ?? false }

    /// Brings a page that is away back. False, and nothing happens, if the bytes are not those of this page. O(bytes).
    /// `checksPlaces`: whether elements must have hashes of the page, as they have for who searches.
    public mutating func install(_ page: AbsentPage, _ bytes: ByteSlice, checksPlaces: Bool = true) -> Bool {
        guard let slot = slot(named: page.name), let paging, let list = ListpackCheck.listpack(bytes) else {
            return false
        }
        let index = PageIndex(depth: Int(page.depth))
        guard list.count % width == 0, !checksPlaces || belongs(list, page) else {
            list.free()
            index.free()
            return false
        }
        index.enterAll(of: list, width: width, Self.hash(of:))
        index.use = Paging.Use.mayBeOnFlash
        replace(slot, Slot(list, index))
        paging.absentByHash -= 1
        return true
    }

    /// Whether all elements have hashes of the page.
    private func belongs(_ list: Listpack, _ page: AbsentPage) -> Bool {
        let shift = 32 - UInt32(page.depth)
        var at = list.first
        while at < list.end {
            let prefix = Self.prefix(list.withBytes(at, Self.hash(of:)))
            guard page.depth == 0 || PageName(prefix) >> shift == page.name >> shift else { return false }
            at = list.advance(at, by: width)
        }
        return true
    }

    /// The elements of the page with this name, which is in RAM.
    public func elements(of name: PageName) -> Int {
        guard let slot = slot(named: name) else { preconditionFailure("no page \(name)") }
        return slots[slot].page.count / width
    }

    /// Puts another page in the place of the one whose first slot this is, which is freed.
    private mutating func replace(_ slot: Int, _ page: Slot) {
        let old = slots[slot]
        let span = span(slot)
        memoryBytes += page.memoryBytes - old.memoryBytes
        for index in slot..<slot + span { slots[index] = page }
        old.free()
    }

    // MARK: Pins

    /// Calls need the page that was away (1), or no longer (-1): wherever its elements are by now.
    public func pin(_ page: AbsentPage, by number: Int) {
        var slot = slot(of: UInt32(truncatingIfNeeded: page.name))
        slot -= slot % span(slot)
        let end = slot + max(1, 1 << max(0, depth - Int(page.depth)))
        while slot < end {
            let index = slots[slot].index
            precondition(!index.isAway, "a pinned page is away")
            index.pins = UInt16(Int(index.pins) + number)
            slot += span(slot)
        }
    }

    // MARK: The hand

    /// Looks at the page at which the hand stands and moves it on; nil, and the hand stands at the first one again, at
    /// the end. `ignoringTouches`: a use doesn't keep a page; nor do pins a changed one.
    public mutating func turnHand(ignoringTouches: Bool) -> PageLook? {
        guard let paging else { return nil }
        guard paging.hand < 1 << 32 else {
            paging.hand = 0
            return nil
        }
        let slot = slot(of: UInt32(paging.hand))
        let first = slot - slot % span(slot)
        let index = slots[first].index
        paging.hand = UInt64(prefix(ofSlot: first)) + 1 << (32 - UInt64(index.depth))
        let use = index.use
        if index.isAway || use & Paging.Use.inFlight != 0 { return PageLook.none }
        let isChanged = use & Paging.Use.changed != 0
        if index.pins > 0, !(ignoringTouches && isChanged) { return PageLook.none }
        if use >= Paging.Use.touch, !ignoringTouches {
            index.use = use - Paging.Use.touch
            return .touched
        }
        let name = PageName(prefix(ofSlot: first))
        return isChanged ? .changed(name) : .clean(name)
    }

    /// Whether the page may leave RAM now: flash has it, nobody needs it or has used it lately.
    public func isDroppable(_ name: PageName) -> Bool {
        guard let slot = slot(named: name) else { return false }
        let index = slots[slot].index
        return !index.isAway && index.use == Paging.Use.mayBeOnFlash && index.pins == 0
    }

    /// Frees the memory of a clean page that nobody needs. Returns the bytes freed.
    public mutating func drop(_ name: PageName) -> Int {
        guard let slot = slot(named: name), let paging else { preconditionFailure("no page \(name)") }
        let old = slots[slot].index
        precondition(
            !old.isAway && old.use & Paging.Use.unsettled == 0 && old.pins == 0, "a page in use \(old.use) is dropped")
        let before = memoryBytes
        replace(slot, Slot(Listpack(owning: Self.nowhere), PageIndex(awayAt: old.depth)))
        paging.absentByHash += 1
        return before - memoryBytes
    }

    /// Hands a changed page's bytes to `body`, and has it in flight from then on.
    public mutating func issue(_ name: PageName, _ body: (ByteSlice) -> Void) {
        guard let slot = slot(named: name), let paging else { preconditionFailure("no page \(name)") }
        body(slots[slot].page.bytes)
        paging.noteIssued(&slots[slot].index.use)
    }

    /// What was in flight under this name has been confirmed, or refused.
    public mutating func complete(_ name: PageName, succeeded: Bool) {
        guard let paging else { return }
        if let slot = slot(named: name), !slots[slot].index.isAway, slots[slot].index.use & Paging.Use.inFlight != 0 {
            paging.noteWritten(&slots[slot].index.use, succeeded: succeeded)
        } else {
            paging.completeBuried(name, succeeded: succeeded)
        }
    }

    /// For tests: traps unless the counts of pages agree with their states. Returns the pages that are unsettled, which
    /// are counted together with those of a tree, if there is one. O(pages).
    @discardableResult
    func checkPaging() -> Int {
        guard let paging else { return 0 }
        var unsettled = 0
        forEachSlot { slot, index in
            if !index.isAway, index.use & Paging.Use.unsettled != 0 { unsettled += 1 }
            precondition(paging.buried[PageName(prefix(ofSlot: slot))] == nil, "a page under a buried name")
        }
        let isAlone = paging.rows.isEmpty
        precondition(
            isAlone ? unsettled == paging.unsettled : unsettled <= paging.unsettled,
            "\(unsettled) pages unsettled, \(paging.unsettled) counted")
        return unsettled
    }
}
