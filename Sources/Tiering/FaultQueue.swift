import Keyspace

// Which read is next, and how many may wait to be.
//
// The simple version is one queue without an end, first come, first served. In it an MGET of 10,000 cold keys, or an
// HGETALL of a hash of a million fields, stands before every GET that comes a moment later, and what is queued takes
// as much memory as clients like.
//
// Lines. Reads queue in three, by what their call asks for at a time:
//
//   few     no more than `fewReads`: it will be through when these few are there
//   many    more, so that it takes its time in any case
//   ahead   nobody waits for it yet: keys of requests further back in a pipeline
//
// In a round the lines get 32, 8 and 4 reads, in this order; who has had his part waits until the others have had
// theirs or have nothing queued. So a read of `few` waits for what is being read and for 12 others at most before it is
// its line's turn, however much is queued, and the other lines get a quarter of the device at the least. Within a line
// it is first come, first served.
//
// A call may want what is queued in a line behind its own, since there is one read of a key at a time. That read
// changes lines (`submit`), else who needs one key would wait with who needs thousands.
//
// Room. The setting (`flash-fault-queue-length`) is the number of reads that are queued at most. Half of it is for
// `few`, three eighths are for `many`, an eighth for `ahead`: were it shared, a line could take the room from one that
// is before it. A call gets its room before it makes its faults:
//
//   - `ahead` gets what there is, perhaps none. Nobody waits for it; it is read when it is needed.
//   - A call gets a portion (an eighth) at most. When that has landed the call runs again and asks for the next, and
//     what it has stays pinned until it is through (`FaultWaiter.inherit`).
//   - Where there is too little room for that, or others wait for some, the call queues for it, without faults. Room
//     that comes is set aside for the first in that queue, who is woken; nobody overtakes him. A call that goes on
//     from a portion queues again, so calls with many reads take turns.
//
// None waits for ever: what is queued is read whatever else happens, and gives its room back; room that is set aside
// is a `ReadRoom`, which gives back what of it wasn't used when it goes, however its call ends; and nobody who holds
// some waits for more. A read that has changed lines keeps the room it has, so the sum of the lines is no more than the
// setting.
//
// Dropped: an order by the number of reads that each call has been given (exact fairness). It costs a heap, and tells a
// call that needs 30 reads from one that needs 3,000, for which the portions will do.

/// Where a read queues. The first is served first.
enum FaultLine: UInt8, CaseIterable, Sendable { case few, many, ahead }

/// What is queued, for INFO.
public struct FaultQueueCounts: Sendable {
    public var few = 0
    public var many = 0
    public var ahead = 0
    /// The most that were queued at a time.
    public var most = 0
    /// Calls that wait for room, and how many have ever done so.
    public var waiting = 0
    public var waits = 0
    /// Reads that have changed lines.
    public var promoted = 0
    public var total: Int { few + many + ahead }
}

/// The queue as said above: under the lock of `FaultIn`, and without threads of its own.
struct FaultQueue {
    /// Room that a call has got.
    struct Grant {
        let waiter: ReadWaiter
        let line: FaultLine
        let reads: Int
    }

    private struct Waiting {
        let waiter: ReadWaiter
        let wanted: Int
    }

    private struct Line {
        var faults = FaultList()
        /// Reads that are queued on this line's account, or set aside.
        var used = 0
        /// What it may still have of this round.
        var credit = 0
        var waiting: [Waiting] = []
    }

    /// What a call may ask for that is served before the others: as many as the threads read at once by default
    /// (`flash-io-threads`), so that they are through in about the time of one.
    static let fewReads = 16
    /// Parts of a round, in reads: with three quarters for calls that need few, these lose a quarter of the device to
    /// the others at the most, and an MGET of 10,000 keys takes no more than six times as long as alone.
    private static let parts = [32, 8, 4]
    /// Reads that a thread takes at a time, and makes one after the other before it looks again. Where one of few may
    /// come meanwhile: as few as keep the lock cheap.
    private static let mostTaken = [8, 4, 4]

    private var lines = FaultLine.allCases.map { _ in Line() }
    /// Reads that may be queued.
    private(set) var limit: Int {
        didSet { Self.check(limit) }
    }
    /// Reads that are queued.
    private(set) var count = 0
    /// Calls that wait for room.
    private var waitingCount = 0
    private var most = 0
    private var waits = 0
    private var promoted = 0
    /// Threads that wait for work.
    var idle = 0
    private(set) var isStopping = false

    init(limit: Int) {
        self.limit = limit
        Self.check(limit)
    }

    /// A portion must be more than a few, or who asks for one would be taken for a call that needs few.
    private static func check(_ limit: Int) {
        precondition(portion(ofLimit: limit) > fewReads, "portions of a queue for \(limit) reads are too small")
    }

    var counts: FaultQueueCounts {
        FaultQueueCounts(
            few: lines[0].faults.count, many: lines[1].faults.count, ahead: lines[2].faults.count, most: most,
            waiting: waitingCount, waits: waits, promoted: promoted)
    }

    // MARK: Room

    /// The most that a call gets at a time.
    static func portion(ofLimit limit: Int) -> Int { limit / 8 }

    private func room(_ line: FaultLine) -> Int {
        let eighths = [4, 3, 1]
        return limit * eighths[Int(line.rawValue)] / 8 - lines[Int(line.rawValue)].used
    }

    /// Room for the next reads of a call that wants so many; nil: the call queues for it, and gets it from
    /// `takeGrants`.
    mutating func reserve(_ wanted: Int, for waiter: ReadWaiter) -> Grant? {
        let line = wanted <= Self.fewReads ? FaultLine.few : .many
        let waiting = Waiting(waiter: waiter, wanted: wanted)
        if lines[Int(line.rawValue)].waiting.isEmpty, let grant = grant(waiting, line) { return grant }
        lines[Int(line.rawValue)].waiting.append(waiting)
        waitingCount += 1
        waits += 1
        return nil
    }

    /// Room for reads that nobody waits for; 0: none.
    mutating func reserveAhead(_ wanted: Int) -> Int {
        let reads = max(0, min(wanted, room(.ahead)))
        lines[Int(FaultLine.ahead.rawValue)].used += reads
        return reads
    }

    /// All or nothing: a call that got less than there is to have would run all the more often.
    private mutating func grant(_ waiting: Waiting, _ line: FaultLine) -> Grant? {
        let reads = min(waiting.wanted, Self.portion(ofLimit: limit))
        // What nobody will read needs no room.
        guard room(line) >= reads || isStopping else { return nil }
        lines[Int(line.rawValue)].used += reads
        return Grant(waiter: waiting.waiter, line: line, reads: reads)
    }

    mutating func giveBack(_ reads: Int, _ line: FaultLine) { lines[Int(line.rawValue)].used -= reads }

    /// Gives room to those who are first in their queues, as far as there is some. They are to be woken.
    mutating func takeGrants() -> [Grant] {
        guard waitingCount > 0 else { return [] }
        var grants: [Grant] = []
        for line in FaultLine.allCases {
            let index = Int(line.rawValue)
            var served = 0
            while served < lines[index].waiting.count, let grant = grant(lines[index].waiting[served], line) {
                grants.append(grant)
                served += 1
            }
            lines[index].waiting.removeFirst(served)
            waitingCount -= served
        }
        return grants
    }

    /// A call doesn't want room any more.
    mutating func forget(_ waiter: ReadWaiter) {
        guard waitingCount > 0 else { return }
        for index in lines.indices { lines[index].waiting.removeAll { $0.waiter === waiter } }
        waitingCount = lines.reduce(0) { $0 + $1.waiting.count }
    }

    mutating func setLimit(_ limit: Int) { self.limit = limit }

    // MARK: Reads

    /// Queues reads that were requested, or moves those forward that are queued in a line behind, and gives back what
    /// of the `reserved` room they don't need. Returns how many were queued and, of a queue that has stopped, those
    /// that nobody will read.
    mutating func submit(_ faults: [Fault], _ line: FaultLine, reserved: Int) -> (queued: Int, refused: [Fault]) {
        var queued = 0
        var refused: [Fault] = []
        for fault in faults {
            switch fault.place.stage {
            case .requested where isStopping:
                fault.place.stage = .taken
                refused.append(fault)
            case .requested:
                fault.place.stage = .queued
                fault.place.room = line.rawValue
                fault.place.line = line.rawValue
                lines[Int(line.rawValue)].faults.append(fault)
                queued += 1
            case .queued where fault.place.line > line.rawValue:
                lines[Int(fault.place.line)].faults.remove(fault)
                fault.place.line = line.rawValue
                lines[Int(line.rawValue)].faults.append(fault)
                promoted += 1
            case .queued, .taken: break
            }
        }
        precondition(queued <= reserved, "\(queued) reads with room for \(reserved)")
        giveBack(reserved - queued, line)
        count += queued
        most = max(most, count)
        return (queued, refused)
    }

    /// Has a fault that isn't queued yet stay out of the queue. False: it is, or was.
    func claim(_ fault: Fault) -> Bool {
        guard fault.place.stage == .requested else { return false }
        fault.place.stage = .taken
        return true
    }

    /// Takes a fair part for one of so many threads, all of one line; none if nothing is queued.
    mutating func take(threads: Int) -> [Fault] {
        guard count > 0 else { return [] }
        if !lines.contains(where: { $0.credit > 0 && $0.faults.count > 0 }) {
            for index in lines.indices { lines[index].credit = Self.parts[index] }
        }
        guard let index = lines.firstIndex(where: { $0.credit > 0 && $0.faults.count > 0 }) else {
            preconditionFailure("\(count) reads are queued, but in no line")
        }
        let share = max(1, min(Self.mostTaken[index], lines[index].credit, lines[index].faults.count / threads))
        lines[index].credit -= share
        var batch: [Fault] = []
        batch.reserveCapacity(share)
        for _ in 0..<share { batch.append(takeFirst(of: index)) }
        return batch
    }

    private mutating func takeFirst(of index: Int) -> Fault {
        guard let fault = lines[index].faults.removeFirst() else { preconditionFailure("line \(index) is empty") }
        fault.place.stage = .taken
        lines[Int(fault.place.room)].used -= 1
        count -= 1
        return fault
    }

    /// Nothing is read any more. Returns what was queued; who waits for room is to be woken, and gets some.
    mutating func stop() -> [Fault] {
        isStopping = true
        var rest: [Fault] = []
        for index in lines.indices { while lines[index].faults.count > 0 { rest.append(takeFirst(of: index)) } }
        return rest
    }
}

/// Faults in the order in which they came, which can leave from the middle: linked through their places.
struct FaultList {
    private var first: Fault?
    /// Kept alive by the one before it, or `first`.
    private unowned(unsafe) var last: Fault?
    private(set) var count = 0

    mutating func append(_ fault: Fault) {
        fault.place.previous = last
        if let last { last.place.next = fault } else { first = fault }
        last = fault
        count += 1
    }

    mutating func remove(_ fault: Fault) {
        let (previous, next) = (fault.place.previous, fault.place.next)
        fault.place.previous = nil
        fault.place.next = nil
        if let next { next.place.previous = previous } else { last = previous }
        if let previous { previous.place.next = next } else { first = next }
        count -= 1
    }

    mutating func removeFirst() -> Fault? {
        guard let fault = first else { return nil }
        remove(fault)
        return fault
    }
}
