import Bytes

/// The texts of commands on the bits of strings, and on those strings that are HyperLogLogs.
extension ErrorText {
    public static let bitopNotOneSource: StaticString = "ERR BITOP NOT must be called with a single source key."
    public static let bitopShiftSources: StaticString =
        "ERR BITOP SHIFT must be called with a single source key and an integer shift."
    public static let bitopShiftNotInteger: StaticString = "ERR BITOP SHIFT's last parameter must be an integer"
    public static let bitfieldOverflow: StaticString = "ERR Invalid OVERFLOW type specified"
    public static let bitfieldType: StaticString =
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
    public static let bitfieldReadOnly: StaticString = "ERR BITFIELD_RO only supports the GET subcommand"

    public static let notHyperLogLog: StaticString = "WRONGTYPE Key is not a valid HyperLogLog string value."
    public static let corruptHyperLogLog: StaticString = "INVALIDOBJ Corrupted HLL object detected"
    public static let debuggedKeyMissing: StaticString = "ERR The specified key does not exist"
    public static let notSparse: StaticString = "ERR HLL encoding is not sparse"

    /// `word` as the client wrote it.
    public static func unknownDebugSubcommand(_ word: ByteSlice) -> [UInt8] {
        ByteSlice("ERR Unknown PFDEBUG subcommand '").array + word.array + [UInt8(ascii: "'")]
    }
}
