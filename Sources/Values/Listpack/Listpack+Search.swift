import Bytes
import CShims

extension Listpack {
    private static let lineBytes = 64
    /// Half of a page of 2 KiB: as far as a search goes on average.
    private static let fetchedBytes = 1024

    /// The offset of the first entry from `from` on that is `text`, looking at every `stride`-th; nil if none is.
    /// O(bytes).
    public func find(_ text: ByteSlice, from: Int? = nil, stride: Int = 1) -> Int? {
        let at = from ?? first
        if let number = StringForm.canonicalInteger(text) {
            return scan(at, stride) { at, _ in if case .integer(number) = item(at) { true } else { false } }
        }
        let count = text.count
        guard count < 64 else {
            return scan(at, stride) { at, _ in if case .bytes(text) = item(at) { true } else { false } }
        }
        // Of strings in one listpack many have the same length and begin alike: their ends are compared first, without
        // a call. The first byte of an entry with such a string is its length.
        let mark = 0x80 | UInt8(truncatingIfNeeded: count)
        let needle = UnsafeRawPointer(text.base)
        if count >= 8 {
            let tail = needle.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            return scan(at, stride) { at, byte in
                byte == mark && base.loadUnaligned(fromByteOffset: at + count - 7, as: UInt64.self) == tail
                    && memcmp(base + at + 1, needle, count - 8) == 0
            }
        }
        if count >= 4 {
            let head = needle.loadUnaligned(as: UInt32.self)
            let tail = needle.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
            return scan(at, stride) { at, byte in
                byte == mark && base.loadUnaligned(fromByteOffset: at + count - 3, as: UInt32.self) == tail
                    && base.loadUnaligned(fromByteOffset: at + 1, as: UInt32.self) == head
            }
        }
        return scan(at, stride) { at, byte in byte == mark && memcmp(base + at + 1, needle, count) == 0 }
    }

    /// The offset of the first of every `stride`-th entry from `at` on for which `matches(offset, first byte)` holds.
    @inline(__always)
    private func scan(_ at: Int, _ stride: Int, _ matches: (Int, UInt8) -> Bool) -> Int? {
        var at = at
        let end = self.end
        // Where an entry begins says the one before it: without help the misses of the cache come one after the other.
        var line = at + Self.lineBytes
        while line < min(end, at + Self.fetchedBytes) {
            firn_prefetch(base + line)
            line += Self.lineBytes
        }
        while at < end {
            if matches(at, load(at)) { return at }
            at = next(at)
            for _ in 1..<max(stride, 1) where at < end { at = next(at) }
        }
        return nil
    }
}
