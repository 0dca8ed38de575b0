import Bytes
import Values

// Lists in RDB:
//
//     1   list         count, strings
//     10  ziplist      one string that is a ziplist
//     14  quicklist    count, strings that are ziplists
//     18  quicklist2   count, each: container, string        container 1: the element, 2: a listpack
//
// Written is 18, as by Redis 7.0. Older forms come from older servers' dump files.

enum RDBLists {
    static let plain: UInt8 = 1
    static let ziplist: UInt8 = 10
    static let quicklist: UInt8 = 14
    static let quicklist2: UInt8 = 18
    static let types = [plain, ziplist, quicklist, quicklist2]

    private static let plainContainer: UInt64 = 1
    private static let packedContainer: UInt64 = 2
    /// An element from this size on is written as it is: in a listpack its string would be longer than a reader's limit
    /// for strings may be. Redis does so from 1 GiB on, and reads both.
    private static let plainBytes = 256 << 20

    /// Appends form 18. O(bytes).
    static func append(_ list: ListValue, compresses: Bool, to buffer: inout ByteBuffer) {
        RDBEncoder.append(length: UInt64(list.pageCount), to: &buffer)
        list.forEachPage { page in
            if page.totalBytes >= plainBytes, page.next(page.first) == page.end {
                RDBEncoder.append(length: plainContainer, to: &buffer)
                page.withBytes(page.first) { RDBEncoder.append(string: $0, compresses: compresses, to: &buffer) }
            } else {
                RDBEncoder.append(length: packedContainer, to: &buffer)
                RDBEncoder.append(string: page.bytes, compresses: compresses, to: &buffer)
            }
        }
    }

    static func decode(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> ListValue {
        let list = ListValue()
        switch type {
        case ziplist: try appendZiplist(&cursor, to: list)
        case plain:
            for _ in 0..<(try cursor.count()) { push(try cursor.string(), to: list) }
        case quicklist:
            for _ in 0..<(try cursor.count()) { try appendZiplist(&cursor, to: list) }
        default:
            for _ in 0..<(try cursor.count()) {
                switch try cursor.length() {
                case plainContainer:
                    let element = try cursor.string()
                    // Only elements too large for a listpack are written so.
                    guard element.withBytes({ !$0.isEmpty }) else { throw .badFormat }
                    push(element, to: list)
                case packedContainer: list.appendPage(try cursor.listpack())
                default: throw .badFormat
                }
            }
        }
        guard list.count > 0 else { throw .badFormat }
        return list
    }

    private static func push(_ string: RDBString, to list: ListValue) {
        string.withBytes { list.push($0, .right) }
    }

    private static func appendZiplist(_ cursor: inout RDBCursor, to list: ListValue) throws(RDBError) {
        let isValid = try cursor.string().withBytes { bytes in
            Ziplist.forEach(bytes) { entry in
                switch entry {
                case .bytes(let slice): list.push(slice, .right)
                case .integer(let number): Decimal.bytes(number).withSlice { list.push($0, .right) }
                }
            }
        }
        guard isValid else { throw .badFormat }
    }
}
