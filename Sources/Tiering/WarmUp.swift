import Bytes
import Keyspace
import Platform
import Storage
import Synchronization
import Telemetry

/// Reads in again what was hot when the server ended.
///
/// A few threads go through the list, the hottest keys first, each with one read under way at a time; they don't queue
/// with the misses of clients, wait while any of those are queued, and keep to a pace. A read is a fault like any
/// other (see Faults), so a key that was written, deleted or flushed meanwhile stays as it is, and a client that wants
/// the key joins the read. Of a collection that goes by pages only the root is read.
///
/// The list is opened by these threads, so the start doesn't wait for it. It is at its end when all keys were looked
/// at, when memory reaches the low watermark (more would push out what it has just brought), when the list turns out
/// to be damaged or the device fails, and when the server ends.
public final class WarmUp: @unchecked Sendable {
    // @unchecked: the state is a monitor, counters are atomic, `threads` is written by start and stop only.
    public enum State: Sendable, Equatable {
        /// There is no list.
        case none
        case running
        /// All keys were looked at.
        case done
        /// Memory has reached the low watermark.
        case full
        /// Ended by the server's end, or because it was switched off.
        case stopped
        case failed(String)
    }

    private struct Progress {
        var state = State.none
        var open: (@Sendable () throws -> HotKeyList?)?
        var list: HotKeyList?
        /// The part that is read next.
        var nextPart = 0
        /// Keys of the part that was read last, and how many of them were given out.
        var keys: [HotKey] = []
        var given = 0
        /// Threads that are at work.
        var working = 0
        var began: Int64 = 0
        var nextReport: Int64 = 0
        /// Reads in a row that failed.
        var failures = 0
    }

    /// Reads under way at a time, at most.
    public static let mostInFlight = 4
    /// Keys that a thread takes at a time: it keeps to the pace from one batch to the next.
    static let batchKeys = 32
    /// How long a key waits at most while misses of clients are queued.
    private static let yieldNanoseconds: Int64 = 1_000_000
    /// The device is given up after so many failed reads in a row.
    static let mostFailures = 32
    private static let reportNanoseconds: Int64 = 10_000_000_000

    private let tier: Tier
    private let log = Monitor<Log?>(nil)
    private let progress = Monitor(Progress())
    private let mode = Monitor(AccessClock.Mode.lru)
    private var threads: [Thread] = []
    private let isEnding = Atomic<Bool>(false)

    /// Keys of the list, those that were looked at, and those that were read in.
    public let listed = Atomic<Int>(0)
    public let looked = Atomic<Int>(0)
    public let read = Atomic<Int>(0)

    init(tier: Tier) { self.tier = tier }

    public var state: State { progress.withLock { $0.state } }

    /// Begins, once. `open` is called by a thread of its own: it gives the list, or nil if there is none.
    public func start(
        mode: AccessClock.Mode = .lru, log: Log? = nil, _ open: @escaping @Sendable () throws -> HotKeyList?
    ) {
        precondition(threads.isEmpty, "the warm-up was started twice")
        self.log.withLock { $0 = log }
        self.mode.withLock { $0 = mode }
        let count = min(Self.mostInFlight, max(1, tier.readThreads))
        progress.withLock { progress in
            progress.state = .running
            progress.open = open
            progress.working = count
            progress.began = Clock.monotonicNanoseconds()
            progress.nextReport = progress.began + Self.reportNanoseconds
        }
        threads = (0..<count).map { number in Thread(name: "warm-up-\(number)") { [self] in run() } }
    }

    /// Has it end soon; any thread.
    public func end() { isEnding.store(true, ordering: .relaxed) }

    /// Ends it and waits for its threads. Nothing if it isn't under way.
    public func stop() {
        end()
        for thread in threads { thread.join() }
        threads = []
    }

    /// What of the list was not looked at when it was stopped, from the part on in which that was. After `stop`.
    public var rest: (list: HotKeyList, from: Int)? {
        progress.withLock { progress in
            guard progress.state == .stopped else { return nil }
            // A server that ends at once has not come to open it.
            if let open = progress.open {
                progress.open = nil
                progress.list = try? open()
            }
            return progress.list.map { ($0, max(0, progress.nextPart - 1)) }
        }
    }

    // MARK: The threads

    private func run() {
        // Who serves clients must not queue behind this for the processor.
        Thread.yieldToOthers()
        var keyspace = LockedKeyspace(store: tier.store, ledger: tier.store.makeLedger())
        keyspace.accessClock.mode = mode.withLock { $0 }
        var name = ByteBuffer()
        // A generation stays with its space until a flush, whatever database shows it.
        var spaces: [UInt32: Int] = [:]
        for space in tier.store.allSpaces { spaces[tier.store.currentGeneration(ofSpace: space)] = space }
        while true {
            let begun = Clock.monotonicNanoseconds()
            let keys = take()
            if keys.isEmpty { break }
            keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: Clock.unixMilliseconds() / 1_000)
            for key in keys {
                guard mayGoOn() else { break }
                if let space = spaces[key.generation] { bring(key, space, &keyspace, &name) }
                looked.add(1, ordering: .relaxed)
            }
            keepPace(since: begun, keys: keys.count)
        }
        finish()
    }

    /// The next keys; empty when this thread is to end.
    private func take() -> [HotKey] {
        progress.withLock { progress in
            guard progress.state == .running else { return [] }
            if isEnding.load(ordering: .relaxed) {
                progress.state = .stopped
                return []
            }
            do {
                try open(&progress)
                guard let list = progress.list else { return [] }
                while progress.given == progress.keys.count {
                    // The others are still at what they have taken.
                    guard progress.nextPart < list.parts else { return [] }
                    progress.keys = try list.part(progress.nextPart)
                    progress.given = 0
                    progress.nextPart += 1
                }
            } catch {
                progress.state = .failed("\(error)")
                return []
            }
            let end = min(progress.given + Self.batchKeys, progress.keys.count)
            defer { progress.given = end }
            report(&progress)
            return Array(progress.keys[progress.given..<end])
        }
    }

    private func open(_ progress: inout Progress) throws {
        guard let open = progress.open else { return }
        progress.open = nil
        guard let list = try open() else {
            progress.state = .none
            return
        }
        progress.list = list
        listed.store(list.keys, ordering: .relaxed)
        say { $0.notice("Warming up: \(list.keys) keys that were hot at the last shutdown are read in again.") }
    }

    /// Whether the next key may be read, after a pause if clients wait for reads.
    private func mayGoOn() -> Bool {
        if tier.faultIn.counts.total > 0 { Clock.sleep(nanoseconds: Self.yieldNanoseconds) }
        if isEnding.load(ordering: .relaxed) { return turn(.stopped) }
        if tier.store.memoryBytes >= tier.budget.lowWatermark { return turn(.full) }
        return progress.withLock { $0.state == .running }
    }

    /// Ends the warm-up in this state, unless it has ended. False.
    private func turn(_ state: State) -> Bool {
        progress.withLock { if $0.state == .running { $0.state = state } }
        return false
    }

    /// Reads a key in if it is cold.
    private func bring(_ hot: HotKey, _ space: Int, _ keyspace: inout LockedKeyspace, _ name: inout ByteBuffer) {
        hot.key.withSlice { key in
            let position = tier.store.placement.position(of: key)
            // Leaves the record's name in `name`. Without it nothing is read, and no marker is left for what is gone.
            guard tier.mayBeOnFlash(generation: hot.generation, position: position, key: key, scratch: &name) else {
                return
            }
            let ref = KeyRef(bytes: key, position: position, space: space)
            keyspace.lock(position.shard)
            var fault: Fault?
            if tier.store.generation(ofSpace: space) == hot.generation, !keyspace.isResident(ref) {
                fault = keyspace.requestFault(ref, for: nil, at: Clock.monotonicNanoseconds())
                fault?.touches = hot.touches
                // Before anybody can join it, who would have it read by the threads that fault in.
                if let fault, !tier.claim(fault) { preconditionFailure("a new fault that is being read") }
            }
            keyspace.unlock(position.shard)
            guard let fault else { return }
            do throws(StorageError) {
                if try tier.readNow(fault, name.slice, &keyspace) { read.add(1, ordering: .relaxed) }
                progress.withLock { $0.failures = 0 }
            } catch {
                noteFailure(error.message)
            }
        }
    }

    private func noteFailure(_ message: String) {
        progress.withLock { progress in
            progress.failures += 1
            if progress.failures >= Self.mostFailures, progress.state == .running { progress.state = .failed(message) }
        }
    }

    /// Waits until so many keys may have been looked at.
    private func keepPace(since begun: Int64, keys: Int) {
        let pace = Int64(max(1, tier.warmUpKeysPerSecond))
        let due = begun + Int64(keys * Self.mostInFlight) * 1_000_000_000 / pace
        while !isEnding.load(ordering: .relaxed) {
            let left = due - Clock.monotonicNanoseconds()
            if left <= 0 { return }
            Clock.sleep(nanoseconds: min(left, 50_000_000))
        }
    }

    // MARK: What it says

    private func say(_ body: (Log) -> Void) { if let log = log.withLock({ $0 }) { body(log) } }

    private var figures: String {
        "\(looked.load(ordering: .relaxed)) of \(listed.load(ordering: .relaxed)) keys looked at, "
            + "\(read.load(ordering: .relaxed)) read in"
    }

    private func report(_ progress: inout Progress) {
        let now = Clock.monotonicNanoseconds()
        guard now >= progress.nextReport else { return }
        progress.nextReport = now + Self.reportNanoseconds
        say { $0.notice("Warming up: \(figures).") }
    }

    /// The last thread to end says how it went.
    private func finish() {
        let ended = progress.withLock { progress -> (State, Int64)? in
            progress.working -= 1
            if progress.working > 0 { return nil }
            if progress.state == .running { progress.state = .done }
            return (progress.state, (Clock.monotonicNanoseconds() - progress.began) / 1_000_000)
        }
        guard let (state, milliseconds) = ended else { return }
        let outcome = "\(figures) in \(milliseconds) ms"
        switch state {
        case .none, .running: break
        case .done: say { $0.notice("Warmed up: \(outcome).") }
        case .full: say { $0.notice("Warmed up until memory reached its low watermark: \(outcome).") }
        case .stopped: say { $0.notice("The warm-up was stopped: \(outcome).") }
        case .failed(let reason):
            say { $0.warning("The warm-up list can't be used (any further): \(reason); \(outcome).") }
        }
    }
}
