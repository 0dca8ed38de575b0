import Bytes
import Commands
import Keyspace
import Testing
import Values

@Suite struct MemberExpiryTests {
    private static let others =
        StringCommands.rows + KeyCommands.rows + HashCommands.rows + SetCommands.rows + SortedSetCommands.rows
        + ListCommands.rows

    @Test func transcripts() {
        Transcript.check(HashExpiryCommands.rows, with: Self.others, transcripts: ["hashes-expiry"])
        Transcript.check(KeyDBCommands.rows, with: Self.others + HashExpiryCommands.rows, transcripts: ["keydb"])
        Transcript.check(NestedHashCommands.rows, with: Self.others, transcripts: ["keydb-nested"])
    }

    private enum Kind: CaseIterable {
        case hash, set, sortedSet

        func add(_ key: String, _ member: String) -> [String] {
            switch self {
            case .hash: ["HSETNX", key, member, "1"]
            case .set: ["SADD", key, member]
            case .sortedSet: ["ZADD", key, "NX", "1", member]
            }
        }
        func remove(_ key: String, _ member: String) -> [String] {
            [self == .hash ? "HDEL" : self == .set ? "SREM" : "ZREM", key, member]
        }
        func count(_ key: String) -> [String] { [self == .hash ? "HLEN" : self == .set ? "SCARD" : "ZCARD", key] }
        func has(_ key: String, _ member: String) -> [String] {
            switch self {
            case .hash: ["HEXISTS", key, member]
            case .set: ["SISMEMBER", key, member]
            case .sortedSet: ["ZCOUNT", key, "-inf", "+inf"]
            }
        }
    }

    /// Random commands on few collections while the clock goes on, against dictionaries of times.
    @Test(arguments: [1, 2, 3])
    func agreesWithTimesInADictionary(seed: UInt64) {
        var random = SeededNumbers(state: seed)
        let harness = CommandHarness(Self.others + HashExpiryCommands.rows + KeyDBCommands.rows)
        // The time of a member, .max for none.
        var model: [String: [String: Int64]] = [:]
        for step in 0..<30_000 {
            let kind = Kind.allCases[random.below(3)]
            let key = "\(kind)\(random.below(2))"
            // Small collections and large ones, of numbers (intsets) and of words.
            let member = (key.hasSuffix("0") ? "" : "m") + "\(random.below(step < 10_000 ? 30 : 800))"
            harness.now += Int64(random.below(4))
            model = model.mapValues { $0.filter { $0.value >= harness.now } }.filter { !$0.value.isEmpty }
            var members = model[key] ?? [:]
            let request: [String]
            let expected: String
            switch random.below(10) {
            case 0..<4:
                request = kind.add(key, member)
                expected = members[member] == nil ? ":1" : ":0"
                members[member] = members[member] ?? .max
            case 4..<6:
                let time = harness.now + Int64(random.below(2_000)) - 100
                request = ["PEXPIREMEMBERAT", key, member, "\(time)"]
                expected = members[member] == nil ? ":0" : ":1"
                if members[member] != nil { members[member] = time <= harness.now ? nil : time }
            case 6:
                request = kind.remove(key, member)
                expected = members.removeValue(forKey: member) == nil ? ":0" : ":1"
            case 7:
                request = ["PTTL", key, member]
                expected = members[member].map { ":\($0 == .max ? -1 : $0 - harness.now)" } ?? ":-2"
            case 8:
                request = kind == .sortedSet ? kind.count(key) : kind.has(key, member)
                expected = kind == .sortedSet ? ":\(members.count)" : members[member] == nil ? ":0" : ":1"
            default:
                request = ["PERSIST", key, member]
                expected = members[member].map { $0 == .max ? ":0" : ":1" } ?? ":0"
                if members[member] != nil { members[member] = .max }
            }
            model[key] = members.isEmpty ? nil : members
            let actual = harness.run(request.map { Array($0.utf8) })
            guard actual == expected else {
                Issue.record("seed \(seed), step \(step), \(request): \(actual), not \(expected)")
                return
            }
            if step % 50 == 0 { check(harness, model, step) }
        }
    }

    /// The counters after a look at each key.
    private func check(_ harness: CommandHarness, _ model: [String: [String: Int64]], _ step: Int) {
        for kind in Kind.allCases {
            for number in 0..<2 {
                let expected = model["\(kind)\(number)"]?.count ?? 0
                #expect(harness.run(kind.count("\(kind)\(number)").map { Array($0.utf8) }) == ":\(expected)")
            }
        }
        let counts = harness.store.counts(database: 0)
        #expect(counts.keys == model.count, "step \(step)")
        #expect(counts.memberExpiring == model.values.count { $0.values.contains { $0 != .max } }, "step \(step)")
        #expect(counts.expiring == 0)
    }

    /// The walk over the tables removes what nobody touches, a portion of a large collection at a time.
    @Test func nobodyNeedsToComeBy() {
        let harness = CommandHarness(Self.others + HashExpiryCommands.rows + KeyDBCommands.rows)
        for index in 0..<3000 {
            harness.run("HSET", "h", "f\(index)", "v")
            harness.run("HPEXPIRE", "h", "10", "FIELDS", "1", "f\(index)")
        }
        harness.run("HSET", "h", "stays", "v")
        harness.run("SADD", "s", "a")
        harness.run("EXPIREMEMBER", "s", "a", "10", "ms")
        #expect(harness.store.counts(database: 0).memberExpiring == 2)
        var hand = LockedKeyspace(store: harness.store, ledger: harness.ledger)
        hand.now = harness.now + 11
        var portions = 0
        while harness.store.counts(database: 0).memberExpiring > 0, portions < 1000 {
            for shard in 0..<Position.shardCount { _ = hand.expireResident(shard: shard, space: 0, slots: 1) }
            portions += 1
        }
        #expect(portions > 5)
        let counts = harness.store.counts(database: 0)
        #expect(counts.keys == 1 && counts.memberExpiring == 0)
        #expect(harness.ledger.expiredMembers.load(ordering: .relaxed) == 3001)
        #expect(harness.run("HGETALL", "h") == #"*2 "stays" "v""#)
        harness.run("DEL", "h")
        #expect(harness.store.memoryBytes < 100_000)
    }

    /// While nothing may be deleted, a past-due member is hidden and stays.
    @Test func aPauseHidesOnly() {
        let placement = Placement(seed: SipHash(k0: 1, k1: 2))
        let store = KeyspaceStore(databases: 1, placement: placement, hasProvider: false)
        var keys = LockedKeyspace(store: store, ledger: store.makeLedger())
        let hash = HashValue()
        for field in ["a", "b"] { field.withSlice { _ = hash.set($0, ByteSlice("v")) } }
        "a".withSlice { hash.setExpiry(of: $0, 100) }
        "key".withSlice { name in
            let ref = keys.ref(name, database: 0)
            keys.lock(ref.position.shard)
            keys.set(ref, .collection(key: name, hash, expiry: nil))
            keys.unlock(ref.position.shard)
            let memory = store.memoryBytes
            keys.deletesExpired = false
            for (now, count) in [(Int64(100), 2), (101, 1)] {
                keys.now = now
                keys.lock(ref.position.shard)
                #expect(keys.peek(ref)?.record.collectionObject?.count == count)
                keys.unlock(ref.position.shard)
            }
            #expect(hash.count == 2)
            #expect(store.memoryBytes == memory)
            keys.deletesExpired = true
            keys.lock(ref.position.shard)
            #expect(keys.read(ref)?.record.collectionObject === hash)
            #expect(hash.count == 1)
            keys.unlock(ref.position.shard)
        }
    }
}
