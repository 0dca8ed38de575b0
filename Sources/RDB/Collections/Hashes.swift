import Bytes
import Values

// A hash in RDB:
//
//     16  a listpack, in a string: what the packed form is written as
//     4   number of pairs | field | value | field ...
//
// Where fields expire, ExpiringHashes writes other types.
//
// The forms of older servers, 13 (ziplist) and 9 (zipmap), are not read.

extension RDBType {
    static let hash: UInt8 = 4
    static let hashListpack: UInt8 = 16
}

extension RDBCollections {
    static let hashTypes: Set<UInt8> = [RDBType.hash, RDBType.hashListpack]

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

    static func decodeHash(_ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
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

    static func decodeHashListpack(_ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        guard let hash = HashValue.make(taking: try cursor.listpack()), hash.count > 0 else { throw .badFormat }
        return hash
    }
}
