// StorageMemory: the reference provider, a sorted map behind one lock. It is what the protocol means, in the fewest
// lines, and what tests under the thread sanitizer run on.
//
// Its pairs lie in runs of at most 128, in order. Runs are Swift arrays, so a copy of the map is a snapshot: a cursor
// and a checkpoint take one in O(1), and the next write copies the list of runs and the run it changes.
import Bytes

/// One key with its value.
struct Pair: Sendable {
    let key: SharedBytes
    let value: SharedBytes
}

/// An ordered map of byte strings: a value type whose copies share what neither has changed.
struct SortedPairs: Sendable {
    /// No run is empty; each run is sorted, and ends before the next one begins.
    private(set) var runs: [[Pair]] = []
    private(set) var count = 0
    /// Bytes of all keys and values.
    private(set) var byteCount = 0

    private static let runLimit = 128

    /// Where a key is, or where it would be inserted.
    struct Place {
        var run: Int
        var index: Int
        var isHit: Bool
    }

    /// The first pair at or after `key`. O(log n).
    func place(of key: ByteSlice) -> Place {
        // The last run that does not begin after the key.
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle][0].key.slice.compare(key) <= 0 { low = middle + 1 } else { high = middle }
        }
        let run = max(low - 1, 0)
        guard run < runs.count else { return Place(run: 0, index: 0, isHit: false) }
        var first = 0
        var last = runs[run].count
        while first < last {
            let middle = (first + last) / 2
            if runs[run][middle].key.slice.compare(key) < 0 { first = middle + 1 } else { last = middle }
        }
        let isHit = first < runs[run].count && runs[run][first].key.slice == key
        return Place(run: run, index: first, isHit: isHit)
    }

    subscript(key: ByteSlice) -> SharedBytes? {
        let at = place(of: key)
        return at.isHit ? runs[at.run][at.index].value : nil
    }

    mutating func put(_ key: ByteSlice, _ value: ByteSlice) {
        let at = place(of: key)
        let fresh = SharedBytes(copying: value)
        if at.isHit {
            let old = runs[at.run][at.index]
            byteCount += value.count - old.value.count
            runs[at.run][at.index] = Pair(key: old.key, value: fresh)
            return
        }
        if runs.isEmpty { runs.append([]) }
        runs[at.run].insert(Pair(key: SharedBytes(copying: key), value: fresh), at: at.index)
        count += 1
        byteCount += key.count + value.count
        if runs[at.run].count > Self.runLimit {
            let half = Self.runLimit / 2
            runs.insert(Array(runs[at.run][half...]), at: at.run + 1)
            runs[at.run].removeSubrange(half...)
        }
    }

    mutating func remove(_ key: ByteSlice) {
        let at = place(of: key)
        if at.isHit { remove(at.run, at.index..<at.index + 1) }
    }

    mutating func remove(from: ByteSlice, to: ByteSlice) {
        guard from.compare(to) < 0 else { return }
        var run = place(of: from).run
        while run < runs.count, runs[run][0].key.slice.compare(to) < 0 {
            let first = runs[run].firstIndex { $0.key.slice.compare(from) >= 0 } ?? runs[run].count
            let last = runs[run].firstIndex { $0.key.slice.compare(to) >= 0 } ?? runs[run].count
            let before = runs.count
            if first < last { remove(run, first..<last) }
            if runs.count == before { run += 1 }
        }
    }

    private mutating func remove(_ run: Int, _ range: Range<Int>) {
        for pair in runs[run][range] { byteCount -= pair.key.count + pair.value.count }
        count -= range.count
        runs[run].removeSubrange(range)
        if runs[run].isEmpty { runs.remove(at: run) }
    }
}
