import Bytes
import Synchronization
import Testing
import Values

@testable import Keyspace

/// Keeps what it is told, and whether the locks were held.
private final class Notes: KeyspaceListener, @unchecked Sendable {
    // @unchecked: used by the test's thread only.
    var kinds: [String] = []
    var events: [String] = []
    var databases: [Int] = []
    var calls = 0
    var wereLocked = true
    /// Called once, with the view, by the next call.
    var answer: ((inout LockedKeyspace) -> Void)?

    func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
        calls += 1
        for change in changes {
            kinds.append("\(change.kind) \(String(decoding: change.key, as: UTF8.self))")
            databases.append(change.database)
            if !keyspace.locks[change.position.shard].lock.isHeld() { wereLocked = false }
        }
        for event in events {
            self.events.append("\(event.name) \(String(decoding: event.key, as: UTF8.self)) \(event.database)")
        }
        let answer = answer
        self.answer = nil
        answer?(&keyspace)
    }

    func take() -> [String] {
        defer { kinds = [] }
        return kinds
    }
}

/// Every path on which a key changes tells it, once the shard has an observer, and not before.
@Suite struct KeyChangesTests {
    private let bench = Bench()
    private let notes = Notes()

    private func observe(_ keys: String..., by more: Int = 1) {
        for key in keys { bench.with(key) { keys, ref in keys.store.observe(ref.position.shard, more) } }
    }

    init() {
        bench.store.listener = notes
        bench.keys.listener = notes
    }

    private func list(_ key: String) {
        bench.with(key) { keys, ref in keys.set(ref, Record.collection(key: ref.bytes, ListValue(), expiry: nil)) }
    }

    /// What the walk over the key's shard removes.
    private func expire(_ key: String) -> Int {
        let shard = bench.with(key) { _, ref in ref.position.shard }
        return bench.keys.expireResident(shard: shard, space: 0, slots: 100).expired
    }

    @Test func writesTell() {
        observe("k")
        bench.set("k", "a")
        #expect(notes.take() == ["written k"])
        bench.set("k", "b", expiry: 5_000)
        #expect(notes.take() == ["written k"])
        // In place, and as a new record where it doesn't fit.
        for value in ["c", String(repeating: "x", count: 500)] {
            bench.with("k") { keys, ref in Array(value.utf8).withSlice { keys.setString(ref, $0) } }
            #expect(notes.take() == ["written k"])
        }
        bench.with("k") { keys, ref in
            guard let entry = keys.find(ref) else { return }
            keys.setExpiry(entry, 9_000)
        }
        #expect(notes.take() == ["written k"])
        bench.with("k") { keys, ref in
            guard let entry = keys.find(ref) else { return }
            keys.update(entry) { $0.settingExpiry(nil) }
            if let entry = keys.find(ref) { keys.updateInPlace(entry) }
        }
        #expect(notes.take() == ["written k", "written k"])
        #expect(notes.wereLocked)
    }

    @Test func collectionsTell() {
        observe("l")
        list("l")
        #expect(notes.take() == ["written l"])
        bench.with("l") { keys, ref in
            guard let entry = keys.find(ref), let value = keys.collection(of: entry) as? ListValue else { return }
            keys.change(entry, value) { (value: ListValue) in Array("e".utf8).withSlice { value.push($0, .left) } }
            keys.change(entry, value) { (value: ListValue) in value.removeSubrange(0..<1) }
            keys.removeEmpty(entry)
        }
        #expect(notes.take() == ["written l", "written l", "deleted l"])
        #expect(notes.calls == 2, "a call's changes are told together")
    }

    @Test func deletesTellIfThereWasSomething() {
        observe("k")
        bench.set("k", "a")
        _ = notes.take()
        #expect(bench.delete("k"))
        #expect(notes.take() == ["deleted k"])
        #expect(!bench.delete("k"))
        #expect(notes.take() == [])
    }

    @Test func readingTellsNothing() {
        observe("k")
        bench.set("k", "a")
        _ = notes.take()
        #expect(bench.get("k") == "a")
        #expect(bench.get("none") == nil)
        #expect(notes.take() == [])
    }

    @Test func expiryTells() {
        observe("k")
        for visit in 0..<3 {
            bench.keys.now = 1_000
            bench.set("k", "a", expiry: 2_000)
            _ = notes.take()
            bench.keys.now = 2_001
            switch visit {
            case 0: #expect(bench.get("k") == nil)
            case 1: #expect(!bench.delete("k"))
            default:
                #expect(expire("k") == 1)
            }
            #expect(notes.take() == ["expired k"], "visit \(visit)")
        }
        // Held back: nothing is deleted, nothing is told.
        bench.keys.now = 1_000
        bench.set("k", "a", expiry: 2_000)
        _ = notes.take()
        bench.keys.now = 2_001
        bench.keys.deletesExpired = false
        #expect(bench.get("k") == nil)
        bench.store.holdDeletions()
        #expect(expire("k") == 0)
        #expect(notes.take() == [])
    }

    @Test func evictionTells() {
        observe("k", "cold")
        bench.set("k", "a")
        _ = notes.take()
        let position = bench.with("k") { _, ref in ref.position }
        let rank = EvictionRank(onlyExpiring: false, by: .nothing)
        var found: [EvictionCandidate] = []
        bench.keys.sample(from: position, rank, into: &found)
        #expect(found.map(\.key) == [Array("k".utf8)])
        bench.store.holdDeletions()
        #expect(bench.keys.evict(found[0], rank, heedsHold: true) == .held)
        #expect(bench.keys.evict(found[0], rank, heedsHold: false) == .deleted)
        #expect(notes.take() == ["evicted k"])
        #expect(bench.keys.evict(found[0], rank, heedsHold: false) == .gone)
    }

    @Test func evictionFromFlashTells() {
        observe("cold")
        let position = bench.with("cold") { _, ref in ref.position }
        var counts = KeyspaceStore.ColdCounts(keys: [], expiring: [])
        for shard in 0..<Position.shardCount {
            counts.keys.append(shard == position.shard ? 1 : 0)
            counts.expiring.append(0)
        }
        bench.store.restore(database: 0, counts)
        func evict() -> ColdEviction {
            let view = bench.keys.coldView(shard: position.shard, space: 0)
            return Array("cold".utf8).withSlice {
                bench.keys.evictCold(view, position: position, key: $0, hadExpiry: false)
            }
        }
        bench.store.holdDeletions()
        guard case .outdated = evict() else { return #expect(Bool(false), "deletions were held") }
        bench.store.holdsDeletions.store(false, ordering: .relaxed)
        guard case .deleted = evict() else { return #expect(Bool(false), "nothing was evicted") }
        #expect(notes.take() == ["evicted cold"])
    }

    /// A call over several shards tells once, in order, before the first lock is given back.
    @Test func aCallTellsInOrder() {
        let names = (0..<20).map { "k\($0)" }
        for name in names { observe(name) }
        let slices = names.map { Array($0.utf8) }
        let refs = names.map { name in bench.with(name, database: 1) { _, ref in ref } }
        let shards = Set(refs.map(\.position.shard)).sorted()
        #expect(shards.count > 1)
        for shard in shards { bench.keys.lock(shard) }
        for (bytes, ref) in zip(slices, refs) {
            bytes.withSlice { key in
                let own = KeyRef(bytes: key, position: ref.position, space: ref.space)
                bench.keys.set(own, Record.string(key: key, value: key, expiry: nil))
            }
        }
        #expect(notes.calls == 0)
        for shard in shards { bench.keys.unlock(shard) }
        #expect(notes.calls == 1 && notes.wereLocked)
        #expect(notes.take() == names.map { "written \($0)" })
        #expect(Set(notes.databases) == [1])
    }

    @Test func databasesAreThoseOfTheMoment() {
        observe("k")
        bench.store.lockAll()
        bench.store.swap(0, 1)
        bench.store.unlockAll()
        bench.set("k", "a")
        #expect(notes.take() == ["written k"] && notes.databases == [0])
    }

    /// What a listener changes is told too, after what it was told of.
    @Test func aListenerMayChangeKeys() {
        observe("k")
        notes.answer = { keys in
            Array("k".utf8).withSlice { _ = keys.delete(keys.ref($0, database: 0)) }
        }
        bench.set("k", "a")
        #expect(notes.take() == ["written k", "deleted k"] && notes.calls == 2)
    }

    /// Without an observer nothing is kept, not even for a moment.
    @Test func nothingIsNotedForNobody() {
        bench.set("k", "a")
        bench.with("k") { keys, ref in
            keys.set(ref, Record.string(key: ref.bytes, value: ref.bytes, expiry: nil))
            keys.notify(.string, "set", ref)
            let kept = keys.changes.capacity + keys.events.capacity
            let hasNews = keys.hasNews
            #expect(kept == 0 && !hasNews)
        }
        // Who has gone is told nothing more; who watches another shard neither.
        observe("k")
        observe("k", by: -1)
        observe("x")
        #expect(bench.delete("k"))
        #expect(notes.calls == 0)
    }

    @Test func eventsAreToldByClass() {
        bench.store.eventClasses.store(EventClasses([.string, .expired]).rawValue, ordering: .relaxed)
        bench.with("k") { keys, ref in
            keys.set(ref, Record.string(key: ref.bytes, value: ref.bytes, expiry: 1_500))
            keys.notify(.string, "set", ref)
            keys.notify(.generic, "expire", ref)
        }
        bench.keys.now = 2_000
        #expect(bench.get("k") == nil)
        #expect(notes.events == ["set k 0", "expired k 0"])
        #expect(notes.take() == [])
    }
}
