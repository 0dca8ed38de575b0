import CShims
import Glibc

// Sockets for a thread of its own that waits for its peer, but not for ever. The descriptors don't block; every wait
// has a deadline in nanoseconds of the monotonic clock, and running into it is the error ETIMEDOUT.

extension Socket {
    /// Connects to `host` and `port`.
    public static func connect(host: String, port: Int, deadline: Int64) throws(SystemError) -> Int32 {
        let text = "\(host):\(port)"
        return try open(host, port, passive: false, flags: nonBlocking, atMost: 1) {
            (fd, address) throws(SystemError) in
            if Glibc.connect(fd, address.ai_addr, address.ai_addrlen) == 0 { return }
            let failure = SystemError("connect", text)
            guard failure.errorNumber == EINPROGRESS else { throw failure }
            try wait(fd, for: Int16(POLLOUT), deadline: deadline)
            let status = pendingError(fd)
            if status != 0 { throw SystemError("connect", text, status) }
        }[0]
    }

    /// Sends all of the bytes.
    public static func sendAll(_ fd: Int32, _ bytes: [UInt8], deadline: Int64) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            // Bytes that are there have an address.
            let moved = bytes.withUnsafeBytes {
                send(fd, $0.baseAddress.unsafelyUnwrapped + sent, count: bytes.count - sent)
            }
            if moved.bytes > 0 {
                sent += moved.bytes
            } else if moved.wouldBlock {
                try wait(fd, for: Int16(POLLOUT), deadline: deadline)
            } else {
                throw SystemError("send", "", moved.errorNumber)
            }
        }
    }

    /// Receives what is there, at most 4 KiB, waiting for the first byte; none: the peer sends no more.
    public static func receiveSome(_ fd: Int32, deadline: Int64) throws(SystemError) -> [UInt8] {
        while true {
            var moved = Transfer(0)
            let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { room, count in
                // Room for 4096 bytes has an address.
                moved = receive(fd, into: room.baseAddress.unsafelyUnwrapped, room: 4096)
                count = max(0, moved.bytes)
            }
            if moved.bytes >= 0 { return bytes }
            guard moved.wouldBlock else { throw SystemError("recv", "", moved.errorNumber) }
            try wait(fd, for: Int16(POLLIN), deadline: deadline)
        }
    }

    private static func wait(_ fd: Int32, for events: Int16, deadline: Int64) throws(SystemError) {
        while true {
            let left = deadline - Clock.monotonicNanoseconds()
            guard left > 0 else { throw SystemError("poll", "", ETIMEDOUT) }
            var entry = pollfd(fd: fd, events: events, revents: 0)
            // Rounded up, or the last millisecond would be spent turning round.
            let status = poll(&entry, 1, Int32(clamping: left / 1_000_000 + 1))
            if status > 0 { return }
            if status < 0, errno != EINTR { throw SystemError("poll", "") }
        }
    }

    /// The error that a connection attempt came to; 0: none.
    private static func pendingError(_ fd: Int32) -> Int32 {
        var status: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &length) == 0 ? status : errno
    }
}

extension SystemError {
    /// A deadline has passed.
    public var isTimeout: Bool { errorNumber == ETIMEDOUT }
}
