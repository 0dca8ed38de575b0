import Bytes
import CShims

// PagedHash: many small elements of one value, in pages that are found by their hash.
//
// The simple version is a table with a node for every element. It costs 40 to 100 bytes an element beyond its data, and
// on flash a row for each. Here elements lie packed in pages (listpacks) of two kilobytes or so; the page is what is
// copied, spilled and read back.
//
// Extendible hashing (Fagin et al., 1979): a directory of 2^depth slots is indexed by the first `depth` bits of an
// element's hash. A page serves all hashes that share its own first `pageDepth` <= depth bits, so 2^(depth - pageDepth)
// neighbouring slots name it. A page that is too full is split by the next bit, and the directory doubles if the page
// had no bits left; two half-empty buddies are joined again. Pages are in the order of hashes, so the cursor of
// HSCAN, SSCAN and ZSCAN is a hash and survives splits and joins.
//
//     depth 2:    00        01        10        11
//                 └── page A (0) ──┘  page B   page C
//
// Only 32 bits of the hash are used for that; a page whose elements share all of them grows without a bound of its own.
// Eight others lead to the element within its page: see PageIndex.

/// A set of elements, each `width` listpack entries whose first is its key. Owns its pages.
///
/// Find: O(1), a hundred nanoseconds; insert and remove: O(page), some hundred; the directory doubles in O(slots) when
/// the first page of a new depth splits. Not thread-safe: the owner's lock guards it. Keys are compared as bytes.
public struct PagedHash: ~Copyable {
    /// Entries of an element: 1 for a set's members, 2 for pairs.
    public let width: Int
    /// Elements.
    public internal(set) var count = 0
    /// What the allocator sets aside for pages and directory.
    public internal(set) var memoryBytes = 0

    var slots: UnsafeMutablePointer<Slot>
    var depth = 0
    /// Pages whose depth is the directory's: none left, and the directory halves.
    var deepest = 1
    /// Pages in RAM or on flash.
    public internal(set) var pageCount = 1
    /// Set while pages go to flash one by one: see PagedHash+Paging.
    public internal(set) var paging: Paging?

    /// Above this size a page is split, unless it has few elements.
    static let pageBytes = 2048
    /// Above this number of elements a page is split. Half as many in a page take a quarter more memory, and the caches
    /// then hold fewer of them (measured: searches take longer).
    static let pageElements = PageIndex.mostElements
    /// A page with no more is left alone, however large: splitting on account of large elements would make the
    /// directory grow with bytes rather than elements.
    static let keptElements = 4
    static let depthLimit = 32
    /// Lines of a page that are fetched before it is known which one will be read: as many as most have.
    private static let fetchedLines = 8

    /// The hash of keys, the same in all collections of a process. Set once, before the first collection is made, by
    /// processes that clients can reach: elements that are chosen to collide would end in one page.
    nonisolated(unsafe) public static var hash = SipHash(k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908)
    // unsafe: written at the start only, before there are threads that read it

    /// A slot of the directory.
    struct Slot {
        var page: Listpack
        var index: PageIndex

        /// Without elements.
        init(depth: Int) {
            page = Listpack()
            index = PageIndex(depth: depth)
        }

        init(_ page: Listpack, _ index: PageIndex) {
            self.page = page
            self.index = index
        }

        init(copyOf other: Slot) {
            page = other.index.isAway ? other.page : other.page.copy()
            index = other.index.copy()
        }

        func free() {
            if !index.isAway { page.free() }
            index.free()
        }

        /// Bytes that the allocator sets aside for the page.
        var memoryBytes: Int { index.isAway ? index.memoryBytes : page.memoryBytes + index.memoryBytes }

        @inline(__always)
        func prefetchPage() { for line in 0..<fetchedLines { firn_prefetch(page.base + 64 * line) } }
    }

    /// Where an element is: valid until the next change.
    public struct Place: Sendable {
        @usableFromInline let slot: Int
        /// The offset of its key in `page`.
        public let offset: Int
        public let page: Listpack
    }

    public init(width: Int) {
        self.width = width
        slots = .allocate(capacity: 1)
        slots.initialize(to: Slot(depth: 0))
        memoryBytes = slots[0].memoryBytes + MemoryLayout<Slot>.stride
    }

    deinit {
        var slot = 0
        while slot < 1 << depth {
            let span = span(slot)
            slots[slot].free()
            slot += span
        }
        slots.deallocate()
    }

    /// Slots that name the page of `slot`.
    func span(_ slot: Int) -> Int { 1 << (depth - slots[slot].index.depth) }

    static func hash(of key: ByteSlice) -> UInt64 { hash.hash(key) }

    static func prefix(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

    func slot(of prefix: UInt32) -> Int { depth == 0 ? 0 : Int(prefix >> UInt32(32 - depth)) }

    // MARK: Reading

    /// Where `key` is, or nil.
    public func find(_ key: ByteSlice) -> Place? {
        let hash = Self.hash(of: key)
        let number = slot(of: Self.prefix(hash))
        let slot = slots[number]
        // At the same time as the index, which only then says which line it will be.
        slot.prefetchPage()
        let mark = PageIndex.mark(hash)
        let offset = slot.index.find(key, mark: mark, in: slot.page, width: width)
        if paging != nil { touch(slot.index) }
        guard let offset else { return nil }
        return Place(slot: number, offset: offset, page: slot.page)
    }

    public func contains(_ key: ByteSlice) -> Bool { find(key) != nil }

    /// Brings into the cache what `find` will read.
    func prefetch(_ key: ByteSlice) {
        let slot = slots[slot(of: Self.prefix(Self.hash(of: key)))]
        slot.index.prefetch()
        slot.prefetchPage()
    }

    /// Calls `body` with each element, in the order of hashes: its page and the offset of its key there. `body` returns
    /// whether to go on.
    public func forEach<E: Error>(_ body: (Listpack, Int) throws(E) -> Bool) throws(E) {
        requireWhole()
        var slot = 0
        while slot < 1 << depth {
            let page = slots[slot].page
            var at = page.first
            while at < page.end {
                guard try body(page, at) else { return }
                at = page.advance(at, by: width)
            }
            slot += span(slot)
        }
    }

    /// Calls `body` with the elements of whole pages from `cursor` on until there have been at least `elements`.
    /// Returns the cursor that goes on, 0 at the end. Elements that are there all the time are seen at least once. Ends
    /// before a page that isn't in RAM; the one at `cursor` must be.
    public func scan(_ cursor: UInt64, atLeast elements: Int, _ body: (Listpack, Int) -> Void) -> UInt64 {
        guard cursor < 1 << 32 else { return 0 }
        var slot = slot(of: UInt32(truncatingIfNeeded: cursor))
        slot -= slot % span(slot)
        precondition(!slots[slot].index.isAway, "a scan of a page that is not in RAM")
        var seen = 0
        while slot < 1 << depth, !slots[slot].index.isAway {
            let page = slots[slot].page
            var at = page.first
            while at < page.end {
                body(page, at)
                seen += 1
                at = page.advance(at, by: width)
            }
            slot += span(slot)
            if seen >= elements { break }
        }
        return slot == 1 << depth ? 0 : UInt64(slot) << UInt64(32 - depth)
    }

    /// An element drawn with equal chances, `draw(n)` being a number below n; nil if there is none. Expected O(1) tries
    /// while the hash spreads the elements.
    public func random(_ draw: (Int) -> Int) -> Place? {
        guard count > 0 else { return nil }
        requireWhole()
        // A page is drawn as often as it has slots. Taken with the chance (elements / slots) / most, where most is the
        // largest such quotient there can be, each element is as likely as any other. Pages that are larger than
        // that (their hashes collide) would be drawn too rarely: then an element is drawn by its number.
        let most = Self.pageElements + 1
        for _ in 0..<4096 {
            let slot = draw(1 << depth)
            let page = slots[slot].page
            let elements = page.count / width
            let slots = span(slot)
            if elements > most * slots { break }
            let drawn = draw(most * slots)
            if drawn < elements { return Place(slot: slot, offset: page.offset(of: drawn * width), page: page) }
        }
        return element(number: draw(count))
    }

    /// Element `number` in the order of hashes. O(pages).
    private func element(number: Int) -> Place? {
        var left = number
        var slot = 0
        while slot < 1 << depth {
            let page = slots[slot].page
            let elements = page.count / width
            if left < elements { return Place(slot: slot, offset: page.offset(of: left * width), page: page) }
            left -= elements
            slot += span(slot)
        }
        return nil
    }

    // MARK: Changing

    /// Adds an element that isn't there. `value`: the second entry, for a width of 2.
    public mutating func insert(_ key: ByteSlice, _ value: ByteSlice? = nil) {
        precondition((value != nil) == (width == 2), "an element of another width than \(width)")
        let hash = Self.hash(of: key)
        let prefix = Self.prefix(hash)
        let slot = slot(of: prefix)
        let offset = slots[slot].page.end
        change(slot) { page in
            page.append(key)
            if let value { page.append(value) }
        }
        slots[slot].index.enter(mark: PageIndex.mark(hash), at: offset)
        count += 1
        splitIfFull(prefix)
    }

    /// Gives the element at `place` another second entry.
    public mutating func replaceValue(at place: Place, with value: ByteSlice) {
        precondition(width == 2, "no value in an element of width \(width)")
        let growth = change(place.slot) { page in page.replace(page.next(place.offset), with: value) }
        slots[place.slot].index.resize(at: place.offset, by: growth)
        guard growth > 0 else { return restoreIndex(place.slot) }
        let first = place.slot - place.slot % span(place.slot)
        splitIfFull(depth == 0 ? 0 : UInt32(truncatingIfNeeded: first << (32 - depth)))
    }

    /// Removes the element at `place`.
    public mutating func remove(at place: Place) {
        let width = width
        let growth = change(place.slot) { page in page.remove(place.offset, entries: width) }
        let slot = slots[place.slot]
        slot.index.leave(place.offset, bytes: -growth, in: slot.page, width: width)
        restoreIndex(place.slot)
        count -= 1
        joinIfEmpty(place.slot)
    }

    /// Removes the element with this key. Returns whether there was one.
    @discardableResult
    public mutating func remove(_ key: ByteSlice) -> Bool {
        guard let place = find(key) else { return false }
        remove(at: place)
        return true
    }

    /// An independent copy. O(bytes).
    public func copy() -> PagedHash { copy(with: paging.flatMap { Paging(absentPagesOf: $0) }) }

    /// The same with the paging of the copy, which is nil if no page of the collection is away.
    func copy(with paging: Paging?) -> PagedHash {
        var result = PagedHash(width: width)
        result.slots[0].free()
        result.slots.deallocate()
        result.slots = .allocate(capacity: 1 << depth)
        var slot = 0
        while slot < 1 << depth {
            let copy = Slot(copyOf: slots[slot])
            for index in slot..<slot + span(slot) { (result.slots + index).initialize(to: copy) }
            slot += span(slot)
        }
        result.depth = depth
        result.deepest = deepest
        result.pageCount = pageCount
        result.paging = paging
        result.count = count
        result.memoryBytes = memoryBytes
        return result
    }

    /// Changes a page, in every slot that names it. Returns by how many bytes it has become longer.
    @discardableResult
    private mutating func change(_ slot: Int, _ body: (inout Listpack) -> Void) -> Int {
        var page = slots[slot].page
        let before = (memory: page.memoryBytes, total: page.totalBytes)
        let old = page.base
        if let paging { paging.noteChange(&slots[slot].index.use) }
        body(&page)
        memoryBytes += page.memoryBytes - before.memory
        if page.base != old {
            let span = span(slot)
            let first = slot - slot % span
            for index in first..<first + span { slots[index].page = page }
        }
        return page.totalBytes - before.total
    }

    /// A page that had too many elements for an index, or too long ones, and no longer has, gets one again.
    private func restoreIndex(_ slot: Int) {
        let slot = slots[slot]
        guard !slot.index.isThere, slot.page.count <= PageIndex.mostElements * width,
            slot.page.totalBytes < PageIndex.longBytes
        else { return }
        slot.index.enterAll(of: slot.page, width: width, Self.hash(of:))
    }

    private func isFull(_ page: Listpack) -> Bool {
        let elements = page.count / width
        return elements > Self.pageElements || page.totalBytes > Self.pageBytes && elements > Self.keptElements
    }

    /// Above so many slots the directory doesn't double for a page, which grows on instead. Where elements are large a
    /// page has few, how many differs much from page to page, and a page with twice as many is searched as fast.
    private func mostSlots(_ page: Listpack) -> Int {
        page.count / width > Self.pageElements / 2 ? min(4 * count, 4 * pageCount) : pageCount
    }

    private mutating func splitIfFull(_ prefix: UInt32) {
        while true {
            let slot = slot(of: prefix)
            let pageDepth = slots[slot].index.depth
            guard isFull(slots[slot].page), pageDepth < Self.depthLimit else { return }
            // Elements that share the next bits too would only make the directory double for nothing.
            if pageDepth == depth {
                guard 1 << depth <= mostSlots(slots[slot].page) else { return }
                double()
                continue
            }
            split(slot)
        }
    }

    private mutating func double() {
        let old = 1 << depth
        let fresh = UnsafeMutablePointer<Slot>.allocate(capacity: old * 2)
        for index in 0..<old {
            (fresh + 2 * index).initialize(to: slots[index])
            (fresh + 2 * index + 1).initialize(to: slots[index])
        }
        slots.deallocate()
        slots = fresh
        depth += 1
        deepest = 0
        memoryBytes += old * MemoryLayout<Slot>.stride
    }

    /// Shares the elements of a page out over two by the next bit of their hashes.
    private mutating func split(_ slot: Int) {
        let old = slots[slot]
        let span = span(slot)
        let first = slot - slot % span
        let pageDepth = old.index.depth + 1
        var halves = (lower: Slot(depth: pageDepth), upper: Slot(depth: pageDepth))
        if let paging {
            let name = PageName(prefix(ofSlot: first + span / 2))
            paging.noteSplit(old.index, halves.lower.index, halves.upper.index, name)
        }
        var at = old.page.first
        while at < old.page.end {
            let hash = old.page.withBytes(at, Self.hash(of:))
            let next = old.page.advance(at, by: width)
            if Self.prefix(hash) >> UInt32(32 - pageDepth) & 1 == 1 {
                Self.move(old.page, at..<next, hash, to: &halves.upper)
            } else {
                Self.move(old.page, at..<next, hash, to: &halves.lower)
            }
            at = next
        }
        memoryBytes += halves.lower.memoryBytes + halves.upper.memoryBytes - old.memoryBytes
        old.free()
        for index in 0..<span { slots[first + index] = index < span / 2 ? halves.lower : halves.upper }
        if pageDepth == depth { deepest += 2 }
        pageCount += 1
    }

    /// Appends a copy of the element at `range`.
    private static func move(_ page: Listpack, _ range: Range<Int>, _ hash: UInt64, to slot: inout Slot) {
        slot.index.enter(mark: PageIndex.mark(hash), at: slot.page.end)
        var at = range.lowerBound
        while at < range.upperBound {
            slot.page.append(entryOf: page, at)
            at = page.next(at)
        }
    }

    /// Joins a page with its buddy if together they fill less than a quarter of one.
    private mutating func joinIfEmpty(_ slot: Int) {
        var slot = slot
        while true {
            let pageDepth = slots[slot].index.depth
            guard pageDepth > 0 else { return }
            let span = span(slot)
            let first = slot - slot % (2 * span)
            var lower = slots[first]
            let upper = slots[first + span]
            guard lower.index.depth == pageDepth, upper.index.depth == pageDepth, isJoinable(lower), isJoinable(upper),
                lower.page.totalBytes + upper.page.totalBytes < Self.pageBytes / 4,
                (lower.page.count + upper.page.count) / width < Self.pageElements / 4
            else { return }
            memoryBytes -= lower.memoryBytes + upper.memoryBytes
            if let paging {
                paging.noteGone(upper.index.use, PageName(prefix(ofSlot: first + span)))
                paging.noteChange(&lower.index.use)
            }
            lower.page.append(contentsOf: upper.page)
            lower.index.depth = pageDepth - 1
            lower.index.enterAll(of: lower.page, width: width, Self.hash(of:))
            upper.free()
            memoryBytes += lower.memoryBytes
            for index in first..<first + 2 * span { slots[index] = lower }
            if pageDepth == depth { deepest -= 2 }
            pageCount -= 1
            slot = first
            while deepest == 0, depth > 0 {
                halve()
                slot /= 2
            }
        }
    }

    private mutating func halve() {
        let half = 1 << (depth - 1)
        let fresh = UnsafeMutablePointer<Slot>.allocate(capacity: half)
        deepest = 0
        for index in 0..<half {
            (fresh + index).initialize(to: slots[2 * index])
            if slots[2 * index].index.depth == depth - 1 { deepest += 1 }
        }
        slots.deallocate()
        slots = fresh
        depth -= 1
        memoryBytes -= half * MemoryLayout<Slot>.stride
    }

    // MARK: For tests

    /// Traps unless directory, pages and counts agree. O(bytes).
    public func checkInvariants() {
        var slot = 0
        var elements = 0
        var bytes = MemoryLayout<Slot>.stride << depth
        var atDepth = 0
        var (pages, away) = (0, 0)
        while slot < 1 << depth {
            let span = span(slot)
            let page = slots[slot].page
            precondition(slot % span == 0, "the page of slot \(slot) begins off its place")
            pages += 1
            if slots[slot].index.isAway {
                away += 1
                bytes += slots[slot].memoryBytes
                if span == 1 { atDepth += 1 }
                slot += span
                continue
            }
            precondition(ListpackCheck.isValid(page.bytes), "the page of slot \(slot) is damaged")
            precondition(page.count % width == 0, "\(page.count) entries in a page of width \(width)")
            for index in slot..<slot + span {
                precondition(slots[index].page.base == page.base, "slot \(index) names another page than \(slot)")
                precondition(slots[index].index == slots[slot].index, "slot \(index) has another index")
            }
            slots[slot].index.checkInvariants(page, width: width, Self.hash(of:))
            var at = page.first
            while at < page.end {
                let home = page.withBytes(at) { self.slot(of: Self.prefix(Self.hash(of: $0))) }
                precondition(slot..<slot + span ~= home, "an element of slot \(home) in slot \(slot)")
                at = page.advance(at, by: width)
            }
            elements += page.count / width
            bytes += slots[slot].memoryBytes
            if span == 1 { atDepth += 1 }
            slot += span
        }
        precondition(pages == pageCount, "\(pages) pages, \(pageCount) counted")
        precondition(away == paging?.absentByHash ?? 0, "\(away) pages away, others counted")
        checkPaging()
        precondition(away > 0 ? elements <= count : elements == count, "\(elements) elements, \(count) counted")
        precondition(bytes == memoryBytes, "\(bytes) bytes, \(memoryBytes) counted")
        precondition(atDepth == deepest, "\(atDepth) pages of depth \(depth), \(deepest) counted")
    }
}
