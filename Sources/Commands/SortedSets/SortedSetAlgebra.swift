import Bytes
import Keyspace
import RESP
import Values

// Unions, intersections and differences of sorted sets and sets; the members of a set have score 1.

/// An input of these commands.
private enum ScoredSource {
    case none
    case set(SetValue)
    case sorted(SortedSetValue)

    var count: Int {
        switch self {
        case .none: 0
        case .set(let value): value.count
        case .sorted(let value): value.count
        }
    }

    func score(of member: ByteSlice) -> Double? {
        switch self {
        case .none: nil
        case .set(let value): value.contains(member) ? 1 : nil
        case .sorted(let value): value.score(of: member)
        }
    }

    /// Calls `body` with each member and its score; it returns whether to go on.
    func forEach(_ body: (ByteSlice, Double) -> Bool) {
        switch self {
        case .none: return
        case .set(let value): value.forEach { member in member.withBytes { body($0, 1) } }
        case .sorted(let value): value.forEach(body)
        }
    }

    /// Whether both are the same key's value.
    func isSame(as other: ScoredSource) -> Bool {
        switch (self, other) {
        case (.set(let left), .set(let right)): left === right
        case (.sorted(let left), .sorted(let right)): left === right
        default: false
        }
    }
}

/// How the scores that a member has in several inputs become one.
private enum ScoreAggregate {
    case sum, minimum, maximum

    init?(_ word: ByteSlice) {
        if word.equalsIgnoringCase("sum") {
            self = .sum
        } else if word.equalsIgnoringCase("min") {
            self = .minimum
        } else if word.equalsIgnoringCase("max") {
            self = .maximum
        } else {
            return nil
        }
    }

    func combine(_ old: Double, _ new: Double) -> Double {
        switch self {
        case .sum:
            // Of infinities with opposite signs, by convention.
            let sum = old + new
            return sum.isNaN ? 0 : sum
        // Comparisons, since a weighed score may be no number, which then doesn't count.
        case .minimum: return new < old ? new : old
        case .maximum: return new > old ? new : old
        }
    }
}

/// A call of one of these commands, its arguments checked.
private struct Combination {
    enum Operation {
        case union, intersection, difference
    }
    struct Input {
        let source: ScoredSource
        var weight = 1.0
    }
    enum Outcome {
        case replies, stores, counts
    }
    let operation: Operation
    let outcome: Outcome
    var inputs: [Input] = []
    var aggregate = ScoreAggregate.sum
    var withScores = false
    var limit = Int64.max

    // MARK: Arguments

    /// Nil: the error has been replied. `name` is the command's.
    init?(_ call: inout CommandContext, _ operation: Operation, _ outcome: Outcome, _ name: StaticString) {
        self.operation = operation
        self.outcome = outcome
        let at = outcome == .stores ? 2 : 1
        guard let number = call.integer(at) else { return nil }
        guard number > 0 else {
            call.reply.pointee.error(ErrorText.inputKeyNeeded(name))
            return nil
        }
        guard number <= Int64(call.arguments.count - at - 1) else {
            call.reply.pointee.error(ErrorText.syntax)
            return nil
        }
        guard readInputs(&call, from: outcome == .stores ? 1 : 0) else { return nil }
        if let error = readOptions(call, from: at + 1 + Int(number)) {
            call.reply.pointee.error(error)
            return nil
        }
        if operation != .difference { sortBySize() }
    }

    private mutating func readInputs(_ call: inout CommandContext, from first: Int) -> Bool {
        for index in first..<call.keys.count {
            guard let entry = call.keyspace.read(call.keys[index]) else {
                inputs.append(Input(source: .none))
                continue
            }
            // The entry is void with the next look-up, the value is not.
            switch call.keyspace.collection(of: entry) {
            case let value as SetValue: inputs.append(Input(source: .set(value)))
            case let value as SortedSetValue: inputs.append(Input(source: .sorted(value)))
            default:
                call.reply.pointee.error(ErrorText.wrongType)
                return false
            }
        }
        return true
    }

    /// The error, if there is one.
    private mutating func readOptions(_ call: borrowing CommandContext, from first: Int) -> StaticString? {
        let arguments = call.arguments
        let takesWeights = operation != .difference && outcome != .counts
        var index = first
        while index < arguments.count {
            let word = arguments[index]
            let left = arguments.count - index
            if takesWeights, left > inputs.count, word.equalsIgnoringCase("weights") {
                for number in 0..<inputs.count {
                    guard let weight = Decimal.parseDouble(arguments[index + 1 + number]) else {
                        return ErrorText.weightNotFloat
                    }
                    inputs[number].weight = weight
                }
                index += 1 + inputs.count
            } else if takesWeights, left >= 2, word.equalsIgnoringCase("aggregate") {
                guard let chosen = ScoreAggregate(arguments[index + 1]) else { return ErrorText.syntax }
                aggregate = chosen
                index += 2
            } else if outcome == .replies, word.equalsIgnoringCase("withscores") {
                withScores = true
                index += 1
            } else if outcome == .counts, left >= 2, word.equalsIgnoringCase("limit") {
                guard let bound = Decimal.parseInt64(arguments[index + 1]), bound >= 0 else {
                    return ErrorText.intersectionLimitNegative
                }
                limit = bound == 0 ? .max : bound
                index += 2
            } else {
                return ErrorText.syntax
            }
        }
        return nil
    }

    /// The smallest first; those of one size stay in their order, since sums of doubles depend on it.
    private mutating func sortBySize() {
        let order = inputs.indices.sorted { left, right in
            let (a, b) = (inputs[left].source.count, inputs[right].source.count)
            return a != b ? a < b : left < right
        }
        inputs = order.map { inputs[$0] }
    }

    // MARK: Operations

    /// The members of the result, in order.
    func members() -> ScoredMembers {
        var result = ScoredMembers()
        switch operation {
        case .union: unite(into: &result)
        case .intersection:
            intersect { member, score in
                result.append(member, score)
                return true
            }
        case .difference: subtract(into: &result)
        }
        result.sort()
        return result
    }

    private static func weighed(_ input: Input, _ score: Double) -> Double {
        let product = input.weight * score
        return product.isNaN ? 0 : product
    }

    /// Calls `body` with the members that all inputs have. O(N*M) for N members of the smallest of M inputs.
    func intersect(_ body: (ByteSlice, Double) -> Bool) {
        let first = inputs[0]
        first.source.forEach { member, score in
            var total = Self.weighed(first, score)
            for input in inputs.dropFirst() {
                let other = input.source.isSame(as: first.source) ? score : input.source.score(of: member)
                guard let other else { return true }
                total = aggregate.combine(total, other * input.weight)
            }
            return body(member, total)
        }
    }

    private func unite(into result: inout ScoredMembers) {
        let filled = inputs.filter { $0.source.count > 0 }
        if filled.count < 2 {
            filled.first?.source.forEach { member, score in
                result.append(member, Self.weighed(filled[0], score))
                return true
            }
            return
        }
        var table = ScoreTable()
        for input in filled {
            input.source.forEach { member, score in
                table.add(member, Self.weighed(input, score), aggregate.combine)
                return true
            }
        }
        table.forEach { result.append($0, $1) }
    }

    /// What the first input has and no other. Which way is cheaper is estimated as Redis does: to look each of its
    /// members up in the others, the largest first, or to take all members of the others out of a copy.
    private func subtract(into result: inout ScoredMembers) {
        let first = inputs[0].source
        let others = inputs.dropFirst().map { $0.source }.filter { $0.count > 0 }.sorted { $0.count > $1.count }
        guard !others.contains(where: { $0.isSame(as: first) }) else { return }
        if first.count * inputs.count / 2 <= others.reduce(first.count, { $0 + $1.count }) {
            first.forEach { member, score in
                if !others.contains(where: { $0.score(of: member) != nil }) { result.append(member, score) }
                return true
            }
            return
        }
        var table = ScoreTable()
        first.forEach { member, score in
            table.add(member, score) { old, _ in old }
            return true
        }
        for other in others {
            other.forEach { member, _ in
                table.remove(member)
                return table.count > 0
            }
        }
        table.forEach { result.append($0, $1) }
    }
}

extension SortedSetCommands {
    static func zunion(_ call: inout CommandContext) { reply(&call, .union, "zunion") }

    static func zinter(_ call: inout CommandContext) { reply(&call, .intersection, "zinter") }

    static func zdiff(_ call: inout CommandContext) { reply(&call, .difference, "zdiff") }

    private static func reply(_ call: inout CommandContext, _ operation: Combination.Operation, _ name: StaticString) {
        guard let asked = Combination(&call, operation, .replies, name) else { return }
        asked.members().reply(PairWriter(call.reply, withScores: asked.withScores))
    }

    static func zunionstore(_ call: inout CommandContext) { store(&call, .union, "zunionstore") }

    static func zinterstore(_ call: inout CommandContext) { store(&call, .intersection, "zinterstore") }

    static func zdiffstore(_ call: inout CommandContext) { store(&call, .difference, "zdiffstore") }

    /// `name` is the event's too.
    private static func store(_ call: inout CommandContext, _ operation: Combination.Operation, _ name: StaticString) {
        guard let asked = Combination(&call, operation, .stores, name) else { return }
        let result = asked.members().value()
        let count = result.count
        if call.refuses(result) { return }
        call.store(call.key, result, .sortedSet, name)
        call.reply.pointee.integer(count)
    }

    static func zintercard(_ call: inout CommandContext) {
        guard let asked = Combination(&call, .intersection, .counts, "zintercard") else { return }
        var count: Int64 = 0
        asked.intersect { _, _ in
            count += 1
            return count < asked.limit
        }
        call.reply.pointee.integer(count)
    }
}
