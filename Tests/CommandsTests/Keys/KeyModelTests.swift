import Bytes
import Commands
import Testing

/// Random commands in random databases while time goes by, against a dictionary.
@Suite struct KeyModelTests {
    /// What a keyspace is.
    private struct Model {
        struct Value: Equatable {
            var text: String
            var expiry: Int64?
        }
        var databases = [[String: Value]](repeating: [:], count: 3)
        var now: Int64 = CommandHarness.start

        mutating func value(_ key: String, _ database: Int) -> Value? {
            if let expiry = databases[database][key]?.expiry, expiry < now { databases[database][key] = nil }
            return databases[database][key]
        }

        mutating func expire(_ key: String, _ database: Int, _ time: Int64, _ condition: String) -> String {
            guard var value = value(key, database) else { return ":0" }
            switch condition {
            case "NX" where value.expiry != nil: return ":0"
            case "XX" where value.expiry == nil: return ":0"
            case "GT" where value.expiry == nil || time <= value.expiry ?? 0: return ":0"
            case "LT" where value.expiry != nil && time >= value.expiry ?? 0: return ":0"
            default: break
            }
            value.expiry = time
            databases[database][key] = time > now ? value : nil
            return ":1"
        }

        mutating func put(_ value: Value?, _ key: String, _ database: Int, unlessTaken: Bool) -> Bool {
            guard let value, !(unlessTaken && self.value(key, database) != nil) else { return false }
            databases[database][key] = value
            return true
        }
    }

    private let keys = (0..<12).map { "k\($0)" }

    private func step(_ random: inout RandomSource, _ model: inout Model, _ harness: CommandHarness) {
        let database = random.index(below: 3)
        let (a, b) = (keys[random.index(below: keys.count)], keys[random.index(below: keys.count)])
        harness.database = database
        func check(_ words: [String], _ expected: String) {
            let actual = harness.run(words.map { Array($0.utf8) })
            #expect(actual == expected, "\(words) in database \(database) at \(model.now)")
        }
        switch random.index(below: 12) {
        case 0, 1:
            let text = Bool.random(using: &random) ? "\(random.index(below: 100))" : String(repeating: a, count: 9000)
            model.databases[database][a] = Model.Value(text: text)
            check(["SET", a, text], "+OK")
        case 2:
            let condition = ["", "NX", "XX", "GT", "LT"][random.index(below: 5)]
            let delay = Int64(random.index(below: 60)) - 3
            let expected = model.expire(a, database, model.now + delay, condition)
            check(["PEXPIRE", a, "\(delay)"] + (condition.isEmpty ? [] : [condition]), expected)
        case 3:
            let time = model.now / 1000 + Int64(random.index(below: 3))
            check(["EXPIREAT", a, "\(time)"], model.expire(a, database, time * 1000, ""))
        case 4:
            let had = model.value(a, database)?.expiry != nil
            model.databases[database][a]?.expiry = nil
            check(["PERSIST", a], had ? ":1" : ":0")
        case 5:
            let value = model.value(a, database)
            if let value, a != b {
                model.databases[database][a] = nil
                model.databases[database][b] = value
            }
            check(["RENAME", a, b], value == nil ? "-ERR no such key" : "+OK")
        case 6:
            let value = model.value(a, database)
            let moves = model.put(value, b, database, unlessTaken: true)
            if moves { model.databases[database][a] = nil }
            check(["RENAMENX", a, b], value == nil ? "-ERR no such key" : moves ? ":1" : ":0")
        case 7, 8:
            let target = random.index(below: 3)
            let replaces = Bool.random(using: &random)
            let words = ["COPY", a, b, "DB", "\(target)"] + (replaces ? ["REPLACE"] : [])
            guard target != database || a != b else {
                return check(words, "-ERR source and destination objects are the same")
            }
            let copies = model.put(model.value(a, database), b, target, unlessTaken: !replaces)
            check(words, copies ? ":1" : ":0")
        case 9:
            let target = (database + 1 + random.index(below: 2)) % 3
            let moves = model.put(model.value(a, database), a, target, unlessTaken: true)
            if moves { model.databases[database][a] = nil }
            check(["MOVE", a, "\(target)"], moves ? ":1" : ":0")
        case 10:
            var deleted = 0
            for key in [a, b] where model.value(key, database) != nil {
                model.databases[database][key] = nil
                deleted += 1
            }
            check([Bool.random(using: &random) ? "DEL" : "UNLINK", a, b], ":\(deleted)")
        default:
            model.now += Int64(random.index(below: 30))
            harness.now = model.now
        }
    }

    private func compare(_ model: inout Model, _ harness: CommandHarness) {
        for database in 0..<3 {
            harness.database = database
            var there = 0
            for key in keys {
                let value = model.value(key, database)
                #expect(harness.run("GET", key) == value.map { "\"\($0.text)\"" } ?? "$-1", "\(key)")
                let left = value.map { $0.expiry.map { $0 - model.now } ?? -1 } ?? -2
                #expect(harness.run("PTTL", key) == ":\(left)", "\(key)")
                if value != nil { there += 1 }
            }
            #expect(harness.run("DBSIZE") == ":\(there)")
            let counts = harness.store.counts(database: database)
            #expect(counts.expiring == model.databases[database].values.count { $0.expiry != nil })
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func followsTheModel(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var model = Model()
        let harness = CommandHarness(StringCommands.rows + KeyCommands.rows)
        for round in 0..<2500 {
            step(&random, &model, harness)
            if round % 100 == 99 { compare(&model, harness) }
        }
        compare(&model, harness)
        // What is left of memory is the tables: every record has been freed.
        for database in 0..<3 {
            harness.database = database
            harness.run((["DEL"] + keys).map { Array($0.utf8) })
            #expect(harness.store.counts(database: database).keys == 0)
        }
    }

    @Test func sharedBlocksOutliveTheirKeys() {
        let harness = CommandHarness(StringCommands.rows + KeyCommands.rows)
        let text = String(repeating: "0123456789abcdef", count: 2048)
        harness.run("SET", "a", text)
        harness.run("COPY", "a", "b")
        harness.run("RENAME", "a", "c")
        harness.run("DEL", "c")
        #expect(harness.run("GET", "b") == "\"\(text)\"")
        let payload = harness.reply(to: ["DUMP", "b"].map { Array($0.utf8) })
        let start = (payload.firstIndex(of: 10) ?? 0) + 1
        harness.run(["RESTORE", "d", "0"].map { Array($0.utf8) } + [Array(payload[start..<payload.count - 2])])
        harness.run("DEL", "b")
        #expect(harness.run("GET", "d") == "\"\(text)\"")
        #expect(harness.run("OBJECT", "ENCODING", "d") == "\"raw\"")
    }
}
