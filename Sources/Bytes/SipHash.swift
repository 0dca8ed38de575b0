import CShims

/// SipHash-1-3 with a 128-bit key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the 1-3
/// rounds as in Rust's and Ruby's tables). Without the seed nobody can choose keys that collide.
public struct SipHash: Sendable {
    public let k0: UInt64
    public let k1: UInt64

    public init(k0: UInt64, k1: UInt64) {
        self.k0 = k0
        self.k1 = k1
    }

    /// The hash of `bytes`. O(n), no allocation.
    @inlinable
    public func hash(_ bytes: ByteSlice) -> UInt64 {
        var v0 = k0 ^ 0x736f_6d65_7073_6575
        var v1 = k1 ^ 0x646f_7261_6e64_6f6d
        var v2 = k0 ^ 0x6c79_6765_6e65_7261
        var v3 = k1 ^ 0x7465_6462_7974_6573
        let raw = UnsafeRawPointer(bytes.base)
        let whole = bytes.count & ~7
        var at = 0
        while at < whole {
            let m = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            v3 ^= m
            Self.round(&v0, &v1, &v2, &v3)
            v0 ^= m
            at += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        var shift: UInt64 = 0
        while at < bytes.count {
            last |= UInt64(bytes.base[at]) << shift
            shift &+= 8
            at += 1
        }
        v3 ^= last
        Self.round(&v0, &v1, &v2, &v3)
        v0 ^= last
        v2 ^= 0xff
        Self.round(&v0, &v1, &v2, &v3)
        Self.round(&v0, &v1, &v2, &v3)
        Self.round(&v0, &v1, &v2, &v3)
        return v0 ^ v1 ^ v2 ^ v3
    }

    @inlinable
    @inline(__always)
    static func round(_ v0: inout UInt64, _ v1: inout UInt64, _ v2: inout UInt64, _ v3: inout UInt64) {
        v0 = v0 &+ v1
        v1 = (v1 &<< 13 | v1 &>> 51) ^ v0
        v0 = v0 &<< 32 | v0 &>> 32
        v2 = v2 &+ v3
        v3 = (v3 &<< 16 | v3 &>> 48) ^ v2
        v0 = v0 &+ v3
        v3 = (v3 &<< 21 | v3 &>> 43) ^ v0
        v2 = v2 &+ v1
        v1 = (v1 &<< 17 | v1 &>> 47) ^ v2
        v2 = v2 &<< 32 | v2 &>> 32
    }
}
