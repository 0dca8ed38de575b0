import Bytes
import Commands
import RESP
import Synchronization
import Testing

@Suite struct KeyCommandsTests {
    private static let rows = StringCommands.rows + KeyCommands.rows

    @Test func transcripts() {
        Transcript.check(
            KeyCommands.rows, with: StringCommands.rows,
            transcripts: [
                "keys-existence", "keys-expiry", "keys-transfer", "keys-walks", "keys-object", "keys-payload",
            ])
    }

    @Test func rowsSayWhatRedisSays() {
        // OBJECT has subcommands, KEYDB.MEXISTS isn't Redis', and the others may be asked of a member, as KeyDB's.
        let others: Set<String> = ["keydb.mexists", "ttl", "pttl", "persist"]
        CommandInfoText.check(KeyCommands.rows.filter { $0.subcommands.isEmpty && !others.contains("\($0.name)") })
    }

    // MARK: Walks

    private static func harness(keys: Int) -> (CommandHarness, Set<String>) {
        let harness = CommandHarness(rows)
        let names = (0..<keys).map { "key:\($0)" }
        for name in names { harness.run("SET", name, "1") }
        return (harness, Set(names))
    }

    /// All calls of a SCAN; traps if it doesn't end.
    private static func scan(_ harness: CommandHarness, _ options: String..., limit: Int = 100_000) -> [String] {
        var found: [String] = []
        var cursor = "0"
        for _ in 0..<limit {
            let request = (["SCAN", cursor] + options).map { Array($0.utf8) }
            let words = ReplyText.words(harness.reply(to: request)).map { $0.filter { $0 != "\"" } }
            found += words.dropFirst(3)
            cursor = words[1]
            if cursor == "0" { return found }
        }
        preconditionFailure("SCAN \(options) goes on at \(cursor)")
    }

    @Test func scanFindsEveryKeyOnce() {
        let (harness, names) = Self.harness(keys: 3000)
        for count in [1, 7, 10, 1000, 100_000] {
            let found = Self.scan(harness, "COUNT", "\(count)")
            #expect(found.count == names.count, "COUNT \(count)")
            #expect(Set(found) == names, "COUNT \(count)")
        }
        #expect(Set(Self.scan(harness, "MATCH", "key:1?")) == Set((10..<20).map { "key:\($0)" }))
        #expect(Self.scan(harness, "TYPE", "hash").isEmpty)
        #expect(Self.scan(harness, "TYPE", "String").count == names.count)
    }

    @Test func scanFindsKeysThatStay() {
        let (harness, names) = Self.harness(keys: 500)
        var found: Set<String> = []
        var cursor = "0"
        var round = 0
        repeat {
            let words = ReplyText.words(harness.reply(to: ["SCAN", cursor, "COUNT", "5"].map { Array($0.utf8) }))
                .map { $0.filter { $0 != "\"" } }
            cursor = words[1]
            found.formUnion(words.dropFirst(3))
            for index in 0..<20 { harness.run("SET", "new:\(round):\(index)", "1") }
            if round > 3 { for index in 0..<20 { harness.run("DEL", "new:\(round - 3):\(index)") } }
            round += 1
        } while cursor != "0" && round < 10_000
        #expect(cursor == "0")
        #expect(found.isSuperset(of: names))
    }

    @Test func keysAndCounts() {
        let (harness, names) = Self.harness(keys: 1000)
        let words = ReplyText.words(harness.reply(to: ["KEYS", "*"].map { Array($0.utf8) }))
        #expect(Set(words.dropFirst().map { $0.filter { $0 != "\"" } }) == names)
        #expect(words.count == 1001)
        #expect(harness.run("KEYS", "key:99?").hasPrefix("*10 "))
        #expect(harness.run("DBSIZE") == ":1000")
        for index in 0..<10 { harness.run("PEXPIRE", "key:99\(index)", "5") }
        harness.now += 6
        #expect(harness.run("KEYS", "key:99?") == "*0")
        #expect(!Self.scan(harness).contains("key:990"))
    }

    /// Of few keys each comes up often, whatever the gaps between them; many are all within reach.
    @Test(arguments: [1, 2, 3, 16, 17, 40]) func randomKeysAreSpread(keys: Int) {
        let (harness, names) = Self.harness(keys: keys)
        var drawn: [String: Int] = [:]
        for _ in 0..<60 * keys { drawn[harness.run("RANDOMKEY").filter { $0 != "\"" }, default: 0] += 1 }
        #expect(Set(drawn.keys) == names)
        #expect(drawn.values.allSatisfy { $0 > 5 }, "\(drawn)")
    }

    // MARK: Counters

    @Test func hitsAndMisses() {
        let harness = CommandHarness(Self.rows)
        harness.run("SET", "a", "1")
        func counted(_ words: String...) -> [Int] {
            let ledger = harness.ledger
            let (hits, misses) = (ledger.hits.load(ordering: .relaxed), ledger.misses.load(ordering: .relaxed))
            harness.run(words.map { Array($0.utf8) })
            return [ledger.hits.load(ordering: .relaxed) - hits, ledger.misses.load(ordering: .relaxed) - misses]
        }
        for command in ["EXISTS", "TOUCH", "KEYDB.MEXISTS"] { #expect(counted(command, "a", "x", "a") == [2, 1]) }
        for command in ["TYPE", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "DUMP"] {
            #expect(counted(command, "a") == [1, 0], "\(command)")
            #expect(counted(command, "x") == [0, 1], "\(command)")
        }
        for sub in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT"] {
            #expect(counted("OBJECT", sub, "a") == [1, 0], "\(sub)")
            #expect(counted("OBJECT", sub, "x") == [0, 1], "\(sub)")
        }
        // Commands that change keys count nothing, but for COPY's source.
        for command in ["DEL", "PERSIST", "UNLINK"] { #expect(counted(command, "x") == [0, 0], "\(command)") }
        #expect(counted("EXPIRE", "a", "10") == [0, 0])
        #expect(counted("RENAME", "a", "b") == [0, 0])
        #expect(counted("COPY", "b", "a") == [1, 0])
        #expect(counted("COPY", "x", "a") == [0, 1])
        #expect(counted("MOVE", "a", "1") == [0, 0])
    }

    /// Keys that a call names, with what it needs of them.
    private static func needs(_ words: String...) -> [String] {
        guard let row = KeyCommands.rows.first(where: { "\($0.name)" == words[0].lowercased() }) else { return [] }
        let bytes = words.map { $0.withSlice { SharedBytes(copying: $0) } }
        let slices = bytes.map(\.slice)
        return slices.withUnsafeBufferPointer { view in
            guard let base = view.baseAddress else { return [] }
            return withExtendedLifetime(bytes) {
                CommandHarness.uses(row, RESP.Arguments(base: base, count: view.count), 4)
                    .map { "\(words[$0.argument])@\($0.database) \($0.need)" }
            }
        }
    }

    @Test func plans() {
        #expect(Self.needs("RENAME", "a", "b") == ["a@4 moved", "b@4 overwrite"])
        #expect(Self.needs("RENAMENX", "a", "b") == ["a@4 moved", "b@4 presence"])
        #expect(Self.needs("MOVE", "a", "7") == ["a@4 value", "a@7 presence"])
        #expect(Self.needs("MOVE", "a", "4") == ["a@4 value"])
        #expect(Self.needs("MOVE", "a", "x") == ["a@4 value"])
        #expect(Self.needs("MOVE", "a", "-1") == ["a@4 value"])
        #expect(Self.needs("COPY", "a", "b") == ["a@4 value", "b@4 presence"])
        #expect(Self.needs("COPY", "a", "b", "REPLACE") == ["a@4 value", "b@4 overwrite"])
        #expect(Self.needs("COPY", "a", "b", "db", "9", "replace") == ["a@4 value", "b@9 overwrite"])
        #expect(Self.needs("COPY", "a", "b", "DB", "9", "DB", "2") == ["a@4 value", "b@2 presence"])
        #expect(Self.needs("COPY", "a", "b", "DB") == ["a@4 value"])
        #expect(Self.needs("COPY", "a", "b", "DB", "99999") == ["a@4 value"])
        #expect(Self.needs("RESTORE", "a", "0", "p") == ["a@4 presence"])
        #expect(Self.needs("RESTORE", "a", "0", "p", "replace") == ["a@4 overwrite"])
        #expect(Self.needs("RESTORE", "a", "0", "p", "REPLACE", "ABSTTL") == ["a@4 presence"])
        #expect(Self.needs("DEL", "a", "b") == ["a@4 presence", "b@4 presence"])
    }
}
