import Bytes
import CShims

/// Bytes that the groups of one stream take, counted where they change.
final class StreamLedger {
    var bytes = 0
}

/// An entry that a consumer was given and has not acknowledged.
public struct StreamDelivery {
    /// Unix milliseconds of the last time it was given.
    public var time: Int64
    /// How often it was given.
    public var count: Int64
    private let owner: Unmanaged<StreamConsumer>

    public init(time: Int64, count: Int64, consumer: StreamConsumer) {
        self.time = time
        self.count = count
        owner = .passUnretained(consumer)
    }

    /// Who has it. The group holds its consumers as long as they have deliveries.
    public var consumer: StreamConsumer { owner.takeUnretainedValue() }
}

/// A consumer of a group. The shard's lock guards it, as all of the stream.
public final class StreamConsumer {
    public let name: [UInt8]
    /// Unix milliseconds of when it last asked for something.
    public var seenTime: Int64
    /// Of when it last was given something; nil: never.
    public var activeTime: Int64?
    /// The IDs that it has.
    fileprivate var pending = IDTree<Void>()

    fileprivate init(_ name: ByteSlice, seenTime: Int64) {
        self.name = name.array
        self.seenTime = seenTime
    }

    /// Entries that it was given and has not acknowledged.
    public var pendingCount: Int { pending.count }

    /// Calls `body` with the IDs of those from `id` on, in order; it returns whether to go on.
    public func forEachPending(from id: StreamID = .zero, _ body: (StreamID) -> Bool) {
        pending.forEach(from: id) { id, _ in body(id) }
    }

    fileprivate var memoryBytes: Int {
        firn_block_size(Unmanaged.passUnretained(self).toOpaque()) + StreamGroup.nameBytes(name) + pending.memoryBytes
    }
}

/// A consumer group: how far it has come, and what of that was not acknowledged yet.
public final class StreamGroup {
    public let name: [UInt8]
    /// The last entry that was given to a consumer as a new one.
    public var lastID: StreamID
    /// How many entries of all that were ever added are up to `lastID`; nil: not known.
    public var entriesRead: Int64?
    /// In the order of their names.
    public private(set) var consumers: [StreamConsumer] = []
    private var pending = IDTree<StreamDelivery>()
    private let ledger: StreamLedger

    init(_ name: ByteSlice, _ lastID: StreamID, _ entriesRead: Int64?, _ ledger: StreamLedger) {
        self.name = name.array
        self.lastID = lastID
        self.entriesRead = entriesRead
        self.ledger = ledger
        ledger.bytes += ownBytes
    }

    init(copyOf other: StreamGroup, _ ledger: StreamLedger) {
        name = other.name
        lastID = other.lastID
        entriesRead = other.entriesRead
        self.ledger = ledger
        ledger.bytes += ownBytes
        var copies: [ObjectIdentifier: StreamConsumer] = [:]
        for consumer in other.consumers {
            let copy = consumer.name.withSlice { StreamConsumer($0, seenTime: consumer.seenTime) }
            copy.activeTime = consumer.activeTime
            consumers.append(copy)
            ledger.bytes += copy.memoryBytes + Self.referenceBytes
            copies[ObjectIdentifier(consumer)] = copy
        }
        other.pending.forEach { id, found in
            guard let consumer = copies[ObjectIdentifier(found.pointee.consumer)] else {
                preconditionFailure("a delivery to a consumer that its group doesn't know")
            }
            set(id, StreamDelivery(time: found.pointee.time, count: found.pointee.count, consumer: consumer))
            return true
        }
    }

    /// To be called when the group leaves its stream.
    func leave() {
        ledger.bytes -= ownBytes + pending.memoryBytes
        for consumer in consumers { ledger.bytes -= consumer.memoryBytes + Self.referenceBytes }
    }

    // MARK: Memory

    /// A reference in an array; the arrays' own growth (at most as much again) is not counted.
    static let referenceBytes = 8

    /// An array's block: 32 bytes of header and the bytes.
    static func nameBytes(_ name: [UInt8]) -> Int { name.isEmpty ? 0 : firn_allocation_size(32 + name.capacity) }

    private var ownBytes: Int {
        firn_block_size(Unmanaged.passUnretained(self).toOpaque()) + Self.nameBytes(name) + Self.referenceBytes
    }

    // MARK: Consumers

    private func place(of name: ByteSlice) -> (index: Int, isThere: Bool) {
        Self.place(of: name, among: consumers.count) { consumers[$0].name }
    }

    /// Where a name is or belongs in an order of names.
    static func place(of name: ByteSlice, among count: Int, _ other: (Int) -> [UInt8]) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let order = other(middle).withSlice { $0.compare(name) }
            if order == 0 { return (middle, true) }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, false)
    }

    public func consumer(_ name: ByteSlice) -> StreamConsumer? {
        let place = place(of: name)
        return place.isThere ? consumers[place.index] : nil
    }

    /// A new consumer; nil if there is one of this name.
    @discardableResult
    public func createConsumer(_ name: ByteSlice, at time: Int64) -> StreamConsumer? {
        let place = place(of: name)
        guard !place.isThere else { return nil }
        let consumer = StreamConsumer(name, seenTime: time)
        consumers.insert(consumer, at: place.index)
        ledger.bytes += consumer.memoryBytes + Self.referenceBytes
        return consumer
    }

    /// Removes a consumer of the group with all that it has.
    public func delete(_ consumer: StreamConsumer) {
        consumer.pending.forEach { id, _ in
            removeFromGroup(id)
            return true
        }
        ledger.bytes -= consumer.memoryBytes + Self.referenceBytes
        consumers.removeAll { $0 === consumer }
    }

    // MARK: Deliveries

    /// Entries given to consumers and not acknowledged.
    public var pendingCount: Int { pending.count }

    public var firstPending: StreamID? { pending.first?.id }

    public var lastPending: StreamID? { pending.last?.id }

    /// The first pending entry whose ID is `id` or behind it.
    public func pending(atOrAfter id: StreamID) -> (id: StreamID, delivery: StreamDelivery)? {
        pending.first(atOrAfter: id).map { ($0.id, $0.value.pointee) }
    }

    /// Calls `body` with those from `id` on, in order; it returns whether to go on.
    public func forEachPending(from id: StreamID = .zero, _ body: (StreamID, StreamDelivery) -> Bool) {
        pending.forEach(from: id) { body($0, $1.pointee) }
    }

    public func delivery(of id: StreamID) -> StreamDelivery? { pending.find(id)?.pointee }

    /// Gives an entry to the delivery's consumer, who takes it from whoever had it.
    public func set(_ id: StreamID, _ delivery: StreamDelivery) {
        if let found = pending.find(id) {
            let before = found.pointee.consumer
            found.pointee = delivery
            guard before !== delivery.consumer else { return }
            remove(id, from: before)
        } else {
            let before = pending.memoryBytes
            pending.insert(id, delivery)
            ledger.bytes += pending.memoryBytes - before
        }
        let consumer = delivery.consumer
        let before = consumer.pending.memoryBytes
        consumer.pending.insert(id, ())
        ledger.bytes += consumer.pending.memoryBytes - before
    }

    /// Takes an entry from whoever has it. Returns whether somebody had it.
    @discardableResult
    public func acknowledge(_ id: StreamID) -> Bool {
        guard let consumer = pending.find(id)?.pointee.consumer else { return false }
        remove(id, from: consumer)
        removeFromGroup(id)
        return true
    }

    private func removeFromGroup(_ id: StreamID) {
        let before = pending.memoryBytes
        pending.remove(id)
        ledger.bytes += pending.memoryBytes - before
    }

    private func remove(_ id: StreamID, from consumer: StreamConsumer) {
        let before = consumer.pending.memoryBytes
        consumer.pending.remove(id)
        ledger.bytes += consumer.pending.memoryBytes - before
    }

    // MARK: For tests

    /// Traps unless group and consumers agree. Returns what the group takes. O(n).
    func checkInvariants() -> Int {
        pending.checkInvariants()
        var had = 0
        for (index, consumer) in consumers.enumerated() {
            consumer.pending.checkInvariants()
            had += consumer.pendingCount
            precondition(index == 0 || consumers[index - 1].name.lexicographicallyPrecedes(consumer.name))
            consumer.forEachPending { id in
                precondition(delivery(of: id)?.consumer === consumer, "\(id) is somebody else's")
                return true
            }
        }
        precondition(had == pending.count, "\(pending.count) entries are pending, consumers have \(had)")
        return ownBytes + pending.memoryBytes
            + consumers.reduce(0) { $0 + $1.memoryBytes + Self.referenceBytes }
    }
}
