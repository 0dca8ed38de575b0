import Bytes
import Values

// Sorted sets in RDB. 17: a listpack of member, score, member, score ...; 5: pairs of a string and eight bytes of a
// double, from the highest to the lowest; 3: the double as text, of old versions; 12: a ziplist of member, score ..., of servers before 7.0.

enum RDBSortedSets {
    static let text: UInt8 = 3
    static let binary: UInt8 = 5
    static let listpack: UInt8 = 17
    static let ziplist: UInt8 = 12
    static let types = [text, binary, listpack, ziplist]

    static func type(of value: SortedSetValue) -> UInt8 { value.listpack == nil ? binary : listpack }

    static func append(_ value: SortedSetValue, compresses: Bool, to buffer: inout ByteBuffer) {
        if let list = value.listpack {
            return RDBEncoder.append(string: list.bytes, compresses: compresses, to: &buffer)
        }
        RDBEncoder.append(length: UInt64(value.count), to: &buffer)
        // Collected in a buffer that the closure may change.
        var pairs = ByteBuffer(capacity: value.encodedBytes)
        value.forEach(in: 0..<value.count, reversed: true) { member, score in
            RDBEncoder.append(string: member, compresses: compresses, to: &pairs)
            RDBEncoder.append(littleEndian: score.bitPattern, to: &pairs)
        }
        buffer.append(pairs.slice)
    }

    static func decode(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> SortedSetValue {
        let value = SortedSetValue()
        if type == listpack {
            let list = try cursor.listpack()
            defer { list.free() }
            try add(list, to: value)
        } else if type == ziplist {
            let isValid = try cursor.string().withBytes { bytes in
                Ziplist.forEachPair(bytes) { (try? add($0, Decimal.parseDouble($1), to: value)) != nil }
            }
            guard isValid else { throw .badFormat }
        } else {
            for _ in 0..<(try cursor.count()) {
                let member = try cursor.string()
                let score = type == binary ? try binaryScore(&cursor) : try textScore(&cursor)
                try add(member, score, to: value)
            }
        }
        guard value.count > 0 else { throw .badFormat }
        return value
    }

    /// Members are put in one by one: order, limits and the forms of integers are this server's then.
    private static func add(_ list: Listpack, to value: SortedSetValue) throws(RDBError) {
        guard list.count % 2 == 0 else { throw .badFormat }
        var at = list.first
        while at < list.end {
            let behind = list.next(at)
            let score: Double? =
                switch list.item(behind) {
                case .integer(let number): Double(number)
                case .bytes(let text): Decimal.parseDouble(text)
                }
            try list.withBytes(at) { (member) throws(RDBError) in try add(member, score, to: value) }
            at = list.next(behind)
        }
    }

    private static func add(_ member: RDBString, _ score: Double, to value: SortedSetValue) throws(RDBError) {
        try member.withBytes { (bytes) throws(RDBError) in try add(bytes, score, to: value) }
    }

    private static func add(_ member: ByteSlice, _ score: Double?, to value: SortedSetValue) throws(RDBError) {
        guard let score, !score.isNaN, value.score(of: member) == nil else { throw .badFormat }
        value.set(member, score)
    }

    private static func binaryScore(_ cursor: inout RDBCursor) throws(RDBError) -> Double {
        Double(bitPattern: try cursor.littleEndian(bytes: 8))
    }

    /// The text's length and the text; 253 NaN, 254 and 255 the infinities.
    private static func textScore(_ cursor: inout RDBCursor) throws(RDBError) -> Double {
        let length = try cursor.byte()
        switch length {
        case 255: return -.infinity
        case 254: return .infinity
        case 253: throw .badFormat
        default: break
        }
        var text: [UInt8] = []
        for _ in 0..<length { text.append(try cursor.byte()) }
        guard let score = text.withSlice({ Decimal.parseDouble($0) }) else { throw .badFormat }
        return score
    }
}
