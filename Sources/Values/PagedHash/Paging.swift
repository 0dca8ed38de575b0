import Synchronization

// Paging: what is known of a collection whose pages go to flash one by one.
//
// The simple version writes a collection as one value: one changed field of a million costs tens of megabytes, one
// that is read as much, and a collection can't be larger than memory. Here the record on flash is a root, which has
// the directory, and each page is a value of its own. A page is named by the first hash it can hold: that name stays
// while pages before and behind it split and join.
//
// The states of a page, in the bits of its index's `use`:
//
//                    in RAM   on flash             in flight
//   away             no       the same             -
//   clean            yes      the same             -
//   changed          yes      nothing or old       -
//   written          yes      nothing or old       this content
//   written again    yes      anything             older content
//
// A page that has been joined to another leaves its name among the `buried`, until it is deleted on flash. A name has
// at most one write in flight, whether it is a page's or a buried one's; a page that a split makes under a buried name
// takes its write in flight over.

/// How much of a collection's pages is in RAM, and what flash has of them. Guarded as the collection is.
public final class Paging: @unchecked Sendable {
    // @unchecked: as the collection, which the shard's lock guards.

    /// The collection's number on flash, which no other ever gets.
    public let collection: UInt64
    /// Pages that are only on flash.
    public internal(set) var absent = 0
    /// Pages that flash doesn't have as they are, or of which that isn't confirmed.
    var unsettled = 0
    /// Names of pages that are no more, and may still be on flash.
    var buried: [UInt32: Burial] = [:]
    /// Where the eviction hand stands among the pages: a hash, as the cursors of scans.
    public var hand: UInt64 = 0
    /// Counts what makes void whatever is under way: the record's name has changed.
    public private(set) var epoch: UInt32 = 0
    /// Reads of pages that are under way or whose calls have not run: the record must stay.
    public var awaited = 0

    enum Burial: Equatable {
        case wanted
        /// A write of what was there is in flight.
        case awaitsWrite
        /// The delete is in flight.
        case deleting
    }

    /// The bits of a page's `use`.
    enum Use {
        static let changed: UInt8 = 1
        static let inFlight: UInt8 = 2
        /// While in flight: changed since.
        static let changedAgain: UInt8 = 4
        /// Flash may have something under the page's name.
        static let mayBeOnFlash: UInt8 = 8
        static let unsettled = changed | inFlight
        /// The lowest of two bits that count touches.
        static let touch: UInt8 = 64
    }

    /// Above so many bytes in RAM a collection goes to flash page by page: below, one read of all is cheaper than one
    /// of the root and one of a page.
    public static let leastBytes = Atomic<Int>(32 << 10)

    init(collection: UInt64) { self.collection = collection }

    /// For a copy of the same collection, of which no more is wanted than that the pages that are away can be read;
    /// nil if none is.
    init?(absentPagesOf other: Paging) {
        guard other.absent > 0 else { return nil }
        collection = other.collection
        absent = other.absent
    }

    /// Whether everything is on flash as it is, and nobody is about to use a page.
    public var isSettled: Bool { unsettled == 0 && buried.isEmpty }

    /// The record moves to another key: nothing that is under way for the old one concerns this any more.
    func forgetFlights() {
        epoch &+= 1
        awaited = 0
        for (name, burial) in buried where burial != .wanted { buried[name] = .wanted }
    }

    // MARK: Changes

    /// A page gets other contents.
    func noteChange(_ index: PageIndex) {
        if index.use & Use.inFlight != 0 {
            index.use |= Use.changedAgain
        } else if index.use & Use.changed == 0 {
            index.use |= Use.changed
            unsettled += 1
        }
    }

    /// A page is shared out over two; the upper one's name is `name`.
    func noteSplit(_ old: PageIndex, _ lower: PageIndex, _ upper: PageIndex, _ name: UInt32) {
        lower.use = old.use
        lower.pins = old.pins
        noteChange(lower)
        upper.pins = old.pins
        upper.use = old.use & (3 * Use.touch)
        switch buried.removeValue(forKey: name) {
        case nil: break
        case .wanted: upper.use |= Use.mayBeOnFlash
        case .awaitsWrite, .deleting: upper.use |= Use.mayBeOnFlash | Use.inFlight | Use.changedAgain
        }
        if upper.use & Use.inFlight == 0 { upper.use |= Use.changed }
        unsettled += 1
    }

    /// The upper page, whose name is `name`, is added to the lower.
    func noteJoin(_ lower: PageIndex, _ upper: PageIndex, _ name: UInt32) {
        if upper.use & Use.unsettled != 0 { unsettled -= 1 }
        if upper.use & Use.inFlight != 0 {
            buried[name] = .awaitsWrite
        } else if upper.use & Use.mayBeOnFlash != 0 {
            buried[name] = .wanted
        }
        noteChange(lower)
    }

    // MARK: Writes

    /// The page's contents are on their way to flash.
    func noteIssued(_ index: PageIndex) {
        precondition(index.use & Use.unsettled == Use.changed, "a page is written that is not changed")
        index.use = index.use & ~Use.changed | Use.inFlight | Use.mayBeOnFlash
    }

    /// That has been confirmed, or refused.
    func noteWritten(_ index: PageIndex, succeeded: Bool) {
        precondition(index.use & Use.inFlight != 0, "a page has been written that is not in flight")
        let changed = index.use & Use.changedAgain != 0 || !succeeded
        index.use = index.use & ~(Use.inFlight | Use.changedAgain) | (changed ? Use.changed : 0)
        if !changed { unsettled -= 1 }
    }
}
