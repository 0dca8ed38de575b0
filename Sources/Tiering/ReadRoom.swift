import Keyspace

/// Room in the queue that is set aside for reads which a call is about to request; see FaultQueue. What of it isn't
/// used goes back when this goes.
public struct ReadRoom: ~Copyable, Sendable {
    let line: FaultLine
    /// For how many.
    public private(set) var reads: Int
    private let faultIn: FaultIn

    init(_ line: FaultLine, _ reads: Int, _ faultIn: FaultIn) {
        self.line = line
        self.reads = reads
        self.faultIn = faultIn
    }

    /// All of it is accounted for: nothing goes back.
    mutating func use() { reads = 0 }

    deinit { if reads > 0 { faultIn.giveBack(reads, line) } }
}

/// A call that has keys read, and may have to wait before it can ask for them.
open class ReadWaiter: FaultWaiter, @unchecked Sendable {
    // @unchecked: as FaultWaiter; who grants the room writes it before `arm`, from then on it is the call's.

    /// What it has got for its next reads.
    public var room: ReadRoom?
}
