import Bytes

// The small form: one listpack of member, score, member, score ... in the order of the set.

extension SortedSetValue {
    /// Appends an element, which belongs behind all others.
    static func append(_ member: ByteSlice, _ score: Double, to list: inout Listpack) {
        list.append(member)
        if abs(score) <= 0x1p62, let whole = Int64(exactly: score) {
            list.append(integer: whole)
        } else {
            Decimal.formatReplyDouble(score).withSlice { list.append($0) }
        }
    }

    func removeListed(_ at: Int, _ number: Int) {
        guard var list else { return }
        list.remove(at, entries: 2 * number)
        self.list = list
    }

    /// Gives the member at `at` another score.
    func move(_ at: Int, _ member: ByteSlice, to score: Double) {
        guard let list, Self.score(list, list.next(at)) != score else { return }
        removeListed(at, 1)
        insertListed(member, score)
    }

    func insertListed(_ member: ByteSlice, _ score: Double) {
        guard var list else { return }
        var at = list.first
        while at < list.end {
            let other = Self.score(list, list.next(at))
            if other > score { break }
            if other == score, list.withBytes(at, { $0.compare(member) > 0 }) { break }
            at = list.advance(at, by: 2)
        }
        let behind = list.insert(member, at: at)
        if abs(score) <= 0x1p62, let whole = Int64(exactly: score) {
            list.insert(integer: whole, at: behind)
        } else {
            Decimal.formatReplyDouble(score).withSlice { _ = list.insert($0, at: behind) }
        }
        self.list = list
    }

    /// Goes to the large form.
    func convert() {
        guard let list else { return }
        let fresh = Index()
        var at = list.first
        while at < list.end {
            let score = Self.score(list, list.next(at))
            list.withBytes(at) { member in
                Self.withBytes(score) { bytes in
                    fresh.scores.insert(member, bytes)
                    fresh.order.append(.bytes(bytes), .bytes(member))
                }
            }
            at = list.advance(at, by: 2)
        }
        adopt(fresh)
    }

    func countListed(_ list: Listpack, while isBefore: (Int) -> Bool) -> Int {
        var at = list.first
        var number = 0
        while at < list.end, isBefore(at) {
            at = list.advance(at, by: 2)
            number += 1
        }
        return number
    }

    /// Redis' bound for a listpack: 1 GiB.
    static let largestListpack = 1 << 30
}
