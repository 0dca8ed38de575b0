import Bytes
import Keyspace
import RESP
import Values

/// The commands on sorted sets that wait for members.
extension SortedSetCommands {
    static let blocking: [CommandRow] = [
        CommandRow(
            "bzpopmin", arity: -3, [.write, .noScript, .blocking, .fast], [.write, .sortedSet, .fast, .blocking],
            group: .sortedSet,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            plan: .specified(.pops(first: 1, last: 0)),
            since: "5.0.0",
            summary: "Removes and returns the member with the lowest score of one of some sorted sets; waits for one.",
            complexity: "O(log(N)) with N members",
            documentation: SortedSetSyntax.bzpopmin
        ) { blockingPop(&$0, fromEnd: false) },
        CommandRow(
            "bzpopmax", arity: -3, [.write, .noScript, .blocking, .fast], [.write, .sortedSet, .fast, .blocking],
            group: .sortedSet,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            plan: .specified(.pops(first: 0, last: 1)),
            since: "5.0.0",
            summary: "Removes and returns the member with the highest score of one of some sorted sets; waits for one.",
            complexity: "O(log(N)) with N members",
            documentation: SortedSetSyntax.bzpopmax
        ) { blockingPop(&$0, fromEnd: true) },
        CommandRow(
            "bzmpop", arity: -5, [.write, .blocking, .movableKeys], [.write, .sortedSet, .slow, .blocking],
            group: .sortedSet,
            keys: [
                KeySpec([.readWrite, .access, .delete], .index(2), .count(index: 0, first: 1, step: 1))
            ],
            plan: .deciding { poppedFirst($0) },
            since: "7.0.0",
            summary: "Removes and returns the members at one end of one of several sorted sets; waits for some.",
            complexity: "O(K)+O(log(N)+M) for K keys, M of N elements",
            documentation: SortedSetSyntax.bzmpop
        ) { popFirst(&$0, numkeys: 2, waits: true) },
    ]

    /// BZPOPMIN, BZPOPMAX.
    private static func blockingPop(_ call: inout CommandContext, fromEnd: Bool) {
        guard let timeout = call.timeout(seconds: call.arguments.count - 1) else { return }
        let serve: BlockRequest.Serve = { keyspace, key, entry, reply in
            let value = keyspace.value(of: entry, as: SortedSetValue.self)
            let place = fromEnd ? value.count - 1 : 0
            reply.pointee.array(3)
            reply.pointee.bulk(key.bytes)
            value.forEach(in: place..<place + 1, reversed: false) { member, score in
                reply.pointee.bulk(member)
                reply.pointee.double(score)
            }
            keyspace.changeOrRemove(entry, value, key, .sortedSet, fromEnd ? "zpopmax" : "zpopmin") {
                $0.removeSubrange(place..<place + 1)
            }
        }
        for index in call.candidates {
            switch call.collection(call.keys[index], SortedSetValue.self, isRead: false) {
            case .missing: continue
            case .refused: return
            case .found(let entry, _): return serve(&call.keyspace, call.keys[index], entry, call.reply)
            }
        }
        waitForSortedSet(&call, timeout, serve)
    }

    /// The call has found no sorted set: it waits until there is one under one of its keys.
    static func waitForSortedSet(
        _ call: inout CommandContext, _ timeout: Int64, _ serve: @escaping BlockRequest.Serve
    ) {
        call.wait(
            BlockRequest(
                keys: 0..<call.keys.count, timeoutMilliseconds: timeout, wants: { $0?.type == .zset }, serve: serve))
    }
}
