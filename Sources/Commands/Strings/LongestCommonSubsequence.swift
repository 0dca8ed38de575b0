import Bytes
import Keyspace
import RESP
import Values

// LCS: the textbook table of the lengths for all pairs of prefixes, then a walk back from its end. Which of several
// longest subsequences is found, and in which order the matches are listed, is visible to clients: on a mismatch the
// walk goes up only if that is strictly longer. Without the sequence itself (LEN) two rows do.

extension StringCommands {
    private struct LCSOptions {
        var wantsLength = false
        var wantsIndexes = false
        var withLengths = false
        var minimumMatch: Int64 = 0
    }

    static func lcs(_ call: inout CommandContext) {
        let first = call.keyspace.read(call.keys[0])?.record
        let second = call.keyspace.read(call.keys[1])?.record
        guard first?.type ?? .string == .string, second?.type ?? .string == .string else {
            return call.reply.pointee.error(ErrorText.lcsNotStrings)
        }
        guard let options = lcsOptions(call) else { return }
        let reply = call.reply
        let limit = call.settings.maximumStringBytes
        bytes(first) { a in
            bytes(second) { b in
                if let refusal = lcsRefusal(a.count, b.count, limit) { return reply.pointee.error(refusal) }
                if options.wantsLength { return reply.pointee.integer(lcsLength(a, b)) }
                lcsReply(a, b, options, reply)
            }
        }
    }

    private static func bytes(_ record: Record?, _ body: (ByteSlice) -> Void) {
        if let record { record.withString(body) } else { body(.empty) }
    }

    /// Nil: the reply says what is wrong.
    private static func lcsOptions(_ call: borrowing CommandContext) -> LCSOptions? {
        var options = LCSOptions()
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            if word.equalsIgnoringCase("idx") {
                options.wantsIndexes = true
            } else if word.equalsIgnoringCase("len") {
                options.wantsLength = true
            } else if word.equalsIgnoringCase("withmatchlen") {
                options.withLengths = true
            } else if word.equalsIgnoringCase("minmatchlen"), index + 1 < call.arguments.count {
                index += 1
                guard let minimum = call.integer(index) else { return nil }
                options.minimumMatch = max(0, minimum)
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 1
        }
        if options.wantsLength && options.wantsIndexes {
            call.reply.pointee.error(ErrorText.lcsLengthAndIndexes)
            return nil
        }
        return options
    }

    /// Why two strings of these lengths are too much. The limit is that of the whole table, whatever is asked for.
    private static func lcsRefusal(_ a: Int, _ b: Int, _ limit: Int) -> StaticString? {
        if max(a, b) >= Int(UInt32.max) - 1 { return ErrorText.lcsTooLong }
        let (cells, tooMany) = (a + 1).multipliedReportingOverflow(by: b + 1)
        return tooMany || cells > limit / MemoryLayout<UInt32>.size ? ErrorText.lcsMemory : nil
    }

    /// Fills `row` from `above`, the row of the prefix without `byte`. Both have `b.count + 1` cells.
    @inline(__always)
    private static func fill(
        _ row: UnsafeMutablePointer<UInt32>, above: UnsafeMutablePointer<UInt32>, _ byte: UInt8, _ b: ByteSlice
    ) {
        row[0] = 0
        var left: UInt32 = 0
        for j in 0..<b.count {
            left = byte == b.base[j] ? above[j] + 1 : max(above[j + 1], left)
            row[j + 1] = left
        }
    }

    private static func lcsLength(_ a: ByteSlice, _ b: ByteSlice) -> Int {
        let width = b.count + 1
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 2 * width) { rows in
            // At least two cells were asked for, so there is an address.
            var above = rows.baseAddress.unsafelyUnwrapped
            above.initialize(repeating: 0, count: width)
            var row = above + width
            for i in 0..<a.count {
                fill(row, above: above, a.base[i], b)
                swap(&row, &above)
            }
            return Int(above[b.count])
        }
    }

    private static func lcsReply(
        _ a: ByteSlice, _ b: ByteSlice, _ options: LCSOptions, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        let width = b.count + 1
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: (a.count + 1) * width) { table in
            // At least one cell was asked for, so there is an address.
            let base = table.baseAddress.unsafelyUnwrapped
            base.initialize(repeating: 0, count: width)
            for i in 0..<a.count { fill(base + (i + 1) * width, above: base + i * width, a.base[i], b) }
            let length = Int(base[a.count * width + b.count])
            if options.wantsIndexes {
                replyMatches(a, b, base, length, options, reply)
            } else {
                replySequence(a, b, base, length, reply)
            }
        }
    }

    /// The walk back: calls `match` with the indices of each byte of the sequence, the last first.
    @inline(__always)
    private static func walkBack(
        _ a: ByteSlice, _ b: ByteSlice, _ table: UnsafeMutablePointer<UInt32>, _ match: (Int, Int) -> Void
    ) {
        let width = b.count + 1
        var i = a.count
        var j = b.count
        while i > 0, j > 0 {
            if a.base[i - 1] == b.base[j - 1] {
                i -= 1
                j -= 1
                match(i, j)
            } else if table[(i - 1) * width + j] > table[i * width + j - 1] {
                i -= 1
            } else {
                j -= 1
            }
        }
    }

    private static func replySequence(
        _ a: ByteSlice, _ b: ByteSlice, _ table: UnsafeMutablePointer<UInt32>, _ length: Int,
        _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        let result = SharedBytes(uninitializedCount: length)
        result.withUnsafeMutableBytes { bytes in
            var at = length
            walkBack(a, b, table) { i, _ in
                at -= 1
                bytes[at] = a.base[i]
            }
            precondition(at == 0, "\(length) bytes in common, \(length - at) found")
        }
        reply.pointee.bulk(shared: result)
    }

    /// A run of bytes that match one to one.
    private struct Match {
        var a: Int
        var b: Int
        var count: Int
    }

    private static func replyMatches(
        _ a: ByteSlice, _ b: ByteSlice, _ table: UnsafeMutablePointer<UInt32>, _ length: Int, _ options: LCSOptions,
        _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        reply.pointee.map(2)
        reply.pointee.bulk("matches")
        let begun = reply.pointee.begin(.array)
        var listed = 0
        var current = Match(a: 0, b: 0, count: 0)
        func finish() {
            if current.count > 0, current.count >= options.minimumMatch {
                list(current, options.withLengths, reply)
                listed += 1
            }
            current.count = 0
        }
        walkBack(a, b, table) { i, j in
            if current.count > 0, current.a == i + 1, current.b == j + 1 {
                current = Match(a: i, b: j, count: current.count + 1)
            } else {
                finish()
                current = Match(a: i, b: j, count: 1)
            }
        }
        finish()
        reply.pointee.end(begun, count: listed)
        reply.pointee.bulk("len")
        reply.pointee.integer(length)
    }

    private static func list(_ match: Match, _ withLength: Bool, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        reply.pointee.array(withLength ? 3 : 2)
        for start in [match.a, match.b] {
            reply.pointee.array(2)
            reply.pointee.integer(start)
            reply.pointee.integer(start + match.count - 1)
        }
        if withLength { reply.pointee.integer(match.count) }
    }
}
