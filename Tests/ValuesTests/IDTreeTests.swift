import Testing

@testable import Values

@Suite struct IDTreeTests {
    /// A sorted dictionary.
    private struct Model {
        var values: [StreamID: Int] = [:]
        var ids: [StreamID] { values.keys.sorted() }
    }

    private static func contents(_ tree: borrowing IDTree<Int>) -> [StreamID] {
        tree.checkInvariants()
        var result: [StreamID] = []
        tree.forEach { id, _ in
            result.append(id)
            return true
        }
        return result
    }

    /// Growing IDs with some in between, removed here and there or from the front: several levels, and back to none.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func behavesLikeASortedDictionary(seed: UInt64) {
        var random = Mixer(seed)
        var tree = IDTree<Int>()
        var model = Model()
        let range = [20, 300, 5000, 40_000][Int(seed) - 1]
        for step in 0..<20_000 {
            // Waves: first mostly insertions, then mostly removals.
            let grows = random.below(10) < (step / 4000 % 2 == 0 ? 8 : 2)
            let id = StreamID(UInt64(random.below(range)), UInt64(random.below(2)))
            if grows {
                let isNew = model.values[id] == nil
                #expect(tree.insert(id, step) == isNew)
                if isNew { model.values[id] = step }
            } else if random.below(3) == 0, let first = tree.first?.id {
                #expect(tree.remove(first) == model.values.removeValue(forKey: first))
            } else {
                #expect(tree.remove(id) == model.values.removeValue(forKey: id))
            }
            #expect(tree.find(id)?.pointee == model.values[id])
            #expect(tree.count == model.values.count)
            if step % 1000 == 0 { Self.compare(tree, model, near: id) }
        }
        for id in model.ids { #expect(tree.remove(id) != nil) }
        #expect(tree.count == 0 && tree.memoryBytes == 0)
    }

    private static func compare(_ tree: borrowing IDTree<Int>, _ model: Model, near id: StreamID) {
        let ids = model.ids
        #expect(contents(tree) == ids)
        #expect(tree.first?.id == ids.first && tree.last?.id == ids.last)
        for id in [id, StreamID(id.milliseconds, 1), StreamID(id.milliseconds + 1, 5)] {
            #expect(tree.first(atOrAfter: id)?.id == ids.first { $0 >= id })
            #expect(tree.last(atOrBefore: id)?.id == ids.last { $0 <= id })
            var seen: [StreamID] = []
            tree.forEach(from: id) { id, _ in
                seen.append(id)
                return seen.count < 100
            }
            #expect(seen == Array(ids.filter { $0 >= id }.prefix(100)))
            seen = []
            tree.forEachReversed(from: id) { id, _ in
                seen.append(id)
                return seen.count < 100
            }
            #expect(seen == Array(ids.filter { $0 <= id }.reversed().prefix(100)))
        }
    }

    /// Where IDs grow, leaves are full.
    @Test func appendedLeavesAreFull() {
        var tree = IDTree<Void>()
        for number in 0..<100_000 { tree.insert(StreamID(UInt64(number), 0), ()) }
        tree.checkInvariants()
        // 16 bytes of ID, and less than two of headers and the nodes above.
        #expect(tree.memoryBytes < 18 * 100_000)
        for number in 0..<99_990 { tree.remove(StreamID(UInt64(number), 0)) }
        tree.checkInvariants()
        #expect(tree.memoryBytes < 4096)
    }
}
