import Synchronization

/// What the tier has done since the start, for INFO.
public struct TierStatistics: Sendable {
    public var spilledBatches = 0
    public var spilledOperations = 0
    public var spilledBytes = 0
    /// Nanoseconds for which batches were put off.
    public var spillPauses = 0
    public var writeFailures = 0
    /// Calls that waited for memory.
    public var memoryWaits = 0
    public var faultsRequested = 0
    public var faultsFound = 0
    /// Reads that found nothing: the filter said 'maybe' to a key that isn't there.
    public var faultsMissing = 0
    public var faultsFailed = 0
    /// Faults waiting for a thread, and calls for room among them, at this moment.
    public var queue = FaultQueueCounts()
    public var expiryHints = 0
    public var staleExpiryHints = 0

    public var faultsRead: Int { faultsFound + faultsMissing + faultsFailed }
}

extension Tier {
    /// The counters at this moment; each is right for itself.
    public var statistics: TierStatistics {
        var result = TierStatistics()
        result.spilledBatches = spilledBatches.load(ordering: .relaxed)
        result.spilledOperations = spilledOperations.load(ordering: .relaxed)
        result.spilledBytes = spilledBytes.load(ordering: .relaxed)
        result.spillPauses = spillPauses.load(ordering: .relaxed)
        result.writeFailures = writeFailures.load(ordering: .relaxed)
        result.memoryWaits = memoryWaits.load(ordering: .relaxed)
        result.faultsRequested = faultIn.requested.load(ordering: .relaxed)
        result.faultsFound = faultIn.found.load(ordering: .relaxed)
        result.faultsMissing = faultIn.missing.load(ordering: .relaxed)
        result.faultsFailed = faultIn.failed.load(ordering: .relaxed)
        result.queue = faultIn.counts
        result.expiryHints = coldExpiry.hints.load(ordering: .relaxed)
        result.staleExpiryHints = coldExpiry.staleHints.load(ordering: .relaxed)
        return result
    }
}
