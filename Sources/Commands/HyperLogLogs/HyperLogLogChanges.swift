import Bytes
import Keyspace
import RESP
import Values

// PFADD, PFCOUNT, PFMERGE.

extension CommandContext {
    /// The form of an entry's HyperLogLog; nil if it is none: the error has been replied.
    @inline(__always)
    func hyperLogLogForm(_ entry: Entry) -> HyperLogLog.Form? {
        guard isString(entry) else { return nil }
        if entry.record.integerValue == nil, let form = HyperLogLog.form(of: entry.record.storedBytes) { return form }
        reply.pointee.error(ErrorText.notHyperLogLog)
        return nil
    }

    /// Gives a key the HyperLogLog of a draft; an entry that exists keeps its expiry.
    mutating func storeDraft(_ draft: borrowing HyperLogLogDraft, _ entry: Entry?) {
        let bytes = draft.bytes
        if entry == nil {
            let record = Record.string(
                key: key.bytes, value: bytes, expiry: nil, allowInteger: false, encoding: .raw)
            keyspace.set(key, record)
        } else {
            changeBytes(entry, length: bytes.count) { $0.update(from: bytes.base, count: bytes.count) }
        }
    }
}

extension HyperLogLogCommands {
    static func pfadd(_ call: inout CommandContext) {
        guard let entry = call.keyspace.find(call.key) else {
            var draft = HyperLogLogDraft()
            _ = add(call, &draft)
            draft.invalidate()
            return finish(&call, draft, nil)
        }
        switch call.hyperLogLogForm(entry) {
        case nil: return
        case .dense: addDense(&call, entry)
        case .sparse:
            var draft = HyperLogLogDraft(copying: entry.record.storedBytes)
            switch add(call, &draft) {
            case (false, false): call.reply.pointee.integer(0)
            case (true, false): finish(&call, draft, entry)
            case (let hasChanged, true):
                // As in Redis, what came before the element that met the damage stays.
                if hasChanged { call.storeDraft(draft, entry) }
                call.reply.pointee.error(ErrorText.corruptHyperLogLog)
            }
        }
    }

    /// Gives the draft the elements, up to the first that finds it damaged.
    private static func add(
        _ call: borrowing CommandContext, _ draft: inout HyperLogLogDraft
    ) -> (hasChanged: Bool, isDamaged: Bool) {
        var hasChanged = false
        for index in 2..<max(2, call.arguments.count) {
            let (register, rank) = HyperLogLog.place(of: call.arguments[index])
            switch draft.raise(register, to: rank, limitBytes: call.settings.sparseHyperLogLogBytes) {
            case .none: continue
            case .made: hasChanged = true
            case .damaged: return (hasChanged, true)
            }
        }
        return (hasChanged, false)
    }

    private static func finish(_ call: inout CommandContext, _ draft: borrowing HyperLogLogDraft, _ entry: Entry?) {
        call.storeDraft(draft, entry)
        call.keyspace.notify(.string, "pfadd", call.key)
        call.reply.pointee.integer(1)
    }

    /// A dense one changes where it is, if at all.
    private static func addDense(_ call: inout CommandContext, _ entry: Entry) {
        let old = entry.record.storedBytes.base + HyperLogLog.headerBytes
        let arguments = call.arguments
        guard var next = firstRaise(arguments, from: 2, old) else { return call.reply.pointee.integer(0) }
        call.changeBytes(entry, length: HyperLogLog.denseBytes) { bytes in
            let registers = bytes + HyperLogLog.headerBytes
            while true {
                HyperLogLog.setRegister(registers, next.register, next.rank)
                guard let another = firstRaise(arguments, from: next.argument + 1, registers) else { break }
                next = another
            }
            HyperLogLog.invalidate(bytes)
        }
        call.keyspace.notify(.string, "pfadd", call.key)
        call.reply.pointee.integer(1)
    }

    /// The first element from an argument on that raises a register.
    private static func firstRaise(
        _ arguments: Arguments, from first: Int, _ registers: UnsafePointer<UInt8>
    ) -> (argument: Int, register: Int, rank: UInt8)? {
        for index in first..<max(first, arguments.count) {
            let (register, rank) = HyperLogLog.place(of: arguments[index])
            if HyperLogLog.register(registers, register) < rank { return (index, register, rank) }
        }
        return nil
    }

    // MARK: PFCOUNT

    static func pfcount(_ call: inout CommandContext) {
        if call.keys.count > 1 { return countUnion(&call) }
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.integer(0) }
        guard call.hyperLogLogForm(entry) != nil else { return }
        let bytes = entry.record.storedBytes
        if let cached = HyperLogLog.cachedCardinality(bytes) {
            return call.reply.pointee.integer(Int64(bitPattern: cached))
        }
        guard let histogram = HyperLogLog.histogram(bytes) else {
            return call.reply.pointee.error(ErrorText.corruptHyperLogLog)
        }
        let cardinality = HyperLogLog.estimate(histogram)
        call.changeBytes(entry, length: bytes.count) { HyperLogLog.cache(cardinality, in: $0) }
        call.reply.pointee.integer(Int64(bitPattern: cardinality))
    }

    private static func countUnion(_ call: inout CommandContext) {
        guard let histogram = withUnion(&call, { _, registers, _ in HyperLogLog.histogram(unpacked: registers) }) else { return }
        call.reply.pointee.integer(Int64(bitPattern: HyperLogLog.estimate(histogram)))
    }

    /// Calls `body` with the registers of all keys together, a byte each, and whether one of them is dense; not if one is
    /// no HyperLogLog or damaged: the error has been replied, and nil is returned.
    private static func withUnion<R>(
        _ call: inout CommandContext, _ body: (inout CommandContext, UnsafeMutablePointer<UInt8>, Bool) -> R
    ) -> R? {
        var isAnyDense = false
        let registers = UnsafeMutablePointer<UInt8>.allocate(capacity: HyperLogLog.registerCount)
        defer { registers.deallocate() }
        registers.initialize(repeating: 0, count: HyperLogLog.registerCount)
        for index in 0..<call.keys.count {
            guard let entry = call.keyspace.read(call.keys[index]) else { continue }
            guard let form = call.hyperLogLogForm(entry) else { return nil }
            if form == .dense { isAnyDense = true }
            guard HyperLogLog.unite(entry.record.storedBytes, into: registers) else {
                call.reply.pointee.error(ErrorText.corruptHyperLogLog)
                return nil
            }
        }
        return body(&call, registers, isAnyDense)
    }

    // MARK: PFMERGE

    static func pfmerge(_ call: inout CommandContext) {
        _ = withUnion(&call) { merge(&$0, $1, dense: $2) }
    }

    private static func merge(
        _ call: inout CommandContext, _ registers: UnsafePointer<UInt8>, dense: Bool
    ) {
        let entry = call.keyspace.find(call.key)
        var draft = entry.map { HyperLogLogDraft(copying: $0.record.storedBytes) } ?? HyperLogLogDraft()
        // All keys were found whole, the destination too: nothing here can find damage.
        if dense { _ = draft.makeDense() }
        let limit = call.settings.sparseHyperLogLogBytes
        for index in 0..<HyperLogLog.registerCount where registers[index] > 0 {
            _ = draft.raise(index, to: registers[index], limitBytes: limit)
        }
        draft.invalidate()
        call.storeDraft(draft, entry)
        // As in Redis: a merge is an addition of many elements.
        call.keyspace.notify(.string, "pfadd", call.key)
        call.reply.pointee.ok()
    }
}
