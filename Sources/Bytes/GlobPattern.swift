import CShims

/// A glob-style pattern as KEYS, SCAN, PSUBSCRIBE, CONFIG GET and ACL rules take it.
///
/// `*` any bytes, `?` one byte, `[a-z]`, `[^a]` one byte in or not in a class, `\` takes the next byte as it is. To
/// the letter as Redis 7.0 matches on x86-64, odd corners included: an unclosed class ends with the pattern, "[^"
/// is any byte, ranges compare signed bytes and may be backwards, an empty text matches only the empty pattern
/// (not "*"), and a pattern with more than `mostStars` stars before its end matches nothing.
///
/// The simple matcher recurses at every `*` and takes exponential time on "a*a*a*b". But once the rest after a
/// later `*` fits nowhere in the remaining text, moving an earlier one forward only shrinks that text; so on a
/// mismatch only the latest `*` is moved: O(pattern x text) time, no recursion, no allocation.
public struct GlobPattern: Sendable {
    /// The pattern's bytes.
    public let bytes: [UInt8]
    public let ignoresCase: Bool
    /// What every matching text begins with: the bytes before the first special one, escapes resolved.
    /// Empty when case is ignored.
    public let literalPrefix: [UInt8]
    /// Whether the pattern has no special bytes: the one text that matches is `literalPrefix`. False when case is
    /// ignored.
    public let isLiteral: Bool

    /// A pattern for repeated use. O(n); copies `pattern`.
    public init(_ pattern: ByteSlice, ignoresCase: Bool = false) {
        bytes = pattern.array
        self.ignoresCase = ignoresCase
        var prefix: [UInt8] = []
        var at = 0
        while at < pattern.count {
            var byte = pattern[at]
            if byte == Self.star || byte == Self.anyByte || byte == Self.classStart { break }
            if byte == Self.escape, at + 1 < pattern.count {
                at += 1
                byte = pattern[at]
            }
            prefix.append(byte)
            at += 1
        }
        isLiteral = at == pattern.count && !ignoresCase
        literalPrefix = ignoresCase ? [] : prefix
    }

    /// Whether the pattern is one "*", which commands take as "no filter".
    public var isMatchAll: Bool { bytes == [Self.star] }

    /// Whether `text` matches.
    public func matches(_ text: ByteSlice) -> Bool {
        if isLiteral { return literalPrefix.withSlice { $0 == text } }
        return bytes.withSlice { Self.matches(pattern: $0, text: text, ignoresCase: ignoresCase) }
    }

    /// Where Redis stops recursing. A text that matches has to come through every star but one at the pattern's end,
    /// so beyond so many there is none. Neighbours count as one.
    static let mostStars = 1000

    static let star = UInt8(ascii: "*")
    static let anyByte = UInt8(ascii: "?")
    static let classStart = UInt8(ascii: "[")
    static let classEnd = UInt8(ascii: "]")
    static let escape = UInt8(ascii: "\\")

    /// Whether `text` matches `pattern`. O(pattern x text) at worst, no allocation.
    public static func matches(pattern: ByteSlice, text: ByteSlice, ignoresCase: Bool = false) -> Bool {
        if text.isEmpty { return pattern.isEmpty }
        let p = pattern.base
        let end = pattern.count
        var at = 0  // in the pattern
        var position = 0  // in the text
        // The latest star: where the pattern goes on after it, and the text position tried last.
        var resume = -1
        var tried = 0
        var stars = 0
        while true {
            if at < end, p[at] == star {
                while at < end, p[at] == star { at += 1 }
                if at == end { return true }
                // Each star is come to once: what doesn't fit goes on behind the latest.
                stars += 1
                if stars > mostStars { return false }
                resume = at
                tried = position
            }
            if at < end, takesByte(pattern, &at, text.base[position], ignoresCase) {
                position += 1
                if position < text.count { continue }
                while at < end, p[at] == star { at += 1 }
                // Every element takes one byte: if they ran out here, they run out wherever the star ends.
                return at == end
            }
            guard resume >= 0 else { return false }
            tried += 1
            if tried == text.count { return false }
            position = tried
            at = resume
        }
    }

    /// Whether the pattern's element at `at` (no star) takes `byte`; moves `at` behind the element if it does.
    @inline(__always)
    private static func takesByte(
        _ pattern: ByteSlice, _ at: inout Int, _ byte: UInt8, _ ignoresCase: Bool
    ) -> Bool {
        let p = pattern.base
        switch p[at] {
        case anyByte:
            at += 1
            return true
        case classStart:
            return classTakes(pattern, &at, byte, ignoresCase)
        case escape where at + 1 < pattern.count:
            guard equal(p[at + 1], byte, ignoresCase) else { return false }
            at += 2
            return true
        default:
            guard equal(p[at], byte, ignoresCase) else { return false }
            at += 1
            return true
        }
    }

    private static func classTakes(
        _ pattern: ByteSlice, _ at: inout Int, _ byte: UInt8, _ ignoresCase: Bool
    ) -> Bool {
        let p = pattern.base
        let end = pattern.count
        var i = at + 1
        var negated = false
        if i < end, p[i] == UInt8(ascii: "^") {
            negated = true
            i += 1
        }
        var found = false
        while i < end {
            if p[i] == escape, i + 1 < end {
                // An escaped byte keeps its case even where case is ignored, as in Redis.
                if p[i + 1] == byte { found = true }
                i += 2
            } else if p[i] == classEnd {
                break
            } else if i + 2 < end, p[i + 1] == UInt8(ascii: "-") {
                if inRange(p[i], p[i + 2], byte, ignoresCase) { found = true }
                i += 3
            } else {
                if equal(p[i], byte, ignoresCase) { found = true }
                i += 1
            }
        }
        guard found != negated else { return false }
        at = min(i + 1, end)  // behind the bracket, or the end of a class that nobody closed
        return true
    }

    /// Bounds in either order, compared as C's signed char; letters fold after the bounds are ordered.
    private static func inRange(_ a: UInt8, _ b: UInt8, _ byte: UInt8, _ ignoresCase: Bool) -> Bool {
        var low = Int8(bitPattern: a)
        var high = Int8(bitPattern: b)
        var value = Int8(bitPattern: byte)
        if low > high { swap(&low, &high) }
        if ignoresCase {
            low = Int8(bitPattern: asciiLowercase(UInt8(bitPattern: low)))
            high = Int8(bitPattern: asciiLowercase(UInt8(bitPattern: high)))
            value = Int8(bitPattern: asciiLowercase(byte))
        }
        return value >= low && value <= high
    }

    @inline(__always)
    private static func equal(_ a: UInt8, _ b: UInt8, _ ignoresCase: Bool) -> Bool {
        ignoresCase ? asciiLowercase(a) == asciiLowercase(b) : a == b
    }
}
