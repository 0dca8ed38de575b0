// The upkeep of RocksDB: its rate, and the compaction that can be ended.
#if FIRN_ROCKSDB
import Bytes
import Platform
import Storage
import StorageRocksDB
import Testing

@Suite("The upkeep of RocksDB")
struct UpkeepTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func open(limit: UInt64 = 0) throws -> RocksDBProvider {
        var options = Scratch.small
        options.memtableBytes = 32 << 20
        options.compression = "none"
        options.blobBytes = 0
        options.ioLimitBytesPerSecond = limit
        return try RocksDBProvider(directory: scratch.sub("db"), options: options)
    }

    private func put(_ count: Int, from first: Int = 0, into db: RocksDBProvider) throws {
        var random = RandomSource(seed: UInt64(first + 1))
        for number in first..<(first + count) {
            let value = (0..<128).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
            try db.put([(bytes("key:\(100_000 + number)"), value)])
        }
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let begun = Clock.monotonicNanoseconds()
        try body()
        return Double(Clock.monotonicNanoseconds() - begun) / 1e9
    }

    @Test("A limit bounds what a flush writes, and is changed while the database is open")
    func limit() throws {
        let db = try open(limit: 1 << 20)
        try put(3_000, into: db)
        // 3 MB at 1 MiB a second; the limiter gives out a tenth of a second's share at once.
        #expect(try seconds { try db.flush() } > 1.5)
        try put(3_000, from: 3_000, into: db)
        db.limitUpkeep(bytesPerSecond: 0)
        #expect(try seconds { try db.flush() } < 1.5)
        try put(3_000, from: 6_000, into: db)
        db.limitUpkeep(bytesPerSecond: 1 << 20)
        #expect(try seconds { try db.flush() } > 1.5)
        db.limitUpkeep(bytesPerSecond: 0)
        try db.close()
    }

    @Test("Obsolete files are deleted at a rate, which is changed while the database is open, and after a start")
    func deletions() throws {
        var options = Scratch.small
        options.compression = "none"
        options.deleteRateBytesPerSecond = 1 << 20
        func inTrash() throws -> [String] {
            try FileSystem.names(in: scratch.sub("db")).filter { $0.hasSuffix(".trash") }
        }
        var db = try RocksDBProvider(directory: scratch.sub("db"), options: options)
        try put(8_000, into: db)
        try db.flush()
        // Some 8 MB are written anew: 8 seconds of that rate.
        try db.compactEverything()
        #expect(try !inTrash().isEmpty)
        #expect(db.statistics.trashBytes > 4 << 20)
        #expect(try #require(db.statistics.freeBytes) >= db.statistics.trashBytes)
        // Who closes doesn't wait for it, and the next one goes on.
        #expect(try seconds { try db.close() } < 2)
        #expect(try !inTrash().isEmpty)
        db = try RocksDBProvider(directory: scratch.sub("db"), options: options)
        #expect(try db.pairs().count == 8_000)
        #expect(try !inTrash().isEmpty)
        db.limitDeletions(bytesPerSecond: 0)
        let deadline = Clock.monotonicNanoseconds() + 20_000_000_000
        // A file is counted until its name has gone.
        while db.statistics.trashBytes > 0, Clock.monotonicNanoseconds() < deadline {
            Clock.sleep(nanoseconds: 20_000_000)
        }
        #expect(try inTrash().isEmpty && db.statistics.trashBytes == 0)
        #expect(try db.pairs().count == 8_000)
        try db.close()
    }

    @Test("A backlog grows with the runs that wait to be merged, and goes with them")
    func backlog() throws {
        var options = Scratch.small
        options.userOptions = "disable_auto_compactions=true;level0_file_num_compaction_trigger=4;"
            + "level0_slowdown_writes_trigger=40;level0_stop_writes_trigger=60"
        let db = try RocksDBProvider(directory: scratch.sub("db"), options: options)
        var readings: [Double] = []
        for run in 0..<30 {
            try put(10, from: run * 10, into: db)
            try db.flush()
            readings.append(db.backlog)
        }
        // From one and a half times the trigger to three fifths of where RocksDB slows writers down.
        #expect(readings[0..<6].allSatisfy { $0 == 0 } && readings[6] > 0)
        #expect(readings[22] < 1 && readings[23...].allSatisfy { $0 == 1 })
        #expect(zip(readings[5..<24], readings[6..<24]).allSatisfy { $0 < $1 })
        try db.compactEverything()
        #expect(db.backlog == 0)
        try db.close()
    }

    @Test("A compaction of everything can be ended, and the next one runs")
    func cancel() throws {
        let db = try open()
        for part in 0..<3 {
            try put(3_000, from: part * 1_000, into: db)
            try db.flush()
        }
        db.cancelCompactions(true)
        #expect(throws: StorageError.self) { try db.compactEverything() }
        // One that is under way: slow enough to be.
        db.cancelCompactions(false)
        db.limitUpkeep(bytesPerSecond: 200 << 10)
        let failed = Monitor<Bool?>(nil)
        let thread = Thread(name: "compaction") {
            do {
                try db.compactEverything()
                failed.withLock { $0 = false }
            } catch {
                failed.withLock { $0 = true }
            }
        }
        Clock.sleep(nanoseconds: 300_000_000)
        #expect(failed.withLock { $0 } == nil)
        db.cancelCompactions(true)
        db.limitUpkeep(bytesPerSecond: 0)
        thread.join()
        #expect(failed.withLock { $0 } == true)
        #expect(db.health == .good)
        // Another one, by itself, is not meant.
        try db.compact(from: .empty, to: .empty)
        db.cancelCompactions(false)
        try db.compactEverything()
        #expect(try db.pairs().count == 5_000)
        try db.close()
    }
}
#endif
