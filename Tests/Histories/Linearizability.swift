import Bytes
import Synchronization
import Values

/// What a call on one key did and saw.
protocol SequentialAction: Sendable {
    associatedtype State: Hashable
    /// The key's state after the call, if the call could have seen what it saw on `state`; nil is no key.
    func applied(to state: State?) -> State??
}

/// A call on one key, and between which ticks it was.
struct Observed<Action: SequentialAction>: CustomStringConvertible {
    let action: Action
    let from: Int
    let to: Int

    var description: String { "\(from)-\(to) \(action)" }
}

/// Calls on strings.
enum StringAction: SequentialAction {
    case get(String?)
    case set(String)
    case delete(Bool)
    case increment(Int64?)
    case append(String, Int)

    func applied(to value: String?) -> String?? {
        switch self {
        case .get(let seen): return seen == value ? .some(value) : nil
        case .set(let text): return .some(text)
        case .delete(let existed): return existed == (value != nil) ? .some(nil) : nil
        case .increment(let result):
            let number = value.map { text in Array(text.utf8).withSlice { StringForm.canonicalInteger($0) } } ?? 0
            guard let number, number < .max else { return result == nil ? .some(value) : nil }
            return result == number + 1 ? .some("\(number + 1)") : nil
        case .append(let suffix, let length):
            let text = (value ?? "") + suffix
            return text.utf8.count == length ? .some(text) : nil
        }
    }
}

/// Whether a key's history could have happened one call after the other, each between its beginning and its end.
///
/// The search of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was
/// tried ("Testing for linearizability", 2017): a configuration is the set of calls done and the value; none is
/// visited twice.
enum Linearizability {
    private struct Configuration<State: Hashable>: Hashable {
        var done: [UInt64]
        var value: State?
    }

    static func check<Action: SequentialAction>(_ history: [Observed<Action>]) -> Bool {
        let calls = history.sorted { $0.from < $1.from }
        var tried = Set<Configuration<Action.State>>()
        var stack = [Configuration<Action.State>(done: [UInt64](repeating: 0, count: calls.count / 64 + 1), value: nil)]
        while let here = stack.popLast() {
            guard tried.insert(here).inserted else { continue }
            // Those may be next that began before any other that is left has ended.
            var candidates: [Int] = []
            var firstEnd = Int.max
            for index in calls.indices where here.done[index / 64] & 1 << UInt64(index % 64) == 0 {
                if calls[index].from > firstEnd { break }
                candidates.append(index)
                firstEnd = min(firstEnd, calls[index].to)
            }
            if candidates.isEmpty { return true }
            for index in candidates.reversed() where calls[index].from < firstEnd {
                guard let value = calls[index].action.applied(to: here.value) else { continue }
                var next = here
                next.done[index / 64] |= 1 << UInt64(index % 64)
                next.value = value
                stack.append(next)
            }
        }
        return false
    }
}

/// Moments in an order that all threads agree on.
final class Moments: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.add(1, ordering: .sequentiallyConsistent).newValue }
}
