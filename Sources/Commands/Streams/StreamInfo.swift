import Bytes
import Keyspace
import RESP
import Values

// XINFO. Fields that 7.2 added (a consumer's `inactive` and `active-time`) are there.

extension StreamCommands {
    /// The stream in argument 2; replies if there is none.
    private static func stream(_ call: inout CommandContext) -> StreamValue? {
        switch call.collection(call.key, StreamValue.self, isRead: true) {
        case .refused: break
        case .missing: call.reply.pointee.error(ErrorText.noSuchKey)
        case .found(_, let stream): return stream
        }
        return nil
    }

    static func infoHelp(_ call: inout CommandContext) {
        call.help(
            "XINFO",
            [
                "CONSUMERS <key> <groupname>",
                "    Shows the consumers of a group.",
                "GROUPS <key>",
                "    Shows the consumer groups of a stream.",
                "STREAM <key> [FULL [COUNT <count>]",
                "    Shows a stream, with FULL also its entries, groups and consumers.",
            ])
    }

    static func infoConsumers(_ call: inout CommandContext) {
        guard let stream = stream(&call) else { return }
        guard let group = stream.group(call.arguments[3]) else {
            return call.reply.pointee.error(ErrorText.noSuchGroup(call.arguments[3], of: call.arguments[2]))
        }
        let reply = call.reply
        reply.pointee.array(group.consumers.count)
        for consumer in group.consumers {
            reply.pointee.map(4)
            reply.pointee.bulk("name")
            consumer.name.withSlice { reply.pointee.bulk($0) }
            reply.pointee.field("pending", Int64(consumer.pendingCount))
            reply.pointee.field("idle", max(call.now &- consumer.seenTime, 0))
            reply.pointee.field("inactive", consumer.activeTime.map { max(call.now &- $0, 0) } ?? -1)
        }
    }

    static func infoGroups(_ call: inout CommandContext) {
        guard let stream = stream(&call) else { return }
        let reply = call.reply
        reply.pointee.array(stream.groups.count)
        for group in stream.groups {
            reply.pointee.map(6)
            reply.pointee.bulk("name")
            group.name.withSlice { reply.pointee.bulk($0) }
            reply.pointee.field("consumers", Int64(group.consumers.count))
            reply.pointee.field("pending", Int64(group.pendingCount))
            reply.pointee.progress(of: group, stream)
        }
    }

    static func infoStream(_ call: inout CommandContext) {
        guard let stream = stream(&call) else { return }
        let arguments = call.arguments
        let reply = call.reply
        guard arguments.count > 3 else {
            reply.pointee.map(10)
            reply.pointee.head(of: stream)
            reply.pointee.field("groups", Int64(stream.groups.count))
            reply.pointee.bulk("first-entry")
            var isThere = false
            stream.forEach { entry in
                reply.pointee.entry(entry)
                isThere = true
                return false
            }
            if !isThere { reply.pointee.null() }
            reply.pointee.bulk("last-entry")
            stream.forEachReversed { entry in
                reply.pointee.entry(entry)
                return false
            }
            if !isThere { reply.pointee.null() }
            return
        }
        guard arguments[3].equalsIgnoringCase("full"), arguments.count == 4 || arguments.count == 6,
            arguments.count == 4 || arguments[4].equalsIgnoringCase("count")
        else { return refuseSubcommand(call) }
        var limit = 10
        if arguments.count == 6 {
            guard let number = call.integer(5) else { return }
            if number >= 0 { limit = Int(number) }
        }
        reply.pointee.map(9)
        reply.pointee.head(of: stream)
        reply.pointee.bulk("entries")
        reply.pointee.entries(of: stream, from: .zero, to: .max, isReversed: false, limit)
        reply.pointee.bulk("groups")
        reply.pointee.array(stream.groups.count)
        for group in stream.groups { show(group, stream, limit, reply) }
    }

    /// A group with its pending entries, at most `limit` of each (0: all), and its consumers.
    private static func show(
        _ group: StreamGroup, _ stream: StreamValue, _ limit: Int, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        reply.pointee.map(7)
        reply.pointee.bulk("name")
        group.name.withSlice { reply.pointee.bulk($0) }
        reply.pointee.progress(of: group, stream)
        reply.pointee.field("pel-count", Int64(group.pendingCount))
        reply.pointee.bulk("pending")
        reply.pointee.array(limit == 0 ? group.pendingCount : min(limit, group.pendingCount))
        var number = 0
        group.forEachPending { id, delivery in
            reply.pointee.array(4)
            reply.pointee.bulk(id)
            delivery.consumer.name.withSlice { reply.pointee.bulk($0) }
            reply.pointee.integer(delivery.time)
            reply.pointee.integer(delivery.count)
            number += 1
            return number != limit
        }
        reply.pointee.bulk("consumers")
        reply.pointee.array(group.consumers.count)
        for consumer in group.consumers { show(consumer, of: group, limit, reply) }
    }

    private static func show(
        _ consumer: StreamConsumer, of group: StreamGroup, _ limit: Int, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) {
        reply.pointee.map(5)
        reply.pointee.bulk("name")
        consumer.name.withSlice { reply.pointee.bulk($0) }
        reply.pointee.field("seen-time", consumer.seenTime)
        reply.pointee.field("active-time", consumer.activeTime ?? -1)
        reply.pointee.field("pel-count", Int64(consumer.pendingCount))
        reply.pointee.bulk("pending")
        let list = reply.pointee.begin(.array)
        var number = 0
        consumer.forEachPending { id in
            guard let delivery = group.delivery(of: id) else { return true }
            reply.pointee.array(3)
            reply.pointee.bulk(id)
            reply.pointee.integer(delivery.time)
            reply.pointee.integer(delivery.count)
            number += 1
            return number != limit
        }
        reply.pointee.end(list, count: number)
    }
}

extension ReplyWriter {
    fileprivate mutating func field(_ name: StaticString, _ value: Int64) {
        bulk(name)
        integer(value)
    }

    /// The seven fields with which XINFO STREAM begins.
    fileprivate mutating func head(of stream: StreamValue) {
        field("length", Int64(stream.count))
        field("radix-tree-keys", Int64(stream.pageCount))
        field("radix-tree-nodes", Int64(stream.radixTreeNodes))
        bulk("last-generated-id")
        bulk(stream.lastID)
        bulk("max-deleted-entry-id")
        bulk(stream.maximumDeletedID)
        field("entries-added", stream.entriesAdded)
        bulk("recorded-first-entry-id")
        bulk(stream.firstID)
    }

    /// Three fields: how far a group has come.
    fileprivate mutating func progress(of group: StreamGroup, _ stream: StreamValue) {
        bulk("last-delivered-id")
        bulk(group.lastID)
        bulk("entries-read")
        if let read = group.entriesRead { integer(read) } else { null() }
        bulk("lag")
        if let lag = stream.lag(of: group) { integer(lag) } else { null() }
    }
}
