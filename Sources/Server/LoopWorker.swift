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
    let index: CommandIndex
    let tier: Tier?
    /// Behind a pointer, so that reaching it costs no exclusivity check.
    let context: UnsafeMutablePointer<CommandContext>
    let statistics: CommandStatisticsBlock
    let ledger: Ledger
    let preparation: UnsafeMutablePointer<KeyPreparation>
    /// Bytes allocated when the watermarks were last compared.
    private var evaluatedBytes = 0
    /// Allocation after which they are compared again.
    private static let evaluationStride = 128 * 1024
    private var settingsVersion = -1
    /// Of the loop's blocked calls.
    var deadlines = DeadlineHeap()
    /// Keys whose memory was fetched ahead, in the order in which their requests will run.
    private let ahead = UnsafeMutablePointer<KeyAhead>.allocate(capacity: stride)
    private var aheadCount = 0
    /// The last batch ended with a command on collections: likely the next ones are such too.
    private var expectsCollections = false
    /// Those below have run, or will not.
    private var aheadNext = 0
    /// Where the running call's reply begins: messages that come before it are no part of it.
    var replyStart = 0
    /// CLIENT REPLY is off, and EXEC has heeded that itself, command by command.
    var hasSettledReplies = false

    init(core: ServerCore) {
        self.core = core
        index = core.index
        tier = core.tier
        ledger = core.store.makeLedger()
        statistics = core.commandStatistics.makeBlock()
        context = .allocate(capacity: 1)
        let reply = UnsafeMutablePointer<ReplyWriter>.allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        context.initialize(
            to: CommandContext(keyspace: LockedKeyspace(store: core.store, ledger: ledger), reply: reply))
        context.pointee.warn = { [log = core.log] in log.warning($0) }
        preparation = .allocate(capacity: 1)
        preparation.initialize(to: KeyPreparation(tier: core.tier))
    }

    deinit {
        context.deinitialize(count: 1)
        context.deallocate()
        preparation.deinitialize(count: 1)
        preparation.deallocate()
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
            if number % Self.stride == 0, count > 1 { prefetch(batch, from: number) }
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
        expectsCollections = last >= 0 && index[last].pointee.takesCollections
        if session.readAhead > 0 { session.readAhead = max(0, session.readAhead - executed) }
        // What was fetched for a batch lies in memory that the next one may use for something else.
        if count > 1 { aheadCount = 0 }
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

    // MARK: Fetching ahead
    //
    // A miss in the cache costs more than everything else a GET does. So the processor is told of the keys of several
    // requests, the next of a pipeline or one from each of several connections, before the first of them runs: first
    // of their partitions, then of their slots, then of their records, and, if the last command was one on
    // collections, of what the records refer to. The misses of one step overlap. Taking the first argument for a key is
    // right nearly always, and harmless where it is wrong.

    /// Requests whose memory is fetched ahead at a time.
    private static let stride = 16

    /// The first argument of a request that will run soon.
    private struct KeyAhead {
        var key: ByteSlice
        var position: Position
    }

    /// Fetches for the requests of a pipeline.
    private func prefetch(_ batch: UnsafeMutablePointer<RequestBatch>, from first: Int) {
        aheadCount = 0
        for number in first..<min(first + Self.stride, batch.pointee.count) {
            let arguments = batch.pointee.arguments(of: number)
            if arguments.count > 1 { add(arguments[1]) }
        }
        fetch()
    }

    /// Bytes that will be executed soon, of one of several connections; `number` counts them from 0. Looks whether
    /// they begin with a command and a key.
    func announce(_ bytes: ByteSlice, number: Int) {
        if number == 0 { aheadCount = 0 }
        guard aheadCount < Self.stride, let key = Self.secondArgument(bytes) else { return }
        add(key)
    }

    /// Fetches for what was announced.
    func announced() { fetch() }

    @inline(__always)
    private func add(_ key: ByteSlice) {
        let position = context.pointee.keyspace.prefetchPartition(key, database: context.pointee.database)
        ahead[aheadCount] = KeyAhead(key: key, position: position)
        aheadCount += 1
    }

    private func fetch() {
        let database = context.pointee.database
        aheadNext = 0
        // Calls one after the other are often on the same key.
        for number in 0..<aheadCount where !isRepeated(number) {
            context.pointee.keyspace.prefetchSlot(ahead[number].position, database: database)
        }
        for number in 0..<aheadCount where !isRepeated(number) {
            context.pointee.keyspace.prefetchRecord(ahead[number].position, database: database)
        }
        guard expectsCollections else { return }
        for number in 0..<aheadCount where !isRepeated(number) {
            context.pointee.keyspace.prefetchValue(ahead[number].position, database: database)
        }
    }

    @inline(__always)
    private func isRepeated(_ number: Int) -> Bool {
        number > 0 && ahead[number].position == ahead[number - 1].position
    }

    /// The place of the call's first argument if it was fetched ahead. The same memory means the same key: buffers
    /// keep what they hold until all that was announced of it has run.
    @inline(__always)
    func takeAhead(_ arguments: Arguments) -> Position? {
        guard aheadNext < aheadCount, arguments.count > 1 else { return nil }
        let key = arguments[1]
        for number in aheadNext..<aheadCount where ahead[number].key.base == key.base {
            guard ahead[number].key.count == key.count else { return nil }
            aheadNext = number + 1
            return ahead[number].position
        }
        return nil
    }

    /// The key in `*n CRLF $n CRLF command CRLF $n CRLF key CRLF`: a look, no parser. Nil for anything else.
    private static func secondArgument(_ bytes: ByteSlice) -> ByteSlice? {
        // The shortest such request has 4 + 4 + 3 + 4 + 3 bytes.
        guard bytes.count > 18, bytes.base[0] == 0x2a, bytes.base[2] == 0x0d else { return nil }
        var at = 4
        guard let command = length(bytes, &at) else { return nil }
        at += command + 2
        guard let key = length(bytes, &at), at + key <= bytes.count else { return nil }
        return ByteSlice(base: bytes.base + at, count: key)
    }

    /// Reads `$n CRLF` with at most three digits.
    private static func length(_ bytes: ByteSlice, _ at: inout Int) -> Int? {
        guard at + 6 <= bytes.count, bytes.base[at] == 0x24 else { return nil }
        var value = 0
        var index = at + 1
        while index < at + 4, bytes.base[index] &- 0x30 < 10 {
            value = value * 10 + Int(bytes.base[index] &- 0x30)
            index += 1
        }
        guard bytes.base[index] == 0x0d else { return nil }
        at = index + 2
        return value
    }

    // MARK: One request

    /// Runs the request in `context.arguments`. False: it is parked, without effect and without reply.
    private func run(_ session: ClientSession, _ began: inout UInt64) -> Bool {
        let reply = context.pointee.reply
        if core.tracking.isOverLimit { reduceTracking(session) }
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
        let known = takeAhead(context.pointee.arguments)
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
                let call = park(session, .keys)
                let faults = preparation.pointee.requestFaults(for: call, &context.pointee)
                tier?.submit(faults)
                call.arm()
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
        let call = ParkedCall(
            session, reason, since: earlier?.since ?? Clock.monotonicNanoseconds(),
            attempts: (earlier?.attempts ?? 0) + 1)
        if let earlier {
            call.answer = earlier.answer
            if let late = context.pointee.late ?? earlier.late {
                // It needs all its keys at the same time: what it has got stays.
                call.late = late
                call.inherit(earlier)
            } else if reason == .keys, earlier.reason == .keys {
                // Of keys that were there when it was parked one has left RAM meanwhile. If what has come were given
                // up, large values could push each other out by turns.
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
        note(session, from: call.reason, to: nil)
        if session.blocked != nil { unblock(session) }
        if !call.faults.isEmpty { context.pointee.keyspace.release(call.faults) }
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

    /// Requests behind a parked one whose keys are read meanwhile: as many as the device serves at once, so that one
    /// connection's backlog neither holds up its loop nor fills the queue ahead of the others'.
    private static let aheadRequests = 64

    /// The request `parked` can't run yet: has the cold keys of those behind it read meanwhile, each once.
    private func lookAhead(
        _ session: ClientSession, _ batch: UnsafeMutablePointer<RequestBatch>, from parked: Int
    ) {
        guard let tier else { return }
        let last = min(batch.pointee.count, parked + 1 + Self.aheadRequests)
        let first = parked + max(1, session.readAhead)
        guard first < last else { return }
        session.readAhead = last - parked
        var faults: [Fault] = []
        for number in first..<last {
            let arguments = batch.pointee.arguments(of: number)
            guard let entry = index.find(arguments[0]), entry.pointee.shape != .none else { continue }
            context.pointee.arguments = arguments
            preparation.pointee.prefetch(entry, &context.pointee, into: &faults)
        }
        tier.submit(faults)
    }
}
