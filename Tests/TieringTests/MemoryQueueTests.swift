import Bytes
import Keyspace
import Platform
import Testing

@testable import Tiering

/// Writers that wait for memory.
@Suite struct MemoryQueueTests {
    /// A waiter that writes its number down when it is its turn.
    private final class Numbered: FaultWaiter, @unchecked Sendable {
        // @unchecked: constants, and a monitor.
        let number: Int
        private let log: Monitor<[Int]>

        init(_ number: Int, log: Monitor<[Int]>) {
            self.number = number
            self.log = log
            super.init(since: Int64(number))
        }

        override func ready() { log.withLock { $0.append(number) } }
    }

    private func numbers(_ waiters: [FaultWaiter]) -> [Int] { waiters.map { Int($0.since) } }

    @Test func firstComeFirstServedAsManyAsFit() {
        var queue = MemoryQueue()
        let log = Monitor<[Int]>([])
        #expect(queue.isEmpty && queue.take(room: 1 << 30).isEmpty)
        for number in 0..<10 { queue.add(Numbered(number, log: log)) }
        #expect(numbers(queue.take(room: 3 * MemoryQueue.bytesPerWaiter)) == [0, 1, 2])
        // Who needs less than a waiter's share may fit yet.
        #expect(numbers(queue.take(room: 0)) == [3])
        // They were too late, and come back; so does a newcomer.
        for number in [2, 3, 0, 11] { queue.add(Numbered(number, log: log)) }
        #expect(numbers(queue.take(room: 5 * MemoryQueue.bytesPerWaiter)) == [0, 2, 3, 4, 5])
        #expect(numbers(queue.takeAll()) == [6, 7, 8, 9, 11])
        #expect(queue.isEmpty)
    }

    /// A tier whose records take more than their budget, and who waits because of that.
    private func crowd(_ count: Int) throws -> (World, Monitor<[Int]>) {
        let world = World()
        let client = Client(world)
        var number = 0
        while !world.tier.mustWait {
            try client.set("k\(number)", String(repeating: "v", count: 1_000))
            number += 1
        }
        let log = Monitor<[Int]>([])
        for number in 0..<count { world.tier.waitForMemory(Numbered(number, log: log)) }
        #expect(log.withLock { $0 } == [])
        return (world, log)
    }

    private func setBudget(_ world: World, room: Int) {
        let records = world.store.memoryBytes + room
        world.tier.update {
            $0.budget = MemoryBudget(maximum: records * 4, blockCache: records, memtables: records * 2)
        }
    }

    @Test func theQueueMovesOnEachTimeThereIsRoom() throws {
        let (world, log) = try crowd(50)
        defer { world.stop() }
        setBudget(world, room: 8 * MemoryQueue.bytesPerWaiter)
        #expect(log.withLock { $0 } == Array(0..<8) && !world.tier.mustWait)
        // Nobody used it.
        world.tier.evaluate()
        #expect(log.withLock { $0 } == Array(0..<16))
        setBudget(world, room: -1)
        #expect(log.withLock { $0 } == Array(0..<16) && world.tier.mustWait)
        setBudget(world, room: 0)
        #expect(log.withLock { $0 } == Array(0..<17))
        try world.tier.spillEverything(keepsClean: false)
        #expect(log.withLock { $0 } == Array(0..<50))
    }

    /// What a batch frees is handed on when it is written, before the spiller has come to its end.
    @Test func aBatchMakesRoomForSome() throws {
        let (world, log) = try crowd(5_000)
        defer { world.stop() }
        world.faulty.holdWrites()
        let spilling = Thread(name: "spill") { try? world.tier.spillEverything(keepsClean: false) }
        #expect(world.faulty.waitUntilHeld(1, at: .beforeWrite))
        #expect(log.withLock { $0 } == [])
        world.faulty.release(.beforeWrite, count: 1)
        #expect(world.faulty.waitUntilHeld(1, at: .beforeWrite))
        let woken = log.withLock { $0 }
        #expect(!woken.isEmpty && woken.count < 5_000 && woken == Array(0..<woken.count))
        world.faulty.releaseWrites()
        spilling.join()
    }

    @Test func aRefusalIsForEveryoneAtOnce() throws {
        let (world, log) = try crowd(50)
        defer { world.stop() }
        world.tier.refuse("no")
        #expect(log.withLock { $0 } == Array(0..<50))
        world.tier.waitForMemory(Numbered(50, log: log))
        #expect(log.withLock { $0.last } == 50)
    }
}
