import Bytes
import Keyspace
import RESP
import Values

// BITOP, with the shifts that KeyDB added.

extension BitmapCommands {
    private enum Operation {
        case combine(Bits.Combination)
        case complement
        /// To the left if `sign` is 1, to the right if it is -1.
        case shift(sign: Int)

        init?(_ word: ByteSlice) {
            if word.equalsIgnoringCase("and") {
                self = .combine(.and)
            } else if word.equalsIgnoringCase("or") {
                self = .combine(.or)
            } else if word.equalsIgnoringCase("xor") {
                self = .combine(.xor)
            } else if word.equalsIgnoringCase("not") {
                self = .complement
            } else if word.equalsIgnoringCase("lshift") {
                self = .shift(sign: 1)
            } else if word.equalsIgnoringCase("rshift") {
                self = .shift(sign: -1)
            } else {
                return nil
            }
        }
    }

    /// The last word of a shift is no key.
    static func keysOfBitop(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        guard arguments.count > 3 else { return }
        var end = arguments.count
        if case .shift? = Operation(arguments[1]) { end = 4 }
        uses.append(KeyUse(argument: 2, database: database, need: .presence))
        for index in 3..<end { uses.append(KeyUse(argument: index, database: database, need: .value)) }
    }

    static func bitop(_ call: inout CommandContext) {
        guard let operation = Operation(call.arguments[1]) else { return call.reply.pointee.error(ErrorText.syntax) }
        var amount = 0
        switch operation {
        case .complement where call.arguments.count != 4:
            return call.reply.pointee.error(ErrorText.bitopNotOneSource)
        case .shift(let sign):
            guard call.arguments.count == 5 else { return call.reply.pointee.error(ErrorText.bitopShiftSources) }
            guard let number = Decimal.parseInt64(call.arguments[4]) else {
                return call.reply.pointee.error(ErrorText.bitopShiftNotInteger)
            }
            // Nothing is left either way by a shift of so many bits, or it is refused.
            amount = sign * Int(max(number, -.max))
        case .complement, .combine: break
        }
        var texts = ByteBuffer()
        guard let sources = sources(&call, &texts) else { return }
        let longest = sources.map(\.count).max() ?? 0
        var length = longest
        if case .shift = operation {
            guard call.fits(longest, plus: max(0, amount >> 3 + 1)) else { return }
            length = Bits.shiftedCount(longest, by: amount)
        }
        store(&call, length) { bytes in
            switch operation {
            case .combine(let combination): Bits.combine(combination, sources, into: bytes, count: length)
            case .complement: Bits.complement(sources[0], into: bytes)
            case .shift: Bits.shift(sources[0], by: amount, into: bytes)
            }
        }
        // Read up to here.
        extendLifetime(texts)
        call.reply.pointee.integer(length)
    }

    /// The strings of all keys but the first, valid until the keyspace is changed; nil if one isn't a string: the error
    /// has been replied. Missing keys count as empty. Integers are written out into `texts`.
    private static func sources(_ call: inout CommandContext, _ texts: inout ByteBuffer) -> [ByteSlice]? {
        let count = call.keys.count - 1
        var sources: [ByteSlice] = []
        sources.reserveCapacity(count)
        for index in 1...count {
            guard let entry = call.keyspace.read(call.keys[index]) else {
                sources.append(.empty)
                continue
            }
            guard call.isString(entry) else { return nil }
            if let number = entry.record.integerValue {
                // Room for all, so that the first ones don't move: no integer is longer than 20 bytes.
                if texts.isEmpty { texts.reserve(20 * count) }
                let before = texts.count
                texts.append(decimal: number)
                sources.append(texts.slice.dropFirst(before))
            } else {
                sources.append(entry.record.storedBytes)
            }
        }
        return sources
    }

    /// Gives the destination a new string of `length` bytes, which `fill` writes; none: deletes it.
    private static func store(
        _ call: inout CommandContext, _ length: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void
    ) {
        guard length > 0 else {
            if call.keyspace.delete(call.key) { call.keyspace.notify(.generic, "del", call.key) }
            return
        }
        let blank = Record.string(key: call.key.bytes, value: .empty, expiry: nil, encoding: .raw)
        let (record, bytes) = blank.writableString(length: length)
        fill(bytes)
        call.keyspace.set(call.key, record)
        call.keyspace.notify(.string, "set", call.key)
    }
}
