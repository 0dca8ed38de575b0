import Bytes
import CShims

// A sorted set: members, each with a score, in the order of (score, member bytes).
//
// Small ones are one listpack of member, score, member, score ... in that order, as in Redis. Large ones stand twice:
// a hash from member to score, and a counted tree of (score, member) that knows ranks. A set that has grown large stays
// in that form. In hash and tree a score is its eight bytes, little endian; in the listpack it is text, or an integer
// where it is one. The pages of both go to flash one by one if they take much memory: see SortedSetValue+Paging.

/// The value of a sorted set.
public final class SortedSetValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as the base class: the shard's lock guards it

    /// The large form.
    final class Index {
        var scores: PagedHash
        var order: CountedTree

        init() {
            scores = PagedHash(width: 2)
            order = CountedTree(width: 2)
        }

        init(_ scores: consuming PagedHash, _ order: consuming CountedTree) {
            self.scores = scores
            self.order = order
        }

        init(copyOf other: Index) {
            let paging = other.order.paging.flatMap { Paging(absentPagesOf: $0) }
            scores = other.scores.copy(with: paging)
            order = other.order.copy(with: paging)
        }

        var memoryBytes: Int {
            firn_block_size(Unmanaged.passUnretained(self).toOpaque()) + scores.memoryBytes + order.memoryBytes
                + (order.paging?.memoryBytes ?? 0)
        }
    }

    /// The small form; nil if `index` is there.
    var list: Listpack?
    var index: Index?
    var elements = 0
    private var times: SortedSetValue?

    public override init() {
        list = Listpack()
        super.init()
    }

    /// Takes over a listpack of members and scores in their order.
    init(taking list: Listpack) {
        self.list = list
        elements = list.count / 2
        super.init()
    }

    deinit { list?.free() }

    public override class var valueType: ValueType { .zset }
    public override var encodingName: StaticString { list == nil ? "skiplist" : "listpack" }

    public override func prefetch(_ member: ByteSlice) { index?.scores.prefetch(member) }

    public override var count: Int { elements }

    public override var memoryBytes: Int {
        if let list, times == nil { return list.memoryBytes }
        return objectBytes + (list?.memoryBytes ?? 0) + (index?.memoryBytes ?? 0) + (times?.standingBytes ?? 0)
    }

    private static let ownBytes = blockBytes(SortedSetValue())
    override var objectBytes: Int { Self.ownBytes }

    override var isOneBlock: Bool { list != nil && times == nil }

    override func takeBlock() -> PackedBlock? {
        guard let list, times == nil else { return nil }
        self.list = nil
        return PackedBlock(base: list.base, type: .zset)
    }

    public override func encode(into buffer: inout ByteBuffer) { append(to: &buffer) }

    public override var encodedBytes: Int {
        if let list { return list.totalBytes + 1 }
        return paging == nil ? large.order.memoryBytes : heldBytes
    }

    public override var paging: Paging? { index?.order.paging }

    public override var hasPages: Bool { index != nil }

    @discardableResult
    public override func withPages<R>(_ body: (inout PagedHash) -> R) -> R? { index?.scores.apply(body) }

    @discardableResult
    public override func withTree<R>(_ body: (inout CountedTree) -> R) -> R? { index?.order.apply(body) }

    override func isValid(_ page: Listpack, from lower: Listpack, to upper: Listpack?) -> Bool {
        Self.isOrdered(page, from: lower, to: upper)
    }

    public override func copy() -> CollectionValue { duplicate() }

    func duplicate() -> SortedSetValue {
        let result = SortedSetValue()
        result.elements = elements
        result.times = times?.duplicate()
        if let list {
            result.adopt(list.copy())
        } else {
            result.adopt(Index(copyOf: large))
        }
        return result
    }

    public override var expiries: SortedSetValue? {
        get { times }
        set { times = newValue }
    }

    public override func hasMember(_ member: ByteSlice) -> Bool { score(of: member) != nil }

    @discardableResult
    public override func removeMember(_ member: ByteSlice) -> Bool { remove(member) }

    func adopt(_ fresh: Listpack) {
        list?.free()
        list = fresh
    }

    func adopt(_ fresh: Index) {
        list?.free()
        list = nil
        index = fresh
    }

    var large: Index {
        guard let index else { preconditionFailure("a sorted set in no form") }
        return index
    }

    /// The listpack, in the small form: what DUMP holds.
    public var listpack: Listpack? { list }

    // MARK: Scores

    /// The score at `at` of a listpack in the small form: nil if it is none.
    static func listedScore(_ list: Listpack, _ at: Int) -> Double? {
        switch list.item(at) {
        case .integer(let number): Double(number)
        case .bytes(let text): Decimal.parseDouble(text)
        }
    }

    static func score(_ list: Listpack, _ at: Int) -> Double {
        guard let score = listedScore(list, at) else { preconditionFailure("an entry that is no score") }
        return score
    }

    /// The score of eight bytes at `at`; nil if they are not eight.
    static func binaryScore(_ page: Listpack, _ at: Int) -> Double? {
        // Eight digits are kept as an integer: their text is the score.
        page.withBytes(at) { bytes in
            guard bytes.count == 8 else { return nil }
            let bits = UnsafeRawPointer(bytes.base).loadUnaligned(as: UInt64.self)
            return Double(bitPattern: UInt64(littleEndian: bits))
        }
    }

    @inline(__always)
    static func pageScore(_ page: Listpack, _ at: Int) -> Double {
        page.eightBytes(at).map { Double(bitPattern: $0) } ?? oddPageScore(page, at)
    }

    private static func oddPageScore(_ page: Listpack, _ at: Int) -> Double {
        guard let score = binaryScore(page, at) else { preconditionFailure("an entry that is no binary score") }
        return score
    }

    static func withBytes<R>(_ score: Double, _ body: (ByteSlice) -> R) -> R {
        withUnsafeBytes(of: score.bitPattern.littleEndian) { raw in
            // Eight bytes have an address.
            body(ByteSlice(raw.baseAddress.unsafelyUnwrapped, count: 8))
        }
    }

    // MARK: Reading

    public func score(of member: ByteSlice) -> Double? { standing(of: member)?.score }

    /// A member's score, and where it was found: valid until the set changes.
    public struct Standing: Sendable {
        public let score: Double
        /// In the large form.
        fileprivate let place: PagedHash.Place?
        /// In the small form.
        fileprivate let offset: Int
    }

    /// What there is of a member; nil if it isn't there. O(1).
    public func standing(of member: ByteSlice) -> Standing? {
        if let list {
            guard let at = list.find(member, stride: 2) else { return nil }
            return Standing(score: Self.score(list, list.next(at)), place: nil, offset: at)
        }
        guard let found = large.scores.find(member) else { return nil }
        return Standing(score: Self.pageScore(found.page, found.page.next(found.offset)), place: found, offset: 0)
    }

    /// The member's number in the order, from 0, and its score. O(log n).
    public func rank(of member: ByteSlice) -> (rank: Int, score: Double)? {
        if let list {
            let number = StringForm.canonicalInteger(member)
            var at = list.first
            var rank = 0
            while at < list.end {
                if list.equals(at, member, number) { return (rank, Self.score(list, list.next(at))) }
                at = list.advance(at, by: 2)
                rank += 1
            }
            return nil
        }
        guard let score = score(of: member) else { return nil }
        return (place(score, member).index, score)
    }

    /// Where an element is in the tree, or belongs.
    private func place(_ score: Double, _ member: ByteSlice) -> (index: Int, place: CountedTree.Place?) {
        large.order.search { page, at in Self.order(page, at, score, member) }
    }

    /// Where the element at `at` of a page of the tree stands: below 0 before this one, 0 if it is the same, above 0
    /// behind it.
    @inline(__always)
    static func order(_ page: Listpack, _ at: Int, _ score: Double, _ member: ByteSlice) -> Int {
        let other = pageScore(page, at)
        if other != score { return other < score ? -1 : 1 }
        return Int(page.withBytes(page.next(at)) { $0.compare(member) })
    }

    /// Elements whose score is below `score` (`orEqual`: or the same), which are the first ones. O(log n).
    public func count(below score: Double, orEqual: Bool) -> Int {
        func isBefore(_ other: Double) -> Bool { orEqual ? other <= score : other < score }
        guard let list else {
            return large.order.lowerBound { page, at in isBefore(Self.pageScore(page, at)) }.index
        }
        return countListed(list) { at in isBefore(Self.score(list, list.next(at))) }
    }

    /// Elements whose member is before `member` (`orEqual`: or the same), in a set whose scores are all the same;
    /// of another, some number. O(log n).
    public func count(before member: ByteSlice, orEqual: Bool) -> Int {
        func isBefore(_ other: ByteSlice) -> Bool {
            let order = other.compare(member)
            return order < 0 || orEqual && order == 0
        }
        guard let list else {
            return large.order.lowerBound { page, at in page.withBytes(page.next(at), isBefore) }.index
        }
        return countListed(list) { at in list.withBytes(at, isBefore) }
    }

    /// Calls `body` with member and score of the elements of `range`, which must be there; `reversed`: from the last of
    /// them on. The bytes are valid during the call.
    public func forEach(in range: Range<Int>, reversed: Bool = false, _ body: (ByteSlice, Double) -> Void) {
        let isListed = list != nil
        forEachPlace(in: range, reversed: reversed) { page, member, score in
            let score = isListed ? Self.score(page, score) : Self.pageScore(page, score)
            page.withBytes(member) { body($0, score) }
        }
    }

    /// Calls `body` with the members of `range`, which must be there; `reversed`: from the last of them on. What it
    /// gets is valid until the set changes.
    public func forEachMember(in range: Range<Int>, reversed: Bool = false, _ body: (Listpack.Item) -> Void) {
        forEachPlace(in: range, reversed: reversed) { page, member, _ in body(page.item(member)) }
    }

    /// Calls `body` with page and offsets of member and score.
    @inline(__always)
    private func forEachPlace(in range: Range<Int>, reversed: Bool, _ body: (Listpack, Int, Int) -> Void) {
        precondition(range.lowerBound >= 0 && range.upperBound <= elements, "elements \(range) of \(elements)")
        guard !range.isEmpty else { return }
        guard let list else {
            if reversed {
                large.order.forEachReversed(in: range) { page, at in
                    body(page, page.next(at), at)
                    return true
                }
            } else {
                large.order.forEachRun(in: range) { page, at, elements in
                    var score = at
                    for _ in 0..<elements {
                        let member = page.next(score)
                        body(page, member, score)
                        score = page.next(member)
                    }
                }
            }
            return
        }
        var at = list.offset(of: 2 * (reversed ? range.upperBound - 1 : range.lowerBound))
        for number in 0..<range.count {
            body(list, at, list.next(at))
            guard number + 1 < range.count else { return }
            at = reversed ? list.previous(list.previous(at)) : list.advance(at, by: 2)
        }
    }

    /// Calls `body` with elements from a cursor on, at least so many in the large form, else all; returns the cursor
    /// that goes on, 0 at the end.
    public func scan(_ cursor: UInt64, atLeast number: Int, _ body: (ByteSlice, Double) -> Void) -> UInt64 {
        if list != nil {
            forEach(in: 0..<elements, body)
            return 0
        }
        return large.scores.scan(cursor, atLeast: number) { page, at in
            let score = Self.pageScore(page, page.next(at))
            page.withBytes(at) { body($0, score) }
        }
    }

    // MARK: Changing

    /// Gives a member a score, whether it was there or not. O(log n).
    public func set(_ member: ByteSlice, _ score: Double) {
        if let standing = standing(of: member) {
            change(member, standing, to: score)
        } else {
            insert(member, score)
        }
    }

    /// Adds a member that isn't there. O(log n).
    public func insert(_ member: ByteSlice, _ score: Double) {
        precondition(!score.isNaN, "a score that is not a number")
        elements += 1
        if let list {
            let fits =
                elements <= CollectionLimits.zsetEntries.load(ordering: .relaxed)
                && member.count <= CollectionLimits.zsetValueBytes.load(ordering: .relaxed)
                && list.totalBytes + member.count < Self.largestListpack
            if fits { return insertListed(member, score) }
            convert()
        }
        let index = large
        Self.withBytes(score) { bytes in
            index.scores.insert(member, bytes)
            let place = place(score, member).place
            index.order.insert(.bytes(bytes), .bytes(member), at: place)
        }
    }

    /// Gives the member that stands there another score. O(log n).
    public func change(_ member: ByteSlice, _ standing: Standing, to score: Double) {
        precondition(!score.isNaN, "a score that is not a number")
        guard let found = standing.place else { return move(standing.offset, member, to: score) }
        guard standing.score != score else { return }
        guard let place = place(standing.score, member).place else {
            preconditionFailure("a member without its place")
        }
        let index = large
        Self.withBytes(score) { bytes in
            index.scores.replaceValue(at: found, with: bytes)
            if score > standing.score, isBeforeNext(place, score, member) {
                return index.order.replace(at: place, .bytes(bytes), .bytes(member))
            }
            index.order.remove(at: place)
            index.order.insert(.bytes(bytes), .bytes(member), at: self.place(score, member).place)
        }
    }

    /// Whether the element at `place`, if it had this score, which is above its own, would stand before the next one.
    private func isBeforeNext(_ place: CountedTree.Place, _ score: Double, _ member: ByteSlice) -> Bool {
        guard let next = large.order.next(place) else { return true }
        return Self.order(next.page, next.offset, score, member) > 0
    }

    /// Removes a member. Returns whether it was there.
    @discardableResult
    public func remove(_ member: ByteSlice) -> Bool {
        if times != nil { forgetExpiry(of: member) }
        if let list {
            guard let at = list.find(member, stride: 2) else { return false }
            removeListed(at, 1)
        } else {
            let index = large
            guard let found = index.scores.find(member) else { return false }
            removeOrdered(member, Self.pageScore(found.page, found.page.next(found.offset)))
            index.scores.remove(at: found)
        }
        elements -= 1
        return true
    }

    /// Removes the elements of `range`, which must be there.
    public func removeSubrange(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= elements, "elements \(range) of \(elements)")
        guard !range.isEmpty else { return }
        if times != nil { forEach(in: range) { member, _ in forgetExpiry(of: member) } }
        if let list {
            removeListed(list.offset(of: 2 * range.lowerBound), range.count)
        } else {
            let index = large
            index.order.forEach(in: range) { page, at in
                page.withBytes(page.next(at)) { _ = index.scores.remove($0) }
                return true
            }
            index.order.removeSubrange(range)
        }
        elements -= range.count
    }

    private func removeOrdered(_ member: ByteSlice, _ score: Double) {
        guard let place = place(score, member).place else { preconditionFailure("a member without its place") }
        large.order.remove(at: place)
    }

    // MARK: For tests

    /// Traps unless hash and tree agree, as far as they are in RAM. O(bytes).
    public func checkInvariants() {
        guard let index else { return precondition((list?.count ?? -1) == 2 * elements, "a wrong count") }
        checkPages()
        precondition(index.scores.count == elements && index.order.count == elements, "hash and tree differ")
        precondition(index.scores.paging === index.order.paging, "hash and tree have another paging")
        var before: (score: Double, member: [UInt8])?
        var isBehindBound = false
        index.order.forEachKnown { page, at, isBound in
            let (score, member) = (Self.pageScore(page, at), page.withBytes(page.next(at)) { $0.array })
            if let before {
                let order = before.member.withSlice { Self.order(page, at, before.score, $0) }
                // An element may be the bound before it, and a bound the one before it.
                precondition(isBehindBound ? order >= 0 : order > 0, "an element that stands too far behind")
            }
            before = (score, member)
            isBehindBound = isBound
            if isBound { return }
            member.withSlice { name in
                guard index.scores.absentPage(of: name) == nil else { return }
                precondition(self.score(of: name) == score, "\(name) has another score in the hash")
            }
        }
    }
}
