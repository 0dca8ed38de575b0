import Synchronization

// Paging: what is known of a collection whose pages go to flash one by one.
//
// The simple version writes a collection as one value: one changed field of a million costs tens of megabytes, one
// that is read as much, and a collection can't be larger than memory. Here the record on flash is a root, which has
// the directory, and each page is a value of its own. A page of a PagedHash is named by the first hash it can hold:
// that name stays while pages before and behind it split and join. One of a CountedTree has a number that no other page
// of the collection ever gets.
//
// A sorted set has a PagedHash and a CountedTree, whose pages are those of one collection, and one Paging: the hand
// walks the pages of the hash, then those of the tree.
//
// The states of a page, in the bits of its `use`:
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

/// What a page is called among those of its collection: below 2^32 in a PagedHash, above in a CountedTree.
public typealias PageName = UInt64

extension PageName {
    /// Whether a page of a PagedHash is called so.
    var isOfHash: Bool { self < Paging.firstTreeName }
}

/// A page that is only on flash.
public struct AbsentPage: Hashable, Sendable {
    public let name: PageName
    /// In a PagedHash: the bits that its hashes share.
    public var depth: UInt8 = 0
}

/// What the eviction hand finds at a page.
public enum PageLook {
    /// Nothing to be done: not in RAM, needed, or in flight.
    case none
    /// It had been used; this is forgotten now, a bit of it.
    case touched
    case clean(PageName)
    case changed(PageName)
}

/// How much of a collection's pages is in RAM, and what flash has of them. Guarded as the collection is.
public final class Paging: @unchecked Sendable {
    // @unchecked: as the collection, which the shard's lock guards.

    /// The collection's number on flash, which no other ever gets.
    public let collection: UInt64
    /// Pages that are only on flash: those found by hash, and those in order. A sorted set has both.
    var absentByHash = 0
    var absentInOrder = 0
    /// Pages that are only on flash.
    public var absent: Int { absentByHash + absentInOrder }
    /// Pages that flash doesn't have as they are, or of which that isn't confirmed.
    var unsettled = 0
    /// Names of pages that are no more, and may still be on flash.
    var buried: [PageName: Burial] = [:]
    /// Of a CountedTree: the row of each page.
    var rows: [PageName: CountedTreeNode] = [:]
    /// Of a CountedTree: the name that the next new page gets.
    var nextName: PageName = firstTreeName
    static let firstTreeName: PageName = 1 << 32
    /// Where the eviction hand stands among the pages: at a hash, as the cursors of scans, or an element's number.
    var hand: UInt64 = 0
    /// Whether the hand has been around among pages found by hash, and is among those in order.
    var isHandInOrder = false
    /// Counts what makes void whatever is under way: the record's name has changed.
    public private(set) var epoch: UInt32 = 0
    /// Reads of pages that are under way or whose calls have not run: the record must stay.
    public var awaited = 0
    /// Whether its partition counts it among those of which pages are only on flash. Keyspace's.
    public var isCountedPartial = false

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
        absentByHash = other.absentByHash
        absentInOrder = other.absentInOrder
        nextName = other.nextName
    }

    /// Bytes that the rows' table takes, about: a bucket is a name and a row, and three of four are in use at most.
    var memoryBytes: Int { rows.capacity / 3 * 4 * 16 }

    /// A name for a new page of a CountedTree.
    func takeName() -> PageName {
        defer { nextName += 1 }
        return nextName
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
    func noteChange(_ use: inout UInt8) {
        if use & Use.inFlight != 0 {
            use |= Use.changedAgain
        } else if use & Use.changed == 0 {
            use |= Use.changed
            unsettled += 1
        }
    }

    /// A page has been used.
    static func touch(_ use: inout UInt8) {
        if use < 3 * Use.touch { use += Use.touch }
    }

    /// A page has come into being under a name that no other has had.
    func noteNew(_ use: inout UInt8) {
        use = Use.changed
        unsettled += 1
    }

    /// A page in RAM is no more.
    func noteGone(_ use: UInt8, _ name: PageName) {
        if use & Use.unsettled != 0 { unsettled -= 1 }
        if use & Use.inFlight != 0 {
            buried[name] = .awaitsWrite
        } else if use & Use.mayBeOnFlash != 0 {
            buried[name] = .wanted
        }
    }

    /// A page is shared out over two; the upper one's name is `name`.
    func noteSplit(_ old: PageIndex, _ lower: PageIndex, _ upper: PageIndex, _ name: PageName) {
        lower.use = old.use
        lower.pins = old.pins
        noteChange(&lower.use)
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

    // MARK: Writes

    /// The page's contents are on their way to flash.
    func noteIssued(_ use: inout UInt8) {
        precondition(use & Use.unsettled == Use.changed, "a page is written that is not changed")
        use = use & ~Use.changed | Use.inFlight | Use.mayBeOnFlash
    }

    /// That has been confirmed, or refused.
    func noteWritten(_ use: inout UInt8, succeeded: Bool) {
        precondition(use & Use.inFlight != 0, "a page has been written that is not in flight")
        let changed = use & Use.changedAgain != 0 || !succeeded
        use = use & ~(Use.inFlight | Use.changedAgain) | (changed ? Use.changed : 0)
        if !changed { unsettled -= 1 }
    }

    /// Hands names of pages that must be deleted on flash to `body`, `most` of them; their deletes are in flight from
    /// then on.
    public func issueBuried(most: Int, _ body: (PageName) -> Void) {
        guard !buried.isEmpty else { return }
        var issued = 0
        for (name, burial) in buried where burial == .wanted {
            guard issued < most else { return }
            body(name)
            buried[name] = .deleting
            issued += 1
        }
    }

    /// What was in flight under the name of a page that is no more has been confirmed, or refused.
    func completeBuried(_ name: PageName, succeeded: Bool) {
        switch buried[name] {
        case .deleting where succeeded: buried[name] = nil
        case .deleting, .awaitsWrite: buried[name] = .wanted
        case .wanted, nil: preconditionFailure("a write of page \(name) ended that was not in flight")
        }
    }
}
