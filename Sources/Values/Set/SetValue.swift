import Bytes
import CShims
import Synchronization

/// A set: different members, in no order that anybody may count on.
///
/// An intset while all members are integers and no more than `CollectionLimits.setIntsetEntries`, then for good a hash
/// of pages. Not thread-safe: the shard's lock guards it.
public final class SetValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as its base class says.
    /// The intset, in that form.
    private var integers: Intset?
    /// The members, in the other form.
    private var table: PagedHash?
    private var times: SortedSetValue?

    /// An empty set, in the form of an intset.
    public override init() {
        integers = Intset()
        super.init()
    }

    /// A set of the numbers in `integers`, which it owns from now on.
    public init(_ integers: Intset) {
        self.integers = integers
        super.init()
        if integers.count > CollectionLimits.setIntsetEntries.load(ordering: .relaxed) { becomeTable() }
    }

    /// The same, however many they are.
    init(taking integers: Intset) {
        self.integers = integers
        super.init()
    }

    /// A set in the form of a table.
    init(table: consuming PagedHash) {
        self.table = consume table
        super.init()
    }

    deinit { integers?.free() }

    public override class var valueType: ValueType { .set }

    public override var encodingName: StaticString { integers != nil ? "intset" : "hashtable" }

    public override func prefetch(_ member: ByteSlice) { table?.prefetch(member) }

    public override var count: Int { integers?.count ?? table?.count ?? 0 }

    public override var memoryBytes: Int {
        if let integers, times == nil { return integers.memoryBytes }
        return objectBytes + (integers?.memoryBytes ?? table?.memoryBytes ?? 0) + (times?.standingBytes ?? 0)
    }

    private static let ownBytes = blockBytes(SetValue())
    override var objectBytes: Int { Self.ownBytes }

    override var isOneBlock: Bool { integers != nil && times == nil }

    override func takeBlock() -> PackedBlock? {
        guard let integers, times == nil else { return nil }
        self.integers = nil
        return PackedBlock(base: integers.base, type: .set)
    }

    public override func copy() -> CollectionValue {
        let result = SetValue()
        result.integers?.free()
        result.integers = integers?.copy()
        result.table = table?.copy()
        result.times = times?.duplicate()
        return result
    }

    public override var expiries: SortedSetValue? {
        get { times }
        set { times = newValue }
    }

    public override func hasMember(_ member: ByteSlice) -> Bool { contains(member) }

    @discardableResult
    public override func removeMember(_ member: ByteSlice) -> Bool { remove(member) }

    public override func encode(into buffer: inout ByteBuffer) { append(to: &buffer) }

    public override var paging: Paging? { table?.paging }

    public override var hasPages: Bool { table != nil }

    @discardableResult
    public override func withPages<R>(_ body: (inout PagedHash) -> R) -> R? { table?.apply(body) }

    /// The intset, if the set is in that form; valid until a change.
    public var intset: Intset? { integers }

    // MARK: Members

    public func contains(_ member: ByteSlice) -> Bool {
        if let integers { return StringForm.canonicalInteger(member).map { integers.contains($0) } ?? false }
        return table?.contains(member) ?? false
    }

    public func contains(_ member: Listpack.Item) -> Bool {
        if let integers, case .integer(let number) = member { return integers.contains(number) }
        return member.withBytes { contains($0) }
    }

    /// Adds a member. Returns whether it is new.
    @discardableResult
    public func add(_ member: ByteSlice) -> Bool {
        if integers != nil {
            if let number = StringForm.canonicalInteger(member) { return add(number) }
            becomeTable()
        }
        return addToTable(member)
    }

    @discardableResult
    public func add(_ member: Listpack.Item) -> Bool {
        if integers != nil, case .integer(let number) = member { return add(number) }
        return member.withBytes { add($0) }
    }

    private func add(_ number: Int64) -> Bool {
        guard integers?.insert(number) == true else { return false }
        if count > CollectionLimits.setIntsetEntries.load(ordering: .relaxed) { becomeTable() }
        return true
    }

    private func addToTable(_ member: ByteSlice) -> Bool {
        guard table?.contains(member) == false else { return false }
        table?.insert(member)
        return true
    }

    /// Removes a member. Returns whether it was there.
    @discardableResult
    public func remove(_ member: ByteSlice) -> Bool {
        if times != nil { forgetExpiry(of: member) }
        if integers != nil {
            guard let number = StringForm.canonicalInteger(member) else { return false }
            return integers?.remove(number) ?? false
        }
        return table?.remove(member) ?? false
    }

    @discardableResult
    public func remove(_ member: Listpack.Item) -> Bool {
        if integers != nil, times == nil, case .integer(let number) = member {
            return integers?.remove(number) ?? false
        }
        return member.withBytes { remove($0) }
    }

    private func becomeTable() {
        guard let integers else { return }
        table = PagedHash(width: 1)
        for index in 0..<integers.count { Decimal.bytes(integers[index]).withSlice { table?.insert($0) } }
        integers.free()
        self.integers = nil
    }

    // MARK: All members

    /// Calls `body` with each member, whose bytes are valid until the set changes. `body` returns whether to go on.
    public func forEach(_ body: (Listpack.Item) -> Bool) {
        guard let integers else {
            table?.forEach { page, at in body(page.item(at)) }
            return
        }
        for index in 0..<integers.count {
            guard body(.integer(integers[index])) else { return }
        }
    }

    /// Calls `body` with members from `cursor` on, `members` or some more; an intset gives all at once. Returns the
    /// cursor that goes on, 0 at the end. Members that are there all the time are seen at least once.
    public func scan(_ cursor: UInt64, atLeast members: Int, _ body: (Listpack.Item) -> Void) -> UInt64 {
        if integers == nil {
            return table?.scan(cursor, atLeast: members) { page, at in body(page.item(at)) } ?? 0
        }
        forEach { member in
            body(member)
            return true
        }
        return 0
    }

    /// Calls `body` with each page that has members, in the form of a table.
    func forEachPage(_ body: (Listpack) -> Void) {
        table?.forEach { page, at in
            if at == page.first { body(page) }
            return true
        }
    }

    // MARK: Chance

    /// A member drawn with equal chances, `draw(n)` being a number below n; nil if there is none.
    public func random(_ draw: (Int) -> Int) -> Listpack.Item? {
        if let integers { return integers.count == 0 ? nil : .integer(integers[draw(integers.count)]) }
        guard let place = table?.random(draw) else { return nil }
        return place.page.item(place.offset)
    }

    /// Removes a member drawn with equal chances, after `body` has seen it. There must be one.
    public func pop(_ draw: (Int) -> Int, _ body: (Listpack.Item) -> Void) {
        if let integers {
            let index = draw(integers.count)
            body(.integer(integers[index]))
            forgetExpiry(of: .integer(integers[index]))
            self.integers?.remove(at: index)
        } else if let place = table?.random(draw) {
            body(place.page.item(place.offset))
            forgetExpiry(of: place.page.item(place.offset))
            table?.remove(at: place)
        } else {
            preconditionFailure("a member of an empty set was asked for")
        }
    }

    /// Different members, each choice of `wanted` with the same chances; `wanted` must be below the count. O(wanted).
    public func sample(_ wanted: Int, _ draw: (Int) -> Int) -> [Listpack.Item] {
        precondition(wanted < count, "\(wanted) of \(count) members")
        var chosen: [Listpack.Item] = []
        // Drawing until something new comes takes ever longer as the rest gets smaller: from a third on, the first
        // cards of a shuffled deck are cheaper.
        if wanted > count / 3 {
            forEach { member in
                chosen.append(member)
                return true
            }
            for index in 0..<wanted { chosen.swapAt(index, index + draw(chosen.count - index)) }
            chosen.removeLast(chosen.count - wanted)
            return chosen
        }
        var numbers: Set<Int64> = []
        var addresses: Set<UnsafePointer<UInt8>> = []
        while chosen.count < wanted, let member = random(draw) {
            switch member {
            case .integer(let number): if numbers.insert(number).inserted { chosen.append(member) }
            // No two members stand at one address.
            case .bytes(let slice): if addresses.insert(slice.base).inserted { chosen.append(member) }
            }
        }
        return chosen
    }
}
