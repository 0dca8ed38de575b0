/// What is set: an immutable snapshot of all directives.
///
/// A class, though a value by nature: passing it around or keeping it costs one reference count, where a struct of
/// a hundred fields would copy each string. A loop takes `ConfigurationStore.current` once in a while, not per command.
public final class Settings: Sendable {
    /// The value of each row of `DirectiveTable.rows`.
    let values: [Value]
    /// Commands to rename (or, to the empty name, to remove), in the order of the file.
    public let renamedCommands: [RenamedCommand]
    /// The file the server was started with, absolute; nil without one.
    public let file: String?
    // Network
    /// Addresses to listen on; a leading `-` marks one that may be missing.
    public let bind: [String]
    /// TCP port; 0 for none.
    public let port: Int
    /// Path of the Unix socket.
    public let unixSocket: String?
    /// Mode of the Unix socket; 0 to leave it as created.
    public let unixSocketMode: UInt32
    public let tcpBacklog: Int
    /// 0 for none.
    public let idleTimeoutSeconds: Int
    /// 0 for none.
    public let tcpKeepaliveSeconds: Int
    public let protectedMode: Bool
    // Clients
    public let maxClients: Int
    public let maxClientsReserved: Int
    public let maxMemoryClients: MemoryShare
    public let queryBufferLimitBytes: Int
    public let maxBulkBytes: Int
    public let trackingTableMaxKeys: Int
    public let busyReplyThresholdMilliseconds: Int
    /// -1 for off, 0 for every command.
    public let slowlogThresholdMicroseconds: Int
    public let slowlogMaxLength: Int
    /// 0 for off.
    public let latencyMonitorThresholdMilliseconds: Int
    public let latencyTracking: Bool
    public let notifyKeyspaceEvents: KeyspaceEvents
    // The process
    /// Absolute; the server makes it its working directory.
    public let directory: String
    public let databases: Int
    /// 1 to 500.
    public let hz: Int
    public let dynamicHz: Bool
    public let logLevel: LogLevel
    /// Empty for standard output.
    public let logFile: String
    public let daemonize: Bool
    public let pidFile: String?
    public let supervised: Supervision
    public let shutdownOnInterrupt: ShutdownFlags
    public let shutdownOnTerminate: ShutdownFlags
    public let softShutdown: Bool
    public let availabilityZone: String
    public let jemallocBackgroundThread: Bool
    // Security
    /// Nil when none is asked for.
    public let password: [UInt8]?
    public let aclLogMaxLength: Int
    public let enableProtectedConfigs: ProtectedAction
    public let enableDebugCommand: ProtectedAction
    public let enableModuleCommand: ProtectedAction
    // Memory
    /// 0 for no limit.
    public let maxMemoryBytes: Int
    public let maxMemoryPolicy: EvictionPolicy
    public let maxMemorySamples: Int
    public let evictionTenacity: Int
    public let lfuLogFactor: Int
    public let lfuDecayMinutes: Int
    /// 1 to 10.
    public let activeExpireEffort: Int
    public let lazyFreeing: LazyFreeing
    public let encodings: EncodingLimits
    // Payloads of DUMP and snapshots
    public let savePoints: [SavePoint]
    public let snapshotFile: String
    public let payloadCompression: Bool
    public let payloadChecksum: Bool
    public let sanitizePayload: PayloadCheck
    // Threads and flash
    public let serverThreads: Int
    public let serverThreadAffinity: Bool
    public let minClientsPerThread: Int
    public let activeClientBalancing: Bool
    /// Nil without a flash tier. As written: relative to the working directory.
    public let flashDirectory: String?
    public let flash: FlashSettings
    /// What clients may leave unread.
    public let normalOutputLimit: OutputBufferLimit
    public let replicaOutputLimit: OutputBufferLimit
    public let pubsubOutputLimit: OutputBufferLimit
    /// What INFO latencystats shows, each 0...100.
    public let latencyPercentiles: [Double]

    /// A snapshot of `values`, one for each row.
    init(values: [Value], renamedCommands: [RenamedCommand] = [], file: String? = nil) {
        precondition(values.count == DirectiveTable.rows.count, "\(values.count) values")
        let read = ValueReader(values: values)
        self.values = values
        self.renamedCommands = renamedCommands
        self.file = file
        (normalOutputLimit, replicaOutputLimit, pubsubOutputLimit) = read.limits("client-output-buffer-limit")
        latencyPercentiles = read.percentiles("latency-tracking-info-percentiles")
        bind = read.words("bind")
        port = read.int("port")
        unixSocket = read.optionalString("unixsocket")
        unixSocketMode = read.mode("unixsocketperm")
        tcpBacklog = read.int("tcp-backlog")
        idleTimeoutSeconds = read.int("timeout")
        tcpKeepaliveSeconds = read.int("tcp-keepalive")
        protectedMode = read.flag("protected-mode")
        maxClients = read.int("maxclients")
        maxClientsReserved = read.int("maxclients-reserved")
        maxMemoryClients = read.share("maxmemory-clients")
        queryBufferLimitBytes = read.int("client-query-buffer-limit")
        maxBulkBytes = read.int("proto-max-bulk-len")
        trackingTableMaxKeys = read.int("tracking-table-max-keys")
        busyReplyThresholdMilliseconds = read.int("busy-reply-threshold")
        slowlogThresholdMicroseconds = read.int("slowlog-log-slower-than")
        slowlogMaxLength = read.int("slowlog-max-len")
        latencyMonitorThresholdMilliseconds = read.int("latency-monitor-threshold")
        latencyTracking = read.flag("latency-tracking")
        notifyKeyspaceEvents = read.events("notify-keyspace-events")
        directory = read.string("dir")
        databases = read.int("databases")
        hz = read.int("hz")
        dynamicHz = read.flag("dynamic-hz")
        logLevel = read.choice("loglevel")
        logFile = read.string("logfile")
        daemonize = read.flag("daemonize")
        pidFile = read.optionalString("pidfile")
        supervised = read.choice("supervised")
        shutdownOnInterrupt = read.shutdownFlags("shutdown-on-sigint")
        shutdownOnTerminate = read.shutdownFlags("shutdown-on-sigterm")
        softShutdown = read.flag("soft-shutdown")
        availabilityZone = read.string("availability-zone")
        jemallocBackgroundThread = read.flag("jemalloc-bg-thread")
        password = read.secret("requirepass")
        aclLogMaxLength = read.int("acllog-max-len")
        enableProtectedConfigs = read.choice("enable-protected-configs")
        enableDebugCommand = read.choice("enable-debug-command")
        enableModuleCommand = read.choice("enable-module-command")
        maxMemoryBytes = read.int("maxmemory")
        maxMemoryPolicy = read.choice("maxmemory-policy")
        maxMemorySamples = read.int("maxmemory-samples")
        evictionTenacity = read.int("maxmemory-eviction-tenacity")
        lfuLogFactor = read.int("lfu-log-factor")
        lfuDecayMinutes = read.int("lfu-decay-time")
        activeExpireEffort = read.int("active-expire-effort")
        lazyFreeing = LazyFreeing(read)
        encodings = EncodingLimits(read)
        savePoints = read.savePoints("save")
        snapshotFile = read.string("dbfilename")
        payloadCompression = read.flag("rdbcompression")
        payloadChecksum = read.flag("rdbchecksum")
        sanitizePayload = read.choice("sanitize-dump-payload")
        serverThreads = read.int("server-threads")
        serverThreadAffinity = read.flag("server-thread-affinity")
        minClientsPerThread = read.int("min-clients-per-thread")
        activeClientBalancing = read.flag("active-client-balancing")
        flashDirectory = read.flashDirectory("storage-provider")
        flash = FlashSettings(read)
    }

    /// The defaults.
    public static let standard = Settings(values: DirectiveTable.standardValues)

    /// The value of the directive called `name` as CONFIG GET prints it; nil if there is no such directive. O(1).
    public func text(of name: String) -> [UInt8]? {
        DirectiveTable.index(of: Array(name.utf8)).map { DirectiveTable.rows[$0].text(values[$0]) }
    }
}
