import Bytes
import Frontend
import Platform
import RESP
import Synchronization

/// A connection with what Redis keeps for a client.
///
/// Its loop owns it. What CLIENT LIST reads from other threads is atomic or behind a monitor.
public final class ClientSession: Connection, @unchecked Sendable {
    // @unchecked: as Connection; members are the loop's alone, atomic, or monitors.

    /// Selected database. Any thread reads.
    public let database = Atomic<Int>(0)
    /// Index of the last command in the `CommandIndex`, -1 before the first. Any thread reads.
    public let lastCommand = Atomic<Int>(-1)
    /// Commands executed. Any thread reads.
    public let commandCount = Atomic<Int>(0)
    /// Bytes that the parked call's arguments take. Any thread reads.
    public let parkedBytes = Atomic<Int>(0)

    /// What MULTI or WATCH has begun. Loop only.
    var transaction: Transaction?
    /// Whether commands are queued for EXEC. Loop only.
    var isQueueing = false
    /// A key that the client watches has changed. Any thread, under the key's shard's lock.
    let hasBrokenWatch = Atomic<Bool>(false)
    /// Commands queued (-1: not in MULTI), bytes of their arguments, keys watched. Any thread reads.
    let queuedCommands = Atomic<Int>(-1)
    let queuedBytes = Atomic<Int>(0)
    let watchCount = Atomic<Int>(0)

    static let defaultUser = Array("default".utf8)

    /// Names that a client gives itself.
    public struct Names: Sendable {
        public var name: [UInt8] = []
        public var libraryName: [UInt8] = []
        public var libraryVersion: [UInt8] = []
        public var user = ClientSession.defaultUser
    }
    /// Any thread.
    public let names = Monitor(Names())

    /// CLIENT REPLY.
    public enum ReplyMode: Sendable {
        case on
        case off
        /// The next command's reply is dropped; `skipping`: this one's is.
        case skipNext
        case skipping
    }
    /// Loop only.
    public var replyMode = ReplyMode.on
    /// CLIENT NO-EVICT and NO-TOUCH. Any thread reads.
    public let isExemptFromEviction = Atomic<Bool>(false)
    /// What the connection took when it was closed for taking too much (`maxmemory-clients`); 0: it wasn't.
    let leavingBytes = Atomic<Int>(0)
    public let leavesNoTraces = Atomic<Bool>(false)

    /// RESP version, as CLIENT LIST shows it. Any thread reads.
    let shownVersion = Atomic<Int>(2)

    /// The call that waits, if one does. Loop only.
    var parked: ParkedCall?
    /// The running call holds up those that write. Loop only.
    var holdsWriters = false
    /// The call that waits for a key, if one does: it stays while the call, claimed, waits for flash. Loop only.
    var blocked: BlockedCall?
    /// Requests, from the parked one on, whose cold keys have been asked for. Loop only.
    var readAhead = 0
    /// Waits for the end of a CLIENT PAUSE, or in a command that blocks: what Redis calls blocked. Any thread reads.
    public let isBlocked = Atomic<Bool>(false)
    /// A call waits for the flash tier (a key, memory, or a background job) or behind a key that is reserved. Any
    /// thread reads.
    public let waitsForFlash = Atomic<Bool>(false)

    /// Client-side caching: options and messages. Any thread.
    let tracking: TrackingClient
    /// Whether reads are remembered: tracking is on, and not in broadcasting mode. Loop only.
    var remembersReads = false
    /// CLIENT CACHING was called: counts for the next command. Loop only.
    var hasChosenCaching = false
    /// Messages about this connection's own calls, until their replies are written. Loop only.
    var ownInvalidations: [TrackingMessage] = []

    /// What the list of prefixes takes. Loop only.
    var prefixBytes = 0 { didSet { hold(prefixBytes - oldValue) } }

    /// Arguments of the running call that SLOWLOG must not show. Loop only; emptied after the call.
    public var redactedArguments: [Int] = []

    /// What publishers see of the connection; there is none before the first subscription. Loop only.
    var subscriber: SessionSubscriber?
    /// Has subscribed to something. Loop only.
    var isSubscribed = false
    /// Has subscribed to something or monitors: not every command is allowed. Loop only.
    var isRestricted = false
    /// Channels, patterns and shard channels that it has subscribed to. Any thread reads.
    public let channelCount = Atomic<Int>(0)
    public let patternCount = Atomic<Int>(0)
    public let shardChannelCount = Atomic<Int>(0)
    /// Bytes that these subscriptions take. Any thread reads.
    public let subscriptionBytes = Atomic<Int>(0)
    /// MONITOR. Any thread reads.
    public let isMonitor = Atomic<Bool>(false)

    /// The worker of this connection's loop.
    unowned(unsafe) let worker: LoopWorker  // the core owns the workers and outlives the connections

    init(_ seed: consuming ConnectionSeed, worker: LoopWorker) {
        self.worker = worker
        tracking = TrackingClient(id: seed.id)
        super.init(seed)
        tracking.attach(self)
    }

    /// The running call has changed every key there was: after its reply that is told too. Loop only.
    func noteEverythingChanged() {
        if tracking.options != nil { ownInvalidations.append(.invalidateAll) }
    }

    /// Whether a name leaves CLIENT LIST readable: printable ASCII without blanks. The empty one takes the name away.
    static func isNameAllowed(_ name: ByteSlice) -> Bool { name.buffer.allSatisfy { $0 > 0x20 && $0 < 0x7f } }

    /// Changes the protocol's version, beginning with the reply that is being written. Loop only.
    func speak(version: Int, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        reply.pointee.version = version
        shownVersion.store(version, ordering: .relaxed)
    }

    /// An end of the connection as CLIENT LIST shows it: both ends of a Unix socket go by the server's path.
    func addressText(_ address: SocketAddress, socketPath: String) -> String {
        if case .internet = address { return "\(address)" }
        return "\(socketPath):0"
    }

    /// What kind of client this is. Any thread. There are no replicas as long as there is no replication.
    var outputClassShown: OutputClass {
        let subscriptions =
            channelCount.load(ordering: .relaxed) + patternCount.load(ordering: .relaxed)
            + shardChannelCount.load(ordering: .relaxed)
        return subscriptions > 0 ? .pubsub : .normal
    }
}
