import Bytes
import CShims

/// Members and their scores while a union or a difference is made. O(1) for each member.
public struct ScoreTable: ~Copyable {
    private var hash = PagedHash(width: 2)

    public init() {}

    public var count: Int { hash.count }

    /// Gives a member its score: `score` if it is new, else what `combine` makes of the old one and it.
    public mutating func add(_ member: ByteSlice, _ score: Double, _ combine: (Double, Double) -> Double) {
        guard let place = hash.find(member) else {
            SortedSetValue.withBytes(score) { hash.insert(member, $0) }
            return
        }
        let old = SortedSetValue.pageScore(place.page, place.page.next(place.offset))
        SortedSetValue.withBytes(combine(old, score)) { hash.replaceValue(at: place, with: $0) }
    }

    public mutating func remove(_ member: ByteSlice) { hash.remove(member) }

    /// Calls `body` with each member, whose bytes are valid during the call, and its score; in no order.
    public func forEach(_ body: (ByteSlice, Double) -> Void) {
        hash.forEach { page, at in
            let score = SortedSetValue.pageScore(page, page.next(at))
            page.withBytes(at) { body($0, score) }
            return true
        }
    }
}
