import Bytes
import Keyspace
import RESP
import Values

extension StreamCommands {
    // MARK: XADD

    static func xadd(_ call: inout CommandContext) {
        guard let addition = StreamTrimOptions.ofAddition(call) else { return }
        let arguments = call.arguments
        let first = addition.idIndex + 1
        guard arguments.count - first >= 2, (arguments.count - first) % 2 == 0 else {
            return call.reply.pointee.error(ErrorText.wrongArity(ByteSlice("xadd")))
        }
        if case .given(.zero) = addition.id { return call.reply.pointee.error(ErrorText.streamZeroID) }
        var found: (entry: Entry, stream: StreamValue)?
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: return
        case .missing:
            guard addition.createsStream else { return call.reply.pointee.null() }
        case .found(let entry, let stream): found = (entry, stream)
        }
        let id: StreamID
        switch newID(addition.id, behind: found?.stream.lastID ?? .zero, now: call.now) {
        case .failure(let refusal): return call.reply.pointee.error(refusal.text)
        case .success(let new): id = new
        }
        var bytes = 0
        for index in first..<arguments.count { bytes += arguments[index].count }
        guard bytes <= StreamValue.maximumEntryBytes else {
            return call.reply.pointee.error(ErrorText.streamEntryTooLarge)
        }
        func add(to stream: StreamValue) -> Int {
            stream.append(id, pairs: (arguments.count - first) / 2) { pair in
                (arguments[first + 2 * pair], arguments[first + 2 * pair + 1])
            }
            return trim(stream, addition.trim)
        }
        let trimmed: Int
        if let found {
            trimmed = call.keyspace.change(found.entry, found.stream, add)
        } else {
            let stream = StreamValue()
            trimmed = add(to: stream)
            call.storeStream(call.key, stream)
        }
        call.reply.pointee.bulk(id)
        call.keyspace.notify(.stream, "xadd", call.key)
        if trimmed > 0 { call.keyspace.notify(.stream, "xtrim", call.key) }
    }

    private struct Refusal: Error {
        let text: StaticString
    }

    /// The ID of the entry behind `last`.
    private static func newID(
        _ wanted: StreamTrimOptions.NewID, behind last: StreamID, now: Int64
    ) -> Result<StreamID, Refusal> {
        guard let next = last.next else { return .failure(Refusal(text: ErrorText.streamExhausted)) }
        let id: StreamID
        switch wanted {
        case .automatic:
            let milliseconds = UInt64(max(now, 0))
            id = milliseconds > last.milliseconds ? StreamID(milliseconds, 0) : next
        case .milliseconds(let milliseconds) where milliseconds == last.milliseconds:
            // The next millisecond was not asked for.
            id = next.milliseconds == milliseconds ? next : last
        case .milliseconds(let milliseconds): id = StreamID(milliseconds, 0)
        case .given(let given): id = given
        }
        return id > last ? .success(id) : .failure(Refusal(text: ErrorText.streamSmallID))
    }

    private static func trim(_ stream: StreamValue, _ options: StreamTrimOptions) -> Int {
        guard let rule = options.rule else { return 0 }
        return stream.trim(rule, isApproximate: options.isApproximate, limit: options.limitToTrim)
    }

    // MARK: XTRIM, XDEL

    static func xtrim(_ call: inout CommandContext) {
        guard let options = StreamTrimOptions.ofTrim(call) else { return }
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let stream):
            guard wouldTrim(stream, options) else { return call.reply.pointee.integer(0) }
            let trimmed = call.keyspace.change(entry, stream) { trim($0, options) }
            call.reply.pointee.integer(trimmed)
            if trimmed > 0 { call.keyspace.notify(.stream, "xtrim", call.key) }
        }
    }

    /// False where it is plain that nothing is too much: then the key is not written.
    private static func wouldTrim(_ stream: StreamValue, _ options: StreamTrimOptions) -> Bool {
        switch options.rule {
        case .maximumLength(let length): stream.count > length
        case .minimumID(let id): stream.firstID < id
        case nil: false
        }
    }

    static func xdel(_ call: inout CommandContext) {
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let stream):
            guard let ids = call.streamIDs(from: 2) else { return }
            guard ids.contains(where: { stream.with($0) }) else { return call.reply.pointee.integer(0) }
            let removed = call.keyspace.change(entry, stream) { stream in
                ids.reduce(0) { $0 + (stream.remove($1) ? 1 : 0) }
            }
            call.reply.pointee.integer(removed)
            call.keyspace.notify(.stream, "xdel", call.key)
        }
    }

    // MARK: XSETID

    static func xsetid(_ call: inout CommandContext) {
        guard let id = call.streamID(2) else { return }
        var added: Int64?
        var deleted = StreamID.zero
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            let hasMore = index + 1 < call.arguments.count
            if word.equalsIgnoringCase("entriesadded"), hasMore {
                guard let number = call.integer(index + 1) else { return }
                guard number >= 0 else { return call.reply.pointee.error(ErrorText.setIDAdded) }
                added = number
            } else if word.equalsIgnoringCase("maxdeletedid"), hasMore {
                guard let given = call.streamID(index + 1) else { return }
                guard given <= id else { return call.reply.pointee.error(ErrorText.setIDBelowDeleted) }
                deleted = given
            } else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
            index += 2
        }
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: return
        case .missing: return call.reply.pointee.error(ErrorText.noSuchKey)
        case .found(let entry, let stream):
            if let top = stream.lastEntryID {
                guard id >= top else { return call.reply.pointee.error(ErrorText.setIDBelowTop) }
                if let added, added < stream.count {
                    return call.reply.pointee.error(ErrorText.setIDAddedBelowLength)
                }
            }
            call.keyspace.change(entry, stream, isNoted: false) { stream in
                stream.lastID = id
                if let added { stream.entriesAdded = added }
                if deleted != .zero { stream.maximumDeletedID = deleted }
            }
            call.reply.pointee.ok()
            call.keyspace.notify(.stream, "xsetid", call.key)
        }
    }
}

extension CommandContext {
    /// The IDs in the arguments from `first` on; nil if one is wrong, which has been replied.
    func streamIDs(from first: Int) -> [StreamID]? {
        var ids: [StreamID] = []
        ids.reserveCapacity(arguments.count - first)
        for index in first..<arguments.count {
            guard let id = streamID(index) else { return nil }
            ids.append(id)
        }
        return ids
    }

    /// Makes a key with this stream, which may be empty.
    mutating func storeStream(_ ref: KeyRef, _ stream: StreamValue) {
        keyspace.set(ref, .collection(key: ref.bytes, stream, expiry: nil))
    }
}
