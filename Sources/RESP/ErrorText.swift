import Bytes

/// Every error text that a client can see, without the leading `-`, to the letter as Redis 7.0 says it.
///
/// Texts with a client's bytes in them are byte arrays: those bytes need not be UTF-8.
public enum ErrorText {
    // MARK: Values and arguments
    public static let wrongType: StaticString = "WRONGTYPE Operation against a key holding the wrong kind of value"
    public static let syntax: StaticString = "ERR syntax error"
    public static let noFlashTier: StaticString = "ERR this server has no flash tier"
    public static let flashJobUnderWay: StaticString = "ERR that is under way already"
    public static let noFlashJob: StaticString = "ERR that is not under way"
    public static let notInteger: StaticString = "ERR value is not an integer or out of range"
    public static let notFloat: StaticString = "ERR value is not a valid float"
    public static let notPositive: StaticString = "ERR value is out of range, must be positive"
    public static let valueOutOfRange: StaticString = "ERR value is out of range"
    public static let notANumber: StaticString = "ERR value is NaN or Infinity"
    public static let noSuchKey: StaticString = "ERR no such key"
    public static let sameObject: StaticString = "ERR source and destination objects are the same"
    public static let outOfRange: StaticString = "ERR index out of range"
    public static let offsetOutOfRange: StaticString = "ERR offset is out of range"
    public static let bitOffset: StaticString = "ERR bit offset is not an integer or out of range"
    public static let bitValue: StaticString = "ERR bit is not an integer or out of range"
    public static let bitArgument: StaticString = "ERR The bit argument must be 1 or 0."
    public static let stringTooLong: StaticString = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
    public static let overflow: StaticString = "ERR increment or decrement would overflow"
    public static let decrementOverflow: StaticString = "ERR decrement would overflow"
    public static let incrementNotFinite: StaticString = "ERR increment would produce NaN or Infinity"
    public static let scoreNotANumber: StaticString = "ERR resulting score is not a number (NaN)"
    public static let hashNotInteger: StaticString = "ERR hash value is not an integer"
    public static let hashNotFloat: StaticString = "ERR hash value is not a float"
    public static let scoreRange: StaticString = "ERR min or max is not a float"
    public static let lexRange: StaticString = "ERR min or max not valid string range item"
    public static let invalidCursor: StaticString = "ERR invalid cursor"
    public static let timeoutNotFloat: StaticString = "ERR timeout is not a float or out of range"
    public static let timeoutNotInteger: StaticString = "ERR timeout is not an integer or out of range"
    public static let timeoutNegative: StaticString = "ERR timeout is negative"
    public static let busyKey: StaticString = "BUSYKEY Target key name already exists."
    public static let expireNX: StaticString = "ERR NX and XX, GT or LT options at the same time are not compatible"
    public static let expireGTLT: StaticString = "ERR GT and LT options at the same time are not compatible"
    public static let databaseIndex: StaticString = "ERR DB index is out of range"
    public static let numkeysZero: StaticString = "ERR numkeys should be greater than 0"
    public static let numkeysTooMany: StaticString = "ERR Number of keys can't be greater than number of args"

    public static let lcsNotStrings: StaticString = "ERR The specified keys must contain string values"
    public static let lcsLengthAndIndexes: StaticString =
        "ERR If you want both the length and indexes, please just use IDX."
    public static let lcsTooLong: StaticString = "ERR String too long for LCS"
    public static let lcsMemory: StaticString =
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"

    /// `command` in lower case.
    public static func invalidExpire(_ command: StaticString) -> [UInt8] {
        join("ERR invalid expire time in '", ByteSlice(command), "' command")
    }

    public static func valueNotBetween(_ low: Int, _ high: Int) -> String {
        "ERR value is out of range, value must between \(low) and \(high)"
    }

    // MARK: Commands
    public static let execAborted: StaticString = "EXECABORT Transaction discarded because of previous errors."
    /// `reason`: the refusal of EXEC itself.
    public static func execAborted(because reason: [UInt8]) -> [UInt8] {
        Array("EXECABORT Transaction discarded because of: ".utf8) + reason
    }
    public static let notInTransaction: StaticString = "ERR Command not allowed inside a transaction"
    public static func readFailed(_ reason: String) -> String { "ERR the flash tier failed to read: \(reason)" }
    public static let execWithoutMulti: StaticString = "ERR EXEC without MULTI"
    public static let discardWithoutMulti: StaticString = "ERR DISCARD without MULTI"
    public static let nestedMulti: StaticString = "ERR MULTI calls can not be nested"
    public static let watchInMulti: StaticString = "ERR WATCH inside MULTI is not allowed"
    public static let noScript: StaticString = "NOSCRIPT No matching script. Please use EVAL."
    public static let busyScript: StaticString =
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    public static let busyFunction: StaticString =
        "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
    public static let notBusy: StaticString = "NOTBUSY No scripts in execution right now."
    public static let unblocked: StaticString = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

    /// At most 128 bytes of the name and 128 of the arguments are repeated.
    public static func unknownCommand(_ name: ByteSlice, _ arguments: [ByteSlice]) -> [UInt8] {
        var shown: [UInt8] = []
        for argument in arguments where shown.count < 128 {
            let room = 128 - shown.count
            shown += [0x27] + argument.prefix(room).array + [0x27, 0x20]
        }
        return join("ERR unknown command '", name.prefix(128), "', with args beginning with: ") + shown
    }

    /// `command` is the full name in lower case, `config|get` for a subcommand.
    public static func wrongArity(_ command: ByteSlice) -> [UInt8] {
        join("ERR wrong number of arguments for '", command, "' command")
    }

    /// `command` as the client wrote it.
    public static func unknownSubcommand(_ name: ByteSlice, command: ByteSlice) -> [UInt8] {
        join("ERR unknown subcommand '", name.prefix(128), "'. Try ") + uppercased(command) + Array(" HELP.".utf8)
    }

    /// Where a subcommand is known but its arguments are not: `command` as the client wrote it.
    public static func subcommandSyntax(_ name: ByteSlice, command: ByteSlice) -> [UInt8] {
        join("ERR unknown subcommand or wrong number of arguments for '", name.prefix(128), "'. Try ")
            + uppercased(command) + Array(" HELP.".utf8)
    }

    // MARK: The server's state
    public static let loading: StaticString = "LOADING Redis is loading the dataset in memory"
    public static let masterDown: StaticString =
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
    public static let readOnlyReplica: StaticString = "READONLY You can't write against a read only replica."
    public static let noReplicas: StaticString = "NOREPLICAS Not enough good replicas to write."
    public static let collectionTooLarge: StaticString =
        "OOM the collection takes half of the memory that 'maxmemory' leaves for records and can't grow."
    public static let collectionTooLargeAsAWhole = """
        OOM the collection is larger than half of the memory that 'maxmemory' leaves for records and can't be used \
        as a whole.
        """
    public static let outOfMemory: StaticString = "OOM command not allowed when used memory > 'maxmemory'."
    public static let saveFailing: StaticString = """
        MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that \
        may modify the data set are disabled, because this instance is configured to report errors during writes if \
        RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the \
        RDB error.
        """
    public static let maxClients: StaticString = "ERR max number of clients reached"
    public static let protectedMode: StaticString = """
        DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the \
        default user. In this mode connections are only accepted from the loopback interface. If you want to connect \
        from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode \
        sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the \
        same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
        so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode \
        by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting \
        the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' \
        option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above \
        things in order for the server to start accepting connections from the outside.
        """

    // MARK: Permission
    public static let debugNotAllowed: StaticString = """
        ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a \
        local connection, otherwise you need to set this option in the configuration file, and then restart the \
        server.
        """
    public static let noAuth: StaticString = "NOAUTH Authentication required."
    public static let wrongPass: StaticString =
        "WRONGPASS invalid username-password pair or user is disabled."
    public static let noPermissionKey: StaticString =
        "NOPERM this user has no permissions to access one of the keys used as arguments"
    public static let noPermissionChannel: StaticString =
        "NOPERM this user has no permissions to access one of the channels used as arguments"
    public static let unsupportedProtocol: StaticString = "NOPROTO unsupported protocol version"
    public static let crossSlot: StaticString = "CROSSSLOT Keys in request don't hash to the same slot"

    /// `command` is the full name in lower case.
    public static func noPermission(command: ByteSlice) -> [UInt8] {
        join("NOPERM this user has no permissions to run the '", command, "' command")
    }

    private static func join(_ before: StaticString, _ middle: ByteSlice, _ after: StaticString) -> [UInt8] {
        ByteSlice(before).array + middle.array + ByteSlice(after).array
    }

    private static func uppercased(_ bytes: ByteSlice) -> [UInt8] {
        bytes.buffer.map { $0 &- 0x61 < 26 ? $0 & ~0x20 : $0 }
    }
}
