import Bytes
import Testing
import Values

@testable import Keyspace

/// Who takes a lock finds every small collection packed, whatever the call before it did.
@Suite struct OpenCollectionsTests {
    private let bench = Bench()

    private func make(_ key: String, _ fields: Int = 1) {
        bench.with(key) { keys, ref in
            let hash = HashValue()
            for number in 0..<fields { Decimal.bytes(Int64(number)).withSlice { hash.set($0, $0) } }
            keys.set(ref, Record.collection(key: ref.bytes, hash, expiry: nil))
        }
    }

    /// Runs `body` on the hash at `key`.
    private func change(_ key: String, _ body: (inout LockedKeyspace, Entry, HashValue) -> Void) {
        bench.with(key) { keys, ref in
            guard let entry = keys.find(ref), let hash = keys.collection(of: entry) as? HashValue else {
                return #expect(Bool(false), "no hash at \(key)")
            }
            body(&keys, entry, hash)
        }
    }

    private func isPacked(_ key: String) -> Bool? { bench.with(key) { keys, ref in keys.peek(ref)?.record.isPacked } }

    private func count(_ key: String) -> Int? {
        bench.with(key) { keys, ref in keys.peek(ref)?.record.withCollection { $0.count } }
    }

    /// The ledger against what the records say.
    private func checkMemory(_ keys: String...) {
        var bytes = 0
        var tables = 0
        for key in keys {
            bench.with(key) { view, ref in
                bytes += view.peek(ref)?.record.memoryBytes ?? 0
                tables += view.partition(ref).pointee.table.memoryBytes
            }
        }
        #expect(bench.store.memoryBytes == bytes + tables)
    }

    @Test func changesAndReads() {
        make("h", 3)
        #expect(isPacked("h") == true && count("h") == 3)
        change("h") { keys, entry, hash in
            #expect(entry.record.isOpen && keys.collection(of: entry) === hash)
            keys.change(entry, hash) { hash in _ = "7".withSlice { hash.set($0, $0) } }
        }
        #expect(isPacked("h") == true && count("h") == 4)
        change("h") { _, _, _ in }
        #expect(isPacked("h") == true && count("h") == 4)
        checkMemory("h")
        #expect(bench.keys.opened.isEmpty && !bench.keys.hasOpened)
    }

    /// What becomes of the key while its collection is open is no matter.
    @Test func recordsMoveAndGo() {
        make("h", 3)
        change("h") { keys, entry, _ in keys.setExpiry(entry, 9_000) }
        #expect(isPacked("h") == true && count("h") == 3)
        change("h") { keys, entry, hash in
            keys.delete(entry)
            #expect(hash.count == 3)
        }
        #expect(isPacked("h") == nil)
        make("h", 2)
        bench.with("h") { keys, ref in
            guard let entry = keys.find(ref) else { return }
            _ = keys.collection(of: entry)
            keys.setString(ref, ByteSlice("text"))
        }
        #expect(isPacked("h") == false)
        make("h", 5)
        #expect(isPacked("h") == true && count("h") == 5)
        checkMemory("h")
        // To another key, as RENAME does, whether a command has opened it before or not.
        for isOpened in [false, true] {
            bench.with("h") { keys, ref in
                guard let entry = keys.find(ref) else { return }
                if isOpened { _ = keys.collection(of: entry) }
                let record = entry.record.copy(key: ref.bytes, expiry: 8_000, isMove: true)
                keys.set(ref, record)
            }
            #expect(isPacked("h") == true && count("h") == 5)
        }
        checkMemory("h")
    }

    /// Growth makes an instance that stays, and times of members do as long as there are any.
    @Test func growthAndTimes() {
        make("h", 3)
        change("h") { keys, entry, hash in keys.change(entry, hash) { $0.unpack() } }
        #expect(isPacked("h") == false && count("h") == 3)
        checkMemory("h")
        make("t", 3)
        change("t") { keys, entry, hash in
            keys.changeExpiries(entry, hash) { hash in "1".withSlice { hash.setExpiry(of: $0, 50_000) } }
        }
        #expect(isPacked("t") == false && bench.keys.opened.isEmpty)
        change("t") { keys, entry, hash in
            keys.changeExpiries(entry, hash) { hash in "1".withSlice { hash.setExpiry(of: $0, nil) } }
        }
        #expect(isPacked("t") == true && count("t") == 3)
        checkMemory("h", "t")
    }
}
