import Commands
import Frontend
import Keyspace
import Platform
import RESP

// How calls wait on this loop; see WaitTable.
extension LoopWorker {
    /// What a call that was parked does when it comes again.
    enum Recall {
        /// It runs, behind the gates or, if it was let in before, without asking them again.
        case runs(isLetIn: Bool)
        case answered
        case waits
    }

    /// A parked call comes again.
    func recall(
        _ session: ClientSession, _ parked: ParkedCall, _ entry: UnsafePointer<CommandIndex.Entry>, start: Int
    ) -> Recall {
        let reply = context.pointee.reply
        if case .consequences(let chain) = parked.reason {
            // Not this call was parked, but the one before has had consequences.
            if core.observers.waits.reservations.holdsUp(upTo: chain, { session.loop.resume(session) }) {
                return .waits
            }
            session.parked = nil
            return .runs(isLetIn: false)
        }
        switch session.blocked?.fate {
        case .waiting, .serving: return .waits
        case .served:
            if let answer = session.blocked?.answer { reply.pointee.append(answer.pointee) }
            return .answered
        case .timedOut, .unblocked(withError: false):
            session.blocked?.request.expired(reply)
            return .answered
        case .unblocked(withError: true):
            reply.pointee.error(ErrorText.unblocked)
            return .answered
        case .gone: preconditionFailure("connection \(session.id) waits with a call that has ended")
        case .claimed, nil: break
        }
        if let text = parked.errorText {
            reply.pointee.error(text)
            refused(session, entry, start: start)
            return .answered
        }
        // What serves a waiting call belongs to the push, which the gates have let in: while it waits at a gate, nobody
        // could reach the key.
        return .runs(isLetIn: session.blocked != nil)
    }

    /// Runs a body that may wait. The shards of its keys are locked, and are unlocked when it returns. False: it waits.
    func runBlocking(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>,
        _ body: @Sendable (inout CommandContext) -> Void
    ) -> Bool {
        let call = session.blocked
        if let call, case .claimed(let key) = call.fate {
            context.pointee.served = key
            context.pointee.memory = call.request.memory
        }
        body(&context.pointee)
        context.pointee.served = nil
        context.pointee.memory = nil
        guard let request = context.pointee.block else {
            remember(session, entry)
            if let call {
                session.blocked = nil
                core.observers.waits.served(call, &context.pointee)
                deadlines.remove(call)
            }
            preparation.pointee.unlock(&context.pointee)
            return true
        }
        context.pointee.block = nil
        if let call {
            core.observers.waits.failed(call, in: &context.pointee.keyspace)
        } else {
            let fresh = blockedCall(session, request)
            session.blocked = fresh
            core.observers.waits.register(fresh)
        }
        preparation.pointee.unlock(&context.pointee)
        beginWaiting(session)
        return false
    }

    /// A command without keys waits for its time to pass (WAIT).
    func waitWithoutKeys(_ session: ClientSession, _ request: BlockRequest) {
        precondition(request.keys.isEmpty, "a call without keys waits for key \(request.keys.lowerBound)")
        let call = blockedCall(session, request)
        session.blocked = call
        core.observers.waits.register(call)
        beginWaiting(session)
    }

    private func blockedCall(_ session: ClientSession, _ request: BlockRequest) -> BlockedCall {
        var keys: [(key: WaitedKey, index: Int)] = []
        var seen = Set<WaitedKey>()
        for index in request.keys {
            let ref = context.pointee.keys[index]
            let key = WaitedKey(database: core.store.database(ofSpace: ref.space), key: ref.bytes.array)
            if seen.insert(key).inserted { keys.append((key, index)) }
        }
        let milliseconds = request.timeoutMilliseconds
        // Rounded up: nobody's time is up too early. A time that the clock can't show doesn't come.
        let now = (Clock.monotonicNanoseconds() + 999_999) / 1_000_000
        let (end, overflow) = now.addingReportingOverflow(milliseconds)
        return BlockedCall(
            session, request, keys: keys, deadline: milliseconds == 0 || overflow ? .max : Int(end),
            version: context.pointee.reply.pointee.version)
    }

    private func beginWaiting(_ session: ClientSession) {
        guard let call = session.blocked else { return }
        _ = park(session, .blocked)
        deadlines.insert(call)
        setAlarm(session.loop)
    }

    private func setAlarm(_ loop: EventLoop) { loop.alarmMilliseconds = deadlines.next }

    /// The loop's alarm: ends the waits whose time is up.
    func alarm(_ loop: EventLoop) {
        while let call = deadlines.pop(now: loop.nowMilliseconds) {
            if call.decide(.timedOut) { call.wake() }
        }
        setAlarm(loop)
    }

    /// The call that has run has served others, or was served, and more follows: the connection's next call waits.
    func awaitConsequences(_ session: ClientSession) {
        let chain = context.pointee.keyspace.heard
        context.pointee.keyspace.heard = 0
        session.parked = ParkedCall(
            session, .consequences(chain: chain), since: Clock.monotonicNanoseconds(), attempts: 0)
    }

    /// The session's call waits no more, however it has ended.
    func unblock(_ session: ClientSession) {
        guard let call = session.blocked else { return }
        session.blocked = nil
        deadlines.remove(call)
        core.observers.waits.leave(call, in: &context.pointee.keyspace)
        // What it gives on is no consequence of the call that runs.
        context.pointee.keyspace.heard = 0
    }

    /// Parks a call without keys that sees those of others, until what was pushed for blocked calls has reached them.
    /// False: there is nothing to wait for, or it has waited before.
    func waitsForReservations(_ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>) -> Bool {
        let reservations = core.observers.waits.reservations
        guard !reservations.isEmpty, !entry.pointee.flags.isDisjoint(with: [.write, .readOnly]),
            session.parked == nil, reservations.holdsUp({ session.loop.resume(session) })
        else { return false }
        _ = park(session, .reserved)
        return true
    }
}
