import Bytes
import Keyspace
import RESP
import Values

/// What one of ZRANGE's relatives fixes by its name, and ZRANGE has options for.
public struct RangeForm: Sendable, Equatable {
    /// Nil: options say it.
    let kind: IntervalKind?
    let isReversed: Bool?
    /// The argument with the first bound; the other is behind it.
    var first = 2
    var stores = false

    static let zrange = RangeForm(kind: nil, isReversed: nil)
    static let zrevrange = RangeForm(kind: .ranks, isReversed: true)
    static let zrangebyscore = RangeForm(kind: .scores, isReversed: false)
    static let zrevrangebyscore = RangeForm(kind: .scores, isReversed: true)
    static let zrangebylex = RangeForm(kind: .members, isReversed: false)
    static let zrevrangebylex = RangeForm(kind: .members, isReversed: true)
    static let zrangestore = RangeForm(kind: nil, isReversed: nil, first: 3, stores: true)
}

/// A call of ZRANGE or one of its relatives.
struct RangeCall {
    let span: SortedSetSpan
    let isReversed: Bool
    let withScores: Bool

    /// There must be both bounds.
    init(_ arguments: Arguments, _ form: RangeForm) throws(BadArguments) {
        var kind = form.kind
        var direction = form.isReversed
        var withScores = false
        var offset: Int64 = 0
        var limit: Int64 = -1
        var index = form.first + 2
        while index < arguments.count {
            let word = arguments[index]
            if !form.stores, word.equalsIgnoringCase("withscores") {
                withScores = true
            } else if word.equalsIgnoringCase("limit"), index + 2 < arguments.count {
                offset = try arguments.integer(index + 1)
                limit = try arguments.integer(index + 2)
                index += 2
            } else if direction == nil, word.equalsIgnoringCase("rev") {
                direction = true
            } else if kind == nil, word.equalsIgnoringCase("bylex") {
                kind = .members
            } else if kind == nil, word.equalsIgnoringCase("byscore") {
                kind = .scores
            } else {
                throw BadArguments(text: ErrorText.syntax)
            }
            index += 1
        }
        let chosen = kind ?? .ranks
        if limit != -1, chosen == .ranks { throw BadArguments(text: ErrorText.limitOfRanks) }
        if withScores, chosen == .members { throw BadArguments(text: ErrorText.scoresByLex) }
        isReversed = direction ?? false
        // Backwards, scores and members are given from the highest to the lowest.
        let isSwapped = isReversed && chosen != .ranks
        let lower = isSwapped ? form.first + 1 : form.first
        let upper = isSwapped ? form.first : form.first + 1
        let interval = try SortedSetInterval(arguments, chosen, lower, upper)
        self.withScores = withScores
        // Ranks know no limit, and the one that is none they pass over, whatever its offset.
        span = SortedSetSpan(
            interval.bounds, isReversed: isReversed, offset: chosen == .ranks ? 0 : Int(offset), limit: Int(limit))
    }
}

extension SortedSetCommands {
    static func zrange(_ call: inout CommandContext) { range(&call, .zrange) }

    static func zrevrange(_ call: inout CommandContext) { range(&call, .zrevrange) }

    static func zrangebyscore(_ call: inout CommandContext) { range(&call, .zrangebyscore) }

    static func zrevrangebyscore(_ call: inout CommandContext) { range(&call, .zrevrangebyscore) }

    static func zrangebylex(_ call: inout CommandContext) { range(&call, .zrangebylex) }

    static func zrevrangebylex(_ call: inout CommandContext) { range(&call, .zrevrangebylex) }

    /// What the call asks for; nil: the error has been replied.
    private static func rangeCall(_ call: borrowing CommandContext, _ form: RangeForm) -> RangeCall? {
        do {
            return try RangeCall(call.arguments, form)
        } catch {
            call.reply.pointee.error(error.text)
            return nil
        }
    }

    private static func range(_ call: inout CommandContext, _ form: RangeForm) {
        guard let asked = rangeCall(call, form) else { return }
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let value):
            let range = asked.span.range(in: value)
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
        guard let asked = rangeCall(call, .zrangestore) else { return }
        let result = SortedSetValue()
        switch call.collection(call.keys[1], SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let value):
            value.forEach(in: asked.span.range(in: value)) { result.set($0, $1) }
        }
        let count = result.count
        if call.refuses(result) { return }
        call.store(call.keys[0], result, .sortedSet, "zrangestore")
        call.reply.pointee.integer(count)
    }

    /// ZRANGESTORE.
    static func keysOfRangestore(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        guard arguments.count > 2 else { return }
        // The destination is never read, but it has to be known whether it has to be deleted.
        uses.append(KeyUse(argument: 1, database: database, need: .presence))
        uses.append(KeyUse(argument: 2, database: database, need: .range(.zrangestore)))
    }
}
