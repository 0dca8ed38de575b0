import Bytes
import Keyspace
import Platform
import Storage
import Synchronization
import Telemetry
import Values

/// The jobs that an operator has done on flash: a compaction of everything, and a scrub, which reads everything and
/// looks whether it is what was written.
///
/// A scrub reads as `inspect verify` does, but beside the clients: in slices, each with a cursor of its own, so that
/// compactions may remove files meanwhile, and at a pace. The provider compares the checksum of every block that it
/// reads; of a record the place and the form are looked at, of a page the form. What a record and its pages have in
/// common is in flux while the server runs, and is left to `inspect verify`.
public final class FlashUpkeep: @unchecked Sendable {
    // @unchecked: constants, atomics, and parts that are made for many threads.
    private unowned let tier: Tier  // which owns this, and ends the jobs before it goes
    private let log = Monitor<Log?>(nil)
    public let compaction = FlashJob(name: "flash-compact")
    public let scrub = FlashJob(name: "flash-scrub")

    /// Bytes that compactions had written when the last one on demand began.
    private let writtenBefore = Atomic<UInt64>(0)
    private let writtenAtEnd = Atomic<UInt64>(0)

    /// Of the present scrub or the last one.
    public let scrubbedRecords = Atomic<Int>(0)
    public let scrubbedPages = Atomic<Int>(0)
    public let scrubbedBytes = Atomic<Int>(0)
    public let scrubProblems = Atomic<Int>(0)

    /// Problems of a scrub that the log describes; the others are counted.
    static let shownProblems = 20
    /// Entries that are read with one cursor.
    private static let sliceEntries = 2_048
    /// What a scrub reads in a second, unless `flash-background-io-limit` says less.
    static let scrubBytesPerSecond = 32 << 20

    init(tier: Tier) { self.tier = tier }

    /// Says what becomes of the jobs.
    public func report(to log: Log) { self.log.withLock { $0 = log } }

    private func say(_ body: (Log) -> Void) { if let log = log.withLock({ $0 }) { body(log) } }

    /// Ends what is under way and waits for it. Not while new ones may begin.
    public func stop() {
        _ = stopCompaction()
        _ = stopScrub()
        compaction.join()
        scrub.join()
    }

    private func text(_ outcome: FlashJob.Outcome) -> String {
        switch outcome {
        case .never, .done: "has ended"
        case .stopped: "was stopped"
        case .failed(let reason): "failed: \(reason)"
        }
    }

    // MARK: Compaction

    /// Begins to write everything anew, without what is dead. False if that is under way. `because`: for the log.
    @discardableResult
    public func startCompaction(because reason: String = "as was asked for") -> Bool {
        let provider = tier.provider
        return compaction.start {
            writtenBefore.store(provider.statistics.compactionWriteBytes, ordering: .relaxed)
            say { $0.notice("A compaction of everything begins, \(reason).") }
        } ended: { [self] outcome in
            writtenAtEnd.store(provider.statistics.compactionWriteBytes, ordering: .relaxed)
            say { $0.notice("The compaction \(text(outcome)) after \(compaction.milliseconds) ms.") }
        } settled: {
            provider.cancelCompactions(false)
        } _: { () throws(StorageError) in
            try provider.compactEverything()
        }
    }

    /// Has it end soon; what is done stays done. False if there is none.
    public func stopCompaction() -> Bool { compaction.end { tier.provider.cancelCompactions(true) } }

    /// What compactions, those that the provider chose among them, have written since the last one on demand began.
    public func compactedBytes(now written: UInt64) -> UInt64 {
        let end = compaction.isRunning ? written : writtenAtEnd.load(ordering: .relaxed)
        return end &- writtenBefore.load(ordering: .relaxed)
    }

    // MARK: Scrub

    /// Begins to read everything. False if that is under way.
    public func startScrub() -> Bool {
        scrub.start {
            scrubbedRecords.store(0, ordering: .relaxed)
            scrubbedPages.store(0, ordering: .relaxed)
            scrubbedBytes.store(0, ordering: .relaxed)
            scrubProblems.store(0, ordering: .relaxed)
            say { $0.notice("FLASH SCRUB begins.") }
        } ended: { [self] outcome in
            let records = scrubbedRecords.load(ordering: .relaxed)
            let pages = scrubbedPages.load(ordering: .relaxed)
            let bytes = scrubbedBytes.load(ordering: .relaxed)
            let figures = "\(records) records and \(pages) pages, \(bytes) bytes in \(scrub.milliseconds) ms"
            let problems = scrubProblems.load(ordering: .relaxed)
            say { log in
                if problems > 0 {
                    log.warning("FLASH SCRUB \(text(outcome)): \(problems) problems in \(figures).")
                } else {
                    log.notice("FLASH SCRUB \(text(outcome)): no problem in \(figures).")
                }
            }
        } _: { [self] () throws(StorageError) in
            for tag in [FlashKey.recordTag, FlashKey.pageTag] { try scrub(from: [tag], to: [tag + 1]) }
        }
    }

    /// Has it end soon. False if there is none.
    public func stopScrub() -> Bool { scrub.end() }

    /// Reads a range, slice by slice.
    private func scrub(from: [UInt8], to: [UInt8]) throws(StorageError) {
        var from = from
        while !scrub.isStopping {
            let begun = Clock.monotonicNanoseconds()
            let bytes = scrubbedBytes.load(ordering: .relaxed)
            let next = try scrubSlice(from, to)
            keepPace(since: begun, bytes: scrubbedBytes.load(ordering: .relaxed) - bytes)
            guard let next else { return }
            from = next
        }
    }

    /// Reads some entries; where to go on, nil at the end.
    private func scrubSlice(_ from: [UInt8], _ to: [UInt8]) throws(StorageError) -> [UInt8]? {
        let cursor = try from.withSlice { (from) throws(StorageError) in
            try to.withSlice { (to) throws(StorageError) in
                try tier.provider.cursor(from: from, to: to, withValues: true)
            }
        }
        var last = from
        for _ in 0..<Self.sliceEntries {
            guard !scrub.isStopping else { return nil }
            let entry: (key: ByteSlice, value: ByteSlice)?
            do throws(StorageError) {
                entry = try cursor.next()
            } catch where error.kind == .corruption {
                // A block that is damaged hides where it ends: go on behind the position that was read last.
                complain("behind \(Self.place(last)): \(error.message)")
                return Self.behind(last, to)
            }
            guard let (key, value) = entry else { return nil }
            last = key.array
            scrubbedBytes.add(key.count + value.count, ordering: .relaxed)
            examine(key, value)
        }
        return last + [0]
    }

    private func examine(_ name: ByteSlice, _ value: ByteSlice) {
        switch FlashKey.parse(name) {
        case .record(_, let position, let key):
            scrubbedRecords.add(1, ordering: .relaxed)
            if tier.store.placement.position(of: key) != position {
                complain("\(Self.place(name.array)) stands where another key belongs")
            }
            if let record = RecordEncoding.decode(key: key, value) {
                record.free()
            } else {
                complain("\(Self.place(name.array)) has a damaged value of \(value.count) bytes")
            }
        case .page:
            scrubbedPages.add(1, ordering: .relaxed)
            if !CountedTree.isPage(value) { complain("\(Self.place(name.array)) is damaged") }
        case .expiry, nil: complain("\(Self.place(name.array)) is no name of a record or page")
        }
    }

    private func complain(_ text: String) {
        let number = scrubProblems.add(1, ordering: .relaxed).newValue
        if number <= Self.shownProblems { say { $0.warning("FLASH SCRUB: \(text)") } }
    }

    /// A name on flash, for people.
    private static func place(_ name: [UInt8]) -> String {
        name.withSlice { slice in
            switch FlashKey.parse(slice) {
            case .record(let generation, _, let key): "generation \(generation), key \(shown(key))"
            case .page(let generation, let collection, let page):
                "generation \(generation), collection \(collection), page \(page)"
            case .expiry, nil: "the name \(shown(slice))"
            }
        }
    }

    private static func shown(_ bytes: ByteSlice) -> String {
        var text: [UInt8] = []
        text.append(quoted: bytes.prefix(256))
        return String(decoding: text, as: UTF8.self)
    }

    /// A name a good way behind another, of the same kind: some hundred thousandth of all keys are passed over.
    private static func behind(_ name: [UInt8], _ end: [UInt8]) -> [UInt8]? {
        var number = 0
        // The kind, the generation, and the first two bytes of what follows.
        let bytes = 7
        for index in 0..<bytes { number = number << 8 | Int(index < name.count ? name[index] : 0) }
        number += 1
        let next = (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * (bytes - 1 - $0))) }
        return next[0] < end[0] ? next : nil
    }

    /// Waits until so many bytes may have been read.
    private func keepPace(since begun: Int64, bytes: Int) {
        let limit = tier.upkeepBytesPerSecond
        let pace = limit > 0 ? min(limit, Self.scrubBytesPerSecond) : Self.scrubBytesPerSecond
        let due = begun + Int64(Double(bytes) / Double(pace) * 1e9)
        while !scrub.isStopping {
            let left = due - Clock.monotonicNanoseconds()
            if left <= 0 { return }
            Clock.sleep(nanoseconds: min(left, 50_000_000))
        }
    }
}
