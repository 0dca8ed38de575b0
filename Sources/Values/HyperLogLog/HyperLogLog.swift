import Bytes

// A HyperLogLog is a string in Redis' own form, so that values move between servers:
//
//     "HYLL" | form (1): 0 dense, 1 sparse | unused (3) | cached cardinality (8, little endian) | registers
//
// Bit 63 of the cached cardinality says that it isn't valid. There are 16384 registers of 6 bits.
//
//     dense    12288 bytes: register n at bit 6 n, counted from the lowest bit of the first byte
//     sparse   runs:  00llllll            l + 1 registers are 0
//                     01llllll llllllll   l + 1 registers are 0
//                     1vvvvvll            l + 1 registers are v + 1
//
// Which runs a sparse one consists of after a change isn't free: DUMP shows them.

/// Reads and estimates HyperLogLogs. Source of the estimate: Otmar Ertl, "New cardinality estimation algorithms for
/// HyperLogLog sketches", arXiv:1702.01284.
public enum HyperLogLog {
    public static let registerCount = 1 << indexBits
    public static let headerBytes = 16
    public static let denseBytes = headerBytes + registerCount * 6 / 8
    static let indexBits = 14
    /// Bits of a hash behind those of the index.
    private static let rankBits = 64 - indexBits

    public enum Form: UInt8, Sendable {
        case dense = 0
        case sparse = 1
    }

    /// The form of a string; nil if it is no HyperLogLog. (One in the sparse form may still be found damaged.)
    public static func form(of bytes: ByteSlice) -> Form? {
        guard bytes.count >= headerBytes, bytes.hasPrefix(ByteSlice("HYLL")), let form = Form(rawValue: bytes[4]),
            form == .sparse || bytes.count == denseBytes
        else { return nil }
        return form
    }

    /// The cardinality in the header, if it is valid.
    public static func cachedCardinality(_ bytes: ByteSlice) -> UInt64? {
        let cached = UnsafeRawPointer(bytes.base).loadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian
        return cached >> 63 == 0 ? cached : nil
    }

    public static func cache(_ cardinality: UInt64, in bytes: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(bytes).storeBytes(of: cardinality.littleEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// Marks the cached cardinality as no longer valid.
    public static func invalidate(_ bytes: UnsafeMutablePointer<UInt8>) { bytes[15] |= 0x80 }

    // MARK: Elements

    /// The register that an element belongs to, and the rank that it gives it: 1 for each zero bit behind the index, and 1.
    public static func place(of element: ByteSlice) -> (index: Int, rank: UInt8) {
        let hash = murmur(element)
        let rest = hash >> UInt64(indexBits) | 1 << UInt64(rankBits)
        return (Int(hash & UInt64(registerCount - 1)), UInt8(rest.trailingZeroBitCount + 1))
    }

    /// MurmurHash64A with the seed that Redis took.
    private static func murmur(_ bytes: ByteSlice) -> UInt64 {
        let factor: UInt64 = 0xc6a4_a793_5bd1_e995
        var hash: UInt64 = 0xadc8_3b19 ^ UInt64(bytes.count) &* factor
        let raw = UnsafeRawPointer(bytes.base)
        var at = 0
        while at + 8 <= bytes.count {
            var word = raw.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
            word = word &* factor
            word = (word ^ word >> 47) &* factor
            hash = (hash ^ word) &* factor
            at += 8
        }
        if at < bytes.count {
            var rest: UInt64 = 0
            for index in at..<bytes.count { rest |= UInt64(bytes.base[index]) << UInt64(8 * (index - at)) }
            hash = (hash ^ rest) &* factor
        }
        hash = (hash ^ hash >> 47) &* factor
        return hash ^ hash >> 47
    }

    // MARK: Dense registers

    /// Register `index` of those at `registers`.
    @inline(__always)
    public static func register(_ registers: UnsafePointer<UInt8>, _ index: Int) -> UInt8 {
        let bit = index * 6
        let byte = bit >> 3
        // The last register ends with the last byte.
        let high = byte + 1 < registerCount * 6 / 8 ? UInt16(registers[byte + 1]) << 8 : 0
        return UInt8(truncatingIfNeeded: (high | UInt16(registers[byte])) >> UInt16(bit & 7)) & 63
    }

    @inline(__always)
    public static func setRegister(_ registers: UnsafeMutablePointer<UInt8>, _ index: Int, _ value: UInt8) {
        let bit = index * 6
        let byte = bit >> 3
        let shift = UInt16(bit & 7)
        let mask = UInt16(63) << shift
        let bits = UInt16(value) << shift
        registers[byte] = registers[byte] & ~UInt8(truncatingIfNeeded: mask) | UInt8(truncatingIfNeeded: bits)
        guard shift > 2 else { return }
        registers[byte + 1] = registers[byte + 1] & ~UInt8(mask >> 8) | UInt8(bits >> 8)
    }

    /// Calls `body` with every register of a dense one, four of each three bytes.
    @inline(__always)
    static func forEachRegister(_ registers: UnsafePointer<UInt8>, _ body: (Int, UInt8) -> Void) {
        var index = 0
        var at = registers
        while index < registerCount {
            let (a, b, c) = (at[0], at[1], at[2])
            body(index, a & 63)
            body(index + 1, a >> 6 | b << 2 & 63)
            body(index + 2, b >> 4 | c << 4 & 63)
            body(index + 3, c >> 2)
            index += 4
            at += 3
        }
    }

    // MARK: Estimate

    /// How many registers there are of each value.
    public struct Histogram {
        // A register has 6 bits.
        var counts = [Int](repeating: 0, count: 64)

        mutating func add(_ value: UInt8, _ count: Int) { counts[Int(value)] += count }
    }

    /// Registers of the values 0 to 63 in the registers of a HyperLogLog; nil if it is damaged. O(registers).
    public static func histogram(_ bytes: ByteSlice) -> Histogram? {
        var histogram = Histogram()
        if bytes[4] == Form.dense.rawValue {
            precondition(bytes.count == denseBytes, "a dense HyperLogLog of \(bytes.count) bytes")
            histogram.counts.withUnsafeMutableBufferPointer { counts in
                forEachRegister(bytes.base + headerBytes) { _, value in counts[Int(value)] += 1 }
            }
            return histogram
        }
        let isWhole = SparseRuns.forEach(bytes) { run in histogram.add(run.value, run.count) }
        return isWhole ? histogram : nil
    }

    /// The same of registers that take a byte each.
    public static func histogram(unpacked registers: UnsafePointer<UInt8>) -> Histogram {
        var histogram = Histogram()
        histogram.counts.withUnsafeMutableBufferPointer { counts in
            for index in 0..<registerCount { counts[Int(registers[index] & 63)] += 1 }
        }
        return histogram
    }

    /// The number of different elements that the registers stand for.
    public static func estimate(_ histogram: Histogram) -> UInt64 {
        let counts = histogram.counts
        let registers = Double(registerCount)
        var sum = registers * tau((registers - Double(counts[rankBits + 1])) / registers)
        for value in stride(from: rankBits, through: 1, by: -1) {
            sum += Double(counts[value])
            sum *= 0.5
        }
        sum += registers * sigma(Double(counts[0]) / registers)
        // 1 / (2 ln 2)
        let estimate = 0.721347520444481703680 * registers * registers / sum
        // Registers that no hash leads to can make it infinite.
        return estimate < 0x1p63 ? UInt64(estimate.rounded()) : 1 << 63
    }

    private static func sigma(_ start: Double) -> Double {
        if start == 1 { return .infinity }
        var (x, y, z) = (start, 1.0, start)
        while true {
            x *= x
            let before = z
            z += x * y
            y += y
            if before == z { return z }
        }
    }

    private static func tau(_ start: Double) -> Double {
        if start == 0 || start == 1 { return 0 }
        var (x, y, z) = (start, 1.0, 1 - start)
        while true {
            x = x.squareRoot()
            let before = z
            y *= 0.5
            z -= (1 - x) * (1 - x) * y
            if before == z { return z / 3 }
        }
    }

    // MARK: Union

    /// Raises each of the registers at `registers`, which take a byte each, to that of the HyperLogLog if that is larger.
    /// False if it is damaged.
    public static func unite(_ bytes: ByteSlice, into registers: UnsafeMutablePointer<UInt8>) -> Bool {
        if bytes[4] == Form.dense.rawValue {
            precondition(bytes.count == denseBytes, "a dense HyperLogLog of \(bytes.count) bytes")
            forEachRegister(bytes.base + headerBytes) { index, value in
                registers[index] = max(registers[index], value)
            }
            return true
        }
        var index = 0
        return SparseRuns.forEach(bytes) { run in
            if run.value > 0 {
                for index in index..<index + run.count { registers[index] = max(registers[index], run.value) }
            }
            index += run.count
        }
    }
}
