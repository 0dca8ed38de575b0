// RDB: Redis' binary encoding of values, as DUMP and RESTORE exchange it and dump.rdb holds it.
//
// - `RDBEncoder` and `RDBStringScan` write and read the parts: lengths, strings, integers.
// - `DumpPayload` is a value with its footer (version and checksum): DUMP, RESTORE.
// - `RDBFileWriter` and `RDBFileReader` stream a whole file: header, AUX fields, databases, keys, checksum.
// - `CRC64` is the checksum of both.
//
// What comes from outside (a RESTORE, a file) is hostile until it has been read: every length is checked
// against the bytes that are really there before anything is allocated.
//
// This layer knows no keyspace: it turns bytes into `RDBValue` and back.
import Bytes
import Values

/// The format's version and bounds.
public enum RDBFormat {
    /// What is written: Redis 7.0's, which every later one loads.
    public static let version = 10
    /// Redis 7.4's: for what holds hashes whose fields expire, which earlier ones can't load.
    public static let versionOfFieldExpiries = 12
    /// The newest version that is read.
    public static let newestReadable = 12
    /// The longest string accepted: Redis' proto-max-bulk-len by default.
    public static let maximumStringBytes = 512 << 20
}

/// Why bytes are no RDB, or can't be read or written.
public enum RDBError: Error, Equatable, Sendable {
    /// A payload too short for its footer, of a newer version, or with another checksum.
    case wrongVersionOrChecksum
    /// Lengths, encodings or compressed data that contradict each other or the end of the input.
    case badFormat
    /// As `badFormat`, where it is known what of a stream contradicts what.
    case damagedStream(StreamDamage)
    /// A valid type byte that is not implemented (collections, modules).
    case unsupportedType(UInt8)
    /// A file whose opcode is valid but not implemented (module data).
    case unsupportedOpcode(UInt8)
    /// The file doesn't begin with "REDIS" and a version.
    case notRDB
    /// The file's version is newer than what can be read, or 0.
    case unsupportedVersion(Int)
    /// The file ends before its end mark.
    case truncated
    /// The file's checksum is wrong.
    case wrongChecksum
    /// A string is longer than the limit.
    case stringTooLong(Int)
    /// The source failed with this errno.
    case readFailed(Int32)
    /// The sink failed with this errno.
    case writeFailed(Int32)
}

/// The type byte before a value. Raw values are on disk: never to be renumbered.
public enum RDBType {
    public static let string: UInt8 = 0
    /// Largest type byte that any readable version defines; above it and below the opcodes everything is damage.
    static let largest: UInt8 = 25
}

/// The opcodes between the keys of a file. Raw values are on disk: never to be renumbered.
enum RDBOpcode {
    static let slotInfo: UInt8 = 244  // slot, its size, its expiring keys: Redis 8 and Valkey
    static let function: UInt8 = 245  // the source of a function library
    static let oldFunction: UInt8 = 246  // only release candidates of 7.0 wrote it
    static let moduleAux: UInt8 = 247
    static let idle: UInt8 = 248
    static let frequency: UInt8 = 249
    static let aux: UInt8 = 250
    static let resize: UInt8 = 251
    static let expireMilliseconds: UInt8 = 252
    static let expireSeconds: UInt8 = 253
    static let selectDatabase: UInt8 = 254
    static let end: UInt8 = 255
}

/// A decoded string.
public enum RDBString: Sendable {
    /// Encoded as an integer of at most 32 bits: its bytes are the decimal text.
    case integer(Int64)
    /// Bytes inside the input: valid as long as the input is.
    case view(ByteSlice)
    /// Bytes that were compressed.
    case owned(SharedBytes)

    /// Calls `body` with the string's bytes, valid during the call.
    public func withBytes<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        switch self {
        case .integer(let value): return try Decimal.bytes(value).withSlice(body)
        case .view(let slice): return try body(slice)
        case .owned(let bytes): return try body(bytes.slice)
        }
    }

    /// A copy of the string's bytes.
    public var array: [UInt8] { withBytes { $0.array } }
}

/// A decoded value.
public enum RDBValue: Sendable {
    case string(RDBString)
    /// Its own when decoded; a record's, whose lock is held, when encoded.
    case collection(CollectionValue)
}
