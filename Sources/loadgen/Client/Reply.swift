import Bytes

/// One RESP2 reply, or the head of an array's: its elements follow as replies of their own.
struct Reply {
    enum Kind {
        case status
        case error
        case integer
        case bulk
        /// A null bulk string or null array.
        case null
        /// `number` elements follow.
        case array
        /// Not RESP: the connection is out of step.
        case malformed
    }

    var kind: Kind
    /// The integer, or the number of elements.
    var number: Int
    /// The text of a status, error or bulk string; valid as long as the bytes read from.
    var text: ByteSlice
    /// Where the next reply begins.
    var end: Int

    /// Reads the reply that begins at `start`; nil when more bytes are needed.
    @inline(__always)
    static func read(_ bytes: ByteSlice, at start: Int) -> Reply? {
        guard let eol = lineEnd(bytes, from: start) else { return nil }
        let line = ByteSlice(base: bytes.base + start + 1, count: eol - start - 1)
        let next = eol + 2
        switch bytes[start] {
        case 0x2b: return Reply(kind: .status, number: 0, text: line, end: next)
        case 0x2d: return Reply(kind: .error, number: 0, text: line, end: next)
        case 0x3a:
            guard let value = integer(line) else { break }
            return Reply(kind: .integer, number: value, text: line, end: next)
        case 0x24:
            guard let size = integer(line) else { break }
            if size < 0 { return Reply(kind: .null, number: -1, text: .empty, end: next) }
            guard bytes.count >= next + size + 2 else { return nil }
            let text = ByteSlice(base: bytes.base + next, count: size)
            return Reply(kind: .bulk, number: size, text: text, end: next + size + 2)
        case 0x2a:
            guard let count = integer(line) else { break }
            return Reply(kind: count < 0 ? .null : .array, number: count, text: .empty, end: next)
        case 0x5f: return Reply(kind: .null, number: -1, text: .empty, end: next)
        default: break
        }
        return Reply(kind: .malformed, number: 0, text: line, end: next)
    }

    /// The index of the CR before the LF that ends the line begun at `start`.
    @inline(__always)
    private static func lineEnd(_ bytes: ByteSlice, from start: Int) -> Int? {
        var at = start + 1
        while at + 1 < bytes.count {
            if bytes.base[at] == 0x0d && bytes.base[at + 1] == 0x0a { return at }
            at += 1
        }
        return nil
    }

    @inline(__always)
    private static func integer(_ line: ByteSlice) -> Int? {
        var at = 0
        let negative = line.count > 0 && line.base[0] == 0x2d
        if negative { at = 1 }
        guard at < line.count, line.count < 20 else { return nil }
        var value = 0
        while at < line.count {
            let digit = line.base[at] &- 0x30
            guard digit < 10 else { return nil }
            value = value &* 10 &+ Int(digit)
            at += 1
        }
        return negative ? -value : value
    }
}
