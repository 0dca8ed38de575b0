import Bytes

/// What was asked, so that its reply can be checked and timed.
struct Pending {
    var operation: Operation
    /// The key's index; for MGET the state of the generator that drew its keys.
    var key: UInt64
    /// When it was due (open loop) or sent (closed loop), monotonic nanoseconds.
    var since: Int64
}

/// One connection: its random sequence, its buffers, and what is in flight. Owned by one worker.
final class Connection {
    let fd: Int32
    let group: Int
    /// Its place among its worker's connections.
    var slot = 0
    var random: Random
    var input = ByteBuffer()
    var output = ByteBuffer()
    /// Requests still to be issued.
    var left: UInt64
    /// Next and end of the part of the range that a sequential pass has given this connection.
    var cursor: UInt64 = 0
    var cursorEnd: UInt64 = 0
    /// The version of the next value written: the connection's number above, a counter below. 0 is the load phase's.
    var version: UInt64
    /// The key that was read to be written next.
    var modified: UInt64?
    /// Open loop: when the next request is due, and the mean time between two.
    var due: Int64 = 0
    var intervalNanoseconds: Double = 0
    /// Open loop: out of the pacer's heap because all places in flight are taken.
    var blocked = false
    var watchesWrites = false
    var isOpen = true

    private let ring: UnsafeMutablePointer<Pending>
    private let mask: Int
    private var head = 0
    private var tail = 0

    init(fd: Int32, id: Int, group: Int, seed: UInt64, requests: UInt64, inFlight: Int) {
        self.fd = fd
        self.group = group
        random = Random(seed: seed, stream: UInt64(id))
        left = requests
        version = UInt64(id + 1) << 32
        var capacity = 1
        while capacity < inFlight { capacity *= 2 }
        mask = capacity - 1
        ring = .allocate(capacity: capacity)  // Pending is trivial: nothing to deinitialise
    }

    deinit { ring.deallocate() }

    var inFlight: Int { tail - head }

    @inline(__always)
    func push(_ pending: Pending) {
        precondition(tail - head <= mask, "\(tail - head) requests in flight, room for \(mask + 1)")
        ring[tail & mask] = pending
        tail &+= 1
    }

    /// The oldest request without a reply. There must be one.
    @inline(__always)
    var oldest: Pending { ring[head & mask] }

    @inline(__always)
    func pop() {
        precondition(head < tail, "a reply without a request")
        head &+= 1
    }
}
