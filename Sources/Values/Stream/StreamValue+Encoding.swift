import Bytes

// A stream on flash. The format is on disk: form 0 is never given another meaning. Numbers are little endian, IDs as in
// DUMP, names begin with their length.
//
//     form 0 (1) | length (8) | last and greatest deleted ID (16 each) | entries added (8)
//     pages (8):      ID (16) | the page, which begins with its length
//     groups (8):     name (4 + n) | last ID (16) | entries read, -1: not known (8)
//       consumers (8):  name (4 + n) | seen, active, -1: never (8 each)
//         deliveries (8):  ID (16) | time (8) | count (8)

extension StreamValue {
    private static let wholeForm: UInt8 = 0

    /// What `encode` does.
    func write(to buffer: inout ByteBuffer) {
        buffer.reserve(encodedBytes)
        buffer.append(Self.wholeForm)
        buffer.append(number: Int64(count))
        buffer.append(lastID)
        buffer.append(maximumDeletedID)
        buffer.append(number: entriesAdded)
        buffer.append(number: Int64(pageCount))
        // Collected apart: a closure can't change the buffer it was handed.
        var part = ByteBuffer()
        forEachPage { id, page in
            part.append(id)
            part.append(page.bytes)
        }
        buffer.append(part.slice)
        buffer.append(number: Int64(groups.count))
        for group in groups {
            part.removeAll()
            part.append(name: group.name)
            part.append(group.lastID)
            part.append(number: group.entriesRead ?? -1)
            part.append(number: Int64(group.consumers.count))
            for consumer in group.consumers {
                part.append(name: consumer.name)
                part.append(number: consumer.seenTime)
                part.append(number: consumer.activeTime ?? -1)
                part.append(number: Int64(consumer.pendingCount))
                consumer.forEachPending { id in
                    guard let delivery = group.delivery(of: id) else {
                        preconditionFailure("a consumer has \(id), its group doesn't know of it")
                    }
                    part.append(id)
                    part.append(number: delivery.time)
                    part.append(number: delivery.count)
                    return true
                }
            }
            buffer.append(part.slice)
        }
    }

    /// The value from what `encode` has written; nil if the bytes are not in the format. O(bytes).
    static func decode(_ bytes: ByteSlice) -> StreamValue? {
        var reader = Reader(rest: bytes.dropFirst(1))
        guard !bytes.isEmpty, bytes[0] == wholeForm, let length = reader.number(), let last = reader.id(),
            let deleted = reader.id(), let added = reader.number(), let pages = reader.number()
        else { return nil }
        let value = StreamValue()
        for _ in 0..<max(pages, 0) {
            guard let id = reader.id(), let page = reader.page(), value.append(page, id) else { return nil }
        }
        value.entriesAdded = added
        value.maximumDeletedID = deleted
        guard value.finish(length: length, lastID: last), let groups = reader.number() else {
            return nil
        }
        for _ in 0..<max(groups, 0) {
            guard let name = reader.name(), let lastID = reader.id(), let read = reader.number(),
                let group = value.createGroup(name, lastID: lastID, entriesRead: read < 0 ? nil : read),
                reader.consumers(of: group)
            else { return nil }
        }
        return reader.rest.isEmpty ? value : nil
    }

    /// Ends the making of a stream whose pages have been appended: false if what was said of them isn't so.
    public func finish(length: Int64, lastID: StreamID) -> Bool {
        guard length == Int64(count), lastEntryID.map({ $0 <= lastID }) ?? true else { return false }
        self.lastID = lastID
        removed(0)
        return true
    }

    /// Reads the parts from the front of what is left; nil where they are missing.
    private struct Reader {
        var rest: ByteSlice

        mutating func number() -> Int64? {
            guard rest.count >= 8 else { return nil }
            let bits = UnsafeRawPointer(rest.base).loadUnaligned(as: UInt64.self)
            rest = rest.dropFirst(8)
            return Int64(bitPattern: UInt64(littleEndian: bits))
        }

        mutating func id() -> StreamID? {
            let id = StreamID(bytes: rest.prefix(StreamID.encodedBytes))
            rest = rest.dropFirst(StreamID.encodedBytes)
            return id
        }

        private func length() -> Int? {
            guard rest.count >= 4 else { return nil }
            return Int(UInt32(littleEndian: UnsafeRawPointer(rest.base).loadUnaligned(as: UInt32.self)))
        }

        mutating func name() -> ByteSlice? {
            guard let length = length(), length <= rest.count - 4 else { return nil }
            defer { rest = rest.dropFirst(4 + length) }
            return rest[4..<4 + length]
        }

        mutating func page() -> Listpack? {
            guard let length = length(), length <= rest.count else { return nil }
            defer { rest = rest.dropFirst(length) }
            return ListpackCheck.listpack(rest.prefix(length))
        }

        mutating func consumers(of group: StreamGroup) -> Bool {
            guard let consumers = number() else { return false }
            for _ in 0..<max(consumers, 0) {
                guard let name = name(), let seen = number(), let active = number(), let deliveries = number(),
                    let consumer = group.createConsumer(name, at: seen)
                else { return false }
                consumer.activeTime = active < 0 ? nil : active
                for _ in 0..<max(deliveries, 0) {
                    guard let id = id(), let time = number(), let count = number(), group.delivery(of: id) == nil else {
                        return false
                    }
                    group.set(id, StreamDelivery(time: time, count: count, consumer: consumer))
                }
            }
            return true
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func append(number: Int64) {
        let tail = writableTail(8)
        // Eight bytes were asked for, so the tail has an address.
        UnsafeMutableRawPointer(tail.baseAddress.unsafelyUnwrapped)
            .storeBytes(of: UInt64(bitPattern: number).littleEndian, as: UInt64.self)
        didAppend(8)
    }

    fileprivate mutating func append(_ id: StreamID) {
        append(number: Int64(bitPattern: id.milliseconds.byteSwapped))
        append(number: Int64(bitPattern: id.sequence.byteSwapped))
    }

    fileprivate mutating func append(name: [UInt8]) {
        for index in 0..<4 { append(UInt8(truncatingIfNeeded: name.count >> (8 * index))) }
        name.withSlice { append($0) }
    }
}
