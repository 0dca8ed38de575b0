import Testing

import Bytes
import RESP

/// A seeded generator (splitmix64), so that a failure replays.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

/// What came of parsing: the requests, and the error that ended it.
struct Parsed: Equatable {
    var requests: [[[UInt8]]] = []
    var error: ProtocolError?
}

/// Feeds `bytes` in pieces as a connection does: what is not consumed stays in front, and is moved each time.
func parse(
    _ bytes: [UInt8], pieces: (Int) -> Int = { _ in .max }, limits: ParserLimits = ParserLimits()
) -> Parsed {
    var parser = RequestParser()
    var batch = RequestBatch()
    var result = Parsed()
    var kept: [UInt8] = []
    var at = 0
    while at < bytes.count {
        let n = min(max(1, pieces(at)), bytes.count - at)
        kept += bytes[at..<at + n]
        at += n
        var start = 0
        let more = kept.withSlice { slice in
            while true {
                batch.removeAll()
                let outcome = parser.parse(slice, from: start, into: &batch, limits: limits)
                for index in 0..<batch.count {
                    result.requests.append(batch.arguments(of: index).buffer.map(\.array))
                    #expect(batch.start(of: index) >= start && batch.end(of: index) <= parser.consumed)
                }
                start = parser.consumed
                switch outcome {
                case .full: continue
                case .needsMore: return true
                case .failed(let error):
                    result.error = error
                    return false
                }
            }
        }
        if !more { break }
        kept.removeFirst(start)
    }
    return result
}

func randomBytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

func encode(_ arguments: [[UInt8]]) -> [UInt8] {
    arguments.reduce(into: Array("*\(arguments.count)\r\n".utf8)) {
        $0 += Array("$\($1.count)\r\n".utf8) + $1 + [13, 10]
    }
}

func text(_ parsed: Parsed) -> [[String]] { parsed.requests.map { $0.map { String(decoding: $0, as: UTF8.self) } } }

@Suite struct RequestParserTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func findsGeneratedRequestsHoweverTheyAreCut(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var requests: [[[UInt8]]] = []
        var bytes: [UInt8] = []
        for _ in 0..<300 {
            let most = Int.random(in: 0..<20, using: &generator) == 0 ? 200 : 5
            let count = Int.random(in: 1...most, using: &generator)
            let request = (0..<count).map { _ -> [UInt8] in
                let length = [0, 1, 3, 9, 10, 99, 100, 1000].randomElement(using: &generator) ?? 0
                return randomBytes(Int.random(in: 0...length, using: &generator), &generator)
            }
            requests.append(request)
            bytes += encode(request)
            if Int.random(in: 0..<5, using: &generator) == 0 {
                requests.append([Array("inline".utf8), Array("w1".utf8)])
                bytes += Array("inline  w1 \r\n".utf8)
            }
            if Int.random(in: 0..<9, using: &generator) == 0 { bytes += Array("\r\n*0\r\n*-1\r\n".utf8) }
        }
        let expected = Parsed(requests: requests)
        // Compared outside #expect, which would print all of it.
        for size in [1, 2, 3, 7, 64, 4096, .max] {
            let isSame = parse(bytes) { _ in size } == expected
            #expect(isSame, "seed \(seed), pieces of \(size)")
        }
        let isSame = parse(bytes) { _ in Int.random(in: 1...50, using: &generator) } == expected
        #expect(isSame, "seed \(seed), random pieces")
    }

    @Test func splitsInlineCommandsAsRedisDoes() {
        let cases: [(String, [[String]])] = [
            ("PING\r\n", [["PING"]]), ("PING\n", [["PING"]]), ("  a\tb  c \r\n", [["a", "b", "c"]]),
            ("set \"a b\" 'c d'\r\n", [["set", "a b", "c d"]]), ("x \"\"\r\n", [["x", ""]]),
            ("x \"a\\x41\\n\\t\\r\\a\\b\\\"\\q\"\r\n", [["x", "aA\n\t\r\u{7}\u{8}\"q"]]),
            ("x 'it\\'s \\n'\r\n", [["x", "it's \\n"]]), ("x foo\"bar\" y\r\n", [["x", "foobar", "y"]]),
            ("\r\n\r\nPING\r\n", [["PING"]]), ("a\rb\r\n", [["a", "b"]]),
        ]
        for (input, expected) in cases {
            #expect(text(parse(Array(input.utf8))) == expected, "\(input)")
            #expect(text(parse(Array(input.utf8)) { _ in 1 }) == expected, "\(input)")
        }
        for bad in ["x \"a\r\n", "x 'a\r\n", "x \"a\"b\r\n", "x 'a'b\r\n", "\"\r\n"] {
            #expect(parse(Array(bad.utf8)).error == .unbalancedQuotes, "\(bad)")
        }
    }

    @Test func refusesWhatRedisRefuses() {
        let long = String(repeating: "1", count: 70_000)
        let cases: [(String, ProtocolError)] = [
            ("*x\r\n", .invalidMultibulkLength), ("*\r\n", .invalidMultibulkLength),
            ("*3000000000\r\n", .invalidMultibulkLength), ("*01\r\n", .invalidMultibulkLength),
            ("*1048577\r\n", .invalidMultibulkLength), ("*99999999999999999999\r\n", .invalidMultibulkLength),
            ("*1\r\nfoo\r\n", .expectedDollar(got: 0x66)),
            ("*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", .expectedDollar(got: 0x66)),
            ("*1\r\n$-1\r\n", .invalidBulkLength), ("*1\r\n$x\r\n", .invalidBulkLength),
            ("*1\r\n$2000000000\r\n", .invalidBulkLength), ("*1\r\n$1a\r\n", .invalidBulkLength),
            ("*" + long, .tooBigMultibulkCount), ("*1\r\n$" + long, .tooBigBulkCount), (long, .tooBigInlineRequest),
        ]
        for (input, error) in cases {
            #expect(parse(Array(input.utf8)).error == error, "\(input.prefix(40))")
            #expect(parse(Array(input.utf8)) { _ in 1 }.error == error, "\(input.prefix(40))")
        }
        // The requests before the error are still there.
        #expect(text(parse(Array("PING\r\n*1\r\n$4\r\nECHO\r\n*1\r\n!\r\n".utf8))) == [["PING"], ["ECHO"]])
        #expect(ProtocolError.expectedDollar(got: 0x66).text == Array("ERR Protocol error: expected '$', got 'f'".utf8))
    }

    @Test func holdsStrangersToTheirLimits() {
        var limits = ParserLimits()
        limits.isAuthenticated = false
        #expect(parse(Array("*11\r\n".utf8), limits: limits).error == .unauthenticatedMultibulkLength)
        #expect(parse(Array("*1\r\n$16385\r\n".utf8), limits: limits).error == .unauthenticatedBulkLength)
        #expect(parse(encode(Array(repeating: [1], count: 10)) + encode([[2]]), limits: limits).requests.count == 2)
    }

    @Test func tellsWhatIsMissingOfALargeBulk() {
        var parser = RequestParser()
        var batch = RequestBatch()
        let head = Array("*2\r\n$3\r\nSET\r\n$100000\r\nabc".utf8)
        head.withSlice { slice in
            #expect(parser.parse(slice, into: &batch, limits: ParserLimits()) == .needsMore)
        }
        #expect(parser.missingBytes == 100_000 + 2 - 3)
        #expect(parser.consumed == 0)
    }

    @Test func millionArgumentsByteByByteStaysLinear() {
        // 200,000 arguments in pieces of 13 bytes: quadratic work would take hours, not a second.
        let request = Array(repeating: [UInt8(0x61)], count: 200_000)
        var parser = RequestParser()
        var batch = RequestBatch()
        encode(request).withSlice { slice in
            var shown = 13
            while shown < slice.count {
                #expect(parser.parse(slice.prefix(shown), into: &batch, limits: ParserLimits()) == .needsMore)
                shown += 13
            }
            #expect(parser.parse(slice, into: &batch, limits: ParserLimits()) == .needsMore)
        }
        #expect(batch.count == 1 && batch.arguments(of: 0).count == 200_000)
    }
}
