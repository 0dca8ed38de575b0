import Bytes
import CShims
import Values

// KeyTable: the records of one shard and one database, as a flat array of 64-bit slots in tag order.
//
//     slot: 63            43 42                       0
//           tag (21 bits)    record's address / 16       0 = free
//
// Ordered linear probing (Amble and Knuth, "Ordered hash tables", 1974): a slot's home is `tag * capacity >> 21`, so
// the homes are in tag order; entries stand at or behind their home, without gaps between home and entry, and the
// whole array is sorted by tag. A search stops at the first larger tag. There is no wrap-around: behind the last home
// stands an overflow of a few slots, and a free slot ends the array.
//
// Why this and not buckets with chains: the order makes SCAN's cursor a plain position; a resize is one sequential
// pass that reads slots only (the tag says the new home, the records aren't touched); capacity need not be a power of
// two, so the table grows by an eighth to a quarter at a time and is 77 % full on average: 10.4 bytes a key.
// A false match (same tag, other key) needs 32 equal hash bits: 1 in 400 at ten million keys.

/// One slot: a record and its tag; 0 is free. Trivial; the table owns the record.
public struct Slot: Equatable, Sendable {
    public let bits: UInt64

    @inlinable
    init(bits: UInt64) { self.bits = bits }

    @inlinable
    public init(tag: UInt32, record: Record) {
        let address = UInt64(UInt(bitPattern: record.raw))
        assert(address & 15 == 0 && address < 1 << 47, "a record at \(record.raw)")
        bits = (UInt64(tag) << 43) | (address >> 4)
    }

    @inlinable
    public var isFree: Bool { bits == 0 }

    @inlinable
    public var tag: UInt32 { UInt32(truncatingIfNeeded: bits >> 43) }

    @inlinable
    public var record: Record {
        // Slots that aren't free hold the address of a live record: only `init(tag:record:)` makes them.
        Record(UnsafeMutableRawPointer(bitPattern: UInt((bits << 21) >> 17)).unsafelyUnwrapped)
    }
}

/// The table. Every use needs the shard's lock. Records are owned by whoever uses the table: it frees none.
public struct KeyTable {
    /// `capacity + overflow` slots, sorted by tag, with gaps; then one that is always free.
    @usableFromInline var slots: UnsafeMutablePointer<UInt64>?
    /// Homes.
    @usableFromInline var capacity = 0
    @usableFromInline var overflow = 0
    /// Records in the table.
    public var count = 0

    @usableFromInline static let overflowSlots = 24

    @inlinable
    public init() {}

    /// Slots that a walk by index visits: `0 ..< slotCount`.
    @inlinable
    public var slotCount: Int { slots == nil ? 0 : capacity + overflow }

    /// Bytes the array takes.
    public var memoryBytes: Int { slots == nil ? 0 : (capacity + overflow + 1) * 8 }

    @inlinable
    subscript(index: Int) -> Slot {
        // In bounds by the callers' loops, which end at the free slot behind the array.
        Slot(bits: slots.unsafelyUnwrapped[index])
    }

    /// The slot at `index`, for a walk.
    @inlinable
    public func slot(at index: Int) -> Slot {
        precondition(index >= 0 && index < slotCount, "slot \(index) of \(slotCount)")
        return self[index]
    }

    @inlinable
    func home(_ tag: UInt32) -> Int { (Int(tag) &* capacity) &>> Position.tagBits }

    @inlinable
    @inline(__always)
    static func unlockedWord(_ address: UnsafeRawPointer) -> UInt64 {
        #if FIRN_SANITIZE
            firn_unlocked_word_unseen(address)
        #else
            firn_unlocked_word(address)
        #endif
    }

    /// Brings the first line of a key's slots into the cache. Without the lock, so the table at `address` may be
    /// changing: its words are read as they are just now, and an array that is gone costs no more than a useless
    /// fetch. The two words are the first members, in order; a test holds that.
    @inlinable
    static func prefetch(at address: UnsafeRawPointer, _ tag: UInt32) {
        let slots = UInt(unlockedWord(address))
        let capacity = UInt(unlockedWord(address + MemoryLayout<UInt>.size))
        let home = (UInt(tag) &* capacity) &>> UInt(Position.tagBits)
        if let line = UnsafeRawPointer(bitPattern: slots &+ home &* 8) { firn_prefetch(line) }
    }

    /// Brings the first record with this tag into the cache.
    @inlinable
    public func prefetchRecord(_ tag: UInt32) {
        if let record = first(tag) { firn_prefetch(record.raw) }
    }

    /// The same with what that record refers to. Returns whether that is a collection with an instance.
    @inlinable
    public func prefetchValue(_ tag: UInt32) -> Bool { first(tag)?.prefetchValue() ?? false }

    @inlinable
    @inline(__always)
    func first(_ tag: UInt32) -> Record? {
        guard let slots else { return nil }
        var index = home(tag)
        while slots[index] != 0, slots[index] &>> 43 < UInt64(tag) { index &+= 1 }
        let bits = slots[index]
        return bits != 0 && bits &>> 43 == UInt64(tag) ? Slot(bits: bits).record : nil
    }

    /// The index of the key's slot, or -1. Expected O(1): two to three slots in one or two cache lines.
    @inlinable
    public func find(_ tag: UInt32, _ key: ByteSlice) -> Int {
        guard let slots else { return -1 }
        let low = UInt64(tag) &<< 43
        let high = low | ((1 &<< 43) - 1)
        var index = home(tag)
        while true {
            let bits = slots[index]
            if bits > high || bits == 0 { return -1 }
            if bits >= low, Slot(bits: bits).record.hasKey(key) { return index }
            index &+= 1
        }
    }

    /// The index of the first slot in use with a tag of at least `tag`, or `slotCount`.
    public func firstIndex(from tag: UInt32) -> Int {
        guard slots != nil else { return 0 }
        var index = home(tag)
        while index < slotCount, self[index].isFree || self[index].tag < tag { index += 1 }
        return index
    }

    /// Adds a record whose key is not in the table. Amortised O(1); returns the bytes by which the array grew.
    @inlinable
    public mutating func insert(_ tag: UInt32, _ record: Record) -> Int {
        var grown = 0
        // 85 %: a search then looks at 2.2 slots on average, an insertion moves 20.
        if count &* 20 >= capacity &* 17 { grown = resize(atLeast: capacity + capacity / 8 + 1) }
        // The overflow is full: more room, and twice the overflow, as keys with one tag stay together however large
        // the array.
        while !place(Slot(tag: tag, record: record)) {
            grown += resize(atLeast: capacity + capacity / 8 + 1, overflow: max(overflow * 2, Self.overflowSlots))
        }
        count &+= 1
        return grown
    }

    /// Puts the slot where it belongs; false if the overflow is full.
    @usableFromInline
    mutating func place(_ slot: Slot) -> Bool {
        let slots = slots.unsafelyUnwrapped  // `insert` has made room
        let last = capacity + overflow
        var index = home(slot.tag)
        while slots[index] != 0, slots[index] >> 43 <= UInt64(slot.tag) { index += 1 }
        guard index < last else { return false }
        if slots[index] != 0 {
            var free = index + 1
            while slots[free] != 0 { free += 1 }
            guard free < last else { return false }
            memmove(slots + index + 1, slots + index, (free - index) * 8)
        }
        slots[index] = slot.bits
        return true
    }

    /// Puts another record for the same key into the slot at `index`.
    @inlinable
    public mutating func replace(at index: Int, _ record: Record) {
        let tag = slot(at: index).tag
        slots.unsafelyUnwrapped[index] = Slot(tag: tag, record: record).bits  // `slot(at:)` has checked the index
    }

    /// Takes the slot at `index` out; those behind it move up. O(length of the run); returns the bytes by which the
    /// array shrank.
    public mutating func remove(at index: Int) -> Int {
        precondition(!slot(at: index).isFree, "removing the free slot \(index)")
        let slots = slots.unsafelyUnwrapped  // `slot(at:)` has checked the index
        var hole = index
        while slots[hole + 1] != 0, home(Slot(bits: slots[hole + 1]).tag) <= hole {
            slots[hole] = slots[hole + 1]
            hole += 1
        }
        slots[hole] = 0
        count -= 1
        if count == 0 {
            let bytes = memoryBytes
            releaseArray()
            return bytes
        }
        // Under a quarter full: give memory back, to a half. Small tables too: there is one per shard and database,
        // and where nearly all is cold they are what RAM holds.
        return capacity > 16 && count * 4 < capacity ? -resize(atLeast: count * 2) : 0
    }

    /// Rebuilds the array with room for `wanted` homes or a few more (a whole size class of the allocator).
    /// Returns by how many bytes it grew (negative: shrank). O(slots), sequential, touches no record.
    @usableFromInline
    mutating func resize(atLeast wanted: Int, overflow least: Int = 0) -> Int {
        let before = memoryBytes
        var room = max(wanted, 5)
        var extra = max(min(Self.overflowSlots, room / 2 + 2), least)
        while true {
            let total = firn_allocation_size((room + extra + 1) * 8) / 8
            var fresh = KeyTable()
            let array = firn_allocate(total * 8).assumingMemoryBound(to: UInt64.self)
            memset(array, 0, total * 8)
            fresh.slots = array
            fresh.overflow = extra
            fresh.capacity = total - 1 - extra
            if fresh.fill(from: self) {
                releaseArray()
                fresh.count = count
                self = fresh
                return memoryBytes - before
            }
            // A cluster at the end did not fit the overflow: a little more room spreads it, unless its tags are equal.
            firn_deallocate(array, total * 8)
            room += room / 8 + 1
            extra *= 2
        }
    }

    /// Copies the slots of `other` in their order; false if they don't fit.
    private mutating func fill(from other: KeyTable) -> Bool {
        guard let source = other.slots, let target = slots else { return true }
        let last = capacity + overflow
        var next = 0
        for index in 0..<other.slotCount where source[index] != 0 {
            let slot = Slot(bits: source[index])
            let at = max(next, home(slot.tag))
            guard at < last else { return false }
            target[at] = slot.bits
            next = at + 1
        }
        return true
    }

    /// Frees the array; the records are the caller's.
    public mutating func releaseArray() {
        if let slots { firn_deallocate(slots, memoryBytes) }
        slots = nil
        capacity = 0
        overflow = 0
    }

    /// Traps unless the array is sorted, without gaps between home and entry, and counted right. For tests. O(slots).
    public func checkInvariants() {
        guard let slots else { return precondition(count == 0, "\(count) records without an array") }
        var seen = 0
        var previous: UInt64 = 0
        for index in 0..<slotCount where slots[index] != 0 {
            let slot = Slot(bits: slots[index])
            precondition(slot.bits >> 43 >= previous >> 43, "slot \(index) is out of order")
            precondition(home(slot.tag) <= index, "slot \(index) stands before its home \(home(slot.tag))")
            for gap in home(slot.tag)..<index {
                precondition(slots[gap] != 0, "a gap at \(gap) between home and slot \(index)")
            }
            previous = slot.bits
            seen += 1
        }
        precondition(slots[slotCount] == 0, "the slot behind the array is in use")
        precondition(seen == count, "\(seen) slots in use, \(count) counted")
    }
}
