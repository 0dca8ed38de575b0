import Bytes

/// A run of a sparse HyperLogLog: registers one behind the other that have the same value.
public struct SparseRun {
    public let value: UInt8
    public let count: Int
    /// Bytes that it takes.
    let bytes: Int

    static let longestShortZero = 64
    static let longestZero = 16384
    static let longestValue = 4
    static let largestValue: UInt8 = 32

    /// The run at `at`. The second byte of a long run of zeros counts as 0 where the string ends before it.
    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, at: Int, end: Int) {
        let byte = base[at]
        if byte >= 0x80 {
            value = byte >> 2 & 31 + 1
            count = Int(byte & 3) + 1
            bytes = 1
        } else {
            value = 0
            if byte < 0x40 {
                count = Int(byte) + 1
                bytes = 1
            } else {
                count = (Int(byte & 63) << 8 | (at + 1 < end ? Int(base[at + 1]) : 0)) + 1
                bytes = 2
            }
        }
    }

    /// Writes a run of zeros; returns how many bytes it took.
    static func writeZeros(_ count: Int, _ into: UnsafeMutablePointer<UInt8>) -> Int {
        if count <= longestShortZero {
            into[0] = UInt8(count - 1)
            return 1
        }
        into[0] = UInt8((count - 1) >> 8) | 0x40
        into[1] = UInt8(truncatingIfNeeded: count - 1)
        return 2
    }

    static func byte(_ value: UInt8, _ count: Int) -> UInt8 { (value - 1) << 2 | UInt8(count - 1) | 0x80 }
}

/// The runs of a sparse HyperLogLog.
public enum SparseRuns {
    /// Calls `body` with each run, as long as they don't come to too many registers. False if they don't come to all.
    @inline(__always)
    public static func forEach(_ bytes: ByteSlice, _ body: (SparseRun) -> Void) -> Bool {
        var at = HyperLogLog.headerBytes
        var registers = 0
        while at < bytes.count {
            let run = SparseRun(bytes.base, at: at, end: bytes.count)
            registers += run.count
            guard registers <= HyperLogLog.registerCount else { return false }
            body(run)
            at += run.bytes
        }
        return registers == HyperLogLog.registerCount
    }

    /// The runs as PFDEBUG DECODE shows them, damaged or not.
    public static func text(_ bytes: ByteSlice) -> String {
        var words: [String] = []
        var at = HyperLogLog.headerBytes
        while at < bytes.count {
            let run = SparseRun(bytes.base, at: at, end: bytes.count)
            at += run.bytes
            words.append(run.value > 0 ? "v:\(run.value),\(run.count)" : "\(run.bytes == 1 ? "z" : "Z"):\(run.count)")
        }
        return words.joined(separator: " ")
    }
}
