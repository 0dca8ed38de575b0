import Bytes
import Glibc
import Platform

/// What came of a plan.
struct Outcome {
    var tally: Tally
    /// From the first request to the last reply, or to the end of the time.
    var seconds: Double
    /// The generator's own CPU time while it ran.
    var userSeconds: Double
    var systemSeconds: Double
}

/// Connects, runs the workers, merges what they saw.
enum LoadRun {
    /// Runs `plan` to its end; `beside` runs on the calling thread meanwhile and may end it with `plan.stop`.
    /// It isn't told when the workers end: it must be bounded itself.
    static func run(_ plan: Plan, beside: () throws -> Void = {}) throws -> Outcome {
        let connections = try connect(plan)
        let before = cpuSeconds()
        let start = Clock.monotonicNanoseconds()
        let workers = (0..<plan.threads).map { thread in
            let own = connections.enumerated().filter { $0.offset % plan.threads == thread }.map(\.element)
            return Worker(plan: plan, connections: own, start: start)
        }
        let threads = workers.enumerated().map { at, worker in Thread(name: "load-\(at)") { worker.run() } }
        let besideResult = Result { try beside() }
        threads.forEach { $0.join() }
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        let after = cpuSeconds()
        var tally = Tally(groups: plan.groups.count, keepsSeconds: plan.timesSeconds)
        for worker in workers { tally.merge(worker.tally) }
        try besideResult.get()
        return Outcome(
            tally: tally, seconds: seconds, userSeconds: after.user - before.user,
            systemSeconds: after.system - before.system)
    }

    private static func connect(_ plan: Plan) throws -> [Connection] {
        let total = plan.groups.reduce(0) { $0 + $1.connections }
        var connections: [Connection] = []
        for (at, group) in plan.groups.enumerated() {
            for number in 0..<group.connections {
                let id = connections.count
                let fd = try Socket.connect(plan.target)
                if let password = plan.password { try authenticate(fd, password) }
                Socket.setNonBlocking(fd)
                let share = share(of: plan.requests, at: id, of: total)
                let connection = Connection(
                    fd: fd, id: id, group: at, seed: plan.seed, requests: share.end - share.start,
                    inFlight: group.pipeline)
                let keys = LoadRun.share(of: UInt64(group.chooser.range.count), at: number, of: group.connections)
                connection.cursor = group.chooser.range.lowerBound + keys.start
                connection.cursorEnd = group.chooser.range.lowerBound + keys.end
                if case .open(let rate, _) = group.pace {
                    connection.intervalNanoseconds = 1e9 * Double(group.connections) / rate
                }
                connections.append(connection)
            }
        }
        return connections
    }

    /// Part `at` of `count` equal parts of 0..<total.
    static func share(of total: UInt64, at: Int, of count: Int) -> (start: UInt64, end: UInt64) {
        func cut(_ n: Int) -> UInt64 {
            let product = total.multipliedFullWidth(by: UInt64(n))
            return UInt64(count).dividingFullWidth(product).quotient
        }
        return (cut(at), cut(at + 1))
    }

    static func authenticate(_ fd: Int32, _ password: String) throws {
        let count = password.utf8.count
        try Socket.sendAll(fd, Array("*2\r\n$4\r\nAUTH\r\n$\(count)\r\n\(password)\r\n".utf8))
        var input = ByteBuffer()
        while true {
            try Socket.receive(fd, into: &input)
            guard let reply = Reply.read(input.slice, at: 0) else { continue }
            guard reply.kind == .status else { throw LoadError("AUTH: \(reply.text)") }
            return
        }
    }

    private static func cpuSeconds() -> (user: Double, system: Double) {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return (seconds(usage.ru_utime), seconds(usage.ru_stime))
    }
}
