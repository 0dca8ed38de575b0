import Bytes
import Keyspace
import RESP
import Values

/// The commands of Redis 7.4 on fields that expire.
///
/// They never meet a field that is past due: it went when its hash was looked up (Keyspace/MemberExpiry).
public enum HashExpiryCommands {
    public static let rows: [CommandRow] = [
        setting("hexpire", "seconds", .integer, "Lets fields of a hash expire after some seconds.") {
            expire(&$0, "hexpire", unit: 1000, isRelative: true)
        },
        setting("hpexpire", "milliseconds", .integer, "Lets fields of a hash expire after some milliseconds.") {
            expire(&$0, "hpexpire", unit: 1, isRelative: true)
        },
        setting(
            "hexpireat", "unix-time-seconds", .unixTime, "Lets fields of a hash expire at a Unix time in seconds."
        ) {
            expire(&$0, "hexpireat", unit: 1000, isRelative: false)
        },
        setting(
            "hpexpireat", "unix-time-milliseconds", .unixTime,
            "Lets fields of a hash expire at a Unix time in milliseconds."
        ) { expire(&$0, "hpexpireat", unit: 1, isRelative: false) },
        telling(
            "httl", "Tells the seconds that fields of a hash have left to live.", tips: ["nondeterministic_output"]
        ) { timeToLive(&$0, inSeconds: true, isRelative: true) },
        telling(
            "hpttl", "Tells the milliseconds that fields of a hash have left to live.",
            tips: ["nondeterministic_output"]
        ) { timeToLive(&$0, inSeconds: false, isRelative: true) },
        telling("hexpiretime", "Tells the Unix times in seconds at which fields of a hash expire.") {
            timeToLive(&$0, inSeconds: true, isRelative: false)
        },
        telling("hpexpiretime", "Tells the Unix times in milliseconds at which fields of a hash expire.") {
            timeToLive(&$0, inSeconds: false, isRelative: false)
        },
        CommandRow(
            "hpersist", arity: -5, [.write, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .update])], since: "7.4.0", summary: "Takes the expiry of fields of a hash away.",
            complexity: "O(N) for N fields named", documentation: CommandDocumentation([key, fields]), persist),
    ]

    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let fields = CommandArgument(
        .block, "fields", token: "FIELDS",
        arguments: [CommandArgument(.integer, "numfields"), CommandArgument(.string, "field", .multiple)])
    private static let condition = CommandArgument(
        .oneof, "condition", .optional,
        arguments: [
            CommandArgument(.pureToken, "nx", token: "NX"),
            CommandArgument(.pureToken, "xx", token: "XX"),
            CommandArgument(.pureToken, "gt", token: "GT"),
            CommandArgument(.pureToken, "lt", token: "LT"),
        ])

    private static func setting(
        _ name: StaticString, _ time: StaticString, _ kind: CommandArgument.Kind, _ summary: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: -6, [.write, .denyOOM, .fast], [.write, .hash, .fast], group: .hash,
            keys: [.one([.readWrite, .update])], since: "7.4.0", summary: summary,
            complexity: "O(N) for N fields named",
            documentation: CommandDocumentation([key, CommandArgument(kind, time), condition, fields]), body)
    }

    private static func telling(
        _ name: StaticString, _ summary: StaticString, tips: [StaticString] = [],
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: -5, [.readOnly, .fast], [.read, .hash, .fast], group: .hash,
            keys: [.one([.readOnly, .access])], since: "7.4.0", summary: summary,
            complexity: "O(N) for N fields named", tips: tips, documentation: CommandDocumentation([key, fields]), body)
    }

    // MARK: Arguments

    /// The fields behind FIELDS at argument `at`; nil if they are wrong, which has been replied then.
    private static func fields(
        _ call: borrowing CommandContext, at: Int, notPositive: StaticString
    ) -> Range<Int>? {
        let arguments = call.arguments
        guard at + 1 < arguments.count, arguments[at].equalsIgnoringCase("fields") else {
            call.reply.pointee.error(ErrorText.fieldsMissing)
            return nil
        }
        guard let number = Decimal.parseInt64(arguments[at + 1]), number > 0 else {
            call.reply.pointee.error(notPositive)
            return nil
        }
        guard number == Int64(arguments.count - at - 2) else {
            call.reply.pointee.error(ErrorText.fieldsMismatch)
            return nil
        }
        return at + 2..<arguments.count
    }

    private enum Condition {
        case always, none, some, later, sooner

        /// Whether a field with the expiry `old` gets `new`. No expiry is later than any.
        func holds(old: Int64?, new: Int64) -> Bool {
            guard let old else { return self != .some && self != .later }
            switch self {
            case .always, .some: return true
            case .none: return false
            case .later: return old < new
            case .sooner: return old > new
            }
        }
    }

    private static func condition(_ word: ByteSlice) -> Condition? {
        if word.equalsIgnoringCase("nx") { return Condition.none }
        if word.equalsIgnoringCase("xx") { return .some }
        if word.equalsIgnoringCase("gt") { return .later }
        if word.equalsIgnoringCase("lt") { return .sooner }
        return nil
    }

    /// Argument 2 as unix milliseconds; nil if it is wrong, which has been replied then.
    private static func time(
        _ call: borrowing CommandContext, _ name: StaticString, unit: Int64, isRelative: Bool
    ) -> Int64? {
        guard let number = call.integer(2) else { return nil }
        guard number >= 0 else {
            call.reply.pointee.error(ErrorText.negativeExpire)
            return nil
        }
        let base = isRelative ? call.now : 0
        guard number <= MemberTime.latest / unit, number * unit <= MemberTime.latest - base else {
            call.reply.pointee.error(ErrorText.invalidExpire(name))
            return nil
        }
        return number * unit + base
    }

    // MARK: HEXPIRE and its kin

    /// What one field comes to; the raw values are what is replied.
    private enum Outcome: Int {
        case noField = -2
        case conditionNotMet = 0
        case set = 1
        case deleted = 2
    }

    private struct Expiry {
        let time: Int64
        let isPast: Bool
        let condition: Condition

        func outcome(of field: ByteSlice, in hash: HashValue) -> Outcome {
            guard hash.hasMember(field) else { return .noField }
            guard condition.holds(old: hash.expiry(of: field), new: time) else { return .conditionNotMet }
            return isPast ? .deleted : .set
        }

        func apply(to field: ByteSlice, in hash: HashValue) -> Outcome {
            let outcome = outcome(of: field, in: hash)
            switch outcome {
            case .noField, .conditionNotMet: break
            case .set: hash.setExpiry(of: field, time)
            case .deleted: hash.remove(field)
            }
            return outcome
        }
    }

    private static func expire(_ call: inout CommandContext, _ name: StaticString, unit: Int64, isRelative: Bool) {
        let found = call.collection(call.key, HashValue.self, isRead: false)
        if case .refused = found { return }
        guard let time = time(call, name, unit: unit, isRelative: isRelative) else { return }
        let condition = condition(call.arguments[3])
        let at = condition == nil ? 3 : 4
        guard let fields = fields(call, at: at, notPositive: ErrorText.numFieldsNotPositive) else { return }
        let expiry = Expiry(time: time, isPast: KeyCommands.isPast(time, call), condition: condition ?? .always)
        let arguments = call.arguments
        var outcomes: [Outcome]
        switch found {
        case .refused: return
        case .missing: outcomes = fields.map { _ in .noField }
        case .found(let entry, let hash):
            outcomes = fields.map { expiry.outcome(of: arguments[$0], in: hash) }
            if outcomes.contains(where: { $0.rawValue > 0 }) {
                // Again, one after the other: a field may be named twice.
                outcomes = call.changeExpiries(entry, hash) { hash in
                    fields.map { expiry.apply(to: arguments[$0], in: hash) }
                }
                call.keyspace.notify(.hash, outcomes.contains(.deleted) ? "hdel" : "hexpire", call.key)
                if hash.count == 0 { call.keyspace.notify(.generic, "del", call.key) }
            }
        }
        call.reply.pointee.array(outcomes.count)
        for outcome in outcomes { call.reply.pointee.integer(outcome.rawValue) }
    }

    // MARK: HTTL and its kin

    private static func timeToLive(_ call: inout CommandContext, inSeconds: Bool, isRelative: Bool) {
        let found = call.collection(call.key, HashValue.self, isRead: true)
        if case .refused = found { return }
        guard let fields = fields(call, at: 2, notPositive: ErrorText.fieldsNotPositive) else { return }
        var hash: HashValue?
        if case .found(_, let value) = found { hash = value }
        let base = isRelative ? call.now : 0
        call.reply.pointee.array(fields.count)
        for index in fields {
            let field = call.arguments[index]
            if hash?.hasMember(field) != true {
                call.reply.pointee.integer(-2)
            } else if let time = hash?.expiry(of: field) {
                // Rounded up, as Redis does it here (and not in TTL).
                call.reply.pointee.integer(inSeconds ? (time - base + 999) / 1000 : time - base)
            } else {
                call.reply.pointee.integer(-1)
            }
        }
    }

    // MARK: HPERSIST

    private static func persist(_ call: inout CommandContext) {
        let found = call.collection(call.key, HashValue.self, isRead: false)
        if case .refused = found { return }
        guard let fields = fields(call, at: 2, notPositive: ErrorText.fieldsNotPositive) else { return }
        let arguments = call.arguments
        func outcome(_ field: ByteSlice, _ hash: HashValue) -> Int {
            hash.hasMember(field) ? (hash.expiry(of: field) == nil ? -1 : 1) : -2
        }
        var outcomes = fields.map { _ in -2 }
        if case .found(let entry, let hash) = found {
            outcomes = fields.map { outcome(arguments[$0], hash) }
            if outcomes.contains(1) {
                outcomes = call.changeExpiries(entry, hash) { hash in
                    fields.map { index in
                        let result = outcome(arguments[index], hash)
                        if result == 1 { hash.setExpiry(of: arguments[index], nil) }
                        return result
                    }
                }
                call.keyspace.notify(.hash, "hpersist", call.key)
            }
        }
        call.reply.pointee.array(outcomes.count)
        for outcome in outcomes { call.reply.pointee.integer(outcome) }
    }
}
