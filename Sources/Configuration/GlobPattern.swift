/// Redis' patterns over directive names, without regard to case: `*`, `?`, `[a-z]`, `[^a]`, backslash.
///
/// Iterative with one point to return to, so a hostile pattern costs O(pattern x name), not exponential time.
struct GlobPattern {
    let pattern: [UInt8]

    init(_ pattern: [UInt8]) { self.pattern = pattern.map(LineSyntax.lowered) }

    /// Whether the pattern has any special character (a backslash alone makes none, as in Redis).
    var isPattern: Bool {
        pattern.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") }
    }

    func matches(_ name: [UInt8]) -> Bool {
        var p = 0
        var n = 0
        var retry: (p: Int, n: Int)?
        while true {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                retry = (p + 1, n)
                p += 1
                continue
            }
            if n == name.count {
                return p == pattern.count
            }
            if p < pattern.count, let next = step(p, LineSyntax.lowered(name[n])) {
                p = next
                n += 1
                continue
            }
            guard let from = retry else { return false }
            p = from.p
            n = from.n + 1
            retry = (from.p, n)
        }
    }

    /// The position after the element at `p` if it accepts `byte`.
    private func step(_ p: Int, _ byte: UInt8) -> Int? {
        switch pattern[p] {
        case UInt8(ascii: "?"): return p + 1
        case UInt8(ascii: "["): return stepClass(p + 1, byte)
        case 0x5c where p + 1 < pattern.count: return pattern[p + 1] == byte ? p + 2 : nil
        default: return pattern[p] == byte ? p + 1 : nil
        }
    }

    private func stepClass(_ start: Int, _ byte: UInt8) -> Int? {
        var p = start
        let negated = p < pattern.count && pattern[p] == UInt8(ascii: "^")
        if negated { p += 1 }
        var found = false
        while p < pattern.count, pattern[p] != UInt8(ascii: "]") {
            if pattern[p] == 0x5c, p + 1 < pattern.count { p += 1 }
            if p + 2 < pattern.count, pattern[p + 1] == UInt8(ascii: "-") {
                let low = min(pattern[p], pattern[p + 2])
                let high = max(pattern[p], pattern[p + 2])
                if byte >= low, byte <= high { found = true }
                p += 3
            } else {
                if pattern[p] == byte { found = true }
                p += 1
            }
        }
        // A class that isn't closed ends with the pattern.
        return found != negated ? min(p + 1, pattern.count) : nil
    }
}
