import Bytes
import Keyspace
import RESP
import Values

extension StreamCommands {
    static func xlen(_ call: inout CommandContext) {
        switch call.collection(call.key, StreamValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let stream): call.reply.pointee.integer(stream.count)
        }
    }

    static func xrange(_ call: inout CommandContext) { range(&call, isReversed: false) }

    static func xrevrange(_ call: inout CommandContext) { range(&call, isReversed: true) }

    private static func range(_ call: inout CommandContext, isReversed: Bool) {
        guard let start = call.streamStart(isReversed ? 3 : 2), let end = call.streamEnd(isReversed ? 2 : 3) else {
            return
        }
        var limit: Int64?
        var index = 4
        while index < call.arguments.count {
            guard call.arguments[index].equalsIgnoringCase("count"), index + 1 < call.arguments.count else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
            guard let number = call.integer(index + 1) else { return }
            limit = max(number, 0)
            index += 2
        }
        switch call.collection(call.key, StreamValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let stream):
            if limit == 0 { return call.reply.pointee.nullArray() }
            call.reply.pointee.entries(of: stream, from: start, to: end, isReversed: isReversed, Int(limit ?? 0))
        }
    }

    // MARK: XREAD, XREADGROUP

    /// Where the keys of a call are. The names of options are looked for where options stand, not among the names of
    /// groups and consumers.
    static func planRead(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        var index = 1
        while index + 1 < arguments.count {
            let word = arguments[index]
            if word.equalsIgnoringCase("streams") {
                for key in index + 1..<index + 1 + (arguments.count - index - 1) / 2 {
                    uses.append(KeyUse(argument: key, database: database, need: .value))
                }
                return
            }
            if word.equalsIgnoringCase("group") {
                index += 3
            } else {
                index += word.equalsIgnoringCase("count") || word.equalsIgnoringCase("block") ? 2 : 1
            }
        }
    }

    static func xread(_ call: inout CommandContext) {
        guard let request = ReadRequest(call, isGroup: false), let wanted = wantedIDs(&call, request) else { return }
        let reply = call.reply
        var list: ReplyWriter.DeferredLength?
        var served = 0
        for number in call.candidates {
            guard let stream = call.stream(again: call.keys[number])?.stream, let last = stream.lastEntryID,
                last > wanted[number], let start = wanted[number].next
            else { continue }
            if list == nil { list = reply.pointee.beginStreams() }
            served += 1
            reply.pointee.streamHead(call.keys[number].bytes)
            reply.pointee.entries(of: stream, from: start, to: .max, isReversed: false, request.limit)
        }
        if let list { return reply.pointee.end(list, count: served) }
        guard let timeout = request.timeout else { return reply.pointee.nullArray() }
        // A key that is named twice counts where it is named first.
        let pairs = (0..<request.streams).map { (call.keys[$0].bytes.array, wanted[$0]) }
        let behind = Dictionary(pairs) { first, _ in first }
        call.wait(
            BlockRequest(keys: 0..<request.streams, timeoutMilliseconds: timeout, memory: wanted) { record in
                guard let record, let last = record.stream?.lastEntryID, let id = behind[record.key.array] else {
                    return false
                }
                return last > id
            })
    }

    /// Behind which IDs entries are wanted, as they were when the call came first; nil if an argument is wrong, which
    /// has been replied.
    private static func wantedIDs(_ call: inout CommandContext, _ request: ReadRequest) -> [StreamID]? {
        if let remembered = call.memory as? [StreamID] { return remembered }
        var wanted: [StreamID] = []
        for number in 0..<request.streams {
            let found = call.collection(call.keys[number], StreamValue.self, isRead: true)
            if case .refused = found { return nil }
            guard let id = wantedID(call, request.firstKey + request.streams + number, found) else { return nil }
            wanted.append(id)
        }
        return wanted
    }

    /// Behind which ID an XREAD wants entries; nil if the argument is wrong, which has been replied.
    private static func wantedID(
        _ call: borrowing CommandContext, _ index: Int, _ found: Found<StreamValue>
    ) -> StreamID? {
        let word = call.arguments[index]
        guard word == "$" || word == "+" else {
            guard word == ">" else { return call.streamID(index) }
            call.reply.pointee.error(ErrorText.readNew)
            return nil
        }
        guard case .found(_, let stream) = found else { return .zero }
        if word == "$" { return stream.lastID }
        return stream.lastEntryID?.previous ?? .zero
    }

    /// What XREADGROUP wants of a stream.
    private enum Wanted {
        /// What nobody has been given.
        case new
        /// What the consumer was given, behind this ID.
        case history(StreamID)
    }

    static func xreadgroup(_ call: inout CommandContext) {
        guard let request = ReadRequest(call, isGroup: true) else { return }
        let groupName = call.arguments[request.group]
        if let served = call.served, !isStillThere(&call, call.keys[served], groupName) { return }
        guard let wanted = call.served == nil ? wantedOfGroups(&call, request) : [] else { return }
        var list: ReplyWriter.DeferredLength?
        var served = 0
        for number in call.candidates {
            // Who waits does so for new entries.
            let wanted = call.served == nil ? wanted[number] : .new
            guard let found = call.stream(again: call.keys[number]), let group = found.stream.group(groupName),
                hasSomething(found.stream, group, wanted)
            else { continue }
            if list == nil { list = call.reply.pointee.beginStreams() }
            served += 1
            call.reply.pointee.streamHead(call.keys[number].bytes)
            read(&call, request, found, group, wanted, key: call.keys[number])
        }
        if let list { return call.reply.pointee.end(list, count: served) }
        guard let timeout = request.timeout else { return call.reply.pointee.nullArray() }
        let name = groupName.array
        call.wait(
            BlockRequest(keys: 0..<request.streams, timeoutMilliseconds: timeout) { record in
                // Where the stream or the group is gone, the call ends with an error.
                guard let stream = record?.stream, let group = name.withSlice({ stream.group($0) }) else { return true }
                return stream.lastEntryID.map { $0 > group.lastID } ?? false
            })
    }

    /// Whether the stream and group that a call waited for exist; replies if they don't.
    private static func isStillThere(_ call: inout CommandContext, _ key: KeyRef, _ groupName: ByteSlice) -> Bool {
        guard let found = call.stream(again: key) else {
            call.reply.pointee.error(ErrorText.readStreamGone)
            return false
        }
        if found.stream.group(groupName) == nil {
            call.reply.pointee.error(ErrorText.readGroupGone)
            return false
        }
        return true
    }

    /// What is wanted of each stream, which must have the group; nil if something is wrong, which has been replied.
    private static func wantedOfGroups(_ call: inout CommandContext, _ request: ReadRequest) -> [Wanted]? {
        let groupName = call.arguments[request.group]
        var wanted: [Wanted] = []
        for number in 0..<request.streams {
            var isThere = false
            switch call.collection(call.keys[number], StreamValue.self, isRead: true) {
            case .refused: return nil
            case .missing: break
            case .found(_, let stream): isThere = stream.group(groupName) != nil
            }
            guard isThere else {
                let key = call.keys[number].bytes
                call.reply.pointee.error(ErrorText.noSuchGroupToRead(groupName, orKey: key))
                return nil
            }
            guard let want = wantedOfGroup(call, request.firstKey + request.streams + number) else { return nil }
            wanted.append(want)
        }
        return wanted
    }

    private static func wantedOfGroup(_ call: borrowing CommandContext, _ index: Int) -> Wanted? {
        let word = call.arguments[index]
        if word == ">" { return .new }
        if word == "$" {
            call.reply.pointee.error(ErrorText.readDollar)
            return nil
        }
        // As in Redis, the last ID there is means the same as `>`.
        return call.streamID(index).map { $0 == .max ? .new : .history($0) }
    }

    private static func hasSomething(_ stream: StreamValue, _ group: StreamGroup, _ wanted: Wanted) -> Bool {
        switch wanted {
        case .history: true
        case .new: stream.lastEntryID.map { $0 > group.lastID } ?? false
        }
    }

    /// Gives the consumer what it wants, and writes it.
    private static func read(
        _ call: inout CommandContext, _ request: ReadRequest, _ found: (entry: Entry, stream: StreamValue),
        _ group: StreamGroup, _ wanted: Wanted, key: KeyRef
    ) {
        let reply = call.reply
        let now = call.now
        let name = call.arguments[request.consumer]
        let isNew = call.keyspace.change(found.entry, found.stream, isNoted: false) { stream in
            let (consumer, isNew) = group.seen(name, at: now)
            switch wanted {
            case .history(let id):
                if let start = id.next { history(of: consumer, group, stream, from: start, request.limit, now, reply) }
            case .new: give(to: consumer, group, stream, request, now, reply)
            }
            return isNew
        }
        if isNew { call.keyspace.notify(.stream, "xgroup-createconsumer", key) }
    }

    private static func give(
        to consumer: StreamConsumer, _ group: StreamGroup, _ stream: StreamValue, _ request: ReadRequest,
        _ now: Int64, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        guard let start = group.lastID.next else { return reply.pointee.array(0) }
        let list = reply.pointee.begin(.array)
        var number = 0
        stream.forEach(from: start) { entry in
            stream.advance(group, to: entry.id)
            reply.pointee.entry(entry)
            if request.acknowledges {
                group.set(entry.id, StreamDelivery(time: now, count: 1, consumer: consumer))
                consumer.activeTime = now
            }
            number += 1
            return number != request.limit
        }
        reply.pointee.end(list, count: number)
    }

    private static func history(
        of consumer: StreamConsumer, _ group: StreamGroup, _ stream: StreamValue, from start: StreamID, _ limit: Int,
        _ now: Int64, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        let list = reply.pointee.begin(.array)
        var number = 0
        consumer.forEachPending(from: start) { id in
            number += 1
            let isThere = stream.with(id) { reply.pointee.entry($0) }
            if isThere {
                if var delivery = group.delivery(of: id) {
                    delivery.time = now
                    delivery.count &+= 1
                    group.set(id, delivery)
                }
            } else {
                // The entry was deleted since.
                reply.pointee.array(2)
                reply.pointee.bulk(id)
                reply.pointee.nullArray()
            }
            return number != limit
        }
        reply.pointee.end(list, count: number)
    }
}

/// The words of XREAD and XREADGROUP before the IDs.
private struct ReadRequest {
    /// Entries of each stream; 0: all.
    var limit = 0
    var acknowledges = true
    /// Milliseconds to wait if there is nothing, 0: for ever; nil: it doesn't wait.
    var timeout: Int64?
    /// The arguments that name them; 0: none.
    var group = 0
    var consumer = 0
    var firstKey = 0
    var streams = 0

    /// Of a call that has waited and said nothing of a COUNT.
    private static let limitAfterWaiting = 1000

    /// Nil if they are wrong, which has been replied.
    init?(_ call: borrowing CommandContext, isGroup: Bool) {
        if let wrong = parse(call, isGroup: isGroup) {
            if let text = wrong.text { call.reply.pointee.error(text) }
            return nil
        }
        if call.served != nil, limit == 0 { limit = Self.limitAfterWaiting }
    }

    /// What is wrong; without a text: it has been replied.
    private struct Refusal {
        let text: StaticString?
    }

    private mutating func parse(_ call: borrowing CommandContext, isGroup: Bool) -> Refusal? {
        let arguments = call.arguments
        var index = 1
        while index < arguments.count, firstKey == 0 {
            let word = arguments[index]
            let more = arguments.count - index - 1
            if word.equalsIgnoringCase("block"), more > 0 {
                guard let milliseconds = call.timeout(milliseconds: index + 1) else { return Refusal(text: nil) }
                timeout = milliseconds
                index += 2
            } else if word.equalsIgnoringCase("count"), more > 0 {
                guard let number = call.integer(index + 1) else { return Refusal(text: nil) }
                limit = Int(max(number, 0))
                index += 2
            } else if word.equalsIgnoringCase("streams"), more > 0 {
                guard more % 2 == 0 else { return Refusal(text: ErrorText.readUnbalanced) }
                firstKey = index + 1
                streams = more / 2
            } else if word.equalsIgnoringCase("group"), more >= 2 {
                guard isGroup else { return Refusal(text: ErrorText.readGroupOption) }
                group = index + 1
                consumer = index + 2
                index += 3
            } else if word.equalsIgnoringCase("noack") {
                guard isGroup else { return Refusal(text: ErrorText.readNoAckOption) }
                acknowledges = false
                index += 1
            } else {
                return Refusal(text: ErrorText.syntax)
            }
        }
        if firstKey == 0 { return Refusal(text: ErrorText.syntax) }
        return isGroup && group == 0 ? Refusal(text: ErrorText.readGroupMissing) : nil
    }
}

extension StreamGroup {
    /// The consumer of this name, made if there is none, who was seen now.
    func seen(_ name: ByteSlice, at time: Int64) -> (consumer: StreamConsumer, isNew: Bool) {
        if let consumer = consumer(name) {
            consumer.seenTime = time
            return (consumer, false)
        }
        guard let consumer = createConsumer(name, at: time) else { preconditionFailure("a consumer there and not") }
        return (consumer, true)
    }
}

extension CommandContext {
    /// A stream that was looked up before, in the same call: counts nothing.
    mutating func stream(again ref: KeyRef) -> (entry: Entry, stream: StreamValue)? {
        guard let entry = keyspace.peek(ref), let stream = entry.record.stream else { return nil }
        return (entry, stream)
    }
}

extension Record {
    /// Its stream; nil if it has another value.
    var stream: StreamValue? {
        guard type == .stream, let value = collectionObject else { return nil }
        // A record's type says of which class its collection is.
        return unsafeDowncast(value, to: StreamValue.self)
    }
}

extension ReplyWriter {
    /// The entries from `start` to `end`; `limit`: at most so many, 0: all.
    mutating func entries(
        of stream: StreamValue, from start: StreamID, to end: StreamID, isReversed: Bool, _ limit: Int
    ) {
        let list = begin(.array)
        var number = 0
        func write(_ entry: StreamEntry) -> Bool {
            self.entry(entry)
            number += 1
            return number != limit
        }
        if isReversed {
            stream.forEachReversed(from: end, to: start, write)
        } else {
            stream.forEach(from: start, to: end, write)
        }
        self.end(list, count: number)
    }

    /// Begins the reply of several streams: a map, in RESP2 an array of pairs.
    func beginStreams() -> DeferredLength { begin(version == 3 ? .map : .array) }

    /// The beginning of one of them.
    mutating func streamHead(_ key: ByteSlice) {
        if version != 3 { array(2) }
        bulk(key)
    }
}
