/// Which output limit counts for a connection.
public enum OutputClass: Int, Sendable, CaseIterable {
    case normal, replica, pubsub
}

/// When a client that does not read its replies is closed. 0: no limit.
public struct OutputLimit: Sendable, Equatable {
    public var hardBytes: Int
    public var softBytes: Int
    /// How long the output may stay at `softBytes` or more.
    public var softSeconds: Int

    public init(hardBytes: Int, softBytes: Int, softSeconds: Int) {
        self.hardBytes = hardBytes
        self.softBytes = softBytes
        self.softSeconds = softSeconds
    }
}

/// What can be changed while loops run (`LoopGroup.apply`). Defaults are Redis'.
public struct FrontendSettings: Sendable {
    public var maximumClients = 10_000
    /// Idle normal clients are closed after this; 0: never.
    public var idleTimeoutSeconds = 0
    public var keepAliveSeconds = 300
    /// Bytes of requests that wait in one connection (`client-query-buffer-limit`).
    public var queryBufferLimitBytes = 1 << 30
    public var maximumBulkBytes = 512 << 20
    public var maximumArguments = 1 << 20
    /// By `OutputClass`.
    public var outputLimits = [
        OutputLimit(hardBytes: 0, softBytes: 0, softSeconds: 0),
        OutputLimit(hardBytes: 256 << 20, softBytes: 64 << 20, softSeconds: 60),
        OutputLimit(hardBytes: 32 << 20, softBytes: 8 << 20, softSeconds: 60),
    ]
    /// Refuse peers that are not on this machine: protected mode is on and the default user needs no password.
    public var refusesRemotePeers = false
    /// Strangers' limits apply to clients that are not authenticated.
    public var asksForPassword = true
    /// Connections a loop gets before the next loop gets any; 0: no such order.
    public var minimumClientsPerThread = 0
    /// New connections go to the loop with the fewest.
    public var balancesActiveClients = true

    public init() {}
}

/// What is set when the loops are made.
public struct FrontendConfiguration: Sendable {
    public var threads = 2
    /// Loop i runs on core i.
    public var pinsThreads = false
    /// As in `bind`: `*`, `::*`, names, numbers; `-` before one: no error if this machine hasn't got it. Empty: no TCP.
    public var addresses = ["*", "-::*"]
    /// 0: the system chooses one for all addresses.
    public var port = 6379
    public var backlog = 511
    public var unixSocketPath: String?
    /// 0: as the umask says.
    public var unixSocketPermissions: UInt32 = 0

    public init() {}
}
