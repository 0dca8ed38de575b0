/// Reads files, standard input and the command line's options into values, line by line.
struct Loader {
    private(set) var values = DirectiveTable.standardValues
    private(set) var renamedCommands: [RenamedCommand] = []
    /// The line that last set a row.
    private var origins: [Int: Origin] = [:]
    private var forgotten: Set<String> = []
    private var openFiles: [String] = []
    private var includedFiles = 0

    private struct Origin {
        let file: String?
        let number: Int
        let line: [UInt8]
    }

    /// Why the server does not start, as it is printed on standard error.
    struct Failure: Error {
        let text: String
    }

    /// The name in the headline of an error: tools of Redis look for its first words.
    static let headline = "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.0, Firn) ***\n"
    static let includeDepth = 16
    /// Of all files together: a few files that include each other several times would take for ever.
    static let includeLimit = 1000
    static let lineLimitBytes = 1 << 20

    private static func failure(_ origin: Origin, _ reason: String) -> Failure {
        let place = origin.file.map { " \($0)" } ?? ""
        let shown = origin.line.prefix(1024).map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 }
        let line = String(decoding: shown, as: UTF8.self) + (origin.line.count > 1024 ? "..." : "")
        let position = "Reading the configuration file\(place), at line \(origin.number)\n"
        return Failure(text: headline + position + ">>> '\(line)'\n\(reason)\n")
    }

    /// Reads the text of the main file with what the command line adds to it.
    mutating func load(_ text: [UInt8], path: String?) throws(Failure) {
        if let path { openFiles.append(path) }
        try load(text, includedAs: nil)
        if path != nil { openFiles.removeLast() }
    }

    private mutating func load(_ text: [UInt8], includedAs file: String?) throws(Failure) {
        for (index, raw) in LineSyntax.lines(text).enumerated() {
            let line = LineSyntax.trimmed(raw)
            if line.isEmpty || line[0] == UInt8(ascii: "#") { continue }
            let origin = Origin(file: file, number: index + 1, line: line)
            do {
                try load(line, origin)
            } catch let refusal as Refusal {
                throw Self.failure(origin, refusal.reason)
            } catch let failure as Failure {
                throw failure
            } catch {
                preconditionFailure("\(error)")
            }
        }
    }

    private mutating func load(_ line: [UInt8], _ origin: Origin) throws {
        guard line.count <= Self.lineLimitBytes else { throw Refusal("Line is longer than 1 MiB") }
        guard !line.contains(0) else { throw Refusal("NUL byte in configuration line") }
        guard var words = LineSyntax.split(line) else { throw Refusal("Unbalanced quotes in configuration line") }
        guard !words.isEmpty else { return }
        let name = words.removeFirst().map(LineSyntax.lowered)
        if let index = DirectiveTable.index(of: name) {
            try set(index, words, origin)
        } else {
            try loadOther(String(decoding: name, as: UTF8.self), words)
        }
    }

    private mutating func set(_ index: Int, _ words: [[UInt8]], _ origin: Origin) throws {
        let row = DirectiveTable.rows[index]
        var words = words
        if row.flags.contains(.several) {
            // One argument may hold several, so that --save "60 1" works.
            if words.count == 1, !words[0].isEmpty {
                guard let split = LineSyntax.split(words[0]) else {
                    throw Refusal("Unbalanced quotes in configuration line")
                }
                words = split
            }
        } else if words.count != 1 {
            throw Refusal("wrong number of arguments")
        }
        var value = try row.parse(words, over: values[index]).get()
        if case .savePoints(let points) = value, !points.isEmpty, origins[index] != nil,
            case .savePoints(let earlier) = values[index]
        {
            // Each line adds to those before it; the first replaces the default, an empty one all.
            value = .savePoints(earlier + points)
        }
        if case .policies(let policies) = value, !policies.isEmpty, case .policies(let earlier) = values[index] {
            value = .policies(try FlashPolicy.merged(earlier + policies))
        }
        if case .directory = row.kind { value = try Self.resolved(value) }
        values[index] = value
        origins[index] = origin
    }

    /// A directory as the kernel names it: later lines and a later working directory must not change its meaning.
    static func resolved(_ value: Value) throws(Refusal) -> Value {
        guard case .text(let path) = value else { preconditionFailure("dir holds \(value)") }
        do {
            return .text(Array(try ConfigurationFile.directory(String(decoding: path, as: UTF8.self)).utf8))
        } catch {
            throw Refusal(error.text)
        }
    }

    /// Lines that are no directive of the table.
    private mutating func loadOther(_ name: String, _ words: [[UInt8]]) throws {
        if DirectiveTable.forgotten.contains(name), words.count == 1 {
            forgotten.insert(name)
        } else if name == "include", words.count == 1 {
            try include(words[0])
        } else if name == "rename-command", words.count == 2 {
            guard !words[0].isEmpty else { throw Refusal("No such command in rename-command") }
            renamedCommands.append(RenamedCommand(old: words[0], new: words[1]))
        } else if name == "user", !words.isEmpty {
            try checkUser(words)
        } else if name == "loadmodule", !words.isEmpty {
            throw Refusal("directive loadmodule needs a feature Firn does not have: it cannot load modules")
        } else if name == "sentinel" {
            throw Refusal("sentinel directive while not in sentinel mode")
        } else if name.contains(".") {
            throw Refusal(
                words.isEmpty
                    ? "Module config specified without value"
                    : "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting")
        } else {
            throw Refusal("Bad directive or wrong number of arguments")
        }
    }

    /// Redis' CONFIG REWRITE always writes the default user; one that may do everything without a password is what
    /// this server has anyway. Any other user is a promise.
    private func checkUser(_ words: [[UInt8]]) throws(Refusal) {
        let all: Set<String> = [
            "on", "nopass", "sanitize-payload", "skip-sanitize-payload", "~*", "allkeys", "&*", "allchannels", "+@all",
            "allcommands",
        ]
        let rules = words.dropFirst().map { String(decoding: $0, as: UTF8.self) }
        let grants = [["on"], ["nopass"], ["~*", "allkeys"], ["&*", "allchannels"], ["+@all", "allcommands"]]
        guard LineSyntax.equals(words[0], "default"), rules.allSatisfy(all.contains),
            grants.allSatisfy({ $0.contains(where: rules.contains) })
        else { throw Refusal(Self.missing("user")) }
    }

    private mutating func include(_ path: [UInt8]) throws {
        guard let pattern = String(validating: path, as: UTF8.self), !pattern.isEmpty else {
            throw Refusal("include needs a path of UTF-8 text")
        }
        guard openFiles.count <= Self.includeDepth else {
            throw Refusal("include is nested more than \(Self.includeDepth) files deep")
        }
        let isPattern = pattern.contains { "*?[".contains($0) }
        for file in isPattern ? ConfigurationFile.matches(pattern) : [pattern] {
            let text: [UInt8]
            let absolute: String
            includedFiles += 1
            guard includedFiles <= Self.includeLimit else {
                throw Refusal("include names more than \(Self.includeLimit) files")
            }
            do throws(ConfigurationFile.Failure) {
                text = try ConfigurationFile.read(file)
                absolute = try ConfigurationFile.absolute(file)
            } catch {
                throw Failure(text: "Fatal error, can't open config file '\(file)': \(error.text)\n")
            }
            guard !openFiles.contains(absolute) else { throw Refusal("include of a file by itself: \(file)") }
            openFiles.append(absolute)
            try load(text, includedAs: file)
            openFiles.removeLast()
        }
    }

    static func missing(_ name: String) -> String {
        "directive \(name) needs a feature this version of Firn does not have yet"
    }

    /// The settings; fails if a directive was left with a value that this version can't keep.
    func finish(file: String?) throws(Failure) -> Settings {
        var values = values
        for (index, row) in DirectiveTable.rows.enumerated() {
            if case .directory = row.kind, origins[index] == nil, let here = try? Self.resolved(values[index]) {
                values[index] = here
            }
            if !row.keepsPromise(values[index]), let origin = origins[index] {
                throw Self.failure(origin, Self.missing(row.name))
            }
        }
        return Settings(values: values, renamedCommands: renamedCommands, file: file)
    }

    /// What the log should say once at start: directives that were set but do nothing here.
    func notes() -> [String] {
        var notes: [String] = []
        for (index, row) in DirectiveTable.rows.enumerated() where origins[index] != nil {
            guard case .nothing(let reason) = row.effect, values[index] != DirectiveTable.standardValues[index] else {
                continue
            }
            if case .savePoints = row.kind { continue }
            notes.append("\(row.name) is accepted without effect: \(reason)")
        }
        if let index = DirectiveTable.indexByName["save"], origins[index] != nil, values[index] != .savePoints([]) {
            notes.append(
                "save points are accepted without effect: no RDB snapshots yet; "
                    + "data on the flash tier is sealed at SHUTDOWN")
        }
        notes += forgotten.sorted().map { "\($0) is accepted without effect: Redis 7 ignores it too" }
        return notes
    }
}

extension Directive {
    /// Whether this version does what `value` asks for.
    func keepsPromise(_ value: Value) -> Bool {
        guard case .missing(let harmless) = effect else { return true }
        return harmless.contains(String(decoding: text(value), as: UTF8.self))
    }
}
