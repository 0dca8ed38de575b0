import Platform
import Synchronization

/// What other threads have for a loop: jobs, and connections to resume. One lock, one wake-up for many.
///
/// The poller's eventfd is written only by the first who adds after the loop has emptied the inbox, and not by the loop
/// itself, which looks here at the end of every turn. Resuming allocates nothing: the connections form a list through
/// their own `inboxNext`; one that is on the list is not added twice.
final class Inbox: @unchecked Sendable {
    // @unchecked: everything but `signalled` and the immutable members is reached under `lock` only.
    private let lock: UnsafeMutablePointer<LockWord>
    private var jobs: [@Sendable () -> Void] = []
    private var first: Connection?
    private var last: Connection?
    /// Something has been added since the loop last looked.
    private let signalled = Atomic<Bool>(false)
    private let wakeUp: WakeUp

    init() throws(SystemError) {
        wakeUp = try WakeUp()
        lock = .allocate(capacity: 1)
        lock.initialize(to: LockWord())
    }

    deinit {
        lock.deinitialize(count: 1)
        lock.deallocate()
    }

    var descriptor: Int32 { wakeUp.descriptor }

    func add(_ job: @escaping @Sendable () -> Void, fromOwnLoop: Bool) {
        lock.pointee.lock()
        jobs.append(job)
        let isFirst = !signalled.exchange(true, ordering: .relaxed)
        lock.pointee.unlock()
        if isFirst, !fromOwnLoop { wakeUp.signal() }
    }

    func add(_ connection: Connection, fromOwnLoop: Bool) {
        lock.pointee.lock()
        if connection.isInInbox { return lock.pointee.unlock() }
        connection.isInInbox = true
        if let last { last.inboxNext = connection } else { first = connection }
        last = connection
        let isFirst = !signalled.exchange(true, ordering: .relaxed)
        lock.pointee.unlock()
        if isFirst, !fromOwnLoop { wakeUp.signal() }
    }

    /// Whether `drain` would find something. A relaxed load; what is missed now has written the eventfd.
    @inline(__always)
    var hasWork: Bool { signalled.load(ordering: .relaxed) }

    /// Takes everything.
    func drain(_ connections: inout [Connection]) -> [@Sendable () -> Void] {
        lock.pointee.lock()
        signalled.store(false, ordering: .relaxed)
        var next = first
        while let connection = next {
            connections.append(connection)
            connection.isInInbox = false
            next = connection.inboxNext
            connection.inboxNext = nil
        }
        first = nil
        last = nil
        let taken = jobs
        jobs = []
        lock.pointee.unlock()
        return taken
    }
}
