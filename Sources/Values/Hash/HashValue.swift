import Bytes
import CShims
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

    /// What a small hash whose fields don't expire shall have no room for: the pages, and the times of fields.
    private final class Rest {
        var hash: PagedHash
        /// Whether the pairs are in `hash`, not in the listpack.
        var isPaged: Bool
        var times: SortedSetValue?

        init(isPaged: Bool) {
            hash = PagedHash(width: 2)
            self.isPaged = isPaged
        }

        init(_ hash: consuming PagedHash) {
            self.hash = hash
            isPaged = true
        }
    }

    /// The packed form; empty and freed once there are `pages`.
    private var packed: Listpack
    private var rest: Rest?
    /// Whether the listpack belongs to a record again: nothing is left in here.
    private var isEmptied = false

    private var pages: Rest? {
        guard let rest, rest.isPaged else { return nil }
        return rest
    }

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

    private convenience init(_ pages: Rest) {
        self.init()
        packed.free()
        rest = pages
    }

    deinit {
        if pages == nil, !isEmptied { packed.free() }
    }

    // MARK: As a collection

    public override class var valueType: ValueType { .hash }

    public override var encodingName: StaticString {
        guard let rest else { return "listpack" }
        return rest.isPaged ? "hashtable" : "listpackex"
    }

    public override func prefetch(_ field: ByteSlice) { pages?.hash.prefetch(field) }

    public override var count: Int { pages?.hash.count ?? packed.count / 2 }

    public override var memoryBytes: Int {
        guard let rest else { return packed.memoryBytes }
        return objectBytes + (rest.isPaged ? 0 : packed.memoryBytes)
            + firn_block_size(Unmanaged.passUnretained(rest).toOpaque()) + rest.hash.memoryBytes
            + (rest.times?.standingBytes ?? 0)
    }

    override var isOneBlock: Bool { rest == nil }

    override func takeBlock() -> PackedBlock? {
        guard rest == nil, !isEmptied else { return nil }
        isEmptied = true
        return PackedBlock(base: packed.base, type: .hash)
    }

    public override func copy() -> CollectionValue {
        let result = pages.map { HashValue(Rest($0.hash.copy())) } ?? HashValue(taking: packed.copy())
        result.expiries = rest?.times?.duplicate()
        return result
    }

    public override var expiries: SortedSetValue? {
        get { rest?.times }
        set {
            if newValue == nil, rest?.isPaged != true {
                rest = nil
            } else {
                if rest == nil { rest = Rest(isPaged: false) }
                rest?.times = newValue
            }
        }
    }

    public override func hasMember(_ member: ByteSlice) -> Bool { find(member) != nil }

    @discardableResult
    public override func removeMember(_ member: ByteSlice) -> Bool { remove(member) }

    public override func encode(into buffer: inout ByteBuffer) { Self.encode(self, into: &buffer) }

    // MARK: Reading

    /// The packed form's listpack, which stays this value's; nil in the paged form.
    public var listpack: Listpack? { pages == nil ? packed : nil }

    /// The pair with this field, or nil.
    public func find(_ field: ByteSlice) -> Pair? {
        if let pages {
            guard let place = pages.hash.find(field) else { return nil }
            return Pair(page: place.page, field: place.offset)
        }
        guard let offset = packed.find(field, stride: 2) else { return nil }
        return Pair(page: packed, field: offset)
    }

    /// Calls `body` with all pairs. `body` returns whether to go on.
    public func forEach<E: Error>(_ body: (Pair) throws(E) -> Bool) throws(E) {
        if let pages {
            try pages.hash.forEach { (page, at) throws(E) -> Bool in
                try body(Pair(page: page, field: at))
            }
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
        if let pages {
            return pages.hash.scan(cursor, atLeast: count) { body(Pair(page: $0, field: $1)) }
        }
        forEach { pair in
            body(pair)
            return true
        }
        return 0
    }

    /// A pair drawn with equal chances, `draw(n)` being a number below n; nil if there is none.
    public func random(_ draw: (Int) -> Int) -> Pair? {
        if let pages {
            guard let place = pages.hash.random(draw) else { return nil }
            return Pair(page: place.page, field: place.offset)
        }
        guard !packed.isEmpty else { return nil }
        return Pair(page: packed, field: packed.offset(of: 2 * draw(packed.count / 2)))
    }

    // MARK: Changing

    /// Gives `field` a value; its expiry goes unless `keepsExpiry`. Returns whether it is new.
    @discardableResult
    public func set(_ field: ByteSlice, _ value: ByteSlice, keepsExpiry: Bool = false) -> Bool {
        if rest != nil, !keepsExpiry { forgetExpiry(of: field) }
        if pages == nil, !isPackable(field, value) { unpack() }
        guard let pages else { return setPacked(field, value) }
        if let place = pages.hash.find(field) {
            pages.hash.replaceValue(at: place, with: value)
            return false
        }
        pages.hash.insert(field, value)
        return true
    }

    private func isPackable(_ field: ByteSlice, _ value: ByteSlice) -> Bool {
        let limit = CollectionLimits.hashValueBytes.load(ordering: .relaxed)
        return field.count <= limit && value.count <= limit
            && packed.totalBytes + field.count + value.count + 2 * Self.entryOverhead <= Self.packedBytesLimit
    }

    private func setPacked(_ field: ByteSlice, _ value: ByteSlice) -> Bool {
        let old = packed.find(field, stride: 2)
        if let old {
            packed.replace(packed.next(old), with: value)
        } else {
            packed.append(field)
            packed.append(value)
        }
        if packed.count / 2 > CollectionLimits.hashEntries.load(ordering: .relaxed) { unpack() }
        return old == nil
    }

    /// Removes `field`. Returns whether it was there.
    @discardableResult
    public func remove(_ field: ByteSlice) -> Bool {
        if rest != nil { forgetExpiry(of: field) }
        if let pages { return pages.hash.remove(field) }
        guard let at = packed.find(field, stride: 2) else { return false }
        packed.remove(at, entries: 2)
        return true
    }

    /// Goes over to the paged form. O(bytes).
    public func unpack() {
        guard pages == nil else { return }
        let fresh = Rest(isPaged: true)
        forEach { pair in
            pair.page.withBytes(pair.field) { field in
                pair.page.withBytes(pair.value) { value in fresh.hash.insert(field, value) }
            }
            return true
        }
        packed.free()
        fresh.times = rest?.times
        rest = fresh
    }

    // MARK: For tests

    /// Traps unless the structures agree. O(bytes).
    public func checkInvariants() {
        if let pages { return pages.hash.checkInvariants() }
        precondition(ListpackCheck.isValid(packed.bytes), "a damaged listpack")
        precondition(packed.count % 2 == 0, "\(packed.count) entries")
    }
}
