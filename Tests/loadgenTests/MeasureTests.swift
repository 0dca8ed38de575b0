import Bytes
import Testing

@testable import loadgen

@Suite struct MeasureTests {
    @Test func bucketsTileTheRange() {
        for value: UInt64 in [0, 1, 127, 128, 129, 255, 256, 1000, 123_456_789, 1 << 39, (1 << 40) - 1] {
            let bucket = Histogram.bucket(of: value)
            #expect(Histogram.upperBound(of: bucket) >= value)
            #expect(bucket == 0 || Histogram.upperBound(of: bucket - 1) < value)
            #expect(Double(Histogram.upperBound(of: bucket) - value) <= Double(value) * 0.008)
        }
        #expect(Histogram.bucket(of: .max) == Histogram.bucket(of: (1 << 40) - 1))
    }

    @Test func quantilesAreWithinOnePercent() {
        var histogram = Histogram()
        for n in 1...100_000 { histogram.record(Int64(n) * 1000) }
        for share in [0.5, 0.9, 0.99, 0.999] {
            let exact = share * 1e8
            #expect(abs(Double(histogram.quantile(share)) - exact) < exact * 0.01)
        }
        #expect(histogram.quantile(1) == 100_000_000)
        #expect(histogram.maximum == 100_000_000)
        var other = Histogram()
        other.record(1)
        other.merge(histogram)
        #expect(other.count == 100_001)
        #expect(Histogram().quantile(0.99) == 0)
    }

    @Test func thePacerIsInOrder() {
        var pacer = Pacer()
        var random = Random(seed: 9, stream: 1)
        for connection in 0..<500 { pacer.add(connection, due: Int64(random.below(1000))) }
        var last: Int64 = -1
        var count = 0
        #expect(pacer.pop(now: -1) == nil)
        while let due = pacer.nextDue {
            #expect(due >= last)
            last = due
            #expect(pacer.pop(now: due) != nil)
            count += 1
        }
        #expect(count == 500)
    }

    /// Each reply whole, and cut at every byte: a cut one is never taken for a whole one.
    @Test func repliesNeedAllTheirBytes() {
        let cases: [(String, Reply.Kind, Int)] = [
            ("+OK\r\n", .status, 0), ("-ERR no\r\n", .error, 0), (":-12\r\n", .integer, -12), ("$-1\r\n", .null, -1),
            ("$5\r\na\r\nbc\r\n", .bulk, 5), ("$0\r\n\r\n", .bulk, 0), ("*2\r\n", .array, 2), ("*-1\r\n", .null, -1),
            ("_\r\n", .null, -1), ("?x\r\n", .malformed, 0), ("$x\r\n", .malformed, 0),
        ]
        for (text, kind, number) in cases {
            (text + "+next").withSlice { bytes in
                let reply = Reply.read(bytes, at: 0)
                #expect(reply?.kind == kind)
                #expect(reply?.number == number)
                #expect(reply?.end == text.utf8.count)
            }
            for cut in 0..<text.utf8.count {
                Array(text.utf8.prefix(cut)).withSlice { bytes in
                    if cut > 0 { #expect(Reply.read(bytes, at: 0) == nil, "\(text.debugDescription) cut at \(cut)") }
                }
            }
        }
    }

    @Test func numbersAreWrittenWithTheirDigits() {
        #expect(fixed(1.005, 2) == "1.00" || fixed(1.005, 2) == "1.01")
        #expect(fixed(-0.001, 2) == "0.00")
        #expect(fixed(12345.678, 1) == "12345.7")
        #expect(fixed(0.07, 3) == "0.070")
        #expect(JSON.object([("a\"", .array([.number(.nan), .unsigned(3)]))]).text == #"{"a\"":[null,3]}"#)
    }
}
