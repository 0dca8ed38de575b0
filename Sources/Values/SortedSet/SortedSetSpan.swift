import Bytes

/// A place between elements of a sorted set, as a score or a member says it.
public enum SortedSetCut {
    /// Before the first, and behind the last.
    case start, end
    /// Before the elements with this score, or behind them.
    case score(Double, isBehind: Bool)
    /// The same for this member, where all scores are the same.
    case member(ByteSlice, isBehind: Bool)
}

/// Elements of a sorted set that stand one behind the other: as ZRANGE and its relatives name them.
public struct SortedSetSpan {
    /// From where to where.
    public enum Bounds {
        /// Numbers, both included, from 0, negative ones counted from the end.
        case ranks(Int, Int)
        case cuts(SortedSetCut, SortedSetCut)
    }

    /// What is done with them, and so which pages it takes.
    public enum Use: Sendable {
        case count, read, remove
    }

    let bounds: Bounds
    /// Numbers, `offset` and `limit` count from the highest one.
    let isReversed: Bool
    let offset: Int
    let limit: Int

    /// Of the elements inside the bounds those behind the first `offset`, `limit` at most. A negative offset leaves
    /// none, a negative limit is none.
    public init(_ bounds: Bounds, isReversed: Bool = false, offset: Int = 0, limit: Int = -1) {
        self.bounds = bounds
        self.isReversed = isReversed
        self.offset = offset
        self.limit = limit
    }

    /// So many elements at the beginning, and at the end.
    static func ends(first: Int, last: Int) -> [SortedSetSpan] {
        [false, true].compactMap { isReversed in
            let number = isReversed ? last : first
            return number > 0 ? SortedSetSpan(.ranks(0, number - 1), isReversed: isReversed) : nil
        }
    }

    /// The elements, by their numbers from the lowest. O(log n).
    public func range(in value: SortedSetValue) -> Range<Int> {
        let whole = boundedRange(in: value)
        guard offset >= 0, offset < whole.count else { return 0..<0 }
        let left = whole.count - offset
        let number = limit < 0 ? left : min(left, limit)
        let lower = isReversed ? whole.upperBound - offset - number : whole.lowerBound + offset
        return lower..<lower + number
    }

    private func boundedRange(in value: SortedSetValue) -> Range<Int> {
        switch bounds {
        case .ranks(let first, let last):
            let range = CollectionValue.range(first, last, of: value.count)
            if !isReversed || range.isEmpty { return range }
            return value.count - range.upperBound..<value.count - range.lowerBound
        case .cuts(let first, let last):
            let lower = value.count(before: first)
            let upper = value.count(before: last)
            return lower < upper ? lower..<upper : 0..<0
        }
    }
}

extension SortedSetValue {
    /// Elements before a cut. O(log n).
    public func count(before cut: SortedSetCut) -> Int {
        switch cut {
        case .start: 0
        case .end: count
        // No score is beyond these: of a large set no page must be looked at.
        case .score(.infinity, isBehind: true): count
        case .score(-.infinity, isBehind: false): 0
        case .score(let score, let isBehind): count(below: score, orEqual: isBehind)
        case .member(let member, let isBehind): count(before: member, orEqual: isBehind)
        }
    }
}
