import Bytes
import Keyspace
import RESP
import Values

extension ListCommands {
    // MARK: Pushing

    /// LPUSH, RPUSH, and with `onlyIfThere` LPUSHX, RPUSHX.
    static func push(_ call: inout CommandContext, _ end: ListEnd, onlyIfThere: Bool) {
        let arguments = call.arguments
        let event = end.pushEvent
        func pushAll(_ list: ListValue) {
            for index in 2..<arguments.count { list.push(arguments[index], end) }
        }
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing:
            guard !onlyIfThere else { return call.reply.pointee.integer(0) }
            let list = ListValue()
            pushAll(list)
            if call.refuses(list) { return }
            call.store(call.key, list, .list, event)
            call.reply.pointee.integer(list.count)
        case .refused: return
        case .found(let entry, let list):
            call.change(entry, list, call.key, .list, event) { pushAll($0) }
            call.reply.pointee.integer(list.count)
        }
    }

    static func linsert(_ call: inout CommandContext) {
        let isBehind = call.arguments[2].equalsIgnoringCase("after")
        guard isBehind || call.arguments[2].equalsIgnoringCase("before") else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing: call.reply.pointee.integer(0)
        case .refused: return
        case .found(let entry, let list):
            var pivot: Int?
            list.search(call.arguments[3], from: .left) { index in
                pivot = index
                return false
            }
            guard let pivot else { return call.reply.pointee.integer(-1) }
            let value = call.arguments[4]
            call.change(entry, list, call.key, .list, "linsert") {
                $0.insert(value, before: isBehind ? pivot + 1 : pivot)
            }
            call.reply.pointee.integer(list.count)
        }
    }

    static func lset(_ call: inout CommandContext) {
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing: call.reply.pointee.error(ErrorText.noSuchKey)
        case .refused: return
        case .found(let entry, let list):
            guard let number = call.integer(2) else { return }
            guard let index = position(number, count: list.count) else {
                return call.reply.pointee.error(ErrorText.outOfRange)
            }
            let value = call.arguments[3]
            call.change(entry, list, call.key, .list, "lset") { $0.replace(at: index, with: value) }
            call.reply.pointee.ok()
        }
    }

    // MARK: Removing

    /// LPOP, RPOP.
    static func pop(_ call: inout CommandContext, _ end: ListEnd, _ name: StaticString) {
        guard call.arguments.count <= 3 else {
            return call.reply.pointee.error(ErrorText.wrongArity(ByteSlice(name)))
        }
        var wanted: Int64?
        if call.arguments.count == 3 {
            guard let number = call.integer(2, atLeast: 0, ErrorText.notPositive) else { return }
            wanted = number
        }
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing:
            if wanted == nil { call.reply.pointee.null() } else { call.reply.pointee.nullArray() }
        case .refused: return
        case .found(let entry, let list):
            guard let wanted else { return popOne(&call.keyspace, call.reply, call.key, entry, list, end) }
            popElements(&call.keyspace, call.reply, call.key, entry, list, Int(wanted), end)
        }
    }

    /// Replies an element from an end and removes it.
    static func popOne(
        _ keyspace: inout LockedKeyspace, _ reply: UnsafeMutablePointer<ReplyWriter>, _ key: KeyRef,
        _ entry: Entry, _ list: ListValue, _ end: ListEnd
    ) {
        keyspace.changeOrRemove(entry, list, key, .list, end.popEvent) { list in
            list.pop(end) { reply.pointee.bulk($0) }
        }
    }

    /// Replies an array of up to `wanted` elements from an end and removes them.
    private static func popElements(
        _ keyspace: inout LockedKeyspace, _ reply: UnsafeMutablePointer<ReplyWriter>, _ key: KeyRef,
        _ entry: Entry, _ list: ListValue, _ wanted: Int, _ end: ListEnd
    ) {
        let number = min(wanted, list.count)
        replyElements(reply, list, list.span(number, from: end), isReversed: end == .right)
        guard number > 0 else { return }
        keyspace.changeOrRemove(entry, list, key, .list, end.popEvent) { $0.remove(number, from: end) }
    }

    /// Elements that LPOP or RPOP is asked for.
    static func popped(_ arguments: Arguments) -> Int {
        guard arguments.count == 3 else { return 1 }
        return Decimal.parseInt64(arguments[2]).map { max(0, Int($0)) } ?? 0
    }

    /// What LMPOP and BLMPOP may take, from whichever end: the number is the last argument, if there is one.
    static func poppedFirst(_ arguments: Arguments) -> KeyNeed {
        let last = arguments.count - 1
        let isCounted = last > 4 && arguments[last - 1].equalsIgnoringCase("count")
        let number = isCounted ? Decimal.parseInt64(arguments[last]).map { max(0, Int($0)) } ?? 0 : 1
        return .ends(first: number, last: number)
    }

    static func lmpop(_ call: inout CommandContext) { popFirst(&call, numkeys: 1, waits: false) }

    /// LMPOP and, with a timeout in front, BLMPOP. The number of keys is argument `numkeysIndex`.
    static func popFirst(_ call: inout CommandContext, numkeys numkeysIndex: Int, waits: Bool) {
        guard let numkeys = call.integer(numkeysIndex, atLeast: 1, ErrorText.numkeysZero) else { return }
        let (whereIndex, overflow) = Int(numkeys).addingReportingOverflow(numkeysIndex + 1)
        guard !overflow, whereIndex < call.arguments.count else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        guard let end = call.listEnd(whereIndex) else { return }
        var wanted: Int64 = 1
        let words = call.arguments.count - whereIndex - 1
        if words > 0 {
            guard words >= 2, call.arguments[whereIndex + 1].equalsIgnoringCase("count") else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
            guard let number = call.integer(whereIndex + 2, atLeast: 1, ErrorText.popCountNotPositive) else { return }
            guard words == 2 else { return call.reply.pointee.error(ErrorText.syntax) }
            wanted = number
        }
        var timeout: Int64?
        if waits {
            timeout = call.timeout(seconds: 1)
            if timeout == nil { return }
        }
        let limit = Int(wanted)
        let serve: BlockRequest.Serve = { keyspace, key, entry, reply in
            reply.pointee.array(2)
            reply.pointee.bulk(key.bytes)
            let list = keyspace.value(of: entry, as: ListValue.self)
            popElements(&keyspace, reply, key, entry, list, limit, end)
        }
        for index in call.candidates {
            switch call.collection(call.keys[index], ListValue.self, isRead: false) {
            case .missing: continue
            case .refused: return
            case .found(let entry, _): return serve(&call.keyspace, call.keys[index], entry, call.reply)
            }
        }
        guard let timeout else { return call.reply.pointee.nullArray() }
        waitForList(&call, timeout, serve: serve)
    }

    static func lrem(_ call: inout CommandContext) {
        guard let limit = call.negatable(2) else { return }
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing: call.reply.pointee.integer(0)
        case .refused: return
        case .found(let entry, let list):
            let end: ListEnd = limit < 0 ? .right : .left
            let (runs, number) = matches(list, call.arguments[3], end, atMost: Int(limit.magnitude))
            if number > 0 {
                // The highest first: the numbers of the others stay what they are.
                call.change(entry, list, call.key, .list, "lrem") { list in
                    if end == .left { list.removeSubranges(runs.reversed()) } else { list.removeSubranges(runs) }
                }
            }
            call.reply.pointee.integer(number)
        }
    }

    /// Elements that are `text` in runs of neighbours, in the order seen from `end`, and how many; at most `limit`
    /// (0: all).
    private static func matches(
        _ list: ListValue, _ text: ByteSlice, _ end: ListEnd, atMost limit: Int
    ) -> (runs: [Range<Int>], number: Int) {
        var runs: [Range<Int>] = []
        var run = 0..<0
        var number = 0
        list.search(text, from: end) { index in
            if number > 0, index == run.upperBound {
                run = run.lowerBound..<index + 1
            } else if number > 0, index == run.lowerBound - 1 {
                run = index..<run.upperBound
            } else {
                if number > 0 { runs.append(run) }
                run = index..<index + 1
            }
            number += 1
            return number != limit
        }
        if number > 0 { runs.append(run) }
        return (runs, number)
    }

    static func ltrim(_ call: inout CommandContext) {
        guard let first = call.integer(2), let last = call.integer(3) else { return }
        switch call.collection(call.key, ListValue.self, isRead: false) {
        case .missing: break
        case .refused: return
        case .found(let entry, let list):
            let kept = range(first, last, count: list.count)
            if kept.count < list.count {
                call.change(entry, list, call.key, .list, "ltrim") { list in
                    list.removeSubrange(kept.upperBound..<list.count)
                    list.removeSubrange(0..<kept.lowerBound)
                }
            } else {
                call.keyspace.notify(.list, "ltrim", call.key)
            }
        }
        call.reply.pointee.ok()
    }

    // MARK: Moving

    static func lmove(_ call: inout CommandContext) {
        guard let from = call.listEnd(3), let to = call.listEnd(4) else { return }
        move(&call, from, to)
    }

    /// LMOVE and RPOPLPUSH; with a timeout BLMOVE and BRPOPLPUSH.
    static func move(_ call: inout CommandContext, _ from: ListEnd, _ to: ListEnd, timeout: Int64? = nil) {
        let (source, target) = (call.keys[0], call.keys[1])
        // Before the source is found: meeting a past-due target moves entries.
        _ = call.keyspace.peek(target)
        let found = call.collection(source, ListValue.self, isRead: false, grows: false)
        if case .missing = found {
            // In a transaction the empty reply is that of LMOVE, not the one of a time that is up.
            guard let timeout, !call.isInTransaction else { return call.reply.pointee.null() }
            return waitForList(&call, timeout, keys: 0..<1)
        }
        guard case .found(let entry, let list) = found else { return }
        let value = list.withElement(at: from == .left ? 0 : list.count - 1) { $0.array }
        if source.bytes == target.bytes {
            call.change(entry, list) { list in
                list.remove(1, from: from)
                value.withSlice { list.push($0, to) }
            }
            call.keyspace.notify(.list, to.pushEvent, target)
            call.keyspace.notify(.list, from.popEvent, source)
            return value.withSlice { call.reply.pointee.bulk($0) }
        }
        switch call.collection(target, ListValue.self, isRead: false) {
        case .missing:
            let fresh = ListValue()
            value.withSlice { fresh.push($0, to) }
            call.store(target, fresh, .list, to.pushEvent)
        case .refused: return
        case .found(let entry, let other):
            call.change(entry, other, target, .list, to.pushEvent) { list in
                value.withSlice { list.push($0, to) }
            }
        }
        value.withSlice { call.reply.pointee.bulk($0) }
        // Found anew: a key that was made may have moved the source's entry.
        guard let entry = call.keyspace.peek(source) else { preconditionFailure("a list that went while it was moved") }
        call.change(entry, list, source, .list, from.popEvent) { $0.remove(1, from: from) }
    }
}

extension ListEnd {
    /// What notifications call a push or pop at this end.
    fileprivate var pushEvent: StaticString { self == .left ? "lpush" : "rpush" }
    fileprivate var popEvent: StaticString { self == .left ? "lpop" : "rpop" }
}
