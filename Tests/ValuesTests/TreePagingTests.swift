import Bytes
import Testing

@testable import Values

/// Pages of a list that leave RAM and come back, against an array, and what flash would have of them.
@Suite struct TreePagingTests {
    /// A list over a flash that is a dictionary of pages.
    private final class Bench {
        var list = ListValue()
        var model: [String] = []
        var flash: [PageName: [UInt8]] = [:]
        /// Writes whose outcome isn't known yet, in their order: nil is a delete.
        var inFlight: [(name: PageName, bytes: [UInt8]?)] = []
        var random: Mixer

        init(seed: UInt64) { random = Mixer(seed) }

        /// With so many elements, all on flash.
        static func cold(_ elements: Int, collection: UInt64 = 9) -> Bench {
            let bench = Bench(seed: 1)
            for number in 0..<elements { bench.push("element-\(number)", .right) }
            bench.list.startPaging(collection)
            bench.spillAll()
            return bench
        }

        /// Brings in what a call with this need has to.
        func need(_ need: PageNeed) {
            var absent: Set<AbsentPage> = []
            list.forEachAbsentPage(need) { absent.insert($0) }
            for page in absent { install(page) }
        }

        func install(_ page: AbsentPage) {
            guard let bytes = flash[page.name] else { preconditionFailure("page \(page.name) is not on flash") }
            precondition(bytes.withSlice { list.install(page, $0) }, "page \(page.name) is refused")
        }

        func push(_ value: String, _ end: ListEnd) {
            need(.push(end))
            Array(value.utf8).withSlice { list.push($0, end) }
            model.insert(value, at: end == .left ? 0 : model.count)
        }

        func pop(_ end: ListEnd) {
            guard !model.isEmpty else { return }
            need(end == .left ? .ends(first: 1, last: 0) : .ends(first: 0, last: 1))
            var popped = ""
            list.pop(end) { popped = $0.string }
            precondition(popped == (end == .left ? model.removeFirst() : model.removeLast()), popped)
        }

        func replace(_ index: Int, _ value: String) {
            need(.positions(index, index))
            Array(value.utf8).withSlice { list.replace(at: index, with: $0) }
            model[index] = value
        }

        func insert(_ value: String, before index: Int) {
            need(.all)
            Array(value.utf8).withSlice { list.insert($0, before: index) }
            model.insert(value, at: index)
        }

        /// LTRIM.
        func keep(_ range: Range<Int>) {
            guard !range.isEmpty else { return }
            need(.cuts(range.lowerBound, range.upperBound - 1))
            list.removeSubrange(range.upperBound..<list.count)
            list.removeSubrange(0..<range.lowerBound)
            model = Array(model[range])
        }

        func elements(_ range: Range<Int>) -> [String] {
            if range.isEmpty { return [] }
            need(.positions(range.lowerBound, range.upperBound - 1))
            var found: [String] = []
            list.forEach(in: range) { page, at in
                found.append(page.withBytes(at) { $0.string })
                return true
            }
            return found
        }

        func someRange() -> Range<Int> {
            let first = random.below(model.count + 1)
            return first..<min(model.count, first + random.below(40))
        }

        /// The hand goes on for some pages.
        func spill(_ count: Int, all: Bool = false) {
            for _ in 0..<count {
                guard let look = list.turnHand(ignoringTouches: all || random.below(4) == 0) else {
                    list.paging?.issueBuried(most: 50) { inFlight.append(($0, nil)) }
                    return
                }
                switch look {
                case .none, .touched: break
                case .clean(let name): list.drop(name)
                case .changed(let name): list.issue(name) { inFlight.append((name, $0.array)) }
                }
            }
        }

        /// The first writes in flight are confirmed, or (some) refused.
        func complete(_ count: Int, refused: Int = 4) {
            for _ in 0..<min(count, inFlight.count) {
                let (name, bytes) = inFlight.removeFirst()
                let succeeded = refused == 0 || random.below(refused) > 0
                if succeeded { flash[name] = bytes }
                list.complete(name, succeeded: succeeded)
            }
        }

        /// Everything to flash and out of RAM.
        func spillAll() {
            complete(.max, refused: 0)
            for _ in 0..<100 where list.paging?.isSettled == false || list.paging?.absent != list.pageCount {
                spill(.max, all: true)
                complete(.max, refused: 0)
            }
        }

        func checkInvariants() { list.withTree { $0.checkInvariants() } }
    }

    private func withSmallPages(_ body: () throws -> Void) rethrows {
        let page = CollectionLimits.listPage.exchange(6, ordering: .relaxed)
        let depth = CollectionLimits.listDepth.exchange(2, ordering: .relaxed)
        defer {
            CollectionLimits.listPage.store(page, ordering: .relaxed)
            CollectionLimits.listDepth.store(depth, ordering: .relaxed)
        }
        try body()
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func randomHistoriesLoseNothing(seed: UInt64) {
        withSmallPages {
            let bench = Bench(seed: seed)
            for number in 0..<3000 { bench.push("element-\(number)", .right) }
            bench.list.startPaging(7)
            var dropped = 0
            for step in 0..<20_000 {
                let value = String(repeating: "x", count: bench.random.below(90)) + "\(step)"
                let end: ListEnd = bench.random.below(2) == 0 ? .left : .right
                // Growing and shrinking in turn, so that pages are cut and joined, and rows with them.
                let pops = step / 2500 % 2 == 1 ? 5 : 2
                switch bench.random.below(12) {
                case 0..<pops: bench.pop(end)
                case pops..<8: bench.push(value, end)
                case 8 where !bench.model.isEmpty: bench.replace(bench.random.below(bench.model.count), value)
                case 9 where bench.random.below(10) == 0:
                    bench.insert(value, before: bench.random.below(bench.model.count + 1))
                case 10 where bench.random.below(20) == 0:
                    let cut = bench.random.below(max(1, bench.model.count / 8))
                    bench.keep(cut..<max(cut, bench.model.count - bench.random.below(30)))
                default:
                    let range = bench.someRange()
                    #expect(bench.elements(range) == Array(bench.model[range]))
                }
                if bench.random.below(4) == 0 { bench.spill(bench.random.below(60)) }
                if bench.random.below(4) == 0 { bench.complete(bench.random.below(60)) }
                dropped = max(dropped, bench.list.paging?.absent ?? 0)
                if step % 200 == 0 { bench.checkInvariants() }
                #expect(bench.list.count == bench.model.count)
                while bench.model.count < 200 { bench.push("more", .right) }
            }
            #expect(dropped > 100)
            bench.spillAll()
            #expect(bench.list.paging?.isSettled == true)
            #expect(bench.list.paging?.absent == bench.list.pageCount)
            // What flash has is what the directory names, and nothing of pages that are no more.
            var names: Set<PageName> = []
            bench.list.forEachAbsentPage(.all) { names.insert($0.name) }
            #expect(names == Set(bench.flash.keys))
            #expect(bench.elements(0..<bench.model.count) == bench.model)
            bench.checkInvariants()
            bench.list.stopPaging()
            bench.checkInvariants()
        }
    }

    @Test func theRootLeadsToAllPages() throws {
        try withSmallPages {
            let bench = Bench.cold(2000, collection: 1 << 40 + 5)
            // Names that don't rise.
            for number in 0..<20 { bench.push("front-\(number)", .left) }
            bench.spillAll()
            var encoded = ByteBuffer()
            bench.list.encode(into: &encoded)
            let read = try #require(ListValue.decode(encoded.slice))
            #expect(read.count == 2020 && read.paging?.collection == 1 << 40 + 5)
            #expect(read.paging?.absent == bench.list.pageCount && read.pageCount == bench.list.pageCount)
            #expect(read.wholeBytes > 20_000)
            read.withTree { $0.checkInvariants() }
            var again = ByteBuffer()
            read.encode(into: &again)
            #expect(again.slice.array == encoded.slice.array)
            bench.list = read
            #expect(bench.elements(990..<1010) == Array(bench.model[990..<1010]))
            #expect((read.paging?.absent ?? 0) > bench.list.pageCount - 8)
            // A new page gets a name that none had.
            for number in 0..<20 { bench.push("later-\(number)", .right) }
            bench.spillAll()
            #expect(bench.elements(0..<2040) == bench.model)
            bench.checkInvariants()
        }
    }

    /// Every byte of the root with every bit turned, every length: refused, or a list of other pages; never a trap.
    @Test func refusesDamagedRoots() throws {
        try withSmallPages {
            let bench = Bench.cold(60)
            var encoded = ByteBuffer()
            bench.list.encode(into: &encoded)
            let whole = encoded.slice.array
            for length in 0..<whole.count {
                #expect(Array(whole[..<length]).withSlice { ListValue.decode($0)?.count } == nil, "\(length) bytes")
            }
            for index in 1..<whole.count {
                for bit in 0..<8 {
                    var damaged = whole
                    damaged[index] ^= 1 << UInt8(bit)
                    let read = damaged.withSlice { ListValue.decode($0) }
                    if let read, read.paging != nil { read.withTree { $0.checkInvariants() } }
                }
            }
        }
    }

    @Test func refusesPagesOfOthers() throws {
        withSmallPages {
            let bench = Bench.cold(61)
            var absent: [AbsentPage] = []
            bench.list.forEachAbsentPage(.all) { absent.append($0) }
            guard let first = absent.first, let last = absent.last, let bytes = bench.flash[last.name] else {
                Issue.record("no pages")
                return
            }
            // It has one element, the others six.
            #expect(!bytes.withSlice { bench.list.install(first, $0) })
            #expect(!Array(bytes.dropLast()).withSlice { bench.list.install(last, $0) })
            #expect(!([0, 0, 0, 0] + bytes).withSlice { bench.list.install(last, $0) })
            #expect(bytes.withSlice { bench.list.install(last, $0) })
            bench.checkInvariants()
        }
    }

    /// A command reads what it names and no more.
    @Test func needsNameTheirPages() {
        withSmallPages {
            let bench = Bench.cold(600)
            func pages(_ need: PageNeed) -> Int {
                var absent: Set<AbsentPage> = []
                bench.list.forEachAbsentPage(need) { absent.insert($0) }
                return absent.count
            }
            #expect(pages(.none) == 0 && pages(.all) == 100)
            #expect(pages(.positions(0, 0)) == 1 && pages(.positions(-1, -1)) == 1 && pages(.positions(5, 6)) == 2)
            #expect(pages(.positions(600, 700)) == 0 && pages(.positions(-700, 0)) == 1)
            #expect(pages(.ends(first: 1, last: 1)) == 2 && pages(.ends(first: 7, last: 0)) == 2)
            #expect(pages(.ends(first: 1000, last: 0)) == 100)
            // A cut between two pages needs neither.
            #expect(pages(.cuts(6, 599)) == 0 && pages(.cuts(7, 599)) == 1 && pages(.cuts(7, 9)) == 1)
            #expect(pages(.cuts(7, 592)) == 2 && pages(.cuts(5, 4)) == 0)
            // Full pages are left alone; the last of these has one element.
            #expect(pages(.push(.left)) == 0 && pages(.push(.right)) == 0)
            let odd = Bench.cold(601)
            var absent = 0
            odd.list.forEachAbsentPage(.push(.right)) { _ in absent += 1 }
            #expect(absent == 1)
            // Whole pages go unread.
            bench.keep(60..<540)
            #expect(bench.list.paging?.absent == 80 && bench.list.count == 480)
            #expect(bench.elements(0..<480) == bench.model)
        }
    }
}
