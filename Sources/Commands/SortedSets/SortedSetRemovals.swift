import Bytes
import Keyspace
import RESP
import Values

extension SortedSetCommands {
    static func zrem(_ call: inout CommandContext) {
        let arguments = call.arguments
        switch call.collection(call.key, SortedSetValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let value):
            guard let first = (2..<arguments.count).first(where: { value.score(of: arguments[$0]) != nil }) else {
                return call.reply.pointee.integer(0)
            }
            let removed = call.change(entry, value, call.key, .sortedSet, "zrem") { value in
                (first..<arguments.count).reduce(0) { $0 + (value.remove(arguments[$1]) ? 1 : 0) }
            }
            call.reply.pointee.integer(removed)
        }
    }

    static func zremrangebyrank(_ call: inout CommandContext) { removeInterval(&call, .ranks, "zremrangebyrank") }

    static func zremrangebyscore(_ call: inout CommandContext) {
        removeInterval(&call, .scores, "zremrangebyscore")
    }

    static func zremrangebylex(_ call: inout CommandContext) { removeInterval(&call, .members, "zremrangebylex") }

    /// The elements between the bounds in the arguments 2 and 3; nil: the error has been replied.
    static func span(_ call: borrowing CommandContext, _ kind: IntervalKind) -> SortedSetSpan? {
        do {
            return SortedSetSpan(try SortedSetInterval(call.arguments, kind, 2, 3).bounds)
        } catch {
            call.reply.pointee.error(error.text)
            return nil
        }
    }

    private static func removeInterval(
        _ call: inout CommandContext, _ kind: IntervalKind, _ event: StaticString
    ) {
        guard let span = span(call, kind) else { return }
        switch call.collection(call.key, SortedSetValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let value):
            let range = span.range(in: value)
            if !range.isEmpty {
                call.change(entry, value, call.key, .sortedSet, event) { $0.removeSubrange(range) }
            }
            call.reply.pointee.integer(range.count)
        }
    }

    // MARK: Taking from the ends

    /// What ZPOPMIN and ZPOPMAX take. What is no count is refused by the command.
    static func popped(_ arguments: Arguments) -> Int {
        arguments.count > 2 ? Decimal.parseInt64(arguments[2]).map { max(0, Int($0)) } ?? 0 : 1
    }

    /// What ZMPOP and BZMPOP may take, from whichever end: the number is the last argument, if there is one.
    static func poppedFirst(_ arguments: Arguments) -> KeyNeed {
        let last = arguments.count - 1
        let isCounted = last > 4 && arguments[last - 1].equalsIgnoringCase("count")
        let number = isCounted ? Decimal.parseInt64(arguments[last]).map { max(0, Int($0)) } ?? 0 : 1
        return .pops(first: number, last: number)
    }

    static func zpopmin(_ call: inout CommandContext) { popOne(&call, fromEnd: false) }

    static func zpopmax(_ call: inout CommandContext) { popOne(&call, fromEnd: true) }

    private static func popOne(_ call: inout CommandContext, fromEnd: Bool) {
        guard call.arguments.count <= 3 else { return call.reply.pointee.error(ErrorText.syntax) }
        let isCounted = call.arguments.count == 3
        var count: Int64 = 1
        if isCounted {
            guard let number = Decimal.parseInt64(call.arguments[2]), number >= 0 else {
                return call.reply.pointee.error(ErrorText.notPositive)
            }
            count = number
        }
        switch call.collection(call.key, SortedSetValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(let entry, let value):
            guard count > 0 else { return call.reply.pointee.array(0) }
            let isNested = isCounted && call.reply.pointee.version == 3
            pop(
                &call.keyspace, call.reply, call.key, entry, value, count: Int(count), fromEnd: fromEnd,
                isNested: isNested)
        }
    }

    /// Replies and removes up to `count` elements from one end.
    private static func pop(
        _ keyspace: inout LockedKeyspace, _ reply: UnsafeMutablePointer<ReplyWriter>, _ key: KeyRef,
        _ entry: Entry, _ value: SortedSetValue, count: Int, fromEnd: Bool, isNested: Bool
    ) {
        let number = min(count, value.count)
        let range = fromEnd ? value.count - number..<value.count : 0..<number
        let writer = PairWriter(reply, withScores: true, isNested: isNested)
        writer.begin(number)
        value.forEach(in: range, reversed: fromEnd) { writer.write($0, $1) }
        keyspace.changeOrRemove(entry, value, key, .sortedSet, fromEnd ? "zpopmax" : "zpopmin") {
            $0.removeSubrange(range)
        }
    }

    static func zmpop(_ call: inout CommandContext) { popFirst(&call, numkeys: 1, waits: false) }

    /// ZMPOP and, with a timeout in front, BZMPOP. The number of keys is argument `numkeys`.
    static func popFirst(_ call: inout CommandContext, numkeys: Int, waits: Bool) {
        let arguments = call.arguments
        guard let keys = Decimal.parseInt64(arguments[numkeys]), keys > 0 else {
            return call.reply.pointee.error(ErrorText.numkeysZero)
        }
        guard keys < arguments.count - numkeys - 1 else { return call.reply.pointee.error(ErrorText.syntax) }
        let end = arguments[Int(keys) + numkeys + 1]
        let fromEnd = end.equalsIgnoringCase("max")
        guard fromEnd || end.equalsIgnoringCase("min") else { return call.reply.pointee.error(ErrorText.syntax) }
        var count: Int64 = 1
        let rest = Int(keys) + numkeys + 2
        if rest < arguments.count {
            guard arguments[rest].equalsIgnoringCase("count"), rest + 1 < arguments.count else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
            guard let number = Decimal.parseInt64(arguments[rest + 1]), number > 0 else {
                return call.reply.pointee.error(ErrorText.popCount)
            }
            guard rest + 2 == arguments.count else { return call.reply.pointee.error(ErrorText.syntax) }
            count = number
        }
        var timeout: Int64?
        if waits {
            timeout = call.timeout(seconds: 1)
            if timeout == nil { return }
        }
        let limit = Int(count)
        let serve: BlockRequest.Serve = { keyspace, key, entry, reply in
            reply.pointee.array(2)
            reply.pointee.bulk(key.bytes)
            let value = keyspace.value(of: entry, as: SortedSetValue.self)
            pop(&keyspace, reply, key, entry, value, count: limit, fromEnd: fromEnd, isNested: true)
        }
        for index in call.candidates {
            switch call.collection(call.keys[index], SortedSetValue.self, isRead: false) {
            case .refused: return
            case .missing: continue
            case .found(let entry, _): return serve(&call.keyspace, call.keys[index], entry, call.reply)
            }
        }
        guard let timeout else { return call.reply.pointee.nullArray() }
        waitForSortedSet(&call, timeout, serve)
    }
}
