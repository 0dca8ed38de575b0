import Bytes
import CShims
import Glibc
import Platform
import RESP
import Synchronization

/// One thread with its listeners and connections. See `Frontend.swift` for a turn's course.
public final class EventLoop: @unchecked Sendable {
    // @unchecked: `core` is reached on the loop's thread only (before it starts: by its maker); `registry` under its
    // lock; the rest is immutable or atomic.

    /// Place in `LoopGroup.loops`.
    public let index: Int
    /// The group owns the loops and joins their threads before it goes.
    unowned let group: LoopGroup
    let service: any FrontendService
    /// Any thread.
    public let statistics = LoopStatistics()
    let inbox: Inbox
    let core: UnsafeMutablePointer<LoopCore>
    let writer: UnsafeMutablePointer<ReplyWriter>
    let batch: UnsafeMutablePointer<RequestBatch>
    /// The connections for other threads' eyes (CLIENT LIST).
    let registry = Monitor<[Connection]>([])
    private let threadIdentifier = Atomic<UInt>(0)

    /// What a read of a connection without a query buffer goes to.
    static let sharedInputBytes = 64 << 10
    /// Events taken from the kernel per turn.
    private static let eventsPerTurn = 256
    /// Between two ticks.
    static let tickMilliseconds = 100
    /// Tokens below are the inbox (0) and listeners; connections' tokens are their addresses.
    private static let firstAddress: UInt64 = 4096

    init(
        index: Int, group: LoopGroup, service: any FrontendService, settings: FrontendSettings, listeners: [Int32]
    ) throws(SystemError) {
        self.index = index
        self.group = group
        self.service = service
        inbox = try Inbox()
        core = .allocate(capacity: 1)
        core.initialize(to: LoopCore(settings: settings, poller: try Poller(room: Self.eventsPerTurn)))
        writer = .allocate(capacity: 1)
        writer.initialize(to: ReplyWriter(capacity: Self.sharedInputBytes))
        batch = .allocate(capacity: 1)
        batch.initialize(to: RequestBatch())
        try core.pointee.poller.add(inbox.descriptor, token: 0, [.readable, .edgeTriggered])
        for fd in listeners { try addListener(fd) }
    }

    deinit {
        core.deinitialize(count: 1)
        core.deallocate()
        writer.deinitialize(count: 1)
        writer.deallocate()
        batch.deinitialize(count: 1)
        batch.deallocate()
    }

    // MARK: Any thread

    /// Any thread: has `job` run on the loop's thread.
    public func post(_ job: @escaping @Sendable () -> Void) { inbox.add(job, fromOwnLoop: isCurrent) }

    /// Any thread: a parked connection's request is tried again. Harmless for any other connection, closed ones
    /// included. Allocates nothing.
    public func resume(_ connection: Connection) { inbox.add(connection, fromOwnLoop: isCurrent) }

    /// Any thread: whether the caller runs on this loop.
    public var isCurrent: Bool { threadIdentifier.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Any thread: the loop's connections now. O(n).
    public func connections() -> [Connection] { registry.withLock { $0 } }

    // MARK: Loop only

    /// Monotonic milliseconds at the start of the turn.
    public var nowMilliseconds: Int { core.pointee.now }

    public var settings: FrontendSettings { core.pointee.settings }

    /// Bytes of input, those of requests done included, from which the batch being executed was parsed.
    public var executingBytes: Int { core.pointee.executingBytes }

    /// Bytes of replies that the batch being executed has written so far.
    public var executingReplyBytes: Int { writer.pointee.count - core.pointee.replyBegin }

    /// The connection whose batch is being executed.
    public var executing: Connection? { core.pointee.executing?.takeUnretainedValue() }

    /// Unix time in milliseconds, taken when the batch being executed, or a few before it, began.
    public var unixMilliseconds: Int64 { core.pointee.unixNow }

    /// When `FrontendService.alarm` is to be called, in monotonic milliseconds; `Int.max`: never. Once: the alarm is
    /// off when it rings.
    public var alarmMilliseconds: Int {
        get { core.pointee.alarm }
        set { core.pointee.alarm = newValue }
    }

    /// The thread's body: turns until the group stops.
    func run() {
        threadIdentifier.store(UInt(pthread_self()), ordering: .relaxed)
        core.pointee.now = Self.clock()
        core.pointee.nextTick = core.pointee.now + Self.tickMilliseconds
        while !core.pointee.isStopping { turn() }
        closeAll()
        threadIdentifier.store(0, ordering: .relaxed)
    }

    static func clock() -> Int { Int(Clock.monotonicNanoseconds() / 1_000_000) }

    private func turn() {
        let busy = !core.pointee.inputList.isEmpty || !core.pointee.touched.isEmpty || inbox.hasWork
        let wait = busy ? 0 : max(0, min(core.pointee.nextTick, core.pointee.alarm) - core.pointee.now)
        let events = core.pointee.poller.wait(timeoutMilliseconds: Int32(truncatingIfNeeded: wait))
        core.pointee.now = Self.clock()
        statistics.wakeUps.add(1)
        // Before the events: a message that was left here before a request was sent comes before its reply.
        if inbox.hasWork { readInbox() }
        var event = 0
        while event < events {
            let token = core.pointee.poller.token(event)
            let flags = core.pointee.poller.flags(event)
            if token >= Self.firstAddress {
                // The token is the address of a connection that `core.connections` or `core.graveyard` holds.
                let raw = UnsafeRawPointer(bitPattern: UInt(token)).unsafelyUnwrapped
                Unmanaged<Connection>.fromOpaque(raw)._withUnsafeGuaranteedRef { ready($0, flags) }
            } else if token > 0 {
                acceptAll(Int(token) - 1)
            }
            event += 1
        }
        if !core.pointee.received.isEmpty { processReceived() }
        if busy {
            readListed()
            if !core.pointee.received.isEmpty { processReceived() }
        }
        if inbox.hasWork { readInbox() }
        endTurnOfWriter()
        if !core.pointee.touched.isEmpty { settleTouched() }
        if core.pointee.haveConnectionsGrown { settleGrowth() }
        if core.pointee.now >= core.pointee.nextTick { tick() }
        if core.pointee.now >= core.pointee.alarm {
            core.pointee.alarm = .max
            service.alarm(self)
        }
        if !core.pointee.graveyard.isEmpty { core.pointee.graveyard.removeAll() }
    }

    @inline(never)
    func settleGrowth() {
        core.pointee.haveConnectionsGrown = false
        service.connectionsGrew(on: self)
    }

    /// What is ready on one connection.
    @inline(__always)
    private func ready(_ connection: Connection, _ flags: Poller.Interest) {
        let state = connection.state
        if state.pointee.isClosed { return }
        if state.pointee.isWriteBlocked, !flags.isDisjoint(with: [.writable, .failed, .hungUp]) {
            state.pointee.isWriteBlocked = false
            flushPending(connection)
            if state.pointee.isClosed { return }
        }
        if !flags.isDisjoint(with: [.readable, .peerClosed, .failed, .hungUp]) { receive(connection, flags) }
    }

    private func readListed() {
        let listed = core.pointee.inputList
        core.pointee.inputList.removeAll(keepingCapacity: true)
        for connection in listed {
            connection.state.pointee.isListedForInput = false
            if !connection.state.pointee.isClosed { receive(connection, []) }
        }
    }

    private func readInbox() {
        var connections: [Connection] = []
        let jobs = inbox.drain(&connections)
        for connection in connections {
            if connection.isClosed { continue }
            if connection.isCloseRequested {
                close(connection)
            } else {
                unpark(connection)
            }
        }
        for job in jobs { job() }
    }

    /// Any thread: memory of the buffer for replies at the last tick. For tests.
    package var writerBytes: Int { statistics.writerBytes.current }

    /// Brings the sum of the connections' memory up to date.
    func account(_ connection: Connection) {
        let bytes = connection.state.pointee.isClosed ? 0 : connection.memoryBytes
        let more = bytes - connection.state.pointee.accountedBytes
        if more == 0 { return }
        connection.state.pointee.accountedBytes = bytes
        statistics.connectionBytes.add(more)
        if more > 0 { core.pointee.haveConnectionsGrown = true }
    }

    /// Puts the connection on the list of those to flush or close at the end of the turn.
    func touch(_ connection: Connection) {
        if connection.state.pointee.isTouched || connection.state.pointee.isClosed { return }
        connection.state.pointee.isTouched = true
        core.pointee.touched.append(connection)
    }

    /// Loop only, from a job: sends what has been enqueued before the end of the turn.
    public func sendOutput() {
        endTurnOfWriter()
        if !core.pointee.touched.isEmpty { settleTouched() }
    }

    private func settleTouched() {
        let touched = core.pointee.touched
        core.pointee.touched.removeAll(keepingCapacity: touched.count <= 1024)
        for connection in touched {
            connection.state.pointee.isTouched = false
            if connection.state.pointee.isClosed { continue }
            if connection.state.pointee.closeSoon {
                close(connection)
            } else {
                flushPending(connection)
            }
        }
    }
}

/// A loop's working state: its thread's alone.
struct LoopCore: ~Copyable {
    var settings: FrontendSettings
    var limits = ParserLimits()
    /// Limits on output, by class; `Int.max` where there is none.
    var hardLimits = InlineArray<3, Int>(repeating: .max)
    /// The lowest of them; less output than this is below each of them.
    var lowestHardLimit = Int.max
    let poller: Poller
    var connections: [Connection] = []
    /// Closed in this turn: events that were reported before may still name them.
    var graveyard: [Connection] = []
    /// Connections with more to read than the last turn allowed.
    var inputList: [Connection] = []
    /// Connections with output enqueued, or to be closed, at the end of the turn.
    var touched: [Connection] = []
    /// Input in the loop's buffer that is executed when a few connections' is there.
    var received: [ReceivedInput] = []
    /// Bytes of the loop's buffer that `received` takes.
    var receivedBytes = 0
    /// Replies in the loop's writer that are sent at the end of the turn.
    var deferred: [DeferredReply] = []
    /// Held by the loop's lists while its batch runs.
    var executing: Unmanaged<Connection>?
    var executingBytes = 0
    /// Where in the writer the replies of that connection begin.
    var replyBegin = 0
    var listeners: [Int32] = []
    /// Accepting stopped because descriptors ran out; the next tick tries again.
    var isAcceptingPaused = false
    var isStopping = false
    var now = 0
    /// Unix milliseconds; see `EventLoop.unixMilliseconds`.
    var unixNow: Int64 = 0
    var nextTick = 0
    /// A connection takes more memory than before this turn.
    var haveConnectionsGrown = false
    /// The writer held more than it keeps, since the last tick.
    var wroteMuch = false
    /// See `EventLoop.alarmMilliseconds`.
    var alarm = Int.max
    /// Where the tick's walk over the connections goes on.
    var walk = 0
    let input: UnsafeMutablePointer<UInt8>

    init(settings: FrontendSettings, poller: consuming Poller) {
        self.settings = settings
        self.poller = poller
        input = .allocate(capacity: EventLoop.sharedInputBytes)
        apply(settings)
    }

    deinit { input.deallocate() }

    mutating func apply(_ settings: FrontendSettings) {
        self.settings = settings
        lowestHardLimit = .max
        for output in OutputClass.allCases {
            let limit = settings.outputLimits[output.rawValue].hardBytes
            hardLimits[output.rawValue] = limit > 0 ? min(limit, .max / 2) : .max
            lowestHardLimit = min(lowestHardLimit, hardLimits[output.rawValue])
        }
        limits.maximumBulkBytes = settings.maximumBulkBytes
        limits.maximumArguments = settings.maximumArguments
    }
}
