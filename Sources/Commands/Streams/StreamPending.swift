import Bytes
import Keyspace
import RESP
import Values

// What consumers were given and have not acknowledged: XPENDING, XCLAIM, XAUTOCLAIM.

extension StreamCommands {
    /// The stream and group in arguments 1 and 2; replies if there are none.
    private static func group(
        _ call: inout CommandContext
    ) -> (entry: Entry, stream: StreamValue, group: StreamGroup)? {
        switch call.collection(call.key, StreamValue.self, isRead: true) {
        case .refused: return nil
        case .missing: break
        case .found(let entry, let stream):
            if let group = stream.group(call.arguments[2]) { return (entry, stream, group) }
        }
        call.reply.pointee.error(ErrorText.noSuchGroup(call.arguments[2], orKey: call.arguments[1]))
        return nil
    }

    // MARK: XPENDING

    static func xpending(_ call: inout CommandContext) {
        let words = call.arguments.count
        guard words == 3 || (6...9).contains(words) else { return call.reply.pointee.error(ErrorText.syntax) }
        guard words > 3 else {
            guard let group = group(&call)?.group else { return }
            return summary(of: group, call.reply)
        }
        var first = 3
        var leastIdle: Int64 = 0
        if call.arguments[3].equalsIgnoringCase("idle") {
            guard let idle = call.integer(4) else { return }
            guard words >= 8 else { return call.reply.pointee.error(ErrorText.syntax) }
            leastIdle = idle
            first = 5
        }
        guard let limit = call.integer(first + 2), let start = call.streamStart(first),
            let end = call.streamEnd(first + 1), let group = group(&call)?.group
        else { return }
        var consumer: StreamConsumer?
        if first + 3 < words {
            consumer = group.consumer(call.arguments[first + 3])
            if consumer == nil { return call.reply.pointee.array(0) }
        }
        let reply = call.reply
        let now = call.now
        let list = reply.pointee.begin(.array)
        var number = 0
        func write(_ id: StreamID, _ delivery: StreamDelivery) -> Bool {
            guard id <= end, number < limit else { return false }
            let idle = now &- delivery.time
            if leastIdle != 0, idle < leastIdle { return true }
            number += 1
            reply.pointee.array(4)
            reply.pointee.bulk(id)
            delivery.consumer.name.withSlice { reply.pointee.bulk($0) }
            reply.pointee.integer(max(idle, 0))
            reply.pointee.integer(delivery.count)
            return true
        }
        if let consumer {
            consumer.forEachPending(from: start) { id in group.delivery(of: id).map { write(id, $0) } ?? true }
        } else {
            group.forEachPending(from: start, write)
        }
        reply.pointee.end(list, count: number)
    }

    private static func summary(of group: StreamGroup, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        reply.pointee.array(4)
        reply.pointee.integer(group.pendingCount)
        guard let first = group.firstPending, let last = group.lastPending else {
            reply.pointee.null()
            reply.pointee.null()
            return reply.pointee.nullArray()
        }
        reply.pointee.bulk(first)
        reply.pointee.bulk(last)
        let busy = group.consumers.filter { $0.pendingCount > 0 }
        reply.pointee.array(busy.count)
        for consumer in busy {
            reply.pointee.array(2)
            consumer.name.withSlice { reply.pointee.bulk($0) }
            reply.pointee.bulk(number: consumer.pendingCount)
        }
    }

    // MARK: XCLAIM

    /// The words of XCLAIM behind the IDs.
    private struct ClaimOptions {
        var time: Int64?
        var retries: Int64?
        var isForced = false
        var isJustIDs = false
        var lastID = StreamID.zero

        /// Nil if they are wrong, which has been replied.
        init?(_ call: borrowing CommandContext, from first: Int) {
            let arguments = call.arguments
            var index = first
            while index < arguments.count {
                let word = arguments[index]
                let hasMore = index + 1 < arguments.count
                if word.equalsIgnoringCase("force") {
                    isForced = true
                } else if word.equalsIgnoringCase("justid") {
                    isJustIDs = true
                } else if word.equalsIgnoringCase("idle"), hasMore {
                    guard let idle = call.streamNumber(index + 1, ErrorText.claimIdleOption) else { return nil }
                    time = call.now &- idle
                } else if word.equalsIgnoringCase("time"), hasMore {
                    guard let given = call.streamNumber(index + 1, ErrorText.claimTimeOption) else { return nil }
                    time = given
                } else if word.equalsIgnoringCase("retrycount"), hasMore {
                    guard let count = call.streamNumber(index + 1, ErrorText.claimRetryOption) else { return nil }
                    retries = count < 0 ? nil : count
                } else if word.equalsIgnoringCase("lastid"), hasMore {
                    guard let id = call.streamID(index + 1) else { return nil }
                    lastID = id
                } else {
                    call.reply.pointee.error(ErrorText.claimOption(word))
                    return nil
                }
                index += word.equalsIgnoringCase("force") || word.equalsIgnoringCase("justid") ? 1 : 2
            }
            // A time that can't be: now.
            if let given = time, given < 0 || given > call.now { time = nil }
        }
    }

    static func xclaim(_ call: inout CommandContext) {
        guard let found = group(&call), let leastIdle = call.streamNumber(4, ErrorText.claimIdle) else { return }
        var ids: [StreamID] = []
        var index = 5
        while index < call.arguments.count, let id = StreamIDText.parse(call.arguments[index]) {
            ids.append(id)
            index += 1
        }
        guard let options = ClaimOptions(call, from: index) else { return }
        let group = found.group
        let changes =
            options.lastID > group.lastID || !ids.isEmpty && options.isForced
            || ids.contains { group.delivery(of: $0) != nil }
        guard changes else { return call.reply.pointee.array(0) }
        var claim = Claim(call, group, leastIdle: leastIdle, isJustIDs: options.isJustIDs)
        claim.time = options.time ?? call.now
        claim.retries = options.retries
        let list = call.reply.pointee.begin(.array)
        call.keyspace.change(found.entry, found.stream, isNoted: false) { stream in
            group.lastID = max(group.lastID, options.lastID)
            for id in ids {
                let delivery = group.delivery(of: id)
                if !stream.with(id) {
                    // What is no longer there is nobody's.
                    group.acknowledge(id)
                } else if delivery != nil || options.isForced {
                    claim.take(id, delivery, stream)
                }
            }
        }
        call.reply.pointee.end(list, count: claim.claimed)
        if claim.hasNewConsumer { call.keyspace.notify(.stream, "xgroup-createconsumer", call.key) }
    }

    /// A consumer that takes entries over from others.
    private struct Claim {
        let reply: UnsafeMutablePointer<ReplyWriter>
        let group: StreamGroup
        let name: ByteSlice
        let now: Int64
        let leastIdle: Int64
        let isJustIDs: Bool
        /// What the deliveries get.
        var time: Int64
        var retries: Int64?

        var claimed = 0
        var hasNewConsumer = false
        private var consumer: StreamConsumer?

        init(_ call: borrowing CommandContext, _ group: StreamGroup, leastIdle: Int64, isJustIDs: Bool) {
            reply = call.reply
            self.group = group
            name = call.arguments[3]
            now = call.now
            self.leastIdle = max(leastIdle, 0)
            self.isJustIDs = isJustIDs
            time = call.now
        }

        /// Whether its consumer has had it for long enough.
        func allows(_ delivery: StreamDelivery) -> Bool { leastIdle == 0 || now &- delivery.time >= leastIdle }

        /// Takes an entry that is there, and writes it, unless somebody has it for too short a time.
        mutating func take(_ id: StreamID, _ delivery: StreamDelivery?, _ stream: StreamValue) {
            if let delivery, !allows(delivery) { return }
            let consumer = takenBy()
            let before = delivery?.count ?? 1
            let count = retries ?? (isJustIDs ? before : before &+ 1)
            group.set(id, StreamDelivery(time: time, count: count, consumer: consumer))
            consumer.activeTime = now
            if isJustIDs {
                reply.pointee.bulk(id)
            } else {
                stream.with(id) { reply.pointee.entry($0) }
            }
            claimed += 1
        }

        private mutating func takenBy() -> StreamConsumer {
            if let consumer { return consumer }
            let seen = group.seen(name, at: now)
            consumer = seen.consumer
            hasNewConsumer = seen.isNew
            return seen.consumer
        }
    }

    // MARK: XAUTOCLAIM

    /// Entries looked at for each that may be claimed.
    private static let attemptsFactor = 10
    /// So that IDs of so many and attempts are countable.
    private static let largestCount = Int64.max / 16

    static func xautoclaim(_ call: inout CommandContext) {
        guard let leastIdle = call.streamNumber(4, ErrorText.autoClaimIdle), let start = call.streamStart(5) else {
            return
        }
        var limit = 100
        var isJustIDs = false
        var index = 6
        while index < call.arguments.count {
            if call.arguments[index].equalsIgnoringCase("count"), index + 1 < call.arguments.count {
                guard let number = Decimal.parseInt64(call.arguments[index + 1]), number > 0,
                    number <= largestCount
                else { return call.reply.pointee.error(ErrorText.autoClaimCount) }
                limit = Int(number)
                index += 2
            } else if call.arguments[index].equalsIgnoringCase("justid") {
                isJustIDs = true
                index += 1
            } else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
        }
        guard let found = group(&call) else { return }
        guard found.group.pending(atOrAfter: start) != nil else {
            call.reply.pointee.array(3)
            call.reply.pointee.bulk(StreamID.zero)
            call.reply.pointee.array(0)
            return call.reply.pointee.array(0)
        }
        var claim = Claim(call, found.group, leastIdle: leastIdle, isJustIDs: isJustIDs)
        let plan = plan(claim, found.stream, from: start, limit)
        let reply = call.reply
        reply.pointee.array(3)
        reply.pointee.bulk(plan.next)
        if plan.claimed.isEmpty, plan.deleted.isEmpty {
            reply.pointee.array(0)
            return reply.pointee.array(0)
        }
        reply.pointee.array(plan.claimed.count)
        call.keyspace.change(found.entry, found.stream, isNoted: false) { stream in
            for id in plan.deleted { found.group.acknowledge(id) }
            for id in plan.claimed { claim.take(id, found.group.delivery(of: id), stream) }
        }
        reply.pointee.array(plan.deleted.count)
        for id in plan.deleted { reply.pointee.bulk(id) }
        if claim.hasNewConsumer { call.keyspace.notify(.stream, "xgroup-createconsumer", call.key) }
    }

    /// What an XAUTOCLAIM will do.
    private struct ClaimPlan {
        var claimed: [StreamID] = []
        /// No longer in the stream.
        var deleted: [StreamID] = []
        /// Where the next call goes on; 0-0: all was seen.
        var next = StreamID.zero
    }

    private static func plan(_ claim: Claim, _ stream: StreamValue, from start: StreamID, _ limit: Int) -> ClaimPlan {
        var plan = ClaimPlan()
        var attempts = limit * attemptsFactor
        claim.group.forEachPending(from: start) { id, delivery in
            guard attempts > 0, plan.claimed.count + plan.deleted.count < limit else {
                plan.next = id
                return false
            }
            attempts -= 1
            if !stream.with(id) {
                plan.deleted.append(id)
            } else if claim.allows(delivery) {
                plan.claimed.append(id)
            }
            return true
        }
        return plan
    }
}
