import Keyspace
import Platform
import Storage

/// The thread that keeps records below their budget.
///
/// It wakes when somebody has allocated past the high watermark, and every 20 ms to attend to tombstones. Shards take
/// turns, a few slots each, so that all age alike. Keys that rules call cold it sends away with each wake-up
/// (`ColdSweep`), those that they call hot only when there is nothing else.
///
/// When the provider has failed, whether or not there was anything to write, nothing is dropped, and it tries again,
/// soon at first, then three times a second, asking the provider to resume. Writers are told why when the first such
/// attempt has not helped: many a failure is over with it (a compaction that found no room, whose output has been
/// removed), and until then they wait only if they need memory.
final class Spiller: Sendable {
    private let tier: Tier
    private let thread = RecurringThread(name: "spiller")

    init(tier: Tier) { self.tier = tier }

    func start() { thread.start { [self] in run() } }
    func stop() { thread.stop() }
    func kick() { thread.kick() }

    /// Between looks at files of flushed generations that compactions held: a look copies a line for every file.
    private static let dropPauseNanoseconds: Int64 = 1_000_000_000

    private func run() {
        var round = Round(tier: tier, thread: thread)
        var failures = 0
        var nextDrop: Int64 = 0
        while true {
            let failed = failures > 0
            // 20, 40, 80 ... 320 ms. After a failure kicks don't shorten the pause.
            let pause: Int64 = 20_000_000 << Int64(min(max(failures - 1, 0), 4))
            guard thread.pause(nanoseconds: pause, heedsKicks: !failed) else { return }
            var isRecovering = failed
            do {
                if case .failed = tier.provider.health { isRecovering = true }
                if isRecovering {
                    tier.dropBuriedFiles()
                    try tier.provider.resume()
                } else if tier.hasLeftovers, Clock.monotonicNanoseconds() >= nextDrop {
                    tier.dropBuriedFiles()
                    nextDrop = Clock.monotonicNanoseconds() + Self.dropPauseNanoseconds
                }
                try round.run()
                try tier.reapBuried()
                if failed { tier.refuse(nil) }
                failures = 0
            } catch {
                failures += 1
                if isRecovering { tier.refuse("flash storage does not take writes: \(error.message)") }
            }
            tier.evaluate()
        }
    }

    /// The work of one wake-up, and where the last one ended. Holds `writing` for a batch or so at a time.
    private struct Round: ~Copyable {
        let tier: Tier
        let thread: RecurringThread
        var pass: SpillPass
        var sweep = ColdSweep()
        /// The shard that is attended to next.
        var attended = 0

        init(tier: Tier, thread: RecurringThread) {
            self.tier = tier
            self.thread = thread
            pass = SpillPass(tier: tier)
        }

        mutating func run() throws(StorageError) {
            pass.setTime(Clock.unixMilliseconds())
            try spill()
            try tier.writing.withLock { () throws(StorageError) in
                try sweep.run(tier, &pass)
                try pass.write()
            }
            try attend()
        }

        /// Frees memory down to the low watermark: without keys that a rule calls hot, and with them if that finds
        /// next to nothing else.
        private mutating func spill() throws(StorageError) {
            guard tier.store.memoryBytes > tier.budget.highWatermark else { return }
            var takesHot = false
            if try spill(sparingHot: true), tier.store.flashRulesInForce?.hasHot == true {
                takesHot = tier.store.memoryBytes > tier.budget.highWatermark
            }
            tier.store.takesHot.store(takesHot, ordering: .relaxed)
            if takesHot { _ = try spill(sparingHot: false) }
        }

        /// Batches that a wake-up writes at most, so that tombstones get their turn; who still is above the watermark
        /// calls again.
        private static let batchesPerRound = 64

        /// Returns true if a full turn came upon nothing that could leave.
        private mutating func spill(sparingHot: Bool) throws(StorageError) -> Bool {
            // Shards in a row where nothing could be done (all that is left is pinned, say): one full turn of that is
            // enough.
            var fruitless = 0
            for _ in 0..<Self.batchesPerRound {
                let before = pass.writtenBytes
                let isDone = try tier.writing.withLock { () throws(StorageError) in
                    let isDone = try spillBatch(sparingHot: sparingHot, &fruitless)
                    try pass.write()
                    return isDone
                }
                tier.evaluate()
                let mayGoOn = keepPace(after: pass.writtenBytes - before)
                if isDone || fruitless == Position.shardCount { return !isDone }
                if !mayGoOn { return false }
            }
            return false
        }

        /// Lets the provider's upkeep keep up. False when the thread is to end.
        private func keepPace(after bytes: Int) -> Bool {
            let pause = SpillPace.pause(bytes: bytes, backlog: tier.provider.backlog)
            if pause == 0 { return !thread.isStopping }
            tier.spillPauses.add(Int(pause), ordering: .relaxed)
            return thread.pause(nanoseconds: pause, heedsKicks: false)
        }

        /// Frees memory until a batch has been written, or a full turn has come upon nothing. Returns true when there
        /// is enough of it. `writing` is held; the caller writes what is left in the batch.
        private mutating func spillBatch(sparingHot: Bool, _ fruitless: inout Int) throws(StorageError) -> Bool {
            let lowWatermark = tier.budget.lowWatermark
            let spaces = tier.store.spacesInUse()
            let before = pass.writtenBytes
            for _ in 0..<Position.shardCount where pass.writtenBytes == before && fruitless < Position.shardCount {
                let excess = tier.store.memoryBytes - pass.pendingBytes - lowWatermark
                if excess <= 0 {
                    // What is in flight may have been written to meanwhile, and stays then.
                    try pass.write()
                    return tier.store.memoryBytes <= lowWatermark
                }
                try spillShard(spaces, excess, sparingHot: sparingHot, &fruitless)
            }
            return false
        }

        /// Has the next shard give its share, so that all age alike; at least a few records.
        private mutating func spillShard(
            _ spaces: [Int], _ excess: Int, sparingHot: Bool, _ fruitless: inout Int
        ) throws(StorageError) {
            let wanted = max(4_096, excess / Position.shardCount)
            let shard = tier.nextShard()
            fruitless += 1
            for space in spaces {
                var visit = try pass.visit(
                    shard: shard, space: space, wantedBytes: wanted, ignoringTouches: false, sparesHot: sparingHot)
                // Who was passed over is taken when the hand has met none of the others for some visits.
                if visit.hadEffect || visit.passed > 0 { fruitless = 0 }
                if visit.collectionBytes == 0 { continue }
                // A shard with a large collection has more than a shard's share to give. Lock by lock, so that its
                // calls come in between.
                let part = Double(visit.collectionBytes) / Double(max(1, tier.store.memoryBytes))
                var share = Int(Double(excess) * min(1, part)) - visit.leavingBytes
                while visit.collectionBytes > 0, visit.hadEffect, share > 0 {
                    visit = try pass.visit(
                        shard: shard, space: space, wantedBytes: share, ignoringTouches: false, sparesHot: sparingHot)
                    share -= visit.leavingBytes
                }
            }
        }

        /// Tombstones and open counts, a few per shard: of all shards, or while memory is short of some of them.
        private mutating func attend() throws(StorageError) {
            var left = Position.shardCount
            repeat {
                let next = try tier.writing.withLock { () throws(StorageError) in
                    try pass.attend(from: attended, limit: 64)
                }
                left -= next - attended
                attended = next & (Position.shardCount - 1)
            } while left > 0 && !tier.isAboveHighWatermark && !thread.isStopping
        }
    }
}
