import CShims
import Glibc

/// Stream sockets as descriptors: one function per system call.
public enum Socket {
    /// What `accept` came to.
    public enum Acceptance: Sendable {
        case connection(Int32, SocketAddress)
        case wouldBlock
        /// The peer went away before it was accepted: try the next.
        case gone
        /// No descriptors or memory are left: try later.
        case exhausted(errorNumber: Int32)
    }

    /// Receives up to `room` bytes. 0 bytes: the peer sends no more.
    @inlinable
    public static func receive(_ fd: Int32, into memory: UnsafeMutableRawPointer, room: Int) -> Transfer {
        let n = firn_receive(fd, memory, room)
        trapOnBug(n, "recv")
        return Transfer(n)
    }

    /// Sends up to `count` bytes; never raises SIGPIPE.
    @inlinable
    public static func send(_ fd: Int32, _ memory: UnsafeRawPointer, count: Int) -> Transfer {
        let n = firn_send(fd, memory, count)
        trapOnBug(n, "send")
        return Transfer(n)
    }

    /// Sends several runs of bytes with one call.
    public static func send(_ fd: Int32, gathered parts: UnsafeMutableBufferPointer<iovec>) -> Transfer {
        guard let base = parts.baseAddress else { return Transfer(0) }
        let n = firn_send_gathered(fd, base, parts.count)
        trapOnBug(n, "sendmsg")
        return Transfer(n)
    }

    /// Takes a waiting connection, non-blocking and closed on exec.
    public static func accept(_ listener: Int32) -> Acceptance {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let fd = firn_accept(listener, &storage, &length)
        if fd >= 0 { return .connection(fd, SocketAddress(storage)) }
        switch -fd {
        case EAGAIN: return .wouldBlock
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errorNumber: -fd)
        case EBADF, EFAULT, EINVAL, ENOTSOCK: preconditionFailure("accept4(\(listener)): errno \(-fd)")
        default: return .gone
        }
    }

    /// Closes the descriptor. An error of close leaves it closed all the same on Linux.
    public static func close(_ fd: Int32) { _ = Glibc.close(fd) }

    /// Ends the sending side.
    public static func finishSending(_ fd: Int32) { _ = shutdown(fd, Int32(SHUT_WR)) }

    /// Sends small packets at once. No effect on Unix sockets.
    public static func setNoDelay(_ fd: Int32) { set(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// Probes a silent peer after `seconds`, then three times at a third of that; 0 turns probing off.
    public static func setKeepAlive(_ fd: Int32, seconds: Int) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, seconds > 0 ? 1 : 0)
        guard seconds > 0 else { return }
        set(fd, Int32(IPPROTO_TCP), TCP_KEEPIDLE, Int32(clamping: seconds))
        set(fd, Int32(IPPROTO_TCP), TCP_KEEPINTVL, Int32(clamping: max(1, seconds / 3)))
        set(fd, Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
    }

    @discardableResult
    static func set(_ fd: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Int32 {
        var value = value
        return setsockopt(fd, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The local address of a socket.
    public static func localAddress(_ fd: Int32) -> SocketAddress {
        address { getsockname(fd, $0, $1) }
    }

    /// The peer's address.
    public static func peerAddress(_ fd: Int32) -> SocketAddress {
        address { getpeername(fd, $0, $1) }
    }

    private static func address(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        // A sockaddr is the head of every kind of socket address: that is what sockaddr_storage is made for.
        let status = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        return status == 0 ? SocketAddress(storage) : .unnamed
    }
}

/// Who is at the end of a socket.
public enum SocketAddress: Sendable, Equatable {
    /// An address in numbers and a port.
    case internet(host: String, port: Int, isLoopback: Bool, isVersion6: Bool)
    case unix(path: String)
    case unnamed

    init(_ storage: sockaddr_storage) {
        var storage = storage
        // The family says which address the storage holds; sockaddr_storage is large and aligned enough for all.
        self = withUnsafePointer(to: &storage) { pointer in
            let raw = UnsafeRawPointer(pointer)
            switch Int32(pointer.pointee.ss_family) {
            case AF_INET:
                var address = raw.load(as: sockaddr_in.self)
                let first = UInt32(bigEndian: address.sin_addr.s_addr) >> 24
                return .internet(
                    host: text(AF_INET, &address.sin_addr), port: Int(UInt16(bigEndian: address.sin_port)),
                    isLoopback: first == 127, isVersion6: false)
            case AF_INET6:
                var address = raw.load(as: sockaddr_in6.self)
                let host = text(AF_INET6, &address.sin6_addr)
                return .internet(
                    host: host, port: Int(UInt16(bigEndian: address.sin6_port)),
                    isLoopback: host == "::1" || host.hasPrefix("::ffff:127."), isVersion6: true)
            case AF_UNIX:
                let path = raw + (MemoryLayout<sockaddr_un>.offset(of: \sockaddr_un.sun_path) ?? 2)
                return .unix(path: String(cString: path.assumingMemoryBound(to: CChar.self)))
            default:
                return .unnamed
            }
        }
    }

    /// Whether the peer is on this machine.
    public var isLocal: Bool {
        switch self {
        case .internet(_, _, let isLoopback, _): isLoopback
        case .unix, .unnamed: true
        }
    }

    /// The port; 0 for a Unix socket.
    public var port: Int {
        if case .internet(_, let port, _, _) = self { port } else { 0 }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `host:port`, `[host]:port` for version 6, `path:0` for a Unix socket.
    public var description: String {
        switch self {
        case .internet(let host, let port, _, let isVersion6): isVersion6 ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "\(path):0"
        case .unnamed: "?:0"
        }
    }
}

private func text<Address>(_ family: Int32, _ address: inout Address) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { room in
        guard let base = room.baseAddress else { return "?" }
        let shown = withUnsafeBytes(of: &address) { inet_ntop(family, $0.baseAddress, base, 64) }
        return shown == nil ? "?" : String(cString: base)
    }
}
