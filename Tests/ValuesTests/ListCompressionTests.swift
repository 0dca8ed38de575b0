import Bytes
import Glibc
import Synchronization
import Testing

@testable import Values

/// Lists whose inner pages are compressed. Pages are tiny, so that there are many.
@Suite(.serialized) struct ListCompressionTests {
    private static func withLimits(depth: Int, pageBytes: Int = 200, _ body: () throws -> Void) rethrows {
        let before = CollectionLimits.listDepth.exchange(depth, ordering: .relaxed)
        let page = CollectionLimits.listPage.exchange(-2, ordering: .relaxed)
        CollectionLimits.listAloneBytes.store(pageBytes, ordering: .relaxed)
        defer {
            CollectionLimits.listDepth.store(before, ordering: .relaxed)
            CollectionLimits.listPage.store(page, ordering: .relaxed)
            CollectionLimits.listAloneBytes.store(.max, ordering: .relaxed)
        }
        try body()
    }

    private static func setDepth(_ depth: Int) { CollectionLimits.listDepth.store(depth, ordering: .relaxed) }

    private static func pages(_ list: ListValue) -> [CountedTreePage] {
        var result: [CountedTreePage] = []
        var row = list.tree?.firstRow
        while let node = row {
            for slot in 0..<node.entries { result.append(node.pages[slot]) }
            row = node.next
        }
        return result
    }

    /// Which pages are compressed, as text: z, or x for one that can't be, - for the others.
    private static func picture(_ list: ListValue) -> String {
        pages(list).map { $0.isCompressed ? "z" : $0.isIncompressible ? "x" : "-" }.joined()
    }

    private static func push(_ list: ListValue, _ elements: Range<Int>, _ end: ListEnd = .right) {
        for number in elements { Array("element:\(number)".utf8).withSlice { list.push($0, end) } }
    }

    private static func list(_ elements: Int) -> ListValue {
        let list = ListValue()
        push(list, 0..<elements)
        return list
    }

    // MARK: Against a model

    /// How the elements of a history are.
    enum Elements: CaseIterable { case alike, random, mixed }

    private struct History {
        let list = ListValue()
        var model: [[UInt8]] = []
        var random: Mixer
        let elements: Elements
        /// Whether the list will become longer for now.
        var grows = true

        mutating func value() -> [UInt8] {
            let isRandom = elements == .random || elements == .mixed && random.below(40) < 20
            if random.below(50) == 0 {
                let byte = UInt8(random.below(256))
                return (0..<random.below(900)).map { _ in isRandom ? UInt8(random.below(256)) : byte }
            }
            if isRandom { return (0..<8 + random.below(20)).map { _ in UInt8(random.below(256)) } }
            return Array("element:\(random.below(2000))".utf8)
        }

        mutating func end() -> ListEnd { random.below(2) == 0 ? .left : .right }

        mutating func range(atMost limit: Int) -> Range<Int> {
            let start = random.below(model.count + 1)
            return start..<min(model.count, start + random.below(limit))
        }

        mutating func step() {
            switch random.below(14) {
            case 0..<(grows ? 6 : 2): push()
            case 6, 7:
                let index = random.below(model.count + 1)
                let value = self.value()
                value.withSlice { list.insert($0, before: index) }
                model.insert(value, at: index)
            case 8 where !model.isEmpty, 9 where !model.isEmpty:
                let index = random.below(model.count)
                let value = self.value()
                value.withSlice { list.replace(at: index, with: $0) }
                model[index] = value
            case 10:
                let range = self.range(atMost: grows ? 4 : 60)
                list.removeSubrange(range)
                model.removeSubrange(range)
            case 11: removeRuns()
            default:
                guard !model.isEmpty else { return }
                let (number, end) = (min(model.count, 1 + random.below(grows ? 3 : 30)), self.end())
                list.remove(number, from: end)
                if end == .left { model.removeFirst(number) } else { model.removeLast(number) }
            }
        }

        private mutating func push() {
            let end = self.end()
            for _ in 0..<1 + random.below(20) {
                let value = self.value()
                value.withSlice { list.push($0, end) }
                if end == .left { model.insert(value, at: 0) } else { model.append(value) }
            }
        }

        private mutating func removeRuns() {
            var runs: [Range<Int>] = []
            var above = model.count
            for _ in 0..<random.below(8) where above > 0 {
                let high = above - random.below(min(above, 12))
                let low = max(0, high - 1 - random.below(2))
                runs.append(low..<high)
                above = low
            }
            list.removeSubranges(runs)
            for run in runs { model.removeSubrange(run) }
        }

        /// Every way to read, somewhere.
        mutating func read() -> Bool {
            guard !model.isEmpty else { return list.count == 0 }
            let index = random.below(model.count)
            var isRight = list.count == model.count && list.withElement(at: index) { $0.array } == model[index]
            let range = self.range(atMost: 40)
            var seen: [[UInt8]] = []
            list.forEach(in: range) { page, at in
                seen.append(page.withBytes(at) { $0.array })
                return true
            }
            isRight = isRight && seen == Array(model[range])
            seen = []
            list.forEachReversed(in: range) { page, at in
                seen.append(page.withBytes(at) { $0.array })
                return true
            }
            isRight = isRight && seen == model[range].reversed()
            let found = ListValueTests.positions(model[index], list, end(), 30)
            return isRight && found.allSatisfy { model[$0] == model[index] }
        }
    }

    /// The seed is printed; FIRN_SEED replays it.
    @Test(arguments: [0, 1, 3], Elements.allCases)
    func behavesLikeAnArray(depth: Int, elements: Elements) {
        let seed = getenv("FIRN_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0...1 << 40)
        print("ListCompressionTests: FIRN_SEED=\(seed) depth \(depth) \(elements)")
        Self.withLimits(depth: depth) {
            var history = History(random: Mixer(seed), elements: elements)
            var seen = (compressed: 0, incompressible: 0)
            for step in 0..<1500 {
                if step % 300 == 0 { history.grows = step % 600 == 0 }
                history.step()
                let pages = Self.pages(history.list)
                seen.compressed += pages.count { $0.isCompressed }
                seen.incompressible += pages.count { $0.isIncompressible }
                history.list.tree?.checkInvariants()
                let isRight = history.read()
                #expect(isRight, "FIRN_SEED=\(seed) step \(step)")
                let picture = Self.picture(history.list)
                #expect(Self.isInLine(picture, depth), "FIRN_SEED=\(seed) step \(step): \(picture)")
                if step % 100 == 0 {
                    #expect(ListValueTests.contents(history.list) == history.model, "FIRN_SEED=\(seed) step \(step)")
                }
            }
            #expect((seen.compressed > 0) == (depth > 0 && elements != .random), "\(seen)")
            #expect((seen.incompressible > 0) == (depth > 0 && elements != .alike) || elements == .alike, "\(seen)")
        }
    }

    /// The ends are expanded, and all further inside than `depth` are compressed or can't be.
    private static func isInLine(_ picture: String, _ depth: Int) -> Bool {
        if picture.first == "z" || picture.last == "z" { return false }
        if depth == 0 { return !picture.contains("z") && !picture.contains("x") }
        return !picture.dropFirst(depth).dropLast(depth).contains("-")
    }

    /// Other depths in mid-course, copies, and journeys to flash.
    @Test func mayChangeItsDepth() {
        let seed = getenv("FIRN_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0...1 << 40)
        print("ListCompressionTests: FIRN_SEED=\(seed) changing depths")
        Self.withLimits(depth: 2) {
            var history = History(random: Mixer(seed), elements: .mixed)
            for step in 0..<2000 {
                history.step()
                history.list.tree?.checkInvariants()
                let isRight = history.read()
                #expect(isRight, "FIRN_SEED=\(seed) step \(step)")
                if step % 20 == 0 { Self.setDepth([0, 1, 2, 3, 8, 1000][history.random.below(6)]) }
                if step % 50 == 0 { Self.checkCopies(history, "FIRN_SEED=\(seed) step \(step)") }
                if step % 300 == 0 { history.grows.toggle() }
            }
        }
    }

    private static func checkCopies(_ history: History, _ comment: Comment) {
        #expect(ListValueTests.contents(history.list) == history.model, comment)
        guard let copy = history.list.copy() as? ListValue else { return #expect(Bool(false), "no list") }
        #expect(ListValueTests.contents(copy) == history.model && picture(copy).count == pages(history.list).count)
        copy.tree?.checkInvariants()
        copy.remove(copy.count, from: .left)
        #expect(ListValueTests.contents(history.list) == history.model, comment)
        let back = ListValueTests.decoded(ListValueTests.encoded(history.list))
        back?.tree?.checkInvariants()
        #expect(back.map { ListValueTests.contents($0) } ?? [] == history.model, comment)
    }

    // MARK: Which pages

    @Test func innerPagesAreCompressed() {
        Self.withLimits(depth: 3) {
            let list = Self.list(300)
            let pages = list.pageCount
            #expect(Self.picture(list) == "---" + String(repeating: "z", count: pages - 6) + "---")
            let small = list.memoryBytes
            Self.setDepth(0)
            let large = Self.list(300)
            #expect(Self.picture(large) == String(repeating: "-", count: pages))
            #expect(small < large.memoryBytes / 4 * 3, "\(small) of \(large.memoryBytes)")
            // What is touched then stays expanded.
            Array("x".utf8).withSlice { list.replace(at: 150, with: $0) }
            #expect(Self.picture(list).count { $0 == "z" } == pages - 7)
            // And is compressed again with the next change, when that is wanted again.
            Self.setDepth(3)
            Array("y".utf8).withSlice { list.replace(at: 150, with: $0) }
            #expect(Self.picture(list) == "---" + String(repeating: "z", count: pages - 6) + "---")
            list.tree?.checkInvariants()
        }
    }

    @Test func readingLeavesThemCompressed() {
        Self.withLimits(depth: 1) {
            let list = Self.list(300)
            let (picture, bytes) = (Self.picture(list), list.memoryBytes)
            var history = History(random: Mixer(1), elements: .alike)
            history.model = ListValueTests.contents(list)
            for index in 0..<300 { #expect(list.withElement(at: index) { $0.array } == history.model[index]) }
            #expect(ListValueTests.positions(Array("element:150".utf8), list, .right, 300) == [150])
            var elements = 0
            list.forEachPage { elements += $0.count }
            #expect(elements == 300 && Self.picture(list) == picture && list.memoryBytes == bytes)
        }
    }

    /// What was pushed and popped is the page at the edge; no other may be compressed or expanded over and over.
    @Test func anEndThatMovesToAndFroCostsNothing() {
        Self.withLimits(depth: 4) {
            let list = Self.list(600)
            for _ in 0..<300 { list.remove(1, from: .left) }
            let before = list.pageCount
            while list.pageCount == before { list.remove(1, from: .left) }
            let compressed = Self.pages(list).filter(\.isCompressed).map(\.compressedListpack.base)
            for _ in 0..<20 {
                // A page more, a page less.
                Array(repeating: UInt8(120), count: 150).withSlice { list.push($0, .left) }
                list.remove(1, from: .left)
            }
            #expect(Self.pages(list).filter(\.isCompressed).map(\.compressedListpack.base) == compressed)
            #expect(compressed.count > 3)
        }
    }

    /// Half the pages within the depth are expanded ahead of those who pop.
    @Test func popsFindThemExpanded() {
        Self.withLimits(depth: 4) {
            let list = Self.list(600)
            while list.count > 40 {
                list.remove(1, from: list.count % 3 == 0 ? .left : .right)
                let picture = Self.picture(list)
                #expect(!picture.prefix(2).contains("z") && !picture.suffix(2).contains("z"), "\(picture)")
            }
            list.tree?.checkInvariants()
        }
    }

    @Test func aPageThatDoesNotShrinkIsLeftAlone() {
        Self.withLimits(depth: 1) {
            var random = Mixer(5)
            let list = ListValue()
            func noise() -> [UInt8] { (0..<24).map { _ in UInt8(random.below(256)) } }
            for _ in 0..<200 { noise().withSlice { list.push($0, .right) } }
            let inner = String(repeating: "x", count: list.pageCount - 2)
            #expect(Self.picture(list) == "-\(inner)-")
            // Each element of the pages, so that they would shrink now; but they aren't tried.
            let sevens = Array(repeating: UInt8(7), count: 24)
            for index in 0..<200 { sevens.withSlice { list.replace(at: index, with: $0) } }
            #expect(Self.picture(list) == "-\(inner)-")
            // One that came to an end is.
            let pages = list.pageCount
            while list.pageCount == pages { list.remove(1, from: .left) }
            #expect(Self.picture(list).first == "-")
            while list.pageCount < pages { Array(repeating: UInt8(8), count: 24).withSlice { list.push($0, .left) } }
            #expect(Self.picture(list).prefix(3) == "-zx")
        }
    }

    @Test func aLargeElementStaysAsItIs() {
        Self.withLimits(depth: 1, pageBytes: .max) {
            let list = ListValue()
            for size in [60_000, 70_000, 60_000, 70_000, 60_000, 60_000] {
                Array(repeating: UInt8(97), count: size).withSlice { list.push($0, .right) }
            }
            #expect(Self.picture(list) == "-xzxz-")
        }
    }

    // MARK: Elements that outlive the look

    @Test func keptPagesStay() {
        Self.withLimits(depth: 1) {
            let list = Self.list(500)
            let keeper = ExpandedListpacks()
            var items: [Listpack.Item] = []
            list.forEach(in: 100..<400, keptBy: keeper) { page, at in
                items.append(page.item(at))
                return true
            }
            list.forEachReversed(in: 100..<400, keptBy: keeper) { page, at in
                items.append(page.item(at))
                return true
            }
            let expected = (100..<400).map { Array("element:\($0)".utf8) }
            withExtendedLifetime(keeper) {
                #expect(items.map { $0.withBytes { $0.array } } == expected + expected.reversed())
            }
        }
    }

    // MARK: On flash

    @Test func flashHoldsThemAsTheyAre() throws {
        try Self.withLimits(depth: 2) {
            let list = Self.list(300)
            let bytes = ListValueTests.encoded(list)
            #expect(bytes[0] == 1 && bytes.count < list.memoryBytes)
            let back = try #require(ListValueTests.decoded(bytes))
            #expect(Self.picture(back) == Self.picture(list) && back.memoryBytes == list.memoryBytes)
            #expect(ListValueTests.contents(back) == ListValueTests.contents(list))
            // One from before, or from a server that doesn't compress, is compressed on its way in.
            Self.setDepth(0)
            let plain = ListValueTests.encoded(Self.list(300))
            #expect(plain[0] == 0)
            Self.setDepth(2)
            #expect(try Self.picture(#require(ListValueTests.decoded(plain))) == Self.picture(list))
            // And the ends of one that was trimmed at another depth are expanded.
            Self.setDepth(6)
            #expect(try !Self.picture(#require(ListValueTests.decoded(bytes))).prefix(3).contains("z"))
        }
    }

    /// Damage is refused, or what is read can be used.
    @Test func refusesDamage() {
        Self.withLimits(depth: 1) {
            let bytes = ListValueTests.encoded(Self.list(60))
            #expect(bytes[0] == 1)
            for count in 0..<bytes.count {
                let read = ListValueTests.decoded(Array(bytes[..<count]))
                // What ends with a page is whole.
                if let read { #expect(ListValueTests.contents(read).count == read.count && read.count < 60) }
            }
            #expect(ListValueTests.decoded([0] + bytes.dropFirst()) == nil)
            #expect(ListValueTests.decoded([1, 0, 0, 0, 0]) == nil)
            // A page without elements behind the others: its seven bytes, as LZ4 has literals.
            let empty: [UInt8] = [0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0x70, 7, 0, 0, 0, 0, 0, 255]
            #expect(ListValueTests.decoded(bytes + empty) == nil)
            #expect(ListValueTests.decoded([1, 0, 0, 0, 0, 7, 0, 0, 0, 255, 255, 255, 255, 0]) == nil)
            for index in bytes.indices {
                for bit in 0..<8 {
                    var bad = bytes
                    bad[index] ^= 1 << UInt8(bit)
                    if let read = ListValueTests.decoded(bad) {
                        read.tree?.checkInvariants()
                        #expect(ListValueTests.contents(read).count == read.count)
                    }
                }
            }
        }
    }
}
