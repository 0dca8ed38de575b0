import Bytes
import Values

// Collections in RDB: each type's forms are in a file of its own; here is what they share.

/// What a collection's decoder reads from: the bytes behind the type, at a place that moves on.
///
/// Running out of bytes throws `.truncated`, after which the decoder of a file reads more and begins the value again,
/// and the decoder of a payload calls it damage.
struct RDBCursor {
    let input: ByteSlice
    private(set) var at: Int
    private let limit: Int

    init(_ input: ByteSlice, at: Int, maximumStringBytes: Int) {
        self.input = input
        self.at = at
        limit = maximumStringBytes
    }

    private mutating func take<T>(_ scanned: Scanned<T>) throws(RDBError) -> T {
        switch scanned {
        case .needs: throw .truncated
        case .found(let value, let next):
            at = next
            return value
        }
    }

    mutating func length() throws(RDBError) -> UInt64 { try take(RDBScan.length(input, at: at)) }

    /// A number of things of which each takes a byte at least: more than there are bytes is damage in a payload, and in
    /// a file a reason to read more.
    mutating func count() throws(RDBError) -> Int {
        let count = try length()
        guard count <= UInt64(limit) else { throw .badFormat }
        guard count <= UInt64(input.count - at) else { throw .truncated }
        return Int(count)
    }

    mutating func string() throws(RDBError) -> RDBString {
        try take(RDBScan.string(input, at: at, limit: limit)).materialised(input)
    }

    mutating func littleEndian(bytes: Int) throws(RDBError) -> UInt64 {
        try take(RDBScan.littleEndian(input, at: at, bytes: bytes))
    }

    mutating func byte() throws(RDBError) -> UInt8 { UInt8(try littleEndian(bytes: 1)) }

    /// A string that is a listpack, checked. The caller frees it.
    mutating func listpack() throws(RDBError) -> Listpack {
        guard let list = try string().withBytes({ ListpackCheck.listpack($0) }) else { throw .badFormat }
        return list
    }
}

enum RDBCollections {
    /// Type bytes that `decode` knows.
    static let types: Set<UInt8> = Set(RDBLists.types).union(RDBSets.types).union(RDBSortedSets.types)
        .union(hashTypes).union(expiringHashTypes).union(RDBStreams.types)

    /// The type byte under which `append` writes this value.
    static func type(of value: CollectionValue) -> UInt8 {
        switch value {
        case let set as SetValue: return RDBSets.type(of: set)
        case let hash as HashValue: return hashType(hash)
        case is ListValue: return RDBLists.quicklist2
        case let value as SortedSetValue: return RDBSortedSets.type(of: value)
        case is StreamValue: return RDBStreams.second
        default: preconditionFailure("a collection that RDB does not know: \(value)")
        }
    }

    /// Appends what stands behind the type (and key). O(bytes).
    static func append(body value: CollectionValue, compresses: Bool, to buffer: inout ByteBuffer) {
        switch value {
        case let set as SetValue: RDBSets.append(body: set, compresses: compresses, to: &buffer)
        case let hash as HashValue: append(hash: hash, compresses: compresses, to: &buffer)
        case let list as ListValue: RDBLists.append(list, compresses: compresses, to: &buffer)
        case let value as SortedSetValue: RDBSortedSets.append(value, compresses: compresses, to: &buffer)
        case let stream as StreamValue: RDBStreams.append(stream, compresses: compresses, to: &buffer)
        default: preconditionFailure("a collection that RDB does not know: \(value)")
        }
    }

    /// The value that stands behind type byte `type`. An empty collection is `.badFormat`, as in Redis; but a stream
    /// may be empty.
    static func decode(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> CollectionValue {
        switch type {
        case let type where RDBSets.types.contains(type): return try RDBSets.decode(type, &cursor)
        case _ where hashTypes.contains(type): return try decodeHash(type, &cursor)
        case _ where expiringHashTypes.contains(type): return try decodeExpiringHash(type, &cursor)
        case _ where RDBLists.types.contains(type): return try RDBLists.decode(type, &cursor)
        case _ where RDBSortedSets.types.contains(type): return try RDBSortedSets.decode(type, &cursor)
        case _ where RDBStreams.types.contains(type): return try RDBStreams.decode(type, &cursor)
        default: throw type <= RDBType.largest ? .unsupportedType(type) : .badFormat
        }
    }
}
