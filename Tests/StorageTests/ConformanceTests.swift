import Bytes
import Foundation
import Platform
import Storage
import StorageFaulty
import StorageMemory
import Synchronization
import Testing

typealias StorageTestThread = NamedThread

/// A thread of the platform layer (Foundation has a type of the same name).
final class NamedThread: Sendable {
    private let thread: Platform.Thread
    init(_ body: @escaping @Sendable () -> Void) { thread = Platform.Thread(name: "test", body) }
    func join() { thread.join() }
}

@Suite("Every storage provider")
struct ConformanceTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    @Test("A value is read as it was written; binary and empty ones too", arguments: Kind.allCases)
    func readsWhatWasWritten(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        let every = (0...255).map { Byte($0) }
        let written: [([Byte], [Byte])] = [
            ([0], []), ([0, 0], [0]), (every, every), ([255, 255], bytes("last")), (bytes("a"), bytes("1")),
        ]
        try db.put(written)
        for flushed in [false, true] {
            if flushed { try db.flush() }
            for (key, value) in written { #expect(try db.get(key) == value) }
            #expect(try db.get("absent") == nil)
            #expect(try db.getMany(written.map(\.0) + [bytes("absent")]) == written.map(\.1) + [nil])
            let sorted = written.sorted { $0.0.lexicographicallyPrecedes($1.0) }
            #expect(try db.pairs() == sorted)
            #expect(try db.pairs([], [], withValues: false) == sorted.map { ($0.0, []) })
        }
        #expect(try db.getMany([]) == [])
        try db.close()
    }

    @Test("The operations of a batch apply in their order", arguments: Kind.allCases)
    func batchOrder(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        try db.put("b", "old")
        var batch = WriteBatch()
        batch.put(key: "a", value: "1")
        batch.deleteRange(from: "a", to: "c")
        batch.put(key: "b", value: "2")
        batch.put(key: "c", value: "3")
        batch.delete(key: "c")
        batch.put(key: "d", value: "4")
        batch.put(key: "d", value: "5")
        try db.write(batch)
        #expect(try db.pairs() == [(bytes("b"), bytes("2")), (bytes("d"), bytes("5"))])
        try db.write(WriteBatch())
        try db.close()
    }

    @Test("A range holds its lower and not its upper bound", arguments: Kind.allCases)
    func ranges(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        for key in ["a", "b", "ba", "c", "d"] { try db.put(key, key) }
        func keys(_ from: String, _ to: String) throws -> [String] {
            try db.pairs(from, to).map { String(decoding: $0.0, as: UTF8.self) }
        }
        #expect(try keys("b", "c") == ["b", "ba"])
        #expect(try keys("", "b") == ["a"])
        #expect(try keys("bb", "") == ["c", "d"])
        #expect(try keys("b", "b") == [])
        #expect(try keys("e", "") == [])
        try db.flush()
        var batch = WriteBatch()
        batch.deleteRange(from: "c", to: "b")
        batch.deleteRange(from: "b", to: "b")
        try db.write(batch)
        #expect(try keys("", "").count == 5)
        batch.removeAll()
        batch.deleteRange(from: "b", to: "c")
        try db.write(batch)
        #expect(try keys("", "") == ["a", "c", "d"])
        try db.compact(from: .empty, to: .empty)
        #expect(try keys("", "") == ["a", "c", "d"])
        #expect(try db.get("ba") == nil)
        try db.close()
    }

    @Test("A random history leaves what a model has", arguments: Kind.allCases, [UInt64(1), 2, 3])
    func modelled(_ kind: Kind, _ seed: UInt64) throws {
        let db = try scratch.open(kind)
        var random = Seeded(seed)
        var model: [[Byte]: [Byte]] = [:]
        func key() -> [Byte] {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in .random(in: 0...9, using: &random) }
        }
        for round in 0..<400 {
            var batch = WriteBatch()
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let a = key()
                switch Int.random(in: 0..<20, using: &random) {
                case 0:
                    let b = key()
                    a.withSlice { a in b.withSlice { batch.deleteRange(from: a, to: $0) } }
                    model = model.filter { $0.key.lexicographicallyPrecedes(a) || !$0.key.lexicographicallyPrecedes(b) }
                case 1..<6:
                    a.withSlice { batch.delete(key: $0) }
                    model[a] = nil
                default:
                    let isLarge = Int.random(in: 0..<10, using: &random) == 0
                    let size = isLarge ? 6000 : Int.random(in: 0...40, using: &random)
                    let value = [Byte](repeating: .random(in: 0...255, using: &random), count: size)
                    a.withSlice { a in value.withSlice { batch.put(key: a, value: $0) } }
                    model[a] = value
                }
            }
            try db.write(batch)
            if round % 97 == 0 { try db.flush() }
            if round % 150 == 149 { try db.compact(from: .empty, to: .empty) }
            let (a, b) = (key(), key())
            #expect(try db.get(a) == model[a])
            #expect(model[b] == nil || b.withSlice { db.mayContain($0) })
            if round % 10 == 0 {
                let expected = model.filter {
                    !$0.key.lexicographicallyPrecedes(a) && $0.key.lexicographicallyPrecedes(b)
                }
                #expect(
                    try db.pairs(a, b)
                        == expected.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) })
            }
        }
        #expect(try db.pairs().count == model.count)
        try db.close()
    }

    @Test("Readers see a batch as a whole", arguments: Kind.allCases)
    func atomicity(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        try db.put([(bytes("a"), [0, 0]), (bytes("b"), [0, 0])])
        let torn = Atomic(0)
        let isDone = Atomic(false)
        onThreads(4) { thread in
            do {
                if thread == 0 {
                    defer { isDone.store(true, ordering: .releasing) }
                    for i in 0..<3000 {
                        let value = [Byte(i & 255), Byte(i >> 8)]
                        try db.put([(bytes("a"), value), (bytes("b"), value)])
                    }
                    return
                }
                while !isDone.load(ordering: .acquiring) {
                    let values =
                        thread == 1
                        ? try db.pairs().map(\.1) : try db.getMany([bytes("a"), bytes("b")]).map { $0 ?? [] }
                    if values.count != 2 || values[0] != values[1] { torn.add(1, ordering: .relaxed) }
                }
            } catch {
                torn.add(1, ordering: .relaxed)
            }
        }
        #expect(torn.load(ordering: .relaxed) == 0)
        try db.close()
    }

    @Test("A cursor walks over the state at its opening", arguments: Kind.allCases)
    func snapshots(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        let before = (0..<5000).map { (bytes("key:\(10_000 + $0)"), bytes("\($0)")) }
        try db.put(before)
        // The scope ends the cursor's life before close.
        try {
            let cursor = try db.cursor(from: .empty, to: .empty, withValues: true)
            let first = try #require(try cursor.next())
            #expect(first.key.array == before[0].0)
            onThreads(3) { thread in
                for i in stride(from: thread, to: 5000, by: 3) {
                    try? db.delete("key:\(10_000 + i)")
                    try? db.put("key:\(10_000 + i)x", "new")
                }
            }
            try db.flush()
            #expect(try rest(of: cursor) == Array(before.dropFirst()))
            #expect(try cursor.next() == nil)
        }()
        #expect(try db.pairs().count == 5000)
        #expect(try db.get("key:10000") == nil)
        try db.close()
    }

    @Test("Values of megabytes", arguments: Kind.allCases)
    func largeValues(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        var random = Seeded(7)
        let large = (0..<(5 << 20)).map { _ in Byte(truncatingIfNeeded: random.next()) }
        try db.put([(bytes("large"), large), (bytes("small"), [1])])
        #expect(try db.get("large".utf8.map { $0 }) == large)
        try db.flush()
        #expect(try db.get(bytes("large")) == large)
        #expect(try db.getMany([bytes("small"), bytes("large")]) == [[1], large])
        try db.close()
    }

    @Test("Many threads, each with keys of its own", arguments: Kind.allCases)
    func manyThreads(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        let wrong = Atomic(0)
        onThreads(8) { thread in
            var random = Seeded(UInt64(thread) + 99)
            var mine: [String: String] = [:]
            do {
                for i in 0..<1500 {
                    let key = "\(thread):\(Int.random(in: 0..<200, using: &random))"
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0:
                        if try db.get(key) != mine[key] { wrong.add(1, ordering: .relaxed) }
                        if mine[key] != nil, !db.mayContain(key) { wrong.add(1, ordering: .relaxed) }
                    case 1:
                        try db.delete(key)
                        mine[key] = nil
                    default:
                        mine[key] = "\(i)"
                        try db.put(key, "\(i)")
                    }
                    if thread == 0, i % 500 == 0 { try db.flush() }
                }
            } catch {
                wrong.add(1, ordering: .relaxed)
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(db.statistics.reads > 0)
        try db.close()
    }

    @Test("A checkpoint opens to the contents at its time", arguments: Kind.allCases)
    func checkpoints(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        let large = [Byte](repeating: 9, count: 10_000)
        try db.put((0..<2000).map { (bytes("key:\($0)"), bytes("\($0)")) } + [(bytes("large"), large)])
        let at = try db.pairs()
        try db.checkpoint(to: scratch.sub("checkpoint"))
        try db.put("later", "1")
        try db.delete("key:7")
        try db.compact(from: .empty, to: .empty)
        #expect(throws: StorageError.self) { try db.checkpoint(to: scratch.sub("checkpoint")) }
        try db.close()
        let copy = try scratch.open(kind, from: scratch.sub("checkpoint"))
        #expect(try copy.pairs() == at)
        #expect(try copy.get(bytes("large")) == large)
        try copy.close()
    }

    @Test("Less than one absent key in a hundred may be there, no present one is denied", arguments: Kind.allCases)
    func mayContainIsRight(_ kind: Kind) throws {
        let db = try scratch.open(kind)
        let count = 20_000
        for start in stride(from: 0, to: count, by: 1000) {
            try db.put((start..<start + 1000).map { (bytes("key:\($0)"), bytes("\($0)")) })
            if start % 5000 == 0 { try db.flush() }
        }
        #expect((0..<count).allSatisfy { db.mayContain("key:\($0)") })
        let wrong = (0..<count).count { db.mayContain("absent:\($0)") }
        #expect(wrong < count / 100)
        try db.close()
    }
}

extension WriteBatch {
    mutating func put(key: StaticString, value: StaticString) { put(key: ByteSlice(key), value: ByteSlice(value)) }
    mutating func delete(key: StaticString) { delete(key: ByteSlice(key)) }
    mutating func deleteRange(from: StaticString, to: StaticString) {
        deleteRange(from: ByteSlice(from), to: ByteSlice(to))
    }
}
