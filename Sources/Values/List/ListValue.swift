import Bytes

/// Which end of a list is meant.
public enum ListEnd: Sendable {
    case left, right
}

/// A list: a counted tree of listpack pages, which take as much as the setting of the time the list was made says
/// (`CollectionLimits.listPage`).
///
/// The ends are O(1) but for the page they are in; a position is found in O(log n). A slice that is put in must not lie
/// in the list's own pages.
public final class ListValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as the base class.
    private var tree: CountedTree

    public override init() {
        let limits = Self.pageLimits(
            CollectionLimits.listPage.load(ordering: .relaxed),
            alone: CollectionLimits.listAloneBytes.load(ordering: .relaxed))
        tree = CountedTree(width: 1, pageBytes: limits.bytes, pageElements: limits.elements)
        super.init()
    }

    private init(_ tree: consuming CountedTree) {
        self.tree = tree
        super.init()
    }

    /// What `list-max-listpack-size` means: a number of elements, in pages of at most 8 KiB, or one of five sizes.
    /// Elements of more than `alone` bytes find no room beside another in any case.
    static func pageLimits(_ setting: Int, alone: Int = .max) -> (bytes: Int, elements: Int?) {
        if setting < 0 { return (min(2048 << min(-setting, 5), alone), nil) }
        return (min(8192, alone), max(setting, 1))
    }

    // MARK: As a value

    public override class var valueType: ValueType { .list }

    /// Redis 7.0 knows no other.
    public override var encodingName: StaticString { "quicklist" }

    public override var count: Int { tree.count }

    public override var memoryBytes: Int { objectBytes + tree.memoryBytes }

    public override func copy() -> CollectionValue { ListValue(tree.copy()) }

    /// Form 0: the pages one behind the other; a listpack begins with its length.
    public override func encode(into buffer: inout ByteBuffer) {
        buffer.append(0)
        tree.forEachPage { page in
            buffer.append(page.bytes)
            return true
        }
    }

    /// What `encode` has written; nil for anything else, an empty list too.
    static func decode(_ bytes: ByteSlice) -> ListValue? {
        guard bytes.count > 1, bytes[0] == 0 else { return nil }
        let list = ListValue()
        var rest = bytes.dropFirst(1)
        while !rest.isEmpty {
            guard rest.count >= 4 else { return nil }
            let length = Int(rest[0]) | Int(rest[1]) << 8 | Int(rest[2]) << 16 | Int(rest[3]) << 24
            guard length <= rest.count, let page = ListpackCheck.listpack(rest.prefix(length)) else { return nil }
            list.appendPage(page)
            rest = rest.dropFirst(length)
        }
        return list.count > 0 ? list : nil
    }

    // MARK: Reading

    /// Calls `body` with the elements of `range`, which must be there: page, and offset in it. `body` returns whether
    /// to go on.
    public func forEach(in range: Range<Int>, _ body: (Listpack, Int) -> Bool) {
        tree.forEach(in: range, body)
    }

    /// The same from the last of them on, backwards.
    public func forEachReversed(in range: Range<Int>, _ body: (Listpack, Int) -> Bool) {
        tree.forEachReversed(in: range, body)
    }

    /// Calls `body` with each page, in order.
    public func forEachPage(_ body: (Listpack) -> Void) {
        tree.forEachPage { page in
            body(page)
            return true
        }
    }

    /// Calls `body` with the element number `index`, which must be there.
    public func withElement<R>(at index: Int, _ body: (ByteSlice) -> R) -> R {
        guard let place = tree.place(at: index) else { preconditionFailure("element \(index) of \(count)") }
        return place.page.withBytes(place.offset, body)
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
        case .left: tree.forEach(from: tree.first, visit)
        case .right: tree.forEachReversed(from: tree.last, visit)
        }
    }

    // MARK: Changing

    public func push(_ value: ByteSlice, _ end: ListEnd) {
        switch end {
        case .left: tree.prepend(.bytes(value))
        case .right: tree.append(.bytes(value))
        }
    }

    /// Adds a page behind the last, which then belongs to the list. O(1).
    public func appendPage(_ page: Listpack) { tree.appendPage(page) }

    /// Puts an element before the one number `index`, 0...count.
    public func insert(_ value: ByteSlice, before index: Int) { tree.insert(.bytes(value), before: index) }

    /// Gives the element number `index` another value.
    public func replace(at index: Int, with value: ByteSlice) {
        guard let place = tree.place(at: index) else { preconditionFailure("element \(index) of \(count)") }
        tree.replace(at: place, .bytes(value))
    }

    public func removeSubrange(_ range: Range<Int>) { tree.removeSubrange(range) }

    /// Removes `number` elements, which must be there, from an end.
    public func remove(_ number: Int, from end: ListEnd) { tree.removeSubrange(span(number, from: end)) }

    /// The elements that are the `number` first seen from `end`.
    public func span(_ number: Int, from end: ListEnd) -> Range<Int> {
        end == .left ? 0..<number : count - number..<count
    }
}
