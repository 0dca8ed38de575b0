import Bytes
import Values

// Streams in RDB:
//
//     pages, each: ID (a string of 16 bytes), page (a string that is a listpack)
//     entries | last ID | [first ID | greatest deleted ID | entries ever added]
//     groups, each: name | last ID | [entries read] | deliveries, each: ID | time (8) | count
//         consumers, each: name | seen (8) | [active (8)] | deliveries, each: ID
//
// An ID is two lengths, but 16 bytes before a page and in a delivery. Form 15 is without what stands in brackets, 19
// has all but "active", 21 (7.2) has it. Written is 19, as by Redis 7.0.

/// What of a stream's parts can't be, in the words of Redis' log.
public enum StreamDamage: String, Sendable {
    case page = "Stream listpack integrity check failed."
    case groupTwice = "Duplicated consumer group name."
    case deliveryTwice = "Duplicated global PEL entry loading stream consumer group"
    case consumerTwice = "Duplicate stream consumer detected."
    case deliveryOfNoGroup = "Consumer entry not found in group global PEL"
    case deliveryToTwo = "Stream consumer PEL entry already has a consumer assigned"
    case deliveryToNobody = "Stream CG PEL entry without consumer"
}

enum RDBStreams {
    static let first: UInt8 = 15
    static let second: UInt8 = 19
    static let third: UInt8 = 21
    static let types = [first, second, third]

    // MARK: Writing

    static func append(_ stream: StreamValue, compresses: Bool, to buffer: inout ByteBuffer) {
        RDBEncoder.append(length: UInt64(stream.pageCount), to: &buffer)
        // Collected in a buffer that the closures may change.
        var part = ByteBuffer()
        stream.forEachPage { id, page in
            id.withBytes { RDBEncoder.append(string: $0, compresses: compresses, to: &part) }
            RDBEncoder.append(string: page.bytes, compresses: compresses, to: &part)
        }
        buffer.append(part.slice)
        RDBEncoder.append(length: UInt64(stream.count), to: &buffer)
        append(stream.lastID, to: &buffer)
        append(stream.firstID, to: &buffer)
        append(stream.maximumDeletedID, to: &buffer)
        RDBEncoder.append(length: UInt64(bitPattern: stream.entriesAdded), to: &buffer)
        RDBEncoder.append(length: UInt64(stream.groups.count), to: &buffer)
        for group in stream.groups {
            part.removeAll()
            append(group, compresses: compresses, to: &part)
            buffer.append(part.slice)
        }
    }

    private static func append(_ id: StreamID, to buffer: inout ByteBuffer) {
        RDBEncoder.append(length: id.milliseconds, to: &buffer)
        RDBEncoder.append(length: id.sequence, to: &buffer)
    }

    private static func append(_ group: StreamGroup, compresses: Bool, to buffer: inout ByteBuffer) {
        group.name.withSlice { RDBEncoder.append(string: $0, compresses: compresses, to: &buffer) }
        append(group.lastID, to: &buffer)
        RDBEncoder.append(length: UInt64(bitPattern: group.entriesRead ?? -1), to: &buffer)
        RDBEncoder.append(length: UInt64(group.pendingCount), to: &buffer)
        group.forEachPending { id, delivery in
            id.withBytes { buffer.append($0) }
            RDBEncoder.append(littleEndian: UInt64(bitPattern: delivery.time), to: &buffer)
            RDBEncoder.append(length: UInt64(bitPattern: delivery.count), to: &buffer)
            return true
        }
        RDBEncoder.append(length: UInt64(group.consumers.count), to: &buffer)
        for consumer in group.consumers {
            consumer.name.withSlice { RDBEncoder.append(string: $0, compresses: compresses, to: &buffer) }
            RDBEncoder.append(littleEndian: UInt64(bitPattern: consumer.seenTime), to: &buffer)
            RDBEncoder.append(length: UInt64(consumer.pendingCount), to: &buffer)
            consumer.forEachPending { id in
                id.withBytes { buffer.append($0) }
                return true
            }
        }
    }

    // MARK: Reading

    static func decode(_ type: UInt8, _ cursor: inout RDBCursor) throws(RDBError) -> StreamValue {
        let stream = StreamValue()
        for _ in 0..<(try cursor.count()) {
            guard let id = try cursor.string().withBytes({ StreamID(bytes: $0) }) else { throw .badFormat }
            guard let page = try cursor.string().withBytes({ ListpackCheck.listpack($0) }), stream.append(page, id)
            else { throw .damagedStream(.page) }
        }
        let length = Int64(truncatingIfNeeded: try cursor.length())
        let last = try id(&cursor)
        if type == first {
            stream.entriesAdded = length
        } else {
            // The first ID: it is known from the pages.
            _ = try id(&cursor)
            stream.maximumDeletedID = try id(&cursor)
            stream.entriesAdded = Int64(truncatingIfNeeded: try cursor.length())
        }
        guard stream.finish(length: length, lastID: last) else { throw .badFormat }
        for _ in 0..<(try cursor.count()) { try addGroup(type, &cursor, to: stream) }
        return stream
    }

    private static func id(_ cursor: inout RDBCursor) throws(RDBError) -> StreamID {
        let milliseconds = try cursor.length()
        return StreamID(milliseconds, try cursor.length())
    }

    private static func plainID(_ cursor: inout RDBCursor) throws(RDBError) -> StreamID {
        let milliseconds = try cursor.littleEndian(bytes: 8).byteSwapped
        return StreamID(milliseconds, try cursor.littleEndian(bytes: 8).byteSwapped)
    }

    private static func time(_ cursor: inout RDBCursor) throws(RDBError) -> Int64 {
        Int64(bitPattern: try cursor.littleEndian(bytes: 8))
    }

    private static func addGroup(_ type: UInt8, _ cursor: inout RDBCursor, to stream: StreamValue) throws(RDBError) {
        let name = try cursor.string()
        let last = try id(&cursor)
        let read: Int64? =
            type == first ? stream.distance(to: last) : Int64(truncatingIfNeeded: try cursor.length())
        let entriesRead = read.flatMap { $0 < 0 ? nil : $0 }
        guard let group = name.withBytes({ stream.createGroup($0, lastID: last, entriesRead: entriesRead) }) else {
            throw .damagedStream(.groupTwice)
        }
        // Whose they are is said by the consumers: each must have exactly one.
        var deliveries: [StreamID: (time: Int64, count: Int64)] = [:]
        for _ in 0..<(try cursor.count()) {
            let id = try plainID(&cursor)
            let given = try time(&cursor)
            let count = Int64(truncatingIfNeeded: try cursor.length())
            guard deliveries.updateValue((given, count), forKey: id) == nil else {
                throw .damagedStream(.deliveryTwice)
            }
        }
        for _ in 0..<(try cursor.count()) {
            let name = try cursor.string()
            let seen = try time(&cursor)
            guard let consumer = name.withBytes({ group.createConsumer($0, at: seen) }) else {
                throw .damagedStream(.consumerTwice)
            }
            // Older forms don't say when a consumer was given something: not after it was seen, as 7.2 assumes too.
            let active = type == third ? try time(&cursor) : seen
            consumer.activeTime = active < 0 ? nil : active
            for _ in 0..<(try cursor.count()) {
                let id = try plainID(&cursor)
                guard let found = deliveries.removeValue(forKey: id) else {
                    throw .damagedStream(group.delivery(of: id) == nil ? .deliveryOfNoGroup : .deliveryToTwo)
                }
                group.set(id, StreamDelivery(time: found.time, count: found.count, consumer: consumer))
            }
        }
        guard deliveries.isEmpty else { throw .damagedStream(.deliveryToNobody) }
    }
}
