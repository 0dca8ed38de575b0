import Bytes
import Commands
import Testing
import Values

@Suite struct HyperLogLogTests {
    private static let others = KeyCommands.rows + StringCommands.rows + ListCommands.rows

    @Test func transcripts() {
        Transcript.check(HyperLogLogCommands.rows, with: Self.others, transcripts: ["hyperloglog"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(HyperLogLogCommands.rows)
    }

    /// Registers of either form are those of an array that takes the larger rank each time.
    @Test(arguments: [64, 400, 3000] as [Int]) func draftsHoldTheLargestRanks(limit: Int) {
        var random = RandomSource(seed: UInt64(limit))
        var model = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
        var draft = HyperLogLogDraft()
        for step in 0..<6000 {
            // Mostly in a small part, so that runs of values come about.
            let part = [40, 1000, HyperLogLog.registerCount][random.index(below: 3)]
            let index = random.index(below: part)
            let rank = UInt8(1 + random.index(below: random.index(below: 2000) == 0 ? 51 : 4))
            let change = draft.raise(index, to: rank, limitBytes: limit)
            #expect((change == .made) == (rank > model[index]), "step \(step)")
            model[index] = max(model[index], rank)
            #expect(!draft.isSparse || draft.bytes.count <= limit)
            guard step % 500 == 499 else { continue }
            var found = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
            #expect(found.withUnsafeMutableBufferPointer { HyperLogLog.unite(draft.bytes, into: $0.baseAddress!) })
            #expect(found == model, "step \(step)")
            let whole = HyperLogLog.histogram(draft.bytes).map(HyperLogLog.estimate)
            #expect(whole == model.withUnsafeBufferPointer {
                HyperLogLog.estimate(HyperLogLog.histogram(unpacked: $0.baseAddress!))
            })
        }
        #expect(!draft.isSparse || limit == 3000)
    }

    @Test func estimatesAreNear() {
        let harness = CommandHarness(HyperLogLogCommands.rows)
        var count = 0
        for checkpoint in [10, 100, 1000, 20000] {
            while count < checkpoint {
                harness.run([Array("PFADD".utf8), Array("k".utf8)] + (0..<10).map { Array("e\(count + $0)".utf8) })
                count += 10
            }
            let estimate = Int(harness.run("PFCOUNT", "k").dropFirst()) ?? 0
            #expect(abs(estimate - checkpoint) <= checkpoint / 25, "\(estimate) for \(checkpoint)")
        }
    }

    /// Whatever the bytes are, the answer is a number or an error.
    @Test func damageIsRefused() {
        var random = RandomSource(seed: 3)
        let harness = CommandHarness(HyperLogLogCommands.rows + StringCommands.rows)
        for round in 0..<300 {
            harness.run("DEL", "k")
            let words = (0..<random.index(below: 300)).map { _ in Array("\(random.next())".utf8) }
            harness.run([Array("PFADD".utf8), Array("k".utf8)] + words)
            for _ in 0..<1 + random.index(below: 4) {
                let length = Int(harness.run("STRLEN", "k").dropFirst()) ?? 1
                let byte = [UInt8(truncatingIfNeeded: random.next())]
                let place = Array("\(random.index(below: length + 2))".utf8)
                harness.run([Array("SETRANGE".utf8), Array("k".utf8), place, byte])
            }
            for command in [["PFADD", "k", "\(round)"], ["PFCOUNT", "k"], ["PFMERGE", "other", "k"], ["PFCOUNT", "k", "o"]] {
                let reply = harness.run(command.map { Array($0.utf8) })
                #expect(reply.hasPrefix(":") || reply == "+OK" || reply.hasPrefix("-"))
            }
            harness.run("PFDEBUG", "DECODE", "k")
            harness.run("PFDEBUG", "GETREG", "k")
        }
    }
}
