import Bytes

/// The texts of commands on connections.
extension ErrorText {
    public static let authWithoutPassword: StaticString = """
        ERR AUTH <password> called without any password configured for the default user. Are you sure your \
        configuration is correct?
        """
    public static let helloWithoutAuth: StaticString = """
        NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
        <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
        """
    public static let protocolNotInteger: StaticString = "ERR Protocol version is not an integer or out of range"
    public static let clientName: StaticString =
        "ERR Client names cannot contain spaces, newlines or special characters."
    public static let pauseMode: StaticString = "ERR CLIENT PAUSE mode must be WRITE or ALL"
    public static let timeoutOutOfRange: StaticString = "ERR timeout is out of range"
    public static let unblockReason: StaticString = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
    public static let invalidClientID: StaticString = "ERR Invalid client ID"
    public static let clientIDNotPositive: StaticString = "ERR client-id should be greater than 0"
    public static let maxAgeNotInteger: StaticString = "ERR maxage is not an integer or out of range"
    public static let maxAgeNotPositive: StaticString = "ERR maxage should be greater than 0"
    public static let noSuchClient: StaticString = "ERR No such client"
    public static let subscribeInTransaction: StaticString = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
    public static let monitorInTransaction: StaticString = "ERR MONITOR isn't allowed for DENY BLOCKING client"
    public static let replicaKeyspace: StaticString = "ERR Replica can't interact with the keyspace"

    /// `command` with its container, in lower case.
    public static func subscribed(_ command: ByteSlice) -> [UInt8] {
        quoting(
            "ERR Can't execute '", command,
            """
            ': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
            """)
    }

    /// `option` as the client wrote it, up to a NUL byte, like the next four.
    public static func helloOption(_ option: ByteSlice) -> [UInt8] {
        quoting("ERR Syntax error in HELLO option '", option, "'")
    }
    public static func unknownClientType(_ type: ByteSlice) -> [UInt8] {
        quoting("ERR Unknown client type '", type, "'")
    }
    public static func noSuchUser(_ user: ByteSlice) -> [UInt8] { quoting("ERR No such user '", user, "'") }
    public static func unrecognizedClientInfo(_ option: ByteSlice) -> [UInt8] {
        quoting("ERR Unrecognized option '", option, "'")
    }
    /// `attribute` in lower case.
    public static func clientAttribute(_ attribute: StaticString) -> [UInt8] {
        quoting("ERR ", ByteSlice(attribute), " cannot contain spaces, newlines or special characters.")
    }

    /// `middle` up to a NUL byte, as C shows it.
    static func quoting(_ before: StaticString, _ middle: ByteSlice, _ after: StaticString) -> [UInt8] {
        let shown = middle.firstIndex(of: 0).map { middle.prefix($0) } ?? middle
        return ByteSlice(before).array + shown.array + ByteSlice(after).array
    }
    public static let waitWithoutAppendOnly: StaticString =
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
}

/// The texts of client-side caching.
extension ErrorText {
    public static let trackingOneRedirection: StaticString = "ERR A client can only redirect to a single other client"
    public static let trackingNoSuchRedirection: StaticString =
        "ERR The client ID you want redirect to does not exist"
    public static let trackingPrefixWithoutBroadcast: StaticString =
        "ERR PREFIX option requires BCAST mode to be enabled"
    public static let trackingBroadcastSwitch: StaticString = """
        ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with \
        a different mode.
        """
    public static let trackingOptionsInBroadcast: StaticString = "ERR OPTIN and OPTOUT are not compatible with BCAST"
    public static let trackingBothOptions: StaticString = "ERR You can't specify both OPTIN mode and OPTOUT mode"
    public static let trackingOptionSwitch: StaticString = """
        ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with \
        a different mode.
        """
    public static let cachingWithoutTracking: StaticString = """
        ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled
        """
    public static let cachingYesWithoutOptIn: StaticString =
        "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
    public static let cachingNoWithoutOptOut: StaticString =
        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."

    public static func trackingPrefixExists(_ prefix: [UInt8], _ other: [UInt8]) -> [UInt8] {
        overlap(prefix, " overlaps with an existing prefix '", other)
    }
    public static func trackingPrefixGiven(_ prefix: [UInt8], _ other: [UInt8]) -> [UInt8] {
        overlap(prefix, " overlaps with another provided prefix '", other)
    }

    private static func overlap(_ prefix: [UInt8], _ middle: StaticString, _ other: [UInt8]) -> [UInt8] {
        let first = prefix.withSlice { quoting("ERR Prefix '", $0, "'") }
        return other.withSlice { other in
            first + quoting(middle, other, "'. Prefixes for a single client must not overlap.")
        }
    }
}
