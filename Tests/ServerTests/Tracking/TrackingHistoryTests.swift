import Bytes
import Platform
import Server
import StorageFaulty
import Synchronization
import Testing

@testable import Histories

/// A client that caches what it reads and honours messages, as client libraries do it.
private final class CachingClient: @unchecked Sendable {
    // @unchecked: one thread at a time uses it.
    let client: TestClient
    private var random: RandomSource
    /// Nil for a key that didn't exist.
    private(set) var cache: [String: String?] = [:]
    private(set) var messages = 0
    private(set) var hits = 0
    private let optsIn: Bool

    init(_ server: TestServer, _ options: [String], seed: UInt64) throws {
        client = try server.connect()
        random = RandomSource(seed: seed)
        optsIn = options.contains("optin")
        try client.call("hello", "3")
        try client.call(["client", "tracking", "on"] + options)
    }

    private func receive(_ reply: Reply) -> Bool {
        guard case .push(let parts) = reply else { return false }
        messages += 1
        if parts[1] == .null { cache = [:] }
        for key in parts[1].elements { cache[key.text ?? ""] = nil as String?? }
        return true
    }

    private func reply() throws -> Reply {
        while true {
            let next = try client.read()
            if !receive(next) { return next }
        }
    }

    private func request(_ words: [String]) throws -> Reply {
        try client.send(raw: TestClient.request(words))
        return try reply()
    }

    /// Reads some keys, changes one now and then.
    func act(_ keys: [String]) throws {
        let some = (0..<Int.random(in: 1...3, using: &random)).map { _ in keys.randomElement(using: &random) ?? "" }
        let wanted = some.filter { cache[$0] == nil }
        hits += some.count - wanted.count
        if !wanted.isEmpty {
            // Now and then in a pipeline with something else; CACHING counts for the one command behind it.
            if optsIn { _ = try request(["client", "caching", "yes"]) }
            let values = try request(["mget"] + wanted)
            for (key, value) in zip(wanted, values.elements) { cache[key] = .some(value.text) }
        }
        if Int.random(in: 0..<10, using: &random) == 0 {
            let key = keys.randomElement(using: &random) ?? ""
            // What a client changes itself it knows, with NOLOOP it is told nothing of it.
            cache[key] = nil as String??
            _ = try request(["set", key, "own\(random.next())"])
        }
    }

    /// Takes all that was sent before now.
    func catchUp() throws { _ = try request(["ping"]) }
}

/// Histories in which everything that can change a key does so, on both tiers, while clients cache. Whenever the
/// writers rest, no client may hold a value that isn't the key's.
@Suite struct TrackingHistoryTests {
    private static let rounds = Run.operations(15)

    @Test func inMemory() throws {
        try Self.run(TestServer(["--maxmemory-policy", "allkeys-lru"], threads: 3), evicts: true)
    }

    @Test func overFlash() throws {
        let server = try TestServer(threads: 3, isTiered: true, budget: 4 << 20)
        var plan = FaultPlan.nasty
        plan.read.failureProbability = 0
        plan.write.failureProbability = 0
        plan.throttleProbability = 0
        server.provider?.plan = plan
        try Self.run(server, evicts: false)
        #expect(server.provider.map { $0.callCount(.read) } ?? 0 > 0)
    }

    private static func run(_ server: TestServer, evicts: Bool) throws {
        Run.announce("tracking histories", rounds)
        let keys = (0..<40).map { "k\($0)" }
        let modes: [[String]] = [[], ["noloop"], ["bcast"], ["bcast", "prefix", "k"], ["optin"], ["bcast", "noloop"]]
        let caching = try modes.enumerated().map { number, mode in
            try CachingClient(server, mode, seed: Run.seed &+ UInt64(number))
        }
        let judge = try server.connect()
        // Threads use its constants only.
        nonisolated(unsafe) let server = server
        for round in 0..<rounds {
            let rest = Atomic<Bool>(false)
            let failures = Monitor<[String]>([])
            @Sendable func guarded(_ body: () throws -> Void) {
                do { try body() } catch { failures.withLock { $0.append("\(error)") } }
            }
            let readers = caching.map { reader in
                Thread(name: "reader") { guarded { while !rest.load(ordering: .relaxed) { try reader.act(keys) } } }
            }
            let writers = (0..<3).map { number in
                Thread(name: "writer") {
                    guarded {
                        try write(server, keys, evicts: evicts, seed: Run.seed &+ UInt64(round * 100 + number))
                    }
                }
            }
            for thread in writers { thread.join() }
            rest.store(true, ordering: .relaxed)
            for thread in readers { thread.join() }
            #expect(failures.withLock { $0 } == [], "FIRN_SEED=\(Run.seed) round \(round)")
            // Reading them for the judge expires what is past due; then everybody hears of all there is to hear.
            let values = try judge.call(["mget"] + keys).elements.map(\.text)
            for (number, client) in caching.enumerated() {
                try client.catchUp()
                for (key, value) in zip(keys, values) {
                    guard let cached = client.cache[key] else { continue }
                    if cached != value {
                        let held = "client \(modes[number]) holds \(cached ?? "nil") for \(key)"
                        Issue.record("FIRN_SEED=\(Run.seed) round \(round): \(held), which is \(value ?? "nil")")
                        return
                    }
                }
            }
        }
        #expect(caching.allSatisfy { $0.messages > 0 && $0.hits > 0 })
    }

    /// Changes keys in every way there is.
    private static func write(_ server: TestServer, _ keys: [String], evicts: Bool, seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let client = try server.connect()
        for step in 0..<60 {
            let key = keys.randomElement(using: &random) ?? ""
            let other = keys.randomElement(using: &random) ?? ""
            let words: [String]
            switch Int.random(in: 0..<40, using: &random) {
            case 0..<12: words = ["set", key, "v\(seed).\(step)\(String(repeating: "x", count: step * 20))"]
            case 12..<16: words = ["append", key, "+"]
            case 16..<20: words = ["del", key, other]
            case 20..<24: words = ["set", key, "v\(seed).\(step)", "px", "\(Int.random(in: 1...20, using: &random))"]
            case 24..<26: words = ["pexpire", key, "\(Int.random(in: 1...20, using: &random))"]
            case 26..<28: words = ["rename", key, other]
            case 28..<30: words = ["copy", key, other, "replace"]
            case 30: words = ["flushdb", "async"]
            case 31: words = ["swapdb", "0", "1"]
            case 32: words = ["getdel", key]
            case 33: words = ["mset", key, "a\(step)", other, "b\(step)"]
            case 34: words = ["flushall", "sync"]
            default:
                if evicts {
                    // Everything goes, then there is room again.
                    try client.call("config", "set", "maxmemory", "1")
                    try client.call("ping")
                    words = ["config", "set", "maxmemory", "0"]
                } else {
                    try server.makeCold()
                    words = ["get", key]
                }
            }
            try client.call(words)
        }
        if evicts { try client.call("config", "set", "maxmemory", "0") }
    }
}
