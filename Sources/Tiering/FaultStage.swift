import Keyspace
import Telemetry

/// What the time of a miss goes to, in this order.
public enum FaultStage: Int, CaseIterable, Sendable {
    /// From the request until one of `FaultIn`'s threads turns to it: where a call asks for few reads at a time, where
    /// for many, and where nobody waits yet (the lines of FaultQueue).
    case queue
    case queueMany
    case queueAhead
    /// The provider's answer, with the pauses if it throttles.
    case read
    /// Landing: the shard's lock, the decoding, the table.
    case install
    /// From the landing of the last key that a call waits for until its loop has run it again. Once for each time that
    /// a call was parked for keys, where the others are counted for each key that was read.
    case resume

    /// In the names of INFO's fields.
    public var name: StaticString {
        switch self {
        case .queue: "queue"
        case .queueMany: "queue_many"
        case .queueAhead: "queue_ahead"
        case .read: "read"
        case .install: "install"
        case .resume: "resume"
        }
    }

    /// As an event of LATENCY.
    public var event: StaticString {
        switch self {
        case .queue: "flash-queue"
        case .queueMany: "flash-queue-many"
        case .queueAhead: "flash-queue-ahead"
        case .read: "flash-read"
        case .install: "flash-install"
        case .resume: "flash-resume"
        }
    }

    /// The stage of a fault that has been taken out of the queue.
    init(queuedIn fault: Fault) {
        self =
            switch FaultLine(rawValue: fault.place.line) {
            case .few: .queue
            case .many: .queueMany
            case .ahead: .queueAhead
            case nil: preconditionFailure("there is no line \(fault.place.line)")
            }
    }
}

/// One thread's record of the stages it sees the end of. Only misses pay for it.
public struct FaultRecorder {
    private let block: CommandStatisticsBlock
    private let latency: LatencyMonitor

    /// - Parameter tier: keeps what is recorded: in `faultStages`, and what is slow in `latency`.
    public init(_ tier: Tier) {
        block = tier.faultStages.makeBlock()
        latency = tier.latency
    }

    /// Counts one stage of one fault. The owning thread only.
    public func record(_ stage: FaultStage, nanoseconds: Int64) {
        block.executed(stage.rawValue, nanoseconds: nanoseconds)
        latency.sampleIfSlow(stage.event, milliseconds: nanoseconds / 1_000_000)
    }
}
