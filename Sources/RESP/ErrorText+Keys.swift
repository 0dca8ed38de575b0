import Bytes

/// The texts of commands on keys as such: RESTORE, OBJECT, EXPIRE.
extension ErrorText {
    public static let invalidTTL: StaticString = "ERR Invalid TTL value, must be >= 0"
    public static let invalidIdleTime: StaticString = "ERR Invalid IDLETIME value, must be >= 0"
    public static let invalidFrequency: StaticString = "ERR Invalid FREQ value, must be >= 0 and <= 255"
    public static let migrateKeys: StaticString =
        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string"
    public static let wrongPayload: StaticString = "ERR DUMP payload version or checksum are wrong"
    public static let badPayload: StaticString = "ERR Bad data format"
    public static let frequencyNotTracked: StaticString = """
        ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
        between policies at runtime LRU and LFU data will take some time to adjust.
        """
    public static let idleTimeNotTracked: StaticString = """
        ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
        policies at runtime LRU and LFU data will take some time to adjust.
        """

    /// `option` as the client wrote it.
    public static func unsupportedOption(_ option: ByteSlice) -> [UInt8] {
        ByteSlice("ERR Unsupported option ").array + option.array
    }
}
