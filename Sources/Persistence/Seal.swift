import Bytes
import Keyspace
import Platform

/// What a clean shutdown writes down, so that the next start knows all keys without reading any.
///
/// On disk, little endian, never renumbered; a change of the layout is a new format number:
///
///     "FIRNSEAL" format (4) shards (4) seed (8 + 8) next generation (4) last collection (8) databases (4)
///     per database: generation (4), then per shard: keys (4), keys with an expiry (4), keys whose members expire (4)
///     SipHash of all before (8)
///
/// Format 2 had no collections in pages, and no number of the last. Format 1 had no members that expire either, and no
/// count of them. Both are still read.
public struct Seal: Sendable {
    public var seed: (UInt64, UInt64)
    public var nextGeneration: UInt32
    public var lastCollection: UInt64
    public var databases: [Database]

    public struct Database: Sendable {
        public var generation: UInt32
        public var counts: KeyspaceStore.ColdCounts
        public init(generation: UInt32, counts: KeyspaceStore.ColdCounts) {
            self.generation = generation
            self.counts = counts
        }
    }

    /// As many databases as are needed to show every key; nil if there is none.
    public var databasesNeeded: Int? {
        databases.lastIndex { database in database.counts.keys.contains { $0 > 0 } }.map { $0 + 1 }
    }

    static let magic: [UInt8] = Array("FIRNSEAL".utf8)
    static let format: UInt32 = 3

    /// Takes down a keyspace in which nothing is dirty or unresolved. All locks must be held.
    public init(of store: KeyspaceStore) {
        seed = (store.placement.hash.k0, store.placement.hash.k1)
        nextGeneration = store.nextGeneration
        lastCollection = store.collectionsNumbered
        databases = zip(0..<store.databases, store.generationsByDatabase).map { database, generation in
            Database(generation: generation, counts: store.coldCounts(database: database))
        }
    }

    /// The file's contents.
    public func encoded() -> [UInt8] {
        var bytes = Self.magic
        func append(_ number: UInt64, _ count: Int) {
            for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
        }
        append(UInt64(Self.format), 4)
        append(UInt64(Position.shardCount), 4)
        append(seed.0, 8)
        append(seed.1, 8)
        append(UInt64(nextGeneration), 4)
        append(lastCollection, 8)
        append(UInt64(databases.count), 4)
        for database in databases {
            append(UInt64(database.generation), 4)
            for shard in 0..<Position.shardCount {
                append(UInt64(database.counts.keys[shard]), 4)
                append(UInt64(database.counts.expiring[shard]), 4)
                append(UInt64(database.counts.memberExpiring[shard]), 4)
            }
        }
        append(Self.checksum(bytes), 8)
        return bytes
    }

    /// Reads a file's contents; says what is wrong with them.
    public init(_ bytes: [UInt8]) throws(DirectoryError) {
        guard bytes.count >= 48, Array(bytes.prefix(8)) == Self.magic else { throw .damagedSeal("no seal") }
        var at = 8
        func number(_ count: Int) -> UInt64 {
            defer { at += count }
            return (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
        at = bytes.count - 8
        guard number(8) == Self.checksum(Array(bytes.dropLast(8))) else { throw .damagedSeal("its checksum is wrong") }
        at = 8
        let format = number(4)
        // Intact, so a newer version wrote it: its data is good, and not ours to set aside.
        guard (1...UInt64(Self.format)).contains(format) else {
            throw .foreign("the seal has format \(format), this version knows \(Self.format)")
        }
        let shards = number(4)
        guard shards == UInt64(Position.shardCount) else { throw .damagedSeal("it has \(shards) shards") }
        seed = (number(8), number(8))
        nextGeneration = UInt32(number(4))
        lastCollection = format < 3 ? 0 : number(8)
        let count = Int(number(4))
        guard bytes.count == (format < 3 ? 48 : 56) + count * (4 + (format == 1 ? 8 : 12) * Position.shardCount) else {
            throw .damagedSeal("its length is wrong")
        }
        databases = []
        for _ in 0..<count {
            let generation = UInt32(number(4))
            var counts = KeyspaceStore.ColdCounts(keys: [], expiring: [])
            for _ in 0..<Position.shardCount {
                counts.keys.append(UInt32(number(4)))
                counts.expiring.append(UInt32(number(4)))
                counts.memberExpiring.append(format == 1 ? 0 : UInt32(number(4)))
            }
            databases.append(Database(generation: generation, counts: counts))
        }
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        // A fixed key: the purpose is to notice damage, not to resist an author.
        bytes.withSlice { SipHash(k0: 0x4669_726e_5365_616c, k1: 1).hash($0) }
    }
}
