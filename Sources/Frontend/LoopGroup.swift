import Platform
import Synchronization

/// The event loops of a server and what they share: settings, the count of clients, identifiers.
public final class LoopGroup: @unchecked Sendable {
    // @unchecked: `loops` and `threads` are written by the thread that makes, starts and stops the group; loops read
    // `loops` only after the start. The rest is atomic or a monitor.

    public private(set) var loops: [EventLoop] = []
    private let boundPort = Atomic<Int>(0)
    public let configuration: FrontendConfiguration
    /// Whether loops leave their memory for replies as large as it has become, so that what the process takes stays
    /// put: for tests.
    public let keepsReplyMemory = Atomic<Bool>(false)
    private var threads: [Thread] = []
    private let current: Monitor<FrontendSettings>
    private let clients = Atomic<Int>(0)
    private let lastIdentifier = Atomic<Int>(0)
    private var hasStopped = false

    /// Binds all addresses; nothing is accepted before `start`.
    public init(
        _ configuration: FrontendConfiguration, settings: FrontendSettings, service: any FrontendService
    ) throws(SystemError) {
        precondition(configuration.threads > 0, "\(configuration.threads) loops")
        self.configuration = configuration
        current = Monitor(settings)
        var bound = try Listeners(configuration, asksFirst: true)
        boundPort.store(bound.port, ordering: .relaxed)
        for index in 0..<configuration.threads {
            loops.append(
                try EventLoop(
                    index: index, group: self, service: service, settings: settings, listeners: bound.take(index)))
        }
    }

    /// Starts the loops' threads. Once.
    public func start() {
        precondition(threads.isEmpty, "started twice")
        for loop in loops {
            threads.append(
                Thread(name: "loop-\(loop.index)", core: configuration.pinsThreads ? loop.index : nil) { loop.run() })
        }
    }

    /// Stops accepting, sends what can be sent without waiting, closes all connections, ends the threads. Not from a
    /// loop.
    public func stop() {
        if hasStopped { return }
        hasStopped = true
        for loop in loops { loop.post { loop.stop() } }
        for thread in threads { thread.join() }
        // A loop that ended first may have been handed a connection by one that ended later.
        for loop in loops { loop.closeAll() }
        if let path = configuration.unixSocketPath { try? FileSystem.remove(path) }  // gone or not ours: nothing to do
    }

    /// Any thread: the TCP port that is bound; 0 without TCP.
    public var port: Int { boundPort.load(ordering: .relaxed) }

    /// Listens on other addresses or another port; connections stay. One call at a time. Throws without a change if
    /// they can't be bound.
    public func listen(on addresses: [String], port: Int) throws(SystemError) {
        var wanted = configuration
        wanted.addresses = addresses
        wanted.port = port
        wanted.unixSocketPath = nil
        // On the port that is ours already, our own listeners would be taken for another server.
        var bound = try Listeners(wanted, asksFirst: port != self.port)
        boundPort.store(bound.port, ordering: .relaxed)
        for (index, loop) in loops.enumerated() {
            let listeners = bound.take(index)
            loop.post { loop.replaceListeners(listeners) }
        }
    }

    /// Any thread: the settings as last applied.
    public var settings: FrontendSettings { current.withLock { $0 } }

    /// Any thread: changes the settings; each loop uses the new ones from its next turn on.
    public func update(_ change: (inout FrontendSettings) -> Void) {
        current.withLock { settings in
            change(&settings)
            let changed = settings
            for loop in loops { loop.post { loop.core.pointee.apply(changed) } }
        }
    }

    /// Any thread: connections of all loops.
    public var clientCount: Int { clients.load(ordering: .relaxed) }

    /// Any thread: all connections now, loop by loop. O(n).
    public func connections() -> [Connection] { loops.flatMap { $0.connections() } }

    /// Any thread: the connection with this identifier. O(n).
    public func connection(id: Int) -> Connection? {
        for loop in loops {
            if let found = loop.connections().first(where: { $0.id == id }) { return found }
        }
        return nil
    }

    /// Any thread: the sum of one statistic over all loops, as in `total { $0.requests.current }`.
    public func total(_ statistic: (LoopStatistics) -> Int) -> Int {
        loops.reduce(0) { $0 + statistic($1.statistics) }
    }

    // MARK: For the loops

    func nextIdentifier() -> Int { lastIdentifier.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Counts one more client unless there are `limit`.
    func claimClient(limit: Int) -> Bool {
        if clients.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
        releaseClient()
        return false
    }

    func releaseClient() { clients.wrappingSubtract(1, ordering: .relaxed) }

    /// Where a connection that `accepting` has accepted is to live: the first loop that has not got its minimum, else
    /// the one with the fewest, else where it came.
    func loop(for accepting: EventLoop, _ settings: FrontendSettings) -> EventLoop {
        if settings.minimumClientsPerThread > 0 {
            for loop in loops where loop.statistics.currentClients < settings.minimumClientsPerThread { return loop }
        }
        guard settings.balancesActiveClients else { return accepting }
        var best = accepting
        for loop in loops where loop.statistics.currentClients < best.statistics.currentClients { best = loop }
        return best
    }
}

/// The sockets of all loops, bound before the first loop runs.
private struct Listeners {
    private var perLoop: [[Int32]]
    private(set) var port = 0

    /// `asksFirst`: fail if another server has the port.
    init(_ configuration: FrontendConfiguration, asksFirst: Bool) throws(SystemError) {
        perLoop = Array(repeating: [], count: configuration.threads)
        port = configuration.port
        do {
            for entry in configuration.addresses { try bind(entry, configuration, asksFirst) }
            if let path = configuration.unixSocketPath {
                perLoop[0].append(
                    try Socket.listen(
                        path: path, permissions: configuration.unixSocketPermissions, backlog: configuration.backlog))
            }
        } catch {
            closeAll()
            throw error
        }
        if configuration.addresses.isEmpty { port = 0 }
    }

    private mutating func bind(
        _ entry: String, _ configuration: FrontendConfiguration, _ asksFirst: Bool
    ) throws(SystemError) {
        let isOptional = entry.hasPrefix("-")
        let host = isOptional ? String(entry.dropFirst()) : entry
        do {
            if port != 0, asksFirst {
                // With SO_REUSEPORT another server of the same user would share the port silently; without, bind says
                // so.
                for fd in try Socket.listen(host: host, port: port, backlog: 1, sharesPort: false) { Socket.close(fd) }
            }
            for index in 0..<configuration.threads {
                let fds = try Socket.listen(
                    host: host, port: port, backlog: configuration.backlog, sharesPort: true)
                if port == 0, let fd = fds.first { port = Socket.localAddress(fd).port }
                perLoop[index] += fds
            }
        } catch {
            let isMissing = error.isAddressMissing && isOptional
            if !isMissing, !error.isFamilyUnsupported { throw error }
        }
    }

    mutating func take(_ index: Int) -> [Int32] {
        defer { perLoop[index] = [] }
        return perLoop[index]
    }

    private mutating func closeAll() {
        for fd in perLoop.joined() { Socket.close(fd) }
        perLoop = []
    }
}
