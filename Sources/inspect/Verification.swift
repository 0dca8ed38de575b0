import Bytes
import Keyspace
import Persistence
import Values

/// Reads everything and looks whether it fits together: block checksums (RocksDB's, on the way), the form of every
/// value, the place of every key, the expiry index, and what the seal counts.
struct Verification {
    private(set) var records = 0
    private(set) var expiries = 0
    /// Pages of collections that are values of their own.
    private(set) var pages = 0
    /// Records that no database shows: their generation was flushed, and their removal has not come to them yet.
    private(set) var leftBehind = 0
    private(set) var problems: [String] = []
    private(set) var problemCount = 0
    private static let shownProblems = 20

    /// Of each shard of a database.
    private struct Found {
        var keys = [UInt32](repeating: 0, count: Position.shardCount)
        var expiring = [UInt32](repeating: 0, count: Position.shardCount)
        var memberExpiring = [UInt32](repeating: 0, count: Position.shardCount)
    }

    init(_ contents: FlashContents) throws {
        let placement = contents.seal.map { Placement(seed: SipHash(k0: $0.seed.0, k1: $0.seed.1)) }
        var found: [Int: Found] = [:]
        var rooted: [UInt64: Int] = [:]
        try contents.forEach { entry in
            records += 1
            let database = contents.database(of: entry.generation)
            if contents.seal != nil, database == nil {
                leftBehind += 1
                return true
            }
            if let placement, placement.position(of: entry.key) != entry.position {
                complain(entry, "stands where another key belongs")
            }
            guard let head = entry.head, let record = RecordEncoding.decode(key: entry.key, entry.value) else {
                complain(entry, "has a damaged value of \(entry.value.count) bytes")
                return true
            }
            if let paging = record.collectionObject?.paging {
                rooted[paging.collection, default: 0] += paging.absent
            }
            try verifyPages(of: record, entry, contents)
            if let database {
                let shard = entry.position.shard
                found[database, default: Found()].keys[shard] += 1
                if head.expiry != nil { found[database]?.expiring[shard] += 1 }
                if head.memberExpiry != nil { found[database]?.memberExpiring[shard] += 1 }
            }
            if let time = head.earliest {
                expiries += 1
                if try !contents.hasExpiryEntry(entry, at: time) {
                    complain(entry, "expires at \(time), which the index by time doesn't know")
                }
            }
            return true
        }
        try verifyPages(rooted, contents)
        for (number, database) in (contents.seal?.databases ?? []).enumerated() {
            compare(number, database.counts, found[number] ?? Found())
        }
    }

    /// Reads the pages that go with a record, one at a time, and frees the record.
    private mutating func verifyPages(
        of record: Record, _ entry: FlashContents.Entry, _ contents: FlashContents
    ) throws {
        defer { record.free() }
        guard let value = record.collectionObject, value.isPartial else { return }
        var elements = 0
        guard try contents.loadPages(of: record, generation: entry.generation, visit: { elements += $0 }) else {
            return complain(entry, "has a page that is missing or damaged")
        }
        let expected = value.elementsOfPages
        if elements != expected { complain(entry, "counts \(expected) elements, there are \(elements)") }
    }

    /// Looks for pages that no record leads to. `rooted`: the number of pages of each collection that one does.
    private mutating func verifyPages(_ rooted: [UInt64: Int], _ contents: FlashContents) throws {
        var left = rooted
        var orphans: [UInt64: Int] = [:]
        try contents.forEachPage { generation, collection in
            if contents.seal != nil, contents.database(of: generation) == nil { return leftBehind += 1 }
            pages += 1
            left[collection, default: 0] -= 1
            if left[collection] ?? 0 < 0 { orphans[collection, default: 0] += 1 }
        }
        for (collection, count) in orphans.sorted(by: { $0.key < $1.key }) {
            complain("collection \(collection): \(count) pages that no record leads to")
        }
    }

    private mutating func compare(_ database: Int, _ sealed: KeyspaceStore.ColdCounts, _ found: Found) {
        let counts = [
            ("keys", sealed.keys, found.keys), ("keys that expire", sealed.expiring, found.expiring),
            ("keys with members that expire", sealed.memberExpiring, found.memberExpiring),
        ]
        for (what, sealed, found) in counts {
            for shard in 0..<Position.shardCount where sealed[shard] != found[shard] {
                complain(
                    "database \(database), shard \(shard): the seal counts \(sealed[shard]) \(what), "
                        + "there are \(found[shard])")
            }
        }
    }

    private mutating func complain(_ entry: FlashContents.Entry, _ what: String) {
        complain("generation \(entry.generation), key \(quoted(entry.key)): \(what)")
    }

    private mutating func complain(_ text: String) {
        problemCount += 1
        if problems.count < Self.shownProblems { problems.append(text) }
    }
}
