/// One argument of a command as COMMAND DOCS describes it: clients show hints from these trees.
public struct CommandArgument: Sendable {
    /// The raw value is the name that COMMAND DOCS reports.
    public enum Kind: String, Sendable {
        case string, integer, double, key, pattern, oneof, block
        case unixTime = "unix-time"
        case pureToken = "pure-token"
    }
    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let optional = Flags(rawValue: 1)
        public static let multiple = Flags(rawValue: 2)
        /// The token is repeated with each occurrence.
        public static let multipleToken = Flags(rawValue: 4)

        public static let names: [(Flags, StaticString)] = [
            (.optional, "optional"), (.multiple, "multiple"), (.multipleToken, "multiple_token"),
        ]
    }

    public let name: StaticString
    public let kind: Kind
    public let flags: Flags
    /// The word before the argument, or the argument itself for a pure token.
    public let token: StaticString?
    /// Which of the row's key specifications finds it.
    public let keySpec: Int?
    public let since: StaticString?
    public let arguments: [CommandArgument]

    public init(
        _ kind: Kind, _ name: StaticString, _ flags: Flags = [], token: StaticString? = nil, keySpec: Int? = nil,
        since: StaticString? = nil, arguments: [CommandArgument] = []
    ) {
        self.name = name
        self.kind = kind
        self.flags = flags
        self.token = token
        self.keySpec = keySpec
        self.since = since
        self.arguments = arguments
    }
}

/// What COMMAND DOCS reports beyond the row itself.
public struct CommandDocumentation: Sendable {
    public let arguments: [CommandArgument]
    /// Versions and what changed in them.
    public let history: [(since: StaticString, change: StaticString)]
    /// The version since which the command is deprecated, and what to use instead.
    public let deprecated: (since: StaticString, replacement: StaticString)?
    /// For other servers and developers, not for users (`syscmd`).
    public let isSystem: Bool

    public init(
        _ arguments: [CommandArgument] = [], history: [(since: StaticString, change: StaticString)] = [],
        deprecated: (since: StaticString, replacement: StaticString)? = nil, isSystem: Bool = false
    ) {
        self.arguments = arguments
        self.history = history
        self.deprecated = deprecated
        self.isSystem = isSystem
    }

    public static let none = CommandDocumentation()
}
