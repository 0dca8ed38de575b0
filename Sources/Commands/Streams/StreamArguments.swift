import Bytes
import Keyspace
import RESP
import Values

// What commands on streams say: IDs, intervals, and what is too much.

/// An ID as a client writes it.
enum StreamIDText {
    /// `milliseconds-sequence`, or milliseconds alone, then with `missing` as the sequence; nil if it is none.
    static func parse(_ text: ByteSlice, missing: UInt64 = 0) -> StreamID? {
        guard let parts = parts(text), let milliseconds = number(parts.milliseconds) else { return nil }
        guard let sequence = parts.sequence else { return StreamID(milliseconds, missing) }
        return number(sequence).map { StreamID(milliseconds, $0) }
    }

    /// The milliseconds of `milliseconds-*`; nil if it is something else.
    static func parseOpen(_ text: ByteSlice) -> UInt64? {
        guard let parts = parts(text), let sequence = parts.sequence, sequence == "*" else { return nil }
        return number(parts.milliseconds)
    }

    /// The same, and `-` and `+` for the first and the last ID there is.
    static func parseBound(_ text: ByteSlice, missing: UInt64) -> StreamID? {
        if text == "-" { return .zero }
        if text == "+" { return .max }
        return parse(text, missing: missing)
    }

    /// What is before the first dash and behind it, up to a NUL byte. Texts of more than 127 bytes are none.
    private static func parts(_ text: ByteSlice) -> (milliseconds: ByteSlice, sequence: ByteSlice?)? {
        guard text.count <= 127 else { return nil }
        let shown = text.firstIndex(of: 0).map { text.prefix($0) } ?? text
        guard let dash = shown.firstIndex(of: UInt8(ascii: "-")) else { return (shown, nil) }
        return (shown.prefix(dash), shown.dropFirst(dash + 1))
    }

    /// A number as C reads it: spaces and a sign may stand before it.
    private static func number(_ text: ByteSlice) -> UInt64? {
        if let number = Decimal.parseUInt64(text) { return number }
        if let negative = Decimal.parseInt64(text), negative < 0 { return nil }
        var rest = text
        while let first = rest.buffer.first, first == 0x20 || (9...13).contains(first) { rest = rest.dropFirst(1) }
        var isNegative = false
        if let sign = rest.buffer.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            rest = rest.dropFirst(1)
        }
        while rest.count > 1, rest[0] == UInt8(ascii: "0") { rest = rest.dropFirst(1) }
        guard let number = Decimal.parseUInt64(rest) else { return nil }
        return isNegative ? 0 &- number : number
    }
}

extension CommandContext {
    /// The ID in an argument; replies what is wrong with it.
    func streamID(_ index: Int) -> StreamID? {
        let id = StreamIDText.parse(arguments[index])
        if id == nil { reply.pointee.error(ErrorText.streamID) }
        return id
    }

    /// The first ID of an interval: `(` before it leaves it out.
    func streamStart(_ index: Int) -> StreamID? {
        streamBound(index, missing: 0, ErrorText.streamStart) { $0.next }
    }

    /// The last ID of an interval.
    func streamEnd(_ index: Int) -> StreamID? {
        streamBound(index, missing: .max, ErrorText.streamEnd) { $0.previous }
    }

    private func streamBound(
        _ index: Int, missing: UInt64, _ wrong: StaticString, _ inside: (StreamID) -> StreamID?
    ) -> StreamID? {
        let text = arguments[index]
        let isOpen = text.count > 1 && text[0] == UInt8(ascii: "(")
        let parsed =
            isOpen
            ? StreamIDText.parse(text.dropFirst(1), missing: missing) : StreamIDText.parseBound(text, missing: missing)
        guard let id = parsed else {
            reply.pointee.error(ErrorText.streamID)
            return nil
        }
        guard isOpen else { return id }
        let bound = inside(id)
        if bound == nil { reply.pointee.error(wrong) }
        return bound
    }

    /// A number in an argument; `text` is the reply if it is none.
    func streamNumber(_ index: Int, _ text: StaticString) -> Int64? {
        let number = Decimal.parseInt64(arguments[index])
        if number == nil { reply.pointee.error(text) }
        return number
    }
}

extension ReplyWriter {
    mutating func bulk(_ id: StreamID) { id.withText { bulk($0) } }

    /// An entry: its ID, and its fields and values in turn.
    mutating func entry(_ entry: StreamEntry) {
        array(2)
        bulk(entry.id)
        array(2 * entry.fieldCount)
        entry.forEach { field, value in
            bulk(field)
            bulk(value)
        }
    }
}

/// The words of XADD and XTRIM that say what is too much.
struct StreamTrimOptions {
    var rule: StreamTrim?
    var isApproximate = false
    /// Entries that may go; 0: all.
    var limit: Int64 = 0

    var limitToTrim: Int? { limit == 0 ? nil : Int(limit) }

    /// An XADD's words.
    struct Addition {
        var trim = StreamTrimOptions()
        var createsStream = true
        var id = NewID.automatic
        /// The argument that is the ID.
        var idIndex = 0
    }

    enum NewID {
        case automatic
        /// The first free one of a millisecond.
        case milliseconds(UInt64)
        case given(StreamID)
    }

    private var isLimited = false

    /// Reads one option at `index`, which it moves behind it. Nil: there is none; false: it is wrong, which has been
    /// replied.
    private mutating func parseOption(_ call: borrowing CommandContext, _ index: inout Int) -> Bool? {
        let word = call.arguments[index]
        let more = call.arguments.count - 1 - index
        guard more > 0 else { return nil }
        let isLength = word.equalsIgnoringCase("maxlen")
        if isLength || word.equalsIgnoringCase("minid") {
            guard rule == nil else {
                call.reply.pointee.error(ErrorText.streamTwoStrategies)
                return false
            }
            var at = index + 1
            if more >= 2, call.arguments[at] == "~" || call.arguments[at] == "=" {
                isApproximate = call.arguments[at] == "~"
                at += 1
            }
            guard let rule = Self.rule(call, at, isLength: isLength) else { return false }
            self.rule = rule
            index = at + 1
            return true
        }
        guard word.equalsIgnoringCase("limit") else { return nil }
        guard let number = call.integer(index + 1) else { return false }
        guard number >= 0 else {
            call.reply.pointee.error(ErrorText.streamLimitNegative)
            return false
        }
        limit = number
        isLimited = true
        index += 2
        return true
    }

    private static func rule(_ call: borrowing CommandContext, _ index: Int, isLength: Bool) -> StreamTrim? {
        guard isLength else { return call.streamID(index).map { .minimumID($0) } }
        guard let number = call.integer(index) else { return nil }
        guard number >= 0 else {
            call.reply.pointee.error(ErrorText.streamLengthNegative)
            return nil
        }
        return .maximumLength(Int(number))
    }

    /// Checks the words together. False: they are wrong, which has been replied.
    private mutating func finish(_ call: borrowing CommandContext, isTrim: Bool) -> Bool {
        var wrong: StaticString?
        if limit != 0, rule == nil {
            wrong = ErrorText.streamLimitAlone
        } else if isTrim, rule == nil {
            wrong = ErrorText.streamNoStrategy
        } else if isLimited, !isApproximate {
            wrong = ErrorText.streamLimitExact
        }
        if let wrong {
            call.reply.pointee.error(wrong)
            return false
        }
        if isApproximate, !isLimited { limit = Self.usualLimit }
        return true
    }

    /// So that no call takes long: what 100 pages hold.
    private static var usualLimit: Int64 {
        let entries = CollectionLimits.streamNodeEntries.load(ordering: .relaxed)
        let (limit, overflows) = Int64(entries).multipliedReportingOverflow(by: 100)
        return overflows || limit <= 0 ? 10_000 : min(limit, 1_000_000)
    }

    /// The words of XTRIM; nil if they are wrong, which has been replied.
    static func ofTrim(_ call: borrowing CommandContext) -> StreamTrimOptions? {
        var options = StreamTrimOptions()
        var index = 2
        while index < call.arguments.count {
            guard let isRight = options.parseOption(call, &index) else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            if !isRight { return nil }
        }
        return options.finish(call, isTrim: true) ? options : nil
    }

    /// The words of XADD before the fields; nil if they are wrong, which has been replied.
    static func ofAddition(_ call: borrowing CommandContext) -> Addition? {
        var addition = Addition()
        var index = 2
        while index < call.arguments.count {
            let word = call.arguments[index]
            if word == "*" { break }
            if let isRight = addition.trim.parseOption(call, &index) {
                if !isRight { return nil }
                continue
            }
            if word.equalsIgnoringCase("nomkstream") {
                addition.createsStream = false
                index += 1
                continue
            }
            if let open = StreamIDText.parseOpen(word) {
                addition.id = .milliseconds(open)
            } else {
                guard let id = call.streamID(index) else { return nil }
                addition.id = .given(id)
            }
            break
        }
        addition.idIndex = index
        return addition.trim.finish(call, isTrim: false) ? addition : nil
    }
}
