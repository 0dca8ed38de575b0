import Bytes

/// Which end of a list is meant.
public enum ListEnd: Sendable {
    case left, right
}

/// A list: one listpack while it fits into one page, then for good a counted tree of such pages. How much a page takes
/// says the setting (`CollectionLimits.listPage`); for a tree that of the time it was made. Inner pages are compressed:
/// see ListValue+Compression.
///
/// The ends are O(1) but for the page they are in; a position is found in O(log n). A slice that is put in must not lie
/// in the list's own pages.
public final class ListValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as the base class.
    /// The only page; nil if there is `tree`.
    private var page: Listpack?
    var tree: CountedTree?

    public override init() {
        page = Listpack()
        super.init()
    }

    /// Takes over a listpack of elements.
    init(taking list: Listpack) {
        page = list
        super.init()
    }

    private init(_ tree: consuming CountedTree) {
        self.tree = consume tree
        super.init()
    }

    deinit { page?.free() }

    /// What `list-max-listpack-size` means: a number of elements, in pages of at most 8 KiB, or one of five sizes.
    /// Elements of more than `alone` bytes find no room beside another in any case.
    static func pageLimits(_ setting: Int, alone: Int = .max) -> (bytes: Int, elements: Int?) {
        if setting < 0 { return (min(2048 << min(-setting, 5), alone), nil) }
        return (min(8192, alone), max(setting, 1))
    }

    /// The same for the settings of now.
    private static var pageLimits: (bytes: Int, elements: Int?) {
        pageLimits(
            CollectionLimits.listPage.load(ordering: .relaxed),
            alone: CollectionLimits.listAloneBytes.load(ordering: .relaxed))
    }

    // MARK: As a value

    public override class var valueType: ValueType { .list }

    /// Redis 7.0 knows no other.
    public override var encodingName: StaticString { "quicklist" }

    public override var count: Int { page?.count ?? tree?.count ?? 0 }

    public override var memoryBytes: Int {
        page?.memoryBytes ?? objectBytes + (tree?.memoryBytes ?? 0) + (tree?.paging?.memoryBytes ?? 0)
    }

    private static let ownBytes = blockBytes(ListValue())
    override var objectBytes: Int { Self.ownBytes }

    override var isOneBlock: Bool { page != nil }

    override func takeBlock() -> PackedBlock? {
        guard let page else { return nil }
        self.page = nil
        return PackedBlock(base: page.base, type: .list)
    }

    public override func copy() -> CollectionValue {
        if let page { return ListValue(taking: page.copy()) }
        guard let copy = tree?.copy() else { preconditionFailure("a list in no form") }
        return ListValue(copy)
    }

    public override var paging: Paging? { tree?.paging }

    public override var hasPages: Bool { tree != nil }

    @discardableResult
    public override func withTree<R>(_ body: (inout CountedTree) -> R) -> R? { tree?.apply(body) }

    /// Form 0: the pages one behind the other; a listpack begins with its length.
    ///
    /// Form 1: the same, but before a compressed page (see CompressedListpack) stand four bytes of zero in place of a
    /// length. Written where there is such a page.
    ///
    /// Form 2: the root of a tree whose pages are values of their own.
    public override func encode(into buffer: inout ByteBuffer) {
        if paging != nil {
            buffer.append(RecordEncoding.rootForm)
            tree?.appendRoot(to: &buffer)
        } else if let page {
            buffer.append(0)
            if !page.isEmpty { buffer.append(page.bytes) }
        } else {
            tree?.encodePages(into: &buffer)
        }
    }

    /// What `encode` has written; nil for anything else, an empty list too.
    static func decode(_ bytes: ByteSlice) -> ListValue? {
        guard bytes.count > 1 else { return nil }
        if bytes[0] == RecordEncoding.rootForm {
            guard var tree = CountedTree.decode(root: bytes.dropFirst(1), width: 1) else { return nil }
            let limits = pageLimits
            tree.setLimits(pageBytes: limits.bytes, pageElements: limits.elements)
            return ListValue(tree)
        }
        guard bytes[0] <= 1 else { return nil }
        let list = ListValue()
        var rest = bytes.dropFirst(1)
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = Int(rest[0]) | Int(rest[1]) << 8 | Int(rest[2]) << 16 | Int(rest[3]) << 24
            if length == 0, bytes[0] == 1 {
                guard let page = CompressedListpack.checked(rest.dropFirst(4)) else { return nil }
                rest = rest.dropFirst(4 + page.compressed.bytes.count)
                list.appendPage(page.compressed, page.listpack)
                continue
            }
            guard length <= rest.count, let page = ListpackCheck.listpack(rest.prefix(length)) else { return nil }
            list.appendPage(page)
            rest = rest.dropFirst(length)
        }
        list.expandEnds()
        return list.count > 0 ? list : nil
    }

    // MARK: Reading

    /// Calls `body` with the elements of `range`, which must be there: page, and offset in it. `body` returns whether
    /// to go on. What it is shown is valid during the call; with a `keeper` as long as there is that, unless the list
    /// changes.
    public func forEach(
        in range: Range<Int>, keptBy keeper: ExpandedListpacks? = nil, _ body: (Listpack, Int) -> Bool
    ) {
        guard let page else {
            tree?.forEach(in: range, keptBy: keeper, body)
            return
        }
        precondition(range.upperBound <= page.count, "elements \(range) of \(page.count)")
        guard !range.isEmpty else { return }
        var at = page.offset(of: range.lowerBound)
        for _ in range {
            guard body(page, at) else { return }
            at = page.next(at)
        }
    }

    /// The same from the last of them on, backwards.
    public func forEachReversed(
        in range: Range<Int>, keptBy keeper: ExpandedListpacks? = nil, _ body: (Listpack, Int) -> Bool
    ) {
        guard let page else {
            tree?.forEachReversed(in: range, keptBy: keeper, body)
            return
        }
        precondition(range.upperBound <= page.count, "elements \(range) of \(page.count)")
        guard !range.isEmpty else { return }
        var at = page.offset(of: range.upperBound - 1)
        for left in (0..<range.count).reversed() {
            guard body(page, at), left > 0 else { return }
            at = page.previous(at)
        }
    }

    public var pageCount: Int { page.map { $0.isEmpty ? 0 : 1 } ?? tree?.pageCount ?? 0 }

    /// Calls `body` with each page, in order.
    public func forEachPage(_ body: (Listpack) -> Void) {
        if let page {
            if !page.isEmpty { body(page) }
            return
        }
        tree?.forEachPage { page in
            body(page)
            return true
        }
    }

    /// Calls `body` with the element number `index`, which must be there.
    public func withElement<R>(at index: Int, _ body: (ByteSlice) -> R) -> R {
        if let page {
            let at = page.offset(of: index)
            precondition(index >= 0 && at < page.end, "element \(index) of \(count)")
            return page.withBytes(at, body)
        }
        let result = tree?.withElement(at: index) { page, at in page.withBytes(at, body) }
        guard let result else { preconditionFailure("a list in no form") }
        return result
    }

    /// Calls `found` with the number of each element that is `text`, seen from `end`; at most `limit` elements are
    /// looked at. `found` returns whether to go on. O(bytes looked at).
    public func search(_ text: ByteSlice, from end: ListEnd, limit: Int = .max, _ found: (Int) -> Bool) {
        let number = StringForm.canonicalInteger(text)
        let total = count
        var seen = 0
        func visit(_ page: Listpack, _ offset: Int) -> Bool {
            let index = end == .left ? seen : total - 1 - seen
            seen += 1
            if page.equals(offset, text, number), !found(index) { return false }
            return seen < limit
        }
        guard limit > 0 else { return }
        switch end {
        case .left: forEach(in: 0..<total, visit)
        case .right: forEachReversed(in: 0..<total, visit)
        }
    }

    // MARK: Changing

    public func push(_ value: ByteSlice, _ end: ListEnd) {
        if var page = pageWithRoom(for: value) {
            page.insert(value, at: end == .left ? page.first : page.end)
            return self.page = page
        }
        let before = tree?.pageCount
        switch end {
        case .left: tree?.prepend(.bytes(value))
        case .right: tree?.append(.bytes(value))
        }
        if tree?.pageCount != before { compressInwards(from: end) }
    }

    /// The only page if it may take this element too; else nil, and there is a tree.
    private func pageWithRoom(for value: ByteSlice) -> Listpack? {
        guard let page else { return nil }
        // A single element may be of any size.
        if page.isEmpty { return page }
        let limits = Self.pageLimits
        // At most 10 bytes are added to an element; the bound spares a second look at its text.
        if page.totalBytes + value.count + 10 <= limits.bytes, page.count < limits.elements ?? .max { return page }
        becomeTree()
        return nil
    }

    /// Goes over to the tree. O(1).
    private func becomeTree() {
        guard let page else { return }
        self.page = nil
        let limits = Self.pageLimits
        tree = CountedTree(width: 1, pageBytes: limits.bytes, pageElements: limits.elements)
        if page.isEmpty { page.free() } else { tree?.appendPage(page) }
    }

    /// Adds a page behind the last, which then belongs to the list. O(1).
    public func appendPage(_ added: Listpack) {
        if let page, page.isEmpty {
            page.free()
            self.page = added
            return
        }
        becomeTree()
        tree?.appendPage(added)
        compressInwards(from: .right)
    }

    /// Adds a compressed page; `expanded` is freed. O(1).
    private func appendPage(_ added: CompressedListpack, _ expanded: Listpack) {
        becomeTree()
        tree?.appendPage(CountedTreePage(added), elements: expanded.count)
        expanded.free()
        compressInwards(from: .right)
    }

    /// Puts an element before the one number `index`, 0...count.
    public func insert(_ value: ByteSlice, before index: Int) {
        if var page = pageWithRoom(for: value) {
            precondition(index >= 0 && index <= page.count, "an insertion at \(index) of \(page.count)")
            page.insert(value, at: page.offset(of: index))
            return self.page = page
        }
        let before = pageCount
        tree?.insert(.bytes(value), before: index)
        settle(around: index, pagesBefore: before)
    }

    /// Gives the element number `index` another value.
    public func replace(at index: Int, with value: ByteSlice) {
        precondition(index >= 0 && index < count, "element \(index) of \(count)")
        if var page {
            let at = page.offset(of: index)
            let limit = Self.pageLimits.bytes
            if page.totalBytes - (page.next(at) - at) + Listpack.cost(value) <= limit || page.count == 1 {
                page.replace(at, with: value)
                return self.page = page
            }
            becomeTree()
        }
        let before = pageCount
        guard let place = tree?.expandedPlace(at: index) else { preconditionFailure("element \(index) of \(count)") }
        tree?.replace(at: place, .bytes(value))
        settle(around: index, pagesBefore: before)
    }

    /// Removes the element at an end, which must be there, after `body` has seen it. O(1) on average in a tree, without
    /// one O(bytes) of the only page.
    public func pop(_ end: ListEnd, _ body: (ByteSlice) -> Void) {
        guard var page else {
            let before = pageCount
            tree?.removeEnd(isFirst: end == .left) { page, at in page.withBytes(at, body) }
            if pageCount != before { expandEnds() }
            return
        }
        let at = end == .left ? page.first : page.last
        page.withBytes(at, body)
        page.remove(at)
        self.page = page
    }

    public func removeSubrange(_ range: Range<Int>) {
        guard var page else {
            let before = pageCount
            let isInner = range.lowerBound > 0 && range.upperBound < count
            tree?.removeSubrange(range)
            if isInner {
                settle(around: range.lowerBound, pagesBefore: before)
            } else if pageCount != before {
                expandEnds()
            }
            return
        }
        precondition(range.lowerBound >= 0 && range.upperBound <= page.count, "elements \(range) of \(page.count)")
        page.remove(page.offset(of: range.lowerBound), entries: range.count)
        self.page = page
    }

    /// Removes each of `ranges`, of which the highest must come first.
    public func removeSubranges(_ ranges: some Sequence<Range<Int>>) {
        guard page == nil else { return ranges.forEach { removeSubrange($0) } }
        let before = pageCount
        var touched: Int?
        for range in ranges {
            // A page from which more will be removed stays expanded.
            if let touched { compress(around: touched, butNotAt: range.upperBound - 1) }
            tree?.removeSubrange(range)
            touched = range.lowerBound
        }
        if let touched { settle(around: touched, pagesBefore: before) }
    }

    /// Removes `number` elements, which must be there, from an end.
    public func remove(_ number: Int, from end: ListEnd) { removeSubrange(span(number, from: end)) }

    /// The elements that are the `number` first seen from `end`.
    public func span(_ number: Int, from end: ListEnd) -> Range<Int> {
        end == .left ? 0..<number : count - number..<count
    }
}
