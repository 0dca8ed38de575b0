import Bytes
import CShims

/// The type of a value. Raw values are on disk: never renumber.
public enum ValueType: UInt8, Sendable {
    case string = 0
    case list = 1
    case set = 2
    case zset = 3
    case hash = 4
    case stream = 5
}

/// How a value is kept. Raw values are on disk: never renumber. The names are what OBJECT ENCODING says.
public enum ValueEncoding: UInt8, Sendable {
    /// A string that was built or changed in place, or is longer than 44 bytes.
    case raw = 0
    /// A string that is a 64-bit integer in its canonical form.
    case int = 1
    /// A collection; its value knows in which form it is.
    case collection = 2
    /// A string of at most 44 bytes, set as a whole.
    case embstr = 8
}

/// A key and its value in RAM: one allocation, 16-byte aligned.
///
///     0    1      2          3        6            10           14
///     kind flags  residency  access   key length   value length [expiry, 8] key [value | integer, 8 | reference, 8]
///
/// - kind: type in the low four bits, encoding in the high four.
/// - flags: `Flag`. residency: Keyspace's byte (state, frequency, pin; see Keyspace/Residency).
/// - access: the 24-bit LRU or LFU word of OBJECT IDLETIME and OBJECT FREQ.
///
/// All numbers are in the machine's order and unaligned. A key of 16 bytes with a value of 32 takes 62 bytes, so
/// jemalloc's class of 64. A collection is a reference to its instance or, packed, to its one block. A string of
/// `externalThreshold` bytes or more is a reference-counted block of its own, so that a reply can hold it while the
/// record changes.
///
/// Owner: the table of the shard that the key belongs to; every use needs that shard's lock.
public struct Record: @unchecked Sendable {
    // @unchecked: a pointer without rights; the shard's lock guards what it points to.
    public let raw: UnsafeMutableRawPointer

    @inlinable
    public init(_ raw: UnsafeMutableRawPointer) { self.raw = raw }

    /// Values of this many bytes and more are kept in a block of their own: from here on a second allocation is cheaper
    /// than copying the value into a reply.
    public static let externalThreshold = 16 * 1024
    /// Longest string that Redis calls embstr.
    public static let embstrLimitBytes = 44
    @usableFromInline static let headerBytes = 14

    @usableFromInline
    enum Flag {
        @usableFromInline static let expiry: UInt8 = 1
        @usableFromInline static let external: UInt8 = 2
        @usableFromInline static let collection: UInt8 = 4
        /// Members of the collection expire.
        @usableFromInline static let members: UInt8 = 8
        /// The collection is one block: see PackedBlock.
        @usableFromInline static let packed: UInt8 = 16
        /// See `isProven`.
        @usableFromInline static let proven: UInt8 = 32
    }

    // MARK: Header

    @inlinable
    public var type: ValueType {
        // Only `make` writes the byte, from a valid type.
        ValueType(rawValue: raw.load(as: UInt8.self) & 15).unsafelyUnwrapped
    }

    @inlinable
    public var encoding: ValueEncoding {
        get {
            // Only `make` and this setter write the byte, from a valid encoding.
            ValueEncoding(rawValue: raw.load(as: UInt8.self) >> 4).unsafelyUnwrapped
        }
        nonmutating set { raw.storeBytes(of: raw.load(as: UInt8.self) & 15 | newValue.rawValue << 4, as: UInt8.self) }
    }

    @usableFromInline var flags: UInt8 {
        @inlinable get { raw.load(fromByteOffset: 1, as: UInt8.self) }
    }

    /// Keyspace's byte.
    @inlinable
    public var residency: UInt8 {
        get { raw.load(fromByteOffset: 2, as: UInt8.self) }
        nonmutating set { raw.storeBytes(of: newValue, toByteOffset: 2, as: UInt8.self) }
    }

    /// The 24-bit access word.
    @inlinable
    public var access: UInt32 {
        get {
            UInt32(raw.load(fromByteOffset: 3, as: UInt8.self))
                | UInt32(raw.loadUnaligned(fromByteOffset: 4, as: UInt16.self)) << 8
        }
        nonmutating set {
            raw.storeBytes(of: UInt8(truncatingIfNeeded: newValue), toByteOffset: 3, as: UInt8.self)
            raw.storeBytes(of: UInt16(truncatingIfNeeded: newValue >> 8), toByteOffset: 4, as: UInt16.self)
        }
    }

    @usableFromInline var keyLength: Int {
        @inlinable get { Int(raw.loadUnaligned(fromByteOffset: 6, as: UInt32.self)) }
    }

    /// Bytes of a string value as they are kept (8 for an integer).
    @usableFromInline var storedLength: Int {
        @inlinable get { Int(raw.loadUnaligned(fromByteOffset: 10, as: UInt32.self)) }
        @inlinable nonmutating set {
            raw.storeBytes(of: UInt32(newValue), toByteOffset: 10, as: UInt32.self)
        }
    }

    @inlinable
    public var hasExpiry: Bool { flags & Flag.expiry != 0 }

    /// Keyspace's: the eviction hand has found it used again since it came into RAM.
    public var isProven: Bool {
        get { flags & Flag.proven != 0 }
        nonmutating set {
            let others = flags & ~Flag.proven
            raw.storeBytes(of: newValue ? others | Flag.proven : others, toByteOffset: 1, as: UInt8.self)
        }
    }

    /// Whether members of the collection expire.
    @inlinable
    public var hasMemberExpiries: Bool { flags & Flag.members != 0 }

    /// Whether time changes what the key is: it expires, or members of it do.
    @inlinable
    public var hasTimes: Bool { flags & (Flag.expiry | Flag.members) != 0 }

    /// Takes note of whether members expire, after a change of the collection.
    public func noteMemberExpiries() {
        let others = flags & ~Flag.members
        raw.storeBytes(
            of: collectionObject?.expiries == nil ? others : others | Flag.members, toByteOffset: 1, as: UInt8.self)
    }

    /// Unix milliseconds at which the key is past due, or nil.
    @inlinable
    public var expiry: Int64? {
        hasExpiry ? raw.loadUnaligned(fromByteOffset: Self.headerBytes, as: Int64.self) : nil
    }

    /// Changes the expiry of a record that has one.
    @inlinable
    public func replaceExpiry(_ unixMilliseconds: Int64) {
        precondition(hasExpiry, "replaceExpiry on a record without expiry")
        raw.storeBytes(of: unixMilliseconds, toByteOffset: Self.headerBytes, as: Int64.self)
    }

    @usableFromInline var isExternal: Bool {
        @inlinable get { flags & Flag.external != 0 }
    }

    @usableFromInline var isCollection: Bool {
        @inlinable get { flags & Flag.collection != 0 }
    }

    @usableFromInline var keyOffset: Int {
        @inlinable get { Self.headerBytes + (hasExpiry ? 8 : 0) }
    }

    /// The key's bytes, valid while the shard is locked.
    @inlinable
    public var key: ByteSlice { ByteSlice(raw + keyOffset, count: keyLength) }

    @usableFromInline var valueAddress: UnsafeMutableRawPointer {
        @inlinable get { raw + keyOffset + keyLength }
    }

    @inlinable
    public func hasKey(_ other: ByteSlice) -> Bool {
        keyLength == other.count && memcmp(raw + keyOffset, other.base, other.count) == 0
    }

    // MARK: Size

    /// Bytes of the allocation as asked for.
    @usableFromInline var requestedBytes: Int {
        @inlinable get { Self.requestedBytes(key: keyLength, expiry: hasExpiry, inline: isExternal ? 8 : storedLength) }
    }

    @inlinable
    static func requestedBytes(key: Int, expiry: Bool, inline: Int) -> Int {
        max(16, headerBytes + (expiry ? 8 : 0) + key + inline)
    }

    /// Bytes that the allocator sets aside for the record and its value.
    @inlinable
    public var memoryBytes: Int {
        let own = firn_allocation_size(requestedBytes)
        if isCollection { return own + collectionBytes }
        guard isExternal else { return own }
        return own + firn_allocation_size(max(external.capacity, 1)) + Self.sharedObjectBytes
    }

    @usableFromInline var collectionBytes: Int {
        isPacked ? block.memoryBytes : collectionReference._withUnsafeGuaranteedRef { $0.memoryBytes }
    }

    /// The Swift object around a shared block: two words of header, pointer, count, capacity.
    @usableFromInline static let sharedObjectBytes = 48

    // MARK: Making and freeing

    @inlinable
    static func allocate(
        key: ByteSlice, type: ValueType, encoding: ValueEncoding, flags: UInt8, stored: Int, inline: Int
    ) -> Record {
        precondition(key.count <= Int(UInt32.max) && stored <= Int(UInt32.max), "a record of \(key.count) + \(stored)")
        let hasExpiry = flags & Flag.expiry != 0
        let raw = firn_allocate(requestedBytes(key: key.count, expiry: hasExpiry, inline: inline))
        raw.storeBytes(of: type.rawValue | encoding.rawValue << 4, as: UInt8.self)
        raw.storeBytes(of: flags, toByteOffset: 1, as: UInt8.self)
        raw.storeBytes(of: 0, toByteOffset: 2, as: UInt32.self)
        raw.storeBytes(of: UInt32(truncatingIfNeeded: key.count), toByteOffset: 6, as: UInt32.self)
        raw.storeBytes(of: UInt32(truncatingIfNeeded: stored), toByteOffset: 10, as: UInt32.self)
        memcpy(raw + headerBytes + (hasExpiry ? 8 : 0), key.base, key.count)
        return Record(raw)
    }

    /// A record with a copy of `key` and of the string `value`, kept as it is best kept: an integer if the text is
    /// one in canonical form, else embstr, raw or a block of its own. O(n); one allocation (two for a block).
    @inlinable
    public static func string(
        key: ByteSlice, value: ByteSlice, expiry: Int64?, allowInteger: Bool = true, encoding: ValueEncoding? = nil
    ) -> Record {
        if allowInteger, value.count <= 20, let number = StringForm.canonicalInteger(value) {
            return integer(key: key, number, expiry: expiry)
        }
        let form = encoding ?? (value.count <= embstrLimitBytes ? .embstr : .raw)
        if value.count >= externalThreshold {
            return block(key: key, SharedBytes(copying: value), expiry: expiry)
        }
        let record = allocate(
            key: key, type: .string, encoding: form, flags: expiry == nil ? 0 : Flag.expiry,
            stored: value.count, inline: value.count)
        if let expiry { record.replaceExpiry(expiry) }
        memcpy(record.valueAddress, value.base, value.count)
        return record
    }

    /// A record with an integer value.
    @inlinable
    public static func integer(key: ByteSlice, _ number: Int64, expiry: Int64?) -> Record {
        let record = allocate(
            key: key, type: .string, encoding: .int, flags: expiry == nil ? 0 : Flag.expiry, stored: 8, inline: 8)
        if let expiry { record.replaceExpiry(expiry) }
        record.valueAddress.storeBytes(of: number, as: Int64.self)
        return record
    }

    /// A record that refers to `block`, which the caller no longer changes.
    @inlinable
    public static func block(key: ByteSlice, _ block: SharedBytes, expiry: Int64?) -> Record {
        let record = allocate(
            key: key, type: .string, encoding: .raw, flags: (expiry == nil ? 0 : Flag.expiry) | Flag.external,
            stored: block.count, inline: 8)
        if let expiry { record.replaceExpiry(expiry) }
        let reference = Unmanaged.passRetained(block).toOpaque()
        record.valueAddress.storeBytes(of: reference, as: UnsafeMutableRawPointer.self)
        return record
    }

    /// A record that refers to a collection, which no other record does.
    public static func collection(key: ByteSlice, _ value: CollectionValue, expiry: Int64?) -> Record {
        let record = allocate(
            key: key, type: Swift.type(of: value).valueType, encoding: .collection,
            flags: (expiry == nil ? 0 : Flag.expiry) | Flag.collection
                | (value.expiries == nil ? 0 : Flag.members), stored: 8, inline: 8)
        if let expiry { record.replaceExpiry(expiry) }
        let reference = Unmanaged.passRetained(value).toOpaque()
        record.valueAddress.storeBytes(of: reference, as: UnsafeMutableRawPointer.self)
        return record
    }

    /// A record without a value: a tombstone or a marker that the key is absent.
    @inlinable
    public static func marker(key: ByteSlice) -> Record {
        allocate(key: key, type: .string, encoding: .raw, flags: 0, stored: 0, inline: 0)
    }

    /// A copy of this record under another key and expiry. A block is shared, not copied; so is a collection if
    /// `isMove` says that this record will be freed next.
    public func copy(key newKey: ByteSlice, expiry newExpiry: Int64?, isMove: Bool = false) -> Record {
        let result: Record
        // Two records can share an instance for a while, but not a block.
        if isPacked, isMove { _ = open() }
        if isPacked {
            result = Self.packed(key: newKey, block.copy(), expiry: newExpiry)
        } else if let collection = collectionObject {
            result = Self.collection(key: newKey, isMove ? collection : collection.copy(), expiry: newExpiry)
            if isMove, collection.home != nil { collection.home = result }
        } else if isExternal {
            result = Self.block(key: newKey, external, expiry: newExpiry)
        } else {
            result = Self.allocate(
                key: newKey, type: type, encoding: encoding, flags: newExpiry == nil ? 0 : Flag.expiry,
                stored: storedLength, inline: storedLength)
            if let newExpiry { result.replaceExpiry(newExpiry) }
            memcpy(result.valueAddress, valueAddress, storedLength)
        }
        result.access = access
        return result
    }

    /// Frees the record; a block lives on while others hold it.
    @inlinable
    public func free() {
        if flags & (Flag.external | Flag.collection) != 0 { releaseValue() }
        firn_deallocate(raw, requestedBytes)
    }

    /// Frees the record after its value has got another.
    func freeMoved() {
        // Not as `free`, which hands large values to the reaper: this one lives on.
        if isCollection {
            if !isPacked { collectionReference.release() }
            firn_deallocate(raw, requestedBytes)
        } else {
            free()
        }
    }

    @usableFromInline
    func releaseValue() {
        if isExternal { externalReference.release() }
        guard isCollection else { return }
        if isPacked { return block.free() }
        collectionReference._withUnsafeGuaranteedRef { value in
            // Another's, if the value has moved.
            if value.home?.raw == raw { value.home = nil }
        }
        CollectionValue.release(collectionReference)
    }

    // MARK: Value

    @usableFromInline var collectionReference: Unmanaged<CollectionValue> {
        @inlinable get {
            Unmanaged.fromOpaque(valueAddress.loadUnaligned(as: UnsafeMutableRawPointer.self))
        }
    }

    /// The collection's instance; nil for a string and for a packed collection, which has none: see
    /// `LockedKeyspace.collection`.
    @inlinable
    public var collectionObject: CollectionValue? { isOpen ? collectionReference.takeUnretainedValue() : nil }

    /// Brings what the record refers to into the cache: a collection or a block. Returns whether it is a collection
    /// with an instance.
    @inlinable
    public func prefetchValue() -> Bool {
        guard flags & (Flag.external | Flag.collection) != 0 else { return false }
        firn_prefetch(valueAddress.loadUnaligned(as: UnsafeRawPointer.self))
        return isOpen
    }

    /// Brings the place of an element of that instance into the cache, if there is one.
    public func prefetch(_ element: ByteSlice) {
        guard isOpen else { return }
        collectionReference._withUnsafeGuaranteedRef { $0.prefetch(element) }
    }

    /// What OBJECT ENCODING answers.
    public var encodingName: StaticString {
        isPacked ? block.encodingName : collectionObject?.encodingName ?? encoding.name
    }

    @usableFromInline var externalReference: Unmanaged<SharedBytes> {
        @inlinable get {
            Unmanaged.fromOpaque(valueAddress.loadUnaligned(as: UnsafeMutableRawPointer.self))
        }
    }

    @usableFromInline var external: SharedBytes {
        @inlinable get { externalReference.takeUnretainedValue() }
    }

    /// The block that holds the value, for a reply to keep; nil if the value is inline or an integer.
    @inlinable
    public var sharedValue: SharedBytes? { isExternal ? external : nil }

    /// The integer, if the value is kept as one.
    @inlinable
    public var integerValue: Int64? {
        encoding == .int ? valueAddress.loadUnaligned(as: Int64.self) : nil
    }

    /// Replaces the integer of a value that is kept as one.
    @inlinable
    public func replaceInteger(_ number: Int64) {
        precondition(encoding == .int, "replaceInteger on encoding \(encoding)")
        valueAddress.storeBytes(of: number, as: Int64.self)
    }

    /// Gives a string without expiry a new value where it is, if the new one takes the same size class of the
    /// allocator; false if not, and nothing has changed. Saves SET of an existing key an allocation and a release.
    @inlinable
    public func replaceString(_ value: ByteSlice) -> Bool {
        guard type == .string, flags & ~Flag.proven == 0, value.count < Self.externalThreshold else { return false }
        let number = value.count <= 20 ? StringForm.canonicalInteger(value) : nil
        let length = number == nil ? value.count : 8
        if length != storedLength {
            let wanted = Self.requestedBytes(key: keyLength, expiry: false, inline: length)
            guard firn_allocation_size(wanted) == firn_allocation_size(requestedBytes) else { return false }
            storedLength = length
        }
        if let number {
            encoding = .int
            valueAddress.storeBytes(of: number, as: Int64.self)
        } else {
            encoding = value.count <= Self.embstrLimitBytes ? .embstr : .raw
            memcpy(valueAddress, value.base, value.count)
        }
        return true
    }

    /// The bytes of a string that is not kept as an integer, valid while the shard is locked.
    @inlinable
    public var storedBytes: ByteSlice {
        isExternal
            ? ByteSlice(base: external.slice.base, count: storedLength) : ByteSlice(valueAddress, count: storedLength)
    }

    /// Length of the string in bytes. O(1).
    @inlinable
    public var stringLength: Int {
        if let number = integerValue { return StringForm.digits(number) }
        return storedLength
    }

    /// Calls `body` with the string's bytes, valid during the call; an integer is written out first.
    @inlinable
    public func withString<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        guard let number = integerValue else { return try body(storedBytes) }
        // 20 bytes hold every 64-bit integer with its sign.
        var text: (UInt64, UInt64, UInt64) = (0, 0, 0)
        return try withUnsafeMutableBytes(of: &text) { (bytes) throws(E) -> R in
            // a tuple has an address
            let base = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
            let count = Decimal.formatInt64(number, into: base)
            return try body(ByteSlice(base: base, count: count))
        }
    }
}

/// Questions about the text of integers.
public enum StringForm {
    /// The integer whose canonical text this is, or nil.
    @inlinable
    public static func canonicalInteger(_ text: ByteSlice) -> Int64? {
        guard text.count > 0, text.count <= 20 else { return nil }
        // Nearly all strings are told from numbers by their first byte.
        let first = text.base[0]
        guard first &- 0x30 < 10 || first == 0x2d else { return nil }
        return Decimal.parseInt64(text)
    }

    /// Characters of the number's text, sign included.
    @inlinable
    public static func digits(_ number: Int64) -> Int {
        var n = number.magnitude
        var count = number < 0 ? 2 : 1
        while n >= 10 {
            n /= 10
            count += 1
        }
        return count
    }
}
