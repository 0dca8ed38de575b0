import Bytes
import Keyspace
import RESP
import Values

/// Commands that KeyDB has and Redis has not: members that expire, and what is small.
///
/// TTL, PTTL and PERSIST of a member are in KeyCommands+Expiry, KEYDB.MEXISTS is in KeyCommands+Existence, nested
/// hashes are in NestedHashCommands.
public enum KeyDBCommands {
    public static let rows: [CommandRow] = [
        expiring("expiremember", arity: -4, "Lets a member of a set, hash or sorted set expire after some time.") {
            expireMember(&$0)
        },
        expiring(
            "expirememberat", arity: 4, "Lets a member of a set, hash or sorted set expire at a Unix time in seconds."
        ) { setExpiry(&$0, "expirememberat", unit: 1000, isRelative: false) },
        expiring(
            "pexpirememberat", arity: 4,
            "Lets a member of a set, hash or sorted set expire at a Unix time in milliseconds."
        ) { setExpiry(&$0, "pexpirememberat", unit: 1, isRelative: false) },
        CommandRow(
            "keydb.hrename", arity: 4, [.write, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .update])], since: "6.2.0",
            summary: "Gives a field of a hash another name, over whatever has that name.", complexity: "O(1)", hrename),
        CommandRow(
            "expdel", arity: -2, .write, [.keyspace, .write, .slow], group: .generic,
            keys: [.all([.remove, .delete])], plan: .specified(.presence), since: "5.0.0",
            summary: "Deletes keys, as DEL does.", complexity: "O(N) for N keys."
        ) { KeyCommands.delete(&$0) },
        CommandRow(
            "lfence", arity: 1, [.readOnly], [.read, .slow], group: .server, since: "6.2.0",
            summary: "Waits for the connection's calls before it: nothing to do, for they run in order.",
            complexity: "O(1)"
        ) { $0.reply.pointee.ok() },
    ]

    private static func expiring(
        _ name: StaticString, arity: Int, _ summary: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.one([.readWrite, .update])], since: "5.2.0", summary: summary,
            complexity: "O(log N) for N members that expire.", body)
    }

    // MARK: Members that expire

    /// EXPIREMEMBER key member n [s|ms]
    private static func expireMember(_ call: inout CommandContext) {
        guard call.integer(3) != nil else { return }
        guard call.arguments.count <= 5 else { return call.reply.pointee.error(ErrorText.tooManyArguments) }
        var unit: Int64 = 1000
        if call.arguments.count == 5 {
            if call.arguments[4].equalsIgnoringCase("ms") {
                unit = 1
            } else if !call.arguments[4].equalsIgnoringCase("s") {
                return call.reply.pointee.error(ErrorText.unit)
            }
        }
        setExpiry(&call, "expiremember", unit: unit, isRelative: true)
    }

    private static func setExpiry(_ call: inout CommandContext, _ name: StaticString, unit: Int64, isRelative: Bool) {
        guard let number = call.integer(3) else { return }
        let (scaled, scaleOverflows) = number.multipliedReportingOverflow(by: unit)
        let (time, sumOverflows) = scaled.addingReportingOverflow(isRelative ? call.now : 0)
        guard !scaleOverflows, !sumOverflows, time <= MemberTime.latest else {
            return call.reply.pointee.error(ErrorText.invalidExpire(name))
        }
        guard let entry = call.keyspace.find(call.key) else { return call.reply.pointee.integer(0) }
        guard let value = KeyCommands.collectionWithMembers(entry, &call) else {
            return call.reply.pointee.error(ErrorText.unsupportedType)
        }
        let member = call.arguments[2]
        guard value.hasMember(member) else { return call.reply.pointee.integer(0) }
        let isPast = KeyCommands.isPast(time, call)
        let type = entry.record.type
        call.changeExpiries(entry, value) { value in
            if isPast { value.removeMember(member) } else { value.setExpiry(of: member, max(0, time)) }
        }
        notify(&call, type, isPast: isPast, isGone: value.count == 0)
        call.reply.pointee.integer(1)
    }

    /// A past time is a removal, and told as such; of the rest only hashes have an event.
    private static func notify(_ call: inout CommandContext, _ type: ValueType, isPast: Bool, isGone: Bool) {
        switch type {
        case .hash: call.keyspace.notify(.hash, isPast ? "hdel" : "hexpire", call.key)
        case .set: if isPast { call.keyspace.notify(.set, "srem", call.key) }
        case .zset: if isPast { call.keyspace.notify(.sortedSet, "zrem", call.key) }
        default: return
        }
        if isGone { call.keyspace.notify(.generic, "del", call.key) }
    }

    // MARK: Hashes

    private static func hrename(_ call: inout CommandContext) {
        let (source, target) = (call.arguments[2], call.arguments[3])
        let entry: Entry
        let hash: HashValue
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return
        case .missing: return call.reply.pointee.integer(0)
        case .found(let found, let value): (entry, hash) = (found, value)
        }
        guard let pair = hash.find(source) else { return call.reply.pointee.integer(0) }
        if source == target { return call.reply.pointee.integer(1) }
        let value = pair.page.withBytes(pair.value) { $0.array }
        let expiry = hash.expiry(of: source)
        call.changeExpiries(entry, hash) { hash in
            hash.remove(source)
            value.withSlice { _ = hash.set(target, $0) }
            if let expiry { hash.setExpiry(of: target, expiry) }
        }
        call.keyspace.notify(.hash, "hdel", call.key)
        call.keyspace.notify(.hash, "hset", call.key)
        call.reply.pointee.integer(1)
    }
}

extension KeyCommands {
    /// The entry's collection, if it is of a type whose members can expire.
    static func collectionWithMembers(_ entry: Entry, _ call: inout CommandContext) -> CollectionValue? {
        switch entry.record.type {
        case .set, .zset, .hash: call.keyspace.collection(of: entry)
        default: nil
        }
    }
}
