import Bytes
import Platform
import Storage
import StorageFaulty
import Synchronization
import Testing
import Values

@testable import Histories
@testable import Keyspace
@testable import Tiering

/// What one client knows of its two databases, and the calls it makes against that.
private final class Modelled: OwningClient {
    struct Value: Equatable {
        var text: String
        var expiry: Int64?
    }
    let client: Client
    let number: Int
    var random: RandomSource
    /// By database: the client's own two.
    var model: [[String: Value]] = [[:], [:]]
    var walker: Walker
    var unique = 0
    var differences: [String] = []
    var failures = 0
    var dead: [UInt32] = []
    private let keyCount: Int

    init(_ world: World, number: Int, seed: UInt64, keys: Int) {
        client = Client(world)
        self.number = number
        random = RandomSource(seed: seed &* 0x9e37 &+ UInt64(number))
        walker = Walker(store: world.store, tier: world.tier)
        keyCount = keys
    }

    var parks: Int { client.parks }
    private var tier: Tier { client.world.tier }

    /// Compares what came back with the model, at a time between `before` and now.
    private func compare(_ what: String, _ key: String, _ db: Int, _ got: String?, since before: Int64) {
        let known = model[db][key]
        let now = Clock.unixMilliseconds()
        if let known, let expiry = known.expiry, expiry <= now {
            // Past due for certain, or perhaps: then the answer decides.
            if got == nil {
                model[db][key] = nil
                return
            }
            if expiry >= before, got == known.text { return }
        } else if got == known?.text {
            return
        }
        differences.append(
            "client \(number) \(what) \(key) of \(db): got \(got?.prefix(30) ?? "nil"), expected "
                + "\(known.map { "\($0.text.prefix(30)) until \($0.expiry ?? 0)" } ?? "nil") at \(before)...\(now)")
        model[db][key] = got.map { Value(text: $0, expiry: known?.expiry) }
    }

    private func key() -> String {
        // A tenth of the keys gets half of the calls.
        let range = random.index(below: 2) == 0 ? keyCount / 10 : keyCount
        return "c\(number):\(random.index(below: range))"
    }

    private func value() -> String {
        unique += 1
        let size = random.index(below: 1_000) == 0 ? 20_000 : random.index(below: 500)
        if random.index(below: 5) == 0 { return "\(unique)" }
        return "\(number).\(unique)." + String(repeating: "x", count: size)
    }

    private func expiry() -> Int64 { Clock.unixMilliseconds() + Int64(random.below(400)) + 1 }

    func run(_ operations: Int) {
        for index in 0..<keyCount {
            let fresh = Value(text: value())
            for db in 0..<2
            where (try? client.set("c\(number):\(index)", fresh.text, database: number * 2 + db)) != nil {
                model[db]["c\(number):\(index)"] = fresh
            }
        }
        for _ in 0..<operations {
            do {
                try step()
            } catch CallError.stuck {
                differences.append("client \(number) was never woken")
                return
            } catch CallError.refused {
                failures += 1
                Clock.sleep(nanoseconds: 1_000_000)
            } catch {
                failures += 1
            }
        }
    }

    private func step() throws {
        let db = random.index(below: 2)
        let database = number * 2 + db
        let key = key()
        let before = Clock.unixMilliseconds()
        switch random.index(below: 1_000) {
        case 0..<250: compare("GET", key, db, try client.get(key, database: database), since: before)
        case 250..<450:
            let text = value()
            try client.set(key, text, database: database)
            model[db][key] = Value(text: text)
        case 450..<520:
            let fresh = Value(text: value(), expiry: expiry())
            try client.set(key, fresh.text, expiry: fresh.expiry, database: database)
            model[db][key] = fresh
        case 520..<620:
            let suffix = "+\(unique)"
            let old = try client.get(key, database: database)
            compare("GET of APPEND", key, db, old, since: before)
            let again = Clock.unixMilliseconds()
            let length = try client.append(key, suffix, database: database)
            if length == suffix.utf8.count, let expiry = model[db][key]?.expiry, expiry <= Clock.unixMilliseconds() {
                model[db][key] = nil
            }
            let expected = (model[db][key]?.text.utf8.count ?? 0) + suffix.utf8.count
            if length != expected { differences.append("APPEND \(key): \(length), expected \(expected) at \(again)") }
            model[db][key, default: Value(text: "")].text += suffix
        case 620..<680: try increment(key, db, database)
        case 680..<770:
            let existed = try client.delete(key, database: database)
            compare("DEL", key, db, existed ? model[db][key]?.text ?? "?" : nil, since: before)
            model[db][key] = nil
        case 770..<830: try expire(key, db, database)
        case 830..<890: try rename(key, db, database)
        case 890..<940: try getMany(db, database)
        case 940..<960: client.prefetch(key, database: database, abandons: random.index(below: 2) == 0)
        case 960..<964: try scan(db, database)
        case 964..<970: try count(db, database)
        case 970..<972:
            // Once in 5,000 calls: else there would never be enough to spill.
            if random.index(below: 10) == 0 { try flush(db, database) }
        case 972..<976:
            client.swap(number * 2, number * 2 + 1)
            model.swapAt(0, 1)
        default: compare("GET", key, db, try client.get(key, database: database), since: before)
        }
    }

    private func increment(_ key: String, _ db: Int, _ database: Int) throws {
        let before = Clock.unixMilliseconds()
        compare("GET of INCR", key, db, try client.get(key, database: database), since: before)
        let got = try client.increment(key, database: database)
        if got == 1, let expiry = model[db][key]?.expiry, expiry <= Clock.unixMilliseconds() { model[db][key] = nil }
        let old = model[db][key]
        let number = old.map { value in Array(value.text.utf8).withSlice { StringForm.canonicalInteger($0) } } ?? 0
        if got != number.map({ $0 + 1 }) {
            differences.append("INCR \(key): \(String(describing: got)) after \(String(describing: old))")
        }
        if let got { model[db][key] = Value(text: "\(got)", expiry: old?.expiry) }
    }

    private func expire(_ key: String, _ db: Int, _ database: Int) throws {
        let before = Clock.unixMilliseconds()
        let due = random.index(below: 3) == 0 ? nil : expiry()
        let existed = try client.expire(key, at: due, database: database)
        let text = model[db][key]?.text
        compare("EXPIRE", key, db, existed ? text ?? "?" : nil, since: before)
        if existed { model[db][key]?.expiry = due }
    }

    private func rename(_ key: String, _ db: Int, _ database: Int) throws {
        let other = self.key()
        guard other != key else { return }
        let before = Clock.unixMilliseconds()
        let existed = try client.rename(key, to: other, database: database)
        compare("RENAME", key, db, existed ? model[db][key]?.text ?? "?" : nil, since: before)
        guard existed else { return }
        model[db][other] = model[db][key]
        model[db][key] = nil
    }

    private func getMany(_ db: Int, _ database: Int) throws {
        let names = (0..<2 + random.index(below: 8)).map { _ in key() }
        let before = Clock.unixMilliseconds()
        for (name, got) in zip(names, try client.getMany(names, database: database)) {
            compare("MGET", name, db, got, since: before)
        }
    }

    /// Keys that must be there and keys that may.
    private func bounds(_ db: Int, since before: Int64) -> (must: Set<String>, may: Set<String>) {
        let now = Clock.unixMilliseconds()
        let must = model[db].filter { $0.value.expiry ?? .max > now }.keys
        let may = model[db].filter { $0.value.expiry ?? .max >= before }.keys
        return (Set(must), Set(may))
    }

    private func scan(_ db: Int, _ database: Int) throws {
        let before = Clock.unixMilliseconds()
        var from: UInt64? = 0
        var found: [String] = []
        while let at = from {
            let request = WalkRequest(database: database, from: at, count: 50 + random.index(below: 500))
            let result = try walker.walk(request, now: Clock.unixMilliseconds())
            found += result.keys.map { String(decoding: $0, as: UTF8.self) }
            from = result.next
        }
        let (must, may) = bounds(db, since: before)
        let set = Set(found)
        if set.count != found.count { differences.append("SCAN returned a key twice while nobody wrote") }
        if !must.isSubset(of: set) { differences.append("SCAN missed \(must.subtracting(set).prefix(3))") }
        if !set.isSubset(of: may) { differences.append("SCAN invented \(set.subtracting(may).prefix(3))") }
    }

    private func count(_ db: Int, _ database: Int) throws {
        let got = try tier.exactCount(database: database)
        // Past-due keys count until somebody finds them.
        let least = bounds(db, since: 0).must.count
        if got < least || got > model[db].count {
            differences.append("DBSIZE \(got), expected \(least)...\(model[db].count)")
        }
    }

    private func flush(_ db: Int, _ database: Int) throws {
        // Reads under way must not come back.
        for _ in 0..<5 { client.prefetch(key(), database: database) }
        dead.append(client.flush(database))
        model[db] = [:]
        while let generation = dead.last {
            try tier.reap(generation: generation)
            dead.removeLast()
        }
    }

    /// Everything once more, by name.
    func checkAll() throws {
        for db in 0..<2 {
            for index in 0..<keyCount {
                let key = "c\(number):\(index)"
                let before = Clock.unixMilliseconds()
                compare("the end's GET", key, db, try client.get(key, database: number * 2 + db), since: before)
            }
        }
        for generation in dead { try tier.reap(generation: generation) }
    }
}

@Suite(.serialized) struct HistoryTests {
    /// Clients with two databases each, over one tier, against exact models.
    @Test func ownKeysAgainstAnExactModel() throws {
        Run.announce("ownKeysAgainstAnExactModel", History.operations)
        let databases = History.clients * 2
        let world = World(databases: databases, plan: .nasty, seed: Run.seed, threads: true)
        defer { world.stop() }
        try History.ownKeys(world, databases: databases) { Modelled(world, number: $0, seed: Run.seed, keys: 2_500) }
    }

    @Test func sharedKeysAreLinearizable() throws {
        Run.announce("sharedKeysAreLinearizable", History.operations)
        let world = World(plan: .nasty, seed: Run.seed &+ 1, threads: true)
        defer { world.stop() }
        let clock = Moments()
        History.sharedKeys(world) { (round, number) -> SharedCaller<StringAction> in
            let client = Client(world)
            let seed = Run.seed &+ UInt64(round * 64 + number)
            var random = RandomSource(seed: seed)
            var unique = number * 1_000_000 + round * 1_000
            return SharedCaller(client, seed: seed &+ 1) {
                let key = random.index(below: 40)
                unique += 1
                return SharedCall.make(client, "r\(round):\(key)", &random, unique: unique, clock).map { (key, $0) }
            }
        }
    }
}

/// Makes one random call on a shared key, and says what was seen.
private enum SharedCall {
    static func make(
        _ client: Client, _ key: String, _ random: inout RandomSource, unique: Int, _ clock: Moments
    ) -> Observed<StringAction>? {
        let from = clock.next()
        do {
            let action: StringAction
            switch random.index(below: 10) {
            case 0..<4: action = .get(try client.get(key))
            case 4..<6:
                try client.set(key, "\(unique)")
                action = .set("\(unique)")
            case 6: action = .delete(try client.delete(key))
            case 7: action = .increment(try client.increment(key))
            case 8:
                let length = try client.append(key, "9")
                action = .append("9", length)
            default:
                client.prefetch(key)
                return nil
            }
            return Observed(action: action, from: from, to: clock.next())
        } catch {
            return nil
        }
    }
}
