import Bytes
import Keyspace
import RESP
import Values

extension ListCommands {
    static func llen(_ call: inout CommandContext) {
        switch call.collection(call.key, ListValue.self, isRead: true) {
        case .missing: call.reply.pointee.integer(0)
        case .refused: return
        case .found(_, let list): call.reply.pointee.integer(list.count)
        }
    }

    static func lindex(_ call: inout CommandContext) {
        switch call.collection(call.key, ListValue.self, isRead: true) {
        case .missing: call.reply.pointee.null()
        case .refused: return
        case .found(_, let list):
            guard let number = call.integer(2) else { return }
            guard let index = position(number, count: list.count) else { return call.reply.pointee.null() }
            let reply = call.reply
            list.withElement(at: index) { reply.pointee.bulk($0) }
        }
    }

    /// The element that a number names, a negative one counted from the end; nil if there is none.
    static func position(_ number: Int64, count: Int) -> Int? {
        let index = number < 0 ? Int(number) + count : Int(number)
        return index >= 0 && index < count ? index : nil
    }

    /// The elements that two inclusive numbers name, negative ones counted from the end.
    static func range(_ first: Int64, _ last: Int64, count: Int) -> Range<Int> {
        ListValue.range(Int(first), Int(last), of: count)
    }

    static func lrange(_ call: inout CommandContext) {
        guard let first = call.integer(2), let last = call.integer(3) else { return }
        switch call.collection(call.key, ListValue.self, isRead: true) {
        case .missing: call.reply.pointee.array(0)
        case .refused: return
        case .found(_, let list): replyElements(call.reply, list, range(first, last, count: list.count))
        }
    }

    /// Replies an array of the elements of `range`; `isReversed`: from the last of them on.
    static func replyElements(
        _ reply: UnsafeMutablePointer<ReplyWriter>, _ list: ListValue, _ range: Range<Int>, isReversed: Bool = false
    ) {
        func write(_ page: Listpack, _ offset: Int) -> Bool {
            switch page.item(offset) {
            case .bytes(let slice): reply.pointee.bulk(slice)
            case .integer(let number): reply.pointee.bulk(number: Int(number))
            }
            return true
        }
        reply.pointee.array(range.count)
        if isReversed { list.forEachReversed(in: range, write) } else { list.forEach(in: range, write) }
    }

    // MARK: LPOS

    private struct PositionOptions {
        /// Never `Int64.min`; negative: from the right.
        var rank: Int64 = 1
        /// 0: all. Nil: not given, and one number is the answer.
        var count: Int64?
        /// 0: all.
        var maximum: Int64 = 0
    }

    static func lpos(_ call: inout CommandContext) {
        guard let options = positionOptions(call) else { return }
        switch call.collection(call.key, ListValue.self, isRead: true) {
        case .missing:
            if options.count == nil { call.reply.pointee.null() } else { call.reply.pointee.array(0) }
        case .refused: return
        case .found(_, let list): replyPositions(call.reply, list, call.arguments[2], options)
        }
    }

    /// Nil: the reply says what is wrong.
    private static func positionOptions(_ call: borrowing CommandContext) -> PositionOptions? {
        var options = PositionOptions()
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            guard index + 1 < call.arguments.count else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            if word.equalsIgnoringCase("rank") {
                guard let rank = call.negatable(index + 1) else { return nil }
                if rank == 0 {
                    call.reply.pointee.error(ErrorText.rankZero)
                    return nil
                }
                options.rank = rank
            } else if word.equalsIgnoringCase("count") {
                guard let count = call.integer(index + 1, atLeast: 0, ErrorText.matchCountNegative) else { return nil }
                options.count = count
            } else if word.equalsIgnoringCase("maxlen") {
                guard let maximum = call.integer(index + 1, atLeast: 0, ErrorText.maxLengthNegative) else { return nil }
                options.maximum = maximum
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 2
        }
        return options
    }

    private static func replyPositions(
        _ reply: UnsafeMutablePointer<ReplyWriter>, _ list: ListValue, _ text: ByteSlice, _ options: PositionOptions
    ) {
        let end: ListEnd = options.rank < 0 ? .right : .left
        let limit = options.maximum == 0 ? Int.max : Int(options.maximum)
        var before = options.rank.magnitude - 1
        guard let count = options.count else {
            var position: Int?
            list.search(text, from: end, limit: limit) { index in
                if before == 0 { position = index } else { before -= 1 }
                return position == nil
            }
            if let position { reply.pointee.integer(position) } else { reply.pointee.null() }
            return
        }
        let begun = reply.pointee.begin(.array)
        var replied = 0
        list.search(text, from: end, limit: limit) { index in
            if before > 0 {
                before -= 1
                return true
            }
            reply.pointee.integer(index)
            replied += 1
            return replied != Int(count)
        }
        reply.pointee.end(begun, count: replied)
    }
}

extension CommandContext {
    /// The argument as an integer that can be negated; replies the error if it is none.
    func negatable(_ index: Int) -> Int64? {
        guard let number = integer(index) else { return nil }
        if number > .min { return number }
        reply.pointee.error(ErrorText.valueNotBetween(-.max, .max))
        return nil
    }

    /// The argument as an integer of at least `least`; replies `text` if it is none.
    func integer(_ index: Int, atLeast least: Int64, _ text: StaticString) -> Int64? {
        if let number = Decimal.parseInt64(arguments[index]), number >= least { return number }
        reply.pointee.error(text)
        return nil
    }

    /// The argument as an end of a list; replies the error if it is none.
    func listEnd(_ index: Int) -> ListEnd? {
        if arguments[index].equalsIgnoringCase("left") { return .left }
        if arguments[index].equalsIgnoringCase("right") { return .right }
        reply.pointee.error(ErrorText.syntax)
        return nil
    }
}
