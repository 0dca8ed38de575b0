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

    /// The pages, in an object of their own: a small hash shall not have their fields in it.
    private final class Pages {
        var hash: PagedHash

        init() { hash = PagedHash(width: 2) }

        init(_ hash: consuming PagedHash) { self.hash = hash }
    }

    /// The packed form; empty and freed once there are `pages`.
    private var packed: Listpack
    private var pages: Pages?

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

    private convenience init(_ pages: Pages) {
        self.init()
        packed.free()
        self.pages = pages
    }

    deinit {
        if pages == nil { packed.free() }
    }

    // MARK: As a collection

    public override class var valueType: ValueType { .hash }

    public override var encodingName: StaticString { pages == nil ? "listpack" : "hashtable" }

    public override var count: Int { pages?.hash.count ?? packed.count / 2 }

    public override var memoryBytes: Int {
        guard let pages else { return objectBytes + packed.memoryBytes }
        return objectBytes + firn_block_size(Unmanaged.passUnretained(pages).toOpaque()) + pages.hash.memoryBytes
    }

    public override func copy() -> CollectionValue {
        if let pages { return HashValue(Pages(pages.hash.copy())) }
        return HashValue(taking: packed.copy())
    }

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

    /// Gives `field` a value. Returns whether it is new.
    @discardableResult
    public func set(_ field: ByteSlice, _ value: ByteSlice) -> Bool {
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
        if let pages { return pages.hash.remove(field) }
        guard let at = packed.find(field, stride: 2) else { return false }
        packed.remove(at, entries: 2)
        return true
    }

    /// Goes over to the paged form. O(bytes).
    public func unpack() {
        guard pages == nil else { return }
        let fresh = Pages()
        forEach { pair in
            pair.page.withBytes(pair.field) { field in
                pair.page.withBytes(pair.value) { value in fresh.hash.insert(field, value) }
            }
            return true
        }
        packed.free()
        pages = fresh
    }

    // MARK: For tests

    /// Traps unless the structures agree. O(bytes).
    public func checkInvariants() {
        if let pages { return pages.hash.checkInvariants() }
        precondition(ListpackCheck.isValid(packed.bytes), "a damaged listpack")
        precondition(packed.count % 2 == 0, "\(packed.count) entries")
    }
}
