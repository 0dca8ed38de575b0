import Bytes
import Synchronization
import Testing

@testable import Values

/// The limits of pages are settings of the process: one test at a time.
@Suite(.serialized) struct StreamValueTests {
    struct Entry: Equatable {
        let id: StreamID
        let pairs: [[UInt8]]
    }

    /// What a stream should be.
    struct Model {
        var entries: [Entry] = []
        var last = StreamID.zero
        var deleted = StreamID.zero
        var added: Int64 = 0
        /// Of each group: what was given out, to whom, and when.
        var groups: [String: [StreamID: (consumer: String, time: Int64, count: Int64)]] = [:]
    }

    static func entries(_ stream: StreamValue, from: StreamID = .zero, to: StreamID = .max, isReversed: Bool = false)
        -> [Entry]
    {
        var result: [Entry] = []
        func add(_ entry: StreamEntry) -> Bool {
            var pairs: [[UInt8]] = []
            entry.forEach { field, value in
                pairs.append(field.withBytes { $0.array })
                pairs.append(value.withBytes { $0.array })
            }
            result.append(Entry(id: entry.id, pairs: pairs))
            return true
        }
        if isReversed {
            stream.forEachReversed(from: to, to: from, add)
        } else {
            stream.forEach(from: from, to: to, add)
        }
        return result
    }

    static func append(_ entry: Entry, to stream: StreamValue) {
        var buffer = ByteBuffer()
        var ends = [0]
        for part in entry.pairs {
            part.withSlice { buffer.append($0) }
            ends.append(buffer.count)
        }
        let bytes = buffer.slice
        stream.append(entry.id, pairs: entry.pairs.count / 2) { pair in
            (bytes[ends[2 * pair]..<ends[2 * pair + 1]], bytes[ends[2 * pair + 1]..<ends[2 * pair + 2]])
        }
    }

    static func setLimits(bytes: Int, entries: Int) {
        CollectionLimits.streamNodeBytes.store(bytes, ordering: .relaxed)
        CollectionLimits.streamNodeEntries.store(entries, ordering: .relaxed)
    }

    static func randomEntry(_ random: inout Mixer, behind last: StreamID) -> Entry {
        let id =
            random.below(4) == 0
            ? StreamID(last.milliseconds, last.sequence + 1 + UInt64(random.below(3)))
            : StreamID(last.milliseconds + 1 + UInt64(random.below(1000)), UInt64(random.below(3)))
        let shapes = [["a", "b"], ["a", "b"], ["a"], ["7", "temperature", String(repeating: "f", count: 80)]]
        let fields = shapes[random.below(shapes.count)]
        return Entry(
            id: id,
            pairs: fields.flatMap { field -> [[UInt8]] in
                let values = ["", "1", "-70000", "text", String(repeating: "v", count: random.below(600))]
                return [Array(field.utf8), Array(values[random.below(values.count)].utf8)]
            })
    }

    @Test(arguments: [(4096, 100), (300, 100), (4096, 3), (0, 1), (0, 0)], [1, 2] as [UInt64])
    func behavesLikeASortedArray(limits: (bytes: Int, entries: Int), seed: UInt64) {
        Self.setLimits(bytes: limits.bytes, entries: limits.entries)
        defer { Self.setLimits(bytes: 4096, entries: 100) }
        var random = Mixer(seed)
        var model = Model()
        var stream = StreamValue()
        for step in 0..<4000 {
            switch random.below(20) {
            case 0..<12:
                let entry = Self.randomEntry(&random, behind: model.last)
                Self.append(entry, to: stream)
                model.entries.append(entry)
                model.last = entry.id
                model.added += 1
            case 12..<16: Self.remove(&random, stream, &model)
            case 16: Self.trim(&random, stream, &model)
            case 17: Self.setID(&random, stream, &model)
            case 18: Self.compareRange(&random, stream, model)
            default: if random.below(10) == 0 { stream = Self.passed(stream, random.below(2) == 0) }
            }
            #expect(stream.count == model.entries.count && stream.lastID == model.last)
            #expect(stream.firstID == model.entries.first?.id ?? .zero)
            #expect(stream.lastEntryID == model.entries.last?.id)
            #expect(stream.entriesAdded == model.added && stream.maximumDeletedID == model.deleted)
            if step % 200 == 0 { Self.check(stream, model) }
        }
        Self.check(stream, model)
    }

    private static func check(_ stream: StreamValue, _ model: Model) {
        stream.checkInvariants()
        #expect(entries(stream) == model.entries)
        #expect(entries(stream, isReversed: true) == model.entries.reversed())
    }

    private static func remove(_ random: inout Mixer, _ stream: StreamValue, _ model: inout Model) {
        guard !model.entries.isEmpty else { return }
        let index = random.below(model.entries.count)
        var id = model.entries[index].id
        if random.below(5) == 0 { id.sequence += 1 }
        let isThere = model.entries.contains { $0.id == id }
        #expect(stream.with(id) == isThere)
        #expect(stream.remove(id) == isThere)
        model.entries.removeAll { $0.id == id }
        if isThere { model.deleted = max(model.deleted, id) }
    }

    /// Exact trimming is the model's; approximate trimming leaves more, at most what a limit says.
    private static func trim(_ random: inout Mixer, _ stream: StreamValue, _ model: inout Model) {
        guard let last = model.entries.last?.id, let first = model.entries.first?.id else { return }
        let rule: StreamTrim
        let excess: Int
        if random.below(2) == 0 {
            let length = random.below(model.entries.count + 2)
            rule = .maximumLength(length)
            excess = max(model.entries.count - length, 0)
        } else {
            let span = last.milliseconds - first.milliseconds + 2
            let minimum = StreamID(first.milliseconds + UInt64(random.below(Int(span))), 1)
            rule = .minimumID(minimum)
            excess = model.entries.prefix { $0.id < minimum }.count
        }
        let isApproximate = random.below(2) == 0
        let limit: Int? = isApproximate && random.below(2) == 0 ? random.below(50) : nil
        let gone = stream.trim(rule, isApproximate: isApproximate, limit: limit)
        #expect(isApproximate ? gone <= min(excess, limit ?? .max) : gone == excess)
        model.entries.removeFirst(gone)
    }

    /// XSETID may go back behind entries that are dead.
    private static func setID(_ random: inout Mixer, _ stream: StreamValue, _ model: inout Model) {
        let top = model.entries.last?.id ?? .zero
        guard random.below(3) == 0 else { return }
        model.last = max(top, StreamID(model.last.milliseconds - min(model.last.milliseconds, 500), 0))
        stream.lastID = model.last
    }

    private static func compareRange(_ random: inout Mixer, _ stream: StreamValue, _ model: Model) {
        func bound(_ random: inout Mixer) -> StreamID {
            guard !model.entries.isEmpty else { return StreamID(5, 5) }
            var id = model.entries[random.below(model.entries.count)].id
            if random.below(3) == 0 { id.sequence += 1 }
            return id
        }
        let from = bound(&random)
        let to = bound(&random)
        let expected = model.entries.filter { $0.id >= from && $0.id <= to }
        #expect(entries(stream, from: from, to: to) == expected)
        #expect(entries(stream, from: from, to: to, isReversed: true) == expected.reversed())
    }

    /// The stream after a trip to flash, or a copy of it.
    private static func passed(_ stream: StreamValue, _ isFlash: Bool) -> StreamValue {
        guard isFlash else { return unsafeDowncast(stream.copy(), to: StreamValue.self) }
        guard let decoded = decoded(encoded(stream)) else {
            Issue.record("the stream did not come back")
            return stream
        }
        return decoded
    }

    static func encoded(_ value: StreamValue) -> [UInt8] {
        var buffer = ByteBuffer()
        value.encode(into: &buffer)
        return buffer.slice.array
    }

    static func decoded(_ bytes: [UInt8]) -> StreamValue? {
        bytes.withSlice { CollectionValue.decode(.stream, $0) as? StreamValue }
    }

    // MARK: Groups

    @Test(arguments: [1, 2, 3] as [UInt64])
    func groupsBehaveLikeDictionaries(seed: UInt64) {
        var random = Mixer(seed)
        var model = Model()
        var stream = StreamValue()
        let names = ["alpha", "", "b", "\u{0}x"]
        for step in 0..<5000 {
            let name = names[random.below(names.count)]
            let who = "consumer\(random.below(5))"
            let id = StreamID(UInt64(random.below(seed == 1 ? 30 : 3000)), 0)
            guard let group = name.withSlice({ stream.group($0) }) else {
                name.withSlice { _ = stream.createGroup($0, lastID: id, entriesRead: nil) }
                model.groups[name] = [:]
                continue
            }
            let consumer =
                who.withSlice { group.consumer($0) ?? group.createConsumer($0, at: Int64(step)) }
            guard let consumer else {
                Issue.record("no consumer")
                return
            }
            switch random.below(40) {
            case 0..<20:
                group.set(id, StreamDelivery(time: Int64(step), count: 3, consumer: consumer))
                model.groups[name]?[id] = (who, Int64(step), 3)
            case 20..<36: #expect(group.acknowledge(id) == (model.groups[name]?.removeValue(forKey: id) != nil))
            case 36:
                group.delete(consumer)
                model.groups[name] = model.groups[name]?.filter { $0.value.consumer != who }
            case 37:
                if random.below(20) == 0 {
                    #expect(name.withSlice { stream.removeGroup($0) })
                    model.groups[name] = nil
                }
            default: if random.below(20) == 0 { stream = Self.passed(stream, random.below(2) == 0) }
            }
            if step % 250 == 0 { Self.checkGroups(stream, model) }
        }
        Self.checkGroups(stream, model)
    }

    private static func checkGroups(_ stream: StreamValue, _ model: Model) {
        stream.checkInvariants()
        #expect(stream.groups.count == model.groups.count)
        for group in stream.groups {
            guard let expected = model.groups[String(decoding: group.name, as: UTF8.self)] else {
                Issue.record("a group that the model doesn't have")
                return
            }
            #expect(group.pendingCount == expected.count)
            #expect(group.firstPending == expected.keys.min() && group.lastPending == expected.keys.max())
            group.forEachPending { id, delivery in
                let wanted = expected[id]
                #expect(wanted?.time == delivery.time && wanted?.count == delivery.count)
                #expect(wanted?.consumer == String(decoding: delivery.consumer.name, as: UTF8.self))
                return true
            }
        }
    }

    // MARK: Memory

    /// Entries of one small pair cost what they take in the page, and a page's share of the tree.
    @Test func memoryPerEntry() {
        let stream = StreamValue()
        for number in 1...100_000 {
            let pairs = [Array("field".utf8), Array("value:\(number)".utf8)]
            Self.append(Entry(id: StreamID(1_700_000_000_000 + UInt64(number), 0), pairs: pairs), to: stream)
        }
        stream.checkInvariants()
        // 2 + 3 + 2 + 14 + 2 bytes of items, and the allocator's rounding up of pages.
        #expect(stream.memoryBytes < 30 * 100_000)
        let one = StreamValue()
        Self.append(Entry(id: StreamID(1, 1), pairs: [[0x61], [0x62]]), to: one)
        #expect(one.memoryBytes < 400)
    }

    // MARK: Hostile bytes

    /// Any change of one byte of what stands on flash is refused, or gives a stream that holds together.
    @Test func damagedBytesAreRefusedOrHarmless() {
        let stream = StreamValue()
        for number in 1...5 {
            let pairs = [Array("f".utf8), Array("v\(number)".utf8)]
            Self.append(Entry(id: StreamID(UInt64(number), 0), pairs: pairs), to: stream)
        }
        stream.remove(StreamID(2, 0))
        let group = "g".withSlice { stream.createGroup($0, lastID: StreamID(3, 0), entriesRead: 2) }
        let consumer = "c".withSlice { group?.createConsumer($0, at: 5) }
        guard let group, let consumer else {
            Issue.record("no group")
            return
        }
        for number in 1...3 {
            group.set(StreamID(UInt64(number), 0), StreamDelivery(time: 1, count: 1, consumer: consumer))
        }
        let bytes = Self.encoded(stream)
        #expect(Self.decoded(bytes).map(Self.encoded) == bytes)
        for length in 0..<bytes.count { #expect(Self.decoded(Array(bytes.prefix(length))) == nil) }
        for index in bytes.indices {
            for change in [1, 0x80, 0xff] as [UInt8] {
                var damaged = bytes
                damaged[index] ^= change
                guard let decoded = Self.decoded(damaged) else { continue }
                decoded.checkInvariants()
                _ = Self.entries(decoded)
                _ = Self.entries(decoded, isReversed: true)
                if let next = decoded.lastID.next {
                    Self.append(Entry(id: next, pairs: [[0x61], [0x62]]), to: decoded)
                    decoded.checkInvariants()
                }
            }
        }
    }

    /// The nodes of a radix tree with these pages, counted by hand as Redis makes them.
    @Test func radixNodes() {
        Self.setLimits(bytes: 4096, entries: 1)
        defer { Self.setLimits(bytes: 4096, entries: 100) }
        let stream = StreamValue()
        #expect(stream.radixTreeNodes == 1)
        // A run of bytes and an end; then what is shared, where it parts, and two ends, without bytes between.
        for (id, nodes) in [(StreamID(1, 0), 2), (StreamID(1, 1), 4), (StreamID(1, 2), 5), (StreamID(2, 0), 9)] {
            Self.append(Entry(id: id, pairs: [[0x61], [0x62]]), to: stream)
            #expect(stream.radixTreeNodes == nodes)
        }
    }
}
