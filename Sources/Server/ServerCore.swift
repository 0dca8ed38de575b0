import Bytes
import CShims
import Commands
import Configuration
import Frontend
import Keyspace
import Persistence
import Platform
import PubSub
import RESP
import Storage
import Synchronization
import Telemetry
import Tiering
import Values

/// Everything that lives as long as the server.
public final class ServerCore: @unchecked Sendable {
    // @unchecked: constants set before the threads start, atomics, monitors, and parts that are so themselves.
    public let configuration: ConfigurationStore
    public let log: Log
    public let store: KeyspaceStore
    public let tier: Tier?
    public let directory: DataDirectory?
    public let index: CommandIndex
    public let commandStatistics: CommandStatisticsRegistry
    public let errorCounts = ErrorCounts()
    public let slowLog: SlowLog
    public let latency: LatencyMonitor
    public let rates: InstantaneousRates
    public let control = ControlPool()
    /// Jobs that wait for other servers.
    private let remote = ControlPool()
    let migrationLinks = MigrationLinks()
    let eviction: Eviction
    let clientEviction = ClientEviction()
    /// Who has subscribed to what.
    let subscriptions: SubscriptionRegistry
    /// Connections that monitor.
    let monitorCount = Atomic<Int>(0)
    /// Told of what happens to keys.
    let observers: KeyspaceObservers
    var tracking: Tracking { observers.tracking }
    let ticks = Ticks()
    public private(set) var loops: LoopGroup! = nil  // set in `start`, before any loop runs
    private var workers: [LoopWorker] = []
    private var maintenance: Maintenance! = nil  // set in init, never again
    public private(set) var pause: ClientPause! = nil  // set in init, never again

    /// 40 hexadecimal digits, new at every start.
    public let runID = Entropy.hexadecimal(40)
    public let startedAt = Clock.unixMilliseconds()
    /// The most that was allocated at a time, in bytes; see `MemoryReading`.
    public let peakMemory = Atomic<Int>(0)
    /// What was allocated when the server began to accept.
    let startupMemory = Atomic<Int>(0)
    let memoryReadings = Monitor<MemoryReading?>(nil)
    /// What CONFIG RESETSTAT takes off the totals.
    let baseline = Monitor(ServerTotals())
    /// What the last load of an RDB file brought.
    let lastLoad = Monitor((keys: 0, expired: 0))
    /// What the server is called in replication: new at every start, until a replica keeps it.
    let replicationID = Monitor(String(decoding: Entropy.hexadecimal(40), as: UTF8.self))
    public let parkedCalls = Atomic<Int>(0)
    public let isPausing = Atomic<Bool>(false)
    /// What commands may have to wait for; 0: nothing. One look for all of it.
    struct Holds: OptionSet {
        let rawValue: Int
        static let pause = Holds(rawValue: 1)
        static let exclusive = Holds(rawValue: 2)
    }
    private let holds = Atomic<Int>(0)
    let gate = ExclusiveGate()
    /// Whether `requirepass` is set. Clients that came before it was stay authenticated.
    let asksForPassword = Atomic<Bool>(false)
    public let isActiveExpiryEnabled = Atomic<Bool>(true)
    /// DEBUG PAUSE-CRON.
    let isMaintenancePaused = Atomic<Bool>(false)
    /// Calls that take at least this long are looked at for SLOWLOG and LATENCY.
    let slowNanoseconds = Atomic<Int64>(.max)
    let settingsVersion = Atomic<Int>(0)
    let commandSettings = Monitor(CommandSettings())
    let accessMode = Monitor(AccessClock.Mode.lru)
    /// Signalled when the server is to end; see `waitForEnd`.
    private let ending = Monitor<Ending?>(nil)
    private let hasStopped = Monitor(false)
    let shutdown: ShutdownCoordinator
    /// Frees of flushed tables count here, one thread at a time.
    let disposalLedger: Ledger
    let disposing = Monitor(())

    /// How the server ends.
    public enum Ending: Sendable {
        /// Sealed, or nothing to seal.
        case clean
        /// SHUTDOWN NOSAVE: data since the last shutdown is given up.
        case withoutSaving
    }

    /// What a start needs besides the configuration: made by `Startup`, or by a test with another provider.
    public struct Parts {
        public var store: KeyspaceStore
        public var tier: Tier?
        public var directory: DataDirectory?
        public init(store: KeyspaceStore, tier: Tier?, directory: DataDirectory?) {
            self.store = store
            self.tier = tier
            self.directory = directory
        }
    }

    public init(configuration: ConfigurationStore, log: Log, parts: Parts) {
        let settings = configuration.current
        self.configuration = configuration
        self.log = log
        store = parts.store
        tier = parts.tier
        directory = parts.directory
        index = CommandIndex(
            CommandFamilies.rows, renames: settings.renamedCommands.map { ($0.old, $0.new) })
        commandStatistics = CommandStatisticsRegistry(commandCount: index.count)
        slowLog = SlowLog(
            thresholdMicroseconds: Int64(settings.slowlogThresholdMicroseconds),
            maximumLength: settings.slowlogMaxLength)
        latency = parts.tier?.latency ?? LatencyMonitor()
        rates = InstantaneousRates(nowMilliseconds: Clock.unixMilliseconds())
        eviction = Eviction(store: parts.store)
        subscriptions = SubscriptionRegistry(loops: FrontendConfiguration(settings).threads)
        observers = KeyspaceObservers(store: parts.store, subscriptions: subscriptions)
        shutdown = ShutdownCoordinator()
        disposalLedger = parts.store.makeLedger()
        maintenance = Maintenance(core: self)
        pause = ClientPause { [unowned self] in
            isPausing.store($0, ordering: .relaxed)
            hold(.pause, $0)
            store.holdsExpiry.store($0, ordering: .relaxed)
        }
        shutdown.core = self
        gate.core = self
        store.listener = observers
        subscriptions.wake = { [unowned self] number in
            loops.loops[number].post { [unowned self] in subscriptions.drain(number) }
        }
        apply(settings)
        configuration.observe { [unowned self] _, new, changed in change(new, changed) }
    }

    // MARK: Start and end

    /// Binds the addresses and starts all threads. The server accepts when this returns.
    ///
    /// - Parameter onAnyPort: the system chooses the port (`loops.port`), for tests.
    public func start(onAnyPort: Bool = false) throws(SystemError) {
        let settings = configuration.current
        var frontend = FrontendConfiguration(settings)
        if onAnyPort { frontend.port = 0 }
        loops = try LoopGroup(
            frontend, settings: FrontendSettings(settings), service: self)
        workers = loops.loops.map { _ in LoopWorker(core: self) }
        control.start(2)
        remote.start(4)
        tier?.start()
        tier?.upkeep.report(to: log)
        warmUp(settings)
        maintenance.start()
        _ = Reaper.shared
        startupMemory.store(memoryReading().allocated, ordering: .relaxed)
        loops.start()
    }

    /// Waits until `end` is called.
    public func waitForEnd() -> Ending {
        while true {
            if let ending = ending.wait(timeoutNanoseconds: 60_000_000_000, { $0 }) { return ending }
        }
    }

    /// Waits until the loops have ended: for a call that must not be answered.
    func waitForStop() { _ = hasStopped.wait { $0 ? true : nil } }

    /// Has `waitForEnd` return.
    func end(_ how: Ending) {
        ending.withLock { $0 = how }
        ending.wakeAll()
    }

    /// What SIGTERM asks for. Blocks; not on an event loop. Returns the reason if the server goes on.
    public func requestShutdown(saving: Bool, insists: Bool) -> String? {
        shutdown.run(saving: saving, insists: insists)
    }

    /// Ends all threads. Not from one of them. Calls that still wait are dropped with their connections.
    public func stop() {
        loops.stop()
        hasStopped.withLock { $0 = true }
        hasStopped.wakeAll()
        maintenance.stop()
        control.stop()
        remote.stop()
        tier?.stop()
    }

    // MARK: Settings

    /// The observer of CONFIG SET: applies what can change at run time.
    private func change(_ new: Settings, _ changed: [String]) -> ConfigurationStore.Veto? {
        if changed.contains("maxmemory"), tier != nil, new.maxMemoryBytes != 0,
            new.maxMemoryBytes < MemoryBudget.minimum
        {
            return .init(
                directive: "maxmemory", "with a flash tier maxmemory must be at least \(MemoryBudget.minimum) bytes")
        }
        if changed.contains("maxclients"), let possible = Self.missingDescriptors(new, hasTier: tier != nil) {
            return .init(
                directive: "maxclients",
                "The operating system is not able to handle the specified number of clients, try with \(possible)")
        }
        if let loops, changed.contains("port") || changed.contains("bind") {
            do throws(SystemError) {
                try loops.listen(on: new.port == 0 ? [] : new.bind, port: new.port)
            } catch {
                log.warning("Failed listening on port \(new.port): \(error)")
                return changed.contains("port")
                    ? .init(directive: "port", "Unable to listen on this port. Check server logs.")
                    : .init(directive: "bind", "Failed to bind to specified addresses.")
            }
        }
        apply(new)
        loops?.update { $0 = FrontendSettings(new) }
        if loops != nil {
            clientEviction.relieve(self)
            if changed.contains("maxmemory") { makeRoom() }
        }
        return nil
    }

    /// After a change of `maxmemory`: without a flash tier keys are deleted at once, for as long as a command may.
    private func makeRoom() {
        // CONFIG SET runs on a loop; a test may change settings from elsewhere.
        if let loop = loops.loops.first(where: { $0.isCurrent }) {
            _ = eviction.makeRoom(workers[loop.index])
        } else {
            eviction.start(self)
        }
    }

    /// Descriptors for clients, for RocksDB's files, and for the rest.
    public static func wantedDescriptors(_ settings: Settings, hasTier: Bool) -> Int {
        settings.maxClients + (hasTier ? 4096 : 0) + 128
    }

    /// Raises the limit of open files for `maxclients`; if that can't be, for how many clients it would do.
    private static func missingDescriptors(_ settings: Settings, hasTier: Bool) -> Int? {
        let wanted = wantedDescriptors(settings, hasTier: hasTier)
        let got = firn_raise_file_limit(wanted)
        return got < wanted ? max(0, settings.maxClients - (wanted - got)) : nil
    }

    private func apply(_ settings: Settings) {
        commandSettings.withLock { $0 = CommandSettings(settings) }
        accessMode.withLock { $0 = AccessClock.Mode(settings) }
        CollectionLimits.apply(settings.encodings)
        store.eventClasses.store(EventClasses(settings.notifyKeyspaceEvents).rawValue, ordering: .relaxed)
        eviction.configure(
            limit: tier == nil ? settings.maxMemoryBytes : 0, policy: settings.maxMemoryPolicy,
            samples: settings.maxMemorySamples, tenacity: settings.evictionTenacity)
        tier?.update { $0.apply(settings) }
        if let tier {
            store.setFlashRules(FlashRules(settings.flash.policies))
            if settings.flash.warmUpKeys == 0 { tier.warmUp.end() }
            // Half of the room: else a collection that is read in leaves no other record any, and from all of it on
            // no call that needs memory would ever find some.
            commandSettings.withLock { $0.growingBytes = tier.recordLimit / 2 }
        }
        slowLog.thresholdMicroseconds = Int64(settings.slowlogThresholdMicroseconds)
        slowLog.setMaximumLength(settings.slowlogMaxLength)
        latency.thresholdMilliseconds = Int64(settings.latencyMonitorThresholdMilliseconds)
        clientEviction.configure(
            settings.maxMemoryClients, maxMemory: tier?.budget.maximum ?? settings.maxMemoryBytes)
        tracking.maximumKeys.store(settings.trackingTableMaxKeys, ordering: .relaxed)
        asksForPassword.store(settings.password != nil, ordering: .relaxed)
        commandStatistics.keepHistograms(settings.latencyTracking)
        tier?.faultStages.keepHistograms(settings.latencyTracking)
        log.level = Log.Level(settings.logLevel)
        let slow = settings.slowlogThresholdMicroseconds < 0
            ? Int64.max : Int64(settings.slowlogThresholdMicroseconds) * 1_000
        let monitored = Int64(settings.latencyMonitorThresholdMilliseconds) * 1_000_000
        slowNanoseconds.store(min(slow, monitored > 0 ? monitored : .max), ordering: .relaxed)
        settingsVersion.add(1, ordering: .releasing)
    }

    // MARK: For the workers

    @inline(__always)
    var holding: Holds { Holds(rawValue: holds.load(ordering: .relaxed)) }

    func hold(_ what: Holds, _ isOn: Bool) {
        if isOn {
            holds.bitwiseOr(what.rawValue, ordering: .relaxed)
        } else {
            holds.bitwiseAnd(~what.rawValue, ordering: .relaxed)
        }
    }

    /// Any thread: all connections that nobody has asked to close, by identifier. O(n log n).
    func sessions() -> [ClientSession] {
        // `makeConnection` makes no other kind.
        loops.connections().filter { !$0.isCloseRequested }.map { unsafeDowncast($0, to: ClientSession.self) }
            .sorted { $0.id < $1.id }
    }

    /// The worker of a loop.
    func worker(_ loop: EventLoop) -> LoopWorker { workers[loop.index] }

    func recordSlow(_ session: ClientSession, _ arguments: Arguments, microseconds: Int64) {
        let name = session.names.withLock { $0.name }
        "\(session.peerAddress)".withSlice { address in
            name.withSlice { name in
                slowLog.record(
                    durationMicroseconds: microseconds, argumentCount: arguments.count, clientAddress: address,
                    clientName: name,
                    argument: { session.redactedArguments.contains($0) ? ByteSlice("(redacted)") : arguments[$0] })
            }
        }
    }

    func sampleRates() {
        let now = Clock.unixMilliseconds()
        var requests = 0
        var bytesIn = 0
        var bytesOut = 0
        for loop in loops.loops {
            requests += loop.statistics.requests.current
            bytesIn += loop.statistics.bytesIn.current
            bytesOut += loop.statistics.bytesOut.current
        }
        rates.sample(.commands, reading: Int64(requests), nowMilliseconds: now)
        rates.sample(.networkInput, reading: Int64(bytesIn), nowMilliseconds: now)
        rates.sample(.networkOutput, reading: Int64(bytesOut), nowMilliseconds: now)
        _ = memoryReading()
    }

    // MARK: Background requests

    /// The answer to a request that has nothing to wait for; nil if it must go to a control thread.
    func answerAtOnce(_ request: BackgroundRequest, now: Int64) -> BackgroundAnswer? {
        switch request {
        case .walk(let walk):
            guard Walker.isResident(store, database: walk.database) else { return nil }
            return Self.walk(walk, store: store, tier: nil, now: now)
        case .exactCount(let database):
            let counts = store.counts(database: database)
            return counts.unresolved == 0 ? .counted(counts.keys) : nil
        case .job, .remote, .change: return nil
        case .moreKeys: preconditionFailure("a call without keys asked for more")
        }
    }

    func submit(_ request: BackgroundRequest, now: Int64, _ done: @escaping @Sendable (BackgroundAnswer) -> Void) {
        if case .remote(let job) = request { return remote.submit { done(job()) } }
        if case .change = request { gate.beginChange() }
        control.submit { [self] in
            switch request {
            case .walk(let walk): done(Self.walk(walk, store: store, tier: tier, now: now))
            case .exactCount(let database):
                do throws(StorageError) {
                    done(.counted(try tier?.exactCount(database: database) ?? store.counts(database: database).keys))
                } catch {
                    done(.failed("the flash tier failed: \(error.message)"))
                }
            case .job(let job), .remote(let job): done(job())
            case .moreKeys: preconditionFailure("more keys are the worker's business")
            case .change(let job):
                let answer = job()
                gate.endChange()
                done(answer)
            }
        }
    }

    private static func walk(
        _ request: WalkRequest, store: KeyspaceStore, tier: Tier?, now: Int64
    ) -> BackgroundAnswer {
        var walker = Walker(store: store, tier: tier)
        do throws(StorageError) {
            return .walked(try walker.walk(request, now: now))
        } catch {
            return .failed("the flash tier failed: \(error.message)")
        }
    }
}

extension ServerCore: FrontendService {
    public func makeConnection(_ seed: consuming ConnectionSeed) -> Connection {
        let worker = workers[seed.loop.index]
        return ClientSession(seed, worker: worker)
    }

    public func opened(_ connection: Connection) {
        connection.isAuthenticated = !asksForPassword.load(ordering: .relaxed)
    }

    /// What a connection gives back goes unnoticed until the next reading of the memory if it is less.
    private static let noticedBytes = 32 << 10

    public func closed(_ connection: Connection, holding bytes: Int) {
        guard let session = connection as? ClientSession else { return }
        worker(session.loop).abandon(session)
        clientEviction.left(session)
        // An older reading would count its memory as in use, and keys would go for it.
        if bytes >= Self.noticedBytes { forgetMemoryReading() }
        session.endSubscriptions(drains: false)
        tracking.disable(session.tracking)
        session.tracking.detach()
    }

    public func execute(
        _ connection: Connection, _ batch: UnsafeMutablePointer<RequestBatch>, reply: UnsafeMutablePointer<ReplyWriter>
    ) -> BatchOutcome {
        // `makeConnection` makes no other kind.
        let session = unsafeDowncast(connection, to: ClientSession.self)
        return workers[session.loop.index].execute(session, batch, reply: reply)
    }

    public func announce(_ bytes: ByteSlice, of connection: Connection, number: Int) {
        workers[connection.loop.index].announce(bytes, number: number)
    }

    public func connectionsGrew(on loop: EventLoop) { clientEviction.relieve(self) }
    public func alarm(_ loop: EventLoop) { workers[loop.index].alarm(loop) }

    public func announced(on loop: EventLoop) { workers[loop.index].announced() }

    public func protocolError(_ connection: Connection, _ error: ProtocolError) {
        errorCounts.count(Array("ERR".utf8))
        log.verbose("Protocol error (\(String(decoding: error.text, as: UTF8.self))) from \(connection.peerAddress)")
    }

    /// A call that waits for flash runs and those behind it too: the peer may have sent all it wanted and still read.
    /// One that waits for the end of a pause, or in a command that blocks, goes with its connection, as in Redis.
    public func peerClosed(_ connection: Connection) -> Bool {
        guard let session = connection as? ClientSession, let reason = session.parked?.reason else { return false }
        // One that has been served just now gets its reply.
        if reason == .blocked { return session.blocked?.decide(.unblocked(withError: false)) ?? true }
        return reason == .pause
    }
}
