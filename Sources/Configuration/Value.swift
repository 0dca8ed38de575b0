/// The parsed value of a directive.
public enum Value: Sendable, Equatable {
    case flag(Bool)
    /// A number, a size in bytes, or the number of a choice.
    case integer(Int64)
    /// 0...100 per cent.
    case percent(Int64)
    case text([UInt8])
    case words([[UInt8]])
    case savePoints([SavePoint])
    case limits([OutputBufferLimit])
    case integers([Int64])
    case percentiles([Double])
    case events(KeyspaceEvents)
    case policies([FlashPolicy])
}

/// Whether keys stay in RAM or leave early.
public struct FlashPolicy: Sendable, Equatable {
    public enum Temperature: String, Sendable, CaseIterable {
        case hot, cold
        /// As if there were no rule: what stands before another rule is an exception from it.
        case standard = "default"
    }

    /// As KEYS takes it; without special bytes, what the keys begin with.
    public let pattern: [UInt8]
    public let temperature: Temperature

    /// The rules are looked at one after the other, for each key that the spiller comes to.
    static let mostRules = 256
    static let longestPattern = 256

    /// One rule for each pattern: a later one takes the place of an earlier.
    static func merged(_ policies: [FlashPolicy]) throws(Refusal) -> [FlashPolicy] {
        var result: [FlashPolicy] = []
        for policy in policies {
            if let index = result.firstIndex(where: { $0.pattern == policy.pattern }) {
                result[index] = policy
            } else {
                result.append(policy)
            }
        }
        guard result.count <= mostRules else { throw Refusal("flash-policy has at most \(mostRules) rules") }
        return result
    }

    var text: [UInt8] { Array("prefix:".utf8) + pattern + Array(" \(temperature.rawValue)".utf8) }
}

/// A snapshot is due when `changes` were made in `seconds`.
public struct SavePoint: Sendable, Equatable {
    public let seconds: Int64
    public let changes: Int64
}

/// What a client of one class may leave unread.
public struct OutputBufferLimit: Sendable, Equatable {
    /// Bytes at which the connection is closed at once; 0 for never.
    public var hardBytes: Int64
    /// Bytes at which it is closed after `softSeconds`; 0 for never.
    public var softBytes: Int64
    public var softSeconds: Int64
}

/// Which events of the keyspace are published.
public struct KeyspaceEvents: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let generic = KeyspaceEvents(rawValue: 1)
    public static let string = KeyspaceEvents(rawValue: 1 << 1)
    public static let list = KeyspaceEvents(rawValue: 1 << 2)
    public static let set = KeyspaceEvents(rawValue: 1 << 3)
    public static let hash = KeyspaceEvents(rawValue: 1 << 4)
    public static let sortedSet = KeyspaceEvents(rawValue: 1 << 5)
    public static let expired = KeyspaceEvents(rawValue: 1 << 6)
    public static let evicted = KeyspaceEvents(rawValue: 1 << 7)
    public static let stream = KeyspaceEvents(rawValue: 1 << 8)
    public static let module = KeyspaceEvents(rawValue: 1 << 9)
    /// Publish on `__keyspace@<db>__:<key>`.
    public static let keyspaceChannel = KeyspaceEvents(rawValue: 1 << 10)
    /// Publish on `__keyevent@<db>__:<event>`.
    public static let keyeventChannel = KeyspaceEvents(rawValue: 1 << 11)
    public static let miss = KeyspaceEvents(rawValue: 1 << 12)
    public static let new = KeyspaceEvents(rawValue: 1 << 13)
    /// What the letter A stands for: all but misses and new keys.
    public static let all = KeyspaceEvents(rawValue: (1 << 10) - 1)

    private static let letters: [(UInt8, KeyspaceEvents)] = zip(
        "g$lshzxetdKEmn".utf8, (0..<14).map { KeyspaceEvents(rawValue: 1 << UInt32($0)) }
    ).map { ($0, $1) }

    init?(letters text: [UInt8]) {
        self = []
        for byte in text {
            if byte == UInt8(ascii: "A") {
                formUnion(.all)
            } else if let event = Self.letters.first(where: { $0.0 == byte })?.1 {
                formUnion(event)
            } else {
                return nil
            }
        }
    }

    var text: [UInt8] {
        let whole = isSuperset(of: .all)
        let rest = whole ? subtracting(.all) : self
        return (whole ? [UInt8(ascii: "A")] : []) + Self.letters.filter { rest.contains($0.1) }.map(\.0)
    }
}

extension Directive {
    /// The classes of client-output-buffer-limit in the order in which they are printed.
    static let clientClasses = ["normal", "slave", "pubsub"]

    /// The value of nothing: what parsing the default starts from.
    var blank: Value {
        if case .outputBufferLimits = kind {
            return .limits(Array(repeating: OutputBufferLimit(hardBytes: 0, softBytes: 0, softSeconds: 0), count: 3))
        }
        return .words([])
    }

    /// The value as CONFIG GET prints it.
    public func text(_ value: Value) -> [UInt8] {
        switch value {
        case .flag(let on): return Array((on ? "yes" : "no").utf8)
        case .percent(let share): return Array("\(share)%".utf8)
        case .text(let text): return text
        case .words(let words): return Array(words.joined(separator: [0x20]))
        case .savePoints(let points):
            return Array(points.map { "\($0.seconds) \($0.changes)" }.joined(separator: " ").utf8)
        case .limits(let limits):
            let parts = zip(Self.clientClasses, limits).map {
                "\($0) \($1.hardBytes) \($1.softBytes) \($1.softSeconds)"
            }
            return Array(parts.joined(separator: " ").utf8)
        case .integers(let numbers): return Array(numbers.map { "\($0)" }.joined(separator: " ").utf8)
        case .percentiles(let shares): return Array(shares.map(Number.percentText).joined(separator: " ").utf8)
        case .events(let events): return events.text
        case .policies(let policies): return Array(policies.map(\.text).joined(separator: [0x20]))
        case .integer(let number):
            switch kind {
            case .octal: return Array(String(number, radix: 8).utf8)
            case .choice(let choices): return Array(words(of: number, choices).utf8)
            default: return Array("\(number)".utf8)
            }
        }
    }

    private func words(of number: Int64, _ choices: [Choice]) -> String {
        if let exact = choices.first(where: { $0.number == number }) { return exact.word }
        return choices.filter { $0.number != 0 && $0.number & number == $0.number }.map(\.word).joined(separator: " ")
    }
}
