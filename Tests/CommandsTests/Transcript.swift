import Bytes
import Commands
import Glibc
import Testing

/// Behaviour as text: `Transcripts/*.txt`, read by people, checked by a test.
///
///     # a comment; empty lines are kept
///     > SET k "v\x00"          a request: words, or quoted as redis-cli takes them ("..." with escapes, '...')
///     < +OK                    its reply as `ReplyText` shows it, on lines of at most 100 columns
///     @ clock +1500            moves the clock by milliseconds (`@ clock 1700000000000` sets it)
///     @ resp 3                 the RESP version
///     @ database 1             the selected database
///     @ limit 64               the longest string, in bytes
///     @ lfu 1                  an LFU policy (0: an LRU one)
///     @ events 1               from here on, what keyspace notifications tell of each request
///     * expired k              one of them: event, key, database unless it is 0
///
/// Each file starts with an empty keyspace, the clock at `CommandHarness.start`, RESP2, database 0. With
/// `FIRN_REWRITE=1` in the environment the replies are written anew instead of compared: read the diff.
struct Transcript {
    let path: String
    private(set) var commands: Set<String> = []

    /// The folder beside this file.
    static var folder: String {
        let source = "\(#filePath)"
        return source.prefix(upTo: source.lastIndex(of: "/") ?? source.startIndex) + "/Transcripts"
    }

    init(_ name: String) { path = "\(Self.folder)/\(name).txt" }

    /// Runs the transcript; records an issue for each reply that differs.
    mutating func check(_ harness: CommandHarness) {
        guard let text = Self.read(path) else {
            Issue.record("no transcript at \(path)")
            return
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
        var rewritten: [String] = []
        while let line = lines.popFirst() {
            rewritten.append(line)
            if line.hasPrefix("@ ") { apply(line, harness) }
            guard line.hasPrefix("> ") else { continue }
            let request = Self.words(line.dropFirst(2))
            note(request, harness)
            let actual = Self.wrapped(ReplyText.words(harness.reply(to: request)))
            var expected: [String] = []
            while let next = lines.first, next.hasPrefix("< ") {
                expected.append(next)
                lines.removeFirst()
            }
            while let next = lines.first, next.hasPrefix("* ") {
                expected.append(next)
                lines.removeFirst()
            }
            let told = actual + harness.takeEvents().map { "* " + $0 }
            rewritten += told
            if !Self.rewrites, told != expected {
                Issue.record("\(path)\n\(line)\n  expected \(expected)\n  got      \(told)")
            }
        }
        if Self.rewrites { Self.write(path, rewritten.joined(separator: "\n")) }
    }

    static var rewrites: Bool { getenv("FIRN_REWRITE") != nil }

    private mutating func note(_ request: [[UInt8]], _ harness: CommandHarness) {
        let words = request.prefix(2).map { String(decoding: $0, as: UTF8.self).lowercased() }
        guard let name = words.first else { return }
        commands.insert(name)
        if words.count > 1 { commands.insert(words.joined(separator: "|")) }
    }

    private func apply(_ line: String, _ harness: CommandHarness) {
        let words = line.split(separator: " ").dropFirst()
        guard words.count == 2, let what = words.first, let value = words.last, let number = Int64(value) else {
            Issue.record("\(path): what is '\(line)'?")
            return
        }
        switch what {
        case "clock": harness.now = value.hasPrefix("+") || value.hasPrefix("-") ? harness.now + number : number
        case "resp": harness.version = Int(number)
        case "database": harness.database = Int(number)
        case "events": harness.listen()
        case "lfu": harness.select(lfu: number != 0)
        case "limit": harness.settings.maximumStringBytes = Int(number)
        default: Issue.record("\(path): what is '\(what)'?")
        }
    }

    // MARK: Text

    private static func wrapped(_ words: [String]) -> [String] {
        var lines: [String] = []
        for word in words {
            if let last = lines.last, last.utf8.count + 1 + word.utf8.count <= 100 {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append("< " + word)
            }
        }
        return lines
    }

    /// The words of a request line.
    static func words(_ line: Substring) -> [[UInt8]] {
        var words: [[UInt8]] = []
        var bytes = Array(line.utf8)[...]
        while true {
            bytes = bytes.drop { $0 == 0x20 }
            guard let first = bytes.first else { return words }
            if first == 0x22 || first == 0x27 {
                bytes.removeFirst()
                words.append(quoted(&bytes, by: first))
            } else {
                let word = bytes.prefix { $0 != 0x20 }
                words.append(Array(word))
                bytes = bytes.dropFirst(word.count)
            }
        }
    }

    private static func quoted(_ bytes: inout ArraySlice<UInt8>, by quote: UInt8) -> [UInt8] {
        var word: [UInt8] = []
        while let byte = bytes.popFirst(), byte != quote {
            guard byte == 0x5c, quote == 0x22, let escaped = bytes.popFirst() else {
                word.append(byte)
                continue
            }
            switch escaped {
            case UInt8(ascii: "n"): word.append(0x0a)
            case UInt8(ascii: "r"): word.append(0x0d)
            case UInt8(ascii: "t"): word.append(0x09)
            case UInt8(ascii: "x"):
                word.append(UInt8(String(decoding: bytes.prefix(2), as: UTF8.self), radix: 16) ?? 0x3f)
                bytes = bytes.dropFirst(2)
            default: word.append(escaped)
            }
        }
        return word
    }

    // MARK: Files

    static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ path: String, _ text: String) {
        guard let file = fopen(path, "w") else {
            Issue.record("can't write \(path)")
            return
        }
        defer { fclose(file) }
        let bytes = Array(text.utf8)
        if fwrite(bytes, 1, bytes.count, file) != bytes.count { Issue.record("can't write \(path)") }
    }

    // MARK: A family

    /// Runs the transcripts of a family, each on a harness of its own that knows `others` too, and checks that
    /// every row of the family has a line in one of them.
    static func check(_ rows: [CommandRow], with others: [CommandRow] = [], transcripts: [String]) {
        var seen: Set<String> = []
        for name in transcripts {
            var transcript = Transcript(name)
            transcript.check(CommandHarness(others + rows))
            seen.formUnion(transcript.commands)
        }
        for row in rows {
            if row.body != nil { #expect(seen.contains("\(row.name)"), "\(row.name) is not in \(transcripts)") }
            for sub in row.subcommands {
                let name = "\(row.name)|\(sub.name)"
                #expect(seen.contains(name), "\(name) is not in \(transcripts)")
            }
        }
    }
}
