/// The syntax of one line: words separated by blanks, "double quotes" with escapes, 'single quotes' without.
public enum LineSyntax {
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }

    @inline(__always)
    static func lowered(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// The words of `line`; nil if a quote is not closed, or a closing quote not followed by a blank. O(n).
    public static func split(_ line: [UInt8]) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var i = 0
        while true {
            while i < line.count, isBlank(line[i]) { i += 1 }
            guard i < line.count else { return words }
            guard let word = nextWord(line, &i) else { return nil }
            words.append(word)
        }
    }

    /// The word at `i`; an opening quote in the middle of a word continues it, as in Redis.
    private static func nextWord(_ line: [UInt8], _ i: inout Int) -> [UInt8]? {
        var word: [UInt8] = []
        var quote: UInt8 = 0
        while i < line.count {
            let byte = line[i]
            i += 1
            if quote == 0 {
                // Vertical tab and form feed separate words only where a word would begin.
                if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { return word }
                if byte == 0x22 || byte == 0x27 { quote = byte } else { word.append(byte) }
            } else if byte == quote {
                return i == line.count || isBlank(line[i]) ? word : nil
            } else if byte == 0x5c, i < line.count {
                unescape(line, &i, inside: quote, into: &word)
            } else {
                word.append(byte)
            }
        }
        return quote == 0 ? word : nil
    }

    /// What follows the backslash before `i`.
    private static func unescape(_ line: [UInt8], _ i: inout Int, inside quote: UInt8, into word: inout [UInt8]) {
        let byte = line[i]
        guard quote == 0x22 else {
            // In single quotes only the quote itself can be escaped.
            if byte == 0x27 {
                i += 1
                word.append(byte)
            } else {
                word.append(0x5c)
            }
            return
        }
        i += 1
        if byte == UInt8(ascii: "x"), i + 1 < line.count, let high = hexDigit(line[i]), let low = hexDigit(line[i + 1])
        {
            word.append(high << 4 | low)
            i += 2
            return
        }
        switch byte {
        case UInt8(ascii: "n"): word.append(0x0a)
        case UInt8(ascii: "r"): word.append(0x0d)
        case UInt8(ascii: "t"): word.append(0x09)
        case UInt8(ascii: "b"): word.append(0x08)
        case UInt8(ascii: "a"): word.append(0x07)
        default: word.append(byte)
        }
    }

    /// `bytes` in double quotes, so that `split` gives them back as one word.
    public static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = [0x22]
        for byte in bytes {
            switch byte {
            case 0x5c, 0x22: text += [0x5c, byte]
            case 0x0a: text += Array("\\n".utf8)
            case 0x0d: text += Array("\\r".utf8)
            case 0x09: text += Array("\\t".utf8)
            case 0x07: text += Array("\\a".utf8)
            case 0x08: text += Array("\\b".utf8)
            case 0x20...0x7e: text.append(byte)
            default: text += [0x5c, UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        text.append(0x22)
        return text
    }

    /// `bytes` as a word of a line: in quotes only where they are needed.
    static func word(_ bytes: [UInt8]) -> [UInt8] {
        let plain = bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x22 && $0 != 0x27 && $0 != 0x5c }
        return plain && !bytes.isEmpty ? bytes : quoted(bytes)
    }

    /// `line` without blanks, tabs and line ends on both sides.
    static func trimmed(_ line: ArraySlice<UInt8>) -> [UInt8] {
        func strips(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
        var slice = line
        while let first = slice.first, strips(first) { slice.removeFirst() }
        while let last = slice.last, strips(last) { slice.removeLast() }
        return Array(slice)
    }

    /// The lines of `text`, at each line feed, not trimmed.
    static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        text.split(separator: 0x0a, omittingEmptySubsequences: false)
    }

    /// Whether `bytes` are `word` but for ASCII case.
    static func equals(_ bytes: [UInt8], _ word: String) -> Bool {
        bytes.count == word.utf8.count && zip(bytes, word.utf8).allSatisfy { lowered($0) == lowered($1) }
    }
}
