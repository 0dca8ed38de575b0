import Platform
import Testing

@Suite(.serialized) struct RecurringThreadTests {
    /// A pause that no test lives to see the end of.
    private static let forEver: Int64 = 3_600_000_000_000
    private static let millisecond: Int64 = 1_000_000

    /// A thread's count of its turns, which others wait for.
    private final class Turns: Sendable {
        private let count = Monitor(0)
        var made: Int { count.withLock { $0 } }

        func add() {
            count.withLock { $0 += 1 }
            count.wakeAll()
        }

        /// False if there are fewer than `wanted` after ten seconds.
        func reach(_ wanted: Int) -> Bool {
            count.wait(timeoutNanoseconds: 10_000_000_000) { $0 >= wanted ? true : nil } ?? false
        }
    }

    @Test func worksAfterEachPause() {
        let thread = RecurringThread(name: "recurring")
        let turns = Turns()
        let begun = Clock.monotonicNanoseconds()
        thread.start { while thread.pause(nanoseconds: 5 * Self.millisecond) { turns.add() } }
        #expect(turns.reach(4))
        #expect(Clock.monotonicNanoseconds() - begun >= 20 * Self.millisecond)
        thread.stop()
        let made = turns.made
        Clock.sleep(nanoseconds: 20 * Self.millisecond)
        #expect(turns.made == made)
    }

    @Test func aKickEndsThePause() {
        let thread = RecurringThread(name: "recurring")
        let turns = Turns()
        thread.start { while thread.pause(nanoseconds: Self.forEver) { turns.add() } }
        for number in 1...100 {
            thread.kick()
            #expect(turns.reach(number))
        }
        thread.stop()
        #expect(turns.made == 100)
    }

    @Test func kicksDuringAPieceOfWorkAreOne() {
        let thread = RecurringThread(name: "recurring")
        let turns = Turns()
        let isHeld = Monitor(true)
        thread.start {
            while thread.pause(nanoseconds: Self.forEver) {
                turns.add()
                _ = isHeld.wait { $0 ? nil : true }
            }
        }
        thread.kick()
        #expect(turns.reach(1))
        for _ in 0..<10 { thread.kick() }
        isHeld.withLock { $0 = false }
        isHeld.wakeAll()
        #expect(turns.reach(2))
        // A third turn, if there were one, would come at once.
        Clock.sleep(nanoseconds: 20 * Self.millisecond)
        thread.stop()
        #expect(turns.made == 2)
    }

    @Test func aKickThatIsNotHeededIsKept() {
        let thread = RecurringThread(name: "recurring")
        let waited = Monitor<Int64>(0)
        let turns = Turns()
        thread.kick()
        thread.start {
            let begun = Clock.monotonicNanoseconds()
            guard thread.pause(nanoseconds: 30 * Self.millisecond, heedsKicks: false) else { return }
            waited.withLock { $0 = Clock.monotonicNanoseconds() - begun }
            while thread.pause(nanoseconds: Self.forEver) { turns.add() }
        }
        #expect(turns.reach(1))
        thread.stop()
        #expect(waited.withLock { $0 } >= 30 * Self.millisecond)
        #expect(turns.made == 1)
    }

    /// In a pause, before the first one, at work; kicks or not.
    @Test(arguments: [true, false]) func stopEndsAPauseAtOnce(_ heedsKicks: Bool) {
        for delay in [0, Self.millisecond] {
            let thread = RecurringThread(name: "recurring")
            let hasEnded = Monitor(false)
            thread.start {
                while thread.pause(nanoseconds: Self.forEver, heedsKicks: heedsKicks) {}
                hasEnded.withLock { $0 = true }
            }
            Clock.sleep(nanoseconds: delay)
            thread.stop()
            #expect(hasEnded.withLock { $0 })
            thread.stop()
        }
    }

    @Test func stopIsSeenByLongWorkAndWaitsForIt() {
        let thread = RecurringThread(name: "recurring")
        let turns = Turns()
        let hasEnded = Monitor(false)
        thread.start {
            while thread.pause(nanoseconds: 0) {
                turns.add()
                while !thread.isStopping { Clock.sleep(nanoseconds: Self.millisecond) }
                Clock.sleep(nanoseconds: 10 * Self.millisecond)
            }
            hasEnded.withLock { $0 = true }
        }
        #expect(turns.reach(1))
        thread.stop()
        #expect(hasEnded.withLock { $0 } && turns.made == 1)
    }

    @Test func whatWasNeverStartedStops() {
        let thread = RecurringThread(name: "recurring")
        thread.kick()
        thread.stop()
        #expect(thread.isStopping && !thread.pause(nanoseconds: Self.forEver))
    }
}
