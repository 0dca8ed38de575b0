import Bytes
import Commands
import Testing

@Suite struct StreamTests {
    private static let others = KeyCommands.rows + StringCommands.rows

    @Test func transcripts() {
        Transcript.check(
            StreamCommands.rows, with: Self.others, transcripts: ["streams", "streams-groups", "streams-times"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(StreamCommands.rows.filter { $0.subcommands.isEmpty })
    }

    /// Names of groups and consumers may be those of options.
    @Test func keysAreFoundBehindOptions() {
        let harness = CommandHarness(StreamCommands.rows)
        harness.run("XGROUP", "CREATE", "key", "streams", "0", "MKSTREAM")
        harness.run("XADD", "key", "1-1", "a", "b")
        let reply = harness.run(
            "XREADGROUP", "COUNT", "5", "GROUP", "streams", "streams", "NOACK", "STREAMS", "key", ">")
        #expect(reply == #"*1 *2 "key" *1 *2 "1-1" *2 "a" "b""#)
    }

    /// A stream without entries still knows its last ID.
    @Test func emptyStreamsStay() {
        let harness = CommandHarness(Self.others + StreamCommands.rows)
        harness.run("XADD", "s", "1-1", "a", "b")
        #expect(harness.run("XDEL", "s", "1-1") == ":1")
        #expect(harness.run("EXISTS", "s") == ":1")
        #expect(harness.run("XADD", "s", "1-1", "a", "b").hasPrefix("-ERR The ID"))
        #expect(harness.run("XADD", "s", "MAXLEN", "0", "2-1", "a", "b") == #""2-1""#)
        #expect(harness.run("TYPE", "s") == "+stream")
    }
}
