import Bytes
import CShims
import Platform
import RESP
import Synchronization

/// What a loop gives a new connection.
public struct ConnectionSeed: ~Copyable {
    /// The loop that will own the connection.
    public let loop: EventLoop
    let descriptor: Int32
    /// Increasing over all loops, from 1.
    public let id: Int
    public let peer: SocketAddress
    public let local: SocketAddress
}

/// One client. The service subclasses it with what it keeps for each client.
///
/// Owned by its loop: all members are the loop's alone, but for those marked "any thread".
open class Connection: @unchecked Sendable {
    // @unchecked: what other threads may touch is immutable, atomic, or guarded by the loop's inbox; the rest is
    // reached on the loop's thread only, as each member's comment says.

    /// Any thread. Increasing over all loops, from 1; never used again.
    public final let id: Int
    /// Any thread.
    public final let loop: EventLoop
    /// Any thread; for CLIENT LIST's `fd` only.
    public final let descriptor: Int32
    /// Any thread.
    public final let peerAddress: SocketAddress
    /// Any thread. The listener's side.
    public final let localAddress: SocketAddress
    /// Any thread. Unix time of the accept in milliseconds.
    public final let createdMilliseconds: Int64

    // Any thread reads, the loop writes.
    /// Bytes waiting in the query buffer.
    public final let queryBufferBytes = LoopCounter()
    /// Bytes allocated and free in the query buffer.
    public final let queryBufferFreeBytes = LoopCounter()
    /// Of the bytes in the query buffer, those of a request that has begun which are understood already.
    public final let parsedBytes = LoopCounter()
    /// Bytes that the service keeps for the connection elsewhere; see `hold`.
    public final let heldBytes = LoopCounter()
    /// Memory of output that the client has not taken yet.
    public final let outputBytes = LoopCounter()
    /// Runs of bytes that this output is kept in.
    public final let outputBlocks = LoopCounter()
    /// Monotonic milliseconds of the last bytes in or out.
    public final let lastInteraction = LoopCounter()

    /// The loop's working state, outside the object: reached without exclusivity checks.
    final let state: UnsafeMutablePointer<ConnectionState>

    /// Any thread.
    private let closeRequested = Atomic<Bool>(false)

    // Guarded by the inbox's lock.
    final var isInInbox = false
    final var inboxNext: Connection?

    public init(_ seed: consuming ConnectionSeed) {
        id = seed.id
        loop = seed.loop
        descriptor = seed.descriptor
        peerAddress = seed.peer
        localAddress = seed.local
        createdMilliseconds = Clock.unixMilliseconds()
        state = .allocate(capacity: 1)
        state.initialize(to: ConnectionState(descriptor: seed.descriptor))
    }

    deinit {
        precondition(state.pointee.isClosed, "connection \(id) freed while open")
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Any thread: has the loop close the connection at its next turn, output not yet sent is lost. False: it was asked
    /// to before.
    @discardableResult
    public final func requestClose() -> Bool {
        if closeRequested.exchange(true, ordering: .relaxed) { return false }
        loop.resume(self)
        return true
    }

    /// Any thread.
    public final var isCloseRequested: Bool { closeRequested.load(ordering: .relaxed) }

    /// Close as soon as what has been written is sent; requests behind are dropped.
    public final var closeAfterReply: Bool {
        get { state.pointee.closeAfterReply }
        set { state.pointee.closeAfterReply = newValue }
    }

    /// Close at the end of the turn, output not yet sent is lost.
    public final var closeSoon: Bool {
        get { state.pointee.closeSoon }
        set {
            state.pointee.closeSoon = newValue
            if newValue { loop.touch(self) }
        }
    }

    /// Any thread: bytes of memory of the connection's own objects, buffers not counted. Set before it is listed.
    final var footprintBytes = 0

    final func noteFootprint() {
        // Both lie in one block of the allocator each.
        footprintBytes = firn_block_size(Unmanaged.passUnretained(self).toOpaque()) + firn_block_size(state)
    }

    /// Any thread: all memory of the connection.
    public final var memoryBytes: Int {
        footprintBytes + queryBufferBytes.current + queryBufferFreeBytes.current + outputBytes.current
            + heldBytes.current
    }

    /// Loop only: the service keeps so many bytes more (negative: fewer) for the connection: they count as its memory.
    public final func hold(_ more: Int) {
        heldBytes.add(more)
        loop.account(self)
    }

    /// Whether a request waits for `EventLoop.resume`.
    public final var isParked: Bool { state.pointee.isParked }

    /// Whether the connection is gone; its service has been told.
    public final var isClosed: Bool { state.pointee.isClosed }

    /// RESP version of the replies. The writer's version after an `execute` is kept here.
    public final var protocolVersion: Int {
        get { state.pointee.protocolVersion }
        set { state.pointee.protocolVersion = newValue }
    }

    /// False: the parser's limits for strangers apply.
    public final var isAuthenticated: Bool {
        get { state.pointee.isAuthenticated }
        set { state.pointee.isAuthenticated = newValue }
    }

    /// Which output limit applies.
    public final var outputClass: OutputClass {
        get { state.pointee.outputClass }
        set { state.pointee.outputClass = newValue }
    }

    /// True: the idle timeout doesn't apply (subscribers, replicas, monitors; parked connections are exempt anyway).
    public final var isExemptFromIdleTimeout: Bool {
        get { state.pointee.isExemptFromIdleTimeout }
        set { state.pointee.isExemptFromIdleTimeout = newValue }
    }

    /// Appends protocol bytes, by reference if they are many; sent at the end of the turn. Loop only; also during
    /// an `execute`, then behind the replies written so far. After the close: no effect.
    ///
    /// - Parameter range: the part of the bytes; all of them if there is none.
    public final func enqueueOutput(_ bytes: SharedBytes, _ range: Range<Int>? = nil) {
        loop.enqueue(self, bytes, range ?? 0..<bytes.count)
    }

    /// Appends what `body` writes, in the connection's RESP version. As `enqueueOutput(_: SharedBytes)`.
    public final func enqueueOutput(_ body: (inout ReplyWriter) -> Void) { loop.enqueue(self, body) }
}

/// A connection's working state: its loop's alone.
struct ConnectionState: ~Copyable {
    let descriptor: Int32
    var parser = RequestParser()
    /// Bytes from the first request on that could not be executed; empty and without memory in the usual case.
    var query = ByteBuffer()
    /// Output that the socket would not take, or that was enqueued since the last flush.
    var pending = OutputQueue()
    var protocolVersion = 2
    /// What the loop's sum of its connections' memory has of this one.
    var accountedBytes = 0
    var outputClass = OutputClass.normal
    /// Since when the output has been above the soft limit; 0: it is not. Monotonic milliseconds.
    var softLimitSince = 0
    /// When the closing began or its output last moved; monotonic milliseconds.
    var lastProgress = 0
    /// Place in the loop's list of connections.
    var index = -1
    var closeAfterReply = false
    var closeSoon = false
    var isParked = false
    var isClosed = false
    var isAuthenticated = true
    var isExemptFromIdleTimeout = false
    /// The socket took less than it was offered: wait for its edge.
    var isWriteBlocked = false
    /// There may be more to read: an edge came that was not followed to its end.
    var inputWaits = false
    /// The peer sends no more.
    var peerClosed = false
    /// On the loop's list of connections to read again.
    var isListedForInput = false
    /// On the loop's list of connections to flush or close at the end of the turn.
    var isTouched = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    var isClosing: Bool { closeAfterReply || closeSoon }
}
