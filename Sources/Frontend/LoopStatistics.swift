import Synchronization

/// A counter with one writer, its loop; others read it. No locked instruction.
public struct LoopCounter: ~Copyable, Sendable {
    @usableFromInline let value = Atomic<Int>(0)

    @inlinable
    init() {}

    @inlinable
    public var current: Int { value.load(ordering: .relaxed) }

    @inlinable
    @inline(__always)
    borrowing func add(_ n: Int) {
        value.store(value.load(ordering: .relaxed) &+ n, ordering: .relaxed)
    }

    @inlinable
    borrowing func set(_ n: Int) { value.store(n, ordering: .relaxed) }
}

/// What a loop has done, for INFO. Readable from any thread; each counter for itself is right, together they are not a
/// cut.
public final class LoopStatistics: Sendable {
    public let connectionsReceived = LoopCounter()
    public let connectionsRejected = LoopCounter()
    public let bytesIn = LoopCounter()
    public let bytesOut = LoopCounter()
    public let wakeUps = LoopCounter()
    public let reads = LoopCounter()
    public let writes = LoopCounter()
    public let batches = LoopCounter()
    public let requests = LoopCounter()
    public let parks = LoopCounter()
    public let protocolErrors = LoopCounter()
    public let queryLimitDisconnections = LoopCounter()
    public let outputLimitDisconnections = LoopCounter()
    /// Memory of the buffer for replies, at the last tick.
    let writerBytes = LoopCounter()
    /// Memory of the loop's connections now.
    public let connectionBytes = LoopCounter()
    public let idleDisconnections = LoopCounter()
    /// Connections of the loop, those being handed over to it included. Other loops add to it.
    let clients = Atomic<Int>(0)

    public var currentClients: Int { clients.load(ordering: .relaxed) }

    init() {}
}
