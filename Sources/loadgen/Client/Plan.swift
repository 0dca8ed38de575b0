import Bytes
import Synchronization

/// Where the server listens.
enum Target: Sendable {
    case tcp(host: String, port: UInt16)
    case unix(path: String)
}

/// Connections that do the same: the unit in which latencies are reported.
struct Group {
    enum Pace: Equatable {
        /// Each connection sends its next `pipeline` requests when all before are answered.
        case closed
        /// The group sends `rate` requests a second whatever the server does; latency counts from the moment a
        /// request was due.
        case open(rate: Double, poisson: Bool)
    }

    var name: String
    var connections: Int
    var pace: Pace
    /// Requests in flight per connection: exactly so many when closed, at most when open.
    var pipeline: Int
    var mix: Mix
    var chooser: KeyChooser
    /// Keys of one MGET.
    var keysPerMget: Int
    /// Every key of the range exactly once and in order, split among the connections, instead of drawn keys.
    var sequential: Bool
}

/// Set by one thread, seen by all: nothing more is to be issued.
final class StopFlag: Sendable {
    private let flag = Atomic(false)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
}

/// All that the workers need to know; immutable while they run.
struct Plan: @unchecked Sendable {
    // @unchecked: values and `ValuePattern`, which is immutable.
    var target: Target
    var password: String?
    var threads: Int
    var groups: [Group]
    var keys: KeyPattern
    var values: ValuePattern
    var seed: UInt64
    /// Monotonic nanoseconds from the start after which no request is issued.
    var durationNanoseconds: Int64
    /// Requests issued by all connections together.
    var requests: UInt64
    /// A GET of a key in the range must find it.
    var missesAreErrors: Bool
    /// The version that every value read must have, where only one can be right.
    var exactVersion: UInt64?
    /// Each second has percentiles of its own.
    var timesSeconds = false
    /// Ends the run before its time.
    var stop = StopFlag()
    /// How long the last replies may take after the end.
    var drainNanoseconds: Int64
    /// How long all of a worker's requests in flight may stay unanswered before it gives up.
    var stallNanoseconds: Int64
}
