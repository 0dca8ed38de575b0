import Bytes
import Keyspace
import RESP
import Values

// BITFIELD and BITFIELD_RO: numbers of any width at any bit of a string.

/// One GET, SET or INCRBY of a BITFIELD.
private struct FieldOperation {
    enum Kind {
        case get
        case set(Int64)
        case increment(Int64)
    }
    let kind: Kind
    let field: BitField
    let offset: Int
    let overflow: BitField.Overflow

    /// The bit behind the field, if it is written to.
    var endOfWrite: Int {
        if case .get = kind { return 0 }
        return offset + field.width
    }

    /// What it makes of the number that is there: nil if that would not fit and fails.
    func result(_ old: Int64) -> Int64? {
        switch kind {
        case .get: old
        case .set(let number): field.fit(number, overflow)
        case .increment(let amount): field.add(old, amount, overflow)
        }
    }

    func changes(_ bytes: ByteSlice) -> Bool {
        let old = field.read(bytes, at: offset)
        guard let new = result(old) else { return false }
        return new != old
    }

    func reply(_ old: Int64, _ new: Int64?, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        guard let new else { return reply.pointee.null() }
        if case .increment = kind { return reply.pointee.integer(new) }
        reply.pointee.integer(old)
    }
}

extension BitmapCommands {
    static func bitfield(_ call: inout CommandContext) {
        guard let operations = operations(call) else { return }
        let end = operations.reduce(0) { max($0, $1.endOfWrite) }
        if end == 0 { return read(&call, operations) }
        write(&call, operations, length: (end + 7) >> 3)
    }

    static func bitfieldReadOnly(_ call: inout CommandContext) {
        guard let operations = operations(call) else { return }
        guard operations.allSatisfy({ $0.endOfWrite == 0 }) else {
            return call.reply.pointee.error(ErrorText.bitfieldReadOnly)
        }
        read(&call, operations)
    }

    /// Whether a BITFIELD only reads, for its key's flags.
    static func flagsOfBitfield(_ arguments: Arguments) -> KeySpec.Flags {
        var index = 2
        while index < arguments.count {
            let behind = arguments.count - index - 1
            if arguments[index].equalsIgnoringCase("get"), behind >= 2 {
                index += 3
            } else if arguments[index].equalsIgnoringCase("overflow"), behind >= 1 {
                index += 2
            } else {
                return [.readWrite, .access, .update]
            }
        }
        return [.readOnly, .access]
    }

    // MARK: Arguments

    /// Nil: the reply says what is wrong.
    private static func operations(_ call: borrowing CommandContext) -> [FieldOperation]? {
        let arguments = call.arguments
        var operations: [FieldOperation] = []
        var overflow = BitField.Overflow.wrap
        var index = 2
        while index < arguments.count {
            let word = arguments[index]
            let behind = arguments.count - index - 1
            if word.equalsIgnoringCase("overflow"), behind >= 1 {
                guard let given = self.overflow(arguments[index + 1]) else {
                    call.reply.pointee.error(ErrorText.bitfieldOverflow)
                    return nil
                }
                overflow = given
                index += 2
                continue
            }
            let isGet = word.equalsIgnoringCase("get")
            let isSet = word.equalsIgnoringCase("set")
            guard isGet ? behind >= 2 : behind >= 3 && (isSet || word.equalsIgnoringCase("incrby")) else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            guard let field = BitField(arguments[index + 1]) else {
                call.reply.pointee.error(ErrorText.bitfieldType)
                return nil
            }
            guard let offset = call.bitOffset(index + 2, width: field.width) else { return nil }
            var kind = FieldOperation.Kind.get
            if !isGet {
                guard let number = call.integer(index + 3) else { return nil }
                kind = isSet ? .set(number) : .increment(number)
            }
            operations.append(FieldOperation(kind: kind, field: field, offset: offset, overflow: overflow))
            index += isGet ? 3 : 4
        }
        return operations
    }

    private static func overflow(_ word: ByteSlice) -> BitField.Overflow? {
        if word.equalsIgnoringCase("wrap") { return .wrap }
        if word.equalsIgnoringCase("sat") { return .saturate }
        return word.equalsIgnoringCase("fail") ? .fail : nil
    }

    // MARK: Execution

    private static func read(_ call: inout CommandContext, _ operations: [FieldOperation]) {
        let reply = call.reply
        func answer(_ bytes: ByteSlice) {
            reply.pointee.array(operations.count)
            for operation in operations {
                reply.pointee.integer(operation.field.read(bytes, at: operation.offset))
            }
        }
        guard let entry = call.keyspace.read(call.key) else { return answer(.empty) }
        guard call.isString(entry) else { return }
        entry.record.withString(answer)
    }

    /// The string is made long enough for all fields, even if they all fail.
    private static func write(_ call: inout CommandContext, _ operations: [FieldOperation], length wanted: Int) {
        let entry = call.keyspace.find(call.key)
        var length = 0
        var changes = true
        if let entry {
            guard call.isString(entry) else { return }
            length = entry.record.stringLength
            // Up to the first operation that changes something, all see the string as it is.
            if wanted <= length {
                changes = entry.record.withString { bytes in operations.contains { $0.changes(bytes) } }
            }
        }
        let reply = call.reply
        reply.pointee.array(operations.count)
        let end = max(wanted, length)
        guard changes else {
            entry?.record.withString { bytes in
                for operation in operations {
                    let old = operation.field.read(bytes, at: operation.offset)
                    operation.reply(old, operation.result(old), reply)
                }
            }
            return
        }
        var written = 0
        call.changeBytes(entry, length: end) { bytes in
            for operation in operations {
                let old = operation.field.read(ByteSlice(base: bytes, count: end), at: operation.offset)
                let new = operation.result(old)
                operation.reply(old, new, reply)
                guard operation.endOfWrite > 0, let new else { continue }
                operation.field.write(new, to: bytes, at: operation.offset)
                if new != old || wanted > length { written += 1 }
            }
        }
        if written > 0 { call.keyspace.notify(.string, "setbit", call.key) }
    }
}
