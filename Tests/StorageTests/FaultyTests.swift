import Bytes
import Platform
import Storage
import StorageFaulty
import StorageMemory
import Synchronization
import Testing

@Suite("The faulty provider")
struct FaultyTests {
    let memory = MemoryProvider()

    /// What `n` writes and reads do: "w" or "r" for a success, in upper case for a failure, "t" for throttled.
    func history(_ db: FaultyProvider, _ n: Int) -> String {
        var out = ""
        for i in 0..<n {
            do {
                try db.put("\(i)", "1")
                out += "w"
            } catch { out += "W" }
            do {
                switch try "0".withSlice({ (key) throws(StorageError) in try db.read(key) }) {
                case .throttled: out += "t"
                default: out += "r"
                }
            } catch { out += "R" }
        }
        return out
    }

    @Test("The same seed gives the same faults, another seed others")
    func deterministic() {
        var plan = FaultPlan()
        plan.write.failureProbability = 0.3
        plan.read.failureProbability = 0.2
        plan.throttleProbability = 0.2
        func run(_ seed: UInt64) -> String { history(FaultyProvider(MemoryProvider(), plan: plan, seed: seed), 200) }
        #expect(run(1) == run(1))
        #expect(run(1) != run(2))
        #expect(Set(run(1)) == Set("wWrRt"))
    }

    @Test("The n-th call fails, with nothing applied, and no other")
    func nthCall() throws {
        var plan = FaultPlan()
        plan.write.failing = [2]
        plan.write.error = StorageError(.noSpace, "full")
        plan.read.failing = [1]
        plan.flush.failing = [1]
        plan.checkpoint.failing = [1]
        plan.step.failing = [2]
        let db = FaultyProvider(memory, plan: plan, seed: 1)
        try db.put("a", "1")
        #expect(throws: StorageError(.noSpace, "full")) { try db.put([(bytes("b"), [1]), (bytes("c"), [1])]) }
        #expect(try memory.get("b") == nil)
        #expect(try memory.get("c") == nil)
        try db.put("d", "1")
        #expect(throws: StorageError.self) { try db.get("a") }
        #expect(try db.get("a") == "1")
        #expect(throws: StorageError.self) { try db.flush() }
        #expect(memory.flushCount == 0)
        try db.flush()
        #expect(memory.flushCount == 1)
        #expect(throws: StorageError.self) { try db.checkpoint(to: "/nowhere") }
        let cursor = try db.cursor(from: .empty, to: .empty, withValues: true)
        #expect(try cursor.next()?.key.string == "a")
        #expect(throws: StorageError.self) { _ = try cursor.next() }
        #expect(try cursor.next()?.key.string == "d")
        #expect(db.callCount(.write) == 3)
    }

    @Test("Always and never are exact")
    func certainties() throws {
        var plan = FaultPlan()
        plan.falsePositiveProbability = 1
        plan.throttleProbability = 1
        let db = FaultyProvider(memory, plan: plan, seed: 1)
        #expect(db.mayContain("absent"))
        guard case .throttled = try db.read(ByteSlice("a")) else { Issue.record("not throttled"); return }
        db.plan = FaultPlan()
        #expect(!db.mayContain("absent"))
        #expect(history(db, 100) == String(repeating: "wr", count: 100))
    }

    @Test("A held read has its answer already, or not yet, as the gate says")
    func readGates() throws {
        let db = FaultyProvider(memory, seed: 1)
        for (gate, expected) in [(FaultyGate.beforeRead, "new"), (.afterRead, "old")] {
            try memory.put("k", "old")
            db.hold(gate)
            let answer = Monitor<String?>(nil)
            let reader = NamedThread { answer.withLock { $0 = try? db.get("k") } }
            #expect(db.waitUntilHeld(1, at: gate))
            try db.put("k", "new")
            db.release(gate)
            reader.join()
            #expect(answer.withLock { $0 } == expected)
            #expect(db.heldCount(gate) == 0)
        }
    }

    @Test("Held writes leave in the order of their arrival, as many as are let go")
    func writeGates() throws {
        let db = FaultyProvider(memory, seed: 1)
        db.holdWrites()
        var writers: [NamedThread] = []
        for i in 1...3 {
            writers.append(NamedThread { try? db.put("k", "\(i)") })
            #expect(db.waitUntilHeld(i, at: .beforeWrite))
        }
        #expect(try db.get("k") == nil)
        db.release(.beforeWrite, count: 1)
        writers[0].join()
        #expect(try db.get("k") == "1")
        #expect(db.heldCount(.beforeWrite) == 2)
        db.hold(.afterWrite)
        db.releaseWrites()
        #expect(db.waitUntilHeld(2, at: .afterWrite))
        #expect(try db.get("k") != "1")
        db.release(.afterWrite)
        writers.dropFirst().forEach { $0.join() }
        #expect(!db.waitUntilHeld(1, at: .beforeWrite, timeoutNanoseconds: 1))
    }

    @Test("A write may be overtaken by others")
    func reordering() throws {
        var plan = FaultPlan()
        plan.reorderProbability = 1
        plan.reorderLimit = 1
        plan.reorderPatienceNanoseconds = 20_000_000_000
        let db = FaultyProvider(memory, plan: plan, seed: 1)
        let first = NamedThread { try? db.put("k", "first") }
        while db.callCount(.write) < 1 { Clock.sleep(nanoseconds: 100_000) }
        db.plan = FaultPlan()
        // Finishes at once, and lets the first one go.
        try db.put("k", "second")
        first.join()
        #expect(try db.get("k") == "first")
        #expect(db.callCount(.write) == 2)
    }

    @Test("Broken down: writes throw, reads go on; resume needs the repair")
    func breakdown() throws {
        let db = FaultyProvider(memory, seed: 1)
        try db.put("a", "1")
        let error = StorageError(.inputOutput, "disk gone")
        db.breakDown(error)
        #expect(db.health == .failed(error))
        #expect(throws: error) { try db.put("b", "1") }
        #expect(throws: error) { try db.flush() }
        #expect(throws: error) { try db.resume() }
        #expect(try db.get("a") == "1")
        db.repair()
        #expect(throws: error) { try db.put("b", "1") }
        try db.resume()
        #expect(db.health == .good)
        try db.put("b", "1")
        db.breakDown(error)
        #expect(throws: error) { try db.close() }
    }

    @Test("Many threads through delays, faults and reordering: what was confirmed is there, what failed is not")
    func confirmedOrNot() {
        var plan = FaultPlan()
        plan.write.failureProbability = 0.2
        plan.write.delay = .random(upToNanoseconds: 200_000)
        plan.read.delay = .fixed(nanoseconds: 10_000)
        plan.reorderProbability = 0.3
        plan.reorderPatienceNanoseconds = 1_000_000
        let db = FaultyProvider(memory, plan: plan, seed: 11)
        let wrong = Atomic(0)
        onThreads(8) { thread in
            for i in 0..<100 {
                let key = "\(thread):\(i)"
                let isConfirmed = (try? db.put(key, "1")) != nil
                let isThere = (try? db.get(key)) == "1"
                if isConfirmed != isThere { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }
}
