import Commands
import Configuration
import Frontend
import Keyspace
import Synchronization
import Telemetry
import Tiering
import Values

// How each part reads its settings out of the configuration.

extension FrontendConfiguration {
    init(_ settings: Settings) {
        self.init()
        threads = settings.serverThreads
        pinsThreads = settings.serverThreadAffinity
        addresses = settings.port == 0 ? [] : settings.bind
        port = settings.port
        backlog = settings.tcpBacklog
        unixSocketPath = settings.unixSocket
        unixSocketPermissions = settings.unixSocketMode
    }
}

extension FrontendSettings {
    init(_ settings: Settings) {
        self.init()
        maximumClients = settings.maxClients
        idleTimeoutSeconds = settings.idleTimeoutSeconds
        keepAliveSeconds = settings.tcpKeepaliveSeconds
        queryBufferLimitBytes = settings.queryBufferLimitBytes
        maximumBulkBytes = settings.maxBulkBytes
        outputLimits = [settings.normalOutputLimit, settings.replicaOutputLimit, settings.pubsubOutputLimit].map {
            OutputLimit(
                hardBytes: Int($0.hardBytes), softBytes: Int($0.softBytes), softSeconds: Int($0.softSeconds))
        }
        // As Redis: only a default user without a password is protected.
        refusesRemotePeers = settings.protectedMode && settings.password == nil
        asksForPassword = settings.password != nil
        minimumClientsPerThread = settings.minClientsPerThread
        balancesActiveClients = settings.activeClientBalancing
    }
}

extension CommandSettings {
    init(_ settings: Settings) {
        self.init()
        maximumStringBytes = settings.maxBulkBytes
        compressesDumps = settings.payloadCompression
        sparseHyperLogLogBytes = settings.encodings.hllSparseMaxBytes
        lfuDecayMinutes = settings.lfuDecayMinutes
        isLFU = settings.maxMemoryPolicy.isLFU
        switch settings.maxMemoryPolicy {
        case .volatileLRU, .volatileLFU, .allKeysLRU, .allKeysLFU: sharesIntegers = settings.maxMemoryBytes == 0
        case .volatileRandom, .volatileTTL, .allKeysRandom, .noEviction: sharesIntegers = true
        }
    }
}

extension EvictionPolicy {
    var isLFU: Bool {
        switch self {
        case .volatileLFU, .allKeysLFU: true
        case .volatileLRU, .volatileRandom, .volatileTTL, .allKeysLRU, .allKeysRandom, .noEviction: false
        }
    }

    /// What happens when `maxstorage` is reached.
    var storagePolicy: TierSettings.StoragePolicy {
        switch self {
        case .noEviction: .refuse
        case .allKeysLRU, .allKeysLFU, .allKeysRandom: .deleteAny
        case .volatileLRU, .volatileLFU, .volatileRandom, .volatileTTL: .deleteExpiring
        }
    }
}

extension CollectionLimits {
    /// Applies to what is changed from now on.
    static func apply(_ limits: EncodingLimits) {
        hashEntries.store(limits.hashMaxListpackEntries, ordering: .relaxed)
        hashValueBytes.store(limits.hashMaxListpackValueBytes, ordering: .relaxed)
        setIntsetEntries.store(limits.setMaxIntsetEntries, ordering: .relaxed)
        zsetEntries.store(limits.zsetMaxListpackEntries, ordering: .relaxed)
        zsetValueBytes.store(limits.zsetMaxListpackValueBytes, ordering: .relaxed)
        listPage.store(limits.listMaxListpackSize, ordering: .relaxed)
        listDepth.store(limits.listCompressDepth, ordering: .relaxed)
        streamNodeBytes.store(limits.streamNodeMaxBytes, ordering: .relaxed)
        streamNodeEntries.store(limits.streamNodeMaxEntries, ordering: .relaxed)
    }
}

extension AccessClock.Mode {
    init(_ settings: Settings) {
        self =
            settings.maxMemoryPolicy.isLFU
            ? .lfu(logFactor: settings.lfuLogFactor, decayMinutes: settings.lfuDecayMinutes) : .lru
    }
}

extension Log.Level {
    init(_ level: LogLevel) {
        switch level {
        case .debug: self = .debug
        case .verbose: self = .verbose
        case .notice: self = .notice
        case .warning: self = .warning
        }
    }
}

extension TierSettings {
    init(_ settings: Settings, maxMemory: Int) {
        self.init(budget: MemoryBudget(settings, maxMemory: maxMemory), readThreads: settings.flash.ioThreads)
        apply(settings)
    }

    /// What changes at run time. `maxmemory 0` keeps the budget that the start derived from the machine.
    mutating func apply(_ settings: Settings) {
        if settings.maxMemoryBytes > 0 {
            let hotLimit = budget.hotLimit
            budget = MemoryBudget(settings, maxMemory: settings.maxMemoryBytes)
            budget.hotLimit = hotLimit
        }
        budget.highPercent = settings.flash.highWatermarkPercent
        budget.lowPercent = settings.flash.lowWatermarkPercent
        queueLength = settings.flash.faultQueueLength
        maximumStorageBytes = settings.flash.maxStorageBytes
        diskReserveBytes = settings.flash.diskReserveBytes
        storagePolicy = settings.maxMemoryPolicy.storagePolicy
        upkeepBytesPerSecond = settings.flash.backgroundBytesPerSecond
        deleteBytesPerSecond = settings.flash.deleteBytesPerSecond
        warmUpKeysPerSecond = settings.flash.warmUpKeysPerSecond
    }
}

extension FlashRules {
    init(_ policies: [FlashPolicy]) {
        self.init(
            policies.map { policy in
                switch policy.temperature {
                case .hot: (policy.pattern, .hot)
                case .cold: (policy.pattern, .cold)
                case .standard: (policy.pattern, .standard)
                }
            })
    }
}

extension MemoryBudget {
    init(_ settings: Settings, maxMemory: Int) {
        self.init(
            maximum: maxMemory, blockCache: settings.flash.blockCacheBytes, memtables: settings.flash.memtableBytes)
        highPercent = settings.flash.highWatermarkPercent
        lowPercent = settings.flash.lowWatermarkPercent
    }
}

extension EventClasses {
    /// What `notify-keyspace-events` asks for; nothing if it names no channel to publish on.
    init(_ events: KeyspaceEvents) {
        let map: [(KeyspaceEvents, EventClasses)] = [
            (.keyspaceChannel, .keyspace), (.keyeventChannel, .keyevent), (.generic, .generic), (.string, .string),
            (.list, .list), (.set, .set), (.hash, .hash), (.sortedSet, .sortedSet), (.expired, .expired),
            (.evicted, .evicted), (.stream, .stream), (.miss, .miss), (.module, .module), (.new, .new),
        ]
        self = []
        if events.isDisjoint(with: [.keyspaceChannel, .keyeventChannel]) { return }
        for (event, eventClass) in map where events.contains(event) { insert(eventClass) }
    }
}
