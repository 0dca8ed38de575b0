import Bytes
import Keyspace
import RESP
import Values

// Intersections, unions and differences.

extension SetCommands {
    /// The sets of the call's keys from `first` on, nil for keys that don't exist. Nil: one is no set, which has been
    /// replied.
    private static func sets(_ call: inout CommandContext, from first: Int) -> [SetValue?]? {
        var sets: [SetValue?] = []
        for index in first..<call.keys.count {
            switch call.collection(call.keys[index], SetValue.self, isRead: true) {
            case .refused: return nil
            case .missing: sets.append(nil)
            // The entry is void with the next look-up, the value is not.
            case .found(_, let set): sets.append(set)
            }
        }
        return sets
    }

    // MARK: The operations

    /// Calls `body` with the members that all sets have. `body` returns whether to go on. O(N*M) for N members of the
    /// smallest of M sets.
    private static func intersect(_ sets: [SetValue?], _ body: (Listpack.Item) -> Bool) {
        let all = sets.compactMap { $0 }.sorted { $0.count < $1.count }
        guard all.count == sets.count, let smallest = all.first else { return }
        let others = all.dropFirst().filter { $0 !== smallest }
        smallest.forEach { member in
            others.allSatisfy { $0.contains(member) } ? body(member) : true
        }
    }

    private static func union(_ sets: [SetValue?]) -> SetValue {
        let result = SetValue()
        for case let set? in sets { add(set, to: result) }
        return result
    }

    private static func add(_ set: SetValue, to result: SetValue) {
        set.forEach { member in
            result.add(member)
            return true
        }
    }

    /// What the first set has and no other. O(N*M) for N members of the first of M sets, or O(all members), which is
    /// chosen as Redis does.
    private static func difference(_ sets: [SetValue?]) -> SetValue {
        let result = SetValue()
        guard let first = sets.first ?? nil else { return result }
        let others = sets.dropFirst().compactMap { $0 }.sorted { $0.count > $1.count }
        let members = others.reduce(first.count) { $0 + $1.count }
        if first.count * (others.count + 1) / 2 <= members {
            first.forEach { member in
                if !others.contains(where: { $0.contains(member) }) { result.add(member) }
                return true
            }
            return result
        }
        add(first, to: result)
        for other in others where result.count > 0 {
            other.forEach { member in
                result.remove(member)
                return true
            }
        }
        return result
    }

    // MARK: The commands

    private static func reply(_ set: SetValue, _ call: borrowing CommandContext) {
        call.reply.pointee.set(set.count)
        call.reply.pointee.members(of: set)
    }

    /// Stores a result in the call's first key and replies how many members it has.
    private static func store(_ set: SetValue, _ event: StaticString, _ call: inout CommandContext) {
        let count = set.count
        if call.refuses(set) { return }
        call.store(call.key, set, .set, event)
        call.reply.pointee.integer(count)
    }

    static func sinter(_ call: inout CommandContext) {
        guard let sets = sets(&call, from: 0) else { return }
        let reply = call.reply
        let begun = reply.pointee.begin(.set)
        var count = 0
        intersect(sets) { member in
            reply.pointee.bulk(member)
            count += 1
            return true
        }
        reply.pointee.end(begun, count: count)
    }

    static func sinterstore(_ call: inout CommandContext) {
        guard let sets = sets(&call, from: 1) else { return }
        let result = SetValue()
        intersect(sets) { member in
            result.add(member)
            return true
        }
        store(result, "sinterstore", &call)
    }

    static func sintercard(_ call: inout CommandContext) {
        guard let number = Decimal.parseInt64(call.arguments[1]), number > 0 else {
            return call.reply.pointee.error(ErrorText.numkeysZero)
        }
        guard number <= Int64(call.arguments.count - 2) else {
            return call.reply.pointee.error(ErrorText.numkeysTooMany)
        }
        var limit = Int64.max
        var index = 2 + Int(number)
        while index < call.arguments.count {
            guard call.arguments[index].equalsIgnoringCase("limit"), index + 1 < call.arguments.count else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
            guard let bound = Decimal.parseInt64(call.arguments[index + 1]), bound >= 0 else {
                return call.reply.pointee.error(ErrorText.intersectionLimitNegative)
            }
            limit = bound == 0 ? .max : bound
            index += 2
        }
        guard let sets = sets(&call, from: 0) else { return }
        var count: Int64 = 0
        intersect(sets) { _ in
            count += 1
            return count < limit
        }
        call.reply.pointee.integer(count)
    }

    static func sunion(_ call: inout CommandContext) { reply(&call, union) }

    static func sunionstore(_ call: inout CommandContext) { store(&call, "sunionstore", union) }

    static func sdiff(_ call: inout CommandContext) { reply(&call, difference) }

    static func sdiffstore(_ call: inout CommandContext) { store(&call, "sdiffstore", difference) }

    private static func reply(_ call: inout CommandContext, _ combine: ([SetValue?]) -> SetValue) {
        guard let sets = sets(&call, from: 0) else { return }
        reply(combine(sets), call)
    }

    private static func store(
        _ call: inout CommandContext, _ event: StaticString, _ combine: ([SetValue?]) -> SetValue
    ) {
        guard let sets = sets(&call, from: 1) else { return }
        store(combine(sets), event, &call)
    }
}
