import Bytes
import Keyspace
import Values

/// What a walk over records counts. Memory: an entry per prefix.
struct Census {
    /// Of the records of a type, or with a prefix.
    struct Count {
        var keys = 0
        /// Keys that expire, or of whose members some do.
        var expiring = 0
        /// Those of them whose time has come; a server removes them in time, and shows none of them.
        var pastDue = 0
        var keyBytes = 0
        /// As they stand on flash, before compression.
        var valueBytes = 0
        var largest = 0

        mutating func add(_ entry: FlashContents.Entry, _ head: RecordEncoding.Head, bytes: Int, now: Int64) {
            keys += 1
            if head.earliest != nil { expiring += 1 }
            if let expiry = head.expiry, expiry < now { pastDue += 1 }
            keyBytes += entry.key.count
            valueBytes += bytes
            largest = max(largest, bytes)
        }
    }

    struct Large {
        let key: [UInt8]
        let type: ValueType
        let bytes: Int
    }

    private(set) var types: [ValueType: Count] = [:]
    /// By what stands before the first separator; nil: keys without one.
    private(set) var prefixes: [[UInt8]?: Count] = [:]
    /// The records with the largest values, the largest first.
    private(set) var largest: [Large] = []
    private(set) var damaged = 0
    private let separator: [UInt8]
    private let mostLarge: Int
    private let now: Int64

    /// `separator`: ends a prefix; empty: prefixes are not counted.
    init(separator: [UInt8], largest: Int, now: Int64) {
        self.separator = separator
        mostLarge = largest
        self.now = now
    }

    /// `bytes`: of the value, with its pages.
    mutating func add(_ entry: FlashContents.Entry, bytes: Int) {
        guard let head = entry.head else { return damaged += 1 }
        types[head.type, default: Count()].add(entry, head, bytes: bytes, now: now)
        if !separator.isEmpty { prefixes[prefix(entry.key), default: Count()].add(entry, head, bytes: bytes, now: now) }
        guard mostLarge > 0, largest.count < mostLarge || bytes > (largest.last?.bytes ?? 0) else { return }
        let place = largest.firstIndex { $0.bytes < bytes } ?? largest.count
        largest.insert(Large(key: entry.key.array, type: head.type, bytes: bytes), at: place)
        if largest.count > mostLarge { largest.removeLast() }
    }

    private func prefix(_ key: ByteSlice) -> [UInt8]? {
        guard key.count >= separator.count else { return nil }
        for start in 0...key.count - separator.count
        where key[start] == separator[0] && key.dropFirst(start).array.starts(with: separator) {
            return key.prefix(start + separator.count).array
        }
        return nil
    }

    var total: Count {
        types.values.reduce(into: Count()) { sum, count in
            sum.keys += count.keys
            sum.expiring += count.expiring
            sum.pastDue += count.pastDue
            sum.keyBytes += count.keyBytes
            sum.valueBytes += count.valueBytes
            sum.largest = max(sum.largest, count.largest)
        }
    }

    /// The tables of what was counted; `prefixes`: how many of them.
    func text(prefixes most: Int) -> String {
        func row(_ name: String, _ count: Count) -> [String] {
            [
                name, grouped(count.keys), grouped(count.expiring), grouped(count.pastDue), bytesText(count.keyBytes),
                bytesText(count.valueBytes), bytesText(count.valueBytes / max(1, count.keys)),
                bytesText(count.largest),
            ]
        }
        let columns = ["keys", "expiring", "past due", "key bytes", "value bytes", "mean", "largest"]
        var rows = ValueType.all.compactMap { type in types[type].map { row("\(type.name)", $0) } }
        if types.count != 1 { rows.append(row("all", total)) }
        var text = table(["type"] + columns, rows)
        if most > 0, !prefixes.isEmpty {
            let sorted = prefixes.sorted { left, right in
                (left.value.valueBytes, left.value.keys) > (right.value.valueBytes, right.value.keys)
            }
            let shown = sorted.prefix(most).map { prefix, count in
                row(prefix.map { bytes in bytes.withSlice { quoted($0) } } ?? "(none)", count)
            }
            text += "\n" + table(["prefix (\(min(most, sorted.count)) of \(sorted.count))"] + columns, shown)
        }
        if !largest.isEmpty {
            text += "\n" + table(["largest", "type", "value bytes"], largest.map { large in
                [large.key.withSlice { quoted($0) }, "\(large.type.name)", grouped(large.bytes)]
            })
        }
        if damaged > 0 { text += "\n\(grouped(damaged)) values are damaged: see inspect verify\n" }
        return text
    }
}
