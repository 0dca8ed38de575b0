import Bytes
import Keyspace
import RESP
import Values

/// A call of ZRANGE or one of its relatives, whose names fix what ZRANGE has options for.
private struct RangeCall {
    let interval: SortedSetInterval
    let isReversed: Bool
    let withScores: Bool
    let offset: Int64
    let limit: Int64

    /// The bounds are the arguments `first` and the one behind it. Nil: the error has been replied. A kind or
    /// direction of nil is for options to say.
    init?(
        _ call: borrowing CommandContext, first: Int, _ fixedKind: SortedSetInterval.Kind?, isReversed fixed: Bool?,
        stores: Bool = false
    ) {
        let arguments = call.arguments
        var kind = fixedKind
        var direction = fixed
        var withScores = false
        var offset: Int64 = 0
        var limit: Int64 = -1
        var index = first + 2
        while index < arguments.count {
            let word = arguments[index]
            if !stores, word.equalsIgnoringCase("withscores") {
                withScores = true
            } else if word.equalsIgnoringCase("limit"), index + 2 < arguments.count {
                guard let from = call.integer(index + 1), let number = call.integer(index + 2) else { return nil }
                offset = from
                limit = number
                index += 2
            } else if direction == nil, word.equalsIgnoringCase("rev") {
                direction = true
            } else if kind == nil, word.equalsIgnoringCase("bylex") {
                kind = .members
            } else if kind == nil, word.equalsIgnoringCase("byscore") {
                kind = .scores
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 1
        }
        let chosen = kind ?? .ranks
        if limit != -1, chosen == .ranks {
            call.reply.pointee.error(ErrorText.limitOfRanks)
            return nil
        }
        if withScores, chosen == .members {
            call.reply.pointee.error(ErrorText.scoresByLex)
            return nil
        }
        isReversed = direction ?? false
        // Backwards, scores and members are given from the highest to the lowest.
        let isSwapped = isReversed && chosen != .ranks
        let lower = isSwapped ? first + 1 : first
        let upper = isSwapped ? first : first + 1
        guard let interval = SortedSetInterval(call, chosen, lower, upper) else { return nil }
        self.interval = interval
        self.withScores = withScores
        // Ranks know no limit, and the one that is none they pass over, whatever its offset.
        self.offset = chosen == .ranks ? 0 : offset
        self.limit = limit
    }

    /// The elements inside the bounds and the limit. A negative offset leaves none, a negative limit is none.
    func range(in value: SortedSetValue) -> Range<Int> {
        let whole = interval.range(in: value, isReversed: isReversed)
        guard offset >= 0, offset < whole.count else { return 0..<0 }
        let left = whole.count - Int(offset)
        let number = limit < 0 ? left : min(left, Int(limit))
        let lower = isReversed ? whole.upperBound - Int(offset) - number : whole.lowerBound + Int(offset)
        return lower..<lower + number
    }
}

extension SortedSetCommands {
    static func zrange(_ call: inout CommandContext) { range(&call, nil, isReversed: nil) }

    static func zrevrange(_ call: inout CommandContext) { range(&call, .ranks, isReversed: true) }

    static func zrangebyscore(_ call: inout CommandContext) { range(&call, .scores, isReversed: false) }

    static func zrevrangebyscore(_ call: inout CommandContext) { range(&call, .scores, isReversed: true) }

    static func zrangebylex(_ call: inout CommandContext) { range(&call, .members, isReversed: false) }

    static func zrevrangebylex(_ call: inout CommandContext) { range(&call, .members, isReversed: true) }

    private static func range(
        _ call: inout CommandContext, _ kind: SortedSetInterval.Kind?, isReversed: Bool?
    ) {
        guard let asked = RangeCall(call, first: 2, kind, isReversed: isReversed) else { return }
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let value):
            let range = asked.range(in: value)
            let writer = PairWriter(call.reply, withScores: asked.withScores)
            writer.begin(range.count)
            if asked.withScores {
                value.forEach(in: range, reversed: asked.isReversed) { writer.write($0, $1) }
            } else {
                let reply = call.reply
                value.forEachMember(in: range, reversed: asked.isReversed) { $0.withBytes { reply.pointee.bulk($0) } }
            }
        }
    }

    static func zrangestore(_ call: inout CommandContext) {
        guard let asked = RangeCall(call, first: 3, nil, isReversed: nil, stores: true) else { return }
        let result = SortedSetValue()
        switch call.collection(call.keys[1], SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let value):
            value.forEach(in: asked.range(in: value)) { result.set($0, $1) }
        }
        let count = result.count
        if call.refuses(result) { return }
        call.store(call.keys[0], result, .sortedSet, "zrangestore")
        call.reply.pointee.integer(count)
    }
}
