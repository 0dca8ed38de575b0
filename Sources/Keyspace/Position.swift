import Bytes

/// A key's place: the top 32 bits of its keyed hash. Placement is on disk, so the seed is persisted and these numbers
/// never change.
///
///     31           21 20                      0
///     shard (11 bits)  tag (21 bits)
public struct Position: Equatable, Sendable {
    public let bits: UInt32

    @inlinable
    public init(bits: UInt32) { self.bits = bits }

    public static let shardBits = 11
    public static let tagBits = 21
    /// 2048: with 64 runnable threads two meet in one shard in 3 % of the cases, and the locks take 128 KiB.
    public static let shardCount = 1 << shardBits

    @inlinable
    public var shard: Int { Int(bits >> UInt32(Self.tagBits)) }

    @inlinable
    public var tag: UInt32 { bits & ((1 << UInt32(Self.tagBits)) - 1) }

    @inlinable
    public init(shard: Int, tag: UInt32) { bits = UInt32(shard) << UInt32(Self.tagBits) | tag }
}

/// How keys are placed: SipHash-1-3 of the whole key under a seed that belongs to the data set.
public struct Placement: Sendable {
    public let hash: SipHash

    public init(seed: SipHash) { hash = seed }

    /// How members of collections are to be hashed: of the same seed, and nothing says how the one follows from the
    /// other.
    public var memberHash: SipHash {
        SipHash(k0: hash.hash(ByteSlice("members, first half")), k1: hash.hash(ByteSlice("members, second half")))
    }

    @inlinable
    public func position(of key: ByteSlice) -> Position {
        Position(bits: UInt32(truncatingIfNeeded: hash.hash(key) >> 32))
    }
}

/// A key as a command names it: its bytes (in the query buffer), its place and its database's space.
public struct KeyRef: Sendable {
    public let bytes: ByteSlice
    public let position: Position
    /// The index of the key's space (see `Keyspace.space(ofDatabase:)`), not the database's number.
    public let space: Int
    /// Whether it was established, for as long as the shard stays locked, that a key without a RAM entry isn't on
    /// flash either.
    public var isKnownAbsent = false

    @inlinable
    public init(bytes: ByteSlice, position: Position, space: Int) {
        self.bytes = bytes
        self.position = position
        self.space = space
    }
}
