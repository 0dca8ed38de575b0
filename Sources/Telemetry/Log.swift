import Bytes
import Platform
import Synchronization

/// The server's log: `PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL message`, as Redis writes it.
///
/// To standard output, or to a file that is opened for each line, so moving it away rotates it. Thread-safe: a line
/// is one write at the file's end. A line that can't be written is dropped, as in Redis.
public final class Log: Sendable {
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        case debug, verbose, notice, warning, nothing

        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }

        /// The mark in the line.
        var mark: String { [".", "-", "*", "#", "#"][rawValue] }

        /// The level that loglevel calls `name` (lower case), or nil.
        public init?(name: String) {
            guard let level = Level.allCases.first(where: { $0.name == name }) else { return nil }
            self = level
        }

        public var name: String {
            switch self {
            case .debug: "debug"
            case .verbose: "verbose"
            case .notice: "notice"
            case .warning: "warning"
            case .nothing: "nothing"
            }
        }
    }

    /// The letter after the process id.
    public enum Role: UInt8, Sendable {
        case primary = 0x4d  // M
        case replica = 0x53  // S
        case child = 0x43  // C
    }

    private let threshold: Atomic<Int>
    private let roleLetter: Atomic<UInt8>
    private let path: Monitor<String>

    /// - Parameter path: empty for standard output.
    public init(level: Level = .notice, path: String = "") {
        threshold = Atomic(level.rawValue)
        roleLetter = Atomic(Role.primary.rawValue)
        self.path = Monitor(path)
    }

    public var level: Level {
        // Only raw values of levels are ever stored.
        get { Level(rawValue: threshold.load(ordering: .relaxed)).unsafelyUnwrapped }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    public func setRole(_ role: Role) { roleLetter.store(role.rawValue, ordering: .relaxed) }

    /// Changes the file; empty for standard output.
    public func setPath(_ path: String) { self.path.withLock { $0 = path } }

    /// Whether a message of `level` would be written: ask before composing an expensive one.
    @inline(__always)
    public func wants(_ level: Level) -> Bool { level.rawValue >= threshold.load(ordering: .relaxed) }

    public func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
    public func verbose(_ message: @autoclosure () -> String) { write(.verbose, message) }
    public func notice(_ message: @autoclosure () -> String) { write(.notice, message) }
    public func warning(_ message: @autoclosure () -> String) { write(.warning, message) }

    private func write(_ level: Level, _ message: () -> String) {
        guard wants(level) else { return }
        let role = Character(UnicodeScalar(roleLetter.load(ordering: .relaxed)))
        let line = Self.line(
            level, role: role, process: Clock.processID(), unixMicroseconds: Clock.unixMicroseconds(), message())
        let path = path.withLock { $0 }
        _ = line.withSlice { path.isEmpty ? AppendingFile.append($0, to: 1) : AppendingFile.append($0, path: path) }
    }

    /// Writes `text` without prefix or line end (the start-up banner), at `notice`.
    public func raw(_ text: String) {
        guard wants(.notice) else { return }
        let path = path.withLock { $0 }
        _ = text.withSlice { path.isEmpty ? AppendingFile.append($0, to: 1) : AppendingFile.append($0, path: path) }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    package static func line(
        _ level: Level, role: Character, process: Int32, unixMicroseconds: Int64, _ message: String
    ) -> String {
        let time = Clock.localTime(unixSeconds: unixMicroseconds / 1_000_000)
        let milliseconds = Int(unixMicroseconds / 1_000 % 1_000)
        let date = "\(padded(time.day, 2)) \(months[time.month - 1]) \(time.year)"
        let clock = "\(padded(time.hour, 2)):\(padded(time.minute, 2)):\(padded(time.second, 2))"
        return "\(process):\(role) \(date) \(clock).\(padded(milliseconds, 3)) \(level.mark) \(message)\n"
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
