import Bytes
import Foundation
import Storage
import StorageFaulty
import StorageMemory
import Testing

#if FIRN_ROCKSDB
import StorageRocksDB
#endif

/// The providers that the conformance tests run on.
enum Kind: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case memory
    case faulty
    #if FIRN_ROCKSDB
    case rocksDB
    #endif
    var testDescription: String { rawValue }
}

/// A directory of its own for a test, removed at the end.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/firn-storage-\(getpid())-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func sub(_ name: String) -> String { path + "/" + name }

    /// A provider in the sub-directory `name`: new, or over the checkpoint `from`.
    func open(_ kind: Kind, _ name: String = "db", from checkpoint: String? = nil) throws -> any StorageProvider {
        switch kind {
        case .memory:
            return try checkpoint.map { try MemoryProvider(checkpoint: $0) } ?? MemoryProvider()
        case .faulty:
            return FaultyProvider(try open(.memory, name, from: checkpoint), seed: 1)
        #if FIRN_ROCKSDB
        case .rocksDB:
            return try RocksDBProvider(directory: checkpoint ?? sub(name), options: Scratch.small)
        #endif
        }
    }

    #if FIRN_ROCKSDB
    /// Little memory, so that tests meet flushes, several runs and compactions.
    static var small: RocksDBOptions {
        var options = RocksDBOptions()
        options.blockCacheBytes = 8 << 20
        options.memtableBytes = 4 << 20
        options.blobBytes = 4096
        return options
    }
    #endif
}

/// A generator with a seed, so that a failure can be replayed (xorshift64*, Vigna 2016).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed | 1 }
    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}

typealias Byte = UInt8

func bytes(_ text: String) -> [Byte] { Array(text.utf8) }

extension StorageProvider {
    func put(_ pairs: [([Byte], [Byte])]) throws {
        var batch = WriteBatch()
        for (key, value) in pairs {
            key.withSlice { key in value.withSlice { batch.put(key: key, value: $0) } }
        }
        try write(batch)
    }

    func put(_ key: String, _ value: String) throws { try put([(bytes(key), bytes(value))]) }

    func delete(_ key: String) throws {
        var batch = WriteBatch()
        key.withSlice { batch.delete(key: $0) }
        try write(batch)
    }

    /// The value of `key`, or nil. A throttled read is an error here.
    func get(_ key: [Byte]) throws -> [Byte]? {
        switch try key.withSlice({ (slice) throws(StorageError) in try read(slice) }) {
        case .found(let value): return value.slice.array
        case .missing: return nil
        case .throttled: throw StorageError(.other, "throttled")
        }
    }

    func get(_ key: String) throws -> String? { try get(bytes(key)).map { String(decoding: $0, as: UTF8.self) } }

    /// The values of several keys, read with one call.
    func getMany(_ keys: [[Byte]]) throws -> [[Byte]?] {
        let owners = keys.map { $0.withSlice { SharedBytes(copying: $0) } }
        return try withExtendedLifetime(owners) {
            try read(owners.map(\.slice)).map { result in
                if case .found(let value) = result { value.slice.array } else { nil }
            }
        }
    }

    func mayContain(_ key: String) -> Bool { key.withSlice { mayContain($0) } }

    /// All pairs in `from ..< to`.
    func pairs(_ from: String = "", _ to: String = "") throws -> [([Byte], [Byte])] {
        try pairs(bytes(from), bytes(to))
    }

    func pairs(_ from: [Byte], _ to: [Byte], withValues: Bool = true) throws -> [([Byte], [Byte])] {
        let cursor = try from.withSlice { from throws(StorageError) in
            try to.withSlice { to throws(StorageError) in
                try self.cursor(from: from, to: to, withValues: withValues)
            }
        }
        return try rest(of: cursor)
    }
}

/// What `cursor` still has to give.
func rest(of cursor: any StorageCursor) throws -> [([Byte], [Byte])] {
    var out: [([Byte], [Byte])] = []
    while let (key, value) = try cursor.next() { out.append((key.array, value.array)) }
    return out
}

func == (a: [([Byte], [Byte])], b: [([Byte], [Byte])]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
}

/// Runs `body` on `count` threads at once and waits for all.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = (0..<count).map { i in StorageTestThread { body(i) } }
    threads.forEach { $0.join() }
}
