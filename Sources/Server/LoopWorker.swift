import Bytes
import Commands
import Frontend
import Keyspace
import Platform
import RESP
import Synchronization
import Telemetry
import Tiering

/// What one event loop needs to execute commands: its view of the keyspace, its statistics, its scratch memory.
///
/// Used on its loop's thread only, but for the atomics inside the parts it shares.
final class LoopWorker: @unchecked Sendable {
    // @unchecked: one thread uses it; `statistics` and the ledger are made for other readers.
    unowned(unsafe) let core: ServerCore  // the core owns the workers and outlives them
    /// The core's. Asked with each request, of which counting references would be some 1 %.
    private let tracking: Unmanaged<Tracking>
    let index: CommandIndex
    let tier: Tier?
    /// Behind a pointer, so that reaching it costs no exclusivity check.
    let context: UnsafeMutablePointer<CommandContext>
    let statistics: CommandStatisticsBlock
    private let faultRecorder: FaultRecorder?
    let ledger: Ledger
    let preparation: UnsafeMutablePointer<KeyPreparation>
    /// Bytes allocated when the watermarks were last compared.
    private var evaluatedBytes = 0
    /// Allocation after which they are compared again.
    private static let evaluationStride = 128 * 1024
    private var settingsVersion = -1
    /// Of the loop's blocked calls.
    var deadlines = DeadlineHeap()
    /// Behind a pointer as `context` is.
    let ahead: UnsafeMutablePointer<FetchAhead>
    /// Where the running call's reply begins: messages that come before it are no part of it.
    var replyStart = 0
    /// CLIENT REPLY is off, and EXEC has heeded that itself, command by command.
    var hasSettledReplies = false

    init(core: ServerCore) {
        self.core = core
        tracking = .passUnretained(core.tracking)
        index = core.index
        tier = core.tier
        ledger = core.store.makeLedger()
        statistics = core.commandStatistics.makeBlock()
        faultRecorder = core.tier.map { FaultRecorder($0) }
        context = .allocate(capacity: 1)
        let reply = UnsafeMutablePointer<ReplyWriter>.allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        context.initialize(
            to: CommandContext(keyspace: LockedKeyspace(store: core.store, ledger: ledger), reply: reply))
        context.pointee.warn = { [log = core.log] in log.warning($0) }
        preparation = .allocate(capacity: 1)
        preparation.initialize(to: KeyPreparation(tier: core.tier))
        ahead = .allocate(capacity: 1)
        ahead.initialize(to: FetchAhead())
    }

    deinit {
        context.deinitialize(count: 1)
        context.deallocate()
        preparation.deinitialize(count: 1)
        preparation.deallocate()
        ahead.deinitialize(count: 1)
        ahead.deallocate()
    }

    /// Executes a batch: see `FrontendService.execute`.
    func execute(
        _ session: ClientSession, _ batch: UnsafeMutablePointer<RequestBatch>,
        reply: UnsafeMutablePointer<ReplyWriter>
    ) -> BatchOutcome {
        context.pointee.reply = reply
        context.pointee.caller = session
        context.pointee.keyspace.actor = session
        refresh(session)
        let count = batch.pointee.count
        var began = Ticks.now()
        var outcome = BatchOutcome.completed
        var executed = count
        for number in 0..<count {
            if number % FetchAhead.stride == 0, count > 1 { ahead.pointee.fetch(batch, from: number, context.pointee) }
            context.pointee.arguments = batch.pointee.arguments(of: number)
            guard run(session, &began) else {
                session.readAhead = max(0, session.readAhead - number)
                lookAhead(session, batch, from: number)
                outcome = .parked(atRequest: number)
                executed = 0
                break
            }
            if session.closeAfterReply || session.closeSoon { break }
        }
        context.pointee.caller = nil
        context.pointee.keyspace.actor = nil
        let last = session.lastCommand.load(ordering: .relaxed)
        ahead.pointee.expect(last >= 0 ? index[last] : nil)
        if session.readAhead > 0 { session.readAhead = max(0, session.readAhead - executed) }
        // What was fetched for a batch lies in memory that the next one may use for something else.
        if count > 1 { ahead.pointee.forget() }
        if tier != nil { evaluate() }
        return outcome
    }

    /// Clock and settings, once for a batch.
    func refresh(_ session: ClientSession) {
        let now = session.loop.unixMilliseconds
        context.pointee.keyspace.now = now
        context.pointee.keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: now / 1_000)
        context.pointee.keyspace.deletesExpired = !core.isPausing.load(ordering: .relaxed)
        context.pointee.keyspace.leavesTraces = !session.leavesNoTraces.load(ordering: .relaxed)
        let version = core.settingsVersion.load(ordering: .acquiring)
        if version != settingsVersion {
            settingsVersion = version
            context.pointee.settings = core.commandSettings.withLock { $0 }
            context.pointee.keyspace.accessClock.mode = core.accessMode.withLock { $0 }
        }
    }

    func evaluate() {
        let bytes = ledger.memoryBytes.load(ordering: .relaxed)
        if bytes - evaluatedBytes > Self.evaluationStride || bytes < evaluatedBytes {
            if bytes > evaluatedBytes { tier?.evaluate() }
            evaluatedBytes = bytes
        }
    }

    /// As `FrontendService.announce`, and what comes after it: see FetchAhead.
    func announce(_ bytes: ByteSlice, number: Int) {
        ahead.pointee.announce(bytes, number: number, context.pointee)
    }

    func announced() { ahead.pointee.fetch(context.pointee) }

    // MARK: One request

    /// Runs the request in `context.arguments`. False: it is parked, without effect and without reply.
    private func run(_ session: ClientSession, _ began: inout UInt64) -> Bool {
        let reply = context.pointee.reply
        if tracking._withUnsafeGuaranteedRef({ $0.isOverLimit }) { reduceTracking(session) }
        replyStart = reply.pointee.count
        let errors = reply.pointee.errorCount
        var ran: UnsafePointer<CommandIndex.Entry>?
        let finished = perform(session, &ran)
        if !finished {
            reply.pointee.truncate(to: replyStart)
            return false
        }
        if session.parked != nil { unpark(session) }
        if session.holdsWriters { releaseWriters(session) }
        finish(session, ran, failed: reply.pointee.errorCount != errors, &began)
        if context.pointee.keyspace.heard != 0 { awaitConsequences(session) }
        return true
    }

    /// Gates, keys, body. False: parked.
    private func perform(_ session: ClientSession, _ ran: inout UnsafePointer<CommandIndex.Entry>?) -> Bool {
        let arguments = context.pointee.arguments
        guard var entry = index.find(arguments[0]) else {
            session.lastCommand.store(-1, ordering: .relaxed)
            Gates.unknownCommand(arguments, session)
            refused(session, nil, start: replyStart)
            return true
        }
        if entry.pointee.hasSubcommands, arguments.count > 1 {
            guard let sub = index.find(arguments[1], in: entry) else {
                session.lastCommand.store(-1, ordering: .relaxed)
                Gates.unknownSubcommand(arguments, entry, context.pointee.reply)
                refused(session, nil, start: replyStart)
                return true
            }
            entry = sub
        }
        session.lastCommand.store(entry.pointee.number, ordering: .relaxed)
        var isLetIn = false
        if let parked = session.parked {
            switch recall(session, parked, entry, start: replyStart) {
            case .runs(let skipsGates): isLetIn = skipsGates
            case .answered:
                ran = entry
                return true
            case .waits: return false
            }
        }
        switch isLetIn ? .pass : Gates.check(entry, session, self) {
        case .pass: break
        case .rejected:
            statistics.rejected(entry.pointee.number)
            refused(session, entry, start: replyStart)
            return true
        case .parked: return false
        case .inMulti: return runInMulti(session, entry, &ran)
        }
        guard let body = entry.pointee.body else {
            Gates.wrongArity(entry, context.pointee.reply)
            statistics.rejected(entry.pointee.number)
            return true
        }
        ran = entry
        context.pointee.database = session.database.load(ordering: .relaxed)
        if entry.pointee.shape == .none {
            if waitsForReservations(session, entry) { return false }
            body(&context.pointee)
            if let request = context.pointee.block {
                context.pointee.block = nil
                waitWithoutKeys(session, request)
                return false
            }
        } else {
            guard runWithKeys(session, entry, body) else { return false }
        }
        guard let request = context.pointee.request else { return true }
        context.pointee.request = nil
        return answer(request, session, entry, body)
    }

    private func runWithKeys(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>,
        _ body: @Sendable (inout CommandContext) -> Void
    ) -> Bool {
        let known = ahead.pointee.take(context.pointee.arguments)
        if let parked = session.parked {
            // A resume without an answer: the job is still under way.
            if parked.reason == .background, parked.answer == nil { return false }
            context.pointee.late = parked.late
        }
        defer { if context.pointee.late != nil { dropLateKeys() } }
        while true {
            switch preparation.pointee.lock(entry, &context.pointee, known: known) {
            case .ready: break
            case .reserved:
                if core.observers.waits.holdsUp(session, &context.pointee) {
                    preparation.pointee.unlock(&context.pointee)
                    _ = park(session, .reserved)
                    return false
                }
            case .badKeys:
                // The arguments don't fit the specifications: the command says what is wrong, it has no keys to touch.
                context.pointee.keys.removeAll()
                body(&context.pointee)
                return true
            case .cold:
                preparation.pointee.read(for: park(session, .keys), &context.pointee)
                return false
            }
            guard runLocked(session, entry, body) else { return false }
            guard case .moreKeys(let late)? = context.pointee.request else { return true }
            context.pointee.request = nil
            add(late, session)
        }
    }

    /// Runs a body whose keys' shards are locked, and unlocks them. False: the call waits.
    @inline(__always)
    private func runLocked(
        _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>,
        _ body: @Sendable (inout CommandContext) -> Void
    ) -> Bool {
        context.pointee.mayGrow = entry.pointee.isDenied
        if entry.pointee.flags.contains(.blocking) { return runBlocking(session, entry, body) }
        if let parked = session.parked, let answer = parked.answer {
            parked.answer = nil
            context.pointee.answer = answer
        }
        body(&context.pointee)
        remember(session, entry)
        preparation.pointee.unlock(&context.pointee)
        return true
    }

    // MARK: Parking

    /// Makes the object that the call waits with; a call that was parked before gives up what it had.
    func park(_ session: ClientSession, _ reason: ParkedCall.Reason) -> ParkedCall {
        let earlier = session.parked
        let goesOn = reason == .keys && earlier?.reason == .keys
        let call = ParkedCall(
            session, reason, since: earlier?.since ?? Clock.monotonicNanoseconds(),
            attempts: (earlier?.attempts ?? 0) + (goesOn ? 0 : 1))
        if let earlier {
            if goesOn { call.room = earlier.room.take() }
            if earlier.reason == .keys { noteResumed(earlier) }
            call.answer = earlier.answer
            if let late = context.pointee.late ?? earlier.late {
                // It needs all its keys at the same time: what it has got stays.
                call.late = late
                call.inherit(earlier)
            } else if goesOn {
                // What it has asked for was a portion of what it needs; or of keys that were there when it was parked
                // one has left RAM meanwhile. If what has come were given up, it could be pushed out by what comes, by
                // turns.
                call.inherit(earlier)
            } else if !earlier.faults.isEmpty {
                context.pointee.keyspace.release(earlier.faults)
            }
        } else {
            call.late = context.pointee.late
        }
        session.parked = call
        note(session, from: earlier?.reason, to: reason)
        return call
    }

    /// The call that waited has run.
    private func unpark(_ session: ClientSession) {
        guard let call = session.parked else { return }
        session.parked = nil
        if call.reason == .keys { noteResumed(call) }
        note(session, from: call.reason, to: nil)
        if session.blocked != nil { unblock(session) }
        if !call.faults.isEmpty { context.pointee.keyspace.release(call.faults) }
    }

    /// A call that waited for keys has run again, if only as far as to be parked once more.
    func noteResumed(_ waiter: FaultWaiter) {
        let ready = waiter.takeReadyTime()
        guard ready > 0 else { return }
        faultRecorder?.record(.resume, nanoseconds: Clock.monotonicNanoseconds() - ready)
    }

    /// The connection is gone with a call waiting.
    func abandon(_ session: ClientSession) {
        if let transaction = session.transaction {
            if let run = transaction.run, !run.hasBegun { core.gate.forget(run) }
            session.endTransaction()
        }
        guard let call = session.parked else { return }
        session.parked = nil
        if session.holdsWriters { releaseWriters(session) }
        note(session, from: call.reason, to: nil)
        if session.blocked != nil { unblock(session) }
        if call.reason == .pause { core.pause.forget(call) }
        if call.reason == .exclusive { core.gate.forget(call) }
        if call.reason == .keys { tier?.forget(call) }
        context.pointee.keyspace.abandon(call)
    }

    /// What others see of a call that waits: in the counts of the server and in the connection's line of CLIENT LIST.
    private func note(_ session: ClientSession, from old: ParkedCall.Reason?, to new: ParkedCall.Reason?) {
        let (counted, counts) = (old?.isParking ?? false, new?.isParking ?? false)
        if counts, !counted { core.parkedCalls.add(1, ordering: .relaxed) }
        if counted, !counts { core.parkedCalls.subtract(1, ordering: .relaxed) }
        session.isBlocked.store(new == .pause || new == .blocked, ordering: .relaxed)
        session.waitsForFlash.store(
            new == .keys || new == .memory || new == .background || new == .reserved, ordering: .relaxed)
        let bytes = new == nil ? 0 : context.pointee.arguments.buffer.reduce(0) { $0 + $1.count }
        session.parkedBytes.store(bytes, ordering: .relaxed)
    }

    /// Answers a command that asked for background work: at once where nothing has to be waited for, else parks it.
    private func answer(
        _ request: BackgroundRequest, _ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>,
        _ body: @Sendable (inout CommandContext) -> Void
    ) -> Bool {
        // A resume without an answer: the job is still under way. A call with keys has looked before it ran.
        if entry.pointee.shape == .none, let waiting = session.parked, waiting.reason == .background,
            waiting.answer == nil
        {
            return false
        }
        var request = request
        var given = session.parked?.answer
        session.parked?.answer = nil
        while let answer = given ?? core.answerAtOnce(request, now: context.pointee.now) {
            given = nil
            context.pointee.answer = answer
            body(&context.pointee)
            context.pointee.answer = nil
            // A second question (RANDOMKEY's, when behind its place there were too few keys) is treated like the first.
            guard let next = context.pointee.request else { return true }
            context.pointee.request = nil
            request = next
        }
        let call = park(session, .background)
        core.submit(request, now: context.pointee.now) { answer in
            call.answer = answer
            call.arm()
        }
        return false
    }

    /// Requests behind a parked one whose keys are read meanwhile, and reads for them: as many as the device serves at
    /// once, so that one connection's backlog neither holds up its loop nor fills the queue.
    private static let aheadRequests = 64

    /// The request `parked` can't run yet: has the cold keys of those behind it read meanwhile, each once.
    private func lookAhead(
        _ session: ClientSession, _ batch: UnsafeMutablePointer<RequestBatch>, from parked: Int
    ) {
        guard let tier else { return }
        let last = min(batch.pointee.count, parked + 1 + Self.aheadRequests)
        let first = parked + max(1, session.readAhead)
        guard first < last else { return }
        guard let room = tier.reserveAhead(Self.aheadRequests) else { return }
        var faults: [Fault] = []
        var number = first
        while number < last, faults.count < room.reads {
            let arguments = batch.pointee.arguments(of: number)
            number += 1
            guard let entry = index.find(arguments[0]), entry.pointee.shape != .none else { continue }
            context.pointee.arguments = arguments
            preparation.pointee.prefetch(entry, &context.pointee, limit: room.reads, into: &faults)
        }
        session.readAhead = number - parked
        tier.submit(faults, room)
    }
}
