import Bytes
import CShims

// A stream: entries in the order of their IDs, which only grow, in pages that are Redis' own (see StreamPage), found
// through an `IDTree`; and consumer groups, each with what it has given out (see StreamGroup).
//
// Entries are appended to the last page and removed by a mark; a page goes when nothing in it is alive. What lies in
// which page is what Redis would have there, so that DUMP, XINFO and approximate trimming answer the same.
//
// Live entries of a page are not below its ID and below the next page's. That holds even when XSETID has gone back
// behind entries that are dead: see `lastPage(for:)`.

/// The value of a stream. A stream without entries exists; its key is not removed.
public final class StreamValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as the base class: the shard's lock guards it

    var pages = IDTree<Listpack>()
    /// Bytes that the pages take.
    private var pageBytes = 0
    private var length = 0
    private let ledger = StreamLedger()
    /// In the order of their names.
    public private(set) var groups: [StreamGroup] = []

    /// The last ID that was given out, or set.
    public var lastID = StreamID.zero
    /// The first entry's; 0-0 if there is none.
    public internal(set) var firstID = StreamID.zero
    /// The greatest of an entry that XDEL removed; 0-0: none did.
    public var maximumDeletedID = StreamID.zero
    /// Entries ever added.
    public var entriesAdded: Int64 = 0

    public override init() { super.init() }

    deinit {
        pages.forEach { _, page in
            page.pointee.free()
            return true
        }
    }

    public override class var valueType: ValueType { .stream }
    public override var encodingName: StaticString { "stream" }
    public override var count: Int { length }

    public override var memoryBytes: Int { objectBytes + pages.memoryBytes + pageBytes + ledger.bytes }

    private static let ownBytes = blockBytes(StreamValue())
    override var objectBytes: Int { Self.ownBytes }

    public override func copy() -> CollectionValue {
        let result = StreamValue()
        result.lastID = lastID
        result.firstID = firstID
        result.maximumDeletedID = maximumDeletedID
        result.entriesAdded = entriesAdded
        result.length = length
        pages.forEach { id, page in
            result.addPage(id, page.pointee.copy())
            return true
        }
        for group in groups { result.groups.append(StreamGroup(copyOf: group, result.ledger)) }
        return result
    }

    public override func encode(into buffer: inout ByteBuffer) { write(to: &buffer) }

    // MARK: Pages

    /// The pages: what Redis calls radix-tree-keys.
    public var pageCount: Int { pages.count }

    /// Calls `body` with each page and its ID, in order.
    public func forEachPage(_ body: (StreamID, Listpack) -> Void) {
        pages.forEach { id, page in
            body(id, page.pointee)
            return true
        }
    }

    func addPage(_ id: StreamID, _ page: Listpack) {
        pageBytes += page.memoryBytes
        let isNew = pages.insert(id, page)
        precondition(isNew, "a second page \(id)")
    }

    func removePage(_ id: StreamID) {
        guard let page = pages.remove(id) else { preconditionFailure("no page \(id)") }
        pageBytes -= page.memoryBytes
        page.free()
    }

    /// Changes a page where it is.
    func change(_ page: UnsafeMutablePointer<Listpack>, _ body: (inout Listpack) -> Void) {
        let before = page.pointee.memoryBytes
        body(&page.pointee)
        pageBytes += page.pointee.memoryBytes - before
    }

    /// Appends a page from outside behind the last; false, and it is freed, if it isn't one or doesn't belong there.
    public func append(_ page: Listpack, _ id: StreamID) -> Bool {
        guard let found = StreamPage.check(page, id), pages.last.map({ isBefore($0, id) }) ?? true else {
            page.free()
            return false
        }
        addPage(id, page)
        length += found.live
        return true
    }

    /// Whether a page and what lives in it is before `id`.
    private func isBefore(_ page: IDTree<Listpack>.Found, _ id: StreamID) -> Bool {
        guard page.id < id else { return false }
        let contents = StreamPage(page.id, page.value.pointee)
        var entry = contents.entry(before: contents.list.end)
        while let this = entry, this.isDead { entry = contents.entry(before: this.offset) }
        return entry.map { $0.id < id } ?? true
    }

    /// How many nodes Redis' radix tree of the pages has. O(pages).
    public var radixTreeNodes: Int {
        var ids: [StreamID] = []
        ids.reserveCapacity(pages.count)
        pages.forEach { id, _ in
            ids.append(id)
            return true
        }
        return ids.isEmpty ? 1 : Self.radixNodes(ids[...], behind: 0)
    }

    /// Of the part of a radix tree that holds these IDs, which begin with the same `depth` bytes: a node for a run of
    /// bytes that all share, one where they part, and one at the end of each.
    private static func radixNodes(_ ids: ArraySlice<StreamID>, behind depth: Int) -> Int {
        guard ids.count > 1 else { return depth == StreamID.encodedBytes ? 1 : 2 }
        let first = ids[ids.startIndex]
        let last = ids[ids.endIndex - 1]
        var shared = depth
        while first.byte(shared) == last.byte(shared) { shared += 1 }
        var nodes = shared > depth ? 2 : 1
        var start = ids.startIndex
        for index in ids.indices {
            let isEnd = index + 1 == ids.endIndex || ids[index + 1].byte(shared) != ids[index].byte(shared)
            guard isEnd else { continue }
            nodes += radixNodes(ids[start...index], behind: shared + 1)
            start = index + 1
        }
        return nodes
    }

    // MARK: Reading

    /// Calls `body` with the entries from `start` to `end`, both included, in order; it returns whether to go on.
    /// O(log n + page) to the first.
    public func forEach(from start: StreamID = .zero, to end: StreamID = .max, _ body: (StreamEntry) -> Bool) {
        guard start <= end, let first = pages.last(atOrBefore: start) ?? pages.first else { return }
        pages.forEach(from: first.id) { id, list in
            guard id <= end else { return false }
            let page = StreamPage(id, list.pointee)
            var at = page.firstEntry
            while let entry = page.entry(at: at) {
                if !entry.isDead {
                    if entry.id > end { return false }
                    if entry.id >= start, !body(entry) { return false }
                }
                at = page.end(of: entry)
            }
            return true
        }
    }

    /// The same from `end` backwards to `start`.
    public func forEachReversed(from end: StreamID = .max, to start: StreamID = .zero, _ body: (StreamEntry) -> Bool) {
        guard start <= end else { return }
        pages.forEachReversed(from: end) { id, list in
            let page = StreamPage(id, list.pointee)
            var at = page.list.end
            while let entry = page.entry(before: at) {
                at = entry.offset
                if entry.isDead { continue }
                if entry.id < start { return false }
                if entry.id <= end, !body(entry) { return false }
            }
            return true
        }
    }

    /// Calls `body` with an entry if it is there. Returns whether it is.
    @discardableResult
    public func with(_ id: StreamID, _ body: (StreamEntry) -> Void = { _ in }) -> Bool {
        var isThere = false
        forEach(from: id, to: id) { entry in
            isThere = true
            body(entry)
            return false
        }
        return isThere
    }

    /// The last entry's ID; nil if there is none.
    public var lastEntryID: StreamID? {
        var last: StreamID?
        forEachReversed { entry in
            last = entry.id
            return false
        }
        return last
    }

    private var firstEntryID: StreamID {
        var first = StreamID.zero
        forEach { entry in
            first = entry.id
            return false
        }
        return first
    }

    // MARK: Appending

    /// The bounds of pages: `stream-node-max-bytes` and `stream-node-max-entries`; 0: none.
    private static var limits: (bytes: Int, entries: Int) {
        let bytes = CollectionLimits.streamNodeBytes.load(ordering: .relaxed)
        return (
            bytes == 0 ? maximumEntryBytes : min(bytes, maximumEntryBytes),
            CollectionLimits.streamNodeEntries.load(ordering: .relaxed)
        )
    }

    /// Redis' bound for the fields and values of an entry, and for a page: 1 GiB.
    public static let maximumEntryBytes = 1 << 30

    /// Appends an entry, whose ID must be above `lastID` and whose fields and values must not take more than
    /// `maximumEntryBytes`. They must not lie in the stream's own pages. O(log n + page).
    public func append(_ id: StreamID, pairs: Int, _ pair: (Int) -> (field: ByteSlice, value: ByteSlice)) {
        precondition(id > lastID, "\(id) behind \(lastID)")
        var bytes = 0
        for index in 0..<pairs { bytes += pair(index).field.count + pair(index).value.count }
        let page = lastPage(for: id, bytes) ?? newPage(id, StreamPage.make(pairs) { pair($0).field })
        change(page.list) { list in
            StreamPage(page.id, list).append(id, pairs, to: &list, pair)
        }
        length += 1
        entriesAdded += 1
        lastID = id
        if length == 1 { firstID = id }
    }

    private typealias PageReference = (id: StreamID, list: UnsafeMutablePointer<Listpack>)

    /// The page that takes the next entry; nil if a new one has to.
    private func lastPage(for id: StreamID, _ bytes: Int) -> PageReference? {
        while let (pageID, list) = pages.last {
            // The entry is behind all that live, so in a page at or behind its ID nothing does.
            if pageID >= id {
                removePage(pageID)
                continue
            }
            let limits = Self.limits
            if list.pointee.totalBytes + bytes >= limits.bytes { return nil }
            let page = StreamPage(pageID, list.pointee)
            return limits.entries > 0 && page.live + page.dead >= limits.entries ? nil : (pageID, list)
        }
        return nil
    }

    private func newPage(_ id: StreamID, _ page: Listpack) -> PageReference {
        addPage(id, page)
        guard let list = pages.find(id) else { preconditionFailure("a page that was not added") }
        return (id, list)
    }

    // MARK: Removing

    /// Removes an entry. Returns whether it was there. O(log n + page).
    @discardableResult
    public func remove(_ id: StreamID) -> Bool {
        guard let found = pages.last(atOrBefore: id) else { return false }
        let page = StreamPage(found.id, found.value.pointee)
        var at = page.firstEntry
        while let entry = page.entry(at: at) {
            if entry.id == id, !entry.isDead {
                remove(entry, page, found.value)
                return true
            }
            at = page.end(of: entry)
        }
        return false
    }

    private func remove(_ entry: StreamEntry, _ page: StreamPage, _ list: UnsafeMutablePointer<Listpack>) {
        let id = entry.id
        if page.live == 1 {
            removePage(page.id)
        } else {
            change(list) { list in
                StreamPage.kill(entry, in: &list)
                StreamPage.change(&list, live: page.live - 1, dead: page.dead + 1)
            }
        }
        length -= 1
        maximumDeletedID = max(maximumDeletedID, id)
        if length == 0 {
            firstID = .zero
        } else if id == firstID {
            firstID = firstEntryID
        }
    }

    /// Notes that `entries` entries went at the front.
    func removed(_ entries: Int) {
        length -= entries
        firstID = length == 0 ? .zero : firstEntryID
    }

    // MARK: Groups

    private func place(of name: ByteSlice) -> (index: Int, isThere: Bool) {
        StreamGroup.place(of: name, among: groups.count) { groups[$0].name }
    }

    public func group(_ name: ByteSlice) -> StreamGroup? {
        let place = place(of: name)
        return place.isThere ? groups[place.index] : nil
    }

    /// A new group; nil if there is one of this name.
    @discardableResult
    public func createGroup(_ name: ByteSlice, lastID: StreamID, entriesRead: Int64?) -> StreamGroup? {
        let place = place(of: name)
        guard !place.isThere else { return nil }
        let group = StreamGroup(name, lastID, entriesRead, ledger)
        groups.insert(group, at: place.index)
        return group
    }

    /// Removes a group with its consumers. Returns whether it was there.
    @discardableResult
    public func removeGroup(_ name: ByteSlice) -> Bool {
        let place = place(of: name)
        guard place.isThere else { return false }
        groups.remove(at: place.index).leave()
        return true
    }

    // MARK: For tests

    /// Traps unless pages, counts and groups agree. O(bytes).
    public func checkInvariants() {
        pages.checkInvariants()
        var totals = (live: 0, bytes: 0)
        var last: StreamID?
        pages.forEach { id, page in
            precondition(ListpackCheck.isValid(page.pointee.bytes), "page \(id) is damaged")
            guard let found = StreamPage.check(page.pointee, id) else { preconditionFailure("page \(id) is none") }
            precondition(last.map { $0 < id } ?? true, "page \(id) is behind an entry of its own")
            last = found.last ?? last
            totals.live += found.live
            totals.bytes += page.pointee.memoryBytes
            return true
        }
        precondition(totals.live == length, "\(totals.live) entries, \(length) counted")
        precondition(totals.bytes == pageBytes, "\(totals.bytes) bytes of pages, \(pageBytes) counted")
        precondition(last ?? .zero <= lastID && firstID == firstEntryID, "not from \(firstID) to \(lastID)")
        let taken = groups.reduce(0) { $0 + $1.checkInvariants() }
        precondition(taken == ledger.bytes, "\(taken) bytes of groups, \(ledger.bytes) counted")
    }
}
