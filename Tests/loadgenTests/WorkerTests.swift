import Bytes
import Glibc
import Platform
import Testing

@testable import loadgen

/// A worker whose server is the test itself, at the other end of a socket pair.
@Suite struct WorkerTests {
    /// YCSB's F: a key is read, and is written only when its reply has come.
    @Test func modifyReadsAKeyAndThenWritesIt() throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[1]) }
        // A worker that ends too soon closes its end; one that is silent ends by its plan.
        Socket.setNonBlocking(ends[0])
        let group = Group(
            name: "all", connections: 1, pace: .closed, pipeline: 1, mix: try #require(Mix(parsing: "modify")),
            chooser: KeyChooser(range: 0..<1_000_000, shape: .uniform), keysPerMget: 1, sequential: false)
        let plan = Plan(
            target: .tcp(host: "", port: 0), password: nil, threads: 1, groups: [group],
            keys: KeyPattern(prefix: Array("key:".utf8), width: 12),
            values: ValuePattern(size: 16, compressible: false), seed: 1,
            durationNanoseconds: 60_000_000_000, requests: 20, missesAreErrors: false, exactVersion: nil,
            drainNanoseconds: 1_000_000_000, stallNanoseconds: 60_000_000_000)
        let connection = Connection(fd: ends[0], id: 0, group: 0, seed: 1, requests: 20, inFlight: 1)
        let worker = Worker(plan: plan, connections: [connection], start: Clock.monotonicNanoseconds())
        let thread = Thread(name: "worker") { worker.run() }
        var asked: [(command: String, key: String)] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while asked.count < 20 {
            let count = recv(ends[1], &buffer, buffer.count, 0)
            guard count > 0 else { break }
            let words = String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\r\n")
            // One request and no more: the SET is not sent behind its GET.
            #expect(words.count { $0.hasPrefix("*") } == 1)
            asked.append((String(words[2]), String(words[4])))
            let reply = Array((words[2] == "GET" ? "$-1\r\n" : "+OK\r\n").utf8)
            #expect(send(ends[1], reply, reply.count, Int32(MSG_NOSIGNAL)) == reply.count)
        }
        thread.join()
        #expect(asked.count == 20)
        for at in stride(from: 0, to: asked.count - 1, by: 2) {
            #expect(asked[at].command == "GET" && asked[at + 1].command == "SET")
            #expect(asked[at].key == asked[at + 1].key)
        }
        #expect(Set(asked.map(\.key)).count == asked.count / 2)
        #expect(worker.tally.isClean && worker.tally.histogram(group: 0, .set)?.count == 10)
    }
}
