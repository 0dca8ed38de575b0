import CShims
import Glibc

extension Socket {
    /// Listening sockets for `host` and `port` (0: the system chooses), non-blocking. A name may stand for several
    /// addresses. `*` is every IPv4 address, `::*` every IPv6 address.
    ///
    /// With `sharesPort` other sockets of this process may bind the same address and the kernel spreads the
    /// connections (SO_REUSEPORT). Throws the last address' error if none could be bound.
    public static func listen(
        host: String, port: Int, backlog: Int, sharesPort: Bool
    ) throws(SystemError) -> [Int32] {
        let name = host == "*" ? "0.0.0.0" : host == "::*" ? "::" : host
        return try open(name, port, passive: true, flags: nonBlocking, atMost: .max) {
            (fd, address) throws(SystemError) in
            set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
            if sharesPort { set(fd, SOL_SOCKET, SO_REUSEPORT, 1) }
            if address.ai_family == AF_INET6 { set(fd, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
            guard bind(fd, address.ai_addr, address.ai_addrlen) == 0,
                Glibc.listen(fd, Int32(clamping: backlog)) == 0
            else { throw SystemError("bind", "\(host):\(port)") }
        }
    }

    /// A listening Unix socket at `path`; a socket left there is replaced. `permissions` 0 leaves the umask's.
    public static func listen(path: String, permissions: UInt32, backlog: Int) throws(SystemError) -> Int32 {
        let fd = socket(AF_UNIX, streamType | nonBlocking, 0)
        guard fd >= 0 else { throw SystemError("socket", path) }
        unlink(path)
        let bound = withUnixAddress(path) { bind(fd, $0, $1) } ?? -1
        if bound != 0 || Glibc.listen(fd, Int32(clamping: backlog)) != 0 {
            let error = SystemError("bind", path)
            close(fd)
            throw error
        }
        if permissions != 0, chmod(path, mode_t(permissions)) != 0 {
            let error = SystemError("chmod", path)
            close(fd)
            throw error
        }
        return fd
    }

    /// Connects to `host` and `port`, waiting for it; the descriptor blocks.
    public static func connect(host: String, port: Int) throws(SystemError) -> Int32 {
        try open(host, port, passive: false, flags: closeOnExec, atMost: 1) { (fd, address) throws(SystemError) in
            guard Glibc.connect(fd, address.ai_addr, address.ai_addrlen) == 0 else {
                throw SystemError("connect", "\(host):\(port)")
            }
        }[0]
    }

    /// Connects to the Unix socket at `path`; the descriptor blocks.
    public static func connect(path: String) throws(SystemError) -> Int32 {
        let fd = socket(AF_UNIX, streamType | closeOnExec, 0)
        guard fd >= 0 else { throw SystemError("socket", path) }
        let status = withUnixAddress(path) { Glibc.connect(fd, $0, $1) } ?? -1
        if status != 0 {
            let error = SystemError("connect", path)
            close(fd)
            throw error
        }
        return fd
    }

    static var streamType: Int32 { Int32(SOCK_STREAM.rawValue) }
    static var nonBlocking: Int32 { Int32(SOCK_NONBLOCK.rawValue) | closeOnExec }
    static var closeOnExec: Int32 { Int32(SOCK_CLOEXEC.rawValue) }

    /// Sockets for the addresses of `host` and `port` in their order, each made what it shall be by `prepare`, until
    /// there are `limit`. What `prepare` throws drops that address; without any socket the last such error is thrown.
    static func open(
        _ host: String, _ port: Int, passive: Bool, flags: Int32, atMost limit: Int,
        prepare: (Int32, addrinfo) throws(SystemError) -> Void
    ) throws(SystemError) -> [Int32] {
        let addresses = try resolve(host, port, passive: passive)
        defer { freeaddrinfo(addresses) }
        var opened: [Int32] = []
        var failure = SystemError(passive ? "bind" : "connect", "\(host):\(port)", EADDRNOTAVAIL)
        var next: UnsafeMutablePointer<addrinfo>? = addresses
        while let address = next, opened.count < limit {
            next = address.pointee.ai_next
            let fd = socket(address.pointee.ai_family, address.pointee.ai_socktype | flags, 0)
            guard fd >= 0 else {
                failure = SystemError("socket", "\(host):\(port)")
                continue
            }
            do throws(SystemError) {
                try prepare(fd, address.pointee)
                opened.append(fd)
            } catch {
                failure = error
                close(fd)
            }
        }
        if opened.isEmpty { throw failure }
        return opened
    }

    private static func resolve(
        _ host: String, _ port: Int, passive: Bool
    ) throws(SystemError) -> UnsafeMutablePointer<addrinfo> {
        var hints = addrinfo()
        hints.ai_socktype = streamType
        hints.ai_flags = passive ? AI_PASSIVE : 0
        var result: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &result)
        guard status == 0, let result else { throw SystemError("resolve", host, EADDRNOTAVAIL) }
        return result
    }

    /// Nil (and errno ENAMETOOLONG) if the path does not fit into a socket address.
    private static func withUnixAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return nil
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) {
            // A sockaddr_un begins with what sockaddr is.
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
