import Bytes
import Commands
import Testing
import Values

/// Random commands on few keys, each compared with a dictionary of values and expiries.
@Suite struct StringModelTests {
    private struct Value {
        var bytes: [UInt8]
        var expiry: Int64?
    }

    private struct Model {
        var values: [String: Value] = [:]
        var now = CommandHarness.start

        subscript(key: String) -> Value? {
            mutating get {
                if let expiry = values[key]?.expiry, expiry < now { values[key] = nil }
                return values[key]
            }
            set { values[key] = newValue }
        }
    }

    private static let keys = (0..<12).map { "key:\($0)" }

    private static func bulk(_ bytes: [UInt8]?) -> String { bytes.map { ReplyText.quoted($0) } ?? "$-1" }

    /// Short texts, numbers, and now and then one that is kept in a block of its own.
    private static func value(_ random: inout SeededNumbers) -> [UInt8] {
        switch random.below(300) {
        case 0..<130: return Array("\(Int64(random.below(2000)) - 1000)".utf8)
        case 130..<299: return (0..<random.below(70)).map { _ in UInt8(random.below(256)) }
        default: return [UInt8](repeating: UInt8(random.below(256)), count: 15_000 + random.below(3000))
        }
    }

    @Test(arguments: [1, 2, 3])
    func agreesWithADictionary(seed: UInt64) {
        var random = SeededNumbers(state: seed)
        let harness = CommandHarness(StringCommands.rows)
        var model = Model()
        for step in 0..<35_000 {
            if random.below(20) == 0 { model.now += Int64(random.below(60)) }
            harness.now = model.now
            let key = Self.keys[random.below(Self.keys.count)]
            let (request, expected) = Self.step(&random, &model, key)
            let actual = harness.run(request)
            guard actual == expected else {
                let words = request.map { ReplyText.quoted($0.prefix(100)) }
                Issue.record("seed \(seed), step \(step), \(words): \(actual.prefix(200)), not \(expected.prefix(200))")
                return
            }
            if harness.expiry(key) != model[key]?.expiry {
                Issue.record("seed \(seed), step \(step): expiry of \(key) after \(ReplyText.quoted(request[0]))")
                return
            }
        }
        for key in Self.keys where model[key] == nil { _ = harness.run("GET", key) }
        let live = Self.keys.filter { model[$0] != nil }.count
        let counts = harness.store.counts(database: 0)
        #expect(counts.keys == live && counts.resident == live)
        #expect(counts.expiring == Self.keys.filter { model[$0]?.expiry != nil }.count)
    }

    /// Makes a request and says what it must reply.
    private static func step(
        _ random: inout SeededNumbers, _ model: inout Model, _ key: String
    ) -> ([[UInt8]], String) {
        func words(_ words: [String], _ last: [UInt8]? = nil) -> [[UInt8]] {
            words.map { Array($0.utf8) } + (last.map { [$0] } ?? [])
        }
        let old = model[key]
        switch random.below(16) {
        case 0, 1, 2:
            return (words(["GET", key]), bulk(old?.bytes))
        case 3, 4:
            return set(&random, &model, key, old)
        case 5:
            let new = value(&random)
            model[key] = Value(bytes: new, expiry: nil)
            return (words(["GETSET", key], new), bulk(old?.bytes))
        case 6:
            model[key] = nil
            return (words(["GETDEL", key]), bulk(old?.bytes))
        case 7:
            return (words(["STRLEN", key]), ":\(old?.bytes.count ?? 0)")
        case 8:
            let added = value(&random)
            guard (old?.bytes.count ?? 0) < 40_000 else { return (words(["GET", key]), bulk(old?.bytes)) }
            model[key] = Value(bytes: (old?.bytes ?? []) + added, expiry: old?.expiry)
            return (words(["APPEND", key], added), ":\((old?.bytes.count ?? 0) + added.count)")
        case 9:
            return setrange(&random, &model, key, old)
        case 10:
            let first = random.below(80) - 40
            let last = random.below(80) - 40
            return (words(["GETRANGE", key, "\(first)", "\(last)"]), bulk(part(old?.bytes ?? [], first, last)))
        case 11, 12:
            let amount = Int64(random.below(20_000)) - 10_000
            let request = words([amount == 1 ? "INCR" : "INCRBY", key] + (amount == 1 ? [] : ["\(amount)"]))
            let text = String(decoding: old?.bytes ?? [0x30], as: UTF8.self)
            guard let number = Int64(text), "\(number)" == text else {
                return (request, "-ERR value is not an integer or out of range")
            }
            model[key] = Value(bytes: Array("\(number + amount)".utf8), expiry: old?.expiry)
            return (request, ":\(number + amount)")
        case 13:
            let expiry = model.now + 1 + Int64(random.below(200))
            if old != nil { model[key]?.expiry = expiry }
            return (words(["GETEX", key, "PXAT", "\(expiry)"]), bulk(old?.bytes))
        case 14:
            return several(&random, &model)
        default:
            let names = (0..<3).map { _ in keys[random.below(keys.count)] }
            return (words(["MGET"] + names), (["*3"] + names.map { bulk(model[$0]?.bytes) }).joined(separator: " "))
        }
    }

    private static func set(
        _ random: inout SeededNumbers, _ model: inout Model, _ key: String, _ old: Value?
    ) -> ([[UInt8]], String) {
        let new = value(&random)
        var request = ["SET", key].map { Array($0.utf8) } + [new]
        var expiry: Int64?
        switch random.below(4) {
        case 0:
            let milliseconds = 1 + random.below(150)
            expiry = model.now + Int64(milliseconds)
            request += ["PX", "\(milliseconds)"].map { Array($0.utf8) }
        case 1:
            expiry = old?.expiry
            request.append(Array("KEEPTTL".utf8))
        case 2:
            expiry = model.now + Int64(random.below(40)) - 20
            request += ["pxat", "\(expiry ?? 0)"].map { Array($0.utf8) }
        default: break
        }
        let condition = random.below(4)
        if condition < 2 { request.append(Array((condition == 0 ? "NX" : "XX").utf8)) }
        let returnsOld = random.below(2) == 0
        if returnsOld { request.append(Array("GET".utf8)) }
        if condition == 0 && old != nil || condition == 1 && old == nil {
            return (request, returnsOld ? bulk(old?.bytes) : "$-1")
        }
        model[key] = Value(bytes: new, expiry: expiry)
        return (request, returnsOld ? bulk(old?.bytes) : "+OK")
    }

    private static func setrange(
        _ random: inout SeededNumbers, _ model: inout Model, _ key: String, _ old: Value?
    ) -> ([[UInt8]], String) {
        let offset = random.below(random.below(100) == 0 ? 20_000 : 60)
        let new = value(&random)
        let request = ["SETRANGE", key, "\(offset)"].map { Array($0.utf8) } + [new]
        var bytes = old?.bytes ?? []
        guard !new.isEmpty else { return (request, ":\(bytes.count)") }
        if bytes.count < offset + new.count { bytes += [UInt8](repeating: 0, count: offset + new.count - bytes.count) }
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
        model[key] = Value(bytes: bytes, expiry: old?.expiry)
        return (request, ":\(bytes.count)")
    }

    private static func several(_ random: inout SeededNumbers, _ model: inout Model) -> ([[UInt8]], String) {
        let onlyNew = random.below(2) == 0
        var request = [Array((onlyNew ? "MSETNX" : "MSET").utf8)]
        var pairs: [(String, [UInt8])] = []
        for _ in 0...random.below(3) {
            let pair = (keys[random.below(keys.count)], value(&random))
            request += [Array(pair.0.utf8), pair.1]
            pairs.append(pair)
        }
        if onlyNew, pairs.contains(where: { model[$0.0] != nil }) { return (request, ":0") }
        for (key, bytes) in pairs { model[key] = Value(bytes: bytes, expiry: nil) }
        return (request, onlyNew ? ":1" : "+OK")
    }

    /// What GETRANGE returns, index by index.
    private static func part(_ bytes: [UInt8], _ first: Int, _ last: Int) -> [UInt8] {
        if first < 0, last < 0, first > last { return [] }
        let from = first < 0 ? max(0, bytes.count + first) : first
        let to = last < 0 ? max(0, bytes.count + last) : last
        return bytes.indices.filter { $0 >= from && $0 <= to }.map { bytes[$0] }
    }
}

/// Splitmix64: a test's own numbers, so that a seed replays.
struct SeededNumbers {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { limit == 0 ? 0 : Int(next() % UInt64(limit)) }
}
