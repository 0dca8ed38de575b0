import Bytes
import Commands
import Testing

@Suite struct SortTests {
    private static let others =
        KeyCommands.rows + StringCommands.rows + ListCommands.rows + SetCommands.rows + HashCommands.rows
        + SortedSetCommands.rows

    @Test func transcripts() {
        Transcript.check(SortCommands.rows, with: Self.others, transcripts: ["sort"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(SortCommands.rows)
    }

    /// However few elements are wanted, they are those that stand there when all are sorted.
    @Test func limitsCutTheWholeOrder() {
        let harness = CommandHarness(Self.others + SortCommands.rows)
        var random = RandomSource(seed: 11)
        for size in [1, 7, 40, 400] {
            harness.run("DEL", "l")
            for _ in 0..<size {
                let number = random.index(below: size)
                harness.run("RPUSH", "l", "\(number)")
                harness.run("SET", "w_\(number)", "\(random.index(below: 5))")
            }
            for options in [[], ["DESC"], ["ALPHA"], ["ALPHA", "DESC"], ["BY", "w_*"], ["BY", "w_*", "ALPHA", "DESC"]] {
                let whole = elements(harness, options)
                #expect(whole.count == size)
                for (offset, count) in [(0, 1), (0, 3), (2, 5), (size / 2, 3), (size - 1, 4)] {
                    let cut = elements(harness, options + ["LIMIT", "\(offset)", "\(count)"])
                    #expect(cut == Array(whole.dropFirst(offset).prefix(count)), "\(options) of \(size)")
                }
            }
        }
    }

    private func elements(_ harness: CommandHarness, _ options: [String]) -> [Substring] {
        let reply = harness.run((["SORT", "l"] + options).map { Array($0.utf8) })
        return Array(reply.split(separator: " ").dropFirst())
    }
}
