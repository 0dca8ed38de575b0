import Bytes
import Glibc
import Testing

@testable import Values

/// Pages of a sorted set, of hash and tree, that leave RAM and come back, against a sorted array, and what flash would
/// have of them.
@Suite struct SortedSetPagingTests {
    struct Pair: Equatable, Comparable {
        let member: String
        let score: Double

        static func < (a: Pair, b: Pair) -> Bool {
            if a.score != b.score { return a.score < b.score }
            return Array(a.member.utf8).lexicographicallyPrecedes(Array(b.member.utf8))
        }
    }

    /// A sorted set over a flash that is a dictionary of pages.
    private final class Bench {
        var value = SortedSetValue()
        var scores: [String: Double] = [:]
        var order: [Pair] = []
        var flash: [PageName: [UInt8]] = [:]
        /// Writes whose outcome isn't known yet, in their order: nil is a delete.
        var inFlight: [(name: PageName, bytes: [UInt8]?)] = []
        var random: Mixer
        var reads = 0

        init(seed: UInt64) { random = Mixer(seed) }

        /// With so many elements, all on flash: their scores are their numbers, or all the same.
        static func cold(_ elements: Int, collection: UInt64 = 9, score: (Int) -> Double = { Double($0) }) -> Bench {
            let bench = Bench(seed: 1)
            for number in 0..<elements { bench.add([(SortedSetPagingTests.format5(number), score(number))]) }
            bench.value.startPaging(collection)
            bench.spillAll()
            return bench
        }

        /// Brings in what a call with this need has to, step by step.
        func need(_ need: PageNeed) {
            while true {
                var absent: Set<AbsentPage> = []
                value.forEachAbsentPage(need) { absent.insert($0) }
                if absent.isEmpty { return }
                for page in absent { install(page) }
            }
        }

        func install(_ page: AbsentPage) {
            guard let bytes = flash[page.name] else { preconditionFailure("page \(page.name) is not on flash") }
            precondition(bytes.withSlice { value.install(page, $0) }, "page \(page.name) is refused")
            reads += 1
        }

        private func withMembers<R>(_ members: [String], _ body: (UnsafeBufferPointer<ByteSlice>) -> R) -> R {
            let bytes = members.map { Array($0.utf8).withSlice { SharedBytes(copying: $0) } }
            return bytes.map { $0.slice }.withUnsafeBufferPointer(body)
        }

        private func remember(_ member: String, _ score: Double?) {
            if let old = scores[member] { order.remove(at: place(Pair(member: member, score: old))) }
            scores[member] = score
            guard let pair = score.map({ Pair(member: member, score: $0) }) else { return }
            order.insert(pair, at: place(pair))
        }

        private func place(_ pair: Pair) -> Int {
            var (low, high) = (0, order.count)
            while low < high {
                let middle = (low + high) / 2
                if order[middle] < pair { low = middle + 1 } else { high = middle }
            }
            return low
        }

        func add(_ pairs: [(String, Double)], increments: Bool = false) {
            withMembers(pairs.map(\.0)) { members in
                need(
                    .additions(
                        ScoreAdditions(count: pairs.count, increments: increments) { (members[$0], pairs[$0].1) }))
                for (number, (member, given)) in pairs.enumerated() {
                    let score = increments ? given + (scores[member] ?? 0) : given
                    if score.isNaN { continue }
                    value.set(members[number], score)
                    remember(member, score)
                }
            }
        }

        func remove(_ members: [String]) {
            withMembers(members) { slices in
                need(.places(slices, step: 1, isRemoval: true))
                for (number, member) in members.enumerated() {
                    precondition(value.remove(slices[number]) == (scores[member] != nil), member)
                    remember(member, nil)
                }
            }
        }

        /// ZRANK.
        func checkRank(_ member: String) {
            withMembers([member]) { slices in
                need(.places(slices, step: 1, isRemoval: false))
                let expected = scores[member].map { place(Pair(member: member, score: $0)) }
                precondition(value.rank(of: slices[0])?.rank == expected, member)
            }
        }

        func checkScore(_ member: String) {
            withMembers([member]) { slices in
                need(.elements(slices, step: 1))
                precondition(value.score(of: slices[0]) == scores[member], member)
            }
        }

        func pairs(_ span: SortedSetSpan) -> [Pair] {
            need(.span(span, .read))
            var found: [Pair] = []
            value.forEach(in: span.range(in: value), reversed: span.isReversed) {
                found.append(Pair(member: $0.string, score: $1))
            }
            return found
        }

        func count(_ span: SortedSetSpan) -> Int {
            need(.span(span, .count))
            return span.range(in: value).count
        }

        func checkCount(_ span: SortedSetSpan, _ expected: Int) {
            let found = count(span)
            precondition(found == expected, "\(found) elements, \(expected) expected")
        }

        func remove(_ span: SortedSetSpan) {
            need(.span(span, .remove))
            remove(span.range(in: value))
        }

        func pop(_ number: Int, isFirst: Bool) {
            need(.pops(first: isFirst ? number : 0, last: isFirst ? 0 : number))
            let number = min(number, order.count)
            remove(isFirst ? 0..<number : order.count - number..<order.count)
        }

        private func remove(_ range: Range<Int>) {
            value.removeSubrange(range)
            for pair in order[range] { scores[pair.member] = nil }
            order.removeSubrange(range)
        }

        /// The hand goes on for some pages.
        func spill(_ count: Int, all: Bool = false) {
            for _ in 0..<count {
                guard let look = value.turnHand(ignoringTouches: all || random.below(4) == 0) else {
                    value.paging?.issueBuried(most: 50) { inFlight.append(($0, nil)) }
                    return
                }
                switch look {
                case .none, .touched: break
                case .clean(let name): value.drop(name)
                case .changed(let name): value.issue(name) { inFlight.append((name, $0.array)) }
                }
            }
        }

        /// The first writes in flight are confirmed, or (some) refused.
        func complete(_ count: Int, refused: Int = 4) {
            for _ in 0..<min(count, inFlight.count) {
                let (name, bytes) = inFlight.removeFirst()
                let succeeded = refused == 0 || random.below(refused) > 0
                if succeeded { flash[name] = bytes }
                value.complete(name, succeeded: succeeded)
            }
        }

        /// Everything to flash and out of RAM.
        func spillAll() {
            complete(.max, refused: 0)
            for _ in 0..<100 where value.paging?.isSettled == false || value.paging?.absent != pageCount {
                spill(.max, all: true)
                complete(.max, refused: 0)
            }
        }

        var pageCount: Int { (value.withPages { $0.pageCount } ?? 0) + (value.withTree { $0.pageCount } ?? 0) }

        func encoded() -> [UInt8] {
            var buffer = ByteBuffer()
            value.encode(into: &buffer)
            return buffer.slice.array
        }

        func member() -> String {
            let number = random.below(2500)
            switch number % 5 {
            case 0: return "\(number)"
            // Longer than a bound should be, and alike for long.
            case 1: return String(repeating: "long", count: 20 + number % 3) + "\(number)"
            default: return "member:\(number)"
            }
        }

        func score() -> Double {
            switch random.below(16) {
            case 0: .infinity
            case 1: -0.0
            case 2: 0.1 * Double(random.below(100))
            // Eight bytes that are digits.
            case 3: Double(bitPattern: 0x3837_3635_3433_3231)
            default: Double(random.below(60) - 20)
            }
        }
    }

    private static func format5(_ number: Int) -> String { "m" + "\(100_000 + number)".dropFirst() }

    private static func expected(_ bench: Bench, _ low: Double, _ high: Double, _ open: (Bool, Bool)) -> [Pair] {
        bench.order.filter { pair in
            (open.0 ? pair.score > low : pair.score >= low) && (open.1 ? pair.score < high : pair.score <= high)
        }
    }

    private static func span(_ low: Double, _ high: Double, _ open: (Bool, Bool)) -> SortedSetSpan {
        SortedSetSpan(.cuts(.score(low, isBehind: open.0), .score(high, isBehind: !open.1)))
    }

    private func step(_ bench: Bench, _ removes: Int) {
        switch bench.random.below(24) {
        case 0..<removes:
            bench.remove((0...bench.random.below(3)).map { _ in bench.member() })
        case removes..<10:
            bench.add((0...bench.random.below(4)).map { _ in (bench.member(), bench.score()) })
        case 10..<13: bench.add([(bench.member(), Double(bench.random.below(5)) - 2)], increments: true)
        case 13: bench.pop(bench.random.below(4), isFirst: bench.random.below(2) == 0)
        case 14 where bench.random.below(8) == 0:
            let low = bench.score()
            bench.remove(Self.span(low, low + 1, (false, true)))
        case 15 where bench.random.below(8) == 0:
            let first = bench.random.below(bench.order.count + 1)
            bench.remove(SortedSetSpan(.ranks(first, first + bench.random.below(40))))
        case 16, 17: bench.checkRank(bench.member())
        case 18: bench.checkScore(bench.member())
        case 19:
            let first = bench.random.below(bench.order.count + 1)
            let last = min(bench.order.count, first + bench.random.below(60))
            #expect(bench.pairs(SortedSetSpan(.ranks(first, last - 1))) == Array(bench.order[first..<last]))
        default:
            let (low, open) = (bench.score(), (bench.random.below(2) == 0, bench.random.below(2) == 0))
            let high = bench.random.below(3) == 0 ? low : low + Double(bench.random.below(8))
            let expected = Self.expected(bench, low, high, open)
            if bench.random.below(2) == 0 {
                #expect(bench.count(Self.span(low, high, open)) == expected.count)
            } else {
                #expect(bench.pairs(Self.span(low, high, open)) == expected)
            }
        }
    }

    /// The last one is drawn, and printed; FIRN_SEED replays it.
    private static let seeds: [UInt64] =
        [1, 2, 3, 4, 5] + [getenv("FIRN_SEED").flatMap { UInt64(String(cString: $0)) } ?? .random(in: 6...1 << 40)]

    @Test(arguments: seeds)
    func randomHistoriesLoseNothing(seed: UInt64) {
        print("SortedSetPagingTests: FIRN_SEED=\(seed)")
        let bench = Bench(seed: seed)
        for _ in 0..<3000 { bench.add([(bench.member(), bench.score())]) }
        bench.value.startPaging(7)
        var dropped = 0
        for step in 0..<10_000 {
            // Growing and shrinking in turn, so that pages split and join, and rows with them.
            self.step(bench, step / 1250 % 2 == 1 ? 7 : 2)
            if bench.random.below(4) == 0 { bench.spill(bench.random.below(120)) }
            if bench.random.below(4) == 0 { bench.complete(bench.random.below(120)) }
            dropped = max(dropped, bench.value.paging?.absent ?? 0)
            if step % 200 == 0 { bench.value.checkInvariants() }
            #expect(bench.value.count == bench.order.count)
            while bench.order.count < 300 { bench.add([(bench.member(), bench.score())]) }
        }
        #expect(dropped > 50)
        bench.spillAll()
        #expect(bench.value.paging?.isSettled == true)
        #expect(bench.value.paging?.absent == bench.pageCount)
        bench.value.checkInvariants()
        // What flash has is what the directory names, and nothing of pages that are no more.
        var names: Set<PageName> = []
        bench.value.forEachAbsentPage(.all) { names.insert($0.name) }
        #expect(names == Set(bench.flash.keys))
        bench.need(.all)
        #expect(bench.pairs(SortedSetSpan(.ranks(0, -1))) == bench.order)
        bench.value.checkInvariants()
        bench.value.stopPaging()
        bench.value.checkInvariants()
    }

    /// With one score for all members, as ranges of members want it.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func rangesOfMembers(seed: UInt64) {
        let bench = Bench.cold(2000) { _ in 5 }
        bench.random = Mixer(seed)
        func draw() -> String { Self.format5(bench.random.below(2200)) }
        for step in 0..<2000 {
            let (low, high) = (draw(), draw())
            let expected = bench.order.filter { Array($0.member.utf8).lexicographicallyPrecedes(Array(high.utf8)) }
                .filter { !Array($0.member.utf8).lexicographicallyPrecedes(Array(low.utf8)) }
            Array(low.utf8).withSlice { low in
                Array(high.utf8).withSlice { high in
                    let span = SortedSetSpan(.cuts(.member(low, isBehind: false), .member(high, isBehind: false)))
                    switch step % 4 {
                    case 0: #expect(bench.pairs(span) == expected)
                    case 1 where expected.count < 20: bench.remove(span)
                    default: #expect(bench.count(span) == expected.count)
                    }
                }
            }
            bench.add([(draw(), 5)])
            bench.remove([draw()])
            if bench.random.below(3) == 0 { bench.spillAll() }
            if step % 200 == 0 { bench.value.checkInvariants() }
        }
    }

    /// A call reads what it names and no more.
    @Test func needsNameTheirPages() {
        let bench = Bench.cold(5000)
        func reads(_ body: () -> Void) -> Int {
            bench.spillAll()
            let before = bench.reads
            body()
            return bench.reads - before
        }
        #expect(bench.pageCount > 200)
        #expect(reads { bench.checkScore("m00077") } == 1)
        #expect(reads { bench.checkScore("none") } == 1)
        #expect(reads { bench.checkRank("m00077") } <= 2)
        #expect(reads { bench.checkCount(Self.span(100, 4000, (true, false)), 3900) } == 2)
        #expect(reads { bench.checkCount(Self.span(-.infinity, .infinity, (false, false)), 5000) } == 0)
        #expect(reads { bench.checkCount(Self.span(-.infinity, 77.5, (false, false)), 78) } == 1)
        #expect(reads { _ = bench.pairs(SortedSetSpan(.ranks(1000, 1000))) } == 1)
        #expect(reads { _ = bench.pairs(SortedSetSpan(.ranks(-10, -1))) } <= 2)
        // Where it was, where it goes, and its score.
        #expect(reads { bench.add([("m00077", 4000.5)]) } == 3)
        #expect(reads { bench.add([("m00078", 78.5)]) } == 2)
        #expect(reads { bench.add([("new", 2000.5)]) } == 2)
        // The score is what it was.
        #expect(reads { bench.add([("m00079", 79)]) } == 1)
        #expect(reads { bench.remove(["m00080"]) } == 2)
        #expect(reads { bench.remove(["none"]) } == 1)
        #expect(reads { bench.pop(1, isFirst: true) } == 2)
        #expect(reads { bench.pop(1, isFirst: false) } <= 3)
        #expect(reads { bench.pop(0, isFirst: false) } == 0)
        bench.value.checkInvariants()
        bench.need(.all)
        #expect(bench.pairs(SortedSetSpan(.ranks(0, -1))) == bench.order)
    }

    /// What is in RAM when all pages are away doesn't grow with members.
    @Test func boundsAreShort() {
        let bench = Bench(seed: 1)
        for number in 0..<2000 { bench.add([("\(number)" + String(repeating: "x", count: 1000), Double(number / 2))]) }
        let whole = bench.value.memoryBytes
        bench.value.startPaging(9)
        bench.spillAll()
        #expect(bench.value.memoryBytes < whole / 10)
        #expect(bench.value.memoryBytes < bench.value.heldBytes * 3 / 2 && bench.value.heldBytes < whole / 8)
        #expect(bench.value.wholeBytes > whole * 2 / 3)
        #expect(bench.encoded().count < whole / 20)
        bench.checkRank("777" + String(repeating: "x", count: 1000))
        bench.value.checkInvariants()
    }

    @Test func theRootLeadsToAllPages() throws {
        let bench = Bench.cold(3000, collection: 1 << 40 + 5)
        // Some pages in RAM, next to some that are away.
        for number in stride(from: 0, to: 3000, by: 700) { bench.checkRank(Self.format5(number)) }
        let encoded = bench.encoded()
        #expect(encoded.withSlice { SortedSetValue.collection(ofRoot: $0.dropFirst(1)) } == 1 << 40 + 5)
        let read = try #require(encoded.withSlice { SortedSetValue.decode($0) })
        #expect(read.count == 3000 && read.paging?.absent == bench.pageCount)
        read.checkInvariants()
        bench.value = read
        #expect(bench.encoded() == encoded)
        bench.checkRank(Self.format5(1234))
        #expect(read.paging?.absent == bench.pageCount - 2)
        bench.add([("later", 17.5), (Self.format5(99), 2000.5)])
        bench.spillAll()
        read.checkInvariants()
        bench.need(.all)
        #expect(bench.pairs(SortedSetSpan(.ranks(0, -1))) == bench.order)
        let copy = try #require(bench.value.copy() as? SortedSetValue)
        copy.checkInvariants()
    }

    @Test func aCopyKnowsThePagesThatAreAway() throws {
        let bench = Bench.cold(2000)
        bench.checkRank(Self.format5(500))
        let copy = try #require(bench.value.copy() as? SortedSetValue)
        copy.checkInvariants()
        #expect(copy.paging?.absent == bench.pageCount - 2 && copy.paging?.collection == 9)
        bench.value = copy
        bench.need(.all)
        #expect(bench.pairs(SortedSetSpan(.ranks(0, -1))) == bench.order)
        bench.value.stopPaging()
        bench.value.checkInvariants()
    }

    /// Every byte of the root with every bit turned, every length: refused, or a set of other pages; never a trap.
    @Test func refusesDamagedRoots() throws {
        let bench = Bench.cold(300)
        let whole = bench.encoded()
        for length in 0..<whole.count {
            #expect(Array(whole[..<length]).withSlice { SortedSetValue.decode($0)?.count } == nil, "\(length) bytes")
        }
        for index in 1..<whole.count {
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << UInt8(bit)
                let read = damaged.withSlice { SortedSetValue.decode($0) }
                if let read, read.paging != nil { read.checkPages() }
            }
        }
    }

    @Test func refusesPagesOfOthers() throws {
        let bench = Bench.cold(1000)
        var absent: [AbsentPage] = []
        bench.value.forEachAbsentPage(.all) { if !$0.name.isOfHash { absent.append($0) } }
        let bytes = try absent[0...2].map { try #require(bench.flash[$0.name]) }
        let before = bench.value.memoryBytes
        func takes(_ page: AbsentPage, _ bytes: [UInt8]) -> Bool { bytes.withSlice { bench.value.install(page, $0) } }
        #expect(!takes(absent[1], bytes[0]) && !takes(absent[1], bytes[2]))
        #expect(!takes(absent[1], Array(bytes[1].dropLast())) && !takes(absent[1], [0, 0, 0, 0] + bytes[1]))
        // Elements in another order, and a score that is none.
        for turned in [false, true] {
            let elements = bytes[1].withSlice { ListpackCheck.listpack($0)! }
            var page = Listpack()
            var at = turned ? elements.previous(elements.last) : elements.first
            while true {
                if turned { page.append(entryOf: elements, at) } else { page.append(ByteSlice("x")) }
                page.append(entryOf: elements, elements.next(at))
                if turned ? at == elements.first : elements.advance(at, by: 2) == elements.end { break }
                at = turned ? elements.previous(elements.previous(at)) : elements.advance(at, by: 2)
            }
            #expect(!takes(absent[1], page.bytes.array))
            page.free()
            elements.free()
        }
        #expect(bench.value.memoryBytes == before && bench.value.isAway(absent[1]))
        #expect(takes(absent[1], bytes[1]))
        bench.value.checkInvariants()
    }
}
