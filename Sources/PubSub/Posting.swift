import Bytes

/// A message to the subscribers of one channel or pattern, in the form in which it is sent: encoded once, whatever
/// number of connections gets it and whatever version of the protocol they speak.
///
/// ```
/// >3\r\n *3\r\n $7\r\nmessage\r\n | $..\r\nchannel\r\n $..\r\npayload\r\n
/// 4 bytes 4 bytes  the rest of the heading | the tail, apart if it is long
/// ```
/// RESP3 takes the first four bytes and leaves out the next four, RESP2 begins with the second four. The tail is the
/// same for the channel and for every pattern that fits it.
public final class Posting: Sendable {
    private let heading: SharedBytes
    private let tail: SharedBytes?
    /// Whether it is a push: CLIENT REPLY OFF doesn't hold it back. Lines of MONITOR are none.
    public let isPush: Bool

    /// From this size the tail isn't copied behind the heading of each channel and pattern that it goes to.
    private static let sharedTailBytes = 1024
    /// Bytes of each version's header.
    private static let headerBytes = 4

    /// Channel and payload as bulk strings.
    static func tail(_ channel: ByteSlice, _ payload: ByteSlice) -> SharedBytes {
        var block = BlockWriter(bytes: BlockWriter.bulkBytes(channel) + BlockWriter.bulkBytes(payload))
        block.bulk(channel)
        block.bulk(payload)
        return block.finished()
    }

    /// To those who have subscribed to the channel itself.
    init(_ kind: SubscriptionKind, _ tail: SharedBytes) {
        let isShort = tail.count < Self.sharedTailBytes
        let own: StaticString =
            kind == .shardChannel ? ">3\r\n*3\r\n$8\r\nsmessage\r\n" : ">3\r\n*3\r\n$7\r\nmessage\r\n"
        var block = BlockWriter(bytes: own.utf8CodeUnitCount + (isShort ? tail.count : 0))
        block.raw(ByteSlice(own))
        if isShort { block.raw(tail.slice) }
        heading = block.finished()
        self.tail = isShort ? nil : tail
        isPush = true
    }

    /// To those who have subscribed to a pattern.
    init(pattern: ByteSlice, _ tail: SharedBytes) {
        let isShort = tail.count < Self.sharedTailBytes
        let own: StaticString = ">4\r\n*4\r\n$8\r\npmessage\r\n"
        var block = BlockWriter(
            bytes: own.utf8CodeUnitCount + BlockWriter.bulkBytes(pattern) + (isShort ? tail.count : 0))
        block.raw(ByteSlice(own))
        block.bulk(pattern)
        if isShort { block.raw(tail.slice) }
        heading = block.finished()
        self.tail = isShort ? nil : tail
        isPush = true
    }

    /// A line for monitors, in every version the same.
    init(line: SharedBytes) {
        heading = line
        tail = nil
        isPush = false
    }

    /// Bytes that it holds.
    var count: Int { heading.count + (tail?.count ?? 0) }

    /// Hands over what is to be sent, in order.
    public func forEachPart(version: Int, _ body: (SharedBytes, Range<Int>) -> Void) {
        let size = Self.headerBytes
        if !isPush {
            body(heading, 0..<heading.count)
        } else if version == 3 {
            body(heading, 0..<size)
            body(heading, 2 * size..<heading.count)
        } else {
            body(heading, size..<heading.count)
        }
        if let tail { body(tail, 0..<tail.count) }
    }
}

/// Fills a block of which the size is known beforehand.
private struct BlockWriter {
    private let block: SharedBytes
    private var used = 0

    init(bytes: Int) { block = SharedBytes(uninitializedCount: bytes) }

    /// What `bulk` takes: `$`, the length, two line ends and the bytes.
    static func bulkBytes(_ slice: ByteSlice) -> Int { 5 + Decimal.digitCount(Int64(slice.count)) + slice.count }

    mutating func raw(_ slice: ByteSlice) {
        precondition(used + slice.count <= block.count, "\(slice.count) bytes behind \(used) of \(block.count)")
        let at = used
        // Nobody else has the block yet.
        block.withUnsafeMutableBytes { ($0 + at).update(from: slice.base, count: slice.count) }
        used += slice.count
    }

    mutating func bulk(_ slice: ByteSlice) {
        raw("$")
        Decimal.bytes(Int64(slice.count)).withSlice { raw($0) }
        raw("\r\n")
        raw(slice)
        raw("\r\n")
    }

    private mutating func raw(_ text: StaticString) { raw(ByteSlice(text)) }

    func finished() -> SharedBytes {
        precondition(used == block.count, "\(used) of \(block.count) bytes written")
        return block
    }
}
