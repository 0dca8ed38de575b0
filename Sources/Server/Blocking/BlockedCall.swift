import Bytes
import Commands
import Keyspace
import RESP
import Synchronization

/// A call that found nothing and waits: for a key, or (WAIT) only for its time to pass.
///
/// Several threads may want to end the wait at the same time: a pusher claims it, its time runs out, CLIENT UNBLOCK,
/// its connection closes. What becomes of it is one word, and who changes that from `waiting` has decided:
///
///     waiting ──claim──► claimed ──ran, found nothing──► waiting
///        │                  └─────ran, or its connection closed──► gone
///        ├──serve───► serving ──► served ─┐
///        ├──expire──► timedOut ───────────┤
///        └──unblock─► unblocked ──────────┴──replied, or its connection closed──► gone
///
/// All but claims and unblocks are its loop's to do. It is the loop too that takes it out of the queues: until then who
/// looks for one that waits passes over it.
final class BlockedCall: @unchecked Sendable {
    // @unchecked: constant, or atomic, or marked with who may touch it.
    enum Fate: Equatable {
        case waiting
        /// The key with this place among the call's is reserved for it.
        case claimed(key: Int)
        /// Somebody takes for it what it wants, under the key's lock; then its reply is in `answer`.
        case serving
        case served
        case timedOut
        case unblocked(withError: Bool)
        /// It is in no queue any more, or leaves them just now.
        case gone
    }

    let session: ClientSession
    let request: BlockRequest
    /// Each key it waits on, once, with its place among the call's keys.
    let keys: [(key: WaitedKey, index: Int)]
    /// Monotonic milliseconds; `Int.max`: it waits for ever.
    let deadline: Int
    /// Its places in the queues, in the order of `keys`. Its loop only.
    var nodes: [WaitNode] = []
    /// Its reservation's. Guarded by the lock of the reserved key's shard.
    var ticket = Reservations.Ticket()
    /// Of the protocol, for the reply.
    private let version: Int
    /// The reply of a call that was served. Its loop's once it is.
    private(set) var answer: UnsafeMutablePointer<ReplyWriter>?
    /// Its place in `DeadlineHeap`, or -1. Its loop only.
    var heapIndex = -1
    private let word = Atomic<UInt>(0)

    init(
        _ session: ClientSession, _ request: BlockRequest, keys: [(key: WaitedKey, index: Int)], deadline: Int,
        version: Int
    ) {
        self.session = session
        self.request = request
        self.keys = keys
        self.deadline = deadline
        self.version = version
    }

    deinit {
        answer?.deinitialize(count: 1)
        answer?.deallocate()
    }

    private static func encode(_ fate: Fate) -> UInt {
        switch fate {
        case .waiting: 0
        case .claimed(let key): 1 | UInt(key) << 3
        case .timedOut: 2
        case .unblocked(let withError): withError ? 4 : 3
        case .gone: 5
        case .serving: 6
        case .served: 7
        }
    }

    private static func decode(_ word: UInt) -> Fate {
        switch word & 7 {
        case 0: .waiting
        case 1: .claimed(key: Int(word >> 3))
        case 2: .timedOut
        case 3: .unblocked(withError: false)
        case 4: .unblocked(withError: true)
        case 5: .gone
        case 6: .serving
        case 7: .served
        default: preconditionFailure("a blocked call's word is \(word)")
        }
    }

    var fate: Fate { Self.decode(word.load(ordering: .acquiring)) }

    /// Ends the wait in this way unless something else has ended it before. Any thread.
    func decide(_ fate: Fate) -> Bool {
        word.compareExchange(
            expected: Self.encode(.waiting), desired: Self.encode(fate), ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// It was claimed, has run, and found nothing. Its loop only.
    func waitAgain() { word.store(Self.encode(.waiting), ordering: .releasing) }

    /// Serves it, if it is still waiting: `body` writes the reply. The key's shard is locked.
    func serve(_ body: (UnsafeMutablePointer<ReplyWriter>) -> Void) -> Bool {
        guard decide(.serving) else { return false }
        let writer = UnsafeMutablePointer<ReplyWriter>.allocate(capacity: 1)
        writer.initialize(to: ReplyWriter(capacity: 256))
        writer.pointee.version = version
        body(writer)
        answer = writer
        // Not if its connection has closed meanwhile: what has been taken is lost then like a reply on its way.
        _ = word.compareExchange(
            expected: Self.encode(.serving), desired: Self.encode(.served), ordering: .acquiringAndReleasing)
        return true
    }

    /// From now on nobody else can end the wait. Its loop only.
    func finish() { word.store(Self.encode(.gone), ordering: .releasing) }

    /// Has its loop look at what has been decided. Any thread.
    func wake() { session.loop.resume(session) }
}

/// A key as clients name it: whatever a swap puts there.
struct WaitedKey: Hashable, Sendable {
    let database: Int
    let key: [UInt8]
}

/// A blocked call's place in the queue of one key. Guarded by the shard's lock, as the whole queue is.
final class WaitNode {
    let call: BlockedCall
    /// The key's place among the call's keys.
    let index: Int
    let queue: WaitQueue
    /// Not yet taken out.
    fileprivate(set) var isQueued = false
    fileprivate(set) var next: WaitNode?
    fileprivate unowned(unsafe) var previous: WaitNode?  // a neighbour in the list, which holds it

    init(_ call: BlockedCall, _ index: Int, _ queue: WaitQueue) {
        self.call = call
        self.index = index
        self.queue = queue
    }
}

/// Who waits on a key, the one who has waited longest first; and who waits for the key to be free again.
final class WaitQueue {
    let key: WaitedKey
    let position: Position
    private(set) var first: WaitNode?
    private unowned(unsafe) var last: WaitNode?  // held by the list
    /// The call that the key is reserved for: it has been claimed and will run.
    var holder: BlockedCall?
    /// The reservation's, while there is a holder.
    var ticket = Reservations.Ticket()
    /// Connections with a call that needs the key and waits until it is reserved for nobody, in the order in which they
    /// came. One that is gone meanwhile does no harm.
    var outsiders: [ClientSession] = []
    /// Connections with a claimed call that needs the key besides its own, and waits for the older reservation.
    var claimed: [ClientSession] = []

    init(_ key: WaitedKey, _ position: Position) {
        self.key = key
        self.position = position
    }

    /// Lets those go on that wait for the end of a reservation.
    func resume(onlyClaimed: Bool) {
        for session in claimed { session.loop.resume(session) }
        claimed = []
        if onlyClaimed { return }
        for session in outsiders { session.loop.resume(session) }
        outsiders = []
    }

    func append(_ node: WaitNode) {
        node.isQueued = true
        node.previous = last
        if let last { last.next = node } else { first = node }
        last = node
    }

    func remove(_ node: WaitNode) {
        node.isQueued = false
        if let previous = node.previous { previous.next = node.next } else { first = node.next }
        if let next = node.next { next.previous = node.previous } else { last = node.previous }
        node.previous = nil
        node.next = nil
    }
}
