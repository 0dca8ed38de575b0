import Bytes
import CShims
import Platform
import RESP

/// Output that the socket would not take yet: blocks in order, some shared with others, sent from where they are.
///
/// Small output is gathered in the last block if that is the queue's own. Owned by the connection's loop.
struct OutputQueue: ~Copyable {
    private struct Block {
        let bytes: SharedBytes
        var start: Int
        var end: Int
        /// Made here for gathering: nobody else has seen it, so its rest may be written.
        let isOwn: Bool
    }

    /// What a gathering block has room for.
    private static let blockBytes = 16 << 10
    /// Parts of one sendmsg. 64 of 16 KiB are a megabyte: more than a socket's buffer takes at once.
    private static let partsPerSend = 64

    private var blocks: [Block] = []
    private var head = 0
    /// Bytes not yet sent.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var blockCount: Int { blocks.count - head }

    /// Whether the last block is the queue's own.
    private var isGathering: Bool { head < blocks.count && blocks[blocks.count - 1].isOwn }

    /// Appends a copy.
    mutating func append(_ bytes: ByteSlice) {
        guard bytes.count > 0 else { return }
        count += bytes.count
        var rest = bytes
        if let last = blocks.last, head < blocks.count, last.isOwn {
            let fits = min(last.bytes.count - last.end, rest.count)
            // `isOwn`: nobody else has the block.
            last.bytes.withUnsafeMutableBytes { _ = memcpy($0 + last.end, rest.base, fits) }
            blocks[blocks.count - 1].end += fits
            rest = rest.dropFirst(fits)
        }
        guard rest.count > 0 else { return }
        let block = SharedBytes(uninitializedCount: max(Self.blockBytes, rest.count))
        block.withUnsafeMutableBytes { _ = memcpy($0, rest.base, rest.count) }
        blocks.append(Block(bytes: block, start: 0, end: rest.count, isOwn: true))
    }

    /// Small parts of shared blocks that are kept by reference. What comes behind them is gathered.
    private static let smallReferences = 4

    /// Appends a part of a shared block: by reference if it is large, or if hardly anything waits yet, so that a
    /// message that many connections get needs no block of each.
    mutating func append(_ bytes: SharedBytes, _ range: Range<Int>) {
        if range.count < 1024, blockCount >= Self.smallReferences || isGathering { return append(bytes.slice[range]) }
        guard range.count > 0 else { return }
        count += range.count
        blocks.append(Block(bytes: bytes, start: range.lowerBound, end: range.upperBound, isOwn: false))
    }

    /// Appends what `writer` holds, without its first `sent` bytes.
    mutating func append(_ writer: borrowing ReplyWriter, from sent: Int) {
        var skip = sent
        var position = 0
        let memory = writer.slice
        func rest(_ slice: ByteSlice, _ skip: inout Int) -> ByteSlice {
            let part = slice.dropFirst(skip)
            skip -= slice.count - part.count
            return part
        }
        for external in writer.externals {
            append(rest(memory[position..<external.position], &skip))
            position = external.position
            let dropped = min(skip, external.range.count)
            skip -= dropped
            if dropped < external.range.count {
                append(external.bytes, external.range.lowerBound + dropped..<external.range.upperBound)
            }
        }
        append(rest(memory[position..<memory.count], &skip))
    }

    /// Sends once as much as the socket takes.
    mutating func send(to fd: Int32) -> Transfer {
        let transfer = withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.partsPerSend) { parts in
            var used = 0
            while used < Self.partsPerSend, head + used < blocks.count {
                let block = blocks[head + used]
                // sendmsg only reads; the block is held by the queue.
                let base = UnsafeMutableRawPointer(mutating: block.bytes.slice.base + block.start)
                parts[used] = iovec(iov_base: base, iov_len: block.end - block.start)
                used += 1
            }
            return Socket.send(fd, gathered: UnsafeMutableBufferPointer(rebasing: parts[0..<used]))
        }
        if transfer.bytes > 0 { consume(transfer.bytes) }
        return transfer
    }

    private mutating func consume(_ n: Int) {
        count -= n
        var rest = n
        while rest > 0 {
            let length = blocks[head].end - blocks[head].start
            if length > rest {
                blocks[head].start += rest
                return
            }
            rest -= length
            head += 1
        }
        if head == blocks.count {
            removeAll()
        } else if head >= 64, head * 2 >= blocks.count {
            blocks.removeFirst(head)
            head = 0
        }
    }

    mutating func removeAll() {
        blocks = []
        head = 0
        count = 0
    }
}
