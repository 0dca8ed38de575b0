/// Counts durations in nanoseconds in log-linear buckets, 128 to each power of two: a quantile is off by less than
/// 0.8 %. Range 0 to 2^40 ns (18 minutes); longer ones count as that.
struct Histogram {
    private static let linearBits = 7
    private static let topBit = 40
    private static let bucketCount = (topBit - linearBits + 1) << linearBits

    private var buckets = [UInt64](repeating: 0, count: Self.bucketCount)
    private(set) var count: UInt64 = 0
    private(set) var sum: UInt64 = 0
    private(set) var maximum: UInt64 = 0

    /// The bucket of `value`: below 128 one each, then 128 for each doubling.
    @inline(__always)
    static func bucket(of value: UInt64) -> Int {
        let value = min(value, 1 << UInt64(topBit) - 1)
        if value < 1 << UInt64(linearBits) { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - linearBits
        return (shift << linearBits) + Int(value >> UInt64(shift))
    }

    /// The largest value that falls into `bucket`.
    static func upperBound(of bucket: Int) -> UInt64 {
        if bucket < 1 << linearBits { return UInt64(bucket) }
        let shift = (bucket >> linearBits) - 1
        let lead = UInt64(bucket - shift << linearBits)
        return (lead + 1) << UInt64(shift) - 1
    }

    @inline(__always)
    mutating func record(_ nanoseconds: Int64) {
        let value = UInt64(max(nanoseconds, 0))
        buckets[Self.bucket(of: value)] &+= 1
        count &+= 1
        sum &+= value
        if value > maximum { maximum = value }
    }

    mutating func merge(_ other: Histogram) {
        for at in 0..<buckets.count { buckets[at] &+= other.buckets[at] }
        count &+= other.count
        sum &+= other.sum
        maximum = max(maximum, other.maximum)
    }

    /// The value that `share` (0...1) of all are not above; 0 when empty.
    func quantile(_ share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64((share * Double(count)).rounded(.up)))
        var seen: UInt64 = 0
        for (at, number) in buckets.enumerated() {
            seen += number
            if seen >= wanted { return min(Self.upperBound(of: at), maximum) }
        }
        return maximum
    }

    var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }
}
