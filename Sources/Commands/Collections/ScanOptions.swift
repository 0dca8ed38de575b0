import Bytes
import RESP
import Values

/// MATCH and COUNT of SSCAN, HSCAN and ZSCAN, and HSCAN's NOVALUES.
struct ScanOptions {
    /// COUNT where it isn't given.
    static let standardCount = 10
    var count = standardCount
    var pattern: GlobPattern?
    var omitsValues = false

    /// Nil: they are wrong, which has been replied.
    init?(_ call: borrowing CommandContext, takesNoValues: Bool) {
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            if takesNoValues, word.equalsIgnoringCase("novalues") {
                omitsValues = true
                index += 1
                continue
            }
            defer { index += 2 }
            if index + 1 < call.arguments.count, word.equalsIgnoringCase("count") {
                guard let number = Self.count(call, index + 1) else { return nil }
                count = number
            } else if index + 1 < call.arguments.count, word.equalsIgnoringCase("match") {
                let glob = GlobPattern(call.arguments[index + 1])
                pattern = glob.isMatchAll ? nil : glob
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
        }
    }

    /// The argument as a COUNT; nil: it is none, which has been replied.
    static func count(_ call: borrowing CommandContext, _ index: Int) -> Int? {
        guard let number = call.integer(index) else { return nil }
        if number > 0 { return Int(number) }
        call.reply.pointee.error(ErrorText.syntax)
        return nil
    }

    func matches(_ text: ByteSlice) -> Bool { pattern?.matches(text) ?? true }
}

extension CommandContext {
    /// SSCAN and its kin: `body` gets the collection, the cursor and the options, and replies. As in Redis, of a
    /// missing key the options aren't looked at.
    mutating func scan<V: CollectionValue>(
        _ type: V.Type, takesNoValues: Bool = false,
        _ body: (V, UInt64, ScanOptions, UnsafeMutablePointer<ReplyWriter>) -> Void
    ) {
        guard let cursor = KeyCommands.cursor(arguments[2]) else {
            return reply.pointee.error(ErrorText.invalidCursor)
        }
        switch collection(key, type, isRead: true) {
        case .refused: return
        case .missing: reply.pointee.scanned(next: 0, elements: 0)
        case .found(_, let value):
            guard let options = ScanOptions(self, takesNoValues: takesNoValues) else { return }
            body(value, cursor, options, reply)
        }
    }
}

extension ReplyWriter {
    /// The cursor that goes on, a hash of 32 bits, and the header of the elements.
    mutating func scanned(next: UInt64, elements: Int) {
        array(2)
        bulk(number: Int(next))
        array(elements)
    }
}
