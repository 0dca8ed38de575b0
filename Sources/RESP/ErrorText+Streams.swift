import Bytes

/// The texts of commands on streams.
extension ErrorText {
    public static let streamID: StaticString = "ERR Invalid stream ID specified as stream command argument"
    public static let streamZeroID: StaticString = "ERR The ID specified in XADD must be greater than 0-0"
    public static let streamSmallID: StaticString =
        "ERR The ID specified in XADD is equal or smaller than the target stream top item"
    public static let streamExhausted: StaticString =
        "ERR The stream has exhausted the last possible ID, unable to add more items"
    public static let streamEntryTooLarge: StaticString = "ERR Elements are too large to be stored"
    public static let streamTwoStrategies: StaticString =
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
    public static let streamLengthNegative: StaticString = "ERR The MAXLEN argument must be >= 0."
    public static let streamLimitNegative: StaticString = "ERR The LIMIT argument must be >= 0."
    public static let streamLimitAlone: StaticString =
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
    public static let streamLimitExact: StaticString =
        "ERR syntax error, LIMIT cannot be used without the special ~ option"
    public static let streamNoStrategy: StaticString =
        "ERR syntax error, XTRIM must be called with a trimming strategy"
    public static let streamStart: StaticString = "ERR invalid start ID for the interval"
    public static let streamEnd: StaticString = "ERR invalid end ID for the interval"

    public static let setIDAdded: StaticString = "ERR entries_added must be positive"
    public static let setIDBelowDeleted: StaticString =
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
    public static let setIDBelowTop: StaticString =
        "ERR The ID specified in XSETID is smaller than the target stream top item"
    public static let setIDAddedBelowLength: StaticString =
        "ERR The entries_added specified in XSETID is smaller than the target stream length"

    public static let readUnbalanced: StaticString =
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
    public static let readGroupOption: StaticString =
        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
    public static let readNoAckOption: StaticString =
        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
    public static let readGroupMissing: StaticString = "ERR Missing GROUP option for XREADGROUP"
    public static let readDollar: StaticString = """
        ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
        specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
        """
    public static let readNew: StaticString = """
        ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
        """

    public static let readStreamGone: StaticString = "UNBLOCKED the stream key no longer exists"
    public static let readGroupGone: StaticString =
        "NOGROUP the consumer group this client was blocked on no longer exists"

    public static let groupEntriesRead: StaticString = "ERR value for ENTRIESREAD must be positive or -1"
    public static let groupWithoutKey: StaticString = """
        ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
        option to create an empty stream automatically.
        """
    public static let groupExists: StaticString = "BUSYGROUP Consumer Group name already exists"
    public static let claimIdle: StaticString = "ERR Invalid min-idle-time argument for XCLAIM"
    public static let claimIdleOption: StaticString = "ERR Invalid IDLE option argument for XCLAIM"
    public static let claimTimeOption: StaticString = "ERR Invalid TIME option argument for XCLAIM"
    public static let claimRetryOption: StaticString = "ERR Invalid RETRYCOUNT option argument for XCLAIM"
    public static let autoClaimIdle: StaticString = "ERR Invalid min-idle-time argument for XAUTOCLAIM"
    public static let autoClaimCount: StaticString = "ERR COUNT must be > 0"

    /// `option` as the client wrote it.
    public static func claimOption(_ option: ByteSlice) -> [UInt8] {
        quoting("ERR Unrecognized XCLAIM option '", option, "'")
    }

    /// Of a key that need not be there; the names as the client wrote them, like in the next two.
    public static func noSuchGroup(_ group: ByteSlice, orKey key: ByteSlice) -> [UInt8] {
        quoting("NOGROUP No such key '", key, "' or consumer group '") + quoting("", group, "'")
    }

    public static func noSuchGroupToRead(_ group: ByteSlice, orKey key: ByteSlice) -> [UInt8] {
        noSuchGroup(group, orKey: key) + ByteSlice(" in XREADGROUP with GROUP option").array
    }

    public static func noSuchGroup(_ group: ByteSlice, of key: ByteSlice) -> [UInt8] {
        quoting("NOGROUP No such consumer group '", group, "' for key name '") + quoting("", key, "'")
    }
}
