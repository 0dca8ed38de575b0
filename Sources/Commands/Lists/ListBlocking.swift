import Bytes
import Keyspace
import RESP
import Values

/// The commands on lists that wait for elements.
extension ListCommands {
    static let blocking: [CommandRow] = [
        CommandRow(
            "blpop", arity: -3, [.write, .noScript, .blocking], [.write, .list, .slow, .blocking], group: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            plan: .specified(.ends(first: 1, last: 0)),
            since: "2.0.0",
            summary: "Removes and returns the first element of the first of several lists that has any; waits for one.",
            complexity: "O(N) for N keys",
            documentation: ListSyntax.blpop
        ) { blockingPop(&$0, .left) },
        CommandRow(
            "brpop", arity: -3, [.write, .noScript, .blocking], [.write, .list, .slow, .blocking], group: .list,
            keys: [KeySpec([.readWrite, .access, .delete], .index(1), .range(last: -2, step: 1, limit: 0))],
            plan: .specified(.ends(first: 0, last: 1)),
            since: "2.0.0",
            summary: "Removes and returns the last element of the first of several lists that has any; waits for one.",
            complexity: "O(N) for N keys",
            documentation: ListSyntax.brpop
        ) { blockingPop(&$0, .right) },
        CommandRow(
            "blmpop", arity: -5, [.write, .blocking, .movableKeys], [.write, .list, .slow, .blocking], group: .list,
            keys: [
                KeySpec([.readWrite, .access, .delete], .index(2), .count(index: 0, first: 1, step: 1))
            ],
            plan: .deciding { poppedFirst($0) },
            since: "7.0.0",
            summary: "Removes and returns elements of the first of several lists that has any; waits for one.",
            complexity: "O(N + M) for N keys and M elements returned",
            documentation: ListSyntax.blmpop
        ) { popFirst(&$0, numkeys: 2, waits: true) },
        CommandRow(
            "blmove", arity: 6, [.write, .denyOOM, .noScript, .blocking], [.write, .list, .slow, .blocking],
            group: .list,
            keys: [.one([.readWrite, .access, .delete]), .one([.readWrite, .insert], at: 2)],
            plan: .specified(.ends(first: 1, last: 1)),
            since: "6.2.0",
            summary: "Moves an element from an end of one list to an end of another and returns it; waits for one.",
            complexity: "O(1)",
            documentation: ListSyntax.blmove
        ) { call in
            guard let from = call.listEnd(3), let to = call.listEnd(4) else { return }
            guard let timeout = call.timeout(seconds: 5) else { return }
            move(&call, from, to, timeout: timeout)
        },
        CommandRow(
            "brpoplpush", arity: 4, [.write, .denyOOM, .noScript, .blocking], [.write, .list, .slow, .blocking],
            group: .list,
            keys: [.one([.readWrite, .access, .delete]), .one([.readWrite, .insert], at: 2)],
            plan: .specified(.ends(first: 1, last: 1)),
            since: "2.2.0",
            summary: "Moves the last element of one list before the first of another and returns it; waits for one.",
            complexity: "O(1)",
            documentation: ListSyntax.brpoplpush
        ) { call in
            guard let timeout = call.timeout(seconds: 3) else { return }
            move(&call, .right, .left, timeout: timeout)
        },
    ]

    /// BLPOP, BRPOP.
    private static func blockingPop(_ call: inout CommandContext, _ end: ListEnd) {
        guard let timeout = call.timeout(seconds: call.arguments.count - 1) else { return }
        let serve: BlockRequest.Serve = { keyspace, key, entry, reply in
            reply.pointee.array(2)
            reply.pointee.bulk(key.bytes)
            let list = keyspace.value(of: entry, as: ListValue.self)
            popOne(&keyspace, reply, key, entry, list, end)
        }
        for index in call.candidates {
            switch call.collection(call.keys[index], ListValue.self, isRead: false) {
            case .missing: continue
            case .refused: return
            case .found(let entry, _): return serve(&call.keyspace, call.keys[index], entry, call.reply)
            }
        }
        waitForList(&call, timeout, serve: serve)
    }

    /// The call has found no list: it waits until there is one under one of its keys (`keys`: of these).
    static func waitForList(
        _ call: inout CommandContext, _ timeout: Int64, keys: Range<Int>? = nil, serve: BlockRequest.Serve? = nil
    ) {
        call.wait(
            BlockRequest(
                keys: keys ?? 0..<call.keys.count, timeoutMilliseconds: timeout, wants: { $0?.type == .list },
                serve: serve))
    }
}
