import Bytes
import Keyspace
import Platform
import Storage
import Synchronization

/// The threads that read what parked calls miss.
///
/// A thread takes a fair part of what is queued at a time (see FaultQueue for what comes first), so that under load few
/// wake-ups are paid, and reads key by key: each result lands as soon as it is there. The device's parallelism is the
/// number of threads (Debian's RocksDB has no asynchronous reads).
final class FaultIn: @unchecked Sendable {
    // @unchecked: the queue is a monitor, counters are atomic, `threads` is written by start and stop only.
    private let tier: Tier
    private let queue: Monitor<FaultQueue>
    private var threads: [Thread] = []
    private let threadCount: Int
    /// The most reads that a call gets room for at a time.
    let portion: Atomic<Int>

    let requested = Atomic<Int>(0)
    let found = Atomic<Int>(0)
    let missing = Atomic<Int>(0)
    let failed = Atomic<Int>(0)

    init(tier: Tier, threads: Int, queueLength: Int) {
        self.tier = tier
        threadCount = max(threads, 1)
        queue = Monitor(FaultQueue(limit: queueLength))
        portion = Atomic(FaultQueue.portion(ofLimit: queueLength))
    }

    func start() {
        threads = (0..<threadCount).map { index in Thread(name: "fault-in-\(index)") { [self] in run() } }
    }

    /// Ends the threads after the reads that are under way; what is queued lands as failed, for with a slow device it
    /// would keep the process from ending, and nobody is left to want it. Who waits for room asks in vain.
    func stop() {
        let (abandoned, grants) = queue.withLock { queue in (queue.stop(), queue.takeGrants()) }
        queue.wakeAll()
        for thread in threads { thread.join() }
        threads = []
        give(grants)
        refuse(abandoned)
    }

    private func refuse(_ faults: [Fault]) {
        if faults.isEmpty { return }
        var keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        for fault in faults { keyspace.land(fault, .failed("the server is shutting down")) }
    }

    var counts: FaultQueueCounts { queue.withLock { $0.counts } }

    // MARK: Requests

    func setLength(_ length: Int) {
        portion.store(FaultQueue.portion(ofLimit: length), ordering: .relaxed)
        give(
            queue.withLock { queue in
                if length != queue.limit { queue.setLimit(length) }
                return queue.takeGrants()
            })
    }

    /// Room for the next reads of a call; nil: it waits for some, and is armed when it has got it.
    func reserve(_ wanted: Int, for waiter: ReadWaiter) -> ReadRoom? {
        if let room = waiter.room.take() { return room }
        guard let grant = queue.withLock({ $0.reserve(wanted, for: waiter) }) else { return nil }
        return ReadRoom(grant.line, grant.reads, self)
    }

    func reserveAhead(_ wanted: Int) -> ReadRoom? {
        let reads = queue.withLock { $0.reserveAhead(wanted) }
        return reads > 0 ? ReadRoom(.ahead, reads, self) : nil
    }

    func giveBack(_ reads: Int, _ line: FaultLine) {
        give(
            queue.withLock { queue in
                queue.giveBack(reads, line)
                return queue.takeGrants()
            })
    }

    func forget(_ waiter: ReadWaiter) { queue.withLock { $0.forget(waiter) } }

    private func give(_ grants: [FaultQueue.Grant]) {
        for grant in grants {
            grant.waiter.room = ReadRoom(grant.line, grant.reads, self)
            grant.waiter.arm()
        }
    }

    /// See `Tier.submit`.
    func submit(_ faults: [Fault], _ room: consuming ReadRoom) {
        var room = room
        let (line, reserved) = (room.line, room.reads)
        room.use()
        let (queued, refused, wakes, grants) = queue.withLock { queue in
            let (queued, refused) = queue.submit(faults, line, reserved: reserved)
            return (queued, refused, min(queue.idle, queued), queue.takeGrants())
        }
        for _ in 0..<wakes { queue.wakeOne() }
        if queued > 0 { requested.add(queued, ordering: .relaxed) }
        give(grants)
        refuse(refused)
    }

    func claim(_ fault: Fault) -> Bool { queue.withLock { $0.claim(fault) } }

    // MARK: Reading

    private func run() {
        // Hundreds of these threads may be woken in a moment; who reads what is in RAM must not queue behind them for
        // the processor.
        Thread.yieldToOthers()
        var keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        var scratch = ByteBuffer()
        let recorder = FaultRecorder(tier)
        while true {
            let batch = take()
            // Only a stopping queue gives nothing.
            if batch.isEmpty { return }
            let before = keyspace.ledger.memoryBytes.load(ordering: .relaxed)
            for fault in batch { read(fault, &keyspace, &scratch, recorder) }
            let landed = keyspace.ledger.memoryBytes.load(ordering: .relaxed) - before
            makeRoom(landed, &keyspace)
        }
    }

    /// Shards that are asked for clean records at most, for a batch.
    private static let shardsAsked = 16
    /// Slots of each database that are looked at in a shard, under its lock: a few microseconds.
    private static let slotsAsked = 64

    /// Above the high watermark, what came in makes as much leave: clean records are dropped here, without the
    /// spiller, which may be waiting for the device. So misses can't push memory beyond its budget, however long a
    /// write takes.
    private func makeRoom(_ bytes: Int, _ keyspace: inout LockedKeyspace) {
        guard bytes > 0, tier.isAboveHighWatermark else { return }
        keyspace.now = Clock.unixMilliseconds()
        var wanted = bytes + bytes / 4
        for _ in 0..<Self.shardsAsked where wanted > 0 {
            wanted -= keyspace.dropClean(shard: tier.nextShard(), slots: Self.slotsAsked, wantedBytes: wanted)
        }
    }

    /// Waits for faults and takes a fair part of them; empty when the threads are to end.
    private func take() -> [Fault] {
        var isCountedIdle = false
        var grants: [FaultQueue.Grant] = []
        let batch = queue.wait { [threadCount] queue -> [Fault]? in
            if isCountedIdle { queue.idle -= 1 }
            isCountedIdle = false
            if queue.count > 0 {
                let batch = queue.take(threads: threadCount)
                grants = queue.takeGrants()
                return batch
            }
            if queue.isStopping { return [] }
            queue.idle += 1
            isCountedIdle = true
            return nil
        }
        give(grants)
        return batch ?? []
    }

    private func read(
        _ fault: Fault, _ keyspace: inout LockedKeyspace, _ scratch: inout ByteBuffer, _ recorder: FaultRecorder
    ) {
        scratch.removeAll()
        fault.appendName(to: &scratch)
        let begun = Clock.monotonicNanoseconds()
        recorder.record(FaultStage(queuedIn: fault), nanoseconds: begun - fault.requestedAt)
        let result: FaultResult
        do {
            switch try tier.readUntilServed(scratch.slice) {
            case .found(let bytes):
                found.add(1, ordering: .relaxed)
                result = .found(bytes)
            case .missing, .throttled:
                missing.add(1, ordering: .relaxed)
                result = .missing
            }
        } catch {
            failed.add(1, ordering: .relaxed)
            result = .failed(error.message)
        }
        let ended = Clock.monotonicNanoseconds()
        recorder.record(.read, nanoseconds: ended - begun)
        keyspace.land(fault, result)
        recorder.record(.install, nanoseconds: fault.landedAt - ended)
    }
}
