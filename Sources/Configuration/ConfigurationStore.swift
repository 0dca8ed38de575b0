import Synchronization

/// The current settings and the commands that read and change them. Any thread may call any method.
///
/// One change at a time: `changing` is held while observers run, `published` only to read or replace the reference,
/// so that readers never wait for an observer (who may read `current`, and must not call `set`).
public final class ConfigurationStore: Sendable {
    /// Called before new settings are published; a veto leaves everything as it was. If a later observer vetoes, the
    /// earlier ones are called again with the two settings swapped and their answer is ignored.
    public typealias Observer =
        @Sendable (_ old: Settings, _ new: Settings, _ changed: [String]) -> Veto?

    /// Why new settings can't be had.
    public struct Veto: Sendable {
        /// The directive to blame; nil for the first that changed.
        public let directive: String?
        public let reason: String

        public init(directive: String? = nil, _ reason: String) {
            self.directive = directive
            self.reason = reason
        }
    }

    /// The outcome of CONFIG SET.
    public enum Change: Sendable, Equatable {
        /// The names of what is different now, in the order in which they were given.
        case done([String])
        /// The error reply with its code, without CRLF; it may repeat bytes of the client.
        case refused([UInt8])
        /// Not while the server loads: the reply is -LOADING.
        case loading
    }

    /// The outcome of CONFIG REWRITE.
    public enum Rewrite: Sendable, Equatable {
        case done
        /// The error reply with its code.
        case refused(String)
    }

    private let published: Mutex<Settings>
    private let changing = Mutex<[Observer]>([])

    public init(_ settings: Settings = .standard) {
        published = Mutex(settings)
    }

    /// The settings in force. One short lock and one reference count.
    public var current: Settings { published.withLock { $0 } }

    /// Registers an observer, for the life of the store.
    public func observe(_ observer: @escaping Observer) {
        changing.withLock { $0.append(observer) }
    }

    /// CONFIG GET: names and values in the table's order, each name once. A name without `*`, `?` or `[` comes back
    /// as it was written; hidden directives are found by such names only. Unknown names yield nothing.
    public func get(_ patterns: [[UInt8]]) -> [(name: [UInt8], value: [UInt8])] {
        let values = current.values
        var found: [(name: [UInt8], row: Int)] = []
        var seen: Set<String> = []
        for text in patterns {
            let pattern = GlobPattern(text)
            guard pattern.isPattern else {
                if let row = DirectiveTable.index(of: text),
                    seen.insert(String(decoding: pattern.pattern, as: UTF8.self)).inserted
                {
                    found.append((text, row))
                }
                continue
            }
            for (row, directive) in DirectiveTable.rows.enumerated() where !directive.flags.contains(.hidden) {
                for name in [directive.name] + directive.aliases where pattern.matches(Array(name.utf8)) {
                    if seen.insert(name).inserted { found.append((Array(name.utf8), row)) }
                }
            }
        }
        return found.map { ($0.name, DirectiveTable.rows[$0.row].text(values[$0.row])) }
    }

    /// Whether the value after this name must not be shown in logs.
    public static func isSensitive(_ name: [UInt8]) -> Bool {
        DirectiveTable.index(of: name).map { DirectiveTable.rows[$0].flags.contains(.sensitive) } ?? false
    }

    /// CONFIG SET: all of `pairs` or none. `isLocal`: the client is connected over loopback or the Unix socket;
    /// `isLoading`: the server loads its data.
    public func set(
        _ pairs: [(name: [UInt8], value: [UInt8])], isLocal: Bool = true, isLoading: Bool = false
    ) -> Change {
        changing.withLock { observers in
            let old = current
            let rows: [Int]
            switch Self.rows(of: pairs, in: old, isLocal: isLocal, isLoading: isLoading) {
            case .success(let found): rows = found
            case .failure(let failure): return failure.change
            }
            var values = old.values
            for (pair, row) in zip(pairs, rows) {
                switch Self.value(pair.value, of: row, over: values[row]) {
                case .success(let value): values[row] = value
                case .failure(let refusal): return Self.refused(pair.name.map(LineSyntax.lowered), refusal.reason)
                }
            }
            let changed = rows.filter {
                values[$0] != old.values[$0] || DirectiveTable.rows[$0].flags.contains(.volatile)
            }.map { DirectiveTable.rows[$0].name }
            guard !changed.isEmpty else { return .done([]) }
            let new = Settings(values: values, renamedCommands: old.renamedCommands, file: old.file)
            for (index, observer) in observers.enumerated() {
                guard let veto = observer(old, new, changed) else { continue }
                for earlier in observers[..<index] { _ = earlier(new, old, changed) }
                return Self.refused(Array((veto.directive ?? changed[0]).utf8), veto.reason)
            }
            published.withLock { $0 = new }
            return .done(changed)
        }
    }

    private struct Failed: Error { let change: Change }

    /// The rows the pairs name, if each may be set; else the first pair that may not tells why.
    private static func rows(
        of pairs: [(name: [UInt8], value: [UInt8])], in settings: Settings, isLocal: Bool, isLoading: Bool
    ) -> Result<[Int], Failed> {
        var rows: [Int] = []
        for (name, _) in pairs {
            guard let row = DirectiveTable.index(of: name) else {
                let text = Array("ERR Unknown option or number of arguments for CONFIG SET - '".utf8)
                return .failure(Failed(change: .refused(text + name + [UInt8(ascii: "'")])))
            }
            let flags = DirectiveTable.rows[row].flags
            if flags.contains(.immutable) {
                return .failure(Failed(change: refused(name, "can't set immutable config")))
            }
            if flags.contains(.protected), !settings.enableProtectedConfigs.allows(isLocal: isLocal) {
                return .failure(Failed(change: refused(name, "can't set protected config")))
            }
            if isLoading, flags.contains(.notWhileLoading) { return .failure(Failed(change: .loading)) }
            // Redis takes one directive under two of its names; which of the two values counts is anyone's guess.
            if rows.contains(row) { return .failure(Failed(change: refused(name, "duplicate parameter"))) }
            rows.append(row)
        }
        return .success(rows)
    }

    private static func refused(_ name: [UInt8], _ reason: String) -> Change {
        .refused(
            Array("ERR CONFIG SET failed (possibly related to argument '".utf8) + name + Array("') - \(reason)".utf8))
    }

    /// The value of a row as CONFIG SET takes it: one argument, in which single blanks separate several.
    private static func value(_ text: [UInt8], of index: Int, over current: Value) -> Result<Value, Refusal> {
        let row = DirectiveTable.rows[index]
        var words = [text]
        if row.flags.contains(.several) {
            words = text.isEmpty ? [] : text.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        }
        do throws(Refusal) {
            var value = try row.parse(words, over: current).get()
            if case .directory = row.kind { value = try Loader.resolved(value) }
            guard row.keepsPromise(value) else { throw Refusal(Loader.missing(row.name)) }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    /// Why a server without a file can't rewrite it.
    public static let withoutFile = "ERR The server is running without a config file"

    /// CONFIG REWRITE: brings the file the server was started with up to date. `complete`: writes defaults too.
    public func rewrite(complete: Bool = false) -> Rewrite {
        changing.withLock { _ in
            let settings = current
            guard let file = settings.file else { return .refused(Self.withoutFile) }
            do throws(ConfigurationFile.Failure) {
                var old: [UInt8] = []
                do throws(ConfigurationFile.Failure) {
                    old = try ConfigurationFile.read(file)
                } catch where error.isAbsence {
                    // The file is gone: it is written anew.
                }
                try ConfigurationFile.replace(file, with: FileRewrite.content(old, settings, complete: complete))
                return .done
            } catch {
                return .refused("ERR Rewriting config file: \(error.text)")
            }
        }
    }
}
