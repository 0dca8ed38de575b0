import Bytes
import Platform
import StorageFaulty
import Synchronization
import Testing

@testable import Histories
@testable import Server

/// Many connections on several loops push, wait, move, close and unblock at random, over a slow and reordering
/// provider, while everything is spilled again and again. Every element must come out once, and in order.
@Suite(.serialized) struct BlockingHistoryTests {
    /// What all threads share. An element's text is `list:producer:number`: of the list that it is pushed to.
    private final class History: Sendable {
        let port: Int
        let seed: UInt64
        let pushes: Int
        let producersLeft: Atomic<Int>
        let consumersLeft: Atomic<Int>
        /// For each consumer and each list that it took from: what it got, in order.
        let taken = Monitor<[[String]]>([])
        let pushed = Monitor<Set<String>>([])
        let problems = Monitor<[String]>([])
        let identifiers = Monitor<Set<Int>>([])
        let unblocks = Atomic<Int>(0)

        static let lists = ["q0", "q1", "q2"]
        static let producers = 3
        static let consumers = 7

        init(port: Int, seed: UInt64, pushes: Int) {
            self.port = port
            self.seed = seed
            self.pushes = pushes
            producersLeft = Atomic(Self.producers)
            consumersLeft = Atomic(Self.consumers)
        }

        func check(_ body: () throws -> Void) {
            do { try body() } catch { problems.withLock { $0.append("\(error)") } }
        }

        func produce(_ producer: Int) throws {
            var random = RandomSource(seed: seed &+ UInt64(producer))
            let client = try TestClient(port: port)
            var next = 0
            while next < pushes {
                var requests: [String] = []
                for _ in 0..<1 + random.index(below: 4) {
                    let list = Self.lists[random.index(below: Self.lists.count)]
                    let elements = (0..<1 + random.index(below: 3)).map { "\(list):\(producer):\(next + $0)" }
                    next += elements.count
                    pushed.withLock { $0.formUnion(elements) }
                    requests.append("rpush \(list) " + elements.joined(separator: " "))
                }
                for reply in try client.pipeline(requests) where reply.number == nil {
                    problems.withLock { $0.append("a push said \(reply)") }
                }
                if random.index(below: 8) == 0 { Clock.sleep(nanoseconds: Int64(random.index(below: 3_000_000))) }
            }
            producersLeft.subtract(1, ordering: .relaxed)
        }

        func consume(_ consumer: Int) throws {
            var random = RandomSource(seed: seed &+ 1_000 &+ UInt64(consumer))
            var client = try connect()
            var got: [String: [String]] = [:]
            var idle = 0
            // Until nothing has come for a while after the last push.
            while idle < 20 {
                let (request, from) = request(&random)
                try client.send(raw: TestClient.request(request))
                var reply: Reply?
                if random.index(below: 25) == 0 {
                    client.finishSending()
                    reply = try? client.read()
                    client = try connect()
                } else {
                    reply = try client.read()
                }
                switch reply {
                case nil, .null?: if producersLeft.load(ordering: .relaxed) == 0 { idle += 1 }
                case .array(let parts)? where parts.count == 2:
                    idle = 0
                    let elements = parts[1].elements.isEmpty ? [parts[1]] : parts[1].elements
                    got[parts[0].text ?? "?", default: []] += elements.compactMap(\.text)
                case .bulk? where from == "move": idle = 0
                case let reply?: problems.withLock { $0.append("\(request) said \(reply)") }
                }
            }
            taken.withLock { $0 += got.values }
            consumersLeft.subtract(1, ordering: .relaxed)
        }

        private func connect() throws -> TestClient {
            let client = try TestClient(port: port)
            let id = try client.ask("client id").number ?? 0
            identifiers.withLock { _ = $0.insert(id) }
            return client
        }

        private func request(_ random: inout RandomSource) -> ([String], from: String) {
            let time = "0.0\(random.index(below: 20))1"
            var lists = Self.lists.filter { _ in random.index(below: 2) == 0 } + ["r"]
            if random.index(below: 2) == 0 { lists.reverse() }
            switch random.index(below: 5) {
            case 0: return (["blmove", Self.lists[random.index(below: 3)], "r", "left", "right", time], "move")
            case 1:
                let count = "\(1 + random.index(below: 3))"
                return (["blmpop", time, "\(lists.count)"] + lists + ["left", "count", count], "pop")
            default: return (["blpop"] + lists + [time], "pop")
            }
        }

        /// Unblocks at random, and asks what sees all keys.
        func disturb() throws {
            var random = RandomSource(seed: seed &+ 2_000)
            let client = try TestClient(port: port)
            while consumersLeft.load(ordering: .relaxed) > 0 {
                let known = identifiers.withLock { Array($0.suffix(16)) }
                if !known.isEmpty {
                    let id = known[random.index(below: known.count)]
                    if try client.ask("client unblock \(id)") == 1 { unblocks.add(1, ordering: .relaxed) }
                }
                let requests = ["dbsize", "llen q0", "lrange r 0 -1", "exists q0 q1 q2 r"]
                for request in requests where random.index(below: 4) == 0 {
                    if try client.ask(request).isError { problems.withLock { $0.append("\(request) failed") } }
                }
                Clock.sleep(nanoseconds: Int64(random.index(below: 2_000_000)))
            }
        }

        /// What was taken and what is left, against what was pushed.
        func judge(left: [[String]]) {
            let sequences = taken.withLock { $0 } + left
            var seen = Set<String>()
            for element in sequences.joined() where !seen.insert(element).inserted {
                problems.withLock { $0.append("\(element) came twice") }
            }
            let lost = pushed.withLock { $0 }.subtracting(seen)
            if !lost.isEmpty { problems.withLock { $0.append("\(lost.count) lost, as \(lost.prefix(3))") } }
            for sequence in sequences {
                var last: [Substring: Int] = [:]
                for element in sequence {
                    let split = element.lastIndex(of: ":") ?? element.startIndex
                    let number = Int(element[split...].dropFirst()) ?? -1
                    if let before = last.updateValue(number, forKey: element[..<split]), before > number {
                        problems.withLock { $0.append("\(element) came behind \(before)") }
                    }
                }
            }
        }
    }

    @Test(arguments: [1, 3]) func everyElementComesOnceAndInOrder(loops: Int) throws {
        let operations = Run.operations(3_000)
        Run.announce("everyElementComesOnceAndInOrder on \(loops) loops", operations)
        let server = try TestServer(threads: loops, isTiered: true, budget: 4 << 20)
        // The provider errs in other histories: here nothing may be lost, and a push that fails is.
        var plan = FaultPlan.nasty
        plan.read.failureProbability = 0
        plan.write.failureProbability = 0
        server.provider?.plan = plan
        let history = History(port: server.port, seed: Run.seed, pushes: operations / History.producers)
        var threads: [Thread] = []
        for producer in 0..<History.producers {
            threads.append(Thread(name: "producer") { history.check { try history.produce(producer) } })
        }
        for consumer in 0..<History.consumers {
            threads.append(Thread(name: "consumer") { history.check { try history.consume(consumer) } })
        }
        threads.append(Thread(name: "disturber") { history.check { try history.disturb() } })
        server.whileSpilling(everyNanoseconds: 500_000) { for thread in threads { thread.join() } }
        let client = try server.connect()
        let left = try (History.lists + ["r"]).map { try client.ask("lrange \($0) 0 -1").elements.compactMap(\.text) }
        history.judge(left: left)
        let problems = history.problems.withLock { $0 }
        for problem in problems.prefix(10) { Issue.record("FIRN_SEED=\(Run.seed): \(problem)") }
        let taken = history.taken.withLock { $0.reduce(0) { $0 + $1.count } }
        print("  \(taken) taken, \(left.joined().count) left, \(history.unblocks.load(ordering: .relaxed)) unblocked")
        server.expectNoTraces()
    }
}
