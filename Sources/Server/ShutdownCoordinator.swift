import Keyspace
import Persistence
import Platform
import RESP
import Storage
import Synchronization
import Tiering

/// SHUTDOWN and SIGTERM: pauses the clients, spills what is dirty, seals, ends.
///
/// If the provider fails, nothing ends: the clients go on and the caller hears why (unless it insisted).
final class ShutdownCoordinator: @unchecked Sendable {
    // @unchecked: `core` is set once, before anything can call.
    unowned(unsafe) var core: ServerCore! = nil  // the core owns the coordinator, and sets this in its init
    let isUnderWay = Atomic<Bool>(false)

    init() {}

    /// Rounds of spilling before giving up on writers that won't stop (there are none once the clients are paused).
    private static let attempts = 50

    /// Shuts down; blocks. Not on an event loop. Returns the reason if the server goes on.
    func run(saving: Bool, insists: Bool) -> String? {
        guard !isUnderWay.exchange(true, ordering: .acquiringAndReleasing) else { return "a shutdown is under way" }
        defer { isUnderWay.store(false, ordering: .releasing) }
        guard saving, let tier = core.tier, let directory = core.directory else {
            core.end(saving ? .clean : .withoutSaving)
            return nil
        }
        core.log.notice("Spilling what is only in RAM before exiting.")
        core.pause.begin(.shutdown, until: .max, scope: .all, now: Clock.unixMilliseconds())
        core.isActiveExpiryEnabled.store(false, ordering: .relaxed)
        tier.coldExpiry.isEnabled.store(false, ordering: .relaxed)
        core.waitForLoops()
        do {
            try sealAll(tier, directory)
            core.log.notice("The flash directory is sealed.")
            core.end(.clean)
            return nil
        } catch {
            core.log.warning("Sealing the flash directory failed: \(error)")
            if insists {
                core.log.warning(
                    "Exiting all the same, as asked: data since the last shutdown is not in the flash directory.")
                core.end(.withoutSaving)
                return nil
            }
            core.isActiveExpiryEnabled.store(true, ordering: .relaxed)
            tier.coldExpiry.isEnabled.store(true, ordering: .relaxed)
            core.pause.end(.shutdown)
            return "\(error)"
        }
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
        let seal = core.store.isSettled ? Seal(of: core.store) : nil
        core.store.unlockAll()
        guard let seal else { return false }
        try tier.provider.flush()
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
