/// A row of the table: one directive with everything that is known about it.
public struct Directive: Sendable {
    /// The name in lower case, as CONFIG REWRITE writes it.
    public let name: String
    /// Older names of the same directive.
    public let aliases: [String]
    public let kind: Kind
    /// The default as it would stand in the file.
    public let standard: String
    public let flags: Flags
    public let effect: Effect
    /// One sentence for the documentation; empty where the name says it.
    public let summary: String

    /// How a value is written and what it may be.
    public enum Kind: Sendable {
        /// yes or no; `wordy` ones take true and false too, as KeyDB's example file has them.
        case flag(wordy: Bool)
        case integer(ClosedRange<Int64>)
        case octal(ClosedRange<Int64>)
        /// Bytes, with units.
        case memory(ClosedRange<Int64>)
        /// Bytes, or a percentage up to 100.
        case memoryOrPercent
        /// One of the words; with `.several` a set of them.
        case choice([Choice])
        /// UTF-8 text without NUL.
        case text(TextRule)
        /// Any bytes.
        case secret
        /// Words without further structure, at most so many.
        case words(atMost: Int)
        case savePoints
        case outputBufferLimits
        case oomScores
        case percentiles
        case replicaOf
        case keyspaceEvents
        case directory
        case storageProvider
        case flashPolicies
    }

    /// A word and its number; words of a `.several` choice are bits.
    public struct Choice: Sendable {
        public let word: String
        public let number: Int64
    }

    /// What a text must satisfy beyond being text.
    public enum TextRule: Sendable {
        case any
        case fileName
        case nonEmptyFileName
        case nonEmptyDirectoryName
        case hostName
        case processTitle
    }

    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Only at start.
        public static let immutable = Flags(rawValue: 1)
        /// CONFIG SET only as enable-protected-configs allows.
        public static let protected = Flags(rawValue: 2)
        /// Not to be shown in logs.
        public static let sensitive = Flags(rawValue: 4)
        /// CONFIG GET shows it by its exact name only.
        public static let hidden = Flags(rawValue: 8)
        /// Takes several arguments.
        public static let several = Flags(rawValue: 16)
        /// Observers are told also when the same value is set again (a certificate file may have changed).
        public static let volatile = Flags(rawValue: 32)
        /// CONFIG SET answers -LOADING while the server loads.
        public static let notWhileLoading = Flags(rawValue: 64)
        /// The empty text means unset, and CONFIG REWRITE leaves the line out.
        public static let emptyIsUnset = Flags(rawValue: 128)
    }

    /// What the directive does in this version.
    public enum Effect: Sendable {
        case works
        /// Accepted from any file, does nothing, for this reason.
        case nothing(String)
        /// Only these values (as CONFIG GET prints them) are accepted: any other promises what isn't there yet.
        case missing(harmless: [String])
    }
}

extension Directive {
    static let noThreads = "the work is done by threads of the server, there is no child process to tune"
    static let noReplication = "this version does not replicate"
    static let noCluster = "this version has no cluster mode"
    static let noJournal = "this version has no append-only file"
    static let noSnapshots = "this version writes no RDB snapshots"
    static let noTLS = "this version has no TLS"
    static let ownMemory = "the server's own structures need no such tuning"
    static let otherEngine = "it tunes KeyDB's engine, which works differently"

    static func flag(
        _ name: String, aliases: [String] = [], _ standard: Bool, _ flags: Flags = [], _ effect: Effect = .works,
        wordy: Bool = false, _ summary: String = ""
    ) -> Directive {
        Directive(
            name: name, aliases: aliases, kind: .flag(wordy: wordy), standard: standard ? "yes" : "no", flags: flags,
            effect: effect, summary: summary)
    }

    static func integer(
        _ name: String, aliases: [String] = [], _ range: ClosedRange<Int64>, _ standard: Int64, _ flags: Flags = [],
        _ effect: Effect = .works, _ summary: String = ""
    ) -> Directive {
        Directive(
            name: name, aliases: aliases, kind: .integer(range), standard: "\(standard)", flags: flags,
            effect: effect, summary: summary)
    }

    static func memory(
        _ name: String, aliases: [String] = [], in range: ClosedRange<Int64> = 0...Int64.max, _ standard: Int64,
        _ flags: Flags = [], _ effect: Effect = .works, _ summary: String = ""
    ) -> Directive {
        Directive(
            name: name, aliases: aliases, kind: .memory(range), standard: "\(standard)", flags: flags, effect: effect,
            summary: summary)
    }

    static func text(
        _ name: String, aliases: [String] = [], _ standard: String = "", _ flags: Flags = [],
        _ effect: Effect = .works, rule: TextRule = .any, _ summary: String = ""
    ) -> Directive {
        Directive(
            name: name, aliases: aliases, kind: .text(rule), standard: standard.isEmpty ? "\"\"" : "\"\(standard)\"",
            flags: flags, effect: effect, summary: summary)
    }

    /// `words` number themselves from 0; a word with `=` shares the number of the word before it.
    static func choice(
        _ name: String, _ words: [String], _ standard: String, _ flags: Flags = [], _ effect: Effect = .works,
        _ summary: String = ""
    ) -> Directive {
        var choices: [Choice] = []
        for word in words {
            let same = word.hasPrefix("=")
            let last = choices.last?.number ?? -1
            choices.append(Choice(word: same ? String(word.dropFirst()) : word, number: same ? last : last + 1))
        }
        return Directive(
            name: name, aliases: [], kind: .choice(choices), standard: standard, flags: flags, effect: effect,
            summary: summary)
    }

    /// A set of words; the first is the empty set.
    static func choices(_ name: String, _ words: [String]) -> Directive {
        let choices = words.enumerated().map { Choice(word: $1, number: $0 == 0 ? 0 : 1 << Int64($0 - 1)) }
        return Directive(
            name: name, aliases: [], kind: .choice(choices), standard: words[0], flags: .several, effect: .works,
            summary: "")
    }

    static func special(
        _ name: String, aliases: [String] = [], _ kind: Kind, _ standard: String, _ flags: Flags = [],
        _ effect: Effect = .works, _ summary: String = ""
    ) -> Directive {
        Directive(
            name: name, aliases: aliases, kind: kind, standard: standard, flags: flags, effect: effect,
            summary: summary)
    }
}
