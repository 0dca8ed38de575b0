import Bytes
import Keyspace
import RESP
import Values

extension KeyCommands {
    static let expiryRows: [CommandRow] = [
        expiring("expire", since: "1.0.0", KeySyntax.expire, "Lets a key expire after some seconds.") {
            expire(&$0, "expire", unit: 1000, isRelative: true)
        },
        expiring("pexpire", since: "2.6.0", KeySyntax.pexpire, "Lets a key expire after some milliseconds.") {
            expire(&$0, "pexpire", unit: 1, isRelative: true)
        },
        expiring("expireat", since: "1.2.0", KeySyntax.expireat, "Lets a key expire at a Unix time in seconds.") {
            expire(&$0, "expireat", unit: 1000, isRelative: false)
        },
        expiring(
            "pexpireat", since: "2.6.0", KeySyntax.pexpireat, "Lets a key expire at a Unix time in milliseconds.") {
            expire(&$0, "pexpireat", unit: 1, isRelative: false)
        },
        telling(
            "ttl", arity: -2, since: "1.0.0", KeySyntax.ttl, "Tells the seconds that a key has left to live.",
            tips: ["nondeterministic_output"]
        ) { timeToLive(&$0, inSeconds: true, isRelative: true) },
        telling(
            "pttl", arity: -2, since: "2.6.0", KeySyntax.pttl, "Tells the milliseconds that a key has left to live.",
            tips: ["nondeterministic_output"]
        ) { timeToLive(&$0, inSeconds: false, isRelative: true) },
        telling(
            "expiretime", since: "7.0.0", KeySyntax.expiretime, "Tells the Unix time in seconds at which a key expires."
        ) {
            timeToLive(&$0, inSeconds: true, isRelative: false)
        },
        telling(
            "pexpiretime", since: "7.0.0", KeySyntax.pexpiretime,
            "Tells the Unix time in milliseconds at which a key expires."
        ) {
            timeToLive(&$0, inSeconds: false, isRelative: false)
        },
        CommandRow(
            "persist", arity: -2, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.one([.readWrite, .update])], plan: .deciding { $0.count > 2 ? .value : .presence },
            since: "2.2.0", summary: "Takes a key's expiry away.", complexity: "O(1)",
            documentation: KeySyntax.persist
        ) { persist(&$0) },
    ]

    /// The row of a command that sets an expiry. It moves the record, but looks at nothing in it.
    private static func expiring(
        _ name: StaticString, since: StaticString, _ documentation: CommandDocumentation, _ summary: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: -3, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.one([.readWrite, .update])], plan: .specified(.presence), since: since, summary: summary,
            complexity: "O(1)", documentation: documentation, body)
    }

    /// The row of a command that tells an expiry.
    private static func telling(
        _ name: StaticString, arity: Int = 2, since: StaticString, _ documentation: CommandDocumentation,
        _ summary: StaticString, tips: [StaticString] = [], _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.readOnly, .fast], [.keyspace, .read, .fast], group: .generic,
            keys: [.one([.readOnly, .access])], plan: .deciding { $0.count > 2 ? .value : .presence }, since: since,
            summary: summary,
            complexity: "O(1)", tips: tips, documentation: documentation, body)
    }

    /// NX, XX, GT and LT: what the old expiry must be for a new one to be set.
    private struct Conditions: OptionSet {
        let rawValue: UInt8
        static let none = Conditions(rawValue: 1)
        static let some = Conditions(rawValue: 2)
        static let earlier = Conditions(rawValue: 4)
        static let later = Conditions(rawValue: 8)

        /// Whether a key with the expiry `old` gets `new`. No expiry is later than any.
        func hold(old: Int64?, new: Int64) -> Bool {
            if contains(.none), old != nil { return false }
            if contains(.some), old == nil { return false }
            if contains(.earlier) {
                guard let old, old < new else { return false }
            }
            if contains(.later), let old, old <= new { return false }
            return true
        }
    }

    private static func expire(
        _ context: inout CommandContext, _ name: StaticString, unit: Int64, isRelative: Bool
    ) {
        guard let conditions = conditions(context), let number = context.integer(2) else { return }
        let (scaled, scaleOverflows) = number.multipliedReportingOverflow(by: unit)
        let (time, sumOverflows) = scaled.addingReportingOverflow(isRelative ? context.now : 0)
        guard !scaleOverflows, !sumOverflows else {
            return context.reply.pointee.error(ErrorText.invalidExpire(name))
        }
        guard let entry = context.keyspace.find(context.key),
            conditions.hold(old: entry.record.expiry, new: time)
        else { return context.reply.pointee.integer(0) }
        if isPast(time, context) {
            context.keyspace.delete(entry)
            context.keyspace.notify(.generic, "del", context.key)
        } else {
            context.keyspace.setExpiry(entry, time)
            context.keyspace.notify(.generic, "expire", context.key)
        }
        context.reply.pointee.integer(1)
    }

    /// Whether a key that gets this expiry is deleted at once. While expiry is suspended (loading, a replica) none is.
    static func isPast(_ time: Int64, _ context: borrowing CommandContext) -> Bool {
        time <= context.now && !context.keyspace.accessClock.suspendsExpiry
    }

    /// The conditions from argument 3 on; nil if they are wrong, which has been replied then.
    private static func conditions(_ context: borrowing CommandContext) -> Conditions? {
        var conditions: Conditions = []
        for index in 3..<max(3, context.arguments.count) {
            let word = context.arguments[index]
            if word.equalsIgnoringCase("nx") {
                conditions.insert(.none)
            } else if word.equalsIgnoringCase("xx") {
                conditions.insert(.some)
            } else if word.equalsIgnoringCase("gt") {
                conditions.insert(.earlier)
            } else if word.equalsIgnoringCase("lt") {
                conditions.insert(.later)
            } else {
                context.reply.pointee.error(ErrorText.unsupportedOption(word))
                return nil
            }
        }
        if conditions.contains(.none), conditions != .none {
            context.reply.pointee.error(ErrorText.expireNX)
            return nil
        }
        if conditions.isSuperset(of: [.earlier, .later]) {
            context.reply.pointee.error(ErrorText.expireGTLT)
            return nil
        }
        return conditions
    }

    private static func timeToLive(_ context: inout CommandContext, inSeconds: Bool, isRelative: Bool) {
        guard let entry = look(&context, context.key) else { return context.reply.pointee.integer(-2) }
        guard context.arguments.count <= 3 else { return context.reply.pointee.error(ErrorText.invalidArguments) }
        var time = entry.record.expiry
        if context.arguments.count == 3 {
            // KeyDB's form: of a member.
            let member = context.arguments[2]
            guard let value = collectionWithMembers(entry, &context), value.hasMember(member) else {
                return context.reply.pointee.integer(-2)
            }
            time = value.expiry(of: member)
        }
        guard let expiry = time else { return context.reply.pointee.integer(-1) }
        let milliseconds = max(0, isRelative ? expiry - context.now : expiry)
        // Rounded, as Redis does; in this form the sum can't overflow.
        let seconds = milliseconds / 1000 + (milliseconds % 1000 >= 500 ? 1 : 0)
        context.reply.pointee.integer(inSeconds ? seconds : milliseconds)
    }

    private static func persist(_ context: inout CommandContext) {
        guard context.arguments.count == 2 else { return persistMember(&context) }
        guard let entry = context.keyspace.find(context.key), entry.record.hasExpiry else {
            return context.reply.pointee.integer(0)
        }
        context.keyspace.setExpiry(entry, nil)
        context.keyspace.notify(.generic, "persist", context.key)
        context.reply.pointee.integer(1)
    }

    /// KeyDB's PERSIST key member.
    private static func persistMember(_ context: inout CommandContext) {
        guard let entry = context.keyspace.find(context.key) else { return context.reply.pointee.integer(0) }
        guard context.arguments.count == 3 else { return context.reply.pointee.error(ErrorText.invalidArguments) }
        let member = context.arguments[2]
        guard let value = collectionWithMembers(entry, &context), value.expiry(of: member) != nil else {
            return context.reply.pointee.integer(0)
        }
        context.changeExpiries(entry, value) { $0.setExpiry(of: member, nil) }
        context.keyspace.notify(.generic, "persist", context.key)
        context.reply.pointee.integer(1)
    }
}
