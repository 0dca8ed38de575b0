import Bytes
import Testing

@testable import Values

/// Pages of a PagedHash that leave RAM and come back, against a dictionary, and what flash would have of them.
@Suite struct PagingTests {
    /// A hash of pairs over a flash that is a dictionary of pages.
    private final class Bench {
        var pages = PagedHash(width: 2)
        var model: [String: String] = [:]
        var flash: [PageName: [UInt8]] = [:]
        /// Writes whose outcome isn't known yet, in their order: nil is a delete.
        var inFlight: [(name: PageName, bytes: [UInt8]?)] = []
        var random: Mixer

        init(seed: UInt64) { random = Mixer(seed) }

        /// With so many fields, all on flash.
        static func cold(_ elements: Int, collection: UInt64 = 9) -> Bench {
            let bench = Bench(seed: 1)
            bench.fill(elements)
            bench.pages.startPaging(collection)
            bench.spillAll()
            return bench
        }

        func fill(_ elements: Int) {
            for number in 0..<elements { set("field:\(number)", "value-\(number)") }
        }

        /// Brings the page of a field in, as a call that names it has to.
        func need(_ field: String) {
            if let page = absentPage(field) { install(page) }
        }

        func install(_ page: AbsentPage) {
            guard let bytes = flash[page.name] else { preconditionFailure("page \(page.name) is not on flash") }
            let isInstalled = bytes.withSlice { pages.install(page, $0) }
            precondition(isInstalled, "page \(page.name) is refused")
        }

        func absentPage(_ field: String) -> AbsentPage? {
            Array(field.utf8).withSlice { pages.absentPage(of: $0) }
        }

        func isAway(_ page: AbsentPage) -> Bool { pages.isAway(page) }

        func takes(_ page: AbsentPage, _ bytes: [UInt8]) -> Bool {
            bytes.withSlice { pages.install(page, $0) }
        }

        func set(_ field: String, _ value: String) {
            need(field)
            model[field] = value
            Array(field.utf8).withSlice { field in
                Array(value.utf8).withSlice { value in
                    if let place = pages.find(field) {
                        pages.replaceValue(at: place, with: value)
                    } else {
                        pages.insert(field, value)
                    }
                }
            }
        }

        func remove(_ field: String) {
            need(field)
            let isThere = Array(field.utf8).withSlice { pages.remove($0) }
            precondition(isThere == (model.removeValue(forKey: field) != nil), field)
        }

        func value(_ field: String) -> String? {
            need(field)
            return Array(field.utf8).withSlice { field in
                guard let place = pages.find(field) else { return nil }
                return place.page.withBytes(place.page.next(place.offset)) { $0.string }
            }
        }

        /// The hand goes on for some pages.
        func spill(_ count: Int, all: Bool = false) {
            for _ in 0..<count {
                guard let look = pages.turnHand(ignoringTouches: all || random.below(4) == 0) else {
                    pages.paging?.issueBuried(most: .max) { inFlight.append(($0, nil)) }
                    return
                }
                switch look {
                case .none, .touched: break
                case .clean(let name): _ = pages.drop(name)
                case .changed(let name):
                    var bytes: [UInt8] = []
                    pages.issue(name) { bytes = $0.array }
                    inFlight.append((name, bytes))
                }
            }
        }

        /// The first writes in flight are confirmed, or (some) refused.
        func complete(_ count: Int, refused: Int = 4) {
            for _ in 0..<min(count, inFlight.count) {
                let (name, bytes) = inFlight.removeFirst()
                let succeeded = refused == 0 || random.below(refused) > 0
                if succeeded { flash[name] = bytes }
                pages.complete(name, succeeded: succeeded)
            }
        }

        /// Everything to flash and out of RAM.
        func spillAll() {
            complete(.max, refused: 0)
            // The first time around may begin anywhere.
            for _ in 0..<3 {
                spill(.max, all: true)
                complete(.max, refused: 0)
            }
        }

        func checkAll() {
            var absent: [AbsentPage] = []
            pages.forEachAbsentPage { absent.append($0) }
            for page in absent { install(page) }
            var found: [String: String] = [:]
            pages.forEach { page, at in
                found[page.withBytes(at) { $0.string }] = page.withBytes(page.next(at)) { $0.string }
                return true
            }
            precondition(found == model, "\(found.count) elements, \(model.count) expected")
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func randomHistoriesLoseNothing(seed: UInt64) {
        let bench = Bench(seed: seed)
        bench.fill(3000)
        bench.pages.startPaging(7)
        var dropped = 0
        for step in 0..<20_000 {
            let field = "field:\(bench.random.below(4000))"
            // Growing and shrinking in turn, so that pages split and join.
            let removes = step / 2500 % 2 == 1 ? 6 : 2
            switch bench.random.below(10) {
            case 0..<removes: bench.remove(field)
            case removes..<8: bench.set(field, String(repeating: "x", count: bench.random.below(120)))
            default: #expect(bench.value(field) == bench.model[field])
            }
            if bench.random.below(4) == 0 { bench.spill(bench.random.below(40)) }
            if bench.random.below(4) == 0 { bench.complete(bench.random.below(40)) }
            dropped = max(dropped, bench.pages.paging?.absent ?? 0)
            if step % 500 == 0 { bench.pages.checkInvariants() }
            #expect(bench.pages.count == bench.model.count)
        }
        #expect(dropped > 20)
        bench.spillAll()
        #expect(bench.pages.paging?.isSettled == true)
        #expect(bench.pages.paging?.absent == bench.pages.pageCount)
        // What flash has is what the directory names, and nothing of pages that are no more.
        var names: Set<PageName> = []
        bench.pages.forEachAbsentPage { names.insert($0.name) }
        #expect(names == Set(bench.flash.keys))
        bench.checkAll()
        bench.pages.checkInvariants()
    }

    @Test func theRootLeadsToAllPages() throws {
        let bench = Bench.cold(2000, collection: 1 << 40 + 5)
        var root = ByteBuffer()
        bench.pages.appendRoot(to: &root)
        #expect(PagedHash.collection(ofRoot: root.slice) == 1 << 40 + 5)
        let read = Bench(seed: 2)
        guard let pages = PagedHash.decode(root: root.slice, width: 2) else {
            Issue.record("the root is refused")
            return
        }
        read.pages = pages
        read.flash = bench.flash
        #expect(read.pages.count == 2000 && read.pages.paging?.absent == bench.pages.pageCount)
        read.pages.checkInvariants()
        #expect(read.pages.memoryBytes == read.pages.directoryBytes)
        // One field, one page.
        #expect(read.value("field:7") == "value-7")
        #expect(read.pages.paging?.absent == bench.pages.pageCount - 1)
        read.pages.checkInvariants()
    }

    @Test func damagedRootsAndPagesAreRefused() throws {
        let bench = Bench.cold(500)
        var buffer = ByteBuffer()
        bench.pages.appendRoot(to: &buffer)
        let root = buffer.slice.array
        func isRefused(_ bytes: [UInt8]) -> Bool {
            bytes.withSlice {
                switch PagedHash.decode(root: $0, width: 2) {
                case .some: false
                case .none: true
                }
            }
        }
        #expect(!isRefused(root))
        for length in 0..<root.count { #expect(isRefused(Array(root.prefix(length))), "\(length) bytes") }
        #expect(isRefused(root + [0]))
        // No number, no elements, more than there can be, a page more bits than a hash has, a hole.
        #expect(isRefused([UInt8](repeating: 0, count: 8) + root.dropFirst(8)))
        #expect(isRefused(root.prefix(8) + [UInt8](repeating: 0, count: 8) + root.dropFirst(16)))
        #expect(isRefused(root.prefix(15) + [0x80] + root.dropFirst(16)))
        for at in 16..<root.count {
            var bad = root
            bad[at] = 33
            #expect(isRefused(bad))
            bad[at] = root[at] + 1
            #expect(isRefused(bad))
        }
        // A page of another place, a cut one, one with half a pair.
        var absent: [AbsentPage] = []
        bench.pages.forEachAbsentPage { absent.append($0) }
        let first = try #require(bench.flash[absent[0].name])
        let second = try #require(bench.flash[absent[1].name])
        let before = bench.pages.memoryBytes
        #expect(!bench.takes(absent[0], second))
        #expect(!bench.takes(absent[0], Array(first.dropLast())))
        var odd = Listpack()
        odd.append(ByteSlice("field"))
        #expect(!bench.takes(absent[0], odd.bytes.array))
        odd.free()
        #expect(bench.pages.memoryBytes == before && bench.isAway(absent[0]))
        #expect(bench.takes(absent[0], first))
        bench.pages.checkInvariants()
    }

    @Test func aPinKeepsAPageAndBothItsHalves() throws {
        let bench = Bench.cold(500)
        let page = try #require(bench.absentPage("field:3"))
        bench.install(page)
        bench.pages.pin(page, by: 1)
        let before = bench.pages.pageCount
        // Until the page has been split: only fields that stand there.
        var number = 500
        while bench.pages.pageCount == before {
            let field = "field:\(number)"
            if bench.absentPage(field) == nil { bench.set(field, "more") }
            number += 1
        }
        bench.spillAll()
        #expect(bench.pages.paging?.absent == bench.pages.pageCount - 2)
        #expect(bench.pages.paging?.isSettled == true)
        bench.pages.pin(page, by: -1)
        bench.spillAll()
        #expect(bench.pages.paging?.absent == bench.pages.pageCount)
        bench.checkAll()
    }

    /// A name that a write is in flight for is a page's again before that has ended.
    @Test(arguments: [true, false])
    func aBuriedNameIsUsedAgain(succeeds: Bool) throws {
        let bench = Bench(seed: 1)
        bench.fill(400)
        bench.pages.startPaging(9)
        bench.spill(1000)
        // All are in flight now; they shrink to one page, and grow again.
        for number in 0..<400 { bench.remove("field:\(number)") }
        #expect(bench.pages.pageCount == 1)
        bench.fill(400)
        #expect(bench.pages.pageCount > 10)
        bench.pages.checkInvariants()
        while !bench.inFlight.isEmpty { bench.complete(1, refused: succeeds ? 0 : 1) }
        bench.pages.checkInvariants()
        bench.spillAll()
        bench.checkAll()
    }
}
