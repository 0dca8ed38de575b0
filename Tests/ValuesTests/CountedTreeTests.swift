import Bytes
import Testing

@testable import Values

@Suite struct CountedTreeTests {
    typealias Element = [[UInt8]]

    static func element(_ page: Listpack, _ offset: Int, _ width: Int) -> Element {
        let first = page.withBytes(offset) { $0.array }
        return width == 1 ? [first] : [first, page.withBytes(page.next(offset)) { $0.array }]
    }

    static func contents(_ tree: borrowing CountedTree) -> [Element] {
        tree.checkInvariants()
        var result: [Element] = []
        let width = tree.width
        tree.forEach { page, offset in
            result.append(element(page, offset, width))
            return true
        }
        #expect(result.count == tree.count)
        return result
    }

    /// Every way of reading against the array: places, steps, indices, ranges both ways.
    static func check(_ tree: borrowing CountedTree, _ model: [Element], _ random: inout Mixer) {
        #expect(contents(tree) == model)
        let width = tree.width
        #expect(tree.place(at: -1) == nil && tree.place(at: model.count) == nil)
        var forward = 0
        var place = tree.first
        while let here = place {
            if forward % 7 == 0 { #expect(tree.index(of: here) == forward) }
            forward += 1
            place = tree.next(here)
        }
        #expect(forward == model.count)
        place = tree.last
        while let here = place {
            forward -= 1
            if forward % 7 == 0 { #expect(tree.index(of: here) == forward) }
            place = tree.previous(here)
        }
        #expect(forward == 0)
        guard !model.isEmpty else { return }
        for _ in 0..<20 {
            let index = random.below(model.count)
            guard let place = tree.place(at: index) else { return #expect(Bool(false), "nothing at \(index)") }
            #expect(element(place.page, place.offset, width) == model[index])
            #expect(tree.index(of: place) == index)
            #expect(place.page.offset(of: place.number * width) == place.offset)
            let range = index..<min(model.count, index + random.below(100))
            var found: [Element] = []
            tree.forEach(in: range) { page, offset in
                found.append(element(page, offset, width))
                return true
            }
            #expect(found == Array(model[range]))
            found = []
            tree.forEachReversed(in: range) { page, offset in
                found.append(element(page, offset, width))
                return true
            }
            #expect(found == model[range].reversed())
        }
    }

    static func with(_ element: Element, _ body: (CountedTree.Value, CountedTree.Value?) -> Void) {
        element[0].withSlice { first in
            // A number now and then as a number: it must be found as its text.
            let value = StringForm.canonicalInteger(first).map { CountedTree.Value.integer($0) } ?? .bytes(first)
            if element.count == 1 { return body(value, nil) }
            element[1].withSlice { second in body(.bytes(first), .bytes(second)) }
        }
    }

    static func randomElement(_ random: inout Mixer, _ width: Int, _ largest: Int) -> Element {
        (0..<width).map { _ in
            switch random.below(10) {
            case 0: Array("\(Int64(bitPattern: random.next()) >> Int64(random.below(64)))".utf8)
            case 1: [UInt8](repeating: UInt8(random.below(256)), count: random.below(largest))
            default: (0..<random.below(12)).map { _ in UInt8(random.below(256)) }
            }
        }
    }

    /// One change of tree and model, chosen by chance; `grows` of ten make them longer.
    static func change(
        _ tree: inout CountedTree, _ model: inout [Element], _ random: inout Mixer, grows: Int, largest: Int
    ) {
        let new = randomElement(&random, tree.width, largest)
        let index = random.below(model.count + 1)
        if random.below(10) < grows {
            switch random.below(4) {
            case 0:
                with(new) { tree.append($0, $1) }
                model.append(new)
            case 1:
                with(new) { tree.prepend($0, $1) }
                model.insert(new, at: 0)
            case 2:
                with(new) { tree.insert($0, $1, before: index) }
                model.insert(new, at: index)
            default:
                let place = tree.place(at: index)
                with(new) { tree.insert($0, $1, at: place) }
                model.insert(new, at: index)
            }
            return
        }
        guard index < model.count, let place = tree.place(at: index) else { return }
        switch random.below(40) {
        case 0:
            let range = index..<min(model.count, index + random.below(200))
            tree.removeSubrange(range)
            model.removeSubrange(range)
        case 1..<10:
            with(new) { tree.replace(at: place, $0, $1) }
            model[index] = new
        case 10..<20:
            tree.remove(at: 0)
            model.removeFirst()
        case 20..<25:
            if let last = tree.last { tree.remove(at: last) }
            model.removeLast()
        default:
            tree.remove(at: place)
            model.remove(at: index)
        }
    }

    /// Small pages, so that there are nodes above nodes; grows, shrinks, grows again, with the limits changed at times.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func behavesLikeAnArray(seed: UInt64) {
        var random = Mixer(seed)
        let width = seed % 2 == 0 ? 2 : 1
        let sizes = [16, 60, 200, 2048]
        var tree = CountedTree(width: width, pageBytes: sizes[Int(seed) / 2 % 4], pageElements: seed > 4 ? 5 : nil)
        var model: [Element] = []
        for phase in 0..<5 {
            let grows = [8, 1, 9, 5, 1][phase]
            for step in 0..<3000 {
                Self.change(&tree, &model, &random, grows: grows, largest: 400)
                if step % 500 == 0 { Self.check(tree, model, &random) }
                if phase == 3, step % 400 == 0 {
                    tree.setLimits(pageBytes: sizes[random.below(4)], pageElements: 1 + random.below(30))
                }
            }
            Self.check(tree, model, &random)
            var copy = tree.copy()
            Self.check(copy, model, &random)
            let before = model
            var changed = model
            for _ in 0..<50 { Self.change(&copy, &changed, &random, grows: 5, largest: 400) }
            #expect(Self.contents(copy) == changed)
            #expect(Self.contents(tree) == before)
        }
        while let place = tree.place(at: random.below(max(tree.count, 1))) { tree.remove(at: place) }
        #expect(Self.contents(tree).isEmpty)
        #expect(tree.memoryBytes <= 64 && tree.pageCount == 0, "an empty one takes \(tree.memoryBytes) bytes")
    }

    /// Three levels of nodes and more, by every way of growing and of shrinking.
    @Test(arguments: ["append", "prepend", "middle", "random"], ["first", "last", "random", "ranges"])
    func growsAndShrinks(growth: String, shrinking: String) {
        var random = Mixer(5)
        var tree = CountedTree(width: 1, pageBytes: 32)
        let total = 40_000
        for number in 0..<total {
            switch growth {
            case "append": tree.append(.integer(Int64(number)))
            case "prepend": tree.prepend(.integer(Int64(number)))
            case "middle": tree.insert(.integer(Int64(number)), before: tree.count / 2)
            default: tree.insert(.integer(Int64(number)), before: random.below(tree.count + 1))
            }
        }
        tree.checkInvariants()
        #expect(tree.count == total && tree.root.level >= 2)
        var seen = Set<Int64>()
        tree.forEach { page, offset in
            if case .integer(let number) = page.item(offset) { seen.insert(number) }
            return true
        }
        #expect(seen.count == total)
        var step = 0
        while !tree.isEmpty {
            switch shrinking {
            case "first": tree.remove(at: 0)
            case "last": tree.remove(at: tree.count - 1)
            case "random": tree.remove(at: random.below(tree.count))
            default:
                let from = random.below(tree.count)
                tree.removeSubrange(from..<min(tree.count, from + random.below(3000)))
            }
            step += 1
            if step % 5000 == 0 || shrinking == "ranges" {
                tree.checkInvariants()
                // 9 bytes and a 16th of a node for a page of some five elements; sparse ones are joined.
                #expect(tree.memoryBytes < 2000 + tree.count * 60, "\(tree.memoryBytes) bytes for \(tree.count)")
            }
        }
        tree.checkInvariants()
        #expect(tree.memoryBytes <= 64)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func keepsAnOrder(seed: UInt64) {
        var random = Mixer(seed)
        var tree = CountedTree(width: 2, pageBytes: seed == 1 ? 2048 : 48)
        var model: [Int64] = []
        for step in 0..<20_000 {
            // Few different scores: runs of equal ones go over pages.
            let score = Int64(random.below(seed == 2 ? 50 : 100_000))
            let (index, place) = tree.lowerBound { page, offset in page.item(offset).integer < score }
            let expected = Self.lowerBound(model, score)
            #expect(index == expected)
            #expect(place.map { tree.index(of: $0) } ?? tree.count == expected)
            if random.below(3) == 0, let place {
                tree.remove(at: place)
                model.remove(at: expected)
            } else {
                tree.insert(.integer(score), .bytes(ByteSlice("member")), at: place)
                model.insert(score, at: expected)
            }
            if step % 2000 == 0 { tree.checkInvariants() }
        }
        var found: [Int64] = []
        tree.forEach { page, offset in
            found.append(page.item(offset).integer)
            return true
        }
        #expect(found == model)
        #expect(tree.lowerBound { _, _ in true } .index == model.count)
        #expect(tree.lowerBound { _, _ in true } .place == nil)
        #expect(tree.lowerBound { _, _ in false } .index == 0)
    }

    static func lowerBound(_ model: [Int64], _ score: Int64) -> Int {
        var low = 0
        var high = model.count
        while low < high {
            let middle = (low + high) / 2
            if model[middle] < score { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Limits hold for every page but those of one element, and the ends' pages are filled.
    @Test(arguments: [(4096, 0), (8192, 3), (8192, 128), (64, 0), (2048, 1)])
    func keepsItsLimits(bytes: Int, elements: Int) {
        var random = Mixer(7)
        var tree = CountedTree(width: 1, pageBytes: bytes, pageElements: elements == 0 ? nil : elements)
        for _ in 0..<5000 {
            let length = random.below(50) == 0 ? random.below(3 * bytes) : random.below(30)
            let place = tree.place(at: random.below(tree.count + 1))
            [UInt8](repeating: 120, count: length).withSlice { value in
                if random.below(5) == 0, let place {
                    tree.replace(at: place, .bytes(value))
                } else {
                    tree.insert(.bytes(value), at: place)
                }
            }
        }
        tree.checkInvariants()
        tree.forEachPage { page in
            #expect(page.totalBytes <= bytes || page.count == 1, "\(page.totalBytes) bytes, \(page.count) elements")
            #expect(elements == 0 || page.count <= elements)
            return true
        }
        for isFront in [true, false] {
            var tree = CountedTree(width: 1, pageBytes: 1024, pageElements: 50)
            for _ in 0..<50_000 { if isFront { tree.prepend(.integer(1)) } else { tree.append(.integer(1)) } }
            tree.checkInvariants()
            #expect(tree.pageCount == 1000)
        }
    }

    @Test func isBuiltFromPages() {
        var tree = CountedTree(width: 2)
        var model: [Element] = []
        for number in 0..<3000 {
            var page = Listpack()
            for index in 0..<number % 4 {
                page.append(integer: Int64(number))
                page.append(integer: Int64(index))
                model.append([Array("\(number)".utf8), Array("\(index)".utf8)])
            }
            tree.appendPage(page)
        }
        var random = Mixer(1)
        Self.check(tree, model, &random)
        var pages = 0
        tree.forEachPage { _ in
            pages += 1
            return pages < 2000
        }
        #expect(pages == 2000 && tree.pageCount == 2250)
        tree.removeAll()
        Self.check(tree, [], &random)
    }

    /// Elements leave a page's front without the others being moved: every other change, and a copy, after each number
    /// of them. What a page holds in vain is no more than what it has, and not more than 16 bits can say.
    @Test(arguments: [1, 2])
    func pagesAreEmptiedFromTheFront(width: Int) {
        let total = 120
        var random = Mixer(UInt64(width))
        let changes: [(inout CountedTree, Int) -> Void] = [
            { tree, _ in tree.removeSubrange(0..<0) },
            { tree, _ in Self.with([[1], [2]].dropLast(2 - width)) { tree.append($0, $1) } },
            { tree, _ in Self.with([[3], [4]].dropLast(2 - width)) { tree.prepend($0, $1) } },
            { tree, middle in Self.with([[5], [6]].dropLast(2 - width)) { tree.insert($0, $1, before: middle) } },
            { tree, middle in tree.remove(at: middle) },
            { tree, middle in tree.removeSubrange(0..<max(1, middle)) },
            { tree, _ in tree.remove(at: tree.count - 1) },
            { tree, middle in
                guard let place = tree.place(at: middle) else { return #expect(Bool(false), "nothing at \(middle)") }
                Self.with([[7], [8]].dropLast(2 - width)) { tree.replace(at: place, $0, $1) }
            },
        ]
        for removed in 1..<total {
            let elements = (0..<total).map { _ in Self.randomElement(&random, width, 3000) }
            let model = Array(elements[removed...])
            let bytes = model.joined().reduce(2000) { $0 + $1.count + 12 }
            for change in changes {
                var tree = CountedTree(width: width, pageBytes: 1 << 20)
                for element in elements { Self.with(element) { tree.append($0, $1) } }
                for _ in 0..<removed { tree.remove(at: 0) }
                #expect(tree.memoryBytes <= bytes * 5 / 4 + min(bytes, 1 << 16), "\(tree.memoryBytes) for \(bytes)")
                #expect(Self.contents(tree) == model)
                let copy = tree.copy()
                var expected = CountedTree(width: width)
                for element in model { Self.with(element) { expected.append($0, $1) } }
                change(&tree, model.count / 2)
                change(&expected, model.count / 2)
                #expect(Self.contents(tree) == Self.contents(expected))
                #expect(Self.contents(copy) == model)
                while !tree.isEmpty { tree.remove(at: 0) }
                tree.checkInvariants()
            }
        }
    }

    /// What looks like an integer comes back as the bytes that were put in.
    @Test func givesBackTheSameBytes() {
        var tree = CountedTree(width: 2)
        for text in ["12345678", "-1234567", "00000001", "9223372036854775807", ""] {
            Array(text.utf8).withSlice { tree.append(.bytes($0), .bytes($0)) }
        }
        #expect(Self.contents(tree).map { String(decoding: $0[1], as: UTF8.self) }
            == ["12345678", "-1234567", "00000001", "9223372036854775807", ""])
    }

    @Test func costsFewBytesAnElement() {
        var tree = CountedTree(width: 1)
        #expect(tree.memoryBytes <= 64)
        tree.append(.bytes(ByteSlice("a")))
        #expect(tree.memoryBytes <= 80, "\(tree.memoryBytes) bytes with one element")
        tree.removeAll()
        for number in 0..<100_000 { Array("element:\(1_000_000 + number)".utf8).withSlice { tree.append(.bytes($0)) } }
        tree.checkInvariants()
        // 15 bytes of text, 2 of listpack.
        #expect(tree.memoryBytes < 100_000 * 18, "\(tree.memoryBytes / 100_000) bytes an element")
    }
}

extension Listpack.Item {
    fileprivate var integer: Int64 {
        guard case .integer(let number) = self else { preconditionFailure("no integer") }
        return number
    }
}
