import Bytes
import Keyspace
import Platform
import Storage
import Synchronization

/// The threads that read what parked calls miss.
///
/// One queue, first come, first served. A thread takes a fair part of what is queued at a time, so that under load
/// few wake-ups are paid, and reads key by key: each result lands as soon as it is there. The device's parallelism is
/// the number of threads (Debian's RocksDB has no asynchronous reads).
final class FaultIn: @unchecked Sendable {
    // @unchecked: the queue is a monitor, counters are atomic, `threads` is written by start and stop only.
    private struct Queue {
        var faults: [Fault] = []
        var head = 0
        var idle = 0
        var stopping = false
        var count: Int { faults.count - head }

        mutating func takeShare(of threads: Int) -> [Fault] {
            let share = max(1, min(8, count / threads))
            let batch = Array(faults[head..<head + share])
            head += share
            if head == faults.count {
                faults.removeAll(keepingCapacity: true)
                head = 0
            } else if head > 1024, head > faults.count / 2 {
                faults.removeFirst(head)
                head = 0
            }
            return batch
        }
    }

    private let tier: Tier
    private let queue = Monitor(Queue())
    private var threads: [Thread] = []
    private let threadCount: Int

    let requested = Atomic<Int>(0)
    let found = Atomic<Int>(0)
    let missing = Atomic<Int>(0)
    let failed = Atomic<Int>(0)

    init(tier: Tier, threads: Int) {
        self.tier = tier
        threadCount = max(threads, 1)
    }

    func start() {
        threads = (0..<threadCount).map { index in Thread(name: "fault-in-\(index)") { [self] in run() } }
    }

    /// Ends the threads after the reads that are under way; what is queued lands as failed, for with a slow device it
    /// would keep the process from ending, and nobody is left to want it.
    func stop() {
        let abandoned = queue.withLock { queue in
            queue.stopping = true
            let rest = Array(queue.faults[queue.head...])
            queue.faults = []
            queue.head = 0
            return rest
        }
        queue.wakeAll()
        for thread in threads { thread.join() }
        threads = []
        if abandoned.isEmpty { return }
        var keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        for fault in abandoned { keyspace.land(fault, .failed("the server is shutting down")) }
    }

    var queuedCount: Int { queue.withLock { $0.count } }

    func submit(_ faults: [Fault]) {
        guard !faults.isEmpty else { return }
        requested.add(faults.count, ordering: .relaxed)
        let wakes = queue.withLock { queue in
            queue.faults += faults
            return min(queue.idle, faults.count)
        }
        for _ in 0..<wakes { queue.wakeOne() }
    }

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
        let batch = queue.wait { [threadCount] queue -> [Fault]? in
            if isCountedIdle { queue.idle -= 1 }
            isCountedIdle = false
            if queue.count > 0 { return queue.takeShare(of: threadCount) }
            if queue.stopping { return [] }
            queue.idle += 1
            isCountedIdle = true
            return nil
        }
        return batch ?? []
    }

    private func read(
        _ fault: Fault, _ keyspace: inout LockedKeyspace, _ scratch: inout ByteBuffer, _ recorder: FaultRecorder
    ) {
        scratch.removeAll()
        fault.appendName(to: &scratch)
        let begun = Clock.monotonicNanoseconds()
        recorder.record(.queue, nanoseconds: begun - fault.requestedAt)
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
