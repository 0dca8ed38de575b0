import Bytes
import RESP
import Values

/// What ZRANGE and its relatives call a range: ranks, scores or members from one to another.
enum SortedSetInterval {
    enum Kind {
        case ranks, scores, members
    }

    struct ScoreBound {
        let score: Double
        let isOpen: Bool

        /// "5", "(5", "-inf": as strtod reads them, to which nothing is 0 and 1e999 an infinity.
        init?(_ text: ByteSlice) {
            isOpen = !text.isEmpty && text[0] == UInt8(ascii: "(")
            guard let score = Decimal.scanDouble(isOpen ? text.dropFirst(1) : text, clamps: true) else { return nil }
            self.score = score
        }
    }

    enum MemberBound {
        case lowest, highest
        case at(ByteSlice, isOpen: Bool)

        /// "-", "+", "[member", "(member".
        init?(_ text: ByteSlice) {
            guard !text.isEmpty else { return nil }
            switch text[0] {
            case UInt8(ascii: "-") where text.count == 1: self = .lowest
            case UInt8(ascii: "+") where text.count == 1: self = .highest
            case UInt8(ascii: "["): self = .at(text.dropFirst(1), isOpen: false)
            case UInt8(ascii: "("): self = .at(text.dropFirst(1), isOpen: true)
            default: return nil
            }
        }

        /// Elements before the bound, which is a lower one, or else an upper one.
        func number(in value: SortedSetValue, isLower: Bool) -> Int {
            switch self {
            case .lowest: 0
            case .highest: value.count
            case .at(let member, let isOpen): value.count(before: member, orEqual: isOpen == isLower)
            }
        }
    }

    case ranks(Int64, Int64)
    case scores(ScoreBound, ScoreBound)
    case members(MemberBound, MemberBound)

    /// The interval that two arguments name, the lower bound first; nil if they don't: the error has been replied.
    init?(_ call: borrowing CommandContext, _ kind: Kind, _ lower: Int, _ upper: Int) {
        let arguments = call.arguments
        switch kind {
        case .ranks:
            guard let first = call.integer(lower), let last = call.integer(upper) else { return nil }
            self = .ranks(first, last)
        case .scores:
            guard let first = ScoreBound(arguments[lower]), let last = ScoreBound(arguments[upper]) else {
                call.reply.pointee.error(ErrorText.scoreRange)
                return nil
            }
            self = .scores(first, last)
        case .members:
            guard let first = MemberBound(arguments[lower]), let last = MemberBound(arguments[upper]) else {
                call.reply.pointee.error(ErrorText.lexRange)
                return nil
            }
            self = .members(first, last)
        }
    }

    /// The elements inside, by their numbers from the lowest. `isReversed`: ranks count from the highest.
    func range(in value: SortedSetValue, isReversed: Bool) -> Range<Int> {
        let total = value.count
        var lower: Int
        var upper: Int
        switch self {
        case .ranks(let first, let last):
            // Counted from the end if negative; a total is far from where this could overflow.
            lower = max(0, Int(first) + (first < 0 ? total : 0))
            upper = min(Int(last) + (last < 0 ? total : 0), total - 1) + 1
            guard lower < upper else { return 0..<0 }
            if isReversed { (lower, upper) = (total - upper, total - lower) }
        case .scores(let first, let last):
            lower = value.count(below: first.score, orEqual: first.isOpen)
            upper = value.count(below: last.score, orEqual: !last.isOpen)
        case .members(let first, let last):
            lower = first.number(in: value, isLower: true)
            upper = last.number(in: value, isLower: false)
        }
        return lower < upper ? lower..<upper : 0..<0
    }
}
