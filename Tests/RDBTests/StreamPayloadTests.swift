import Bytes
import Testing
import Values

@testable import RDB

@Suite struct StreamPayloadTests {
    /// What redis-server 7.0.15 answered to DUMP after XADD 1-1 f v1, 1-2 f v2, 2-0 g 7 h x, XDEL 1-2, and a group g
    /// that Alice and Bob have each an entry of. Its parts, so that the tests can put others together.
    private enum Part {
        static let firstID: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
        static let secondID: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
        static let page: [UInt8] =
            [0x40, 0, 0, 0, 0x18, 0, 2, 1, 1, 1, 1, 1, 0x81, 0x66, 2, 0, 1]
            + [2, 1, 0, 1, 0, 1, 0x82, 0x76, 0x31, 3, 4, 1] + [3, 1, 0, 1, 1, 1, 0x82, 0x76, 0x32, 3, 4, 1]
            + [0, 1, 1, 1, 0xdf, 0xff, 2, 2, 1, 0x81, 0x67, 2, 7, 1, 0x81, 0x68, 2, 0x81, 0x78, 2, 8, 1, 0xff]
        static let aliceTime: [UInt8] = [0xaa, 0x9c, 0xed, 0xfe, 0xa1, 1, 0, 0]
        static let bobTime: [UInt8] = [0xf6, 0x9c, 0xed, 0xfe, 0xa1, 1, 0, 0]
    }

    private static func body(
        _ form: UInt8, pages: [[UInt8]]? = nil, length: UInt8 = 2, last: [UInt8] = [2, 0], groups: [[UInt8]]? = nil
    ) -> [UInt8] {
        let pages = pages ?? [page(Part.firstID, Part.page)]
        let groups = groups ?? [group(form)]
        let more: [UInt8] = form == 15 ? [] : [1, 1, 1, 2, 3]
        return [UInt8(pages.count)] + pages.flatMap { $0 } + [length] + last + more + [UInt8(groups.count)]
            + groups.flatMap { $0 }
    }

    private static func page(_ id: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        [UInt8(id.count)] + id + [0x40, UInt8(bytes.count)] + bytes
    }

    private static func group(
        _ form: UInt8, deliveries: [[UInt8]] = [Part.firstID, Part.secondID], consumers: [[UInt8]]? = nil
    ) -> [UInt8] {
        let consumers =
            consumers ?? [
                consumer(form, "Alice", Part.aliceTime, [Part.secondID]),
                consumer(form, "Bob", Part.bobTime, [Part.firstID]),
            ]
        let times = [[5, 0, 0, 0, 0, 0, 0, 0], Part.aliceTime]
        var result: [UInt8] = [1, 0x67, 2, 0] + (form == 15 ? [] : [2]) + [UInt8(deliveries.count)]
        for (index, id) in deliveries.enumerated() { result += id + times[index % 2] + [1] }
        return result + [UInt8(consumers.count)] + consumers.flatMap { $0 }
    }

    private static func consumer(_ form: UInt8, _ name: String, _ time: [UInt8], _ ids: [[UInt8]]) -> [UInt8] {
        [UInt8(name.utf8.count)] + Array(name.utf8) + time + (form == 21 ? [9, 0, 0, 0, 0, 0, 0, 0] : [])
            + [UInt8(ids.count)] + ids.flatMap { $0 }
    }

    private static func decode(_ form: UInt8, _ body: [UInt8]) throws -> StreamValue {
        try body.withSlice { slice in
            var cursor = RDBCursor(slice, at: 0, maximumStringBytes: 1 << 20)
            let value = try #require(try RDBCollections.decode(form, &cursor) as? StreamValue)
            #expect(cursor.at == body.count)
            return value
        }
    }

    private static func entries(_ stream: StreamValue) -> [String] {
        var result: [String] = []
        stream.forEach { entry in
            var text = "\(entry.id)"
            entry.forEach { field, value in
                text += " " + field.withBytes { $0.string } + "=" + value.withBytes { $0.string }
            }
            result.append(text)
            return true
        }
        return result
    }

    @Test(arguments: [15, 19, 21] as [UInt8])
    func readsAllForms(form: UInt8) throws {
        let stream = try Self.decode(form, Self.body(form))
        stream.checkInvariants()
        #expect(Self.entries(stream) == ["1-1 f=v1", "2-0 g=7 h=x"])
        #expect(stream.lastID == StreamID(2, 0) && stream.firstID == StreamID(1, 1))
        #expect(stream.maximumDeletedID == (form == 15 ? .zero : StreamID(1, 2)))
        #expect(stream.entriesAdded == (form == 15 ? 2 : 3))
        let group = try #require(stream.groups.first)
        #expect(group.name == [0x67] && group.lastID == StreamID(2, 0) && group.entriesRead == 2)
        #expect(group.consumers.map(\.name) == [Array("Alice".utf8), Array("Bob".utf8)])
        #expect(group.consumers.map(\.pendingCount) == [1, 1])
        #expect(group.consumers[0].activeTime == (form == 21 ? 9 : group.consumers[0].seenTime))
        let delivery = try #require(group.delivery(of: StreamID(1, 1)))
        #expect(delivery.consumer === group.consumers[1] && delivery.time == 5 && delivery.count == 1)
    }

    /// What Redis 7.0 wrote is written again to the byte.
    @Test func writesWhatRedisWrites() throws {
        let body = Self.body(19)
        var payload = ByteBuffer()
        DumpPayload.append(.collection(try Self.decode(19, body)), compresses: true, to: &payload)
        #expect(payload.slice.array.dropLast(DumpPayload.footerBytes) == [19] + body)
    }

    @Test func emptyStreamsAreStreams() throws {
        let stream = try Self.decode(15, [0, 0, 7, 3, 0])
        #expect(stream.count == 0 && stream.lastID == StreamID(7, 3))
    }

    @Test func contradictionsAreRefused() {
        let two = Part.page
        let alone = Self.consumer(19, "Bob", Part.bobTime, [Part.firstID])
        let bodies: [[UInt8]] = [
            // Another number of entries than the pages have; a last ID before the last entry.
            Self.body(19, length: 3), Self.body(19, last: [1, 5]),
            // A page twice, one before the other, an ID that is too short, a page that begins behind its entries.
            Self.body(19, pages: [Self.page(Part.firstID, two), Self.page(Part.firstID, two)], length: 4),
            Self.body(
                19, pages: [Self.page(Part.secondID, two), Self.page(Part.firstID, two)], length: 4, last: [9, 0]),
            Self.body(19, pages: [Self.page(Array(Part.firstID.dropFirst()), two)]),
            Self.body(19, pages: [Self.page(Part.firstID, [7, 0, 0, 0, 0, 0, 0xff])], length: 0),
            // Two groups, two consumers of a name; deliveries that nobody has, that two have, that the group doesn't
            // know.
            Self.body(19, groups: [Self.group(19), Self.group(19)]),
            Self.body(
                19,
                groups: [
                    Self.group(
                        19,
                        consumers: [
                            Self.consumer(19, "Bob", Part.bobTime, [Part.firstID]),
                            Self.consumer(19, "Bob", Part.bobTime, [Part.secondID]),
                        ])
                ]),
            Self.body(19, groups: [Self.group(19, consumers: [alone])]),
            Self.body(
                19,
                groups: [
                    Self.group(
                        19, deliveries: [Part.firstID],
                        consumers: [
                            Self.consumer(19, "A", Part.bobTime, [Part.firstID]),
                            Self.consumer(19, "B", Part.bobTime, [Part.firstID]),
                        ])
                ]),
            Self.body(19, groups: [Self.group(19, deliveries: [Part.firstID])]),
            Self.body(19, groups: [Self.group(19, deliveries: [Part.firstID, Part.firstID])]),
        ]
        // What the log says of each; nil: of no part in particular.
        let damages: [StreamDamage?] = [
            nil, nil, .page, .page, nil, .page, .groupTwice, .consumerTwice, .deliveryToNobody, .deliveryToTwo,
            .deliveryOfNoGroup, .deliveryTwice,
        ]
        #expect(bodies.count == damages.count)
        for (body, damage) in zip(bodies, damages) {
            #expect(throws: damage.map { .damagedStream($0) } ?? RDBError.badFormat) { try Self.decode(19, body) }
        }
    }

    /// Whatever byte is wrong: refused, or a stream that holds together.
    @Test func damageIsRefusedOrHarmless() {
        let body = Self.body(19)
        for index in body.indices {
            for change in [1, 2, 0x40, 0x80, 0xff] as [UInt8] {
                var damaged = body
                damaged[index] ^= change
                damaged.withSlice { slice in
                    var cursor = RDBCursor(slice, at: 0, maximumStringBytes: 1 << 20)
                    guard let value = try? RDBCollections.decode(19, &cursor) as? StreamValue else { return }
                    value.checkInvariants()
                    _ = Self.entries(value)
                }
            }
        }
        for length in body.indices {
            #expect(throws: RDBError.truncated) { try Self.decode(19, Array(body.prefix(length))) }
        }
    }
}
