/// The blocked calls of a loop whose time will be up, the next to go first: a binary heap in which each call knows its
/// place. Its loop's alone.
struct DeadlineHeap {
    private var calls: [BlockedCall] = []

    /// Monotonic milliseconds; `Int.max` if nobody's time will be up.
    var next: Int { calls.first?.deadline ?? .max }

    var count: Int { calls.count }

    /// O(log n). Nothing for a call that is there already or waits for ever.
    mutating func insert(_ call: BlockedCall) {
        guard call.heapIndex < 0, call.deadline != .max else { return }
        calls.append(call)
        call.heapIndex = calls.count - 1
        rise(calls.count - 1)
    }

    /// O(log n). Nothing for a call that isn't there.
    mutating func remove(_ call: BlockedCall) {
        let index = call.heapIndex
        guard index >= 0 else { return }
        precondition(calls[index] === call, "a blocked call that is not at its place \(index)")
        call.heapIndex = -1
        let last = calls.removeLast()
        guard last !== call else { return }
        calls[index] = last
        last.heapIndex = index
        rise(index)
        sink(last.heapIndex)
    }

    /// Takes out the next to go if its time is up.
    mutating func pop(now: Int) -> BlockedCall? {
        guard let first = calls.first, first.deadline <= now else { return nil }
        remove(first)
        return first
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0, calls[index].deadline < calls[(index - 1) / 2].deadline {
            swap(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in 2 * index + 1...2 * index + 2
            where child < calls.count && calls[child].deadline < calls[least].deadline {
                least = child
            }
            if least == index { return }
            swap(index, least)
            index = least
        }
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        calls.swapAt(a, b)
        calls[a].heapIndex = a
        calls[b].heapIndex = b
    }
}
