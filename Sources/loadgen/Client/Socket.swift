import Bytes
import Glibc

/// Why the load generator can't go on.
struct LoadError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The system calls of a client socket.
enum Socket {
    /// A connected stream socket, blocking. Throws the system's reason.
    static func connect(_ target: Target) throws -> Int32 {
        switch target {
        case .unix(let path): return try connectUnix(path)
        case .tcp(let host, let port): return try connectTCP(host, port)
        }
    }

    private static func connectUnix(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard path.utf8.count <= room else { throw LoadError("socket path longer than \(room) bytes: \(path)") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { throw LoadError("socket: \(reason())") }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw LoadError("connect to \(path): \(reason())") }
        return fd
    }

    private static func connectTCP(_ host: String, _ port: UInt16) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0, let first = list else {
            throw LoadError("\(host): \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(first) }
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let info = next?.pointee {
            next = info.ai_next
            let fd = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
            guard fd >= 0 else { continue }
            if Glibc.connect(fd, info.ai_addr, info.ai_addrlen) == 0 {
                var on: Int32 = 1
                setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return fd
            }
            close(fd)
        }
        throw LoadError("connect to \(host):\(port): \(reason())")
    }

    static func setNonBlocking(_ fd: Int32) {
        let flags = fcntl(fd, F_GETFL)
        precondition(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) >= 0, "fcntl(\(fd)): \(reason())")
    }

    /// Sends all of `bytes` on a blocking socket.
    static func sendAll(_ fd: Int32, _ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let n = bytes.withSlice { send(fd, $0.base + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
            if n < 0 && errno == EINTR { continue }
            guard n > 0 else { throw LoadError("send: \(reason())") }
            sent += n
        }
    }

    /// Receives into `buffer` from a blocking socket. Throws at the end of the stream.
    static func receive(_ fd: Int32, into buffer: inout ByteBuffer) throws {
        let tail = buffer.writableTail(64 << 10)
        var n: Int
        repeat { n = recv(fd, tail.baseAddress, tail.count, 0) } while n < 0 && errno == EINTR
        guard n != 0 else { throw LoadError("the server closed the connection") }
        guard n > 0 else { throw LoadError("recv: \(reason())") }
        buffer.didAppend(n)
    }

    static func reason() -> String { String(cString: strerror(errno)) }
}
