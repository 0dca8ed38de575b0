import Bytes

/// Keys of one length: a prefix and the index in decimal, padded with zeros to `width` digits.
struct KeyPattern {
    let prefix: [UInt8]
    let width: Int

    var length: Int { prefix.count + width }

    /// Indices that fit into `width` digits.
    var capacity: UInt64 {
        (0..<width).reduce(1 as UInt64) { product, _ in
            let (next, overflow) = product.multipliedReportingOverflow(by: 10)
            return overflow ? .max : next
        }
    }

    /// Writes the key of `index` to `out`, which has room for `length` bytes.
    @inline(__always)
    func write(_ index: UInt64, to out: UnsafeMutablePointer<UInt8>) {
        for at in 0..<prefix.count { out[at] = prefix[at] }
        var rest = index
        var at = prefix.count + width
        while at > prefix.count {
            at -= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            out[at] = UInt8(truncatingIfNeeded: digit) &+ 0x30
            rest = quotient
        }
    }

    /// The index of `key`, or nil if this pattern didn't make it.
    func index(of key: ByteSlice) -> UInt64? {
        guard key.count == length, prefix.withSlice({ key.hasPrefix($0) }) else { return nil }
        var index: UInt64 = 0
        for at in prefix.count..<key.count {
            let digit = key[at] &- 0x30
            guard digit < 10 else { return nil }
            index = index * 10 + UInt64(digit)
        }
        return index
    }
}
