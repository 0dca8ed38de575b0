import Bytes
import Commands
import Keyspace
import Synchronization
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

/// Events and changes that commands on streams cause.
@Suite struct StreamEventTests {
    /// Notes what it is told.
    private final class Listener: KeyspaceListener {
        private let heard = Mutex<(events: [String], changes: Int)>(([], 0))

        func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
            heard.withLock { heard in
                heard.events += events.map { "\($0.name)" }
                heard.changes += changes.count
            }
        }

        /// What was heard since the last call.
        func take() -> (events: [String], isChanged: Bool) {
            heard.withLock { heard in
                defer { heard = ([], 0) }
                return (heard.events, heard.changes > 0)
            }
        }
    }

    /// What concerns groups alone is an event but no change: WATCH and those who wait for entries don't see it.
    @Test func eventsAndChanges() {
        let harness = CommandHarness(StreamCommands.rows)
        let listener = Listener()
        harness.store.listener = listener
        harness.store.eventClasses.store(EventClasses.stream.rawValue, ordering: .relaxed)
        for shard in 0..<Position.shardCount { harness.store.observe(shard, 1) }
        let steps: [(command: String, events: [String], isChanged: Bool)] = [
            ("XADD s 1-1 a b", ["xadd"], true),
            ("XADD s MAXLEN 1 2-1 a b", ["xadd", "xtrim"], true),
            ("XADD s MAXLEN 5 3-1 a b", ["xadd"], true),
            ("XADD s 3-1 a b", [], false),
            ("XRANGE s - +", [], false),
            ("XGROUP CREATE s g 0", ["xgroup-create"], false),
            ("XGROUP CREATE s g 0", [], false),
            ("XGROUP CREATE new g 0 MKSTREAM", ["xgroup-create"], true),
            ("XGROUP SETID s g 0", ["xgroup-setid"], true),
            ("XGROUP CREATECONSUMER s g Alice", ["xgroup-createconsumer"], false),
            ("XREADGROUP GROUP g Alice COUNT 1 STREAMS s >", [], false),
            ("XREADGROUP GROUP g Bob STREAMS s >", ["xgroup-createconsumer"], false),
            ("XREADGROUP GROUP g Carol STREAMS s >", [], false),
            ("XCLAIM s g Dora 0 2-1", ["xgroup-createconsumer"], false),
            ("XAUTOCLAIM s g Erik 0 0", ["xgroup-createconsumer"], false),
            ("XACK s g 2-1", [], false),
            ("XGROUP DELCONSUMER s g Alice", ["xgroup-delconsumer"], false),
            ("XGROUP DESTROY s g", ["xgroup-destroy"], true),
            ("XSETID s 5-1", ["xsetid"], false),
            ("XDEL s 9-9", [], false),
            ("XDEL s 2-1", ["xdel"], true),
            ("XTRIM s MAXLEN 1", [], false),
            ("XTRIM s MAXLEN 0", ["xtrim"], true),
        ]
        for step in steps {
            harness.run(step.command.split(separator: " ").map { Array($0.utf8) })
            let heard = listener.take()
            #expect(heard.events == step.events, "\(step.command)")
            #expect(heard.isChanged == step.isChanged, "\(step.command)")
        }
    }
}
