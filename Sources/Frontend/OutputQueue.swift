import Bytes
import CShims
import Platform
import RESP

/// Output that the socket would not take yet: blocks in order, some shared with others, sent from where they are.
///
/// Small output is gathered in memory of the queue's own, of which several blocks may be parts: what lies between large
/// shared values fills one page, not one each. Owned by the connection's loop.
package struct OutputQueue: ~Copyable {
    private struct Block {
        let bytes: SharedBytes
        var start: Int
        var end: Int
        let isGathered: Bool
    }

    /// Memory for gathering is allocated by so much.
    private static let pageBytes = 16 << 10
    /// Parts of one sendmsg. 64 of 16 KiB are a megabyte: more than a socket's buffer takes at once.
    private static let partsPerSend = 64

    private var blocks: [Block] = []
    private var head = 0
    /// Where small output is gathered, and how far it is used. Nobody else writes to it.
    private var page: SharedBytes?
    private var pageUsed = 0
    /// Bytes not yet sent.
    package private(set) var count = 0

    package init() {}

    /// Memory that the queue holds, shared blocks counted with the part that is to be sent.
    package var memoryBytes: Int {
        count + (page.map { $0.count - pageUsed } ?? 0) + blocks.count * MemoryLayout<Block>.stride
    }

    package var isEmpty: Bool { count == 0 }
    var blockCount: Int { blocks.count - head }

    /// Whether the last block can grow.
    private var isGathering: Bool { head < blocks.count && blocks[blocks.count - 1].isGathered }

    /// Appends a copy.
    package mutating func append(_ bytes: ByteSlice) {
        guard bytes.count > 0 else { return }
        count += bytes.count
        var rest = bytes
        if let page, pageUsed < page.count {
            let fitting = rest.prefix(page.count - pageUsed)
            gather(fitting, in: page)
            rest = rest.dropFirst(fitting.count)
        }
        guard rest.count > 0 else { return }
        let fresh = SharedBytes(uninitializedCount: max(Self.pageBytes, rest.count))
        page = fresh
        pageUsed = 0
        gather(rest, in: fresh)
    }

    /// Appends a copy to the page, which has room for it.
    private mutating func gather(_ bytes: ByteSlice, in page: SharedBytes) {
        // Nobody else has seen what lies behind `pageUsed`.
        page.withUnsafeMutableBytes { _ = memcpy($0 + pageUsed, bytes.base, bytes.count) }
        let start = pageUsed
        pageUsed += bytes.count
        // The last block ends where the page was used up to if it is one of this page.
        if isGathering, blocks[blocks.count - 1].bytes === page {
            blocks[blocks.count - 1].end = pageUsed
        } else {
            blocks.append(Block(bytes: page, start: start, end: pageUsed, isGathered: true))
        }
    }

    /// Small parts of shared blocks that are kept by reference. What comes behind them is gathered.
    private static let smallReferences = 4

    /// Appends a part of a shared block: by reference if it is large, or if hardly anything waits yet, so that a
    /// message that many connections get needs no block of each.
    package mutating func append(_ bytes: SharedBytes, _ range: Range<Int>) {
        if range.count < 1024, blockCount >= Self.smallReferences || isGathering { return append(bytes.slice[range]) }
        guard range.count > 0 else { return }
        count += range.count
        blocks.append(Block(bytes: bytes, start: range.lowerBound, end: range.upperBound, isGathered: false))
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
    package mutating func send(to fd: Int32) -> Transfer {
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
        page = nil
        pageUsed = 0
    }
}
