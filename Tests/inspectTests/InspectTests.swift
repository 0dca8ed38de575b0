import Bytes
import Foundation
import Keyspace
import Persistence
import Storage
import StorageMemory
import StorageRocksDB
import Testing
import Values

@testable import inspect

/// Records of every type on a provider, and the seal that fits them.
private struct Fixture {
    static let generation: UInt32 = 3
    static let now: Int64 = 1_800_000_000_000
    let placement = Placement(seed: SipHash(k0: 7, k1: 8))
    var seal: Seal

    init() {
        let none = [UInt32](repeating: 0, count: Position.shardCount)
        let counts = KeyspaceStore.ColdCounts(keys: none, expiring: none, memberExpiring: none)
        let store = KeyspaceStore(databases: 1, placement: placement, hasProvider: false)
        seal = Seal(of: store)
        seal.databases = [Seal.Database(generation: Self.generation, counts: counts)]
    }

    /// A value of each type; the bytes are shown by `get`.
    static func values() -> [(type: ValueType, value: CollectionValue, shown: [String])] {
        let list = ListValue()
        let set = SetValue()
        let sorted = SortedSetValue()
        let hash = HashValue()
        for text in ["a", "b\n"] {
            Array(text.utf8).withSlice { bytes in
                list.push(bytes, .right)
                set.add(bytes)
                sorted.set(bytes, text == "a" ? 1.5 : 2)
                hash.set(bytes, bytes)
            }
        }
        ByteSlice("a").array.withSlice { hash.setExpiry(of: $0, now + 5) }
        return [
            (.list, list, ["\"a\"", "\"b\\n\""]), (.set, set, ["\"a\"", "\"b\\n\""]),
            (.zset, sorted, ["\"a\" 1.5", "\"b\\n\" 2"]),
            (.hash, hash, ["\"a\" \"a\"  expires at \(now + 5)", "\"b\\n\" \"b\\n\""]),
        ]
    }

    mutating func put(_ record: Record, _ batch: inout WriteBatch, isIndexed: Bool = true, isCounted: Bool = true) {
        let position = placement.position(of: record.key)
        var name = ByteBuffer()
        var value = ByteBuffer()
        FlashKey.record(generation: Self.generation, position: position, key: record.key, into: &name)
        RecordEncoding.encode(record, into: &value)
        batch.put(key: name.slice, value: value.slice)
        guard let head = RecordEncoding.head(value.slice) else { return #expect(Bool(false), "no head") }
        if let time = head.earliest, isIndexed {
            var entry = ByteBuffer()
            FlashKey.expiry(
                generation: Self.generation, at: time, position: position, key: record.key, into: &entry)
            batch.put(key: entry.slice, value: .empty)
        }
        if isCounted {
            seal.databases[0].counts.keys[position.shard] += 1
            if head.expiry != nil { seal.databases[0].counts.expiring[position.shard] += 1 }
            if head.memberExpiry != nil { seal.databases[0].counts.memberExpiring[position.shard] += 1 }
        }
        record.free()
    }

    static func string(_ key: String, _ value: String, expiry: Int64? = nil) -> Record {
        Array(key.utf8).withSlice { key in
            Array(value.utf8).withSlice { Record.string(key: key, value: $0, expiry: expiry) }
        }
    }

    /// A hash of 2000 fields, or a sorted set of as many members, that goes by pages; its number on flash is 5.
    mutating func putPaged(_ key: String, _ batch: inout WriteBatch, isSorted: Bool) {
        let (hash, sorted) = (HashValue(), SortedSetValue())
        hash.unpack()
        for number in 0..<2000 {
            Array("field:\(number)".utf8).withSlice { field in
                _ = hash.set(field, ByteSlice("value"))
                sorted.set(field, Double(number))
            }
        }
        let value: CollectionValue = isSorted ? sorted : hash
        value.startPaging(5)
        while let look = value.turnHand(ignoringTouches: true) {
            guard case .changed(let name) = look else { continue }
            var key = ByteBuffer()
            FlashKey.page(generation: Self.generation, collection: 5, name: name, into: &key)
            value.issue(name) { batch.put(key: key.slice, value: $0) }
        }
        Array(key.utf8).withSlice { put(Record.collection(key: $0, value, expiry: nil), &batch) }
    }

    /// 40 strings, half of which expire, half of those past due; a collection of each type.
    mutating func fill() -> WriteBatch {
        var batch = WriteBatch()
        for number in 0..<40 {
            let expiry = number % 2 == 0 ? nil : Self.now + (number % 4 == 1 ? -1 : 1)
            put(Self.string("user:\(number)", String(repeating: "x", count: number), expiry: expiry), &batch)
        }
        for (type, value, _) in Self.values() {
            put(Record.collection(key: ByteSlice(type.name), value, expiry: nil), &batch)
        }
        return batch
    }
}

@Suite struct InspectTests {
    private func contents(
        _ change: (inout Fixture, inout WriteBatch) -> Void = { _, _ in }
    ) throws -> FlashContents {
        var fixture = Fixture()
        var batch = fixture.fill()
        change(&fixture, &batch)
        let provider = MemoryProvider()
        try provider.write(batch)
        return FlashContents(provider: provider, seal: fixture.seal, state: "sealed")
    }

    private func problems(
        _ change: (inout Fixture, inout WriteBatch) -> Void = { _, _ in }
    ) throws -> [String] {
        try Verification(contents(change)).problems
    }

    @Test func countsByTypeAndPrefix() throws {
        let contents = try contents()
        #expect(try contents.generations() == [Fixture.generation])
        #expect(contents.database(of: Fixture.generation) == 0)
        var census = Census(separator: Array(":".utf8), largest: 2, now: Fixture.now)
        try contents.forEach(in: Fixture.generation) { entry in
            census.add(entry, bytes: try contents.bytes(of: entry.value, generation: entry.generation))
            return true
        }
        #expect(census.total.keys == 44 && census.total.expiring == 21 && census.total.pastDue == 10)
        let strings = try #require(census.types[.string])
        // A value is its head of 5 bytes, 8 of expiry for one in two, and its text of 0 to 39 bytes.
        #expect(strings.keys == 40 && strings.valueBytes == 40 * 5 + 20 * 8 + 40 * 39 / 2)
        #expect(census.prefixes[Array("user:".utf8)]?.keys == 40)
        #expect(census.prefixes[nil]?.keys == 4)
        #expect(census.largest.map(\.bytes) == census.largest.map(\.bytes).sorted(by: >))
        let text = census.text(prefixes: 10)
        #expect(text.contains("\"user:\"") && text.contains("(none)"), "\(text)")
    }

    @Test func showsValues() throws {
        let contents = try contents()
        for (type, _, shown) in Fixture.values() {
            let key = ByteSlice(type.name)
            let value = try #require(try contents.read(key, generation: Fixture.generation))
            let record = try #require(RecordEncoding.decode(key: key, value.slice))
            var lines: [String] = []
            ValueText.lines(of: record) { lines.append($0) }
            #expect(lines.sorted() == shown.sorted())
            record.free()
        }
        #expect(try Array("nobody".utf8).withSlice { try contents.read($0, generation: Fixture.generation) } == nil)
        // Without a seal nobody knows where a key belongs.
        let unsealed = FlashContents(provider: contents.provider, seal: nil, state: "")
        #expect(try Array("user:7".utf8).withSlice { try unsealed.read($0, generation: Fixture.generation) } != nil)
        #expect(try unsealed.generation(of: 0) == Fixture.generation)
        #expect(throws: InspectionError.self) { try unsealed.generation(of: 1) }
        #expect(throws: InspectionError.self) { try contents.generation(of: 1) }
    }

    /// A seal of the format before collections had pages: it can't have known any.
    @Test func olderSealsAreRead() throws {
        var seal = Fixture().seal
        seal.lastCollection = 9
        let bytes = seal.encoded()
        #expect(try Seal(bytes).lastCollection == 9)
        var older = Array(bytes[..<36] + bytes[44..<bytes.count - 8])
        older[8] = 2
        let checksum = older.withSlice { SipHash(k0: 0x4669_726e_5365_616c, k1: 1).hash($0) }
        for shift in stride(from: 0, to: 64, by: 8) { older.append(UInt8(truncatingIfNeeded: checksum >> shift)) }
        let read = try Seal(older)
        #expect(read.lastCollection == 0 && read.nextGeneration == seal.nextGeneration)
        #expect(read.databases.map(\.generation) == seal.databases.map(\.generation))
    }

    @Test(arguments: [false, true]) func readsCollectionsInPages(isSorted: Bool) throws {
        func paged(_ change: (inout WriteBatch) -> Void = { _ in }) throws -> FlashContents {
            try self.contents { fixture, batch in
                fixture.putPaged("big", &batch, isSorted: isSorted)
                change(&batch)
            }
        }
        let contents = try paged()
        let whole = try Verification(contents)
        #expect(whole.problems == [] && whole.pages > 50)
        var census = Census(separator: [], largest: 1, now: Fixture.now)
        try contents.forEach(in: Fixture.generation) { entry in
            census.add(entry, bytes: try contents.bytes(of: entry.value, generation: entry.generation))
            return true
        }
        // More than the texts: 2000 of 5 bytes and as many of 7 to 10.
        #expect(census.largest.first.map { $0.key == Array("big".utf8) && $0.bytes > 30_000 } == true)
        let value = try #require(try contents.read(ByteSlice("big"), generation: Fixture.generation))
        let record = try #require(RecordEncoding.decode(key: ByteSlice("big"), value.slice))
        #expect(try contents.loadPages(of: record, generation: Fixture.generation))
        var lines: [String] = []
        ValueText.lines(of: record) { lines.append($0) }
        record.free()
        #expect(lines.count == 2000 && lines.contains(isSorted ? "\"field:7\" 7" : "\"field:7\" \"value\""))

        func name(_ collection: UInt64, _ page: PageName) -> ByteBuffer {
            var key = ByteBuffer()
            FlashKey.page(generation: Fixture.generation, collection: collection, name: page, into: &key)
            return key
        }
        let missing = try Verification(paged { $0.delete(key: name(5, 0).slice) })
        #expect(missing.problems.count == 1 && missing.problems[0].contains("a page that is missing or damaged"))
        let orphan = try Verification(paged { $0.put(key: name(6, 0).slice, value: .empty) })
        #expect(orphan.problems == ["collection 6: 1 pages that no record leads to"])
        let emptied = try Verification(
            paged {
                let page = Listpack()
                $0.put(key: name(5, 0).slice, value: page.bytes)
                page.free()
            })
        // A sorted set's pages have each element twice, by hash and in order.
        #expect(emptied.problems.count == 1)
        #expect(emptied.problems.first?.contains("counts \(isSorted ? 4000 : 2000) elements") == true)
    }

    @Test func findsWhatDoesNotFit() throws {
        #expect(try problems() == [])
        func expect(_ text: String, _ found: [String], sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(found.count == 1 && found[0].contains(text), "\(found)", sourceLocation: sourceLocation)
        }
        expect("the seal counts 0 keys, there are 1", try problems { fixture, batch in
            fixture.put(Fixture.string("extra", "x"), &batch, isCounted: false)
        })
        expect("the index by time doesn't know", try problems { fixture, batch in
            fixture.put(Fixture.string("extra", "x", expiry: 5), &batch, isIndexed: false)
        })
        expect("stands where another key belongs", try problems { fixture, batch in
            let position = Position(shard: 5, tag: 1)
            var name = ByteBuffer()
        var value = ByteBuffer()
            FlashKey.record(
                generation: Fixture.generation, position: position, key: ByteSlice("extra"), into: &name)
            let record = Fixture.string("extra", "x")
            RecordEncoding.encode(record, into: &value)
            record.free()
            batch.put(key: name.slice, value: value.slice)
            fixture.seal.databases[0].counts.keys[5] += 1
        })
        let damaged = try problems { fixture, batch in
            let position = fixture.placement.position(of: ByteSlice("list"))
            var name = ByteBuffer()
            FlashKey.record(
                generation: Fixture.generation, position: position, key: ByteSlice("list"), into: &name)
            batch.put(key: name.slice, value: ByteSlice("\u{21}\0\0\0\0\0nonsense"))
        }
        #expect(damaged.contains { $0.contains("key \"list\": has a damaged value of 14 bytes") }, "\(damaged)")
        // A generation that no database shows is on its way to be removed, and no problem.
        let flushed = try contents { fixture, _ in
            fixture.seal.databases[0].generation += 1
            let none = [UInt32](repeating: 0, count: Position.shardCount)
            fixture.seal.databases[0].counts = .init(keys: none, expiring: none, memberExpiring: none)
        }
        let result = try Verification(flushed)
        #expect(result.problems == [] && result.leftBehind == 44)
    }

    /// A directory as a server leaves it, on RocksDB: it is the same afterwards, and not read while a server has it.
    @Test func leavesTheDirectoryAsItIs() throws {
        let path = FileManager.default.temporaryDirectory.path + "/firn-inspect-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var fixture = Fixture()
        let batch = fixture.fill()
        do {
            let (directory, _) = try DataDirectory.open(path, refusesUnsealed: true)
            #expect(throws: DirectoryError.self) { try FlashContents(path: path, folder: nil) }
            let provider = try RocksDBProvider(directory: directory.providerPath)
            try provider.write(batch)
            try provider.close()
            try directory.seal(fixture.seal)
        }
        let before = try snapshot(path)
        do {
            let contents = try FlashContents(path: path, folder: nil)
            #expect(contents.state == "sealed by a shutdown")
            #expect(try Verification(contents).problems == [])
            #expect(throws: StorageError.self) { try contents.provider.write(batch) }
        }
        #expect(try snapshot(path) == before)
        var seal = fixture.seal.encoded()
        seal[100] ^= 1
        try Data(seal).write(to: URL(fileURLWithPath: path + "/SEAL"))
        do {
            let contents = try FlashContents(path: path, folder: nil)
            #expect(contents.seal == nil && contents.state.contains("its checksum is wrong"), "\(contents.state)")
            #expect(try Verification(contents).records == 44)
        }
        let aside = path + "/rocksdb.unsealed-1"
        try FileManager.default.moveItem(atPath: path + "/rocksdb", toPath: aside)
        #expect(throws: InspectionError.self) { try FlashContents(path: path, folder: nil) }
        let found = try FlashContents(path: path, folder: "rocksdb.unsealed-1")
        #expect(found.seal == nil)
        #expect(try found.generations() == [Fixture.generation])
        #expect(throws: DirectoryError.self) { try FlashContents(path: path + "/rocksdb.unsealed-1", folder: nil) }
    }

    /// Every file with its size and the time of its last change.
    private func snapshot(_ path: String) throws -> [String: String] {
        var result: [String: String] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
            let date = attributes[.modificationDate].map { "\($0)" } ?? ""
            result[name] = "\(attributes[.size] ?? 0) \(date)"
        }
        return result
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
    func numbersAreGrouped(number: Int, text: String) { #expect(grouped(number) == text) }

    @Test(arguments: [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_610_612_736, "1.5 GiB")])
    func bytesAreShort(bytes: Int, text: String) { #expect(bytesText(bytes) == text) }
}
