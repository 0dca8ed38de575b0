import Bytes
import Commands
import RESP
import Testing
import Values

@Suite struct SetCommandsTests {
    private static let rows = SetCommands.rows + StringCommands.rows + KeyCommands.rows

    @Test func transcripts() {
        Transcript.check(SetCommands.rows, with: StringCommands.rows + KeyCommands.rows, transcripts: ["sets"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(SetCommands.rows)
    }

    /// The bulk strings of a reply, without its first `skipped` words.
    private static func members(_ harness: CommandHarness, _ words: [String], skipping skipped: Int = 1) -> [String] {
        let reply = ReplyText.words(harness.reply(to: words.map { Array($0.utf8) }))
        return reply.dropFirst(skipped).map { $0.filter { $0 != "\"" } }
    }

    /// Sets of Swift against those of the server: small and large, of integers, of words and of both.
    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func behavesLikeAModel(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let harness = CommandHarness(Self.rows)
        harness.settings.maximumStringBytes = 1 << 20
        var model: [String: Set<String>] = [:]
        let keys = ["a", "b", "c", "d"]
        func key() -> String { keys[random.index(below: keys.count)] }
        func member() -> String {
            let number = random.index(below: 1500)
            return random.index(below: Int(seed)) == 0 ? "\(number)" : "member:\(number)"
        }
        for step in 0..<6000 {
            let (one, two, target, value) = (key(), key(), key(), member())
            let (first, second) = (model[one] ?? [], model[two] ?? [])
            switch random.index(below: 14) {
            case 0..<5:
                let others = (0..<random.index(below: 20)).map { _ in member() } + [value]
                let added = Set(others).subtracting(first).count
                #expect(harness.run((["SADD", one] + others).map { Array($0.utf8) }) == ":\(added)")
                model[one] = first.union(others)
            case 5:
                #expect(harness.run("SREM", one, value) == (first.contains(value) ? ":1" : ":0"))
                model[one] = first.subtracting([value])
            case 6:
                #expect(harness.run("SMOVE", one, two, value) == (first.contains(value) ? ":1" : ":0"))
                guard first.contains(value), one != two else { continue }
                model[one] = first.subtracting([value])
                model[two] = second.union([value])
            case 7:
                let wanted = random.index(below: 10) == 0 ? 400 : random.index(below: 4)
                let popped = Self.members(harness, ["SPOP", one, "\(wanted)"])
                #expect(popped.count == min(wanted, first.count) && first.isSuperset(of: popped))
                model[one] = first.subtracting(popped)
                #expect(model[one]?.count == first.count - popped.count)
            case 8:
                let wanted = random.index(below: 300)
                let drawn = Self.members(harness, ["SRANDMEMBER", one, "\(wanted)"])
                #expect(drawn.count == min(wanted, first.count))
                #expect(Set(drawn).count == drawn.count && first.isSuperset(of: drawn))
                let repeated = Self.members(harness, ["SRANDMEMBER", one, "-20"])
                #expect(repeated.count == (first.isEmpty ? 0 : 20) && first.isSuperset(of: repeated))
            case 9:
                let (command, result) = [
                    ("SINTER", first.intersection(second)), ("SUNION", first.union(second)),
                    ("SDIFF", first.subtracting(second)),
                ][random.index(below: 3)]
                let reply = Self.members(harness, [command, one, two])
                #expect(Set(reply) == result && reply.count == result.count, "\(command)")
                if random.index(below: 3) == 0 {
                    #expect(harness.run(command + "STORE", target, one, two) == ":\(result.count)")
                    model[target] = result
                }
            case 10:
                let common = first.intersection(second).count
                #expect(harness.run("SINTERCARD", "2", one, two) == ":\(common)")
                #expect(harness.run("SINTERCARD", "2", one, two, "LIMIT", "3") == ":\(min(3, common))")
            case 11:
                #expect(Set(Self.scan(harness, one)) == first)
            case 12:
                #expect(harness.run("SISMEMBER", one, value) == (first.contains(value) ? ":1" : ":0"))
            default:
                #expect(harness.run("SCARD", one) == ":\(first.count)")
                if random.index(below: 10) == 0 {
                    harness.run("DEL", one)
                    model[one] = []
                }
            }
            guard step % 200 == 0 else { continue }
            for key in keys {
                let members = Self.members(harness, ["SMEMBERS", key])
                #expect(Set(members) == model[key] ?? [], "seed \(seed), step \(step)")
                #expect(harness.run("EXISTS", key) == (members.isEmpty ? ":0" : ":1"))
            }
        }
    }

    private static func scan(_ harness: CommandHarness, _ key: String, _ options: String...) -> [String] {
        var found: [String] = []
        var cursor = "0"
        for _ in 0..<10_000 {
            let words = members(harness, ["SSCAN", key, cursor] + options, skipping: 1)
            cursor = words[0]
            found += words.dropFirst(2)
            if cursor == "0" { return found }
        }
        preconditionFailure("SSCAN goes on at \(cursor)")
    }

    @Test func scanFindsWhatMatches() {
        let harness = CommandHarness(Self.rows)
        for number in 0..<1000 { harness.run("SADD", "k", "member:\(number)") }
        for count in [1, 10, 5000] { #expect(Set(Self.scan(harness, "k", "COUNT", "\(count)")).count == 1000) }
        #expect(Set(Self.scan(harness, "k", "MATCH", "member:1?")) == Set((10..<20).map { "member:\($0)" }))
    }

    /// What a set costs is counted while it changes: when all is gone, nothing is left of it.
    @Test func memoryIsCounted() {
        let harness = CommandHarness(Self.rows)
        func counted() -> Int { harness.ledger.memoryBytes.load(ordering: .relaxed) }
        harness.run("SADD", "k", "1")
        let small = counted()
        for number in 0..<2000 { harness.run("SADD", "k", "\(number)") }
        #expect(counted() - small > 2000 * 4)
        for number in 0..<2000 { harness.run("SREM", "k", "\(number)") }
        #expect(harness.run("EXISTS", "k") == ":0")
        harness.run("SADD", "k", "1")
        #expect(counted() == small)
    }

    /// A call that changes nothing is no change.
    @Test func onlyChangesCount() {
        let harness = CommandHarness(Self.rows)
        func changes(_ words: String...) -> Int {
            let before = harness.ledger.changes.load(ordering: .relaxed)
            harness.run(words.map { Array($0.utf8) })
            return harness.ledger.changes.load(ordering: .relaxed) - before
        }
        #expect(changes("SADD", "k", "a", "b") > 0)
        #expect(changes("SADD", "k", "b", "a") == 0)
        #expect(changes("SREM", "k", "x") == 0)
        #expect(changes("SMOVE", "k", "k", "a") == 0)
        #expect(changes("SMOVE", "k", "other", "x") == 0)
        #expect(changes("SPOP", "k", "0") == 0)
        #expect(changes("SREM", "k", "x", "a") > 0)
    }
}
