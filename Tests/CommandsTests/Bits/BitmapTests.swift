import Bytes
import Commands
import Synchronization
import Testing
import Values

@Suite struct BitmapTests {
    private static let others = KeyCommands.rows + StringCommands.rows + ListCommands.rows

    @Test func transcripts() {
        Transcript.check(BitmapCommands.rows, with: Self.others, transcripts: ["bitmaps"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(BitmapCommands.rows)
    }

    /// A large string that nobody else holds changes where it is; one that a reply holds is copied.
    @Test func bitsChangeInPlace() {
        let harness = CommandHarness(BitmapCommands.rows + StringCommands.rows)
        harness.run("SETBIT", "k", "4000000", "1")
        func block() -> ObjectIdentifier? { harness.inspect("k") { $0.sharedValue.map(ObjectIdentifier.init) } ?? nil }
        let before = block()
        harness.run("SETBIT", "k", "17", "1")
        harness.run("BITFIELD", "k", "SET", "u16", "1000", "77")
        #expect(before != nil && block() == before)
        let held = harness.inspect("k") { $0.sharedValue } ?? nil
        harness.run("SETBIT", "k", "18", "1")
        #expect(block() != before)
        #expect(held?.slice[2] == 0x40)
        #expect(harness.run("GETRANGE", "k", "2", "2") == "\"`\"")
    }

    /// What changes nothing is no change: a watcher isn't woken.
    @Test func sameBitIsNoChange() {
        let harness = CommandHarness(BitmapCommands.rows + StringCommands.rows)
        harness.run("SETBIT", "k", "9", "1")
        let before = harness.ledger.changes.load(ordering: .relaxed)
        harness.run("SETBIT", "k", "9", "1")
        harness.run("SETBIT", "k", "3", "0")
        harness.run("BITFIELD", "k", "SET", "u2", "9", "2", "OVERFLOW", "FAIL", "INCRBY", "u1", "9", "1")
        #expect(harness.ledger.changes.load(ordering: .relaxed) == before)
        harness.run("SETBIT", "k", "9", "0")
        #expect(harness.ledger.changes.load(ordering: .relaxed) == before + 1)
    }

    // MARK: Models

    private static func bits(_ bytes: [UInt8]) -> [Bool] {
        bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 == 1 } }
    }

    private static func random(_ random: inout RandomSource) -> [UInt8] {
        let length = [0, 1, 7, 8, 9, 17, 64, 300, 9000][random.index(below: 9)]
        let filling = random.index(below: 3)
        return (0..<length).map { _ in
            filling == 0 ? 0 : filling == 1 ? 0xff : UInt8(truncatingIfNeeded: random.next())
        }
    }

    private static func with<R>(_ bytes: [UInt8], _ body: (ByteSlice) -> R) -> R { bytes.withSlice(body) }

    @Test(arguments: [1, 2, 3] as [UInt64]) func countingAndFindingAreThoseOfARowOfBits(seed: UInt64) {
        var random = RandomSource(seed: seed)
        for _ in 0..<400 {
            let bytes = Self.random(&random)
            let bits = Self.bits(bytes)
            let lower = random.index(below: bits.count + 1)
            let upper = lower + random.index(below: bits.count - lower + 1)
            bytes.withSlice { slice in
                #expect(Bits.count(slice, in: lower..<upper) == bits[lower..<upper].filter { $0 }.count)
                for wanted in [true, false] {
                    let found = Bits.firstIndex(ofOne: wanted, slice, in: lower..<upper)
                    #expect(found == bits[lower..<upper].firstIndex(of: wanted))
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func combinationsAreThoseOfEachByte(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let harness = CommandHarness(BitmapCommands.rows + StringCommands.rows)
        for _ in 0..<150 {
            let sources = (0..<1 + random.index(below: 4)).map { _ in Self.random(&random) }
            for (number, bytes) in sources.enumerated() {
                harness.run([Array("SET".utf8), Array("\(number)".utf8), bytes])
            }
            let names = sources.indices.map { Array("\($0)".utf8) }
            let length = sources.map(\.count).max() ?? 0
            let operations: [(String, (UInt8, UInt8) -> UInt8)] = [("AND", (&)), ("OR", (|)), ("XOR", (^))]
            for (name, operation) in operations {
                var expected = (0..<length).map { $0 < sources[0].count ? sources[0][$0] : 0 }
                for source in sources.dropFirst() {
                    for index in 0..<length {
                        expected[index] = operation(expected[index], index < source.count ? source[index] : 0)
                    }
                }
                let reply = harness.run([Array("BITOP".utf8), Array(name.utf8), Array("d".utf8)] + names)
                #expect(reply == ":\(length)")
                let value = harness.reply(to: [Array("GET".utf8), Array("d".utf8)])
                let wanted = length == 0 ? Array("$-1\r\n".utf8) : Array("$\(length)\r\n".utf8) + expected + [13, 10]
                #expect(value == wanted, "\(name), seed \(seed)")
            }
        }
    }

    /// A string as a number whose lowest byte is the first.
    @Test func shiftsAreThoseOfANumber() {
        var random = RandomSource(seed: 5)
        for _ in 0..<2000 {
            let bytes = (0..<random.index(below: 7)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let amount = random.index(below: 60)
            let number = bytes.reversed().reduce(Int128(0)) { $0 << 8 | Int128($1) }
            for shift in [amount, -amount] {
                let count = Bits.shiftedCount(bytes.count, by: shift)
                var result = [UInt8](repeating: 1, count: count + 1)
                bytes.withSlice { source in
                    result.withUnsafeMutableBufferPointer { buffer in
                        guard let base = buffer.baseAddress else { return }
                        Bits.shift(source, by: shift, into: base)
                    }
                }
                #expect(result[count] == 1)
                let shifted = result.dropLast().reversed().reduce(Int128(0)) { $0 << 8 | Int128($1) }
                #expect(shifted == (shift >= 0 ? number << Int128(shift) : number >> Int128(-shift)))
            }
        }
    }

    /// BITFIELD against arithmetic that can't overflow.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func fieldsAreThoseOfWideArithmetic(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let harness = CommandHarness(BitmapCommands.rows + StringCommands.rows)
        var bits = [Bool](repeating: false, count: 400)
        for _ in 0..<6000 {
            let isSigned = random.index(below: 2) == 0
            let width = 1 + random.index(below: isSigned ? 64 : 63)
            let offset = random.index(below: 300)
            let type = "\(isSigned ? "i" : "u")\(width)"
            var old = bits[offset..<offset + width].reduce(Int128(0)) { $0 << 1 | ($1 ? 1 : 0) }
            if isSigned, bits[offset] { old -= 1 << Int128(width) }
            let largest = Int128(1) << Int128(isSigned ? width - 1 : width) - 1
            let smallest = isSigned ? -largest - 1 : 0
            let amount = Int64(bitPattern: random.next()) >> Int64(random.index(below: 64))
            let overflow = ["WRAP", "SAT", "FAIL"][random.index(below: 3)]
            var sum = old + Int128(amount)
            var fails = false
            if sum > largest || sum < smallest {
                switch overflow {
                case "SAT": sum = sum > largest ? largest : smallest
                case "FAIL": fails = true
                default:
                    sum &= Int128(1) << Int128(width) - 1
                    if isSigned, sum > largest { sum -= 1 << Int128(width) }
                }
            }
            let reply = harness.run(
                "BITFIELD", "f", "GET", type, "\(offset)", "OVERFLOW", overflow, "INCRBY", type, "\(offset)", "\(amount)")
            #expect(reply == "*2 :\(old) \(fails ? "_" : ":\(sum)")" || fails && reply.hasPrefix("*2 :\(old) $-1"))
            guard !fails else { continue }
            for index in 0..<width { bits[offset + index] = sum >> Int128(width - 1 - index) & 1 == 1 }
        }
    }
}
