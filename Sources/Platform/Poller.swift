import CShims
import Glibc

/// An epoll set with the buffer its events are reported in. Owned by one thread.
public struct Poller: ~Copyable {
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        @inlinable
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let readable = Interest(rawValue: 0x001)
        public static let writable = Interest(rawValue: 0x004)
        public static let failed = Interest(rawValue: 0x008)
        public static let hungUp = Interest(rawValue: 0x010)
        /// The peer has shut down its sending side.
        public static let peerClosed = Interest(rawValue: 0x2000)
        /// Report a condition when it arises, not as long as it lasts.
        public static let edgeTriggered = Interest(rawValue: 1 << 31)
    }

    @usableFromInline let descriptor: Int32
    @usableFromInline let events: UnsafeMutablePointer<epoll_event>
    @usableFromInline let room: Int32

    /// A set that reports up to `room` events per wait.
    public init(room: Int) throws(SystemError) {
        descriptor = epoll_create1(Int32(O_CLOEXEC))
        events = .allocate(capacity: room)
        self.room = Int32(room)
        if descriptor < 0 { throw SystemError("epoll_create1", "") }
    }

    deinit {
        close(descriptor)
        events.deallocate()
    }

    /// Watches `fd`; its events carry `token`.
    public borrowing func add(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
        try control(1, fd, token, interest)
    }

    /// Changes what is watched of `fd`.
    public borrowing func modify(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
        try control(3, fd, token, interest)
    }

    private borrowing func control(
        _ operation: Int32, _ fd: Int32, _ token: UInt64, _ interest: Interest
    ) throws(SystemError) {
        let status = firn_epoll_control(descriptor, operation, fd, interest.rawValue, token)
        precondition(status != EBADF && status != EEXIST, "epoll_ctl(\(operation), \(fd)): errno \(status)")
        if status != 0 { throw SystemError("epoll_ctl", "fd \(fd)", status) }
    }

    /// Waits up to `timeoutMilliseconds` (< 0: without limit); the number of events. A signal ends the wait with 0.
    @inlinable
    public borrowing func wait(timeoutMilliseconds: Int32) -> Int {
        let n = firn_epoll_wait(descriptor, events, room, timeoutMilliseconds)
        precondition(n >= 0, "epoll_wait: errno \(-n)")
        return Int(n)
    }

    /// The token of event `index` of the last wait.
    @inlinable
    public borrowing func token(_ index: Int) -> UInt64 { firn_event_token(events + index) }

    /// What happened in event `index` of the last wait.
    @inlinable
    public borrowing func flags(_ index: Int) -> Interest { Interest(rawValue: firn_event_flags(events + index)) }
}

/// An eventfd that wakes a poller. Added edge-triggered, so that nobody has to read it.
public struct WakeUp: ~Copyable, Sendable {
    public let descriptor: Int32

    public init() throws(SystemError) {
        descriptor = eventfd(0, Int32(O_CLOEXEC | O_NONBLOCK))
        if descriptor < 0 { throw SystemError("eventfd", "") }
    }

    deinit { close(descriptor) }

    /// Wakes the poller, from any thread.
    public borrowing func signal() { firn_eventfd_signal(descriptor) }
}
