import Bytes
import CShims
import Testing
import Values

@testable import Keyspace

/// A table beside a sorted list of (tag, key number); every record is counted.
private final class Modelled {
    var table = KeyTable()
    var model: [(tag: UInt32, key: Int)] = []
    var arrayBytes = 0

    static func key(_ number: Int) -> [UInt8] { Array("key:\(number)".utf8) }

    func insert(_ tag: UInt32, _ number: Int) {
        let record = Self.key(number).withSlice { Record.integer(key: $0, Int64(number), expiry: nil) }
        arrayBytes += table.insert(tag, record)
        let at = model.firstIndex { $0.tag > tag } ?? model.count
        model.insert((tag, number), at: at)
    }

    func remove(at place: Int) {
        let (tag, number) = model.remove(at: place)
        let index = Self.key(number).withSlice { table.find(tag, $0) }
        let record = table.slot(at: index).record
        arrayBytes -= table.remove(at: index)
        record.free()
    }

    /// Everything the model says, the table says.
    func check() {
        table.checkInvariants()
        #expect(table.count == model.count)
        #expect(table.memoryBytes == arrayBytes)
        for (tag, number) in model {
            let index = Self.key(number).withSlice { table.find(tag, $0) }
            #expect(index >= 0 && table.slot(at: index).record.integerValue == Int64(number))
        }
        let tags = (0..<table.slotCount).map { table.slot(at: $0) }.filter { !$0.isFree }.map(\.tag)
        #expect(tags == model.map(\.tag))
    }

    deinit {
        for index in 0..<table.slotCount where !table.slot(at: index).isFree { table.slot(at: index).record.free() }
        table.releaseArray()
    }
}

@Suite struct KeyTableTests {
    static let last: UInt32 = 1 << 21 - 1

    /// Prefetching reads these words without the lock, at these places.
    @Test func prefetchedWordsAreTheFirst() {
        #expect(MemoryLayout<Partition>.offset(of: \.table) == 0)
        #expect(MemoryLayout<KeyTable>.offset(of: \.slots) == 0)
        #expect(MemoryLayout<KeyTable>.offset(of: \.capacity) == MemoryLayout<UInt>.size)
    }

    /// All sequences of up to seven insertions with tags from a small set, then removal in every position.
    @Test func everySmallLayout() {
        let tags: [UInt32] = [0, 1, Self.last / 2, Self.last]
        for length in 0...6 {
            var combinations = 1
            for _ in 0..<length { combinations *= tags.count }
            for code in 0..<combinations {
                let modelled = Modelled()
                var rest = code
                for number in 0..<length {
                    modelled.insert(tags[rest % tags.count], number)
                    rest /= tags.count
                }
                modelled.check()
                var turn = code
                while !modelled.model.isEmpty {
                    modelled.remove(at: turn % modelled.model.count)
                    turn = turn / 3 + 1
                    modelled.table.checkInvariants()
                }
                modelled.check()
            }
        }
    }

    @Test func randomGrowthAndShrinking() {
        for seed in 1...4 as ClosedRange<UInt64> {
            var random = RandomSource(seed: seed)
            let modelled = Modelled()
            var number = 0
            for phase in 0..<6 {
                // Up to some thousands, down to nearly none, with tags crowded at the end in two phases.
                let target = phase % 2 == 0 ? 1_500 : 3
                while modelled.model.count != target {
                    let grows = modelled.model.count < target
                    if grows == (random.index(below: 10) < 9) || modelled.model.isEmpty {
                        let tag =
                            phase == 2
                                ? Self.last - UInt32(random.below(40)) : UInt32(random.below(UInt64(Self.last) + 1))
                        modelled.insert(tag, number)
                        number += 1
                    } else {
                        modelled.remove(at: random.index(below: modelled.model.count))
                    }
                    if number % 97 == 0 { modelled.table.checkInvariants() }
                }
                modelled.check()
            }
        }
    }

    /// More equal tags at the end than the overflow holds.
    @Test func equalTags() {
        for tag in [0, Self.last / 3, Self.last] {
            let modelled = Modelled()
            for number in 0..<200 { modelled.insert(tag, number) }
            modelled.check()
            #expect(modelled.table.memoryBytes < 200 * 40)
            for _ in 0..<190 { modelled.remove(at: modelled.model.count / 2) }
            modelled.check()
        }
    }

    @Test func findsNothingThatIsNotThere() {
        let modelled = Modelled()
        #expect(modelled.table.find(0, ByteSlice("x")) == -1)
        #expect(modelled.table.firstIndex(from: 5) == 0)
        for number in 0..<500 { modelled.insert(UInt32(number) * 4_000, number) }
        for number in 0..<500 {
            #expect(modelled.table.find(UInt32(number) * 4_000, ByteSlice("other")) == -1)
            #expect(Modelled.key(number).withSlice { modelled.table.find(UInt32(number) * 4_000 + 1, $0) } == -1)
        }
        let index = modelled.table.firstIndex(from: 4_001)
        #expect(modelled.table.slot(at: index).tag == 8_000)
        #expect(modelled.table.firstIndex(from: Self.last) == modelled.table.slotCount)
    }
}
