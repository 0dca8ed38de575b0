import Bytes
import Keyspace
import RESP
import Values

/// What of a key must be in RAM before the command runs.
public enum KeyNeed: Sendable, Equatable {
    /// Its value (or the certainty that there is none).
    case value
    /// Whether it exists, its type and expiry, and what is said of its value as a whole: how many elements it has.
    case presence
    /// Nothing: the old value is overwritten unseen.
    case overwrite
    /// Its value, which gets another key, and of which nothing is looked at: of a large collection the root will do,
    /// unless other commands run before the locks are given back (in a transaction).
    case moved
    /// Of its value, if that is a large collection, no more than the element that argument 2 names,
    case element
    /// the one that argument 3 names,
    case elementBehindTarget
    /// those that all arguments from 2 on name,
    case elements
    /// those that each second argument from 2 on names,
    case pairs
    /// those at which a scan with the cursor in argument 2 goes on.
    case scan
    /// Of a list, if that is large, no more than the element at the place in argument 2,
    case position
    /// those from the place in argument 2 to the one in argument 3,
    case positions
    /// what is cut when they are kept,
    case cuts
    /// so many elements at the beginning, and at the end,
    case ends(first: Int, last: Int)
    /// what an element that is pushed there should find.
    case push(ListEnd)
    /// Of a sorted set, if that is large, no more than tells the number of the element that argument 2 names,
    case rank
    /// what goes with those that all arguments from 2 on name,
    case removals
    /// what those find that ZADD, ZINCRBY or GEOADD adds, or gives new scores,
    case additions, increment, placements
    /// what tells how many there are between the bounds in the arguments 2 and 3, or goes with these,
    case count(IntervalKind), cut(IntervalKind)
    /// those that ZRANGE or a relative asks for,
    case range(RangeForm)
    /// what goes with so many at the beginning and at the end.
    case pops(first: Int, last: Int)

    /// Whether what is needed depends on what other commands do to the key first.
    public var isPositional: Bool {
        switch self {
        case .position, .positions, .cuts, .ends: true
        case .rank, .removals, .additions, .increment, .placements, .count, .cut, .range, .pops: true
        case .value, .presence, .overwrite, .moved, .element, .elementBehindTarget, .elements, .pairs, .scan, .push:
            false
        }
    }
}

extension KeyNeed {
    /// What of the pages of a large collection, if the key is one, for a call with these arguments.
    public func pages(_ arguments: Arguments) -> PageNeed {
        switch self {
        case .value: .all
        case .presence, .overwrite, .moved: .none
        case .element: Self.elements(arguments, from: 2, to: 3)
        case .elementBehindTarget: Self.elements(arguments, from: 3, to: 4)
        case .elements: Self.elements(arguments, from: 2, to: arguments.count)
        case .pairs: Self.elements(arguments, from: 2, to: arguments.count, step: 2)
        case .scan: Self.scan(arguments)
        case .position:
            Self.place(arguments, 2).map { .positions($0, $0) } ?? .none
        case .positions: Self.positions(arguments).map { .positions($0, $1) } ?? .none
        case .cuts: Self.positions(arguments).map { .cuts($0, $1) } ?? .none
        case .ends(let first, let last): .ends(first: first, last: last)
        case .push(let end): .push(end)
        case .rank: Self.places(arguments, from: 2, to: 3, isRemoval: false)
        case .removals: Self.places(arguments, from: 2, to: arguments.count, isRemoval: true)
        case .additions: SortedSetCommands.additions(arguments, increments: false)
        case .increment: SortedSetCommands.additions(arguments, increments: true)
        case .placements: GeoCommands.additions(arguments)
        case .count(let kind): Self.span(arguments, kind, .count)
        case .cut(let kind): Self.span(arguments, kind, .remove)
        case .range(let form):
            // What the arguments don't tell is refused by the command.
            arguments.count > form.first + 1
                ? (try? RangeCall(arguments, form)).map { .span($0.span, .read) } ?? .none : .none
        case .pops(let first, let last): .pops(first: first, last: last)
        }
    }

    private static func places(_ arguments: Arguments, from first: Int, to end: Int, isRemoval: Bool) -> PageNeed {
        guard first < end, end <= arguments.count else { return .none }
        return .places(UnsafeBufferPointer(rebasing: arguments.buffer[first..<end]), step: 1, isRemoval: isRemoval)
    }

    private static func span(
        _ arguments: Arguments, _ kind: IntervalKind, _ use: SortedSetSpan.Use
    ) -> PageNeed {
        guard arguments.count > 3, let interval = try? SortedSetInterval(arguments, kind, 2, 3) else { return .none }
        return .span(SortedSetSpan(interval.bounds), use)
    }

    /// What is no number is refused by the command.
    private static func place(_ arguments: Arguments, _ index: Int) -> Int? {
        index < arguments.count ? Decimal.parseInt64(arguments[index]).map { Int($0) } : nil
    }

    private static func positions(_ arguments: Arguments) -> (Int, Int)? {
        guard let first = place(arguments, 2), let last = place(arguments, 3) else { return nil }
        return (first, last)
    }

    /// A call that is looked at ahead of time may have too few arguments.
    private static func elements(_ arguments: Arguments, from first: Int, to end: Int, step: Int = 1) -> PageNeed {
        guard first < end, end <= arguments.count else { return .none }
        return .elements(UnsafeBufferPointer(rebasing: arguments.buffer[first..<end]), step: step)
    }

    /// What is no cursor or count is refused by the command.
    private static func scan(_ arguments: Arguments) -> PageNeed {
        guard arguments.count > 2, let cursor = KeyCommands.cursor(arguments[2]) else { return .none }
        var elements = ScanOptions.standardCount
        for index in 3..<max(3, arguments.count - 1) where arguments[index].equalsIgnoringCase("count") {
            elements = Decimal.parseInt64(arguments[index + 1]).map { Int($0) } ?? elements
        }
        return .scan(cursor: cursor, elements: elements)
    }
}
