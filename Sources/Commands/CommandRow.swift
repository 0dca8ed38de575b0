import Bytes
import RESP

/// What COMMAND INFO reports as flags. Raw values are internal.
public struct CommandFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let write = CommandFlags(rawValue: 1 << 0)
    public static let readOnly = CommandFlags(rawValue: 1 << 1)
    public static let denyOOM = CommandFlags(rawValue: 1 << 2)
    public static let admin = CommandFlags(rawValue: 1 << 3)
    public static let pubSub = CommandFlags(rawValue: 1 << 4)
    public static let noScript = CommandFlags(rawValue: 1 << 5)
    public static let blocking = CommandFlags(rawValue: 1 << 6)
    public static let loading = CommandFlags(rawValue: 1 << 7)
    public static let stale = CommandFlags(rawValue: 1 << 8)
    public static let skipMonitor = CommandFlags(rawValue: 1 << 9)
    public static let skipSlowLog = CommandFlags(rawValue: 1 << 10)
    public static let asking = CommandFlags(rawValue: 1 << 11)
    public static let fast = CommandFlags(rawValue: 1 << 12)
    public static let noAuth = CommandFlags(rawValue: 1 << 13)
    /// COMMAND INFO doesn't show it.
    public static let mayReplicate = CommandFlags(rawValue: 1 << 14)
    public static let noAsyncLoading = CommandFlags(rawValue: 1 << 15)
    public static let allowBusy = CommandFlags(rawValue: 1 << 16)
    public static let noMulti = CommandFlags(rawValue: 1 << 17)
    public static let movableKeys = CommandFlags(rawValue: 1 << 18)
    /// CLIENT PAUSE doesn't hold it up. COMMAND INFO doesn't show it.
    public static let runsWhilePaused = CommandFlags(rawValue: 1 << 20)
    /// A client of RESP2 may use it while it has subscriptions. COMMAND INFO doesn't show it.
    public static let runsWhileSubscribed = CommandFlags(rawValue: 1 << 24)
    /// Changes subscriptions: as the last, and CLIENT REPLY OFF doesn't hold its replies back.
    public static let pushes = CommandFlags(rawValue: 1 << 25)
    /// Allowed only where `enable-debug-command` says so. COMMAND INFO doesn't show it.
    public static let protected = CommandFlags(rawValue: 1 << 19)

    // How a command behaves in MULTI and EXEC. COMMAND INFO shows none of these.
    /// Executed at once by a client in MULTI, not queued.
    public static let runsInMulti = CommandFlags(rawValue: 1 << 31)
    /// As `runsInMulti`, and ends the transaction.
    public static let endsMulti = CommandFlags(rawValue: 1 << 26)
    /// EXEC.
    public static let runsQueue = CommandFlags(rawValue: 1 << 30)
    /// Has no keys, takes no lock of a shard and asks for nothing: a transaction can run it under the locks of its
    /// keys. Without this a command without keys has its transaction run behind the exclusive gate.
    public static let runsUnderLocks = CommandFlags(rawValue: 1 << 29)
    /// Has keys, but takes locks of shards too or asks for something (`BackgroundRequest`): a transaction with it
    /// needs the exclusive gate.
    public static let needsGate = CommandFlags(rawValue: 1 << 28)
    /// Chooses the database of those behind it by its first argument.
    public static let selectsDatabase = CommandFlags(rawValue: 1 << 27)

    /// The names of COMMAND INFO, in its order.
    public static let names: [(CommandFlags, StaticString)] = [
        (.write, "write"), (.readOnly, "readonly"), (.denyOOM, "denyoom"), (.admin, "admin"), (.pubSub, "pubsub"),
        (.noScript, "noscript"), (.blocking, "blocking"), (.loading, "loading"), (.stale, "stale"),
        (.skipMonitor, "skip_monitor"), (.skipSlowLog, "skip_slowlog"), (.asking, "asking"), (.fast, "fast"),
        (.noAuth, "no_auth"), (.noAsyncLoading, "no_async_loading"),
        (.noMulti, "no_multi"), (.movableKeys, "movablekeys"), (.allowBusy, "allow_busy"),
    ]
}

/// ACL categories, as COMMAND INFO lists them (with a leading @).
public struct ACLCategories: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let keyspace = ACLCategories(rawValue: 1 << 0)
    public static let read = ACLCategories(rawValue: 1 << 1)
    public static let write = ACLCategories(rawValue: 1 << 2)
    public static let set = ACLCategories(rawValue: 1 << 3)
    public static let sortedSet = ACLCategories(rawValue: 1 << 4)
    public static let list = ACLCategories(rawValue: 1 << 5)
    public static let hash = ACLCategories(rawValue: 1 << 6)
    public static let string = ACLCategories(rawValue: 1 << 7)
    public static let bitmap = ACLCategories(rawValue: 1 << 8)
    public static let hyperLogLog = ACLCategories(rawValue: 1 << 9)
    public static let geo = ACLCategories(rawValue: 1 << 10)
    public static let stream = ACLCategories(rawValue: 1 << 11)
    public static let pubSub = ACLCategories(rawValue: 1 << 12)
    public static let admin = ACLCategories(rawValue: 1 << 13)
    public static let fast = ACLCategories(rawValue: 1 << 14)
    public static let slow = ACLCategories(rawValue: 1 << 15)
    public static let blocking = ACLCategories(rawValue: 1 << 16)
    public static let dangerous = ACLCategories(rawValue: 1 << 17)
    public static let connection = ACLCategories(rawValue: 1 << 18)
    public static let transaction = ACLCategories(rawValue: 1 << 19)
    public static let scripting = ACLCategories(rawValue: 1 << 20)

    public static let names: [(ACLCategories, StaticString)] = [
        (.keyspace, "@keyspace"), (.read, "@read"), (.write, "@write"), (.set, "@set"), (.sortedSet, "@sortedset"),
        (.list, "@list"), (.hash, "@hash"), (.string, "@string"), (.bitmap, "@bitmap"),
        (.hyperLogLog, "@hyperloglog"), (.geo, "@geo"), (.stream, "@stream"), (.pubSub, "@pubsub"),
        (.admin, "@admin"), (.fast, "@fast"), (.slow, "@slow"), (.blocking, "@blocking"),
        (.dangerous, "@dangerous"), (.connection, "@connection"), (.transaction, "@transaction"),
        (.scripting, "@scripting"),
    ]
}

/// The groups of COMMAND DOCS; the raw value is the name it reports.
public enum CommandGroup: String, Sendable {
    case generic, string, list, set, hash, pubsub, transactions, connection, server
    case scripting, hyperloglog, cluster, geo, stream, bitmap
    case sortedSet = "sorted-set"
}

/// Where a command's keys are among its arguments, as Redis' key specifications say it.
public struct KeySpec: Sendable {
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let readOnly = Flags(rawValue: 1 << 0)
        public static let readWrite = Flags(rawValue: 1 << 1)
        public static let overwrite = Flags(rawValue: 1 << 2)
        public static let remove = Flags(rawValue: 1 << 3)
        public static let access = Flags(rawValue: 1 << 4)
        public static let update = Flags(rawValue: 1 << 5)
        public static let insert = Flags(rawValue: 1 << 6)
        public static let delete = Flags(rawValue: 1 << 7)
        public static let notKey = Flags(rawValue: 1 << 8)
        public static let incomplete = Flags(rawValue: 1 << 9)
        public static let variable = Flags(rawValue: 1 << 10)

        public static let names: [(Flags, StaticString)] = [
            (.readOnly, "RO"), (.readWrite, "RW"), (.overwrite, "OW"), (.remove, "RM"), (.access, "access"),
            (.update, "update"), (.insert, "insert"), (.delete, "delete"), (.notKey, "not_key"),
            (.incomplete, "incomplete"), (.variable, "variable_flags"),
        ]
    }
    public enum Begin: Sendable {
        case index(Int)
        /// Behind this word, searched from an index on (negative: backwards from the end).
        case keyword(StaticString, startFrom: Int)
        /// Nowhere that a specification could say.
        case unknown
    }
    public enum Find: Sendable {
        /// Up to `last` (relative to the first key; negative: from the end), each `step`-th; `limit` 0 or 1: no
        /// limit, n: the first n-th of the rest.
        case range(last: Int, step: Int, limit: Int)
        /// A count at `index` (relative to the beginning), keys from `first` on.
        case count(index: Int, first: Int, step: Int)
        /// With an unknown beginning: appends the indices of one call's keys; nil: the arguments name none.
        case unknown((@Sendable (Arguments, inout [Int]) -> Void)?)
    }
    public let flags: Flags
    public let begin: Begin
    public let find: Find
    public let notes: StaticString?
    /// For `.variable` flags: those of one call.
    public let decide: (@Sendable (Arguments) -> Flags)?

    public init(
        _ flags: Flags, _ begin: Begin, _ find: Find, notes: StaticString? = nil,
        decide: (@Sendable (Arguments) -> Flags)? = nil
    ) {
        self.flags = flags
        self.begin = begin
        self.find = find
        self.notes = notes
        self.decide = decide
    }

    /// One key at `index`.
    public static func one(
        _ flags: Flags, at index: Int = 1, notes: StaticString? = nil,
        decide: (@Sendable (Arguments) -> Flags)? = nil
    ) -> KeySpec {
        KeySpec(flags, .index(index), .range(last: 0, step: 1, limit: 0), notes: notes, decide: decide)
    }

    /// All arguments from the first on, each `step`-th.
    public static func all(_ flags: Flags, step: Int = 1) -> KeySpec {
        KeySpec(flags, .index(1), .range(last: -1, step: step, limit: 0))
    }
}

/// How the keys of a call and their needs are found.
public enum KeyPlan: Sendable {
    /// The row's key specifications, all with the same need.
    case specified(KeyNeed)
    /// The row's key specifications, with a need that depends on the arguments.
    case deciding(@Sendable (Arguments) -> KeyNeed)
    /// Anything else: appends each key with its database and need. An argument error is left to the command: append
    /// what there is.
    case custom(@Sendable (Arguments, _ database: Int, _ uses: inout [KeyUse]) -> Void)
}

/// One key of a call.
public struct KeyUse: Sendable {
    /// The argument that names it.
    public let argument: Int
    /// The key is the first so many bytes of it.
    public let length: Int
    public let database: Int
    public let need: KeyNeed

    public init(argument: Int, length: Int = .max, database: Int, need: KeyNeed) {
        self.argument = argument
        self.length = length
        self.database = database
        self.need = need
    }

    /// The key among the call's arguments.
    @inlinable
    public func key(_ arguments: Arguments) -> ByteSlice { arguments[argument].prefix(length) }
}

/// Everything about a command, in one place.
public struct CommandRow: Sendable {
    /// In lower case; a subcommand's is its own word.
    public let name: StaticString
    /// Arguments, the name included; negative: at least as many.
    public let arity: Int
    public let flags: CommandFlags
    public let categories: ACLCategories
    public let group: CommandGroup
    public let keys: [KeySpec]
    public let plan: KeyPlan
    public let since: StaticString
    public let summary: StaticString
    public let complexity: StaticString
    /// The hints of COMMAND INFO ("nondeterministic_output" ...).
    public let tips: [StaticString]
    public let subcommands: [CommandRow]
    public let documentation: CommandDocumentation
    /// The command. Nil for a container of subcommands that does nothing by itself.
    public let body: (@Sendable (inout CommandContext) -> Void)?

    public init(
        _ name: StaticString, arity: Int, _ flags: CommandFlags, _ categories: ACLCategories, group: CommandGroup,
        keys: [KeySpec] = [], plan: KeyPlan = .specified(.value), since: StaticString, summary: StaticString,
        complexity: StaticString, tips: [StaticString] = [], subcommands: [CommandRow] = [],
        documentation: CommandDocumentation = .none,
        _ body: (@Sendable (inout CommandContext) -> Void)? = nil
    ) {
        self.name = name
        self.arity = arity
        self.flags = flags
        self.categories = categories
        self.group = group
        self.keys = keys
        self.plan = plan
        self.since = since
        self.summary = summary
        self.complexity = complexity
        self.tips = tips
        self.subcommands = subcommands
        self.documentation = documentation
        self.body = body
    }

    /// Appends the indices of the call's keys among its arguments, as the specifications say; false if the
    /// arguments don't fit them (a bad count).
    public func keyIndices(_ arguments: Arguments, into indices: inout [Int]) -> Bool {
        for spec in keys {
            guard spec.append(arguments, to: &indices) else { return false }
        }
        return true
    }

    /// Appends the call's keys with their needs, in the order in which the command gets them; false, and nothing
    /// appended, if the arguments don't say where they are: the command has none then and says what is wrong.
    ///
    /// A plan can't know how many databases there are: a key in one that isn't is left out, the command replies to the
    /// number. `indices` is room to work in. `KeyPreparation.add` does the same where it is hot.
    public func appendUses(
        _ arguments: Arguments, database: Int, databases: Int, room indices: inout [Int], to uses: inout [KeyUse]
    ) -> Bool {
        let need: KeyNeed
        switch plan {
        case .custom(let plan):
            plan(arguments, database, &uses)
            uses.removeAll { $0.database >= databases }
            return true
        case .specified(let fixed): need = fixed
        case .deciding(let decide): need = decide(arguments)
        }
        indices.removeAll(keepingCapacity: true)
        guard keyIndices(arguments, into: &indices) else { return false }
        for index in indices { uses.append(KeyUse(argument: index, database: database, need: need)) }
        return true
    }
}

extension KeySpec {
    /// Appends the indices of the keys that this specification finds; false if the arguments don't fit it.
    public func append(_ arguments: Arguments, to indices: inout [Int]) -> Bool {
        var first = 0
        switch begin {
        case .index(let index): first = index
        case .keyword(let word, let start):
            guard let at = find(word, start, arguments) else { return true }
            first = at + 1
        case .unknown: break
        }
        switch find {
        case .range(let last, let step, let limit):
            var end = last < 0 ? arguments.count + last : first + last
            if last < 0, limit > 1 { end = first + (arguments.count - first) / limit + last }
            guard first < arguments.count else { return true }
            for index in stride(from: first, through: min(end, arguments.count - 1), by: step) { indices.append(index) }
        case .count(let index, let offset, let step):
            guard first + index < arguments.count,
                let count = Decimal.parseInt64(arguments[first + index]), count >= 0,
                count <= arguments.count
            else { return false }
            let start = first + offset
            guard start + (Int(count) - 1) * step < arguments.count else { return false }
            for number in 0..<Int(count) { indices.append(start + number * step) }
        case .unknown(let append): append?(arguments, &indices)
        }
        return true
    }

    private func find(_ word: StaticString, _ start: Int, _ arguments: Arguments) -> Int? {
        let candidates =
            start > 0
            ? Array(stride(from: start, to: arguments.count, by: 1))
            : Array(stride(from: arguments.count + start, to: 0, by: -1))
        return candidates.first { arguments[$0].string.uppercased() == "\(word)".uppercased() }
    }
}
