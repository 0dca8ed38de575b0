// What only RocksDB has: files, options, the device. Left out of sanitizer builds.
#if FIRN_ROCKSDB
import Bytes
import CShims
import Foundation
import Platform
import Storage
import StorageRocksDB
import Testing

@Suite("The RocksDB provider")
struct RocksDBTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    func open(_ name: String = "db", _ change: (inout RocksDBOptions) -> Void = { _ in }) throws -> RocksDBProvider {
        var options = Scratch.small
        change(&options)
        return try RocksDBProvider(directory: scratch.sub(name), options: options)
    }

    /// The kind of error that `body` throws.
    func kind(_ body: () throws -> Void) -> StorageError.Kind? {
        do { try body() } catch { return (error as? StorageError)?.kind }
        return nil
    }

    @Test("What was confirmed is there after a close and an opening, without an explicit flush")
    func reopens() throws {
        let written = (0..<1000).map { (bytes("key:\(10_000 + $0)"), bytes("\($0)")) }
        let db = try open()
        try db.put(written)
        try db.close()
        let again = try open()
        #expect(try again.pairs() == written)
        #expect(again.statistics.estimatedKeys == 1000)
        try again.close()
    }

    @Test("A provider that is dropped gives its lock back, and what was flushed stays")
    func droppedWithoutClose() throws {
        try {
            let db = try open()
            try db.put("a", "1")
            try db.flush()
        }()
        let db = try open()
        #expect(try db.get("a") == "1")
        try db.close()
    }

    @Test("A directory that is open can't be opened again")
    func locked() throws {
        let db = try open()
        #expect(kind { _ = try open() } == .locked)
        try db.close()
    }

    @Test("Close refuses while a cursor is open")
    func closeWithCursor() throws {
        let db = try open()
        try db.put("a", "1")
        try {
            let cursor = try db.cursor(from: .empty, to: .empty, withValues: true)
            #expect(kind { try db.close() } == .other)
            #expect(try cursor.next()?.value.string == "1")
        }()
        #expect(try db.get("a") == "1")
        try db.close()
    }

    @Test(
        "An option that is unknown or ill-formed is refused by its name",
        arguments: [
            ("no_such_option=1", "Could not find option: : no_such_option"),
            (
                "block_based_table_factory={no_such_table_option=1}",
                "Could not find option: : no_such_table_option"
            ),
            ("write_buffer_size=plenty", "write_buffer_size"),
            ("comparator=rocksdb.ReverseBytewiseComparator", "comparator"),
            ("max_open_files", "max_open_files"),
        ])
    func badOptions(_ options: String, _ name: String) throws {
        var all = RocksDBOptions()
        all.userOptions = options
        for attempt in [
            { try RocksDBProvider.validate(all) },
            { _ = try RocksDBProvider(directory: scratch.sub("db"), options: all) },
        ] {
            let error = #expect(throws: StorageError.self) { try attempt() }
            #expect(error?.kind == .invalidOption)
            #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.sub("db/CURRENT")))
    }

    @Test("An unknown compression is refused, the known ones work")
    func compressions() throws {
        #expect(kind { _ = try open { $0.compression = "rar" } } == .invalidOption)
        for name in ["none", "snappy", "lz4", "zstd", "bzip2"] {
            let db = try open(name) { $0.compression = name }
            let value = [Byte](repeating: 7, count: 3000)
            try db.put([(bytes("k"), value)])
            try db.flush()
            #expect(try db.get(bytes("k")) == value)
            try db.close()
        }
    }

    @Test("User options reach the database, the column family and the tables, beside the defaults")
    func userOptions() throws {
        let db = try open {
            $0.userOptions = "max_background_jobs=7;write_buffer_size=3145728;"
                + "block_based_table_factory={block_size=16384;format_version=5}"
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.sub("db"))
        let name = try #require(files.first { $0.hasPrefix("OPTIONS-") })
        let text = try String(contentsOfFile: scratch.sub("db/" + name), encoding: .utf8)
        for line in [
            "max_background_jobs=7", "write_buffer_size=3145728", "block_size=16384",
            // not touched by the user's string
            "index_block_restart_interval=16", "cache_index_and_filter_blocks=false", "filter_policy=firn.LevelFilter",
            "level0_slowdown_writes_trigger=128", "avoid_flush_during_shutdown=true",
        ] {
            #expect(text.contains("  \(line)\n") || text.contains(line), "\(line)")
        }
        try db.close()
    }

    @Test("mayContain: 200k keys in several runs, less than 1 % wrong, nothing read from the device")
    func filters() throws {
        let db = try open { $0.userOptions = "disable_auto_compactions=true" }
        let count = 200_000
        func load(_ range: Range<Int>) throws {
            for start in stride(from: range.lowerBound, to: range.upperBound, by: 5000) {
                try db.put((start..<start + 5000).map { (bytes("key:\($0)"), bytes("value \($0)")) })
            }
            try db.flush()
        }
        try load(0..<120_000)
        try db.compact(from: .empty, to: .empty)
        for part in 0..<8 { try load(120_000 + part * 10_000..<130_000 + part * 10_000) }
        #expect(db.statistics.levelZeroFiles >= 8)
        try db.close()
        // Opened afresh: nothing is in the block cache.
        let again = try open { $0.userOptions = "disable_auto_compactions=true" }
        var denied = 0
        var wrong = 0
        let blocks = RocksDBProvider.countingBlockReads {
            for i in 0..<count {
                if !again.mayContain("key:\(i)") { denied += 1 }
                if again.mayContain("absent:\(i)") { wrong += 1 }
                if again.mayContain("key:\(i)x") { wrong += 1 }
            }
        }
        #expect(blocks == 0)
        #expect(denied == 0)
        #expect(wrong < 2 * count / 100, "\(wrong) of \(2 * count)")
        // The counter does count.
        #expect(RocksDBProvider.countingBlockReads { _ = try? again.get("key:77") } > 0)
        #expect(again.statistics.tableReaderBytes > 0)
        #expect(again.statistics.filterUseful > 0)
        try again.close()
    }

    @Test("A value larger than the memtables leaves RAM by itself, in every copy")
    func largeValue() throws {
        let db = try open()
        var batch = WriteBatch()
        batch.put(key: "small", value: "1")
        try db.write(batch)
        batch.removeAll()
        firn_allocator_refresh()
        let before = firn_allocator_statistic("stats.allocated")
        let value = [UInt8](repeating: 7, count: 64 << 20)
        "large".withSlice { key in value.withSlice { batch.put(key: key, value: $0) } }
        try db.write(batch)
        batch.removeAll()
        // While it may still be in a memtable.
        #expect(db.mayContain("large"))
        #expect(try db.get("large")?.utf8.count == value.count)
        for _ in 0..<10_000 where db.statistics.memtableBytes >= 4 << 20 { Clock.sleep(nanoseconds: 1_000_000) }
        #expect(db.statistics.memtableBytes < 4 << 20)
        firn_allocator_refresh()
        #expect(firn_allocator_statistic("stats.allocated") - before < 16 << 20 + value.count)
        #expect(before > 0)
        try db.close()
    }

    @Test("A deleted range is absent for mayContain too once it is in the memtable")
    func deletedRange() throws {
        let db = try open()
        try db.put((0..<100).map { (bytes("key:\($0)"), [1]) })
        try db.flush()
        var batch = WriteBatch()
        batch.deleteRange(from: "key:", to: "key;")
        try db.write(batch)
        #expect((0..<100).allSatisfy { !db.mayContain("key:\($0)") })
        try db.close()
    }

    @Test("Damage is reported, never answered as missing")
    func corruption() throws {
        let db = try open { $0.compression = "none" }
        try db.put((0..<1000).map { (bytes("key:\(10_000 + $0)"), [Byte](repeating: Byte($0 & 255), count: 200)) })
        try db.close()
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.sub("db"))
        for name in files where name.hasSuffix(".sst") {
            let handle = try #require(FileHandle(forUpdatingAtPath: scratch.sub("db/" + name)))
            try handle.seek(toOffset: 50_000)
            try handle.write(contentsOf: Data(repeating: 0xee, count: 8192))
            try handle.close()
        }
        let again = try open { $0.compression = "none" }
        var damaged = 0
        for i in 0..<1000 {
            do {
                #expect(try again.get(bytes("key:\(10_000 + i)")) == [Byte](repeating: Byte(i & 255), count: 200))
            } catch let error as StorageError {
                #expect(error.kind == .corruption)
                damaged += 1
            }
        }
        #expect(damaged > 10)
        #expect(kind { _ = try again.pairs() } == .corruption)
        #expect(kind { _ = try again.getMany((0..<1000).map { bytes("key:\(10_000 + $0)") }) } == .corruption)
        try? again.close()
    }

    @Test("Statistics count what was written; large values go to blob files and come back")
    func statisticsAndBlobs() throws {
        let db = try open()
        for i in 0..<50 { try db.put([(bytes("key:\(i)"), [Byte](repeating: Byte(i), count: 50_000))]) }
        try db.flush()
        let statistics = db.statistics
        #expect(statistics.flushWriteBytes > 0)
        #expect(statistics.diskBytes > 0)
        #expect(statistics.estimatedKeys == 50)
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.sub("db"))
        #expect(files.contains { $0.hasSuffix(".blob") })
        #expect(
            try (0..<50).allSatisfy {
                try db.get(bytes("key:\($0)")) == [Byte](repeating: Byte($0), count: 50_000)
            })
        var batch = WriteBatch()
        batch.deleteRange(from: "key:", to: "key;")
        try db.write(batch)
        try db.flush()
        try db.compact(from: .empty, to: .empty)
        #expect(try db.pairs().isEmpty)
        #expect(db.statistics.liveBytes < 50_000)
        #expect(db.health == .good)
        try db.close()
    }
}

@Suite("The RocksDB provider on a full disk", .serialized)
struct DiskFullTests {
    /// Whether this process may mount a file system of its own.
    static func mount(_ path: String, mebibytes: Int) -> Bool {
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return Glibc.mount("tmpfs", path, "tmpfs", 0, "size=\(mebibytes)m") == 0
    }

    /// Takes all space that is left.
    func fill(_ path: String) throws {
        let file = Glibc.open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(file >= 0)
        defer { Glibc.close(file) }
        let block = [UInt8](repeating: 1, count: 4096)
        while Glibc.write(file, block, block.count) > 0 {}
    }

    @Test(
        "Writes fail with noSpace, reads go on, resume works once there is space, nothing confirmed is lost",
        arguments: [1, 400, 3000, Int.max])
    func diskFull(_ writesBeforeFull: Int) throws {
        let scratch = try Scratch()
        let disk = scratch.sub("disk")
        guard Self.mount(disk, mebibytes: 40) else {
            print("skipped: mounting a tmpfs is not permitted here (errno \(errno))")
            return
        }
        // The directory goes after the mount: `scratch` must live until here.
        defer { withExtendedLifetime(scratch) { _ = umount2(disk, Int32(MNT_DETACH)) } }
        // What will be removed to make space: more than the data, which a merge writes anew before it frees the old.
        #expect(FileManager.default.createFile(atPath: disk + "/ballast", contents: Data(count: 24 << 20)))
        var options = Scratch.small
        options.compression = "none"
        let db = try RocksDBProvider(directory: disk + "/db", options: options)
        var random = Seeded(3)
        let noise = (0..<50_000).map { _ in Byte(truncatingIfNeeded: random.next()) }
        var confirmed: [[Byte]: [Byte]] = [:]
        var failure: StorageError?
        for i in 0..<40_000 where failure == nil {
            if i == writesBeforeFull { try fill(disk + "/filler") }
            let key = bytes("key:\(i)")
            let value = Array(noise[i % 49_000..<i % 49_000 + 1000])
            do {
                try db.put([(key, value)])
                confirmed[key] = value
            } catch {
                failure = error as? StorageError
            }
        }
        #expect(failure?.kind == .noSpace, "\(String(describing: failure))")
        guard case .failed(let health) = db.health else { Issue.record("health is \(db.health)"); return }
        #expect(health.kind == .noSpace)
        #expect(throws: StorageError.self) { try db.put("later", "1") }
        #expect(throws: StorageError.self) { try db.flush() }
        // Without the filler, what failed may have made room by failing.
        if writesBeforeFull < .max { #expect(throws: StorageError.self) { try db.resume() } }
        #expect(try confirmed.allSatisfy { try db.get($0.key) == $0.value })
        try FileManager.default.removeItem(atPath: disk + "/ballast")
        try? FileManager.default.removeItem(atPath: disk + "/filler")
        try db.resume()
        #expect(db.health != .failed(health))
        try db.put("later", "1")
        // RocksDB's own Flush doesn't wait after a recovery: enough at once that writing it takes a while.
        for i in 0..<700 {
            let value = Array(noise[i..<i + 1000])
            try db.put([(bytes("after:\(i)"), value)])
            confirmed[bytes("after:\(i)")] = value
        }
        try db.flush()
        #expect(db.statistics.immutableMemtables == 0)
        #expect(try confirmed.allSatisfy { try db.get($0.key) == $0.value })
        try db.close()
        let again = try RocksDBProvider(directory: disk + "/db", options: options)
        #expect(try confirmed.allSatisfy { try again.get($0.key) == $0.value })
        #expect(try again.get("later") == "1")
        try again.close()
    }
}

@Suite("Dropped ranges in RocksDB")
struct RocksDBDroppedRangeTests {
    @Test("A compaction leaves out what lies in dropped ranges, and nothing else", arguments: [UInt64(0), 4096])
    func droppedRangesAreNotCopied(_ blobBytes: UInt64) throws {
        let scratch = try Scratch()
        var options = Scratch.small
        options.compression = "none"
        options.blobBytes = numericCast(blobBytes)
        let db = try RocksDBProvider(directory: scratch.sub("db"), options: options)
        var random = Seeded(5)
        let size = blobBytes == 0 ? 1_000 : 6_000
        let noise = (0..<50_000).map { _ in Byte(truncatingIfNeeded: random.next()) }
        func value(_ i: Int) -> [Byte] { Array(noise[i % 40_000..<i % 40_000 + size]) }
        // In level 0 nothing can be dropped: all of it comes to the compaction.
        for i in 0..<2_000 {
            for prefix in ["a", "b", "c", "d"] { try db.put([(bytes("\(prefix):\(i)"), value(i))]) }
        }
        try db.flush()
        // What compactions write before the ranges are dropped doesn't count.
        var quiet = 0
        while quiet < 20 {
            quiet = db.statistics.runningCompactions == 0 ? quiet + 1 : 0
            Clock.sleep(nanoseconds: 10_000_000)
        }
        for range in [("b", "c"), ("c", "d")] { _ = try drop(db, range.0, range.1) }
        let before = db.statistics.compactionWriteBytes
        try db.compact(from: .empty, to: .empty)
        let written = db.statistics.compactionWriteBytes - before
        #expect(written < 2_000 * 2 * UInt64(size) * 12 / 10, "\(written) bytes for half the data")
        for i in 0..<2_000 {
            #expect(try db.get("b:\(i)") == nil && db.get("c:\(i)") == nil)
            #expect(try db.get(bytes("a:\(i)")) == value(i) && db.get(bytes("d:\(i)")) == value(i))
        }
        try db.close()
    }

    /// RocksDB 7.8.3 keeps blob files that no table refers to any more if no other blob is there, and Debian's build
    /// aborts on the next change of its list of files.
    @Test("When all large values are dropped at once the device gets their room back, and life goes on")
    func largeValuesAreDroppedAtOnce() throws {
        let scratch = try Scratch()
        let db = try RocksDBProvider(directory: scratch.sub("db"), options: manyBlobFiles())
        for round in 0..<3 {
            try fill(db, "a\(round)", 400)
            try db.compact(from: .empty, to: .empty)
            #expect(db.statistics.diskBytes > 2_000_000)
            var isWhole = false
            for _ in 0..<50 where !isWhole {
                isWhole = try drop(db, "a\(round)", "a\(round + 1)")
            }
            #expect(isWhole)
            try db.put([(bytes("a\(round):small"), bytes("1"))])
            try db.flush()
            #expect(try db.get("a\(round):7") == nil)
            #expect(db.statistics.diskBytes < 200_000, "\(db.statistics.diskBytes) bytes of nothing")
        }
        try db.close()
    }

    @Test("Of large values in two ranges, dropping one gives its room back and leaves the other alone")
    func largeValuesOfOneRangeAreDropped() throws {
        let scratch = try Scratch()
        let db = try RocksDBProvider(directory: scratch.sub("db"), options: manyBlobFiles())
        try fill(db, "b", 100)
        try db.flush()
        try fill(db, "a", 1_000)
        try db.compact(from: .empty, to: .empty)
        let full = db.statistics.diskBytes
        var isWhole = false
        let deadline = Clock.monotonicNanoseconds() + 20_000_000_000
        while !isWhole || db.statistics.diskBytes > full / 4, Clock.monotonicNanoseconds() < deadline {
            isWhole = try drop(db, "a", "b")
            try "a".withSlice { from in try "b".withSlice { to in try db.rewriteDropped(from: from, to: to) } }
            Clock.sleep(nanoseconds: 20_000_000)
        }
        #expect(isWhole)
        #expect(db.statistics.diskBytes < full / 4, "\(db.statistics.diskBytes) of \(full) bytes are still taken")
        for i in 0..<100 { #expect(try db.get(bytes("b:\(i)"))?.count == 6_000) }
        try db.close()
    }

    private func drop(_ db: RocksDBProvider, _ from: String, _ to: String) throws -> Bool {
        try from.withSlice { from in try to.withSlice { to in try db.dropFiles(from: from, to: to) } }
    }

    private func manyBlobFiles() -> RocksDBOptions {
        var options = Scratch.small
        options.compression = "none"
        options.blobBytes = 4096
        options.userOptions = "blob_file_size=65536"
        return options
    }

    private func fill(_ db: RocksDBProvider, _ prefix: String, _ count: Int) throws {
        var random = Seeded(9)
        for i in 0..<count {
            try db.put([(bytes("\(prefix):\(i)"), (0..<6_000).map { _ in Byte(truncatingIfNeeded: random.next()) })])
        }
    }
}
#endif
