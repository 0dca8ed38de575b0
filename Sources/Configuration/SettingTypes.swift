/// The words of choices, in the order of the table: the raw value is the word.
public enum LogLevel: String, Sendable, CaseIterable { case debug, verbose, notice, warning }

public enum Supervision: String, Sendable, CaseIterable { case upstart, systemd, auto, no }

public enum ProtectedAction: String, Sendable, CaseIterable {
    case no, yes, local

    /// Whether a client may do it; `isLocal`: it is connected over loopback or the Unix socket.
    public func allows(isLocal: Bool) -> Bool { self == .yes || (self == .local && isLocal) }
}

public enum PayloadCheck: String, Sendable, CaseIterable { case no, yes, clients }

public enum UnsealedAction: String, Sendable, CaseIterable { case rename, refuse }

public enum FlashCompression: String, Sendable, CaseIterable { case none, snappy, lz4, zstd, bzip2 }

/// What is deleted when the last tier is full.
public enum EvictionPolicy: String, Sendable, CaseIterable {
    case volatileLRU = "volatile-lru"
    case volatileLFU = "volatile-lfu"
    case volatileRandom = "volatile-random"
    case volatileTTL = "volatile-ttl"
    case allKeysLRU = "allkeys-lru"
    case allKeysLFU = "allkeys-lfu"
    case allKeysRandom = "allkeys-random"
    case noEviction = "noeviction"
}

/// What a signal asks of SHUTDOWN.
public struct ShutdownFlags: OptionSet, Sendable {
    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }
    public static let save = ShutdownFlags(rawValue: 1)
    public static let noSave = ShutdownFlags(rawValue: 2)
    public static let now = ShutdownFlags(rawValue: 4)
    public static let force = ShutdownFlags(rawValue: 8)
}

/// A limit in bytes or as a part of maxmemory.
public enum MemoryShare: Sendable, Equatable {
    case bytes(Int)
    case percent(Int)

    /// The limit in bytes; 0 for none.
    public func bytes(ofMaxMemory limit: Int) -> Int {
        switch self {
        case .bytes(let bytes): bytes
        case .percent(let share): limit / 100 * share + limit % 100 * share / 100
        }
    }
}

/// A line `rename-command`: the command called `old` is called `new`, or is gone if `new` is empty.
public struct RenamedCommand: Sendable, Equatable {
    public let old: [UInt8]
    public let new: [UInt8]
}

/// Reads typed fields out of the table's values. A wrong name or kind is a mistake in this module and traps.
struct ValueReader {
    let values: [Value]

    private func value(_ name: String) -> (Directive, Value) {
        guard let index = DirectiveTable.indexByName[name] else { preconditionFailure("no directive \(name)") }
        return (DirectiveTable.rows[index], values[index])
    }
    func flag(_ name: String) -> Bool {
        guard case .flag(let on) = value(name).1 else { preconditionFailure("\(name) is no flag") }
        return on
    }
    func int(_ name: String) -> Int {
        guard case .integer(let number) = value(name).1 else { preconditionFailure("\(name) is no number") }
        return Int(number)
    }
    func mode(_ name: String) -> UInt32 { UInt32(int(name)) }
    func shutdownFlags(_ name: String) -> ShutdownFlags { ShutdownFlags(rawValue: Int64(int(name))) }
    func share(_ name: String) -> MemoryShare {
        if case .percent(let share) = value(name).1 { return .percent(Int(share)) }
        return .bytes(int(name))
    }
    func secret(_ name: String) -> [UInt8]? {
        guard case .text(let bytes) = value(name).1 else { preconditionFailure("\(name) is no text") }
        return bytes.isEmpty ? nil : bytes
    }
    // Texts were checked to be UTF-8 when they were parsed.
    func string(_ name: String) -> String { String(decoding: secret(name) ?? [], as: UTF8.self) }
    func optionalString(_ name: String) -> String? { secret(name).map { String(decoding: $0, as: UTF8.self) } }
    func words(_ name: String) -> [String] {
        guard case .words(let words) = value(name).1 else { preconditionFailure("\(name) is no list") }
        return words.map { String(decoding: $0, as: UTF8.self) }
    }
    func flashDirectory(_ name: String) -> String? { words(name).last }
    func events(_ name: String) -> KeyspaceEvents {
        guard case .events(let events) = value(name).1 else { preconditionFailure("\(name) is no event mask") }
        return events
    }
    func savePoints(_ name: String) -> [SavePoint] {
        guard case .savePoints(let points) = value(name).1 else { preconditionFailure("\(name) is no save list") }
        return points
    }
    func policies(_ name: String) -> [FlashPolicy] {
        guard case .policies(let policies) = value(name).1 else { preconditionFailure("\(name) is no list of rules") }
        return policies
    }
    func percentiles(_ name: String) -> [Double] {
        guard case .percentiles(let shares) = value(name).1 else { preconditionFailure("\(name) is no list") }
        return shares
    }
    func limits(_ name: String) -> (OutputBufferLimit, OutputBufferLimit, OutputBufferLimit) {
        guard case .limits(let limits) = value(name).1 else { preconditionFailure("\(name) is no limit list") }
        return (limits[0], limits[1], limits[2])
    }
    func choice<Word: RawRepresentable>(_ name: String) -> Word where Word.RawValue == String {
        let (row, value) = value(name)
        guard let word = Word(rawValue: String(decoding: row.text(value), as: UTF8.self)) else {
            preconditionFailure("\(name) has no word for \(value)")
        }
        return word
    }
}
