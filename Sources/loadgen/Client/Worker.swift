import Bytes
import CShims
import Glibc
import LoadgenShims
import Platform

/// One thread's event loop over its connections: issues requests, reads replies, checks and times them.
///
/// Closed-loop connections are refilled when their last reply has come; open-loop ones when the pacer says so,
/// whatever is in flight. After the end (time, count or range) nothing is issued, and the loop runs until all is
/// answered or the drain limit has passed.
final class Worker: @unchecked Sendable {
    // @unchecked: used by its own thread only; the main thread looks at `tally` after the join.
    let plan: Plan
    let connections: [Connection]
    let writer: RequestWriter
    private(set) var tally: Tally
    private let start: Int64
    private let end: Int64
    private var pacer = Pacer()
    private let epoll: Int32
    private let timer: Int32
    private var timerSetFor: Int64 = 0
    /// For so long what is due and what has come is gathered before the next turn; see `gatheringRate`.
    private let gatherNanoseconds: Int64
    /// When bytes of a reply last came, or a connection with nothing in flight was last given a request.
    private var lastProgress: Int64
    private static let timerToken = UInt64.max
    /// From so many open-loop requests a second on a worker turns no more than ten thousand times a second. A turn for
    /// each request and each reply, with a timer of its own, took 16 to 22 microseconds of CPU a request, half of it
    /// the kernel's for timers and wake-ups: where generator and server share the processors, that much less for the
    /// server. Latencies come out higher by a twentieth of a millisecond.
    private static let gatheringRate = 10_000.0

    /// `start` in monotonic nanoseconds.
    init(plan: Plan, connections: [Connection], start: Int64) {
        self.plan = plan
        self.connections = connections
        self.start = start
        lastProgress = start
        let (end, overflow) = start.addingReportingOverflow(plan.durationNanoseconds)
        self.end = overflow ? .max : end
        let rate = connections.reduce(0) { $0 + ($1.intervalNanoseconds > 0 ? 1e9 / $1.intervalNanoseconds : 0) }
        gatherNanoseconds = rate >= Self.gatheringRate ? 100_000 : 0
        writer = RequestWriter(keys: plan.keys, values: plan.values)
        tally = Tally(groups: plan.groups.count, keepsSeconds: plan.timesSeconds)
        epoll = epoll_create1(0)
        precondition(epoll >= 0, "epoll_create1: \(Socket.reason())")
        timer = loadgen_timer_create()
        precondition(timer >= 0, "timerfd_create: \(Socket.reason())")
        watch(timer, token: Self.timerToken, writes: false, adding: true)
        for (at, connection) in connections.enumerated() {
            connection.slot = at
            watch(connection.fd, token: UInt64(at), writes: false, adding: true)
        }
    }

    deinit {
        close(epoll)
        close(timer)
        for connection in connections where connection.isOpen { close(connection.fd) }
    }

    func run() {
        for (at, connection) in connections.enumerated() {
            switch plan.groups[connection.group].pace {
            case .closed: refill(connection)
            case .open:
                connection.due = start + Int64(connection.random.unit() * connection.intervalNanoseconds)
                pacer.add(at, due: connection.due)
            }
        }
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        var turned = Clock.monotonicNanoseconds()
        while isBusy() {
            if gatherNanoseconds > 0 {
                Clock.sleep(nanoseconds: turned + gatherNanoseconds - Clock.monotonicNanoseconds())
                turned = Clock.monotonicNanoseconds()
            }
            setTimer()
            let n = epoll_wait(epoll, &events, Int32(events.count), 100)
            precondition(n >= 0 || errno == EINTR, "epoll_wait: \(Socket.reason())")
            for at in 0..<max(0, Int(n)) { handle(events[at]) }
            issueDue()
        }
        for connection in connections { tally.unanswered += UInt64(connection.inFlight) }
    }

    /// Whether there is something to issue or to wait for. O(connections), once per turn of the loop.
    private func isBusy() -> Bool {
        let now = Clock.monotonicNanoseconds()
        if now > end, now - end > plan.drainNanoseconds { return false }
        if now - lastProgress > plan.stallNanoseconds, connections.contains(where: { $0.isOpen && $0.inFlight > 0 }) {
            return false
        }
        return connections.contains { $0.isOpen && ($0.inFlight > 0 || mayIssue($0, now: now)) }
    }

    private func mayIssue(_ connection: Connection, now: Int64) -> Bool {
        guard connection.isOpen, connection.left > 0, !plan.stop.isSet else { return false }
        if plan.groups[connection.group].sequential && connection.cursor == connection.cursorEnd { return false }
        // An open-loop request that was due before the end is issued however late.
        return connection.intervalNanoseconds > 0 ? connection.due < end : now < end
    }

    private func handle(_ event: epoll_event) {
        let token = event.data.u64
        if token == Self.timerToken {
            var expirations: UInt64 = 0
            _ = read(timer, &expirations, 8)
            timerSetFor = 0
            return
        }
        let connection = connections[Int(token)]
        guard connection.isOpen else { return }
        if event.events & EPOLLOUT.rawValue != 0 { flush(connection) }
        if connection.isOpen, event.events & ~EPOLLOUT.rawValue != 0 { receive(connection, at: Int(token)) }
    }

    // MARK: issuing

    /// Closed loop: issues a batch when nothing is in flight.
    private func refill(_ connection: Connection) {
        let group = plan.groups[connection.group]
        let now = Clock.monotonicNanoseconds()
        while connection.inFlight < group.pipeline, mayIssue(connection, now: now) {
            issue(connection, group, since: now)
        }
        flush(connection)
    }

    /// Open loop: issues what is due on every connection whose time has come.
    private func issueDue() {
        guard pacer.nextDue != nil else { return }
        let now = Clock.monotonicNanoseconds()
        while let at = pacer.pop(now: now) { issueDue(connections[at], at: at, now: now) }
    }

    private func issueDue(_ connection: Connection, at index: Int, now: Int64) {
        let group = plan.groups[connection.group]
        while connection.due <= now, mayIssue(connection, now: now) {
            if connection.inFlight == group.pipeline {
                connection.blocked = true
                break
            }
            issue(connection, group, since: connection.due)
            connection.due += interval(connection, group)
        }
        flush(connection)
        if !connection.blocked, mayIssue(connection, now: now) { pacer.add(index, due: connection.due) }
    }

    private func interval(_ connection: Connection, _ group: Group) -> Int64 {
        guard case .open(_, poisson: true) = group.pace else { return Int64(connection.intervalNanoseconds) }
        return Int64(-log(1 - connection.random.unit()) * connection.intervalNanoseconds)
    }

    @inline(__always)
    private func issue(_ connection: Connection, _ group: Group, since: Int64) {
        var operation = connection.modified == nil ? group.mix.next(&connection.random) : .set
        var key: UInt64
        var version: UInt64 = 0
        if operation == .mget {
            key = connection.random.state
            writer.appendMget(group.keysPerMget, group.chooser, &connection.random, to: &connection.output)
        } else {
            if let modified = connection.modified {
                key = modified
                connection.modified = nil
            } else if operation.usesFreshKey {
                key = connection.random.next()
            } else if group.sequential {
                key = connection.cursor
                connection.cursor += 1
            } else {
                key = group.chooser.next(&connection.random)
            }
            if operation == .modify {
                connection.modified = key
                operation = .get
            }
            if operation == .set && !group.sequential {
                connection.version += 1
                version = connection.version
            }
            writer.append(operation, key: key, version: version, to: &connection.output)
        }
        // An idle connection's first request after a long pause finds no stall.
        if connection.inFlight == 0 { lastProgress = max(lastProgress, since) }
        connection.left -= 1
        connection.push(Pending(operation: operation, key: key, since: since))
    }

    // MARK: the socket

    private func flush(_ connection: Connection) {
        while !connection.output.isEmpty {
            let slice = connection.output.slice
            let n = send(connection.fd, slice.base, slice.count, Int32(MSG_NOSIGNAL))
            if n > 0 {
                connection.output.consume(n)
            } else if n < 0, errno == EAGAIN {
                break
            } else if n < 0, errno == EINTR {
                continue
            } else {
                return lose(connection, "send: \(Socket.reason())")
            }
        }
        let wantsWrites = !connection.output.isEmpty
        if wantsWrites != connection.watchesWrites {
            connection.watchesWrites = wantsWrites
            watch(connection.fd, token: UInt64(connection.slot), writes: wantsWrites, adding: false)
        }
    }

    private func receive(_ connection: Connection, at index: Int) {
        let tail = connection.input.writableTail(16 << 10)
        let n = recv(connection.fd, tail.baseAddress, tail.count, 0)
        if n < 0 && (errno == EAGAIN || errno == EINTR) { return }
        guard n > 0 else { return lose(connection, n == 0 ? "closed by the server" : "recv: \(Socket.reason())") }
        connection.input.didAppend(n)
        let now = Clock.monotonicNanoseconds()
        takeReplies(connection, now: now)
        guard connection.isOpen else { return }
        if connection.intervalNanoseconds == 0 {
            if connection.inFlight == 0 { refill(connection) }
        } else if connection.blocked {
            connection.blocked = false
            issueDue(connection, at: index, now: now)
        }
    }

    private func takeReplies(_ connection: Connection, now: Int64) {
        let bytes = connection.input.slice
        lastProgress = now
        var at = 0
        while at < bytes.count {
            guard connection.inFlight > 0 else { return lose(connection, "a reply that nobody asked for") }
            let pending = connection.oldest
            let checked = check(pending, plan.groups[connection.group], bytes, at: at)
            guard let next = checked else { break }
            guard next > at else { return lose(connection, "no RESP reply: \(bytes.dropFirst(at).prefix(40))") }
            connection.pop()
            tally.record(
                group: connection.group, pending.operation, nanoseconds: now - pending.since,
                sinceStart: now - start)
            at = next
        }
        connection.input.consume(at)
    }

    private func lose(_ connection: Connection, _ reason: String) {
        tally.error("connection lost: \(reason)")
        connection.isOpen = false
        close(connection.fd)
    }

    private func watch(_ fd: Int32, token: UInt64, writes: Bool, adding: Bool) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (writes ? EPOLLOUT.rawValue : 0)
        event.data.u64 = token
        let status = epoll_ctl(epoll, adding ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event)
        precondition(status == 0, "epoll_ctl(\(fd)): \(Socket.reason())")
    }

    /// epoll's own timeout has milliseconds only: what is due next wakes the loop through a timer.
    private func setTimer() {
        guard let due = pacer.nextDue, due != timerSetFor else { return }
        let status = loadgen_timer_set(timer, due)
        precondition(status == 0, "timerfd_settime: \(Socket.reason())")
        timerSetFor = due
    }
}

extension Worker {
    /// Checks the reply at `start` against what was asked. Returns where the next begins, nil when bytes are missing,
    /// `start` itself when this is no RESP.
    @inline(__always)
    private func check(_ pending: Pending, _ group: Group, _ bytes: ByteSlice, at start: Int) -> Int? {
        if pending.operation == .mget { return checkMget(pending, group, bytes, at: start) }
        guard let reply = Reply.read(bytes, at: start) else { return nil }
        if pending.operation == .get, reply.kind == .bulk || reply.kind == .null {
            checkValue(reply, pending.key)
        } else if reply.kind == .malformed || reply.kind == .array {
            return start
        } else if reply.kind == .error {
            tally.error("\(pending.operation): \(reply.text)")
        } else if !fits(reply, pending.operation) {
            tally.mismatch("\(pending.operation) of key \(pending.key): \(reply.kind) \(reply.text.prefix(60))")
        }
        return reply.end
    }

    @inline(__always)
    private func fits(_ reply: Reply, _ operation: Operation) -> Bool {
        switch operation {
        case .set: reply.kind == .status && reply.text == "OK"
        case .incr: reply.kind == .integer && reply.number > 0
        case .setnx: reply.kind == .integer && reply.number == 1
        case .getset, .absent: reply.kind == .null
        case .del: reply.kind == .integer && (reply.number == 0 || reply.number == 1)
        case .get, .mget, .modify: false
        }
    }

    @inline(__always)
    private func checkValue(_ reply: Reply, _ key: UInt64) {
        if reply.kind == .null {
            tally.misses += 1
            if plan.missesAreErrors { tally.mismatch("key \(key) is not there") }
        } else if let version = plan.values.version(of: reply.text, index: key) {
            if let exact = plan.exactVersion, exact != version {
                tally.mismatch("key \(key) has version \(version), not \(exact)")
            }
        } else {
            tally.mismatch("key \(key): \(reply.text.count) bytes that are no value of it")
        }
    }

    private func checkMget(_ pending: Pending, _ group: Group, _ bytes: ByteSlice, at start: Int) -> Int? {
        guard let head = Reply.read(bytes, at: start) else { return nil }
        if head.kind == .error {
            tally.error("mget: \(head.text)")
            return head.end
        }
        guard head.kind == .array, head.number == group.keysPerMget else { return start }
        // Looked at twice, so that nothing is noted before the whole reply is there.
        var at = head.end
        for _ in 0..<head.number {
            guard at < bytes.count, let element = Reply.read(bytes, at: at) else { return nil }
            guard element.kind == .bulk || element.kind == .null else { return start }
            at = element.end
        }
        var random = Random(state: pending.key)
        at = head.end
        for _ in 0..<head.number {
            guard let element = Reply.read(bytes, at: at) else { return nil }
            checkValue(element, group.chooser.next(&random))
            at = element.end
        }
        return at
    }
}
