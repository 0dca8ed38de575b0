import Bytes
import CShims
import Synchronization

/// What a record of a list, set, sorted set, hash or stream refers to, unless it is packed (see PackedBlock): the base
/// of their classes.
///
/// A class, so that a record moves (another expiry, another key) without its elements; used by its owner only, which is
/// the record of one key: the shard's lock guards everything in it.
open class CollectionValue: @unchecked Sendable {
    // @unchecked: the shard's lock guards it; a value that is on its way to be freed has no other user.
    public init() {}

    /// The open record that refers to it and will be packed again; nil if there is none. Keyspace's.
    public final var home: Record?

    /// Whether all there is to it is one block, which a record may refer to by itself: see PackedBlock.
    var isOneBlock: Bool { false }

    /// Gives that block up, after which the instance is of no use; nil, and nothing happens, if there is more to it.
    func takeBlock() -> PackedBlock? { nil }

    /// The type that `decode` makes and commands ask for.
    open class var valueType: ValueType { preconditionFailure("a collection without a type") }

    /// What OBJECT ENCODING answers.
    open var encodingName: StaticString { preconditionFailure("a collection without an encoding") }

    /// Elements. O(1).
    open var count: Int { preconditionFailure("a collection without a count") }

    /// Brings into the cache what a search for this element (a field, a member) will read, where that pays.
    open func prefetch(_ element: ByteSlice) {}

    /// Bytes that the allocator sets aside for all of it; of one that is one block, for that: the instance goes with
    /// the call. O(1).
    open var memoryBytes: Int { preconditionFailure("a collection without a size") }

    /// An independent copy. O(bytes).
    open func copy() -> CollectionValue { preconditionFailure("a collection that can't be copied") }

    /// Appends the value as it stands on flash; `decode` reads it. The first byte is the form's number, which is on
    /// disk and never given another meaning. O(bytes).
    open func encode(into buffer: inout ByteBuffer) { preconditionFailure("a collection that can't be encoded") }

    /// Rough bytes that `encode` appends.
    open var encodedBytes: Int { memoryBytes }

    /// The value from what `encode` has written; nil if the bytes are not in the format.
    public static func decode(_ type: ValueType, _ bytes: ByteSlice) -> CollectionValue? {
        switch type {
        case .string: nil
        case .list: ListValue.decode(bytes)
        case .set: SetValue.decode(bytes)
        case .zset: SortedSetValue.decode(bytes)
        case .hash: HashValue.decode(bytes)
        case .stream: StreamValue.decode(bytes)
        }
    }

    // MARK: Pages on flash (see CollectionValue+Pages)

    /// How its pages go to flash one by one; nil while it goes as a whole.
    open var paging: Paging? { nil }

    /// Whether it has pages that may go to flash one by one.
    open var hasPages: Bool { false }

    /// Calls `body` with the pages that are found by hash, if there are any. May change their places, but no element.
    @discardableResult
    open func withPages<R>(_ body: (inout PagedHash) -> R) -> R? { nil }

    /// The same with the pages that are in order. A collection that has both has one `paging`.
    @discardableResult
    open func withTree<R>(_ body: (inout CountedTree) -> R) -> R? { nil }

    /// Whether a page from flash, which has the right number of elements, may stand between two bounds.
    func isValid(_ page: Listpack, from lower: Listpack, to upper: Listpack?) -> Bool { true }

    // MARK: Members that expire

    /// When members expire, in unix milliseconds; nil if none does. Not to be changed but through
    /// CollectionValue+Expiries.
    open var expiries: SortedSetValue? {
        get { nil }
        set { precondition(newValue == nil, "members of a collection whose members don't expire") }
    }

    /// Whether it is a member (a field), of a type whose members may expire.
    open func hasMember(_ member: ByteSlice) -> Bool { false }

    /// Removes a member (a field), of a type whose members may expire. Returns whether it was there.
    @discardableResult
    open func removeMember(_ member: ByteSlice) -> Bool { false }

    /// `memoryBytes` of one that no record refers to, so that its instance stays.
    final var standingBytes: Int { isOneBlock ? objectBytes + memoryBytes : memoryBytes }

    /// Bytes of the object itself, for `memoryBytes`: the same for all of a class, which asks the allocator once.
    var objectBytes: Int { preconditionFailure("a collection without a size") }

    /// What the allocator set aside for an instance itself.
    static func blockBytes(_ instance: CollectionValue) -> Int {
        firn_block_size(Unmanaged.passUnretained(instance).toOpaque())
    }

    // MARK: Freeing

    /// A value that takes more memory takes longer to free than handing it to another thread does.
    private static let freedAtOnceBytes = 16 << 10

    /// Whoever has a reference gives it up; it is usually the only one.
    public static func release(_ reference: Unmanaged<CollectionValue>) {
        if reference._withUnsafeGuaranteedRef({ $0.memoryBytes }) > freedAtOnceBytes {
            Reaper.shared.take(reference)
        } else {
            reference.release()
        }
    }
}

/// Up to which size collections are kept in their small forms: the directives of these names.
public enum CollectionLimits {
    public static let hashEntries = Atomic<Int>(512)
    public static let hashValueBytes = Atomic<Int>(64)
    public static let setIntsetEntries = Atomic<Int>(512)
    public static let zsetEntries = Atomic<Int>(128)
    public static let zsetValueBytes = Atomic<Int>(64)
    /// Positive: elements in a page; -1 to -5: 4 to 64 KiB in a page.
    public static let listPage = Atomic<Int>(-2)
    /// Pages at each end of a list that stay uncompressed; 0: all do.
    public static let listDepth = Atomic<Int>(16)
    /// For tests (DEBUG QUICKLIST-PACKED-THRESHOLD): elements of lists made from then on that take more bytes have a
    /// page to themselves, however large pages may be.
    public static let listAloneBytes = Atomic<Int>(.max)
    /// Of a page of a stream; 0: no limit.
    public static let streamNodeBytes = Atomic<Int>(4096)
    public static let streamNodeEntries = Atomic<Int>(100)
}
