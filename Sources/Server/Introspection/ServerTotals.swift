import Commands
import Keyspace
import Platform
import Synchronization
import Telemetry

/// Sums over all threads of what INFO counts.
///
/// CONFIG RESETSTAT can't zero counters that other threads are adding to: it keeps the sums as a baseline that is
/// taken off.
struct ServerTotals: Sendable {
    var connectionsReceived = 0
    var connectionsRejected = 0
    var bytesIn = 0
    var bytesOut = 0
    var reads = 0
    var writes = 0
    var parks = 0
    var queryLimitDisconnections = 0
    var outputLimitDisconnections = 0
    var hits = 0
    var misses = 0
    var expired = 0
    var expiredMembers = 0
    var evicted = 0
    var evictedClients = 0

    init() {}

    init(_ core: ServerCore) {
        guard let loops = core.loops else { return }
        connectionsReceived = loops.total { $0.connectionsReceived.current }
        connectionsRejected = loops.total { $0.connectionsRejected.current }
        bytesIn = loops.total { $0.bytesIn.current }
        bytesOut = loops.total { $0.bytesOut.current }
        reads = loops.total { $0.reads.current }
        writes = loops.total { $0.writes.current }
        parks = loops.total { $0.parks.current }
        queryLimitDisconnections = loops.total { $0.queryLimitDisconnections.current }
        outputLimitDisconnections = loops.total { $0.outputLimitDisconnections.current }
        hits = core.store.total { $0.hits.load(ordering: .relaxed) }
        misses = core.store.total { $0.misses.load(ordering: .relaxed) }
        expired = core.store.total { $0.expired.load(ordering: .relaxed) }
        expiredMembers = core.store.total { $0.expiredMembers.load(ordering: .relaxed) }
        evicted = core.store.total { $0.evicted.load(ordering: .relaxed) }
        evictedClients = core.clientEviction.evicted.load(ordering: .relaxed)
    }

    static let fields: [WritableKeyPath<ServerTotals, Int> & Sendable] = [
        \.connectionsReceived, \.connectionsRejected, \.bytesIn, \.bytesOut, \.reads, \.writes, \.parks,
        \.queryLimitDisconnections, \.outputLimitDisconnections, \.hits, \.misses, \.expired,
        \.expiredMembers, \.evicted, \.evictedClients,
    ]

    static func - (a: ServerTotals, b: ServerTotals) -> ServerTotals {
        var result = a
        for field in fields { result[keyPath: field] -= b[keyPath: field] }
        return result
    }
}

extension ServerCore {
    /// Totals since the start or the last CONFIG RESETSTAT.
    var totals: ServerTotals { ServerTotals(self) - baseline.withLock { $0 } }

    /// CONFIG RESETSTAT.
    func resetStatistics() {
        let now = ServerTotals(self)
        baseline.withLock { $0 = now }
        commandStatistics.reset()
        tier?.faultStages.reset()
        errorCounts.reset()
        rates.reset(nowMilliseconds: Clock.unixMilliseconds())
    }
}
