import Bytes
import Frontend
import Glibc
import Platform
import RESP
import Synchronization
import Testing

final class EchoConnection: Connection, @unchecked Sendable {
    // @unchecked: as its superclass says; what is added here is
    // its loop's alone.
    var executed = 0
    var wasDelayed = false
}

/// Answers `PING`, `ECHO x`, `SIZE x`, `BIG n`, `QUIT`, `NAP` (parked, resumed by another thread after a while),
/// `STUCK` (parked for ever), `SEQ n` (must come in order). Whatever `NAP` meets is tried again.
final class EchoService: FrontendService {
    let napper: Napper
    let closedCount = Atomic<Int>(0)
    let openedCount = Atomic<Int>(0)
    let errors = Atomic<Int>(0)
    let closesHalfClosed: Bool

    init(closesHalfClosed: Bool = false) {
        napper = Napper()
        self.closesHalfClosed = closesHalfClosed
    }

    func makeConnection(_ seed: consuming ConnectionSeed) -> Connection { EchoConnection(seed) }
    func opened(_ connection: Connection) { openedCount.wrappingAdd(1, ordering: .relaxed) }
    func closed(_ connection: Connection, holding bytes: Int) { closedCount.wrappingAdd(1, ordering: .relaxed) }
    func protocolError(_ connection: Connection, _ error: ProtocolError) { errors.wrappingAdd(1, ordering: .relaxed) }
    func peerClosed(_ connection: Connection) -> Bool { closesHalfClosed }

    func execute(
        _ connection: Connection, _ batch: UnsafeMutablePointer<RequestBatch>, reply: UnsafeMutablePointer<ReplyWriter>
    ) -> BatchOutcome {
        guard let connection = connection as? EchoConnection else { return .completed }
        for index in 0..<batch.pointee.count {
            let arguments = batch.pointee.arguments(of: index)
            switch arguments[0].string.uppercased() {
            case "PING": reply.pointee.simple("PONG")
            case "ECHO": reply.pointee.bulk(arguments[1])
            case "SIZE": reply.pointee.integer(arguments[1].count)
            case "BIG":
                let block = SharedBytes(uninitializedCount: Int(arguments[1].string) ?? 0)
                block.withUnsafeMutableBytes { $0.update(repeating: 0x78, count: block.count) }
                reply.pointee.bulk(shared: block)
            case "QUIT":
                reply.pointee.ok()
                connection.closeAfterReply = true
                return .completed
            case "NAP" where !connection.wasDelayed:
                connection.wasDelayed = true
                napper.nap(connection, microseconds: Int(arguments[1].string) ?? 0)
                return .parked(atRequest: index)
            case "NAP":
                connection.wasDelayed = false
                reply.pointee.bulk("rested" as StaticString)
            case "STUCK": return .parked(atRequest: index)
            default: reply.pointee.error("ERR unknown")
            }
            connection.executed += 1
        }
        return .completed
    }
}

/// Resumes connections from a thread of its own: at once (often before the park is complete) or after a while.
final class Napper: Sendable {
    private let queue = Monitor<(jobs: [(Connection, Int)], done: Bool)>(([], false))

    private let thread: Thread

    init() {
        let queue = queue
        thread = Thread(name: "napper") {
            while let job = queue.wait({ state -> (Connection, Int)?? in
                if let job = state.jobs.popLast() { return .some(job) }
                return state.done ? .some(nil) : nil
            }) ?? nil {
                Clock.sleep(nanoseconds: Int64(job.1) * 1000)
                job.0.loop.resume(job.0)
            }
        }
    }

    func nap(_ connection: Connection, microseconds: Int) {
        queue.withLock { $0.jobs.append((connection, microseconds)) }
        queue.wakeOne()
    }

    func finish() {
        queue.withLock { $0.done = true }
        queue.wakeAll()
        thread.join()
    }
}

/// A group over loopback with an `EchoService`, stopped when it goes away.
final class EchoServer {
    let service: EchoService
    let group: LoopGroup

    init(
        threads: Int = 2, closesHalfClosed: Bool = false, unixPath: String? = nil,
        _ change: (inout FrontendSettings) -> Void = { _ in }
    ) throws {
        service = EchoService(closesHalfClosed: closesHalfClosed)
        var configuration = FrontendConfiguration()
        configuration.threads = threads
        configuration.addresses = ["127.0.0.1"]
        configuration.port = 0
        configuration.unixSocketPath = unixPath
        configuration.unixSocketPermissions = unixPath == nil ? 0 : 0o700
        var settings = FrontendSettings()
        change(&settings)
        group = try LoopGroup(configuration, settings: settings, service: service)
        group.start()
    }

    deinit {
        group.stop()
        service.napper.finish()
    }

    func connect() throws -> Client { Client(try Socket.connect(host: "127.0.0.1", port: group.port)) }

    /// Waits for a condition that must come true; false after ten seconds.
    func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<10_000 {
            if condition() { return true }
            Clock.sleep(nanoseconds: 1_000_000)
        }
        return false
    }
}

/// A blocking client that gives up a read after ten seconds.
final class Client: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { Socket.close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes {
                // `done < count`: the array isn't empty, so it has an address.
                Socket.send(descriptor, $0.baseAddress.unsafelyUnwrapped + done, count: bytes.count - done)
            }
            if n.bytes <= 0 { return }
            done += n.bytes
        }
    }

    /// Up to `count` bytes; fewer if the server closed.
    func receive(_ count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let n = result.withUnsafeMutableBytes {
                // `done < count`: as above.
                Socket.receive(descriptor, into: $0.baseAddress.unsafelyUnwrapped + done, room: count - done)
            }
            if n.bytes <= 0 { break }
            done += n.bytes
        }
        return Array(result.prefix(done))
    }

    func text(_ count: Int) -> String { String(decoding: receive(count), as: UTF8.self) }

    /// Whether what was asked gives exactly `answer`.
    func ask(_ request: String, _ answer: String) -> Bool {
        send(request)
        return text(answer.utf8.count) == answer
    }

    /// Everything until the server closes.
    func rest() -> String { String(decoding: receive(1 << 20), as: UTF8.self) }
}
