import Testing

import Bytes

@Suite struct DecimalTests {
    func int64(_ text: String) -> Int64? { text.withSlice { Decimal.parseInt64($0) } }
    func uint64(_ text: String) -> UInt64? { text.withSlice { Decimal.parseUInt64($0) } }
    func double(_ text: String) -> Double? { text.withSlice { Decimal.parseDouble($0) } }
    func extended(_ text: String) -> ExtendedDouble? { text.withSlice { Decimal.parseExtended($0) } }
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test(arguments: [
        "", "-", "+1", " 1", "1 ", "01", "-0", "-01", "00", "1a", "a", "--1", "1-", "0x1", "1.0", "1\0",
        "9223372036854775808", "-9223372036854775809", "10000000000000000000", "18446744073709551616",
        "99999999999999999999", "-99999999999999999999", "123456789012345678901", "/", ":",
    ])
    func refusesWhatIsNoInteger(_ text: String) { #expect(int64(text) == nil) }

    @Test func integersComeBackAsTheyWere() {
        var values: [Int64] = [0, 1, -1, 9, 10, 99, 100, -10, -99, -100, .max, .min, .max - 1, .min + 1]
        var power: Int64 = 1
        for _ in 0..<18 {
            power *= 10
            values += [power - 1, power, power + 1, -power, 1 - power, -1 - power]
        }
        for value in values {
            let bytes = Decimal.bytes(value)
            #expect(text(bytes) == String(value))
            #expect(bytes.count == Decimal.digitCount(value))
            #expect(bytes.withSlice { Decimal.parseInt64($0) } == value)
            var buffer = ByteBuffer()
            buffer.append(decimal: value)
            #expect(buffer.slice.array == bytes)
        }
    }

    @Test func unsignedIntegers() {
        #expect(uint64("18446744073709551615") == .max)
        #expect(uint64("0") == 0)
        #expect(uint64("10000000000000000000") == 10_000_000_000_000_000_000)
        for bad in ["", "-1", "+1", "00", "01", "18446744073709551616", "99999999999999999999", "1x"] {
            #expect(uint64(bad) == nil, "\(bad)")
        }
        #expect(Decimal.digitCount(UInt64.max) == 20)
        var bytes = [UInt8](repeating: 0, count: 20)
        // 20 bytes
        let count = bytes.withUnsafeMutableBufferPointer { Decimal.formatUInt64(.max, into: $0.baseAddress!) }
        #expect(text(Array(bytes[0..<count])) == "18446744073709551615")
    }

    @Test func doublesAreReadAsStrtodReadsThem() {
        #expect(double("3.5") == 3.5)
        #expect(double("+1") == 1)
        #expect(double("01") == 1)
        #expect(double("1e3") == 1000)
        #expect(double(".5") == 0.5)
        #expect(double("5.") == 5)
        #expect(double("0x10") == 16)
        #expect(double("-inf") == -.infinity)
        #expect(double("Infinity") == .infinity)
        #expect(double("+INF") == .infinity)
        #expect(double("5e-324") == .leastNonzeroMagnitude)
        #expect(double("12345678901234567890") == 12_345_678_901_234_567_168)
        #expect(double("0." + String(repeating: "0", count: 300) + "1") == 1e-301)
        #expect(double("-0")?.sign == .minus)
        for bad in ["", " 1", "1 ", "\t1", "nan", "-nan", "nan(1)", "1x", "e5", "1e999", "-1e999", "1e-999",
            "1\0", "\0", "."] {
            #expect(double(bad) == nil, "\(bad)")
        }
    }

    @Test func doublesAreWrittenAsRedisWritesThem() {
        #expect(text(Decimal.formatReplyDouble(0.1)) == "0.10000000000000001")
        #expect(text(Decimal.formatReplyDouble(1e17)) == "1e+17")
        #expect(text(Decimal.formatReplyDouble(3)) == "3")
        #expect(text(Decimal.formatReplyDouble(-0.0)) == "-0")
        #expect(text(Decimal.formatReplyDouble(-.infinity)) == "-inf")
        #expect(text(Decimal.formatDouble(1e17)) == "100000000000000000")
        #expect(text(Decimal.formatDouble(1e18)) == "1000000000000000000")
        #expect(text(Decimal.formatDouble(1e19)) == "1e+19")
        #expect(text(Decimal.formatDouble(-0.0)) == "-0")
        #expect(text(Decimal.formatDouble(0)) == "0")
        #expect(text(Decimal.formatDouble(.nan)) == "nan")
        #expect(text(Decimal.formatDouble(1.5)) == "1.5")
    }

    @Test func extendedNumbers() {
        #expect(extended("10.5").map { text(Decimal.formatExtended($0)) } == "10.5")
        #expect(extended("5.0e3").map { text(Decimal.formatExtended($0)) } == "5000")
        #expect(extended("3e17").map { text(Decimal.formatExtended($0)) } == "300000000000000000")
        #expect(extended("-0.0").map { text(Decimal.formatExtended($0)) } == "0")
        #expect(extended("inf").map { text(Decimal.formatExtended($0)) } == "inf")
        #expect(text(Decimal.formatExtended(100)) == "100")
        for bad in ["", " 1", "nan", "1 ", "1e99999", "1e-99999", String(repeating: "0", count: 5120)] {
            #expect(extended(bad) == nil)
        }
        #expect(extended(String(repeating: "0", count: 5119)) == 0)
        #if arch(x86_64)
        // 10.1 + 0.1 in 64 bits of significand, and the longest text there is.
        let sum = extended("10.1").flatMap { a in extended("0.1").map { a + $0 } }
        #expect(sum.map { text(Decimal.formatExtended($0)) } == "10.2")
        #expect(Decimal.formatExtended(Float80.greatestFiniteMagnitude).count == 4933)
        #expect(extended("1e4000") != nil)
        #endif
    }
}
