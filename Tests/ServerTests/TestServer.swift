import Bytes
import Configuration
import Keyspace
import Platform
import Server
import Storage
import StorageFaulty
import StorageMemory
import Telemetry
import Testing
import Tiering

/// A server in this process on a port of its own, over loopback; stopped when it goes away.
final class TestServer {
    let core: ServerCore
    /// What the tier writes to, if there is one: faults and gates.
    let provider: FaultyProvider?

    /// - Parameters:
    ///   - directives: as on the command line, `["--requirepass", "secret"]`.
    ///   - isTiered: over a memory provider.
    ///   - budget: of RAM, where it is tiered.
    init(
        _ directives: [String] = [], threads: Int = 2, isTiered: Bool = false, budget bytes: Int = 64 << 20
    ) throws {
        let arguments = ["--bind", "127.0.0.1", "--server-threads", "\(threads)"] + directives
        guard case .serve(let configuration, _) = ServerArguments.parse(arguments) else {
            throw Refused(arguments: arguments)
        }
        let settings = configuration.current
        let log = Log(level: .nothing)
        var parts: ServerCore.Parts
        if isTiered {
            let provider = FaultyProvider(MemoryProvider(), seed: 1)
            let store = KeyspaceStore(
                databases: settings.databases, placement: Placement(seed: SipHash(k0: 1, k1: 2)), hasProvider: true)
            let budget = MemoryBudget(maximum: bytes)
            let tier = Tier(store: store, provider: provider, settings: TierSettings(budget: budget, readThreads: 4))
            parts = ServerCore.Parts(store: store, tier: tier, directory: nil)
            self.provider = provider
        } else {
            parts = try KeyspaceStartup.open(settings, log: log)
            provider = nil
        }
        core = ServerCore(configuration: configuration, log: log, parts: parts)
        try core.start(onAnyPort: true)
    }

    struct Refused: Error { let arguments: [String] }

    deinit {
        // Calls held at a gate would keep the provider's threads from ending.
        provider?.releaseReads()
        provider?.releaseWrites()
        core.stop()
    }

    var port: Int { core.loops.port }

    func connect() throws -> TestClient { try TestClient(port: port) }

    /// Connections on every loop: clients until each loop has one.
    func connectToAllLoops() throws -> [TestClient] {
        var clients: [TestClient] = []
        for _ in 0..<100 {
            clients.append(try connect())
            try clients[clients.count - 1].call("ping")
            let mine = Set(clients.map(\.address))
            let loops = core.loops.loops.filter { $0.connections().contains { mine.contains("\($0.peerAddress)") } }
            if loops.count == core.loops.loops.count { return clients }
        }
        Issue.record("no connection on some loops")
        return clients
    }

    /// CONFIG SET, without the command.
    func set(_ name: String, _ value: String) -> ConfigurationStore.Change {
        core.configuration.set([(Array(name.utf8), Array(value.utf8))])
    }

    /// Drops everything that is in RAM: what was written is cold then.
    func makeCold() throws { try core.tier?.spillEverything(keepsClean: false) }
}

/// Waits for what must come true; false after ten seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<2_000 {
        if try condition() { return true }
        Clock.sleep(nanoseconds: 5_000_000)
    }
    return false
}
