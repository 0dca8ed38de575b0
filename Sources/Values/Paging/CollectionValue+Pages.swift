import Bytes

// What Keyspace does with pages that go to flash one by one, whichever structure has them: each verb is the
// structure's, PagedHash+Paging or CountedTree+Paging. A sorted set has both; a page's name says whose it is.

/// Which pages of a collection a call needs.
public enum PageNeed {
    /// None: the root alone.
    case none
    case all
    /// Those of these elements, which are found by hash.
    case elements(UnsafeBufferPointer<ByteSlice>, step: Int)
    /// Those that a scan for so many elements is going to see: the first, for it may end before one that isn't there,
    /// and a few more.
    case scan(cursor: UInt64, elements: Int)
    /// Those from one place to another in the order, both included, from 0, negative ones counted from the end.
    case positions(Int, Int)
    /// Those in which a list is cut that keeps the elements from one place to another.
    case cuts(Int, Int)
    /// Those of so many elements at the beginning and at the end.
    case ends(first: Int, last: Int)
    /// What an element pushed to an end should find.
    case push(ListEnd)
    /// Of a sorted set, those of these elements, and those in which they stand in the order, for a removal or only for
    /// their numbers.
    case places(UnsafeBufferPointer<ByteSlice>, step: Int, isRemoval: Bool)
    /// Of a sorted set, those that elements find which are added, or get new scores.
    case additions(ScoreAdditions)
    /// Of a sorted set, those from which it can be told which elements these are, and what more the use asks for.
    case span(SortedSetSpan, SortedSetSpan.Use)
    /// The same for so many at the beginning and at the end, which are removed.
    case pops(first: Int, last: Int)
}

extension CollectionValue {
    /// Whether a page of it is only on flash.
    public final var isPartial: Bool { paging?.absent ?? 0 > 0 }

    /// Bytes that can't leave RAM while the record is there: all, unless pages can. O(1).
    public final var heldBytes: Int {
        guard hasPages, expiries == nil else { return memoryBytes }
        return (withPages { $0.directoryBytes } ?? 0) + (withTree { $0.directoryBytes } ?? 0)
    }

    /// About so many bytes with all pages in RAM. O(1).
    public final var wholeBytes: Int { memoryBytes + absentBytes }

    /// About so many bytes of pages that are only on flash. O(1).
    private var absentBytes: Int {
        (withTree { $0.absentBytes } ?? 0) + (paging?.absentByHash ?? 0) * PagedHash.typicalPageBytes
    }

    /// About so many bytes that are needed at once, where a call can ask for as much as it likes. O(pages needed).
    public final func neededBytes(_ need: PageNeed) -> Int {
        switch need {
        case .all: wholeBytes
        case .positions(let first, let last): withTree { $0.bytes(in: Self.range(first, last, of: $0.count)) } ?? 0
        case .ends(let first, let last):
            withTree { tree in
                tree.bytes(in: 0..<min(first, tree.count)) + tree.bytes(in: max(0, tree.count - last)..<tree.count)
            } ?? 0
        case .span(let span, let use): (self as? SortedSetValue)?.neededBytes(span, use) ?? 0
        case .pops(let first, let last):
            SortedSetSpan.ends(first: first, last: last).reduce(0) {
                $0 + ((self as? SortedSetValue)?.neededBytes($1, .remove) ?? 0)
            }
        case .none, .elements, .scan, .cuts, .push, .places, .additions: 0
        }
    }

    /// Calls `body` with the pages that are needed and only on flash, with some of them perhaps twice.
    public final func forEachAbsentPage(_ need: PageNeed, _ body: (AbsentPage) -> Void) {
        withPages { pages in
            switch need {
            case .all: pages.forEachAbsentPage(body)
            case .elements(let elements, let step):
                for number in stride(from: 0, to: elements.count, by: step) {
                    if let page = pages.absentPage(of: elements[number]) { body(page) }
                }
            case .scan(let cursor, let elements): pages.forEachAbsentPage(fromCursor: cursor, elements: elements, body)
            case .none, .positions, .cuts, .ends, .push, .places, .additions, .span, .pops: break
            }
        }
        withTree { tree in
            switch need {
            case .all: tree.forEachAbsentPage(body)
            case .positions(let first, let last):
                tree.forEachAbsentPage(in: Self.range(first, last, of: tree.count), body)
            case .cuts(let first, let last):
                let kept = Self.range(first, last, of: tree.count)
                if kept.isEmpty { return }
                if tree.isInsidePage(kept.lowerBound) { tree.forEachAbsentPage(in: kept.prefix(1), body) }
                if tree.isInsidePage(kept.upperBound) { tree.forEachAbsentPage(in: kept.suffix(1), body) }
            case .ends(let first, let last):
                tree.forEachAbsentPage(in: 0..<min(first, tree.count), body)
                tree.forEachAbsentPage(in: max(0, tree.count - last)..<tree.count, body)
            case .push(let end): if let page = tree.absentPageForPush(isFirst: end == .left) { body(page) }
            case .none, .elements, .scan, .places, .additions, .span, .pops: break
            }
        }
        guard let sorted = self as? SortedSetValue else { return }
        switch need {
        case .places(let members, let step, let isRemoval):
            sorted.forEachAbsentPage(ofPlaces: members, step: step, isRemoval: isRemoval, body)
        case .additions(let additions): sorted.forEachAbsentPage(additions, body)
        case .span(let span, let use): sorted.forEachAbsentPage(span, use, body)
        case .pops(let first, let last):
            for span in SortedSetSpan.ends(first: first, last: last) { sorted.forEachAbsentPage(span, .remove, body) }
        case .none, .all, .elements, .scan, .positions, .cuts, .ends, .push: break
        }
    }

    /// The places from `first` to `last`, both included, of `count`; negative ones are counted from the end.
    public static func range(_ first: Int, _ last: Int, of count: Int) -> Range<Int> {
        // The sum of a negative and a count can't overflow.
        let start = max(0, first < 0 ? first + count : first)
        let end = min(count - 1, last < 0 ? last + count : last)
        return start > end ? 0..<0 : start..<end + 1
    }

    public final func startPaging(_ collection: UInt64) {
        let paging = Paging(collection: collection)
        withPages { $0.startPaging(paging) }
        withTree { $0.startPaging(paging) }
    }

    public final func stopPaging() {
        withPages { $0.stopPaging() }
        withTree { $0.stopPaging() }
    }

    /// The record moves to another key.
    public final func forgetFlights() {
        paging?.forgetFlights()
        withPages { $0.forgetFlights() }
        withTree { $0.forgetFlights() }
    }

    public final func isAway(_ page: AbsentPage) -> Bool {
        page.name.isOfHash ? withPages { $0.isAway(page) } ?? false : withTree { $0.isAway(page) } ?? false
    }

    /// `checksPlaces`: see `PagedHash.install`.
    public final func install(_ page: AbsentPage, _ bytes: ByteSlice, checksPlaces: Bool = true) -> Bool {
        if page.name.isOfHash { return withPages { $0.install(page, bytes, checksPlaces: checksPlaces) } ?? false }
        return withTree { $0.install(page, bytes, isValid: isValid) } ?? false
    }

    /// The elements of the page with this name, which is in RAM.
    public final func elements(of name: PageName) -> Int {
        name.isOfHash ? withPages { $0.elements(of: name) } ?? 0 : withTree { $0.elements(of: name) } ?? 0
    }

    /// How many `elements` of all pages are together: each element stands twice where there are pages by hash and in
    /// order.
    public final var elementsOfPages: Int { (withPages { $0.count } ?? 0) + (withTree { $0.count } ?? 0) }

    public final func pin(_ page: AbsentPage, by number: Int) {
        if page.name.isOfHash {
            withPages { $0.pin(page, by: number) }
        } else {
            withTree { $0.pin(page, by: number) }
        }
    }

    /// As the structures' own; those by hash come before those in order.
    public final func turnHand(ignoringTouches: Bool) -> PageLook? {
        guard let paging else { return nil }
        if !paging.isHandInOrder {
            if let look = withPages({ $0.turnHand(ignoringTouches: ignoringTouches) }) ?? nil { return look }
            paging.isHandInOrder = true
        }
        if let look = withTree({ $0.turnHand(ignoringTouches: ignoringTouches) }) ?? nil { return look }
        paging.isHandInOrder = false
        return nil
    }

    public final func isDroppable(_ name: PageName) -> Bool {
        name.isOfHash ? withPages { $0.isDroppable(name) } ?? false : withTree { $0.isDroppable(name) } ?? false
    }

    @discardableResult
    public final func drop(_ name: PageName) -> Int {
        name.isOfHash ? withPages { $0.drop(name) } ?? 0 : withTree { $0.drop(name) } ?? 0
    }

    public final func issue(_ name: PageName, _ body: (ByteSlice) -> Void) {
        if name.isOfHash {
            withPages { $0.issue(name, body) }
        } else {
            withTree { $0.issue(name, body) }
        }
    }

    public final func complete(_ name: PageName, succeeded: Bool) {
        if name.isOfHash {
            withPages { $0.complete(name, succeeded: succeeded) }
        } else {
            withTree { $0.complete(name, succeeded: succeeded) }
        }
    }

    /// For tests: traps unless the structures agree with themselves, and their pages with what is counted. O(bytes).
    public final func checkPages() {
        var unsettled = 0
        withPages { pages in
            pages.checkInvariants()
            unsettled += pages.checkPaging()
        }
        withTree { tree in
            tree.checkInvariants()
            unsettled += tree.checkPaging()
        }
        guard let paging else { return }
        precondition(unsettled == paging.unsettled, "\(unsettled) pages unsettled, \(paging.unsettled) counted")
    }
}
