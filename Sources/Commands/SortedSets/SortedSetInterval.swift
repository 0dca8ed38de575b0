import Bytes
import RESP
import Values

/// What the bounds of a range of a sorted set are.
public enum IntervalKind: Sendable {
    case ranks, scores, members
}

/// What ZRANGE and its relatives call a range: ranks, scores or members from one to another.
enum SortedSetInterval {

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

        /// Where that is in the order, of a bound that is a lower one, or else an upper one.
        func cut(isLower: Bool) -> SortedSetCut {
            switch self {
            case .lowest: .start
            case .highest: .end
            case .at(let member, let isOpen): .member(member, isBehind: isOpen == isLower)
            }
        }
    }

    case ranks(Int64, Int64)
    case scores(ScoreBound, ScoreBound)
    case members(MemberBound, MemberBound)

    /// The interval that two arguments name, the lower bound first.
    init(_ arguments: Arguments, _ kind: IntervalKind, _ lower: Int, _ upper: Int) throws(BadArguments) {
        switch kind {
        case .ranks: self = .ranks(try arguments.integer(lower), try arguments.integer(upper))
        case .scores:
            guard let first = ScoreBound(arguments[lower]), let last = ScoreBound(arguments[upper]) else {
                throw BadArguments(text: ErrorText.scoreRange)
            }
            self = .scores(first, last)
        case .members:
            guard let first = MemberBound(arguments[lower]), let last = MemberBound(arguments[upper]) else {
                throw BadArguments(text: ErrorText.lexRange)
            }
            self = .members(first, last)
        }
    }

    /// The elements inside.
    var bounds: SortedSetSpan.Bounds {
        switch self {
        case .ranks(let first, let last): .ranks(Int(first), Int(last))
        case .scores(let first, let last):
            .cuts(.score(first.score, isBehind: first.isOpen), .score(last.score, isBehind: !last.isOpen))
        case .members(let first, let last): .cuts(first.cut(isLower: true), last.cut(isLower: false))
        }
    }
}

/// Arguments that a command refuses, with the error that it replies. Who looks at them ahead of the command lets it.
struct BadArguments: Error {
    let text: StaticString
}

extension Arguments {
    /// The argument as an integer.
    func integer(_ index: Int) throws(BadArguments) -> Int64 {
        if let number = Decimal.parseInt64(self[index]) { return number }
        throw BadArguments(text: ErrorText.notInteger)
    }
}
