import Bytes

// A file:
//
//     "REDIS" version (4 digits)
//     AUX (250) key value ...
//     for each database: SELECTDB (254) number, RESIZEDB (251) keys expiring-keys, then its keys:
//         [EXPIRETIME_MS (252) 8 bytes] [IDLE (248) seconds | FREQ (249) 1 byte] type key value [AUX ...]
//         (AUX: when members of it expire; see RDBMemberExpiries)
//     EOF (255)
//     CRC-64 of all before (8, little-endian); 0: not computed

/// What a file says about a key besides its value.
public struct RDBKeyInfo: Sendable, Equatable {
    /// Unix time in milliseconds, or nil.
    public var expiryMilliseconds: Int64?
    /// Seconds since the last access (LRU policies), or nil.
    public var idleSeconds: UInt64?
    /// Logarithmic access counter (LFU policies), or nil.
    public var frequency: UInt8?

    public init(expiryMilliseconds: Int64? = nil, idleSeconds: UInt64? = nil, frequency: UInt8? = nil) {
        self.expiryMilliseconds = expiryMilliseconds
        self.idleSeconds = idleSeconds
        self.frequency = frequency
    }
}

/// Writes an RDB file, in order and once, through a sink.
///
/// Call `aux`, then for each database `select` and `key`, then `finish`. Buffers 64 KiB; the sink gets pieces of
/// about that size (a long value in one piece) and throws `.writeFailed`, after which the writer must not be used.
public struct RDBFileWriter: ~Copyable {
    public typealias Sink = (ByteSlice) throws(RDBError) -> Void

    static let pieceBytes = 64 << 10

    private let sink: Sink
    private let compresses: Bool
    private let checksums: Bool
    private var buffer = ByteBuffer(capacity: pieceBytes)
    private var checksum: UInt64 = 0

    /// Bytes given to the sink so far.
    public private(set) var writtenBytes = 0

    /// - Parameters:
    ///   - compresses: rdbcompression.
    ///   - checksums: rdbchecksum; without it the file's checksum is 0, which readers take for "none".
    ///   - version: the format's; that of field expiries if a hash may have them.
    public init(
        compresses: Bool = true, checksums: Bool = true, version: Int = RDBFormat.version, sink: @escaping Sink
    ) {
        self.sink = sink
        self.compresses = compresses
        self.checksums = checksums
        buffer.append(ByteSlice("REDIS00"))
        buffer.append(UInt8(0x30 + version / 10))
        buffer.append(UInt8(0x30 + version % 10))
    }

    /// A field about the file or the server; readers skip those they don't know.
    public mutating func aux(_ key: ByteSlice, _ value: ByteSlice) throws(RDBError) {
        buffer.append(RDBOpcode.aux)
        RDBEncoder.append(string: key, compresses: compresses, to: &buffer)
        RDBEncoder.append(string: value, compresses: compresses, to: &buffer)
        try passOnIfFull()
    }

    public mutating func aux(_ key: StaticString, _ value: Int64) throws(RDBError) {
        buffer.append(RDBOpcode.aux)
        RDBEncoder.append(string: ByteSlice(key), compresses: compresses, to: &buffer)
        RDBEncoder.append(integer: value, to: &buffer)
        try passOnIfFull()
    }

    /// The following keys belong to `database`, which has about `keys` keys, `expiring` of them with an expiry.
    public mutating func select(database: Int, keys: Int, expiring: Int) throws(RDBError) {
        buffer.append(RDBOpcode.selectDatabase)
        RDBEncoder.append(length: UInt64(database), to: &buffer)
        buffer.append(RDBOpcode.resize)
        RDBEncoder.append(length: UInt64(keys), to: &buffer)
        RDBEncoder.append(length: UInt64(expiring), to: &buffer)
        try passOnIfFull()
    }

    public mutating func key(_ key: ByteSlice, _ info: RDBKeyInfo, _ value: RDBValue) throws(RDBError) {
        if let expiry = info.expiryMilliseconds {
            buffer.append(RDBOpcode.expireMilliseconds)
            RDBEncoder.append(littleEndian: UInt64(bitPattern: expiry), to: &buffer)
        }
        if let idle = info.idleSeconds {
            buffer.append(RDBOpcode.idle)
            RDBEncoder.append(length: idle, to: &buffer)
        } else if let frequency = info.frequency {
            buffer.append(RDBOpcode.frequency)
            buffer.append(frequency)
        }
        RDBEncoder.append(type: value, to: &buffer)
        RDBEncoder.append(string: key, compresses: compresses, to: &buffer)
        RDBEncoder.append(body: value, compresses: compresses, to: &buffer)
        RDBMemberExpiries.append(value, to: &buffer)
        try passOnIfFull()
    }

    /// A key whose value is the string `string`.
    public mutating func key(_ key: ByteSlice, _ info: RDBKeyInfo, string: ByteSlice) throws(RDBError) {
        try self.key(key, info, .string(.view(string)))
    }

    /// Writes the end mark and the checksum and passes on what is left.
    public mutating func finish() throws(RDBError) {
        buffer.append(RDBOpcode.end)
        try passOn()
        RDBEncoder.append(littleEndian: checksum, to: &buffer)
        try passOn()
    }

    private mutating func passOnIfFull() throws(RDBError) {
        if buffer.count >= Self.pieceBytes { try passOn() }
    }

    private mutating func passOn() throws(RDBError) {
        if checksums { checksum = CRC64.update(checksum, buffer.slice) }
        try sink(buffer.slice)
        writtenBytes += buffer.count
        buffer.removeAll()
        // A long value has made the buffer large; such values are rare.
        if buffer.capacity > 16 * Self.pieceBytes { buffer.release() }
    }
}
