import Bytes
import Synchronization

// A hash in one of two forms:
//
//     packed   one listpack: field, value, field, value ...; while it has few pairs and all of them are short
//     paged    a `PagedHash` of pairs
//
// A packed hash becomes paged when a pair is too many or too long, and never goes back, as in Redis.

/// The value of a hash: fields, which are all different, and their values.
///
/// Find, set and remove: O(bytes) in the packed form, O(page) in the paged one. Not thread-safe: the shard's lock
/// guards it.
public final class HashValue: CollectionValue, @unchecked Sendable {
    // @unchecked: as its superclass.

    /// The packed form; nil in the other.
    private var packed: Listpack?
    /// The paged form; nil in the other.
    private var pages: PagedHash?
    private var times: SortedSetValue?

    /// A listpack is never made larger: its sizes are 32 bits wide.
    private static let packedBytesLimit = 1 << 30
    /// At most so many bytes are added to a string in a listpack.
    private static let entryOverhead = 10

    /// A pair, valid until the next change.
    public struct Pair {
        /// Where both entries are.
        public let page: Listpack
        /// The offset of the field.
        public let field: Int

        /// The offset of the value.
        @inline(__always)
        public var value: Int { page.next(field) }
    }

    public override init() {
        packed = Listpack()
        super.init()
    }

    /// Takes over a listpack of pairs with different fields.
    init(taking list: Listpack) {
        packed = list
        super.init()
    }

    /// Takes over the pairs of a paged form.
    init(_ pages: consuming PagedHash) {
        self.pages = consume pages
        super.init()
    }

    deinit { packed?.free() }

    // MARK: As a collection

    public override class var valueType: ValueType { .hash }

    public override var encodingName: StaticString {
        guard packed != nil else { return "hashtable" }
        return times == nil ? "listpack" : "listpackex"
    }

    public override func prefetch(_ field: ByteSlice) { pages?.prefetch(field) }

    public override var count: Int { packed.map { $0.count / 2 } ?? pages?.count ?? 0 }

    public override var memoryBytes: Int {
        if let packed, times == nil { return packed.memoryBytes }
        return objectBytes + (packed?.memoryBytes ?? pages?.memoryBytes ?? 0) + (times?.standingBytes ?? 0)
    }

    private static let ownBytes = blockBytes(HashValue())
    override var objectBytes: Int { Self.ownBytes }

    override var isOneBlock: Bool { packed != nil && times == nil }

    override func takeBlock() -> PackedBlock? {
        guard let packed, times == nil else { return nil }
        self.packed = nil
        return PackedBlock(base: packed.base, type: .hash)
    }

    public override func copy() -> CollectionValue {
        let result = packed.map { HashValue(taking: $0.copy()) } ?? HashValue(pages?.copy() ?? PagedHash(width: 2))
        result.times = times?.duplicate()
        return result
    }

    public override var expiries: SortedSetValue? {
        get { times }
        set { times = newValue }
    }

    public override func hasMember(_ member: ByteSlice) -> Bool { find(member) != nil }

    @discardableResult
    public override func removeMember(_ member: ByteSlice) -> Bool { remove(member) }

    public override func encode(into buffer: inout ByteBuffer) { Self.encode(self, into: &buffer) }

    public override var paging: Paging? { pages?.paging }

    public override var hasPages: Bool { pages != nil }

    @discardableResult
    public override func withPages<R>(_ body: (inout PagedHash) -> R) -> R? { pages?.apply(body) }

    // MARK: Reading

    /// The packed form's listpack, which stays this value's; nil in the paged form.
    public var listpack: Listpack? { packed }

    /// The pair with this field, or nil.
    public func find(_ field: ByteSlice) -> Pair? {
        if let packed { return packed.find(field, stride: 2).map { Pair(page: packed, field: $0) } }
        return pages?.find(field).map { Pair(page: $0.page, field: $0.offset) }
    }

    /// Calls `body` with all pairs. `body` returns whether to go on.
    public func forEach<E: Error>(_ body: (Pair) throws(E) -> Bool) throws(E) {
        guard let packed else {
            try pages?.forEach { (page, at) throws(E) -> Bool in try body(Pair(page: page, field: at)) }
            return
        }
        var at = packed.first
        while at < packed.end {
            guard try body(Pair(page: packed, field: at)) else { return }
            at = packed.advance(at, by: 2)
        }
    }

    /// As `PagedHash.scan`; the packed form is seen whole, whatever the cursor.
    public func scan(_ cursor: UInt64, atLeast count: Int, _ body: (Pair) -> Void) -> UInt64 {
        if packed == nil {
            return pages?.scan(cursor, atLeast: count) { body(Pair(page: $0, field: $1)) } ?? 0
        }
        forEach { pair in
            body(pair)
            return true
        }
        return 0
    }

    /// A pair drawn with equal chances, `draw(n)` being a number below n; nil if there is none.
    public func random(_ draw: (Int) -> Int) -> Pair? {
        guard let packed else { return pages?.random(draw).map { Pair(page: $0.page, field: $0.offset) } }
        guard !packed.isEmpty else { return nil }
        return Pair(page: packed, field: packed.offset(of: 2 * draw(packed.count / 2)))
    }

    // MARK: Changing

    /// Gives `field` a value; its expiry goes unless `keepsExpiry`. Returns whether it is new.
    @discardableResult
    public func set(_ field: ByteSlice, _ value: ByteSlice, keepsExpiry: Bool = false) -> Bool {
        if times != nil, !keepsExpiry { forgetExpiry(of: field) }
        if let packed {
            if isPackable(packed, field, value) { return setPacked(packed, field, value) }
            unpack()
        }
        if let place = pages?.find(field) {
            pages?.replaceValue(at: place, with: value)
            return false
        }
        pages?.insert(field, value)
        return true
    }

    private func isPackable(_ packed: Listpack, _ field: ByteSlice, _ value: ByteSlice) -> Bool {
        let limit = CollectionLimits.hashValueBytes.load(ordering: .relaxed)
        return field.count <= limit && value.count <= limit
            && packed.totalBytes + field.count + value.count + 2 * Self.entryOverhead <= Self.packedBytesLimit
    }

    private func setPacked(_ packed: Listpack, _ field: ByteSlice, _ value: ByteSlice) -> Bool {
        var packed = packed
        let old = packed.find(field, stride: 2)
        if let old {
            packed.replace(packed.next(old), with: value)
        } else {
            packed.append(field)
            packed.append(value)
        }
        self.packed = packed
        if packed.count / 2 > CollectionLimits.hashEntries.load(ordering: .relaxed) { unpack() }
        return old == nil
    }

    /// Removes `field`. Returns whether it was there.
    @discardableResult
    public func remove(_ field: ByteSlice) -> Bool {
        if times != nil { forgetExpiry(of: field) }
        guard let packed else { return pages?.remove(field) ?? false }
        guard let at = packed.find(field, stride: 2) else { return false }
        self.packed?.remove(at, entries: 2)
        return true
    }

    /// Goes over to the paged form. O(bytes).
    public func unpack() {
        guard let packed else { return }
        pages = PagedHash(width: 2)
        forEach { pair in
            pair.page.withBytes(pair.field) { field in
                pair.page.withBytes(pair.value) { value in pages?.insert(field, value) }
            }
            return true
        }
        packed.free()
        self.packed = nil
    }

    // MARK: For tests

    /// Traps unless the structures agree. O(bytes).
    public func checkInvariants() {
        pages?.checkInvariants()
        guard let packed else { return }
        precondition(ListpackCheck.isValid(packed.bytes), "a damaged listpack")
        precondition(packed.count % 2 == 0, "\(packed.count) entries")
    }
}
