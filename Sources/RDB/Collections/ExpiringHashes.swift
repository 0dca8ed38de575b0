import Bytes
import Values

// A hash with fields that expire, as Redis since 7.4 writes it (DUMP, files):
//
//     25  earliest time (8) | a listpack, in a string: field, value, time, field ...
//     24  earliest time (8) | number of fields | time | field | value | time ...
//
// Times are unix milliseconds. In a listpack they are as they are, 0 where a field has none, and the fields are in
// their order, those without one last. In the other form they are lengths: 0 for none, else 1 + how long after the
// earliest. The forms of release candidates, which are read only, lack the earliest time, and the times of 22 are as
// they are:
//
//     23  a listpack, in a string
//     22  number of fields | time | field | value | time ...

extension RDBType {
    static let hashTimesCandidate: UInt8 = 22
    static let hashListpackTimesCandidate: UInt8 = 23
    static let hashTimes: UInt8 = 24
    static let hashListpackTimes: UInt8 = 25
}

extension RDBCollections {
    static let expiringHashTypes: Set<UInt8> = [
        RDBType.hashTimesCandidate, RDBType.hashListpackTimesCandidate, RDBType.hashTimes, RDBType.hashListpackTimes,
    ]

    static func expiringHashType(_ hash: HashValue) -> UInt8 {
        hash.listpack == nil ? RDBType.hashTimes : RDBType.hashListpackTimes
    }

    static func append(expiring hash: HashValue, compresses: Bool, to buffer: inout ByteBuffer) {
        let earliest = hash.earliestExpiry ?? 0
        RDBEncoder.append(littleEndian: UInt64(earliest), to: &buffer)
        if hash.listpack != nil {
            let list = triples(of: hash)
            defer { list.free() }
            return RDBEncoder.append(string: list.bytes, compresses: compresses, to: &buffer)
        }
        RDBEncoder.append(length: UInt64(hash.count), to: &buffer)
        hash.forEach { pair in
            let time = pair.page.withBytes(pair.field) { hash.expiry(of: $0) }
            RDBEncoder.append(length: time.map { UInt64($0 - earliest) + 1 } ?? 0, to: &buffer)
            append(pair.page, pair.field, compresses, to: &buffer)
            append(pair.page, pair.value, compresses, to: &buffer)
            return true
        }
    }

    /// The listpack of type 25, the caller's to free.
    private static func triples(of hash: HashValue) -> Listpack {
        var list = Listpack()
        func add(_ pair: HashValue.Pair, _ time: Int64) {
            list.append(entryOf: pair.page, pair.field)
            list.append(entryOf: pair.page, pair.value)
            list.append(integer: time)
        }
        if let times = hash.expiries {
            times.forEach(in: 0..<times.count) { field, time in
                if let pair = hash.find(field) { add(pair, Int64(time)) }
            }
        }
        hash.forEach { pair in
            if pair.page.withBytes(pair.field, { hash.expiry(of: $0) }) == nil { add(pair, 0) }
            return true
        }
        return list
    }

    static func decodeExpiringHash(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        var earliest: UInt64 = 0
        if type == RDBType.hashTimes || type == RDBType.hashListpackTimes {
            earliest = try cursor.littleEndian(bytes: 8)
            guard earliest <= UInt64(Int64.max) else { throw .badFormat }
        }
        if type == RDBType.hashListpackTimes || type == RDBType.hashListpackTimesCandidate {
            return try decodeTriples(&cursor)
        }
        let hash = HashValue()
        let fields = try cursor.count()
        guard fields > 0 else { throw .badFormat }
        for _ in 0..<fields {
            var time = try cursor.length()
            if type == RDBType.hashTimes, time > 0 {
                let (sum, overflows) = (time - 1).addingReportingOverflow(earliest)
                guard !overflows else { throw .badFormat }
                time = sum
            }
            let field = try cursor.string()
            let value = try cursor.string()
            guard time <= UInt64(MemberTime.latest) else { throw .badFormat }
            let isNew = field.withBytes { field in
                guard value.withBytes({ hash.set(field, $0) }) else { return false }
                if time > 0 { hash.setExpiry(of: field, Int64(time)) }
                return true
            }
            guard isNew else { throw .badFormat }
        }
        return hash
    }

    private static func decodeTriples(_ cursor: inout RDBCursor) throws(RDBError) -> HashValue {
        let list = try cursor.listpack()
        defer { list.free() }
        guard list.count > 0, list.count % 3 == 0 else { throw .badFormat }
        let hash = HashValue()
        var at = list.first
        while at < list.end {
            let value = list.next(at)
            let timeAt = list.next(value)
            guard case .integer(let time) = list.item(timeAt), (0...MemberTime.latest).contains(time) else {
                throw .badFormat
            }
            let isNew = list.withBytes(at) { field in
                guard list.withBytes(value, { hash.set(field, $0) }) else { return false }
                if time > 0 { hash.setExpiry(of: field, time) }
                return true
            }
            guard isNew else { throw .badFormat }
            at = list.next(timeAt)
        }
        return hash
    }
}
