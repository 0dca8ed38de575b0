import Bytes
import Keyspace
import RESP
import Values

extension StreamCommands {
    // MARK: XGROUP

    /// The words of XGROUP CREATE and SETID behind the ID.
    private struct GroupOptions {
        var createsStream = false
        var entriesRead: Int64?

        /// Nil if they are wrong, which has been replied.
        init?(_ call: borrowing CommandContext, mayCreate: Bool) {
            let arguments = call.arguments
            var index = 5
            while index < arguments.count {
                if mayCreate, arguments[index].equalsIgnoringCase("mkstream") {
                    createsStream = true
                    index += 1
                } else if arguments[index].equalsIgnoringCase("entriesread"), index + 1 < arguments.count {
                    guard let number = call.integer(index + 1) else { return nil }
                    guard number >= -1 else {
                        call.reply.pointee.error(ErrorText.groupEntriesRead)
                        return nil
                    }
                    entriesRead = number < 0 ? nil : number
                    index += 2
                } else {
                    StreamCommands.refuseSubcommand(call)
                    return nil
                }
            }
        }
    }

    static func refuseSubcommand(_ call: borrowing CommandContext) {
        call.reply.pointee.error(ErrorText.subcommandSyntax(call.arguments[1], command: call.arguments[0]))
    }

    static func groupCreate(_ call: inout CommandContext) {
        guard let options = GroupOptions(call, mayCreate: true) else { return }
        var found: (entry: Entry, stream: StreamValue)?
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: return
        case .missing:
            guard options.createsStream else { return call.reply.pointee.error(ErrorText.groupWithoutKey) }
        case .found(let entry, let stream): found = (entry, stream)
        }
        guard call.arguments.count <= 8 else { return refuseSubcommand(call) }
        let name = call.arguments[3]
        let id: StreamID
        if call.arguments[4] == "$" {
            id = found?.stream.lastID ?? .zero
        } else {
            guard let given = call.streamID(4) else { return }
            id = given
        }
        if let found {
            guard found.stream.group(name) == nil else { return call.reply.pointee.error(ErrorText.groupExists) }
            call.keyspace.change(found.entry, found.stream, isNoted: false) { stream in
                _ = stream.createGroup(name, lastID: id, entriesRead: options.entriesRead)
            }
        } else {
            let stream = StreamValue()
            stream.createGroup(name, lastID: id, entriesRead: options.entriesRead)
            call.storeStream(call.key, stream)
        }
        call.reply.pointee.ok()
        call.keyspace.notify(.stream, "xgroup-create", call.key)
    }

    /// The stream of an XGROUP subcommand for which it must be there.
    private static func streamOfGroup(_ call: inout CommandContext) -> (entry: Entry, stream: StreamValue)? {
        switch call.collection(call.key, StreamValue.self, isRead: false) {
        case .refused: break
        case .missing: call.reply.pointee.error(ErrorText.groupWithoutKey)
        case .found(let entry, let stream): return (entry, stream)
        }
        return nil
    }

    private static func group(
        _ call: inout CommandContext
    ) -> (entry: Entry, stream: StreamValue, group: StreamGroup)? {
        guard let found = streamOfGroup(&call) else { return nil }
        guard let group = found.stream.group(call.arguments[3]) else {
            call.reply.pointee.error(ErrorText.noSuchGroup(call.arguments[3], of: call.arguments[2]))
            return nil
        }
        return (found.entry, found.stream, group)
    }

    static func groupSetID(_ call: inout CommandContext) {
        guard let options = GroupOptions(call, mayCreate: false), let found = group(&call) else { return }
        guard call.arguments.count <= 7 else { return refuseSubcommand(call) }
        let word = call.arguments[4]
        var id = found.stream.lastID
        if !(word == "$") {
            guard let given = StreamIDText.parseBound(word, missing: 0) else {
                return call.reply.pointee.error(ErrorText.streamID)
            }
            id = given
        }
        // Noted: it may go back, and who waits for new entries finds some.
        call.keyspace.change(found.entry, found.stream) { _ in
            found.group.lastID = id
            found.group.entriesRead = options.entriesRead
        }
        call.reply.pointee.ok()
        call.keyspace.notify(.stream, "xgroup-setid", call.key)
    }

    static func groupDestroy(_ call: inout CommandContext) {
        guard let found = streamOfGroup(&call) else { return }
        let name = call.arguments[3]
        guard found.stream.group(name) != nil else { return call.reply.pointee.integer(0) }
        // Noted, unlike other changes of groups: who waits for the group's entries learns that it is gone.
        call.keyspace.change(found.entry, found.stream) { _ = $0.removeGroup(name) }
        call.reply.pointee.integer(1)
        call.keyspace.notify(.stream, "xgroup-destroy", call.key)
    }

    static func groupCreateConsumer(_ call: inout CommandContext) {
        guard let found = group(&call) else { return }
        let name = call.arguments[4]
        guard found.group.consumer(name) == nil else { return call.reply.pointee.integer(0) }
        let now = call.now
        call.keyspace.change(found.entry, found.stream, isNoted: false) { _ in
            _ = found.group.createConsumer(name, at: now)
        }
        call.reply.pointee.integer(1)
        call.keyspace.notify(.stream, "xgroup-createconsumer", call.key)
    }

    static func groupDeleteConsumer(_ call: inout CommandContext) {
        guard let found = group(&call) else { return }
        guard let consumer = found.group.consumer(call.arguments[4]) else { return call.reply.pointee.integer(0) }
        call.reply.pointee.integer(consumer.pendingCount)
        call.keyspace.change(found.entry, found.stream, isNoted: false) { _ in found.group.delete(consumer) }
        call.keyspace.notify(.stream, "xgroup-delconsumer", call.key)
    }

    static func groupHelp(_ call: inout CommandContext) {
        call.help(
            "XGROUP",
            [
                "CREATE <key> <groupname> <id|$> [option]",
                "    Makes a consumer group. Options:",
                "    * MKSTREAM",
                "      Makes an empty stream if there is none.",
                "    * ENTRIESREAD entries_read",
                "      Says how many entries the group has read (for internal use).",
                "CREATECONSUMER <key> <groupname> <consumer>",
                "    Makes a consumer of a group.",
                "DELCONSUMER <key> <groupname> <consumer>",
                "    Removes a consumer and what it has not acknowledged.",
                "DESTROY <key> <groupname>",
                "    Removes a group.",
                "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                "    Sets the ID up to which a group has read.",
            ])
    }

    // MARK: XACK

    static func xack(_ call: inout CommandContext) {
        switch call.collection(call.key, StreamValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let stream):
            guard let group = stream.group(call.arguments[2]) else { return call.reply.pointee.integer(0) }
            guard let ids = call.streamIDs(from: 3) else { return }
            guard ids.contains(where: { group.delivery(of: $0) != nil }) else { return call.reply.pointee.integer(0) }
            let acknowledged = call.keyspace.change(entry, stream, isNoted: false) { _ in
                ids.reduce(0) { $0 + (group.acknowledge($1) ? 1 : 0) }
            }
            call.reply.pointee.integer(acknowledged)
        }
    }
}
