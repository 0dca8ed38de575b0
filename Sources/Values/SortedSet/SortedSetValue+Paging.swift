import Bytes

// The pages of a large sorted set on flash: those of its hash, by which scores are found, and those of its tree, which
// has the order. Both belong to one collection, and have one Paging.
//
// Which pages of the tree a call needs follows from scores, which stand in pages of the hash. So who asks may have to
// ask again when what it has got to know of has come: it has all it needs when there is nothing left to ask for.
//
// A command must find all that it looks for once it has begun, though what it does itself moves things: when the first
// element of a page has gone, what belongs between it and the next one is sought in the page before. If that is away,
// its upper bound tells that it isn't in there.

/// Elements that a call adds to a sorted set, or gives new scores.
public struct ScoreAdditions {
    let count: Int
    let increments: Bool
    let element: (Int) -> (member: ByteSlice, score: Double)?

    /// `count` of them; `increments`: scores are added to those that there are; `element`: by number, nil if it can't
    /// be told, and the call comes to nothing.
    public init(
        count: Int, increments: Bool, _ element: @escaping (Int) -> (member: ByteSlice, score: Double)?
    ) {
        self.count = count
        self.increments = increments
        self.element = element
    }
}

extension SortedSetValue {
    // MARK: Needs

    /// See `PageNeed.places`.
    func forEachAbsentPage(
        ofPlaces members: UnsafeBufferPointer<ByteSlice>, step: Int, isRemoval: Bool, _ body: (AbsentPage) -> Void
    ) {
        guard let index else { return }
        for number in stride(from: 0, to: members.count, by: step) {
            let member = members[number]
            if let page = index.scores.absentPage(of: member) {
                body(page)
            } else if let score = score(of: member),
                let page = absentPage(for: isRemoval ? .change : .number, score, member)
            {
                body(page)
            }
        }
    }

    /// See `PageNeed.additions`. More than is needed if conditions of the call leave an element as it is.
    func forEachAbsentPage(_ additions: ScoreAdditions, _ body: (AbsentPage) -> Void) {
        guard let index else { return }
        for number in 0..<additions.count {
            guard let (member, given) = additions.element(number) else { return }
            var score = given
            if let page = index.scores.absentPage(of: member) {
                body(page)
                continue
            }
            if let old = self.score(of: member) {
                if additions.increments { score += old }
                if score == old || score.isNaN { continue }
                if let page = absentPage(for: .change, old, member) { body(page) }
            }
            if !score.isNaN, let page = absentPage(for: .insertion, score, member) { body(page) }
        }
    }

    private func absentPage(
        for purpose: CountedTree.SearchPurpose, _ score: Double, _ member: ByteSlice
    ) -> AbsentPage? {
        large.order.absentPage(for: purpose) { Self.order($0, $1, score, member) }
    }

    /// See `PageNeed.span`.
    func forEachAbsentPage(_ span: SortedSetSpan, _ use: SortedSetSpan.Use, _ body: (AbsentPage) -> Void) {
        guard let index else { return }
        var isKnown = true
        forEachAbsentBound(of: span) { page in
            isKnown = false
            body(page)
        }
        guard isKnown, use != .count else { return }
        let range = span.range(in: self)
        index.order.forEachAbsentPage(in: range, body)
        if use == .remove { forEachAbsentPage(ofMembersIn: range, body) }
    }

    /// The pages without which it can't be told which elements these are.
    private func forEachAbsentBound(of span: SortedSetSpan, _ body: (AbsentPage) -> Void) {
        guard case .cuts(let lower, let upper) = span.bounds else { return }
        for cut in [lower, upper] {
            if let page = absentPage(at: cut) { body(page) }
        }
    }

    private func absentPage(at cut: SortedSetCut) -> AbsentPage? {
        switch cut {
        case .start, .end, .score(.infinity, isBehind: true), .score(-.infinity, isBehind: false): nil
        case .score(let score, let isBehind):
            large.order.absentPage(for: .number) { page, at in
                let other = Self.pageScore(page, at)
                return isBehind ? (other <= score ? -1 : 1) : (other < score ? -1 : 1)
            }
        case .member(let member, let isBehind):
            large.order.absentPage(for: .number) { page, at in
                let order = page.withBytes(page.next(at)) { $0.compare(member) }
                return order < 0 || isBehind && order == 0 ? -1 : 1
            }
        }
    }

    /// Pages of the hash that are asked for at a time: while these are read the call needn't know of more.
    private static let mostPagesAtOnce = 4096

    /// The pages of the hash with elements of `range`, as far as their pages of the tree are in RAM.
    private func forEachAbsentPage(ofMembersIn range: Range<Int>, _ body: (AbsentPage) -> Void) {
        guard let index, paging?.absentByHash ?? 0 > 0 else { return }
        var seen: Set<PageName> = []
        index.order.forEachPresent(in: range) { page, at in
            if let page = page.withBytes(page.next(at), { index.scores.absentPage(of: $0) }),
                seen.insert(page.name).inserted
            {
                body(page)
            }
            return seen.count < Self.mostPagesAtOnce
        }
    }

    /// About so many bytes that are needed at once; 0 as long as that can't be told.
    func neededBytes(_ span: SortedSetSpan, _ use: SortedSetSpan.Use) -> Int {
        guard let index, use != .count else { return 0 }
        var isKnown = true
        forEachAbsentBound(of: span) { _ in isKnown = false }
        guard isKnown else { return 0 }
        let range = span.range(in: self)
        let bytes = index.order.bytes(in: range)
        if use == .read { return bytes }
        return bytes + min(range.count, index.scores.pageCount) * PagedHash.typicalPageBytes
    }

    // MARK: Root

    // The length of the hash's root (4, little endian), that root, and the tree's: see PagedHash+Paging and
    // CountedTree+Root.

    /// Appends the root. O(pages).
    func appendRoot(to buffer: inout ByteBuffer) {
        var scores = ByteBuffer()
        large.scores.appendRoot(to: &scores)
        for shift in [0, 8, 16, 24] { buffer.append(UInt8(truncatingIfNeeded: scores.count >> shift)) }
        buffer.append(scores.slice)
        large.order.appendRoot(to: &buffer)
    }

    /// The roots of hash and tree; nil if the bytes are no root.
    private static func roots(_ bytes: ByteSlice) -> (scores: ByteSlice, order: ByteSlice)? {
        guard bytes.count > 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let rest = bytes.dropFirst(4)
        guard length <= rest.count else { return nil }
        return (rest.prefix(length), rest.dropFirst(length))
    }

    /// The collection that a root is of; nil if the bytes are none.
    static func collection(ofRoot bytes: ByteSlice) -> UInt64? {
        roots(bytes).flatMap { PagedHash.collection(ofRoot: $0.scores) }
    }

    /// About so many bytes that the pages of a root have. O(pages).
    static func pageBytes(ofRoot bytes: ByteSlice) -> Int {
        guard let roots = roots(bytes) else { return 0 }
        return PagedHash.pageCount(ofRoot: roots.scores) * PagedHash.typicalPageBytes
            + CountedTree.pageBytes(ofRoot: roots.order, width: 2)
    }

    /// From a root, all pages away; nil if the bytes are not in the format. O(pages).
    static func decode(root bytes: ByteSlice) -> SortedSetValue? {
        guard let roots = roots(bytes), let scores = PagedHash.decode(root: roots.scores, width: 2),
            let order = CountedTree.decode(root: roots.order, width: 2, paging: scores.paging),
            scores.count == order.count, order.hasOrderedBounds
        else { return nil }
        let result = SortedSetValue()
        result.elements = order.count
        result.adopt(Index(scores, order))
        return result
    }

    // MARK: Pages

    /// What stands between two elements of the tree (page, and offset there) that are next to each other, or is the
    /// second: as short as can be. Nil: there is no first. The caller frees the listpack, whose only element it is.
    static func bound(behind last: (page: Listpack, at: Int)?, notBehind first: (page: Listpack, at: Int)) -> Listpack {
        var bound = Listpack()
        bound.append(entryOf: first.page, first.at)
        let member = first.page.next(first.at)
        var length = 0
        if let last, pageScore(last.page, last.at) == pageScore(first.page, first.at) {
            length = last.page.withBytes(last.page.next(last.at)) { other in
                first.page.withBytes(member) { 1 + commonBytes(other, $0) }
            }
        }
        first.page.withBytes(member) { bound.append($0.prefix(length)) }
        return bound
    }

    /// How many bytes two members begin with in common.
    private static func commonBytes(_ one: ByteSlice, _ other: ByteSlice) -> Int {
        var common = 0
        while common < min(one.count, other.count), one[common] == other[common] { common += 1 }
        return common
    }

    /// Whether a page's elements have scores, and stand in the order of these and their members, between two bounds.
    static func isOrdered(_ page: Listpack, from lower: Listpack, to upper: Listpack?) -> Bool {
        var before = (page: lower, at: lower.first)
        var at = page.first
        while at < page.end {
            guard let score = binaryScore(page, at), !score.isNaN else { return false }
            let place = page.withBytes(page.next(at)) { order(before.page, before.at, score, $0) }
            guard place < 0 || place == 0 && at == page.first else { return false }
            before = (page, at)
            at = page.advance(at, by: 2)
        }
        guard let upper else { return true }
        let score = pageScore(upper, upper.first)
        return upper.withBytes(upper.next(upper.first)) { order(before.page, before.at, score, $0) < 0 }
    }
}

extension CountedTree {
    /// Whether the lower bounds of pages, all of which are away, have scores, and stand in order.
    fileprivate var hasOrderedBounds: Bool {
        var before: Listpack?
        var isOrdered = true
        forEachSlot { row, slot in
            let bound = row.pages[slot].lower
            guard isOrdered, let score = SortedSetValue.binaryScore(bound, bound.first), !score.isNaN else {
                isOrdered = false
                return
            }
            if let before {
                isOrdered = bound.withBytes(bound.next(bound.first)) { member in
                    SortedSetValue.order(before, before.first, score, member) < 0
                }
            }
            before = bound
        }
        return isOrdered
    }
}
