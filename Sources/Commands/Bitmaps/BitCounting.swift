import Bytes
import Keyspace
import RESP
import Values

// BITCOUNT and BITPOS. Both look at a part of a string, named by bytes or bits.

extension BitmapCommands {
    /// Whether the word is BIT, or BYTE; nil if neither: the error has been replied.
    private static func isBits(_ call: borrowing CommandContext, _ index: Int) -> Bool? {
        if call.arguments[index].equalsIgnoringCase("bit") { return true }
        if call.arguments[index].equalsIgnoringCase("byte") { return false }
        call.reply.pointee.error(ErrorText.syntax)
        return nil
    }

    /// The bits that two inclusive indices of bytes or bits name, negative ones counted from the end.
    private static func resolve(_ first: Int64, _ last: Int64, bits: Bool, length: Int) -> Range<Int> {
        let total = bits ? length << 3 : length
        // The sum of a negative and a length can't overflow.
        let start = max(0, first < 0 ? total + Int(first) : Int(first))
        let end = min(total - 1, max(0, last < 0 ? total + Int(last) : Int(last)))
        guard start <= end else { return 0..<0 }
        return bits ? start..<end + 1 : start << 3..<(end + 1) << 3
    }

    static func bitcount(_ call: inout CommandContext) {
        // A missing key and a wrong type are told before the range is looked at.
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.integer(0) }
        guard call.isString(entry) else { return }
        let length = entry.record.stringLength
        var range = 0..<length << 3
        switch call.arguments.count {
        case 2: break
        case 4, 5:
            guard let first = call.integer(2), let last = call.integer(3) else { return }
            if first < 0, last < 0, first > last { return call.reply.pointee.integer(0) }
            var bits = false
            if call.arguments.count == 5 {
                guard let given = isBits(call, 4) else { return }
                bits = given
            }
            range = resolve(first, last, bits: bits, length: length)
        default: return call.reply.pointee.error(ErrorText.syntax)
        }
        call.reply.pointee.integer(entry.record.withString { Bits.count($0, in: range) })
    }

    static func bitpos(_ call: inout CommandContext) {
        guard let bit = call.integer(2) else { return }
        guard bit == 0 || bit == 1 else { return call.reply.pointee.error(ErrorText.bitArgument) }
        // A missing key is an endless row of zeros.
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.integer(bit == 1 ? -1 : 0) }
        guard call.isString(entry) else { return }
        let length = entry.record.stringLength
        let words = call.arguments.count
        var range = 0..<length << 3
        if words > 6 { return call.reply.pointee.error(ErrorText.syntax) }
        if words > 3 {
            guard let first = call.integer(3) else { return }
            var bits = false
            if words == 6 {
                guard let given = isBits(call, 5) else { return }
                bits = given
            }
            var last: Int64 = -1
            if words > 4 {
                guard let given = call.integer(4) else { return }
                last = given
            }
            range = resolve(first, last, bits: bits, length: length)
        }
        if let found = entry.record.withString({ Bits.firstIndex(ofOne: bit == 1, $0, in: range) }) {
            return call.reply.pointee.integer(found)
        }
        // Behind a string whose end isn't given there are zeros.
        let goesOn = bit == 0 && words < 5 && !range.isEmpty
        call.reply.pointee.integer(goesOn ? range.upperBound : -1)
    }
}
