import Commands

// Keys that a call asks for while it runs: see Commands/LateKeys.

extension LoopWorker {
    /// How often a call may ask for more keys before it holds the writers up. Two are usual: SORT asks for its BY keys,
    /// then for the GET keys of what it will reply; each more means that somebody has changed a value meanwhile.
    ///
    /// Someone who keeps changing the value could have the call ask for ever. So after these rounds commands that
    /// write wait at the gate (as during CLIENT PAUSE WRITE) until the call has run. What had passed the gate before
    /// ends, keys expire but once, and what the call has waited for stays pinned: from then on the rounds are few.
    private static let patience = 4

    func add(_ late: LateKeys, _ session: ClientSession) {
        late.rounds += 1
        context.pointee.late = late
        if late.rounds > Self.patience, !session.holdsWriters { holdWriters(session) }
    }

    /// Commands of others that write wait until this session's call has run.
    func holdWriters(_ session: ClientSession) {
        session.holdsWriters = true
        core.pause.hold()
    }

    func releaseWriters(_ session: ClientSession) {
        session.holdsWriters = false
        core.pause.release()
    }

    /// The call has run or is parked: what stays is with the parked call, and memory for many keys isn't kept.
    func dropLateKeys() {
        context.pointee.late = nil
        context.pointee.keys.trim()
        preparation.pointee.trim()
    }
}
