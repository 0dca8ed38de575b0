import Glibc
import Testing

@testable import Configuration

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension ConfigurationStore {
    func value(_ name: String) -> String { get([bytes(name)]).map { text($0.value) }.joined(separator: "|") }

    /// CONFIG SET as a transcript shows it.
    @discardableResult
    func reply(_ pairs: (String, String)..., isLocal: Bool = true, isLoading: Bool = false) -> String {
        let pairs = pairs.map { (name: bytes($0), value: bytes($1)) }
        switch set(pairs, isLocal: isLocal, isLoading: isLoading) {
        case .done(let names): return "OK \(names.joined(separator: ","))"
        case .refused(let error): return text(error)
        case .loading: return "LOADING"
        }
    }
}

@Suite struct TableTests {
    @Test func namesAreLowerCaseAndUnique() {
        var seen: Set<String> = []
        for row in DirectiveTable.rows {
            for name in [row.name] + row.aliases {
                #expect(seen.insert(name).inserted, "\(name)")
                #expect(name.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_".contains($0) })
                #expect(name.utf8.count <= 64)
            }
        }
        #expect(seen.count > 220)
    }

    @Test func defaultsKeepTheirPromises() {
        for (row, value) in zip(DirectiveTable.rows, DirectiveTable.standardValues) {
            #expect(row.keepsPromise(value), "\(row.name)")
        }
        // Every typed field can be read.
        #expect(Settings.standard.maxMemoryPolicy == .noEviction)
        #expect(Settings.standard.bind == ["*", "-::*"])
        #expect(Settings.standard.flash.ioThreads == 16)
        #expect(Settings.standard.flash.faultQueueLength == 16_384)
        #expect(Settings.standard.password == nil)
        #expect(Settings.standard.replicaOutputLimit.hardBytes == 256 << 20)
    }

    /// All that CONFIG GET * prints on a fresh redis-server 7.0.15 (without dir and port), under the same names; but
    /// for one, since with Redis' default nobody would profit from it.
    @Test func defaultsAreThoseOfRedis() throws {
        let own = ["list-compress-depth": "16"]
        let directory = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let file = try ConfigurationFile.read("/\(directory)/Fixtures/redis-7.0.15-defaults.tsv")
        let store = ConfigurationStore()
        let lines = LineSyntax.lines(file).filter { !$0.isEmpty }
        #expect(lines.count > 180)
        for line in lines {
            let fields = line.split(separator: 0x09, omittingEmptySubsequences: false).map { text(Array($0)) }
            let found = store.get([bytes(fields[0])])
            let expected = own[fields[0]] ?? fields[1]
            #expect(found.count == 1 && text(found[0].value) == expected, "\(fields)")
        }
    }

    /// configs/DIRECTIVES.md is the table. FIRN_REWRITE=1 writes it.
    @Test func documentationIsUpToDate() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/configs/DIRECTIVES.md"
        if getenv("FIRN_REWRITE") != nil {
            try ConfigurationFile.replace(path, with: bytes(DirectiveTable.documentation))
        }
        #expect(try text(ConfigurationFile.read(path)) == DirectiveTable.documentation)
    }

    /// What CONFIG GET prints, CONFIG SET takes, and it is the same value; so does a line of CONFIG REWRITE.
    @Test func everyRowComesBack() throws {
        for (index, row) in DirectiveTable.rows.enumerated() {
            let value = DirectiveTable.standardValues[index]
            let printed = row.text(value)
            if case .replicaOf = row.kind { continue }
            let words = row.flags.contains(.several)
                ? (printed.isEmpty ? [] : printed.split(separator: 0x20).map(Array.init)) : [printed]
            #expect(try row.parse(words, over: value).get() == value, "\(row.name)")
            for line in row.lines(value, standard: value, 3) {
                let words = try #require(LineSyntax.split(line))
                #expect(text(words[0]) == row.name)
            }
        }
    }

    @Test func memorySizes() {
        let good: [(String, Int64)] = [
            ("1", 1), ("1b", 1), ("1k", 1000), ("1KB", 1024), ("2m", 2_000_000), ("2Mb", 2 << 20),
            ("3g", 3_000_000_000),
            ("3gB", 3 << 30), ("9223372036854775807", Int64.max), ("", 0), ("kb", 0), ("007", 7),
        ]
        for (word, size) in good { #expect(Number.memory(bytes(word)) == size, "\(word)") }
        for word in ["-1", "1x", "1 k", "1kbb", "9223372036854775808", "9223372036854775807k", "+1", "k1"] {
            #expect(Number.memory(bytes(word)) == nil, "\(word)")
        }
        #expect(Number.memoryText(0) == "0")
        #expect(Number.memoryText(3 << 30) == "3gb")
        #expect(Number.memoryText(1500) == "1500")
    }

    @Test func percentTexts() {
        #expect([50, 99.9, 99.123456789, 0, 100, 0.000001].map(Number.percentText)
            == ["50", "99.9", "99.123457", "0", "100", "0.000001"])
    }

    @Test func wordsOfALine() {
        let cases: [(String, [String]?)] = [
            ("", []), ("  ", []), ("a b", ["a", "b"]), (#"a "b c""#, ["a", "b c"]), (#""\x41\n\"""#, ["A\n\""]),
            ("'it\\'s' x", ["it's", "x"]), ("'a\\n'", ["a\\n"]), (#"a"b c"d"#, nil), (#"a"b c" d"#, ["ab c", "d"]),
            (#""open"#, nil), ("'open", nil), (#""a"b"#, nil), (#""""#, [""]), ("a\tb\r", ["a", "b"]),
            (#""\xzz""#, ["xzz"]),
            (#""\"#, nil), (#""\x4""#, ["x4"]),
        ]
        for (line, words) in cases { #expect(LineSyntax.split(bytes(line))?.map(text) == words, "\(line)") }
        let all = (0...255).map { UInt8($0) }
        #expect(LineSyntax.split(LineSyntax.quoted(all)) == [all])
        #expect(LineSyntax.split(LineSyntax.word(all)) == [all])
    }

    @Test func patterns() {
        let cases: [(String, String, Bool)] = [
            ("*", "", true), ("*", "x", true), ("a*c", "abc", true), ("a*c", "abd", false), ("?", "", false),
            ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false), ("[c-a]", "b", true),
            ("[abc", "c", true), ("[", "x", false),
            ("MAX*", "maxmemory", true), ("a\\*b", "a*b", true), ("**b*", "aab", true), ("*a*b", "xaxb", true),
            ("", "", true),
        ]
        for (pattern, name, matches) in cases {
            #expect(GlobPattern(bytes(pattern)).matches(bytes(name)) == matches, "\(pattern) \(name)")
        }
        // A pattern that backtracking would take for ever on.
        let hostile = String(repeating: "*a", count: 500) + "b"
        #expect(!GlobPattern(bytes(hostile)).matches([UInt8](repeating: 0x61, count: 5000)))
    }
}
