/// Which connection's request is due next: a binary heap by time.
struct Pacer {
    private var heap: [(due: Int64, connection: Int)] = []

    var nextDue: Int64? { heap.first?.due }

    mutating func add(_ connection: Int, due: Int64) {
        heap.append((due, connection))
        var at = heap.count - 1
        while at > 0, heap[at].due < heap[(at - 1) / 2].due {
            heap.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    /// The connection that is due at `now` or earlier, taken out; nil when none is.
    mutating func pop(now: Int64) -> Int? {
        guard let first = heap.first, first.due <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            siftDown()
        }
        return first.connection
    }

    private mutating func siftDown() {
        var at = 0
        while true {
            var least = at
            for child in 2 * at + 1...2 * at + 2 where child < heap.count && heap[child].due < heap[least].due {
                least = child
            }
            if least == at { return }
            heap.swapAt(at, least)
            at = least
        }
    }
}
