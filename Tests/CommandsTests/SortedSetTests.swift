import Bytes
import Commands
import Testing

@Suite struct SortedSetTests {
    private static let others = KeyCommands.rows + StringCommands.rows + SetCommands.rows
    private static let rows = others + SortedSetCommands.rows

    @Test func transcripts() {
        Transcript.check(
            SortedSetCommands.rows, with: Self.others,
            transcripts: ["zsets", "zsets-ranges", "zsets-algebra", "zsets-blocking"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(SortedSetCommands.rows)
    }

    /// The large form answers as the small one does: the same commands on both.
    @Test func bothFormsAnswerAlike() {
        let small = CommandHarness(Self.rows)
        let large = CommandHarness(Self.rows)
        let long = String(repeating: "x", count: 65)
        large.run("ZADD", "k", "0", long, "0", "m")
        large.run("ZREM", "k", long)
        small.run("ZADD", "k", "0", "m")
        #expect(small.run("OBJECT", "ENCODING", "k") == #""listpack""#)
        #expect(large.run("OBJECT", "ENCODING", "k") == #""skiplist""#)
        var random = RandomSource(seed: 7)
        for _ in 0..<4000 {
            let command = Self.command(&random)
            #expect(small.run(command) == large.run(command), "\(command.map { String(decoding: $0, as: UTF8.self) })")
            if small.run("ZCARD", "k") == ":0" {
                small.run("DEL", "k")
                small.run("ZADD", "k", "0", "m")
                large.run("DEL", "k")
                large.run("ZADD", "k", "0", long, "0", "m")
                large.run("ZREM", "k", long)
            }
        }
    }

    private static func command(_ random: inout RandomSource) -> [[UInt8]] {
        let member = "m\(random.index(below: 60))"
        let a = "\(random.index(below: 20) - 5)"
        let b = "\(random.index(below: 20) - 5)"
        let commands = [
            ["ZADD", "k", a, member], ["ZADD", "k", a, member, b, "m1"], ["ZADD", "k", "GT", "CH", a, member],
            ["ZADD", "k", "XX", "LT", "CH", "\(a).5", member], ["ZADD", "k", "NX", a, member],
            ["ZINCRBY", "k", b, member], ["ZREM", "k", member], ["ZSCORE", "k", member], ["ZRANK", "k", member],
            ["ZREVRANK", "k", member, "WITHSCORE"], ["ZRANGE", "k", a, b, "WITHSCORES"], ["ZREVRANGE", "k", a, b],
            ["ZRANGEBYSCORE", "k", a, b, "LIMIT", "1", "3"], ["ZREVRANGEBYSCORE", "k", "(\(b)", a, "WITHSCORES"],
            ["ZRANGE", "k", b, "(\(a)", "BYSCORE", "REV", "LIMIT", "2", "-1"], ["ZCOUNT", "k", a, "(\(b)"],
            ["ZREMRANGEBYRANK", "k", "\(a)", "-48"], ["ZREMRANGEBYSCORE", "k", "(\(a)", a],
            ["ZREMRANGEBYSCORE", "k", "13", "14"], ["ZPOPMIN", "k"], ["ZPOPMAX", "k", "2"],
            ["ZRANGE", "k", "0", "-1", "WITHSCORES"],
        ]
        return commands[random.index(below: commands.count)].map { Array($0.utf8) }
    }

    @Test func randomMembersAreDifferentOrNot() {
        let harness = CommandHarness(Self.rows)
        for number in 0..<300 { harness.run("ZADD", "k", "\(number)", "m\(number)") }
        func drawn(_ count: String) -> [String] {
            harness.run("ZRANDMEMBER", "k", count).split(separator: " ").dropFirst().map(String.init)
        }
        for count in [1, 10, 150, 299, 300, 500] {
            let members = drawn("\(count)")
            #expect(members.count == min(count, 300))
            #expect(Set(members).count == members.count)
        }
        #expect(drawn("-1000").count == 1000)
        #expect(Set(drawn("-10000")).count == 300)
    }

    /// A whole ZSCAN sees every member, in the large form page by page.
    @Test func scanSeesAll() {
        let harness = CommandHarness(Self.rows)
        for number in 0..<2000 { harness.run("ZADD", "k", "\(number)", "m\(number)") }
        var cursor = "0"
        var seen = Set<String>()
        var calls = 0
        repeat {
            let words = harness.run("ZSCAN", "k", cursor).split(separator: " ").map(String.init)
            cursor = words[1].filter { $0 != "\"" }
            for word in words.dropFirst(3) where word.hasPrefix("\"m") { seen.insert(word) }
            calls += 1
        } while cursor != "0" && calls < 3000
        #expect(seen.count == 2000)
        #expect(calls > 10)
    }
}
