import Bytes
import Platform
import Testing
import Values

@testable import Keyspace

/// Which keys make the warm-up list.
@Suite struct HotKeysTests {
    private static let now: Int64 = 1_700_000_000_000

    /// A store in which the key `n:TOUCHES:IDLE` was touched so often, and so many seconds ago.
    private func store(_ keys: [(touches: Int, idle: Int)], database: Int = 0, expiry: Int64? = nil) -> KeyspaceStore {
        let store = KeyspaceStore(
            databases: 2, placement: Placement(seed: SipHash(k0: 1, k1: 2)), hasProvider: true)
        var keyspace = LockedKeyspace(store: store, ledger: store.makeLedger())
        keyspace.now = Self.now
        for (number, key) in keys.enumerated() {
            Array("\(number):\(key.touches):\(key.idle)".utf8).withSlice { name in
                let ref = keyspace.ref(name, database: database)
                keyspace.lock(ref.position.shard)
                keyspace.set(ref, Record.string(key: name, value: ByteSlice("v"), expiry: expiry))
                if let record = keyspace.peek(ref)?.record {
                    record.residence = Residency(.clean, mayBeOnFlash: true, frequency: UInt8(key.touches))
                    record.access = UInt32(truncatingIfNeeded: Self.now / 1_000 - Int64(key.idle)) & 0xff_ffff
                }
                keyspace.unlock(ref.position.shard)
            }
        }
        return store
    }

    private func shown(
        _ store: KeyspaceStore, most: Int, deadline: Int64 = .max
    ) -> (keys: [(name: String, touches: UInt8, generation: UInt32)], isWhole: Bool) {
        var keys: [(name: String, touches: UInt8, generation: UInt32)] = []
        var walk = HotKeyWalk(store: store, mode: .lru, now: Self.now)
        let isWhole = walk.forEach(most: most, until: deadline) { keys.append(($2.string, $1, $0)) }
        return (keys, isWhole)
    }

    @Test func whatWasNotTouchedIsNotHot() {
        let store = store((0..<400).map { (touches: $0 % 4, idle: 0) }, database: 1)
        let (keys, isWhole) = shown(store, most: 1_000)
        #expect(isWhole && keys.count == 300)
        for key in keys {
            #expect(key.name.split(separator: ":")[1] == "\(key.touches)")
            #expect(key.generation == store.identify(database: 1).generation)
        }
        // In the order of their places on flash.
        let positions = keys.map { key in Array(key.name.utf8).withSlice { store.placement.position(of: $0).bits } }
        #expect(positions == positions.sorted())
    }

    @Test func theHottestAreChosen() {
        let keys = (0..<20_000).map { (touches: $0 % 4, idle: [0, 40, 5_000][$0 / 4 % 3]) }
        let store = store(keys)
        // Touches come first, then how lately it was.
        for (most, least) in [(5_000, "3:5000"), (1_600, "3:0"), (3_000, "3:40"), (6_000, "2:0")] {
            let (found, isWhole) = shown(store, most: most)
            #expect(isWhole)
            #expect(found.count <= most && found.count > most - most / 50, "\(found.count) of \(most)")
            let order = ["3:0", "3:40", "3:5000", "2:0", "2:40", "2:5000", "1:0", "1:40", "1:5000"]
            let ranks = found.compactMap { key in order.firstIndex { key.name.hasSuffix(":\($0)") } }
            #expect(ranks.max() == order.firstIndex(of: least), "most \(most)")
        }
        #expect(shown(store, most: 0).keys.isEmpty)
    }

    @Test func whatIsPastDueIsLeftOutAndTimeIsBounded() {
        let keys = (0..<100).map { _ in (touches: 3, idle: 0) }
        #expect(shown(store(keys, expiry: Self.now + 1_000), most: 1_000).keys.count == 100)
        let store = store(keys, expiry: Self.now + 1_000)
        var late = HotKeyWalk(store: store, mode: .lru, now: Self.now + 2_000)
        var seen = 0
        let isWhole = late.forEach(most: 1_000, until: .max) { _, _, _ in seen += 1 }
        #expect(isWhole && seen == 0)
        #expect(!shown(store, most: 1_000, deadline: 0).isWhole)
    }

    @Test func latenessFallsWithIdleTime() {
        var clock = AccessClock()
        clock.seconds = 1 << 24
        var last = 64
        let record = Record.string(key: ByteSlice("k"), value: ByteSlice("v"), expiry: nil)
        defer { record.free() }
        for idle in [0, 1, 2, 3, 4, 6, 8, 12, 1_000, 1_000_000, (1 << 24) - 1] {
            record.access = (clock.seconds &- UInt32(idle)) & 0xff_ffff
            #expect(clock.lateness(record) < last && clock.lateness(record) >= 0, "\(idle)")
            last = clock.lateness(record)
        }
        clock.mode = .lfu(logFactor: 10, decayMinutes: 0)
        for counter in [0, 5, 100, 255] {
            record.access = UInt32(counter)
            #expect(clock.lateness(record) == counter / 4)
        }
    }
}
