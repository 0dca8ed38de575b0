import Bytes
import Values

// A hash in RDB:
//
//     16  a listpack, in a string: what the packed form is written as
//     4   number of pairs | field | value | field ...
//     13  a ziplist of field, value, field ..., in a string: of servers before 7.0
//     9   a zipmap, in a string: of servers before 2.6
//
// Where fields expire, ExpiringHashes writes other types.

extension RDBType {
    static let hash: UInt8 = 4
    static let hashListpack: UInt8 = 16
    static let hashZiplist: UInt8 = 13
    static let hashZipmap: UInt8 = 9
}

extension RDBCollections {
    static let hashTypes: Set<UInt8> = [
        RDBType.hash, RDBType.hashListpack, RDBType.hashZiplist, RDBType.hashZipmap,
    ]

    static func hashType(_ hash: HashValue) -> UInt8 {
        if hash.expiries != nil { return expiringHashType(hash) }
        return hash.listpack == nil ? RDBType.hash : RDBType.hashListpack
    }

    static func append(hash: HashValue, compresses: Bool, to buffer: inout ByteBuffer) {
        if hash.expiries != nil { return append(expiring: hash, compresses: compresses, to: &buffer) }
        if let listpack = hash.listpack {
            RDBEncoder.append(string: listpack.bytes, compresses: compresses, to: &buffer)
            return
        }
        RDBEncoder.append(length: UInt64(hash.count), to: &buffer)
        hash.forEach { pair in
            append(pair.page, pair.field, compresses, to: &buffer)
            append(pair.page, pair.value, compresses, to: &buffer)
            return true
        }
    }

    static func append(_ page: Listpack, _ at: Int, _ compresses: Bool, to buffer: inout ByteBuffer) {
        switch page.item(at) {
        case .integer(let number): RDBEncoder.append(integer: number, to: &buffer)
        case .bytes(let slice): RDBEncoder.append(string: slice, compresses: compresses, to: &buffer)
        }
    }

    static func decodeHash(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        switch type {
        case RDBType.hashListpack: return try decodeHashListpack(&cursor)
        case RDBType.hashZiplist, RDBType.hashZipmap: return try decodePacked(type, &cursor)
        default: return try decodePairs(&cursor)
        }
    }

    private static func decodePairs(_ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        let hash = HashValue()
        let pairs = try cursor.count()
        guard pairs > 0 else { throw .badFormat }
        for _ in 0..<pairs {
            let field = try cursor.string()
            let value = try cursor.string()
            let isNew = field.withBytes { field in value.withBytes { hash.set(field, $0) } }
            guard isNew else { throw .badFormat }
        }
        return hash
    }

    private static func decodeHashListpack(_ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        guard let hash = HashValue.make(taking: try cursor.listpack()), hash.count > 0 else { throw .badFormat }
        return hash
    }

    /// The fields are put in one by one, each only once.
    private static func decodePacked(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        let hash = HashValue()
        let isValid = try cursor.string().withBytes { bytes in
            if type == RDBType.hashZipmap { return Zipmap.forEach(bytes) { hash.set($0, $1) } }
            return Ziplist.forEachPair(bytes) { hash.set($0, $1) }
        }
        guard isValid, hash.count > 0 else { throw .badFormat }
        return hash
    }
}
