import Bytes
import Glibc
import Storage

/// A checkpoint of the memory provider: one file, `pairs`, in a directory of its own.
///
///     "FIRNMEM1" | number of pairs, 8 bytes | pair*        pair = key length, 4 | value length, 4 | key | value
///
/// Integers are little-endian. The count makes a file that was cut short unreadable.
enum CheckpointFile {
    private static let magic: StaticString = "FIRNMEM1"

    static func write(_ pairs: SortedPairs, to directory: String) throws(StorageError) {
        guard mkdir(directory, 0o755) == 0 else { throw failure("mkdir \(directory)") }
        var out = ByteBuffer()
        out.append(ByteSlice(magic))
        append(UInt64(pairs.count), &out)
        for run in pairs.runs {
            for pair in run {
                append(UInt32(pair.key.count), &out)
                append(UInt32(pair.value.count), &out)
                out.append(pair.key.slice)
                out.append(pair.value.slice)
            }
        }
        let path = directory + "/pairs"
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure("open \(path)") }
        defer { _ = Glibc.close(file) }
        while !out.isEmpty {
            let written = Glibc.write(file, out.slice.base, out.count)
            guard written > 0 else { throw failure("write \(path)") }
            out.consume(written)
        }
        guard fsync(file) == 0 else { throw failure("fsync \(path)") }
    }

    static func read(_ directory: String) throws(StorageError) -> SortedPairs {
        let all = try contents(of: directory + "/pairs")
        var rest = all.slice
        guard rest.hasPrefix(ByteSlice(magic)) else { throw StorageError(.incompatible, "no checkpoint: \(directory)") }
        rest = rest.dropFirst(8)
        var left = try take(UInt64.self, &rest)
        var pairs = SortedPairs()
        while left > 0 {
            let key = Int(try take(UInt32.self, &rest))
            let value = Int(try take(UInt32.self, &rest))
            guard rest.count >= key + value else { throw cutShort }
            pairs.put(rest[0..<key], rest[key..<key + value])
            rest = rest.dropFirst(key + value)
            left -= 1
        }
        guard rest.isEmpty else { throw cutShort }
        return pairs
    }

    private static let cutShort = StorageError(.corruption, "the checkpoint's length does not match its contents")

    private static func contents(of path: String) throws(StorageError) -> ByteBuffer {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw failure("open \(path)") }
        defer { _ = Glibc.close(file) }
        var all = ByteBuffer()
        while true {
            let tail = all.writableTail(1 << 16)
            let count = Glibc.read(file, tail.baseAddress, tail.count)
            guard count >= 0 else { throw failure("read \(path)") }
            if count == 0 { return all }
            all.didAppend(count)
        }
    }

    private static func append<I: FixedWidthInteger>(_ value: I, _ out: inout ByteBuffer) {
        withUnsafeBytes(of: value.littleEndian) { raw in
            for byte in raw { out.append(byte) }
        }
    }

    private static func take<I: FixedWidthInteger>(_: I.Type, _ from: inout ByteSlice) throws(StorageError) -> I {
        let size = MemoryLayout<I>.size
        guard from.count >= size else { throw cutShort }
        var value: I = 0
        for i in 0..<size { value |= I(from[i]) << I(8 * i) }
        from = from.dropFirst(size)
        return value
    }

    /// The error that errno names after `what` failed.
    private static func failure(_ what: String) -> StorageError {
        let code = errno
        return StorageError(code == ENOSPC ? .noSpace : .inputOutput, "\(what): errno \(code)")
    }
}
