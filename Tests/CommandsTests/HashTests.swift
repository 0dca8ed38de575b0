import Bytes
import Commands
import Testing
import Values

@Suite struct HashTests {
    @Test func transcripts() {
        Transcript.check(HashCommands.rows, with: StringCommands.rows + KeyCommands.rows, transcripts: ["hashes"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(HashCommands.rows)
    }

    /// HSCAN of a paged hash shows every pair, and HRANDFIELD none twice, before and after it has shrunk.
    @Test func largeHashes() {
        let harness = CommandHarness(HashCommands.rows + KeyCommands.rows)
        var fields: Set<String> = []
        for index in 0..<3000 {
            #expect(harness.run("HSET", "k", "f\(index)", "\(index)") == ":1")
            fields.insert("f\(index)")
        }
        #expect(harness.run("HLEN", "k") == ":3000")
        #expect(Self.scanned(harness) == fields)
        for index in 0..<2900 {
            #expect(harness.run("HDEL", "k", "f\(index)") == ":1")
            fields.remove("f\(index)")
        }
        #expect(Self.scanned(harness) == fields)
        #expect(harness.run("OBJECT", "ENCODING", "k") == #""hashtable""#)
        for count in [1, 30, 50, 99, 100, 1000] {
            let drawn = Self.words(harness.run("HRANDFIELD", "k", "\(count)"))
            #expect(drawn.count == min(count, 100))
            #expect(Set(drawn).count == drawn.count)
            #expect(Set(drawn).isSubset(of: fields))
        }
        #expect(Self.words(harness.run("HRANDFIELD", "k", "-500", "WITHVALUES")).count == 1000)
        for field in fields { harness.run("HDEL", "k", field) }
        #expect(harness.run("EXISTS", "k") == ":0")
    }

    /// Every field comes up about as often in each form and each way of drawing.
    @Test(arguments: [10, 700], ["2", "-2", "7", ""])
    func drawsAreFair(size: Int, count: String) {
        let harness = CommandHarness(HashCommands.rows)
        for index in 0..<size { harness.run("HSET", "k", "f\(index)", "v") }
        var hits: [String: Int] = [:]
        var draws = 0
        let request = (["HRANDFIELD", "k"] + (count.isEmpty ? [] : [count])).map { Array($0.utf8) }
        while draws < 40 * size {
            let text = harness.run(request)
            for field in count.isEmpty ? [text.filter { $0 != "\"" }] : Self.words(text) {
                hits[field, default: 0] += 1
                draws += 1
            }
        }
        #expect(hits.count == size)
        for (field, times) in hits { #expect(8...110 ~= times, "\(field) came up \(times) times") }
    }

    /// The strings of an array's text.
    private static func words(_ text: String) -> [String] {
        text.split(separator: " ").dropFirst().map { $0.filter { $0 != "\"" } }
    }

    private static func scanned(_ harness: CommandHarness) -> Set<String> {
        var fields: Set<String> = []
        var cursor = "0"
        repeat {
            // *2 "cursor" *n "field" "value" ...
            let words = harness.run("HSCAN", "k", cursor, "COUNT", "50").split(separator: " ").map {
                $0.filter { $0 != "\"" }
            }
            cursor = words[1]
            for index in stride(from: 3, to: words.count, by: 2) {
                fields.insert(words[index])
                #expect("f" + words[index + 1] == words[index])
            }
        } while cursor != "0"
        return fields
    }

    /// Random commands on few keys, compared with dictionaries.
    @Test(arguments: [1, 2, 3])
    func agreesWithADictionary(seed: UInt64) {
        var random = SeededNumbers(state: seed)
        let harness = CommandHarness(HashCommands.rows + KeyCommands.rows)
        var model: [String: [String: String]] = [:]
        for step in 0..<20_000 {
            let key = "key\(random.below(4))"
            let field = "f\(random.below(step < 10_000 ? 40 : 1500))"
            var old = model[key] ?? [:]
            let request: [String]
            let expected: String
            switch random.below(10) {
            case 0..<5:
                let value = String(repeating: "v", count: random.below(step < 5000 ? 60 : 90)) + "\(step)"
                request = ["HSET", key, field, value]
                expected = old.updateValue(value, forKey: field) == nil ? ":1" : ":0"
            case 5, 6:
                request = ["HDEL", key, field, field]
                expected = old.removeValue(forKey: field) == nil ? ":0" : ":1"
            case 7:
                request = ["HGET", key, field]
                expected = old[field].map { "\"\($0)\"" } ?? "$-1"
            case 8:
                request = ["HLEN", key]
                expected = ":\(old.count)"
            default:
                guard random.below(200) == 0 else { continue }
                request = ["DEL", key]
                expected = old.isEmpty ? ":0" : ":1"
                old = [:]
            }
            model[key] = old
            let actual = harness.run(request.map { Array($0.utf8) })
            guard actual == expected else {
                Issue.record("seed \(seed), step \(step), \(request): \(actual), not \(expected)")
                return
            }
            if step % 500 == 0 {
                _ = harness.inspect(key) { $0.withCollection { ($0 as? HashValue)?.checkInvariants() } }
            }
        }
        for key in model.keys {
            let size = model[key]?.count ?? 0
            #expect(harness.run("EXISTS", key) == (size > 0 ? ":1" : ":0"))
        }
    }
}
