import Bytes
import Values

/// Sets in RDB: as members one behind the other, an intset as it is in memory, or (7.2) a listpack of members.
enum RDBSets {
    // Type bytes, on disk: never to be renumbered.
    private static let members: UInt8 = 2
    private static let intset: UInt8 = 11
    private static let listpack: UInt8 = 20

    static let types = [members, intset, listpack]

    static func type(of set: SetValue) -> UInt8 { set.intset == nil ? members : intset }

    static func append(body set: SetValue, compresses: Bool, to buffer: inout ByteBuffer) {
        if let intset = set.intset {
            RDBEncoder.append(string: intset.bytes, compresses: compresses, to: &buffer)
            return
        }
        RDBEncoder.append(length: UInt64(set.count), to: &buffer)
        set.forEach { member in
            switch member {
            case .integer(let number): RDBEncoder.append(integer: number, to: &buffer)
            case .bytes(let slice): RDBEncoder.append(string: slice, compresses: compresses, to: &buffer)
            }
            return true
        }
    }

    static func decode(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> SetValue {
        let set = SetValue()
        switch type {
        case intset:
            guard let integers = try cursor.string().withBytes({ Intset(checking: $0) }) else { throw .badFormat }
            let set = SetValue(integers)
            guard set.count > 0 else { throw .badFormat }
            return set
        case listpack:
            let list = try cursor.listpack()
            defer { list.free() }
            guard set.addAll(list) else { throw .badFormat }
        default:
            for _ in 0..<(try cursor.count()) {
                guard try cursor.string().withBytes({ set.add($0) }) else { throw .badFormat }
            }
        }
        guard set.count > 0 else { throw .badFormat }
        return set
    }
}
