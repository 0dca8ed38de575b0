import Commands
import Frontend
import Keyspace
import Platform
import RESP
import Tiering

/// A transaction that runs behind the exclusive gate, a command at a time: see `ExclusiveGate`.
///
/// It holds what it needs, so it can go on without its connection. Its loop's alone, but for `answer`.
final class ExclusiveRun: @unchecked Sendable {
    // @unchecked: as said; `answer` is written before the job is posted that reads it.

    let session: ClientSession
    let commands: [QueuedCommand]
    /// Where their arguments are.
    private let requests: StoredRequests
    /// The reply, kept until it is complete.
    let reply: UnsafeMutablePointer<ReplyWriter>
    /// The time of the whole transaction, unix milliseconds.
    var now: Int64 = 0
    var hasBegun = false
    var isFinished = false
    /// A watched key had changed: nothing was run.
    var isBroken = false
    /// The command that runs or is next.
    var next = 0
    /// What a background thread found for it.
    var answer: BackgroundAnswer?
    /// The last chain of reservations that it has begun; 0: none.
    var consequences: UInt64 = 0
    /// What it waits for, or waited for until now.
    var faults: RunFaults?
    /// The keys that its body has asked for. Nobody changes values, so the rounds end by themselves.
    var late: LateKeys?

    init(_ session: ClientSession, _ transaction: Transaction, version: Int) {
        self.session = session
        commands = transaction.commands
        requests = transaction.requests
        reply = .allocate(capacity: 1)
        reply.initialize(to: ReplyWriter())
        reply.pointee.version = version
    }

    deinit {
        reply.deinitialize(count: 1)
        reply.deallocate()
    }

    /// Any thread: goes on, on the loop.
    func proceed() { session.loop.post { [self] in session.worker.advance(self) } }
}

/// The reads that a command of such a transaction waits for.
final class RunFaults: ReadWaiter, @unchecked Sendable {
    // @unchecked: as ReadWaiter.
    private let run: ExclusiveRun

    init(_ run: ExclusiveRun) {
        self.run = run
        super.init()
    }

    override func ready() { run.proceed() }
}

extension LoopWorker {
    /// Goes on with a transaction that has the gate, as far as it can without waiting. On its loop, between turns.
    func advance(_ run: ExclusiveRun) {
        let waits = core.observers.waits
        // Blocked calls that were served before belong to the pushes that served them.
        if !run.hasBegun, waits.reservations.holdsUp({ run.proceed() }) { return }
        if run.hasBegun || begin(run) {
            context.pointee.reply = run.reply
            context.pointee.caller = run.session
            context.pointee.keyspace.actor = run.session
            refresh(run.session)
            context.pointee.keyspace.now = run.now
            context.pointee.isInTransaction = true
            while run.next < run.commands.count, step(run) { run.next += 1 }
            context.pointee.isInTransaction = false
            context.pointee.caller = nil
            context.pointee.keyspace.actor = nil
            if tier != nil { evaluate() }
            if run.next < run.commands.count { return }
            waits.endTransaction(in: &context.pointee.keyspace)
            run.consequences = context.pointee.keyspace.heard
            context.pointee.keyspace.heard = 0
        }
        run.isFinished = true
        core.gate.leave(run)
        run.session.loop.resume(run.session)
    }

    /// False: nothing is to be run.
    private func begin(_ run: ExclusiveRun) -> Bool {
        let session = run.session
        guard !session.isClosed, let transaction = session.transaction else { return false }
        run.now = Clock.unixMilliseconds()
        run.isBroken =
            session.hasBrokenWatch.load(ordering: .relaxed) || transaction.hasExpiredWatch(now: run.now)
        session.unwatch()
        if run.isBroken { return false }
        run.hasBegun = true
        core.observers.waits.beginTransaction()
        if session.replyMode == .on { run.reply.pointee.array(run.commands.count) }
        return true
    }

    /// Runs the command that is next. False: it waits, and `proceed` is called when it can go on.
    private func step(_ run: ExclusiveRun) -> Bool {
        let command = run.commands[run.next]
        let record = begin(command, run.session)
        let awaited = run.faults
        defer { if let awaited { noteResumed(awaited) } }
        var began = Ticks.now()
        if let text = run.faults?.errorText {
            run.reply.pointee.error(text)
        } else {
            guard ask(command, run) else {
                run.reply.pointee.truncate(to: record.start)
                return false
            }
        }
        if let faults = run.faults {
            context.pointee.keyspace.release(faults.faults)
            run.faults = nil
        }
        run.late = nil
        finish(command, run.session, record, &began)
        return true
    }

    /// Keys, body, answers.
    private func ask(_ command: QueuedCommand, _ run: ExclusiveRun) -> Bool {
        while true {
            context.pointee.answer = run.answer
            run.answer = nil
            guard execute(command, run) else { return false }
            context.pointee.answer = nil
            guard let request = context.pointee.request else { return true }
            context.pointee.request = nil
            if let answer = core.answerAtOnce(request, now: run.now) {
                run.answer = answer
                continue
            }
            core.submit(request, now: run.now) { answer in
                run.answer = answer
                run.proceed()
            }
            return false
        }
    }

    /// The body, with its keys locked and resident. False: they are being read.
    private func execute(_ command: QueuedCommand, _ run: ExclusiveRun) -> Bool {
        // Refused before it was queued if it had none.
        guard let body = command.entry.pointee.body else { preconditionFailure("a command without a body was queued") }
        context.pointee.keys.removeAll()
        if command.entry.pointee.shape == .none {
            body(&context.pointee)
            return true
        }
        context.pointee.late = run.late
        defer { if context.pointee.late != nil { dropLateKeys() } }
        while true {
            switch preparation.pointee.lock(command.entry, &context.pointee, known: nil) {
            case .ready, .reserved:
                // Nothing was reserved when the transaction began, and since then nobody else has run.
                context.pointee.mayGrow = command.entry.pointee.isDenied
                body(&context.pointee)
                remember(run.session, command.entry)
                preparation.pointee.unlock(&context.pointee)
                guard case .moreKeys(let late)? = context.pointee.request else { return true }
                context.pointee.request = nil
                context.pointee.late = late
                run.late = late
            case .badKeys:
                context.pointee.keys.removeAll()
                body(&context.pointee)
                return true
            case .cold:
                read(for: run)
                return false
            }
        }
    }

    /// Has the keys read that the command found missing.
    private func read(for run: ExclusiveRun) {
        // The answer that was to be given is given when the keys are there.
        run.answer = context.pointee.answer
        context.pointee.answer = nil
        let waiter = RunFaults(run)
        if let earlier = run.faults {
            // What came may be a portion of what it needs: all of it stays until the command has run.
            waiter.inherit(earlier)
            waiter.room = earlier.room.take()
        }
        run.faults = waiter
        preparation.pointee.read(for: waiter, &context.pointee)
    }
}
