import Bytes
import Values

// Pages: collections of which each page goes to flash, and comes back, by itself (Values/Paging).
//
// The record of such a collection is a root, and spilled and faulted in as any record. What is under way for a page, a
// read or a write, remembers the collection's instance and its epoch, and on its end looks under its key whether that
// is still the one: dropped and read in again it is another instance, renamed it has another epoch, deleted it is gone.
// Then nothing is done, and nothing is lost: a clean page is read again, a changed one is written again.
//
// A read can't bring back what has changed since: only a read brings a page that is away back to RAM, and there is one
// read of it at a time.
//
// The root leaves RAM when it is clean, all pages are settled, and no read of a page is awaited: so what flash has of
// root and pages belongs together.
//
// A collection that dies leaves its number to the spiller, which deletes all its pages by one range.

/// A collection to which a page that is under way belongs, and where it was when that began.
public final class PageOwner: @unchecked Sendable {
    // @unchecked: constant; `value` is used with the shard's lock only.
    let space: Int
    let generation: UInt32
    let position: Position
    let key: [UInt8]
    let value: CollectionValue
    let collection: UInt64
    let epoch: UInt32

    init(
        space: Int, generation: UInt32, position: Position, key: ByteSlice, value: CollectionValue, _ paging: Paging
    ) {
        self.space = space
        self.generation = generation
        self.position = position
        self.key = key.array
        self.value = value
        collection = paging.collection
        epoch = paging.epoch
    }
}

/// A collection that is no more, and whose pages may be on flash.
public struct DeadCollection: Sendable {
    public let generation: UInt32
    public let collection: UInt64
}

extension LockedKeyspace {
    // MARK: Counting

    /// A live record has come to a partition.
    @inlinable
    func gainPages(_ part: UnsafeMutablePointer<Partition>, _ record: Record) {
        guard store.hasProvider, let paging = record.collectionObject?.paging else { return }
        countPartial(paging, part, paging.absent > 0)
    }

    /// A live record leaves its partition. `dies`: its collection, if it has one, is no more.
    @inlinable
    func losePages(_ part: UnsafeMutablePointer<Partition>, _ record: Record, _ shard: Int, dies: Bool) {
        guard store.hasProvider, let paging = record.collectionObject?.paging else { return }
        countPartial(paging, part, false)
        if dies { bury(paging.collection, part, shard) }
    }

    /// Has the partition count a collection among those of which pages are only on flash, or no longer. One that has
    /// lost such pages by a command (a list that was cut) stays counted until somebody looks: that costs look-ups only.
    @usableFromInline
    func countPartial(_ paging: Paging, _ part: UnsafeMutablePointer<Partition>, _ isCounted: Bool) {
        guard paging.isCountedPartial != isCounted else { return }
        paging.isCountedPartial = isCounted
        part.pointee.partial += isCounted ? 1 : -1
    }

    /// Has the pages of a collection deleted on flash.
    @usableFromInline
    func bury(_ collection: UInt64, _ part: UnsafeMutablePointer<Partition>, _ shard: Int) {
        let space = (part - partitions) / Position.shardCount
        store.shards[shard].dead.append(
            DeadCollection(generation: store.generations[space], collection: collection))
    }

    // MARK: Needs

    /// Whether the key's truth is in RAM with all there is to it.
    @inlinable
    public func isWhole(_ ref: KeyRef) -> Bool {
        let part = partition(ref)
        if part.pointee.partial == 0 { return isResident(ref) }
        return isWholeSlow(ref, part)
    }

    @usableFromInline
    func isWholeSlow(_ ref: KeyRef, _ part: UnsafeMutablePointer<Partition>) -> Bool {
        isResident(ref) && partialCollection(ref) == nil
    }

    /// The key's collection if pages of it are only on flash. The shard is locked.
    private func partialCollection(_ ref: KeyRef) -> CollectionValue? {
        let table = partition(ref).pointee.table
        let index = table.find(ref.position.tag, ref.bytes)
        guard index >= 0, let value = table.slot(at: index).record.collectionObject else { return nil }
        return value.isPartial ? value : nil
    }

    /// How many pages that are needed of a resident key are only on flash; one that is named twice counts twice. The
    /// shard is locked.
    public func absentPages(_ ref: KeyRef, _ need: PageNeed) -> Int {
        if case .all = need { return partialCollection(ref)?.paging?.absent ?? 0 }
        var count = 0
        partialCollection(ref)?.forEachAbsentPage(need) { _ in count += 1 }
        return count
    }

    // MARK: Faults

    /// Asks for the pages that are needed of a resident key and only on flash to be read for `waiter` (nil: ahead of
    /// need). The shard is locked. Appends the reads, also those that are under way already if `waiter` wants them,
    /// until there are `limit`. A collection of which more than `most` bytes are needed at once has the call end with
    /// the error reply `refusal`.
    public mutating func requestPages(
        _ ref: KeyRef, _ need: PageNeed, for waiter: FaultWaiter?, at time: Int64, most: Int = .max,
        refusal: String = "", limit: Int = .max, into faults: inout [Fault]
    ) {
        guard let value = partialCollection(ref), let paging = value.paging else { return }
        if value.neededBytes(need) > most {
            waiter?.refuse(refusal)
            return
        }
        let shard = store.shards + ref.position.shard
        var owner: PageOwner?
        value.forEachAbsentPage(need) { page in
            guard faults.count < limit else { return }
            let chain = Fault.chain(paging.collection, page)
            var fault = shard.pointee.faults[chain]
            while let here = fault {
                if !here.hasLanded, !here.isStale, here.page == page, let owner = here.owner, owner.value === value,
                    owner.epoch == paging.epoch
                {
                    guard let waiter else { return }
                    join(here, waiter)
                    faults.append(here)
                    return
                }
                fault = here.next
            }
            let known =
                owner
                ?? PageOwner(
                    space: ref.space, generation: store.generations[ref.space], position: ref.position, key: ref.bytes,
                    value: value, paging)
            owner = known
            let fresh = Fault(known, page, requestedAt: time)
            paging.awaited += 1
            fresh.next = shard.pointee.faults[chain]
            shard.pointee.faults[chain] = fresh
            if let waiter { join(fresh, waiter) }
            faults.append(fresh)
        }
    }

    /// The partition of a collection that is still where it was. The shard is locked.
    private func find(_ owner: PageOwner) -> UnsafeMutablePointer<Partition>? {
        guard store.generations[owner.space] == owner.generation else { return nil }
        let part = partitions + (owner.space * Position.shardCount + owner.position.shard)
        let index = owner.key.withSlice { part.pointee.table.find(owner.position.tag, $0) }
        guard index >= 0 else { return nil }
        guard part.pointee.table.slot(at: index).record.collectionObject === owner.value,
            let paging = owner.value.paging, paging.collection == owner.collection, paging.epoch == owner.epoch
        else { return nil }
        return part
    }

    /// Lands the read of a page, as `land` does. The shard is locked. Returns whether it was installed.
    mutating func installPage(
        _ fault: Fault, _ owner: PageOwner, _ page: AbsentPage, _ result: FaultResult
    ) -> Bool {
        guard let part = find(owner) else { return false }
        switch result {
        case .found(let bytes):
            // It may have been cut off meanwhile.
            guard owner.value.isAway(page) else { return false }
            let before = owner.value.memoryBytes
            guard owner.value.install(page, bytes.slice) else {
                fault.failure = "a page on flash is not in a known format"
                return false
            }
            if let paging = owner.value.paging { countPartial(paging, part, paging.absent > 0) }
            account(owner.value.memoryBytes - before)
            return true
        case .missing:
            if owner.value.isAway(page) { fault.failure = "a page of the collection is not on flash" }
            return false
        case .failed(let message):
            fault.failure = message
            return false
        }
    }

    /// Calls need the page of a fault, which has been installed, or no longer. The shard is locked.
    func pinPage(_ owner: PageOwner, _ page: AbsentPage, _ on: Bool) {
        if find(owner) != nil { owner.value.pin(page, by: on ? 1 : -1) }
    }

    /// Nobody waits for the fault any more. The shard is locked.
    func endAwaiting(_ owner: PageOwner) {
        if find(owner) != nil { owner.value.paging?.awaited -= 1 }
    }

    // MARK: Spilling

    /// Pages in RAM at which a visit of the hand looks under the lock, and those that are away which it may pass.
    static var pagesPerVisit: Int { 64 }
    static var passedPerVisit: Int { 4_096 }
    /// Deletes of pages that are no more, each of some dozens of nanoseconds.
    static var buriedPerVisit: Int { 4_096 }

    /// Has the hand, if it has come to a collection whose pages go to flash one by one, go on among these, up to
    /// `pagesPerVisit` or `wantedBytes`. True: it has not been around, and stays.
    mutating func staysAmongPages<Sink: SpillSink & ~Copyable>(
        of record: Record, _ part: UnsafeMutablePointer<Partition>, _ position: Position, _ space: Int,
        wantedBytes: Int, ignoringTouches: Bool, dropsClean: Bool, _ visit: inout HandVisit,
        into sink: inout Sink
    ) -> Bool {
        guard let (value, paging) = pagedCollection(record, part, position.shard) else { return false }
        let owner = PageOwner(
            space: space, generation: store.generations[space], position: position, key: record.key, value: value,
            paging)
        var name = ByteBuffer()
        var passed = 0
        while visit.pages < Self.pagesPerVisit, passed < Self.passedPerVisit, visit.leavingBytes < wantedBytes {
            guard let look = value.turnHand(ignoringTouches: ignoringTouches) else {
                issueBuried(value, owner, into: &sink)
                return false
            }
            if case .none = look {
                passed += 1
                continue
            }
            visit.pages += 1
            switch look {
            case .none: break
            case .touched: visit.touchedPages += 1
            case .clean(let page): if dropsClean { visit.freed += dropPage(page, value, part) }
            case .changed(let page):
                Self.name(page, owner, &name)
                value.issue(page) { bytes in
                    sink.putPage(owner, page, key: name.slice, value: bytes)
                    visit.issuedBytes += bytes.count
                }
                visit.issued += 1
            }
        }
        visit.visited -= 1
        visit.collectionBytes = value.memoryBytes
        return true
    }

    /// The record's collection, if its pages go to flash one by one: from now on, if it has become large enough.
    private func pagedCollection(
        _ record: Record, _ part: UnsafeMutablePointer<Partition>, _ shard: Int
    ) -> (value: CollectionValue, paging: Paging)? {
        guard let value = record.collectionObject else { return nil }
        stopPagingIfMembersExpire(value, part, shard)
        let least = Paging.leastBytes.load(ordering: .relaxed)
        if let paging = value.paging {
            guard paging.absent == 0, record.residence.state == .dirty, value.memoryBytes < least / 4 else {
                return (value, paging)
            }
            // Little is left of it.
            stopPaging(value, part, shard)
            return nil
        }
        guard value.hasPages, record.residence.state == .dirty, value.expiries == nil,
            value.memoryBytes >= least
        else { return nil }
        let before = value.memoryBytes
        value.startPaging(store.nextCollection())
        account(value.memoryBytes - before)
        return value.paging.map { (value, $0) }
    }

    /// Members are trimmed wherever they are, so all must be in RAM; and they are: who gives members times needs them
    /// all. From then on the collection goes as a whole again.
    func stopPagingIfMembersExpire(_ value: CollectionValue, _ part: UnsafeMutablePointer<Partition>, _ shard: Int) {
        if value.paging != nil, value.expiries != nil { stopPaging(value, part, shard) }
    }

    /// The collection goes as a whole again; what flash has of its pages is dead.
    private func stopPaging(_ value: CollectionValue, _ part: UnsafeMutablePointer<Partition>, _ shard: Int) {
        if let paging = value.paging {
            countPartial(paging, part, false)
            bury(paging.collection, part, shard)
        }
        let before = value.memoryBytes
        value.stopPaging()
        account(value.memoryBytes - before)
    }

    private func issueBuried<Sink: SpillSink & ~Copyable>(
        _ value: CollectionValue, _ owner: PageOwner, into sink: inout Sink
    ) {
        var pages: [PageName] = []
        value.paging?.issueBuried(most: Self.buriedPerVisit) { pages.append($0) }
        var name = ByteBuffer()
        for page in pages {
            Self.name(page, owner, &name)
            sink.deletePage(owner, page, key: name.slice)
        }
    }

    private static func name(_ page: PageName, _ owner: PageOwner, _ name: inout ByteBuffer) {
        name.removeAll()
        FlashKey.page(generation: owner.generation, collection: owner.collection, name: page, into: &name)
    }

    private func dropPage(_ page: PageName, _ value: CollectionValue, _ part: UnsafeMutablePointer<Partition>) -> Int {
        let freed = value.drop(page)
        if let paging = value.paging { countPartial(paging, part, true) }
        account(-freed)
        Ledger.add(1, to: ledger.droppedPages)
        return freed
    }

    /// Drops pages that are clean and untouched, and writes nothing. Returns whether the hand has been around.
    func dropCleanPages(
        _ value: CollectionValue, _ part: UnsafeMutablePointer<Partition>, wantedBytes: Int, _ freed: inout Int
    ) -> Bool {
        for _ in 0..<Self.pagesPerVisit where freed < wantedBytes {
            guard let look = value.turnHand(ignoringTouches: false) else { return true }
            if case .clean(let page) = look { freed += dropPage(page, value, part) }
        }
        return false
    }

    /// Whether the record of a collection may leave RAM as far as its pages are concerned.
    func pagesAllowDrop(_ record: Record) -> Bool {
        guard let paging = record.collectionObject?.paging else { return true }
        return paging.isSettled && paging.awaited == 0
    }

    /// The provider has answered a put or delete of a page: moves it on. With `drops`, a page that is clean now and
    /// untouched leaves RAM at once. Takes and releases the lock.
    public mutating func complete(_ owner: PageOwner, page: PageName, succeeded: Bool, drops: Bool) {
        lock(owner.position.shard)
        defer { unlock(owner.position.shard) }
        guard let part = find(owner) else { return }
        owner.value.complete(page, succeeded: succeeded)
        guard drops, owner.value.expiries == nil, owner.value.isDroppable(page) else { return }
        _ = dropPage(page, owner.value, part)
    }

    // MARK: The dead

    /// Takes the collections whose pages are to be deleted. Takes and releases the lock.
    public mutating func takeDead(shard: Int) -> [DeadCollection] {
        lock(shard)
        defer { unlock(shard) }
        guard !store.shards[shard].dead.isEmpty else { return [] }
        let dead = store.shards[shard].dead
        store.shards[shard].dead = []
        return dead
    }

    /// Puts one back, whose pages could not be deleted. Takes and releases the lock.
    public mutating func putBack(_ dead: DeadCollection, shard: Int) {
        lock(shard)
        defer { unlock(shard) }
        store.shards[shard].dead.append(dead)
    }
}

extension Record {
    /// Brings back the pages that are away from a record that is no keyspace's: a copy, or one just decoded. `read`
    /// gets each page's key on flash, and gives nil if it isn't there. False: a page is missing, or is not in the
    /// format. `checksPlaces`: or has elements of another page, which only who knows the hash can tell.
    /// `visit`, unless nil, is told the elements of each page, which leaves RAM again.
    public func loadPages<E: Error>(
        generation: UInt32, checksPlaces: Bool = true, visit: ((Int) -> Void)? = nil,
        _ read: (ByteSlice) throws(E) -> SharedBytes?
    ) throws(E) -> Bool {
        guard let value = collectionObject, let paging = value.paging else { return true }
        var absent: [AbsentPage] = []
        value.forEachAbsentPage(.all) { absent.append($0) }
        var name = ByteBuffer()
        for page in absent {
            name.removeAll()
            FlashKey.page(generation: generation, collection: paging.collection, name: page.name, into: &name)
            guard let bytes = try read(name.slice),
                value.install(page, bytes.slice, checksPlaces: checksPlaces)
            else { return false }
            guard let visit else { continue }
            visit(value.elements(of: page.name))
            value.drop(page.name)
        }
        if visit == nil { value.stopPaging() }
        return true
    }
}
