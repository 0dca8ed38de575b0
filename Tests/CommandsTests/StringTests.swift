import Bytes
import Commands
import RESP
import Testing
import Values

@Suite struct StringTests {
    @Test func transcripts() {
        Transcript.check(
            StringCommands.rows,
            transcripts: ["strings-set", "strings-read", "strings-change", "strings-limits"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(StringCommands.rows)
    }

    @Test func needs() throws {
        func needs(_ words: String...) throws -> [KeyNeed] {
            let row = try #require(StringCommands.rows.first { "\($0.name)" == words[0] })
            let bytes = words.map { Array($0.utf8) }
            let slices = UnsafeMutablePointer<ByteSlice>.allocate(capacity: words.count)
            defer { slices.deallocate() }
            let text = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 + bytes.joined().count)
            defer { text.deallocate() }
            var end = 0
            for (index, word) in bytes.enumerated() {
                for (position, byte) in word.enumerated() { text[end + position] = byte }
                (slices + index).initialize(to: ByteSlice(base: text + end, count: word.count))
                end += word.count
            }
            let arguments = RESP.Arguments(base: slices, count: words.count)
            return CommandHarness.uses(row, arguments, 0).map(\.need)
        }
        #expect(try needs("set", "k", "v") == [.overwrite])
        #expect(try needs("set", "k", "v", "EX", "10") == [.overwrite])
        #expect(try needs("set", "k", "v", "PXAT", "1") == [.overwrite])
        #expect(try needs("set", "k", "v", "NX") == [.value])
        #expect(try needs("set", "k", "v", "EX", "10", "xx") == [.value])
        #expect(try needs("set", "k", "v", "get") == [.value])
        #expect(try needs("set", "k", "v", "KeepTTL") == [.value])
        #expect(try needs("set", "k", "v", "EX", "nx") == [.overwrite])
        #expect(try needs("mset", "a", "1", "b", "2") == [.overwrite, .overwrite])
        #expect(try needs("msetnx", "a", "1", "b", "2") == [.value, .value])
        #expect(try needs("setex", "a", "1", "b") == [.overwrite])
        #expect(try needs("get", "a") == [.value])
        #expect(try needs("lcs", "a", "b") == [.value, .value])
    }

    @Test func largeValuesAreRepliedByReference() {
        let harness = CommandHarness(StringCommands.rows)
        let value = [UInt8](repeating: 0x78, count: Record.externalThreshold)
        let request = [Array("SET".utf8), Array("k".utf8), value]
        harness.run(request)
        #expect(harness.reply(to: [Array("GET".utf8), Array("k".utf8)]) == Array("$16384\r\n".utf8) + value + [13, 10])
        #expect(harness.repliedByReference)
        harness.run("MGET", "k", "k")
        #expect(harness.repliedByReference)
        #expect(harness.run("GETRANGE", "k", "1", "3") == #""xxx""#)
        #expect(!harness.repliedByReference)
        harness.run("GETDEL", "k")
        #expect(harness.repliedByReference)
        #expect(harness.run("GET", "k") == "$-1")
    }

    /// A reply that holds a block must not change when the value does.
    @Test func aRepliedBlockIsNotWrittenTo() {
        let harness = CommandHarness(StringCommands.rows)
        harness.run("SETRANGE", "k", "19999", "a")
        #expect(harness.encoding("k") == "raw")
        // The harness keeps the writer's references until the next command: take the block as a reply would.
        let held = harness.inspect("k") { $0.sharedValue } ?? nil
        let before = held?.slice.array
        #expect(harness.run("SETRANGE", "k", "0", "zzz") == ":20000")
        #expect(harness.run("APPEND", "k", "tail") == ":20004")
        #expect(held != nil && held?.slice.array == before)
        #expect(harness.run("GETRANGE", "k", "0", "3") == #""zzz\x00""#)
        #expect(harness.run("GETRANGE", "k", "-5", "-1") == #""atail""#)
    }

    @Test func anIntegerChangesInPlace() {
        let harness = CommandHarness(StringCommands.rows)
        harness.run("SET", "n", "41")
        let address = harness.inspect("n") { $0.raw }
        #expect(harness.run("INCR", "n") == ":42")
        #expect(harness.inspect("n") { $0.raw } == address)
    }

    @Test func anExpiryInThePastDeletesAtOnce() {
        let harness = CommandHarness(StringCommands.rows)
        func keys() -> Int { harness.store.counts(database: 0).keys }
        harness.run("SET", "k", "v", "EXAT", "1")
        #expect(keys() == 0)
        harness.run("SET", "k", "v")
        #expect(keys() == 1)
        harness.run("SET", "k", "v", "PXAT", "\(harness.now - 1)", "GET")
        #expect(keys() == 0)
        harness.run("SET", "k", "v")
        #expect(harness.run("GETEX", "k", "EXAT", "1") == #""v""#)
        #expect(keys() == 0)
    }
}
