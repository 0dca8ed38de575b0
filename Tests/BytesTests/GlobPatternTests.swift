import Testing

import Bytes

/// The semantics written down in the simplest way: recursion over arrays, exponential on hostile patterns.
private func naiveMatch(_ p: ArraySlice<UInt8>, _ s: ArraySlice<UInt8>, _ fold: Bool) -> Bool {
    guard let first = p.first else { return s.isEmpty }
    guard let byte = s.first else { return p.allSatisfy { $0 == 0x2a } }
    let lower = { (b: UInt8) in fold ? asciiLowercase(b) : b }
    switch first {
    case 0x2a:
        return naiveMatch(p.dropFirst(), s, fold) || naiveMatch(p, s.dropFirst(), fold)
    case 0x3f:
        return naiveMatch(p.dropFirst(), s.dropFirst(), fold)
    case 0x5b:
        var rest = p.dropFirst()
        let negated = rest.first == 0x5e
        if negated { rest = rest.dropFirst() }
        var hit = false
        while let c = rest.first, c != 0x5d {
            let i = rest.startIndex
            if c == 0x5c, rest.count >= 2 {
                hit = hit || rest[i + 1] == byte
                rest = rest.dropFirst(2)
            } else if rest.count >= 3, rest[i + 1] == 0x2d {
                let bounds = [Int8(bitPattern: c), Int8(bitPattern: rest[i + 2])].sorted()
                    .map { Int8(bitPattern: lower(UInt8(bitPattern: $0))) }
                let value = Int8(bitPattern: lower(byte))
                hit = hit || (bounds[0] <= value && value <= bounds[1])
                rest = rest.dropFirst(3)
            } else {
                hit = hit || lower(c) == lower(byte)
                rest = rest.dropFirst()
            }
        }
        return hit != negated && naiveMatch(rest.dropFirst(), s.dropFirst(), fold)
    case 0x5c where p.count >= 2:
        return lower(p[p.startIndex + 1]) == lower(byte) && naiveMatch(p.dropFirst(2), s.dropFirst(), fold)
    default:
        return lower(first) == lower(byte) && naiveMatch(p.dropFirst(), s.dropFirst(), fold)
    }
}

@Suite struct GlobPatternTests {
    func matches(_ pattern: String, _ text: String, ignoresCase: Bool = false) -> Bool {
        pattern.withSlice { p in
            text.withSlice { GlobPattern.matches(pattern: p, text: $0, ignoresCase: ignoresCase) }
        }
    }

    @Test(arguments: [
        ("", ""), ("*", "x"), ("**", "xyz"), ("h?llo", "hello"), ("h*llo", "hllo"), ("h*llo", "heeeello"),
        ("h[ae]llo", "hallo"), ("h[^e]llo", "hallo"), ("h[a-c]llo", "hbllo"), ("h[c-a]llo", "hbllo"),
        ("a*", "a"), ("*a", "a"), ("*a*", "a"), ("a\\*b", "a*b"), ("[\\]]", "]"),
        ("[abc", "c"), ("[^", "x"), ("[a-", "-"), ("[\\", "\\"), ("\\", "\\"), ("a**b***c", "axbxc"), ("*?", "ab"),
        ("[^]", "x"), ("a[b-]", "a`"), ("x*y*z", "xyyz"), ("[a-c-e]", "-"),
    ])
    func fits(_ pattern: String, _ text: String) { #expect(matches(pattern, text), "\(pattern) \(text)") }

    @Test(arguments: [
        ("*", ""), ("**", ""), ("", "a"), ("a", ""), ("?", ""), ("h?llo", "hllo"), ("h[^e]llo", "hello"),
        ("a\\*b", "axb"), ("[", "["), ("[]", "]"), ("a", "ab"), ("ab", "a"), ("*a", "b"), ("a*b", "abc"),
        ("A", "a"), ("[a-", "b"), ("[", "a"), ("?*?", "a"),
    ])
    func doesNotFit(_ pattern: String, _ text: String) { #expect(!matches(pattern, text), "\(pattern) \(text)") }

    @Test func ignoresCaseOnRequest() {
        #expect(matches("HeL*", "hello", ignoresCase: true))
        #expect(matches("[A-C]x", "bX", ignoresCase: true))
        #expect(matches("[QX]", "x", ignoresCase: true))
        #expect(matches("\\A", "a", ignoresCase: true))
        #expect(!matches("[\\A]", "a", ignoresCase: true))
    }

    @Test func hostilePatternsTakeNoExponentialTime() {
        let pattern = String(repeating: "a*", count: 60) + "b"
        #expect(!matches(pattern, String(repeating: "a", count: 200)))
        #expect(matches(pattern, String(repeating: "a", count: 200) + "b"))
    }

    /// As Redis, which stops recursing: stars at the end and neighbours of others take no recursion.
    @Test func aThousandStarsAreTheMost() {
        let text = String(repeating: "a", count: 3000)
        #expect(matches(String(repeating: "*a", count: 1000), text))
        #expect(matches(String(repeating: "**?", count: 1000) + "**", text))
        #expect(!matches(String(repeating: "*a", count: 1001), text))
        #expect(!matches(String(repeating: "*?", count: 50_000), String(repeating: "a", count: 50_000)))
        // Stars that no text gets to don't matter, nor do those that stand for themselves.
        #expect(!matches("b" + String(repeating: "*a", count: 1001), text))
        #expect(matches(String(repeating: "\\*", count: 1001), String(repeating: "*", count: 1001)))
    }

    @Test func agreesWithTheNaiveMatcher() {
        var random = RandomSource(seed: 0x6c0b)
        let patternBytes = Array("ab*?[]^-\\Ac*".utf8) + [0xff]
        let textBytes = Array("abcAB*[]-\\^".utf8) + [0xff, 0x80]
        var matched = 0
        for _ in 0..<60_000 {
            let pattern = (0..<random.index(below: 9)).map { _ in
                patternBytes[random.index(below: patternBytes.count)]
            }
            // The empty text is a case of its own: Redis says no to "*".
            let text = (0...random.index(below: 7)).map { _ in textBytes[random.index(below: textBytes.count)] }
            let fold = random.index(below: 2) == 0
            let expected = naiveMatch(pattern[...], text[...], fold)
            let direct = pattern.withSlice { p in
                text.withSlice { GlobPattern.matches(pattern: p, text: $0, ignoresCase: fold) }
            }
            let prepared = pattern.withSlice { GlobPattern($0, ignoresCase: fold) }
            #expect(direct == expected, "pattern \(pattern) text \(text) fold \(fold)")
            #expect(text.withSlice { prepared.matches($0) } == expected, "pattern \(pattern) text \(text)")
            if expected {
                matched += 1
                #expect(text.starts(with: prepared.literalPrefix))
            }
        }
        #expect(matched > 1000)
    }

    @Test func literalPrefixes() {
        func prefix(_ text: String) -> (String, Bool) {
            let pattern = text.withSlice { GlobPattern($0) }
            return (String(decoding: pattern.literalPrefix, as: UTF8.self), pattern.isLiteral)
        }
        #expect(prefix("user:*") == ("user:", false))
        #expect(prefix("user\\*:?") == ("user*:", false))
        #expect(prefix("plain") == ("plain", true))
        #expect(prefix("") == ("", true))
        #expect(prefix("a\\") == ("a\\", true))
        #expect(prefix("[ab]") == ("", false))
        #expect("*".withSlice { GlobPattern($0).isMatchAll })
        #expect(!"**".withSlice { GlobPattern($0).isMatchAll })
        #expect("AbC".withSlice { GlobPattern($0, ignoresCase: true) }.literalPrefix.isEmpty)
    }
}
