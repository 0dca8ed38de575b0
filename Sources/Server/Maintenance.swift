import Keyspace
import Platform
import Telemetry
import Tiering

/// The thread behind the clock, ten times a second: keys in RAM that are past due, rates, the memory peak, the end of
/// a pause, limits of what clients take.
final class Maintenance: Sendable {
    private unowned let core: ServerCore  // the core stops this thread before it goes
    private let thread = RecurringThread(name: "maintenance")
    private static let pauseNanoseconds: Int64 = 100_000_000

    /// Of each cycle's 100 ms, at most this much is spent on expiry at effort 1; each further step adds as much as a
    /// tenth.
    private static let expiryNanoseconds: Int64 = 25_000_000

    init(core: ServerCore) { self.core = core }

    func start() { thread.start { [self] in run() } }
    func stop() { thread.stop() }

    private func run() {
        var expiry = ResidentExpiry(store: core.store)
        while thread.pause(nanoseconds: Self.pauseNanoseconds) {
            if core.isMaintenancePaused.load(ordering: .relaxed) { continue }
            let begun = Clock.monotonicNanoseconds()
            core.pause.tick(now: Clock.unixMilliseconds())
            core.migrationLinks.tick()
            let isPausing = core.isPausing.load(ordering: .relaxed)
            if core.isActiveExpiryEnabled.load(ordering: .relaxed), !isPausing {
                let effort = Int64(core.configuration.current.activeExpireEffort)
                let deleted = expiry.cycle(
                    budgetNanoseconds: Self.expiryNanoseconds + (effort - 1) * Self.expiryNanoseconds / 10)
                if deleted > 0 {
                    core.latency.sampleIfSlow(
                        "expire-cycle", milliseconds: (Clock.monotonicNanoseconds() - begun) / 1_000_000)
                }
            }
            if core.tracking.isOverLimit { core.tracking.reduce(for: nil) }
            core.clientEviction.relieve(core)
            core.sampleRates()
            core.tier?.evaluate()
        }
    }
}
