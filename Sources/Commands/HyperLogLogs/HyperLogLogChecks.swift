import Bytes
import Keyspace
import RESP
import Values

// PFDEBUG and PFSELFTEST.

extension HyperLogLogCommands {
    static func pfdebug(_ call: inout CommandContext) {
        guard let entry = call.keyspace.find(call.key) else {
            return call.reply.pointee.error(ErrorText.debuggedKeyMissing)
        }
        guard let form = call.hyperLogLogForm(entry) else { return }
        let word = call.arguments[1]
        if word.equalsIgnoringCase("getreg") {
            if form == .sparse, !makeDense(&call, entry) { return }
            replyRegisters(&call)
        } else if word.equalsIgnoringCase("decode") {
            guard form == .sparse else { return call.reply.pointee.error(ErrorText.notSparse) }
            call.reply.pointee.bulk(SparseRuns.text(entry.record.storedBytes))
        } else if word.equalsIgnoringCase("encoding") {
            call.reply.pointee.simple(form == .dense ? "dense" : "sparse")
        } else if word.equalsIgnoringCase("todense") {
            if form == .sparse, !makeDense(&call, entry) { return }
            call.reply.pointee.integer(form == .sparse ? 1 : 0)
        } else {
            call.reply.pointee.error(ErrorText.unknownDebugSubcommand(word))
        }
    }

    /// False if the HyperLogLog is damaged: the error has been replied.
    private static func makeDense(_ call: inout CommandContext, _ entry: Entry) -> Bool {
        var draft = HyperLogLogDraft(copying: entry.record.storedBytes)
        guard draft.makeDense() else {
            call.reply.pointee.error(ErrorText.corruptHyperLogLog)
            return false
        }
        call.storeDraft(draft, entry)
        return true
    }

    private static func replyRegisters(_ call: inout CommandContext) {
        // Found before, and dense now.
        guard let record = call.keyspace.peek(call.key)?.record else { return }
        let registers = record.storedBytes.base + HyperLogLog.headerBytes
        call.reply.pointee.array(HyperLogLog.registerCount)
        for index in 0..<HyperLogLog.registerCount {
            call.reply.pointee.integer(Int(HyperLogLog.register(registers, index)))
        }
    }

    // MARK: PFSELFTEST

    /// Takes seconds, and no keys: it is done by another thread.
    static func pfselftest(_ call: inout CommandContext) {
        switch call.takeAnswer() {
        case .done(let failure as String)?:
            if failure.isEmpty { call.reply.pointee.ok() } else { call.reply.pointee.error("ERR " + failure) }
        case nil:
            let limit = call.settings.sparseHyperLogLogBytes
            var random = RandomSource(seed: call.random.next())
            let seed = random.next()
            call.request = .job {
                var random = RandomSource(seed: seed)
                return .done(checkRegisters(&random) ?? checkEstimates(seed: seed, limitBytes: limit) ?? "")
            }
        case let other?: call.refuse(other)
        }
    }

    /// Dense registers keep what they are given, and leave their neighbours alone.
    private static func checkRegisters(_ random: inout RandomSource) -> String? {
        var bytes = [UInt8](repeating: 0, count: HyperLogLog.denseBytes)
        var expected = [UInt8](repeating: 0, count: HyperLogLog.registerCount)
        for _ in 0..<1000 {
            let wrong = bytes.withUnsafeMutableBufferPointer { buffer -> Int? in
                guard let registers = buffer.baseAddress else { return 0 }
                for index in 0..<HyperLogLog.registerCount {
                    expected[index] = UInt8(random.index(below: 64))
                    HyperLogLog.setRegister(registers, index, expected[index])
                }
                return (0..<HyperLogLog.registerCount).first {
                    HyperLogLog.register(registers, $0) != expected[$0]
                }
            }
            if let wrong { return "TESTFAILED Register \(wrong) should be \(expected[wrong])" }
        }
        return nil
    }

    /// For powers of ten up to ten million: a dense and a sparse one agree, and the estimate is not further off than six
    /// times the expected error.
    private static func checkEstimates(seed: UInt64, limitBytes: Int) -> String? {
        var dense = HyperLogLogDraft()
        _ = dense.makeDense()
        var sparse = HyperLogLogDraft()
        var checkpoint: UInt64 = 1
        for number in 1...10_000_000 as ClosedRange<UInt64> {
            var element = number ^ seed
            let (register, rank) = withUnsafeBytes(of: &element) {
                // A number has an address.
                HyperLogLog.place(of: ByteSlice($0.baseAddress.unsafelyUnwrapped, count: 8))
            }
            _ = dense.raise(register, to: rank, limitBytes: limitBytes)
            _ = sparse.raise(register, to: rank, limitBytes: limitBytes)
            guard number == checkpoint else { continue }
            if number < limitBytes / 2, !sparse.isSparse { return "TESTFAILED sparse encoding not used" }
            guard let first = HyperLogLog.histogram(dense.bytes).map(HyperLogLog.estimate),
                let second = HyperLogLog.histogram(sparse.bytes).map(HyperLogLog.estimate), first == second
            else { return "TESTFAILED dense/sparse disagree" }
            let expected = 1.04 / Double(HyperLogLog.registerCount).squareRoot() * 6 * Double(checkpoint)
            let allowed = number == 10 ? 1 : UInt64(expected.rounded(.up))
            let error = first > checkpoint ? first - checkpoint : checkpoint - first
            if error > allowed { return "TESTFAILED Too big error. card:\(checkpoint) abserr:\(error)" }
            checkpoint *= 10
        }
        return nil
    }
}
