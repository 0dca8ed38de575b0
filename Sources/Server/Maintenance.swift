import Keyspace
import Platform
import Telemetry
import Tiering

/// The thread behind the clock, ten times a second: keys in RAM that are past due, rates, the memory peak, the end of
/// a pause.
final class Maintenance: @unchecked Sendable {
    // @unchecked: the flag is a monitor; `thread` is written by start and stop only.
    private unowned let core: ServerCore  // the core stops this thread before it goes
    private let stopping = Monitor(false)
    private var thread: Thread?

    /// Of each cycle's 100 ms, at most this much is spent on expiry at effort 1; each further step adds as much as a
    /// tenth.
    private static let expiryNanoseconds: Int64 = 25_000_000

    init(core: ServerCore) { self.core = core }

    func start() { thread = Thread(name: "maintenance") { [self] in run() } }

    func stop() {
        stopping.withLock { $0 = true }
        stopping.wakeAll()
        thread?.join()
        thread = nil
    }

    private func run() {
        var expiry = ResidentExpiry(store: core.store)
        while stopping.wait(timeoutNanoseconds: 100_000_000, { $0 ? true : nil }) == nil {
            let begun = Clock.monotonicNanoseconds()
            core.pause.tick(now: Clock.unixMilliseconds())
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
            core.sampleRates()
            core.tier?.evaluate()
        }
    }
}
