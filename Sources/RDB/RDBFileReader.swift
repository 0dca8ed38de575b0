import Bytes
import Values

/// One thing in a file. Slices and views are valid until the reader's next call.
public enum RDBFileEvent: Sendable {
    case aux(key: RDBString, value: RDBString)
    /// The following keys belong to this database; the caller checks the number against its databases.
    case selectDatabase(UInt64)
    /// A hint at the database's size: not to be trusted with an allocation.
    case sizes(keys: UInt64, expiring: UInt64)
    case key(key: RDBString, info: RDBKeyInfo, value: RDBValue)
    /// The source of a function library.
    case function(RDBString)
    /// The end mark, the checksum checked.
    case end
}

/// Reads an RDB file, versions 1 to 12, through a source that fills a buffer.
///
/// Memory is bounded by the longest item that is really there, not by what a length claims: a string's
/// buffer grows as its bytes arrive. After an error the reader must not be used.
public struct RDBFileReader: ~Copyable {
    /// Fills the buffer from its front, returns the number of bytes (0: the file has ended); throws `.readFailed`.
    public typealias Source = (UnsafeMutableBufferPointer<UInt8>) throws(RDBError) -> Int

    static let pieceBytes = 64 << 10

    private let source: Source
    private let limit: Int
    private let checksChecksum: Bool
    private var buffer = ByteBuffer(capacity: pieceBytes)
    /// Bytes at the buffer's front that the last event has used: consumed by the next call.
    private var used = 0
    private var checksum: UInt64 = 0

    /// The file's version, once the first event has been read; 0 before.
    public private(set) var version = 0
    /// Bytes of the file that have been decoded, for progress.
    public private(set) var decodedBytes = 0

    public init(
        maximumStringBytes: Int = RDBFormat.maximumStringBytes, checksChecksum: Bool = true,
        source: @escaping Source
    ) {
        self.source = source
        self.checksChecksum = checksChecksum
        limit = maximumStringBytes
    }

    /// The next thing in the file; after `.end` it must not be called again.
    public mutating func next() throws(RDBError) -> RDBFileEvent {
        consumeUsed()
        if version == 0 { try readHeader() }
        var info = RDBKeyInfo()
        while true {
            let opcode = try byte()
            switch opcode {
            case RDBOpcode.expireMilliseconds:
                info.expiryMilliseconds = Int64(bitPattern: try littleEndian(8))
            case RDBOpcode.expireSeconds:
                let seconds = Int32(truncatingIfNeeded: try littleEndian(4))
                info.expiryMilliseconds = Int64(seconds) * 1000
            case RDBOpcode.idle:
                info.idleSeconds = try length()
            case RDBOpcode.frequency:
                info.frequency = try byte()
            case RDBOpcode.slotInfo:
                for _ in 0..<3 { _ = try length() }
            case RDBOpcode.selectDatabase:
                return .selectDatabase(try length())
            case RDBOpcode.resize:
                let keys = try length()
                return .sizes(keys: keys, expiring: try length())
            case RDBOpcode.aux:
                let key = try string()
                let value = try string()
                return .aux(key: try key.materialised(buffer.slice), value: try value.materialised(buffer.slice))
            case RDBOpcode.function:
                return .function(try string().materialised(buffer.slice))
            case RDBOpcode.oldFunction, RDBOpcode.moduleAux:
                throw .unsupportedOpcode(opcode)
            case RDBOpcode.end:
                try readEnd()
                return .end
            default:
                try RDBValue.check(type: opcode)
                let key = try string()
                if opcode != RDBType.string {
                    let value = try collection(opcode)
                    try readMemberExpiries(of: value)
                    return .key(key: try key.materialised(buffer.slice), info: info, value: .collection(value))
                }
                let value = try string()
                return .key(
                    key: try key.materialised(buffer.slice), info: info,
                    value: .string(try value.materialised(buffer.slice)))
            }
        }
    }

    /// Expiries of members stand behind their collection, each as two AUX fields.
    private mutating func readMemberExpiries(of value: CollectionValue) throws(RDBError) {
        var times = RDBMemberExpiries.Reader()
        while true {
            // At least the end mark follows a value.
            let before = used
            guard try byte() == RDBOpcode.aux else {
                used = before
                break
            }
            let name = try string()
            let text = try string()
            guard times.take(try name.materialised(buffer.slice), try text.materialised(buffer.slice), for: value)
            else {
                used = before
                break
            }
        }
    }

    private mutating func readHeader() throws(RDBError) {
        let header = 9
        try fill(to: header)
        let slice = buffer.slice
        guard slice.hasPrefix(ByteSlice("REDIS")) else { throw .notRDB }
        var number = 0
        for i in 5..<header {
            guard (0x30...0x39).contains(slice[i]) else { throw .notRDB }
            number = number * 10 + Int(slice[i] - 0x30)
        }
        guard number >= 1, number <= RDBFormat.newestReadable else { throw .unsupportedVersion(number) }
        version = number
        used = header
    }

    private mutating func readEnd() throws(RDBError) {
        consumeUsed()
        guard version >= 5 else { return }  // before version 5 the file ends here
        let computed = checksum
        let stored = try littleEndian(8)
        if checksChecksum, stored != 0, stored != computed { throw .wrongChecksum }
        consumeUsed()
    }

    // MARK: Parts. Each begins at `used` and moves it; offsets stay valid while the buffer grows.

    private mutating func byte() throws(RDBError) -> UInt8 {
        try fill(to: used + 1)
        used += 1
        return buffer.slice[used - 1]
    }

    private mutating func littleEndian(_ bytes: Int) throws(RDBError) -> UInt64 {
        while true {
            switch RDBScan.littleEndian(buffer.slice, at: used, bytes: bytes) {
            case .needs(let count): try fill(to: count)
            case .found(let value, let next):
                used = next
                return value
            }
        }
    }

    private mutating func length() throws(RDBError) -> UInt64 {
        while true {
            switch try RDBScan.length(buffer.slice, at: used) {
            case .needs(let count): try fill(to: count)
            case .found(let value, let next):
                used = next
                return value
            }
        }
    }

    private mutating func string() throws(RDBError) -> RDBStringShape {
        while true {
            switch try RDBScan.string(buffer.slice, at: used, limit: limit) {
            case .needs(let count): try fill(to: count)
            case .found(let shape, let next):
                used = next
                return shape
            }
        }
    }

    /// A collection is decoded as a whole: where bytes are missing, twice as many are read and it begins again, so that
    /// all attempts together cost no more than two of the last.
    private mutating func collection(_ type: UInt8) throws(RDBError) -> CollectionValue {
        while true {
            var cursor = RDBCursor(buffer.slice, at: used, maximumStringBytes: limit)
            do {
                let value = try RDBCollections.decode(type, &cursor)
                used = cursor.at
                return value
            } catch {
                guard error == .truncated else { throw error }
                try fillSome(max(buffer.count + Self.pieceBytes, used + 2 * (buffer.count - used)))
            }
        }
    }

    /// Reads until there are `count` bytes, or to the end of the file; throws if that brings nothing.
    private mutating func fillSome(_ count: Int) throws(RDBError) {
        let before = buffer.count
        while buffer.count < count {
            let got = try source(buffer.writableTail(Self.pieceBytes))
            if got == 0 { break }
            buffer.didAppend(got)
        }
        guard buffer.count > before else { throw .truncated }
    }

    /// Makes the first `count` bytes of what is left of the file readable.
    private mutating func fill(to count: Int) throws(RDBError) {
        while buffer.count < count {
            let got = try source(buffer.writableTail(Self.pieceBytes))
            guard got > 0 else { throw .truncated }
            buffer.didAppend(got)
        }
    }

    private mutating func consumeUsed() {
        guard used > 0 else { return }
        if checksChecksum { checksum = CRC64.update(checksum, buffer.slice[0..<used]) }
        buffer.consume(used)
        decodedBytes += used
        used = 0
        if buffer.isEmpty, buffer.capacity > 16 * Self.pieceBytes { buffer.release() }
    }
}
