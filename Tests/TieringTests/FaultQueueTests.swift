import Bytes
import Testing

@testable import Keyspace
@testable import Tiering

/// The queue by itself: what is next, and how much there is room for.
@Suite struct FaultQueueTests {
    private func faults(_ count: Int) -> [Fault] {
        (0..<count).map { number in
            let key = Array("k\(number)".utf8)
            return key.withSlice {
                Fault(KeyRef(bytes: $0, position: Position(bits: 0), space: 0), generation: 0, requestedAt: 0)
            }
        }
    }

    /// Queues them in a line that has room for them.
    private func submit(_ faults: [Fault], _ line: FaultLine, to queue: Subject) throws {
        if line == .ahead {
            #expect(queue.reserveAhead(faults.count) == faults.count)
        } else {
            // `many` by what is wanted, of which there may be less.
            let wanted = line == .few ? faults.count : max(faults.count, FaultQueue.fewReads + 1)
            let grant = try #require(queue.reserve(wanted, for: Parked()))
            #expect(grant.line == line)
            queue.giveBack(grant.reads - faults.count, line)
        }
        #expect(queue.submit(faults, line, reserved: faults.count) == faults.count)
    }

    /// Guard: the order of the lines in `take`.
    @Test func fewComeBeforeManyAndManyBeforeAhead() throws {
        let queue = Subject(limit: 16_384)
        let (few, many, ahead) = (faults(3), faults(2_000), faults(500))
        try submit(ahead, .ahead, to: queue)
        try submit(many, .many, to: queue)
        #expect(queue.take(threads: 1).allSatisfy { fault in many.contains { $0 === fault } })
        try submit(few, .few, to: queue)
        #expect(queue.take(threads: 1).elementsEqual(few) { $0 === $1 })
        #expect(queue.counts.few == 0 && queue.counts.many == 1_996 && queue.counts.ahead == 500)
    }

    /// Guard: the credits in `take`.
    @Test func noLineStarves() throws {
        let queue = Subject(limit: 16_384)
        try submit(faults(1_000), .many, to: queue)
        try submit(faults(1_000), .ahead, to: queue)
        for _ in 0..<40 { try submit(faults(16), .few, to: queue) }
        var taken = [0, 0, 0]
        while taken.reduce(0, +) < 10 * 44 {
            for fault in queue.take(threads: 1) { taken[Int(fault.place.line)] += 1 }
        }
        #expect(taken == [320, 80, 40])
    }

    /// A line with nothing behind or before it has the device to itself, and a thread takes its fair part.
    @Test func aLineAloneGetsEverything() throws {
        for line in FaultLine.allCases {
            let queue = Subject(limit: 16_384)
            let all = faults(line == .few ? 16 : 1_000)
            try submit(all, line, to: queue)
            #expect(queue.take(threads: 16).count == (line == .few ? 1 : 4))
            var taken = all.count - queue.count
            while queue.count > 0 { taken += queue.take(threads: 3).count }
            #expect(taken == all.count)
            #expect(queue.take(threads: 3).isEmpty)
        }
    }

    /// Guard: the move in `submit`. What has moved is read once.
    @Test func whatFewNeedChangesLines() throws {
        let queue = Subject(limit: 16_384)
        let (many, ahead) = (faults(100), faults(100))
        try submit(many, .many, to: queue)
        try submit(ahead, .ahead, to: queue)
        let wanted = [ahead[50], many[99], many[0]]
        let grant = try #require(queue.reserve(wanted.count, for: Parked()))
        #expect(queue.submit(wanted, grant.line, reserved: grant.reads) == 0)
        #expect(queue.counts.few == 3 && queue.counts.many == 98 && queue.counts.ahead == 99)
        #expect(queue.counts.promoted == 3)
        // Not to a line behind.
        #expect(queue.reserveAhead(1) == 1)
        #expect(queue.submit([many[1]], .ahead, reserved: 1) == 0)
        #expect(queue.counts.many == 98)
        #expect(queue.take(threads: 1).elementsEqual(wanted) { $0 === $1 })
        var rest: [Fault] = []
        while queue.count > 0 { rest += queue.take(threads: 1) }
        #expect(rest.count == 197 && Set(rest.map(ObjectIdentifier.init)).count == 197)
        let inOrder = rest.filter { fault in many.contains { $0 === fault } }
        #expect(inOrder.elementsEqual(many[1..<99]) { $0 === $1 })
        // What has been taken is under way: who joins it now changes nothing.
        #expect(queue.reserveAhead(1) == 1)
        #expect(queue.submit([many[5]], .ahead, reserved: 1) == 0 && queue.count == 0)
    }

    /// Guard: `waiting.isEmpty` in `reserve`.
    @Test func nobodyOvertakesWhoWaitsForRoom() throws {
        // Three portions of 32 for `many`.
        let queue = Subject(limit: 256)
        let first = Parked()
        let second = Parked()
        for _ in 0..<2 { try submit(faults(32), .many, to: queue) }
        try submit(faults(1), .many, to: queue)
        #expect(queue.reserve(1_000, for: first) == nil)
        // There would be room for this one.
        #expect(queue.reserve(17, for: second) == nil)
        // Few have their own.
        let few = try #require(queue.reserve(1, for: Parked()))
        queue.giveBack(few.reads, few.line)
        #expect(queue.takeGrants().isEmpty && queue.counts.waiting == 2)
        while queue.counts.many > 1 { _ = queue.take(threads: 1) }
        let grants = queue.takeGrants()
        #expect(grants.count == 2 && grants[0].waiter === first && grants[1].waiter === second)
        #expect(grants.map(\.reads) == [32, 17] && grants.allSatisfy { $0.line == .many })
        #expect(queue.counts.waiting == 0 && queue.counts.waits == 2)
    }

    /// Guard: `forget`.
    @Test func whoHasGoneWaitsNoMore() throws {
        let queue = Subject(limit: 256)
        let gone = Parked()
        let next = Parked()
        for _ in 0..<3 { try submit(faults(32), .many, to: queue) }
        #expect(queue.reserve(1_000, for: gone) == nil && queue.reserve(1_000, for: next) == nil)
        queue.forget(gone)
        #expect(queue.counts.waiting == 1)
        while queue.count > 64 { _ = queue.take(threads: 1) }
        let grants = queue.takeGrants()
        #expect(grants.count == 1 && grants.first?.waiter === next)
    }

    /// Random calls: never more are queued than may be, all who wait get their room in the end, and nothing of it is
    /// lost. Guards: `room(line) >= reads` in `grant`, `place.room` in `takeFirst`, `giveBack` in `submit`.
    @Test func theBoundHolds() throws {
        for seed in UInt64(1)...20 {
            var random = RandomSource(seed: seed)
            let limit = 256 + random.index(below: 500)
            let queue = Subject(limit: limit)
            var granted: [FaultQueue.Grant] = []
            var waiting: [(waiter: Parked, wanted: Int)] = []
            var known: [Fault] = []
            var submitted = 0
            var taken = 0
            for _ in 0..<5_000 {
                switch random.index(below: 10) {
                case 0..<4:
                    let call = Parked()
                    let wanted = 1 + random.index(below: random.index(below: 3) == 0 ? 2_000 : 16)
                    if let grant = queue.reserve(wanted, for: call) {
                        granted.append(grant)
                    } else {
                        waiting.append((call, wanted))
                    }
                case 4:
                    let reads = queue.reserveAhead(1 + random.index(below: 64))
                    let fresh = faults(random.index(below: reads + 1))
                    submitted += queue.submit(fresh, .ahead, reserved: reads)
                    known += fresh
                case 5..<8:
                    guard !granted.isEmpty else { break }
                    let grant = granted.remove(at: random.index(below: granted.count))
                    let fresh = faults(random.index(below: grant.reads + 1))
                    // And some that others have requested.
                    let joined = known.isEmpty ? [] : (0..<3).map { _ in known[random.index(below: known.count)] }
                    submitted += queue.submit(joined + fresh, grant.line, reserved: grant.reads)
                    known = Array((known + fresh).suffix(300))
                default: taken += queue.take(threads: 1 + random.index(below: 16)).count
                }
                let grants = queue.takeGrants()
                for grant in grants {
                    let index = try #require(waiting.firstIndex { $0.waiter === grant.waiter })
                    #expect(grant.reads == min(waiting[index].wanted, limit / 8))
                    waiting.remove(at: index)
                }
                granted += grants
                try #require(queue.count <= limit && queue.counts.most <= limit, "seed \(seed)")
            }
            var steps = 0
            while queue.count > 0 || !waiting.isEmpty || !granted.isEmpty {
                steps += 1
                try #require(steps < 100_000, "seed \(seed): \(waiting.count) wait for ever")
                for grant in granted { queue.giveBack(grant.reads, grant.line) }
                granted = []
                taken += queue.take(threads: 1).count
                granted = queue.takeGrants()
                waiting.removeAll { entry in granted.contains { $0.waiter === entry.waiter } }
            }
            #expect(taken == submitted && queue.counts.waiting == 0, "seed \(seed)")
            // All the room is there again.
            #expect(queue.reserveAhead(limit) == limit / 8, "seed \(seed)")
            for line in [1_000, 1] {
                var reads = 0
                while let grant = queue.reserve(line, for: Parked()) { reads += grant.reads }
                let part = line == 1 ? limit / 2 : limit * 3 / 8
                #expect(part - reads < limit / 8, "seed \(seed)")
            }
        }
    }

    @Test func aSmallerLimitHoldsFromNowOn() throws {
        let queue = Subject(limit: 1_024)
        try submit(faults(100), .ahead, to: queue)
        queue.setLimit(256)
        #expect(queue.reserveAhead(1) == 0)
        while queue.count > 10 { _ = queue.take(threads: 1) }
        #expect(queue.reserveAhead(100) == 32 - queue.count)
    }

    /// Every way to take up to five out of a list.
    @Test func listsAgreeWithArrays() throws {
        for count in 0...5 {
            for choices in 0..<(1 << (3 * count)) {
                let all = faults(count)
                var list = FaultList()
                var model: [Fault] = []
                for fault in all {
                    list.append(fault)
                    model.append(fault)
                }
                for step in 0..<count {
                    let index = (choices >> (3 * step)) & 7
                    if index < model.count {
                        list.remove(model.remove(at: index))
                    } else {
                        let first = list.removeFirst()
                        #expect(first === model.removeFirst())
                    }
                    #expect(list.count == model.count)
                }
                let none = list.removeFirst()
                #expect(none == nil)
                #expect(all.allSatisfy { $0.place.next == nil && $0.place.previous == nil })
            }
        }
    }
}

/// The queue behind a reference, since what is expected can't change a value.
private final class Subject {
    private var queue: FaultQueue
    init(limit: Int) { queue = FaultQueue(limit: limit) }

    var counts: FaultQueueCounts { queue.counts }
    var count: Int { queue.count }
    func reserve(_ wanted: Int, for waiter: ReadWaiter) -> FaultQueue.Grant? { queue.reserve(wanted, for: waiter) }
    func reserveAhead(_ wanted: Int) -> Int { queue.reserveAhead(wanted) }
    func giveBack(_ reads: Int, _ line: FaultLine) { queue.giveBack(reads, line) }
    func takeGrants() -> [FaultQueue.Grant] { queue.takeGrants() }
    func forget(_ waiter: ReadWaiter) { queue.forget(waiter) }
    func setLimit(_ limit: Int) { queue.setLimit(limit) }
    func take(threads: Int) -> [Fault] { queue.take(threads: threads) }

    /// Returns how many were queued.
    func submit(_ faults: [Fault], _ line: FaultLine, reserved: Int) -> Int {
        queue.submit(faults, line, reserved: reserved).queued
    }
}
