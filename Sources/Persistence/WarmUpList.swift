import Bytes
import Keyspace
import Platform

/// The keys that were hot when the seal was written: a file beside it, for the next start to read them in again.
///
/// A hint, and nothing else: what it names may be gone, and a list that is damaged or missing costs a cold start. It
/// is written in one go and read part by part, so neither takes more memory than a few blocks.
///
/// On disk, little endian, never renumbered; a change of the layout is a new format number:
///
///     header   "FIRNWARM" format (4) seed (8 + 8) SipHash of all before (8)
///     block    touches (4, 1 to 3) keys (4) bytes of entries (4) entries, SipHash of all before in the block (8)
///     entry    generation (4) bytes of the key (4) key
///     end      0 (4) keys of all blocks (8) SipHash of both (8)
///
/// The seed is that of the data set's placement: a list of another data set is not used. Within a block, and among
/// blocks with the same touches, keys are in the order of their places on flash.
public enum WarmUpList {
    static let magic: [UInt8] = Array("FIRNWARM".utf8)
    static let format: UInt64 = 1
    static let headerBytes = 36
    static let blockHeadBytes = 12
    static let endBytes = 20
    static let checksumBytes = 8
    /// Entries of a block: what a look at the next keys reads at once.
    static let blockBytes = 64 << 10
    /// Longer keys are left out.
    public static let longestKeyBytes = 4 << 10
    static let mostTouches = 3

    /// Why a list can't be used.
    public struct Damage: Error, CustomStringConvertible {
        public let description: String
    }

    static func append(_ number: UInt64, _ count: Int, to bytes: inout [UInt8]) {
        for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
    }

    static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }

    static func checksum(_ bytes: [UInt8], _ count: Int) -> UInt64 {
        // A fixed key: the purpose is to notice damage, not to resist an author.
        bytes.withSlice { SipHash(k0: 0x4669_726e_5761_726d, k1: 1).hash($0.prefix(count)) }
    }

    static func header(_ seed: (UInt64, UInt64)) -> [UInt8] {
        var bytes = magic
        append(format, 4, to: &bytes)
        append(seed.0, 8, to: &bytes)
        append(seed.1, 8, to: &bytes)
        append(checksum(bytes, bytes.count), 8, to: &bytes)
        return bytes
    }
}

extension WarmUpList {
    /// Writes a list from its beginning to its end.
    public struct Writer: ~Copyable {
        private let file: File
        /// By touches; the first is of no use.
        private var blocks = [Block](repeating: Block(), count: WarmUpList.mostTouches + 1)
        /// Keys that were added.
        public private(set) var keys = 0

        private struct Block {
            var entries: [UInt8] = []
            var keys: UInt64 = 0

            /// Word by word: this is what most of the time goes into.
            mutating func add(_ generation: UInt32, _ key: ByteSlice) {
                let head = UInt64(UInt32(key.count)) << 32 | UInt64(generation)
                withUnsafeBytes(of: head.littleEndian) { entries.append(contentsOf: $0) }
                entries.append(contentsOf: key.buffer)
                keys += 1
            }
        }

        init(_ path: String, seed: (UInt64, UInt64)) throws(SystemError) {
            let file = try File(path, .create)
            try Self.write(WarmUpList.header(seed), to: file)
            self.file = file
        }

        /// Adds a key, unless it is too long.
        public mutating func add(generation: UInt32, touches: UInt8, key: ByteSlice) throws(SystemError) {
            let touches = min(max(Int(touches), 1), WarmUpList.mostTouches)
            guard key.count <= WarmUpList.longestKeyBytes else { return }
            if blocks[touches].entries.count + 8 + key.count > WarmUpList.blockBytes { try flush(touches) }
            blocks[touches].add(generation, key)
            keys += 1
        }

        private mutating func flush(_ touches: Int) throws(SystemError) {
            guard blocks[touches].keys > 0 else { return }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(WarmUpList.blockBytes + WarmUpList.blockHeadBytes + WarmUpList.checksumBytes)
            WarmUpList.append(UInt64(touches), 4, to: &bytes)
            WarmUpList.append(blocks[touches].keys, 4, to: &bytes)
            WarmUpList.append(UInt64(blocks[touches].entries.count), 4, to: &bytes)
            bytes += blocks[touches].entries
            WarmUpList.append(WarmUpList.checksum(bytes, bytes.count), 8, to: &bytes)
            try Self.write(bytes, to: file)
            blocks[touches].entries.removeAll(keepingCapacity: true)
            blocks[touches].keys = 0
        }

        /// Writes what is left and the end, durably.
        mutating func finish() throws(SystemError) {
            for touches in stride(from: WarmUpList.mostTouches, through: 1, by: -1) { try flush(touches) }
            var bytes: [UInt8] = []
            WarmUpList.append(0, 4, to: &bytes)
            WarmUpList.append(UInt64(keys), 8, to: &bytes)
            WarmUpList.append(WarmUpList.checksum(bytes, bytes.count), 8, to: &bytes)
            try Self.write(bytes, to: file)
            try file.sync()
        }

        private static func write(_ bytes: [UInt8], to file: borrowing File) throws(SystemError) {
            var buffer = ByteBuffer(capacity: bytes.count)
            bytes.withSlice { buffer.append($0) }
            try file.write(UnsafeRawBufferPointer(buffer.slice.buffer))
        }
    }

    /// Reads a list. Any number of threads.
    final class Reader: Sendable {
        private let file: File
        private let blocks: [Block]
        let keys: Int

        private struct Block {
            let offset: Int
            let touches: Int
            let keys: Int
            let bytes: Int
        }

        var list: HotKeyList { HotKeyList(keys: keys, parts: blocks.count) { [self] in try read($0) } }

        /// Looks at the frame of the file: the heads of all blocks, 12 bytes each, and the end. Nil if the list is of
        /// another data set.
        init?(_ path: String, seed: (UInt64, UInt64)) throws {
            file = try File(path, .read)
            let size = try file.size()
            let header = try Self.bytes(file, 0, WarmUpList.headerBytes)
            guard Array(header.prefix(8)) == WarmUpList.magic,
                WarmUpList.number(header, 28, 8) == WarmUpList.checksum(header, 28)
            else { throw Damage(description: "it has no header") }
            guard WarmUpList.number(header, 8, 4) == WarmUpList.format else {
                throw Damage(description: "it has format \(WarmUpList.number(header, 8, 4))")
            }
            guard header == WarmUpList.header(seed) else { return nil }
            var found: [Block] = []
            var at = WarmUpList.headerBytes
            while true {
                let head = try Self.bytes(file, at, WarmUpList.blockHeadBytes)
                let touches = Int(WarmUpList.number(head, 0, 4))
                if touches == 0 { break }
                let block = Block(
                    offset: at, touches: touches, keys: Int(WarmUpList.number(head, 4, 4)),
                    bytes: Int(WarmUpList.number(head, 8, 4)))
                guard touches <= WarmUpList.mostTouches, block.bytes <= WarmUpList.blockBytes else {
                    throw Damage(description: "there is no block at \(at)")
                }
                found.append(block)
                at += WarmUpList.blockHeadBytes + block.bytes + WarmUpList.checksumBytes
            }
            let end = try Self.bytes(file, at, WarmUpList.endBytes)
            keys = found.reduce(0) { $0 + $1.keys }
            guard WarmUpList.number(end, 12, 8) == WarmUpList.checksum(end, 12),
                WarmUpList.number(end, 4, 8) == UInt64(keys), at + end.count == size
            else { throw Damage(description: "its end is wrong") }
            // The hottest first, each kind in the order of the file.
            blocks = (1...WarmUpList.mostTouches).reversed().flatMap { touches in
                found.filter { $0.touches == touches }
            }
        }

        private func read(_ index: Int) throws -> [HotKey] {
            let block = blocks[index]
            let end = WarmUpList.blockHeadBytes + block.bytes
            let bytes = try Self.bytes(file, block.offset, end + WarmUpList.checksumBytes)
            guard WarmUpList.number(bytes, end, 8) == WarmUpList.checksum(bytes, end) else {
                throw Damage(description: "the checksum of the block at \(block.offset) is wrong")
            }
            var keys: [HotKey] = []
            keys.reserveCapacity(block.keys)
            var at = WarmUpList.blockHeadBytes
            while at + 8 <= end {
                let length = Int(WarmUpList.number(bytes, at + 4, 4))
                guard at + 8 + length <= end else { break }
                keys.append(
                    HotKey(
                        generation: UInt32(WarmUpList.number(bytes, at, 4)), touches: UInt8(block.touches),
                        key: Array(bytes[(at + 8)..<(at + 8 + length)])))
                at += 8 + length
            }
            guard at == end, keys.count == block.keys else {
                throw Damage(description: "the entries of the block at \(block.offset) are wrong")
            }
            return keys
        }

        private static func bytes(_ file: borrowing File, _ at: Int, _ count: Int) throws -> [UInt8] {
            var buffer = ByteBuffer(capacity: count)
            let room = buffer.writableTail(count)
            let got = try file.read(into: UnsafeMutableRawBufferPointer(start: room.baseAddress, count: count), at: at)
            guard got == count else { throw Damage(description: "it ends at \(at + got)") }
            buffer.didAppend(got)
            return buffer.slice.array
        }
    }
}
