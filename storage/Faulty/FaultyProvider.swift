import Bytes
import Platform
import Storage

/// A provider that passes calls on to another one and injects faults: see `FaultPlan` and `FaultyGate`.
public final class FaultyProvider: StorageProvider {
    /// Calls that wait at a gate. They leave in the order in which they came.
    private struct Gate: Sendable {
        var isClosed = false
        /// Calls that found it closed, ever.
        var arrived = 0
        /// How many of them may go.
        var released = 0
    }

    private struct State: Sendable {
        var plan: FaultPlan
        var calls = [Int](repeating: 0, count: FaultyCall.allCases.count)
        var gates = [Gate](repeating: Gate(), count: FaultyGate.allCases.count)
        var finishedWrites = 0
        var failure: StorageError?
        var isRepaired = false
    }

    /// What was drawn for one call.
    private struct Fate {
        let number: Int
        let plan: FaultPlan
        /// Writes finished when this call came.
        let finishedWrites: Int
        let delayNanoseconds: Int64
        let error: StorageError?
    }

    private let base: any StorageProvider
    private let state: Monitor<State>
    private let dice: Dice
    /// What all chance is drawn from; the same seed and order of calls give the same faults.
    public var seed: UInt64 { dice.seed }

    /// Without `seed` it is taken from FIRN_FAULT_SEED or chosen by chance, and printed on standard error.
    public init(_ base: any StorageProvider, plan: FaultPlan = FaultPlan(), seed: UInt64? = nil) {
        self.base = base
        dice = Dice(seed: seed ?? chooseSeed())
        state = Monitor(State(plan: plan))
    }

    // MARK: Directing

    /// What goes wrong from the next call on.
    public var plan: FaultPlan {
        get { state.withLock { $0.plan } }
        set { state.withLock { $0.plan = newValue } }
    }

    /// Calls of this kind so far. The next one has this number plus 1.
    public func callCount(_ kind: FaultyCall) -> Int { state.withLock { $0.calls[kind.rawValue] } }

    /// Holds calls that reach `gate` from now on.
    public func hold(_ gate: FaultyGate) { state.withLock { $0.gates[gate.rawValue].isClosed = true } }

    /// Opens `gate` and lets everyone go who is held there.
    public func release(_ gate: FaultyGate) {
        state.withLock { state in
            state.gates[gate.rawValue].isClosed = false
            state.gates[gate.rawValue].released = state.gates[gate.rawValue].arrived
        }
        state.wakeAll()
    }

    /// Lets the `count` calls go that came to `gate` first; it stays closed.
    public func release(_ gate: FaultyGate, count: Int) {
        state.withLock { state in
            let held = state.gates[gate.rawValue].arrived - state.gates[gate.rawValue].released
            precondition(count <= held, "\(count) calls released, \(held) held at \(gate)")
            state.gates[gate.rawValue].released += count
        }
        state.wakeAll()
    }

    /// Calls held at `gate` now.
    public func heldCount(_ gate: FaultyGate) -> Int {
        state.withLock { $0.gates[gate.rawValue].arrived - $0.gates[gate.rawValue].released }
    }

    /// Waits until `count` calls are held at `gate`. False if that has not happened within `timeoutNanoseconds`.
    public func waitUntilHeld(
        _ count: Int, at gate: FaultyGate, timeoutNanoseconds: Int64 = 10_000_000_000
    ) -> Bool {
        state.wait(timeoutNanoseconds: timeoutNanoseconds) { state in
            state.gates[gate.rawValue].arrived - state.gates[gate.rawValue].released >= count ? true : nil
        } ?? false
    }

    public func holdReads() { hold(.beforeRead) }
    public func releaseReads() { release(.beforeRead) }
    public func holdWrites() { hold(.beforeWrite) }
    public func releaseWrites() { release(.beforeWrite) }

    /// A background failure: from now on writes, flushes and checkpoints throw `error`, and so does `resume` until
    /// `repair`.
    public func breakDown(_ error: StorageError) {
        state.withLock { state in
            state.failure = error
            state.isRepaired = false
        }
    }

    /// A background failure whose cause is gone already: the next `resume` succeeds.
    public func repairedBreakDown(_ error: StorageError) {
        state.withLock { state in
            state.failure = error
            state.isRepaired = true
        }
    }

    /// The cause of the failure is gone: the next `resume` succeeds.
    public func repair() { state.withLock { $0.isRepaired = true } }

    // MARK: The provider

    public func mayContain(_ key: ByteSlice) -> Bool {
        if base.mayContain(key) { return true }
        let fate = draw(.question, nil)
        return dice.happens(fate.plan.falsePositiveProbability, .question, fate.number, 0)
    }

    public func read(_ key: ByteSlice) throws(StorageError) -> ReadResult {
        let fate = draw(.read, \.read)
        try begin(fate, .beforeRead)
        if isThrottled(fate, 0) { return .throttled }
        let result = try base.read(key)
        pass(.afterRead)
        return result
    }

    public func read(_ keys: [ByteSlice]) throws(StorageError) -> [ReadResult] {
        let fate = draw(.read, \.read)
        try begin(fate, .beforeRead)
        var results = try base.read(keys)
        for index in results.indices where isThrottled(fate, index) { results[index] = .throttled }
        pass(.afterRead)
        return results
    }

    public func write(_ batch: borrowing WriteBatch) throws(StorageError) {
        let fate = draw(.write, \.write)
        defer {
            state.withLock { $0.finishedWrites += 1 }
            state.wakeAll()
        }
        letOthersPass(fate)
        try begin(fate, .beforeWrite)
        try throwIfBroken()
        try base.write(batch)
        pass(.afterWrite)
    }

    public func cursor(
        from: ByteSlice, to: ByteSlice, withValues: Bool
    ) throws(StorageError) -> any StorageCursor {
        FaultyCursor(try base.cursor(from: from, to: to, withValues: withValues), self)
    }

    fileprivate func step(_ cursor: any StorageCursor) throws(StorageError) -> (key: ByteSlice, value: ByteSlice)? {
        try begin(draw(.step, \.step), .beforeStep)
        return try cursor.next()
    }

    public func flush() throws(StorageError) {
        try begin(draw(.flush, \.flush), .beforeFlush)
        try throwIfBroken()
        try base.flush()
    }

    public func checkpoint(to directory: String) throws(StorageError) {
        try begin(draw(.checkpoint, \.checkpoint), .beforeCheckpoint)
        try throwIfBroken()
        try base.checkpoint(to: directory)
    }

    public func compact(from: ByteSlice, to: ByteSlice) throws(StorageError) {
        try base.compact(from: from, to: to)
    }

    public func compactEverything() throws(StorageError) { try base.compactEverything() }
    public func cancelCompactions(_ isOn: Bool) { base.cancelCompactions(isOn) }
    public func limitUpkeep(bytesPerSecond: UInt64) { base.limitUpkeep(bytesPerSecond: bytesPerSecond) }
    public func limitDeletions(bytesPerSecond: UInt64) { base.limitDeletions(bytesPerSecond: bytesPerSecond) }

    public func dropFiles(from: ByteSlice, to: ByteSlice) throws(StorageError) -> Bool {
        try base.dropFiles(from: from, to: to)
    }

    public func rewriteDropped(from: ByteSlice, to: ByteSlice) throws(StorageError) {
        try base.rewriteDropped(from: from, to: to)
    }

    public var backlog: Double { state.withLock { $0.plan.backlog } ?? base.backlog }
    public var statistics: StorageStatistics { base.statistics }

    public var health: StorageHealth {
        if let failure = state.withLock({ $0.failure }) { return .failed(failure) }
        return base.health
    }

    public func resume() throws(StorageError) {
        try state.withLock { (state) throws(StorageError) in
            if let failure = state.failure, !state.isRepaired { throw failure }
            state.failure = nil
        }
        try base.resume()
    }

    /// Closes the wrapped provider too. While broken down it throws after that: what was confirmed may not be durable.
    public func close() throws(StorageError) {
        let failure = state.withLock { $0.failure }
        try base.close()
        if let failure { throw failure }
    }

    // MARK: Faults

    private func draw(_ kind: FaultyCall, _ faults: KeyPath<FaultPlan, FaultPlan.Faults>?) -> Fate {
        let (number, plan, finished) = state.withLock { state in
            state.calls[kind.rawValue] += 1
            return (state.calls[kind.rawValue], state.plan, state.finishedWrites)
        }
        guard let faults else {
            return Fate(number: number, plan: plan, finishedWrites: finished, delayNanoseconds: 0, error: nil)
        }
        let drawn = plan[keyPath: faults]
        let fails =
            drawn.failing.contains(number) || drawn.failingEvery > 0 && number % drawn.failingEvery == 0
            || dice.happens(drawn.failureProbability, kind, number, 1)
        let delay: Int64 =
            switch drawn.delay {
            case .none: 0
            case .fixed(let nanoseconds): nanoseconds
            case .random(let limit): Int64(dice.bits(kind, number, 2) % UInt64(max(limit, 0) + 1))
            }
        return Fate(
            number: number, plan: plan, finishedWrites: finished, delayNanoseconds: delay,
            error: fails ? drawn.error : nil)
    }

    /// The delay, the gate, the error: in this order.
    private func begin(_ fate: Fate, _ gate: FaultyGate) throws(StorageError) {
        Clock.sleep(nanoseconds: fate.delayNanoseconds)
        pass(gate)
        if let error = fate.error { throw error }
    }

    private func pass(_ gate: FaultyGate) {
        let ticket: Int? = state.withLock { state in
            guard state.gates[gate.rawValue].isClosed else { return nil }
            state.gates[gate.rawValue].arrived += 1
            return state.gates[gate.rawValue].arrived
        }
        guard let ticket else { return }
        state.wakeAll()  // waitUntilHeld
        _ = state.wait { state in state.gates[gate.rawValue].released >= ticket ? true : nil }
    }

    private func isThrottled(_ fate: Fate, _ index: Int) -> Bool {
        dice.happens(fate.plan.throttleProbability, .read, fate.number, 16 + index)
    }

    private func letOthersPass(_ fate: Fate) {
        guard dice.happens(fate.plan.reorderProbability, .write, fate.number, 3) else { return }
        let others = 1 + Int(dice.bits(.write, fate.number, 4) % UInt64(max(fate.plan.reorderLimit, 1)))
        let target = fate.finishedWrites + others
        _ = state.wait(timeoutNanoseconds: fate.plan.reorderPatienceNanoseconds) { state in
            state.finishedWrites >= target ? true : nil
        }
    }

    private func throwIfBroken() throws(StorageError) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}

private final class FaultyCursor: StorageCursor {
    private let base: any StorageCursor
    private let owner: FaultyProvider

    init(_ base: any StorageCursor, _ owner: FaultyProvider) {
        self.base = base
        self.owner = owner
    }

    func next() throws(StorageError) -> (key: ByteSlice, value: ByteSlice)? { try owner.step(base) }
}
