import Bytes
import Keyspace
import RESP
import Values

/// The words before the pairs of ZADD.
struct AddOptions: OptionSet {
    let rawValue: UInt8
    static let nx = AddOptions(rawValue: 1 << 0)
    static let xx = AddOptions(rawValue: 1 << 1)
    static let gt = AddOptions(rawValue: 1 << 2)
    static let lt = AddOptions(rawValue: 1 << 3)
    static let ch = AddOptions(rawValue: 1 << 4)
    static let incr = AddOptions(rawValue: 1 << 5)

    static let names: [(StaticString, AddOptions)] = [
        ("nx", .nx), ("xx", .xx), ("gt", .gt), ("lt", .lt), ("ch", .ch), ("incr", .incr),
    ]

    /// Why these can't stand together.
    var conflict: StaticString? {
        if isSuperset(of: [.nx, .xx]) { return ErrorText.addExistence }
        let isAmbiguous = isSuperset(of: [.gt, .nx]) || isSuperset(of: [.lt, .nx]) || isSuperset(of: [.gt, .lt])
        return isAmbiguous ? ErrorText.addComparison : nil
    }
}

/// What one pair of ZADD does.
private enum Addition {
    case nothing
    case notANumber
    /// The score is what it was.
    case same(Double)
    case updates(SortedSetValue.Standing, Double)
    case adds(Double)
}

/// The scores of the pairs, one of which most calls have: that needs no memory.
struct PairScores {
    private var first = 0.0
    private var others: [Double] = []
    private(set) var count = 0

    mutating func append(_ score: Double) {
        if count == 0 { first = score } else { others.append(score) }
        count += 1
    }

    subscript(pair: Int) -> Double { pair == 0 ? first : others[pair - 1] }
}

/// The pairs of a ZADD (or the triples of a GEOADD) and what has come of them.
private struct Additions {
    let arguments: Arguments
    let options: AddOptions
    /// The argument with the first member, and how many behind it the next one is.
    let first: Int
    let stride: Int
    let scores: PairScores

    var added = 0
    var updated = 0
    /// The last score that a member has got or had, nil if all pairs were passed over.
    var score: Double?
    var isNotANumber = false

    func member(_ pair: Int) -> ByteSlice { arguments[first + stride * pair] }

    func outcome(of pair: Int, in value: SortedSetValue) -> Addition {
        guard let standing = value.standing(of: member(pair)) else {
            return options.contains(.xx) ? .nothing : .adds(scores[pair])
        }
        let old = standing.score
        guard !options.contains(.nx) else { return .nothing }
        let score = options.contains(.incr) ? old + scores[pair] : scores[pair]
        guard !score.isNaN else { return .notANumber }
        if options.contains(.lt), score >= old { return .nothing }
        if options.contains(.gt), score <= old { return .nothing }
        return score == old ? .same(score) : .updates(standing, score)
    }

    /// Takes the pairs from the first on that change nothing. Returns the one that does, and what comes of it.
    mutating func pass(in value: SortedSetValue) -> (pair: Int, outcome: Addition)? {
        for pair in 0..<scores.count {
            let outcome = outcome(of: pair, in: value)
            switch outcome {
            case .nothing: continue
            case .notANumber: isNotANumber = true
            case .same(let same): score = same
            case .updates, .adds: return (pair, outcome)
            }
        }
        return nil
    }

    /// Carries out the pairs from `first` on, whose outcome is known if it is given and the set hasn't changed since.
    mutating func apply(from first: Int, _ known: Addition? = nil, to value: SortedSetValue) {
        for pair in first..<scores.count {
            switch pair == first ? known ?? outcome(of: pair, in: value) : outcome(of: pair, in: value) {
            case .nothing: continue
            // Only INCR can come to that, which has one pair: then nothing has been changed.
            case .notANumber: isNotANumber = true
            case .same(let same): score = same
            case .updates(let standing, let new):
                value.change(member(pair), standing, to: new)
                score = new
                updated += 1
            case .adds(let new):
                value.insert(member(pair), new)
                score = new
                added += 1
            }
        }
    }

    func reply(_ reply: UnsafeMutablePointer<ReplyWriter>) {
        if isNotANumber { return reply.pointee.error(ErrorText.scoreNotANumber) }
        guard options.contains(.incr) else {
            return reply.pointee.integer(options.contains(.ch) ? added + updated : added)
        }
        if let score { reply.pointee.double(score) } else { reply.pointee.null() }
    }
}

extension SortedSetCommands {
    /// What a ZADD, or with `increments` a ZINCRBY, finds.
    static func additions(_ arguments: Arguments, increments: Bool) -> PageNeed {
        var increments = increments
        var first = 2
        while first < arguments.count {
            let word = arguments[first]
            guard let option = AddOptions.names.first(where: { word.equalsIgnoringCase($0.0) })?.1 else { break }
            if option == .incr { increments = true }
            first += 1
        }
        return .additions(
            ScoreAdditions(count: (arguments.count - first) / 2, increments: increments) { number in
                let at = first + 2 * number
                return Decimal.parseDouble(arguments[at]).map { (arguments[at + 1], $0) }
            })
    }

    static func zadd(_ call: inout CommandContext) { add(&call, []) }

    static func zincrby(_ call: inout CommandContext) { add(&call, .incr) }

    private static func add(_ call: inout CommandContext, _ implied: AddOptions) {
        let arguments = call.arguments
        var options = implied
        var first = 2
        while first < arguments.count {
            let word = arguments[first]
            guard let option = AddOptions.names.first(where: { word.equalsIgnoringCase($0.0) })?.1 else { break }
            options.insert(option)
            first += 1
        }
        let words = arguments.count - first
        guard words > 0, words % 2 == 0 else { return call.reply.pointee.error(ErrorText.syntax) }
        if let conflict = options.conflict { return call.reply.pointee.error(conflict) }
        if options.contains(.incr), words > 2 { return call.reply.pointee.error(ErrorText.addIncrement) }
        var scores = PairScores()
        for index in stride(from: first, to: arguments.count, by: 2) {
            guard let score = Decimal.parseDouble(arguments[index]) else {
                return call.reply.pointee.error(ErrorText.notFloat)
            }
            scores.append(score)
        }
        add(&call, options, scores, members: first + 1, stride: 2)
    }

    /// Adds members or changes their scores, and replies. The members are the argument `members` and each `stride`-th
    /// behind it.
    static func add(
        _ call: inout CommandContext, _ options: AddOptions, _ scores: PairScores, members: Int, stride: Int
    ) {
        let event: StaticString = options.contains(.incr) ? "zincr" : "zadd"
        var additions = Additions(
            arguments: call.arguments, options: options, first: members, stride: stride, scores: scores)
        switch call.collection(call.key, SortedSetValue.self, isRead: false) {
        case .refused: return
        case .missing:
            if !options.contains(.xx) {
                let value = SortedSetValue()
                additions.apply(from: 0, to: value)
                if call.refuses(value) { return }
                call.store(call.key, value, .sortedSet, event)
            }
        case .found(let entry, let value):
            if let (pair, outcome) = additions.pass(in: value) {
                call.change(entry, value, call.key, .sortedSet, event) { additions.apply(from: pair, outcome, to: $0) }
            }
        }
        additions.reply(call.reply)
    }
}
