import Bytes
import Platform

/// A connection to another server, used by one migration at a time.
final class MigrationLink: @unchecked Sendable {
    // @unchecked: whoever has taken it from the cache is its only user.
    private let fd: Int32
    /// The database that is selected at the other end; nil: unknown.
    var database: Int?
    private var received: [UInt8] = []
    /// Whether it was used before.
    fileprivate(set) var isReused = false
    /// When it was put into the cache, nanoseconds of the monotonic clock.
    fileprivate var idleSince: Int64 = 0

    /// An answer is one line, and an error text the longest.
    private static let longestLine = 64 << 10

    init(host: String, port: Int, deadline: Int64) throws(SystemError) {
        fd = try Socket.connect(host: host, port: port, deadline: deadline)
        Socket.setNoDelay(fd)
        database = nil
    }

    deinit { Socket.close(fd) }

    func send(_ bytes: [UInt8], deadline: Int64) throws(SystemError) {
        try Socket.sendAll(fd, bytes, deadline: deadline)
    }

    /// The next line, without its end; nil: the other end sends no more.
    func line(deadline: Int64) throws(SystemError) -> [UInt8]? {
        while true {
            if let end = received.firstIndex(of: 0x0a) {
                let line = Array(received[..<end].last == 0x0d ? received[..<(end - 1)] : received[..<end])
                received.removeFirst(end + 1)
                return line
            }
            guard received.count < Self.longestLine else { return nil }
            let more = try Socket.receiveSome(fd, deadline: deadline)
            guard !more.isEmpty else { return nil }
            received += more
        }
    }
}

/// Connections that MIGRATE has used and may want again soon.
final class MigrationLinks: Sendable {
    private let cached = Monitor<[String: MigrationLink]>([:])
    private static let capacity = 64
    private static let lifetimeNanoseconds: Int64 = 10_000_000_000

    var count: Int { cached.withLock { $0.count } }

    func take(_ host: String, _ port: Int) -> MigrationLink? {
        let link = cached.withLock { $0.removeValue(forKey: "\(host):\(port)") }
        link?.isReused = true
        return link
    }

    func put(_ link: MigrationLink, _ host: String, _ port: Int) {
        link.idleSince = Clock.monotonicNanoseconds()
        cached.withLock { cached in
            if cached.count >= Self.capacity, let oldest = cached.min(by: { $0.value.idleSince < $1.value.idleSince }) {
                cached[oldest.key] = nil
            }
            cached["\(host):\(port)"] = link
        }
    }

    /// Closes those that nobody has wanted for a while.
    func tick() {
        let limit = Clock.monotonicNanoseconds() - Self.lifetimeNanoseconds
        cached.withLock { cached in cached = cached.filter { $0.value.idleSince > limit } }
    }
}
