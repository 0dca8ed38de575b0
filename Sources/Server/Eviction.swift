import Configuration
import Keyspace
import Platform
import Synchronization
import Values

/// `maxmemory` without a flash tier: deletes keys by policy until there is room, as Redis does.
///
/// A pool of the best candidates seen so far is kept from one deletion to the next; each time `maxmemory-samples` keys
/// of every database at random places have a chance to get into it, and the best of it goes. (Redis found that this
/// comes near to true LRU.) How much there is to free is worked out once for a round, from then on only what deletions
/// give back counts: messages and replies that they cause must not cause further deletions. A round ends after a time
/// that `maxmemory-eviction-tenacity` says; then a control thread goes on, and commands run meanwhile.
///
/// One thread evicts at a time: others that find too much memory in use wait for it, as they would in Redis.
final class Eviction: Sendable {
    enum Outcome {
        case enough
        /// There is still too much in use, but a control thread is at work on it.
        case underWay
        case nothingLeft
    }

    private struct State {
        var policy = EvictionPolicy.noEviction
        var samples = 5
        var nanoseconds = Int64.max
        var pool: [EvictionCandidate] = []
        var random: UInt64 = 0x2545_f491_4f6c_dd1d
        /// Since when too much has been in use, monotonic nanoseconds; 0: it is not.
        var exceededSince: Int64 = 0
        var exceededNanoseconds: Int64 = 0
        var isContinued = false
        /// While invalidations of evicted keys are on their way: the reading from before, and how many loops have yet
        /// to send theirs.
        var reading: MemoryReading?
        var sendingLoops = 0
        /// The count of changes to the data set when nothing was left to evict: while it stays, nothing is.
        var emptyAt = -1
    }
    private let state = Monitor(State())
    /// `maxmemory`, 0 for none: read by every command.
    private let limit = Atomic<Int>(0)
    private let store: KeyspaceStore
    /// Of the control thread, used with the state locked.
    private let ownLedger: Ledger

    /// Candidates that are kept.
    private static let poolSize = 16
    /// Deletions between two looks at the clock.
    private static let stride = 16
    /// How long a memory reading stands while loops have yet to send what evicted keys caused.
    private static let longestWaitNanoseconds: Int64 = 100_000_000

    init(store: KeyspaceStore) {
        self.store = store
        ownLedger = store.makeLedger()
    }

    func configure(limit: Int, policy: EvictionPolicy, samples: Int, tenacity: Int) {
        state.withLock { state in
            if state.policy != policy {
                state.pool = []
                state.emptyAt = -1
            }
            state.policy = policy
            state.samples = max(1, samples)
            state.nanoseconds = Self.timeLimit(tenacity)
        }
        self.limit.store(limit, ordering: .relaxed)
    }

    /// How long a round may take: 50 microseconds a step up to 10, then 15 % more with each, without end at 100.
    private static func timeLimit(_ tenacity: Int) -> Int64 {
        if tenacity <= 10 { return Int64(tenacity) * 50_000 }
        guard tenacity < 100 else { return .max }
        return Int64((0..<tenacity - 10).reduce(500_000.0) { time, _ in time * 1.15 })
    }

    /// Whether there is a limit. One relaxed load.
    @inline(__always)
    var isLimited: Bool { limit.load(ordering: .relaxed) != 0 }

    /// Before a command of a worker's: makes room if there is too much in use.
    func makeRoom(_ worker: LoopWorker) -> Outcome {
        let maximum = limit.load(ordering: .relaxed)
        // While clients are paused the keys are to stay as they are.
        if maximum == 0 || worker.core.isPausing.load(ordering: .relaxed) { return .enough }
        if worker.core.usedMemory <= maximum { return recover() }
        return state.withLock { run(&$0, worker.core, &worker.context.pointee.keyspace) }
    }

    /// After a change of the limit: a control thread makes room.
    func start(_ core: ServerCore) {
        guard isLimited, core.usedMemory > limit.load(ordering: .relaxed) else { return }
        state.withLock { goOn(&$0, core) }
    }

    /// INFO's counts of how long too much has been in use, altogether or just now.
    func exceededMilliseconds(total: Bool) -> Int64 {
        state.withLock { state in
            let current = state.exceededSince > 0 ? Clock.monotonicNanoseconds() - state.exceededSince : 0
            return (total ? state.exceededNanoseconds + current : current) / 1_000_000
        }
    }

    private let isExceeded = Atomic<Bool>(false)

    private func recover() -> Outcome {
        if isExceeded.load(ordering: .relaxed) { state.withLock { note(&$0, .enough) } }
        return .enough
    }

    private func note(_ state: inout State, _ outcome: Outcome) {
        let now = Clock.monotonicNanoseconds()
        if outcome != .enough {
            if state.exceededSince == 0 { state.exceededSince = now }
        } else if state.exceededSince > 0 {
            state.exceededNanoseconds += now - state.exceededSince
            state.exceededSince = 0
        }
        isExceeded.store(state.exceededSince > 0, ordering: .relaxed)
    }

    // MARK: A round

    private func run(_ state: inout State, _ core: ServerCore, _ keyspace: inout LockedKeyspace) -> Outcome {
        // Clients come before keys: what those take that are leaving will be given back.
        core.clientEviction.relieve(core)
        let maximum = limit.load(ordering: .relaxed) + core.clientEviction.leavingBytes.load(ordering: .relaxed)
        // A loop that is late, or rounds that follow each other, must not hide for good what else takes memory.
        if let kept = state.reading, Clock.monotonicNanoseconds() - kept.takenAt > Self.longestWaitNanoseconds {
            state.reading = nil
            core.forgetMemoryReading()
        }
        let reading = state.reading ?? core.memoryReading()
        let excess = reading.allocated + store.memoryBytes - reading.knownBytes - maximum
        var outcome = Outcome.enough
        if excess > 0 {
            let evicted = keyspace.ledger.evicted.load(ordering: .relaxed)
            outcome = state.policy == .noEviction ? .nothingLeft : evict(&state, excess, core, &keyspace)
            if keyspace.ledger.evicted.load(ordering: .relaxed) != evicted, core.tracking.totalClients > 0 {
                awaitSending(&state, reading, core)
            }
            // What was in use for a moment only is no reason to refuse a command.
            if outcome == .nothingLeft, state.policy != .noEviction, core.usedMemoryNow <= maximum { outcome = .enough }
        }
        note(&state, outcome)
        return outcome
    }

    /// Invalidations of what was evicted are memory until the loops have sent them: with ten clients that know a key,
    /// more than the key was. Until then the reading from before stands, with what records have come and gone since;
    /// or each round's messages would be the next round's excess.
    private func awaitSending(_ state: inout State, _ reading: MemoryReading, _ core: ServerCore) {
        state.reading = reading
        state.sendingLoops += core.loops.loops.count
        for loop in core.loops.loops {
            // Behind the jobs that bring the messages to the connections.
            loop.post { [self] in
                loop.sendOutput()
                self.state.withLock { state in
                    state.sendingLoops -= 1
                    if state.sendingLoops > 0 { return }
                    state.reading = nil
                    core.forgetMemoryReading()
                }
            }
        }
    }

    private func evict(
        _ state: inout State, _ excess: Int, _ core: ServerCore, _ keyspace: inout LockedKeyspace
    ) -> Outcome {
        let changes = store.total { $0.changes.load(ordering: .relaxed) }
        if changes == state.emptyAt { return .nothingLeft }
        let rank = Self.rank(state.policy)
        let began = Clock.monotonicNanoseconds()
        // The thread's own count: exact, whatever others do meanwhile.
        let goal = keyspace.ledger.memoryBytes.load(ordering: .relaxed) - excess
        var deleted = 0
        var outcome = Outcome.enough
        while keyspace.ledger.memoryBytes.load(ordering: .relaxed) > goal {
            guard evictOne(&state, rank, &keyspace) else {
                outcome = .nothingLeft
                if !store.holdsDeletions.load(ordering: .relaxed) { state.emptyAt = changes }
                break
            }
            deleted += 1
            if deleted % Self.stride == 0, Clock.monotonicNanoseconds() - began > state.nanoseconds {
                goOn(&state, core)
                outcome = .underWay
                break
            }
        }
        if deleted > 0 {
            core.latency.sampleIfSlow(
                "eviction-cycle", milliseconds: (Clock.monotonicNanoseconds() - began) / 1_000_000)
        }
        return outcome
    }

    /// False: there is nothing that the policy allows to delete, or that may be deleted now.
    private func evictOne(_ state: inout State, _ rank: EvictionRank, _ keyspace: inout LockedKeyspace) -> Bool {
        // Commands delete for themselves, and none runs while others' deletions are held.
        let heedsHold = keyspace.actor == nil
        while true {
            if rank.order == .nothing {
                var found: [EvictionCandidate] = []
                keyspace.sample(from: Self.place(&state.random), rank, into: &found)
                guard !found.isEmpty else { return false }
                let chosen = found[Int(state.random >> 33) % found.count]
                switch keyspace.evict(chosen, rank, heedsHold: heedsHold) {
                case .deleted: return true
                case .held: return false
                case .gone: continue
                }
            }
            for _ in 0..<state.samples {
                let before = state.pool.count
                keyspace.sample(from: Self.place(&state.random), rank, into: &state.pool)
                if state.pool.count == before { break }
            }
            if state.pool.isEmpty { return false }
            thin(&state)
            // From the best on: those that are gone, or aren't of the kind any more, leave the pool.
            while let best = state.pool.popLast() {
                switch keyspace.evict(best, rank, heedsHold: heedsHold) {
                case .deleted: return true
                case .held: return false
                case .gone: continue
                }
            }
        }
    }

    /// Keeps the best, each key once, the best last.
    private func thin(_ state: inout State) {
        var seen = Set<[UInt8]>()
        state.pool.sort { $0.score > $1.score }
        state.pool.removeAll { !seen.insert($0.key).inserted }
        state.pool.removeLast(max(0, state.pool.count - Self.poolSize))
        state.pool.reverse()
    }

    private static func place(_ random: inout UInt64) -> Position {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return Position(bits: UInt32(truncatingIfNeeded: random >> 16))
    }

    // MARK: Going on

    /// Has a control thread go on, if none does.
    private func goOn(_ state: inout State, _ core: ServerCore) {
        if state.isContinued { return }
        state.isContinued = true
        core.control.submit { [self] in
            var keyspace = LockedKeyspace(store: store, ledger: ownLedger)
            while continueRound(core, &keyspace) {}
        }
    }

    /// One round on a control thread; whether there is more to do.
    private func continueRound(_ core: ServerCore, _ keyspace: inout LockedKeyspace) -> Bool {
        keyspace.now = Clock.unixMilliseconds()
        keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: keyspace.now / 1_000)
        keyspace.accessClock.mode = core.accessMode.withLock { $0 }
        return state.withLock { state in
            let isPaused = core.isPausing.load(ordering: .relaxed) || !isLimited
            let more = !isPaused && run(&state, core, &keyspace) == .underWay
            if !more { state.isContinued = false }
            return more
        }
    }

    /// How much a policy wants a key gone.
    private static func rank(_ policy: EvictionPolicy) -> EvictionRank {
        switch policy {
        case .volatileLRU: EvictionRank(onlyExpiring: true, by: .idle)
        case .volatileLFU: EvictionRank(onlyExpiring: true, by: .infrequent)
        case .volatileRandom: EvictionRank(onlyExpiring: true, by: .nothing)
        case .volatileTTL: EvictionRank(onlyExpiring: true, by: .soonest)
        case .allKeysLRU: EvictionRank(onlyExpiring: false, by: .idle)
        case .allKeysLFU: EvictionRank(onlyExpiring: false, by: .infrequent)
        case .allKeysRandom, .noEviction: EvictionRank(onlyExpiring: false, by: .nothing)
        }
    }
}
