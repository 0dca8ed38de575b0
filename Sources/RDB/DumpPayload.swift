import Bytes
import Synchronization
import Values

// DUMP's payload:
//
//     type (1) | value | version (2, little-endian) | CRC-64 of all before (8, little-endian)
//
// Between value and version there may be the expiries of members, as KeyDB has them; see RDBMemberExpiries.

/// A serialised value, as DUMP answers it and RESTORE and MIGRATE take it.
public enum DumpPayload {
    static let footerBytes = 10
    /// Whether payloads with a wrong checksum are taken: tests make some by hand.
    public static let takesWrongChecksums = Atomic<Bool>(false)

    /// Appends the payload of a record's value.
    public static func append(of record: Record, compresses: Bool, to buffer: inout ByteBuffer) {
        let isCollection: Void? = record.withCollection {
            append(.collection($0), compresses: compresses, to: &buffer)
        }
        if isCollection == nil {
            record.withString { append(.string(.view($0)), compresses: compresses, to: &buffer) }
        }
    }

    /// Appends the payload of `value` to `buffer`. O(n).
    public static func append(_ value: RDBValue, compresses: Bool = true, to buffer: inout ByteBuffer) {
        let before = buffer.count
        RDBEncoder.append(type: value, to: &buffer)
        RDBEncoder.append(body: value, compresses: compresses, to: &buffer)
        RDBMemberExpiries.append(value, to: &buffer)
        let version = RDBEncoder.version(of: value)
        buffer.append(UInt8(version & 0xff))
        buffer.append(UInt8(version >> 8))
        let checksum = CRC64.checksum(buffer.slice.dropFirst(before))
        RDBEncoder.append(littleEndian: checksum, to: &buffer)
    }

    /// Checks the footer: `.wrongVersionOrChecksum` is RESTORE's "DUMP payload version or checksum are wrong". O(n).
    public static func verify(_ payload: ByteSlice) throws(RDBError) {
        let body = payload.count - footerBytes
        guard body >= 0 else { throw .wrongVersionOrChecksum }
        let version = Int(payload[body]) | Int(payload[body + 1]) << 8
        guard version <= RDBFormat.newestReadable else { throw .wrongVersionOrChecksum }
        if takesWrongChecksums.load(ordering: .relaxed) { return }
        let checksum = CRC64.checksum(payload[0..<body + 2])
        guard case .found(checksum, _) = RDBScan.littleEndian(payload, at: body + 2, bytes: 8) else {
            throw .wrongVersionOrChecksum
        }
    }

    /// The value in `payload`, after `verify`. Views in it are valid as long as `payload`. Every error but
    /// `.wrongVersionOrChecksum` is RESTORE's "Bad data format". Bytes behind the value are ignored, as Redis does.
    /// O(n).
    public static func decode(
        _ payload: ByteSlice, maximumStringBytes: Int = RDBFormat.maximumStringBytes
    ) throws(RDBError) -> RDBValue {
        try verify(payload)
        let body = payload[0..<payload.count - footerBytes]
        guard body.count > 0 else { throw .badFormat }
        try RDBValue.check(type: body[0])
        if body[0] != RDBType.string {
            var cursor = RDBCursor(body, at: 1, maximumStringBytes: maximumStringBytes)
            do {
                let collection = try RDBCollections.decode(body[0], &cursor)
                try RDBMemberExpiries.decode(&cursor, for: collection)
                return .collection(collection)
            } catch {
                throw error == .truncated ? .badFormat : error
            }
        }
        switch try RDBScan.string(body, at: 1, limit: maximumStringBytes) {
        case .needs: throw .badFormat
        case .found(let shape, _): return .string(try shape.materialised(body))
        }
    }
}

extension DumpPayload {
    /// What a log says of a payload for which `decode` threw `error`, in Redis' words.
    public static func complaint(_ payload: ByteSlice, _ error: RDBError) -> String {
        if case .damagedStream(let damage) = error { return damage.rawValue }
        let form =
            switch payload.isEmpty ? RDBType.string : payload[0] {
            case RDBType.string: "String"
            case RDBLists.ziplist, RDBLists.quicklist: "List ziplist"
            case RDBLists.quicklist2: "List listpack"
            case RDBType.hashZipmap: "Zipmap"
            case RDBType.hashZiplist: "Hash ziplist"
            case RDBType.hashListpack: "Hash listpack"
            case RDBSortedSets.ziplist: "Zset ziplist"
            case RDBSortedSets.listpack: "Zset listpack"
            default: "Value"
            }
        return form + " integrity check failed."
    }
}

extension RDBValue {
    /// Throws unless `type` is one that can be decoded.
    static func check(type: UInt8) throws(RDBError) {
        if type == RDBType.string || RDBCollections.types.contains(type) { return }
        throw type <= RDBType.largest ? .unsupportedType(type) : .badFormat
    }
}
