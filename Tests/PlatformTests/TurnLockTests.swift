import Testing

@testable import Platform

@Suite struct TurnLockTests {
    private func until(_ condition: () -> Bool) {
        while !condition() { Clock.sleep(nanoseconds: 100_000) }
    }

    @Test func whoCameFirstHasItFirst() {
        let lock = TurnLock()
        let order = Monitor<[Int]>([])
        var threads: [Thread] = []
        lock.withLock {
            for number in 0..<4 {
                threads.append(
                    Thread(name: "turn") { lock.withLock { order.withLock { $0.append(number) } } })
                until { lock.waiting == number + 1 }
            }
            let none = order.withLock { $0.isEmpty }
            #expect(none)
        }
        // Who comes back at once stands behind those.
        lock.withLock { order.withLock { $0.append(4) } }
        for thread in threads { thread.join() }
        let served = order.withLock { $0 }
        #expect(served == [0, 1, 2, 3, 4])
        #expect(lock.waiting == 0)
    }

    @Test func anErrorPassesItOn() {
        struct Oops: Error {}
        let lock = TurnLock()
        #expect(throws: Oops.self) { try lock.withLock { throw Oops() } }
        let passed = lock.withLock { true }
        #expect(passed)
    }

    @Test func oneAtATime() {
        let lock = TurnLock()
        // Unguarded but for the lock: the thread sanitizer looks too.
        nonisolated(unsafe) var count = 0
        let threads = (0..<4).map { _ in
            Thread(name: "turn") { for _ in 0..<2_000 { lock.withLock { count += 1 } } }
        }
        for thread in threads { thread.join() }
        #expect(count == 8_000)
    }
}
