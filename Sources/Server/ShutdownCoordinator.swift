import Keyspace
import Persistence
import Platform
import RESP
import Storage
import Tiering

/// SHUTDOWN and SIGTERM: pauses the clients, spills what is dirty, seals, ends.
///
/// If the provider fails, the clients go on and the seal is tried again when the spiller has brought the provider back:
/// a full disk often gets room within moments, when obsolete files or the output of a failed compaction are removed. If
/// that does not come in time nothing ends, and the caller hears why (unless it insisted).
final class ShutdownCoordinator: @unchecked Sendable {
    // @unchecked: `core` is set once, before anything can call.
    unowned(unsafe) var core: ServerCore! = nil  // the core owns the coordinator, and sets this in its init
    private struct State {
        var isUnderWay = false
        /// Somebody insists, whoever began it.
        var insists = false
    }
    private let state = Monitor(State())
    var isUnderWay: Bool { state.withLock { $0.isUnderWay } }

    init() {}

    /// Rounds of spilling before giving up on writers that won't stop (there are none once the clients are paused).
    private static let attempts = 50

    /// How long a provider that fails may take to recover. RocksDB keeps the output of what failed for a second, and a
    /// Resume is tried 1.2 s after the last error: this is time for three of them, and half of the 10 s that container
    /// runtimes give a process to end.
    private static let patienceNanoseconds: Int64 = 5_000_000_000
    private static let recoveryPollNanoseconds: Int64 = 100_000_000

    /// Shuts down; blocks. Not on an event loop. Returns the reason if the server goes on.
    func run(saving: Bool, insists: Bool) -> String? {
        let isFirst = state.withLock { state in
            defer {
                if !state.isUnderWay || saving && insists { state.insists = insists }
                state.isUnderWay = true
            }
            return !state.isUnderWay
        }
        // One that insists on top of one that is still trying makes that one end the server, one way or the other.
        guard isFirst else { return saving && insists ? nil : "a shutdown is under way" }
        guard saving, let tier = core.tier, let directory = core.directory else {
            core.end(saving ? .clean : .withoutSaving)
            return nil
        }
        core.log.notice("Spilling what is only in RAM before exiting.")
        let deadline = Clock.monotonicNanoseconds() + Self.patienceNanoseconds
        while true {
            pauseClients(tier)
            do {
                try sealAll(tier, directory)
                core.log.notice("The flash directory is sealed.")
                core.end(.clean)
                return nil
            } catch {
                resumeClients(tier)
                if waitForRecovery(tier, until: deadline) {
                    core.log.notice("Sealing the flash directory failed: \(error); trying again.")
                    continue
                }
                core.log.warning("Sealing the flash directory failed: \(error)")
                guard givesUp() else { return "\(error)" }
                core.log.warning(
                    "Exiting all the same, as asked: data since the last shutdown is not in the flash directory.")
                core.end(.withoutSaving)
                return nil
            }
        }
    }

    /// After a failure: whether to exit all the same. If not, the shutdown is over.
    private func givesUp() -> Bool {
        state.withLock { state in
            if !state.insists { state.isUnderWay = false }
            return state.insists
        }
    }

    private func pauseClients(_ tier: Tier) {
        core.pause.begin(.shutdown, until: .max, scope: .all, now: Clock.unixMilliseconds())
        core.isActiveExpiryEnabled.store(false, ordering: .relaxed)
        tier.coldExpiry.isEnabled.store(false, ordering: .relaxed)
        core.waitForLoops()
        core.gate.waitUntilIdle()
        tier.warmUp.stop()
        tier.upkeep.stop()
        // What is to be flushed is all that is left to be done.
        tier.provider.limitUpkeep(bytesPerSecond: 0)
    }

    private func resumeClients(_ tier: Tier) {
        tier.update { _ in }
        core.isActiveExpiryEnabled.store(true, ordering: .relaxed)
        tier.coldExpiry.isEnabled.store(true, ordering: .relaxed)
        core.pause.end(.shutdown)
    }

    /// Waits until the provider takes writes; false if it doesn't before the deadline. At least one poll's time passes.
    private func waitForRecovery(_ tier: Tier, until deadline: Int64) -> Bool {
        while Clock.monotonicNanoseconds() < deadline {
            Clock.sleep(nanoseconds: Self.recoveryPollNanoseconds)
            if tier.takesWrites { return true }
        }
        return false
    }

    private func sealAll(_ tier: Tier, _ directory: DataDirectory) throws {
        for _ in 0..<Self.attempts {
            try tier.spillEverything(keepsClean: true)
            try tier.reapBuried()
            if try tier.seal({ try sealSettled(tier, directory) }) { return }
            Clock.sleep(nanoseconds: 1_000_000)
        }
        throw StorageError(.other, "records kept changing")
    }

    /// Writes the seal unless something is only in RAM. Nothing is written to the provider meanwhile.
    private func sealSettled(_ tier: Tier, _ directory: DataDirectory) throws -> Bool {
        core.store.lockAll()
        // Blocked calls that were served still run: nothing may change behind the seal.
        let isSettled = core.store.isSettled && core.observers.waits.reservations.isEmpty
        let seal = isSettled ? Seal(of: core.store) : nil
        core.store.unlockAll()
        guard let seal else { return false }
        try tier.provider.flush()
        core.noteHotKeys(tier, directory, seed: seal.seed)
        try directory.seal(seal)
        return true
    }
}

extension ServerCore {
    /// Returns when every loop has come to a command boundary after the pause began.
    func waitForLoops() {
        let remaining = Monitor(loops.loops.count)
        for loop in loops.loops {
            loop.post {
                remaining.withLock { $0 -= 1 }
                remaining.wakeAll()
            }
        }
        _ = remaining.wait(timeoutNanoseconds: 10_000_000_000) { $0 == 0 ? true : nil }
    }
}
