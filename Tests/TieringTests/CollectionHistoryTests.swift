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

/// A client with keys of its own, and what it knows of them.
private final class CollectionOwner: OwningClient {
    let client: CommandClient
    let number: Int
    var calls: CollectionCalls
    var models: [String: CollectionModel] = [:]
    var differences: [String] = []
    var failures = 0
    var parks: Int { client.client.parks }
    private let keys: Int
    private var filler: RandomSource

    init(_ world: World, number: Int, keys: Int) {
        let seed = Run.seed &* 0x9e37 &+ UInt64(number)
        client = CommandClient(world, seed: seed)
        calls = CollectionCalls(seed: seed &+ 1)
        filler = RandomSource(seed: seed &+ 2)
        self.number = number
        self.keys = keys
    }

    private func kind(of key: String) -> CollectionModel.Kind {
        CollectionModel.Kind.allCases.first { key.hasPrefix($0.letter) } ?? .sortedSet
    }

    private func key(_ kind: CollectionModel.Kind) -> String {
        // A tenth of the keys gets a quarter of the calls.
        let range = calls.random.index(below: 4) == 0 ? keys / 10 : keys
        return "\(kind.letter)\(number):\(calls.random.index(below: range))"
    }

    private func model(_ key: String) -> CollectionModel { models[key] ?? CollectionModel(kind(of: key)) }

    func run(_ operations: Int) {
        for operation in 0..<operations {
            // Filler in the database behind all others: short histories alone don't always make the memory short.
            if operation % 20 == 0 { client.client.fill(&filler, database: History.clients) }
            do throws(CallError) {
                try step()
            } catch .stuck {
                differences.append("client \(number) was never woken in operation \(operation)")
                return
            } catch {
                failures += 1
                if case .refused = error { Clock.sleep(nanoseconds: 1_000_000) }
            }
            if differences.count > 20 { return }
        }
    }

    private func step() throws(CallError) {
        let kind = CollectionModel.Kind.allCases[calls.random.index(below: 5)]
        let key = key(kind)
        // Small ones, which are packed, and large ones, which are in pages.
        calls.range = key.hasSuffix("7") ? 1000 : 40
        switch calls.random.index(below: 60) {
        case 0: try transfer("RENAME", key, self.key(kind))
        case 1: try transfer("COPY", key, self.key(kind))
        case 2: try dumpAndRestore(key, self.key(kind))
        case 3: try move(kind)
        case 4: if kind == .set { try store(key) }
        case 5: if calls.random.index(below: 400) == 0 { flush() }
        default: try single(calls.call(key, kind, now: Clock.unixMilliseconds()), key)
        }
    }

    private func single(_ words: [String], _ key: String) throws(CallError) {
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var model = model(key)
        let before = model
        calls.remember(key, model.kind, reply)
        if !model.take(words, reply, now: now) { differ(words, reply, before, now) }
        models[key] = model
    }

    private func differ(_ words: [String], _ reply: Reply, _ model: CollectionModel, _ now: Int64) {
        differences.append(
            "client \(number) at \(now): \(words.joined(separator: " ").prefix(200)): \("\(reply)".prefix(300))"
                + " on \("\(model)".prefix(600))")
    }

    /// RENAME and COPY ... REPLACE.
    private func transfer(_ command: String, _ from: String, _ to: String) throws(CallError) {
        guard from != to else { return }
        let words = command == "COPY" ? [command, from, to, "REPLACE"] : [command, from, to]
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var source = model(from)
        source.advance(to: now)
        if source.isEmpty {
            let expected: Reply = command == "COPY" ? .integer(0) : .error("ERR no such key")
            if reply != expected { differ(words, reply, source, now) }
        } else {
            if reply != (command == "COPY" ? .integer(1) : .simple("OK")) { differ(words, reply, source, now) }
            models[to] = source
            if command == "RENAME" { source = CollectionModel(source.kind) }
        }
        models[from] = source
    }

    private func dumpAndRestore(_ from: String, _ to: String) throws(CallError) {
        let (dump, now) = try client.run("DUMP", from, database: number)
        var source = model(from)
        source.advance(to: now)
        models[from] = source
        guard case .bulk(let payload) = dump else {
            if !source.isEmpty { differ(["DUMP", from], dump, source, now) }
            return
        }
        if source.isEmpty { differ(["DUMP", from], dump, source, now) }
        let restore = ["RESTORE", to, "0"].map { Array($0.utf8) } + [payload, Array("REPLACE".utf8)]
        let (reply, then) = try client.run(restore, database: number)
        if reply != .simple("OK") { differ(["RESTORE", to], reply, source, now) }
        source.expiry = nil
        source.stream?.passThroughPayload()
        source.advance(to: then)
        models[to] = source
    }

    /// LMOVE and SMOVE.
    private func move(_ kind: CollectionModel.Kind) throws(CallError) {
        guard kind == .list || kind == .set else { return }
        let (from, to) = (key(kind), key(kind))
        guard from != to else { return }
        let member = calls.member()
        let words = kind == .list ? ["LMOVE", from, to, "LEFT", "RIGHT"] : ["SMOVE", from, to, member]
        let (reply, now) = try client.run(words.map { Array($0.utf8) }, database: number)
        var source = model(from)
        var target = model(to)
        source.advance(to: now)
        target.advance(to: now)
        if kind == .list {
            let expected: Reply = source.list.first.map { .text($0) } ?? .null
            if reply != expected { differ(words, reply, source, now) }
            if !source.list.isEmpty { target.list.append(source.list.removeFirst()) }
        } else {
            let isThere = source.members[member] != nil
            if reply != .integer(isThere ? 1 : 0) { differ(words, reply, source, now) }
            if isThere {
                source.remove(member)
                if target.members[member] == nil { target.members[member] = "" }
            }
        }
        source.advance(to: now)
        models[from] = source
        models[to] = target
    }

    /// SUNIONSTORE, SDIFFSTORE and SINTERSTORE.
    private func store(_ target: String) throws(CallError) {
        let (a, b) = (key(.set), key(.set))
        let command = ["SUNIONSTORE", "SDIFFSTORE", "SINTERSTORE"][calls.random.index(below: 3)]
        let (reply, now) = try client.run(command, target, a, b, database: number)
        for key in [a, b] {
            var model = model(key)
            model.advance(to: now)
            models[key] = model
        }
        let (left, right) = (Set(model(a).members.keys), Set(model(b).members.keys))
        var result = CollectionModel(.set)
        let members =
            command == "SUNIONSTORE"
            ? left.union(right) : command == "SDIFFSTORE" ? left.subtracting(right) : left.intersection(right)
        for member in members { result.members[member] = "" }
        if reply != .integer(members.count) { differ([command, target, a, b], reply, result, now) }
        models[target] = result
    }

    private func flush() {
        let generation = client.client.flush(number)
        models = [:]
        // As the server does: what can't be removed now is removed later.
        client.client.world.tier.bury(generation: generation)
        try? client.client.world.tier.reap(generation: generation)
    }

    /// Everything once more.
    func checkAll() throws(CallError) {
        for kind in CollectionModel.Kind.allCases {
            for index in 0..<keys {
                let key = "\(kind.letter)\(number):\(index)"
                let words: [String]
                switch kind {
                case .list: words = ["LRANGE", key, "0", "-1"]
                case .set: words = ["SMEMBERS", key]
                case .hash: words = ["HGETALL", key]
                case .sortedSet: words = ["ZRANGE", key, "0", "-1", "WITHSCORES"]
                case .stream: words = ["XINFO", "STREAM", key, "FULL", "COUNT", "0"]
                }
                try single(words, key)
            }
        }
    }
}

@Suite(.serialized) struct CollectionHistoryTests {
    /// Clients with databases of their own, over one tier, against exact models, with members and keys that expire.
    @Test func ownCollectionsAgainstAnExactModel() throws {
        Run.announce("ownCollectionsAgainstAnExactModel", History.operations)
        // All sets and most hashes and sorted sets go to flash page by page.
        let entries = CollectionLimits.hashEntries.exchange(8, ordering: .relaxed)
        let sorted = CollectionLimits.zsetEntries.exchange(8, ordering: .relaxed)
        let paged = Paging.leastBytes.exchange(0, ordering: .relaxed)
        defer {
            CollectionLimits.hashEntries.store(entries, ordering: .relaxed)
            CollectionLimits.zsetEntries.store(sorted, ordering: .relaxed)
            Paging.leastBytes.store(paged, ordering: .relaxed)
        }
        // Lists of several pages, the inner ones compressed.
        let page = CollectionLimits.listPage.exchange(2, ordering: .relaxed)
        let depth = CollectionLimits.listDepth.exchange(1, ordering: .relaxed)
        defer {
            CollectionLimits.listPage.store(page, ordering: .relaxed)
            CollectionLimits.listDepth.store(depth, ordering: .relaxed)
        }
        let databases = History.clients + 1
        let world = World(databases: databases, plan: .nasty, seed: Run.seed &+ 2, threads: true)
        defer { world.stop() }
        try History.ownKeys(world, databases: databases) { CollectionOwner(world, number: $0, keys: 600) }
        let dropped = world.store.total { $0.droppedPages.load(ordering: .relaxed) }
        print("\(dropped) pages dropped of \(world.store.collectionsNumbered) collections")
        #expect(dropped > History.operations / 100)
    }

    private struct Seen: SequentialAction, CustomStringConvertible {
        let kind: CollectionModel.Kind
        let words: [String]
        let reply: Reply

        func applied(to state: CollectionModel?) -> CollectionModel?? {
            var model = state ?? CollectionModel(kind)
            return model.take(words, reply, now: 0) ? .some(model) : nil
        }

        var description: String { "\(words.joined(separator: " ")) \(reply)" }
    }

    @Test func sharedCollectionsAreLinearizable() throws {
        Run.announce("sharedCollectionsAreLinearizable", History.operations)
        let sorted = CollectionLimits.zsetEntries.exchange(2, ordering: .relaxed)
        let paged = Paging.leastBytes.exchange(0, ordering: .relaxed)
        defer {
            CollectionLimits.zsetEntries.store(sorted, ordering: .relaxed)
            Paging.leastBytes.store(paged, ordering: .relaxed)
        }
        let world = World(plan: .nasty, seed: Run.seed &+ 3, threads: true)
        defer { world.stop() }
        let clock = Moments()
        History.sharedKeys(world) { (round, number) -> SharedCaller<Seen> in
            let seed = Run.seed &+ UInt64(round * 64 + number)
            let client = CommandClient(world, seed: seed)
            var calls = CollectionCalls(seed: Run.seed &+ UInt64(round * 1000 + number))
            calls.range = 6
            calls.valueBytes = 20
            return SharedCaller(client.client, seed: seed &+ 1) {
                let key = calls.random.index(below: 50)
                let kind = CollectionModel.Kind.allCases[key % CollectionModel.Kind.allCases.count]
                let name = "c\(round):\(key)"
                let words = calls.call(name, kind, now: 0, expiries: false)
                let from = clock.next()
                guard let (reply, _) = try? client.run(words.map { Array($0.utf8) }) else { return nil }
                calls.remember(name, kind, reply)
                let seen = Seen(kind: kind, words: words, reply: reply)
                return (key, Observed(action: seen, from: from, to: clock.next()))
            }
        }
    }
}
