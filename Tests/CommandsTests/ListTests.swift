import Bytes
import Commands
import Testing

@Suite struct ListTests {
    private static let rows = ListCommands.rows + StringCommands.rows + KeyCommands.rows

    @Test func transcripts() {
        Transcript.check(
            ListCommands.rows, with: StringCommands.rows + KeyCommands.rows, transcripts: ["lists", "lists-blocking"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(ListCommands.rows)
    }

    /// Nothing of a value is lost or counted twice, whatever is done to it.
    @Test func memoryIsGivenBack() {
        let harness = CommandHarness(Self.rows)
        var random = RandomSource(seed: 5)
        func clear() { for number in 0..<4 { harness.run("LTRIM", "k\(number)", "1", "0") } }
        for number in 0..<4 { harness.run("RPUSH", "k\(number)", "a") }
        clear()
        let before = harness.store.memoryBytes
        for _ in 0..<5000 {
            let key = "k\(random.below(4))"
            let text = String(repeating: "x", count: Int(random.below(300)))
            switch random.below(9) {
            case 0, 1: harness.run("RPUSH", key, text, "\(random.below(50))")
            case 2: harness.run("LPUSH", key, text, "a")
            case 3: harness.run("LMOVE", key, "k\(random.below(4))", "LEFT", "RIGHT")
            case 4: harness.run("LREM", key, "0", "\(random.below(50))")
            case 5: harness.run("LSET", key, "\(random.below(5))", text)
            case 6: harness.run("LTRIM", key, "0", "\(random.below(80))")
            case 7: harness.run("LINSERT", key, "AFTER", "a", text)
            default: harness.run("LMPOP", "2", key, "k0", "RIGHT", "COUNT", "\(1 + random.below(9))")
            }
        }
        clear()
        #expect(harness.store.counts(database: 0).keys == 0)
        #expect(harness.store.memoryBytes == before)
    }
}
