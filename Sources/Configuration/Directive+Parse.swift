/// Why a value is refused, in Redis' words.
public struct Refusal: Error, Sendable, Equatable {
    public let reason: String
    init(_ reason: String) { self.reason = reason }
}

extension Directive {
    /// The value that `words` (the arguments, unquoted) mean. `current` is what classes that aren't named keep.
    ///
    /// Where the file and CONFIG SET differ, the caller takes care of it: the file adds `save` points of several
    /// lines, CONFIG SET splits its one argument at blanks first.
    func parse(_ words: [[UInt8]], over current: Value) -> Result<Value, Refusal> {
        do {
            return .success(try value(words, over: current))
        } catch {
            return .failure(error)
        }
    }

    private func value(_ words: [[UInt8]], over current: Value) throws(Refusal) -> Value {
        switch kind {
        case .choice(let choices): return try choice(words, choices)
        case .words(let most): return try plainWords(words, atMost: most)
        case .savePoints: return try savePoints(words)
        case .outputBufferLimits: return try limits(words, over: current)
        case .oomScores: return try oomScores(words)
        case .percentiles: return try percentiles(words)
        case .replicaOf: return try replicaOf(words)
        case .storageProvider: return try storageProvider(words)
        case .flashPolicies: return try flashPolicies(words)
        default: break
        }
        guard words.count == 1 else { throw Refusal("wrong number of arguments") }
        let word = words[0]
        switch kind {
        case .flag(let wordy): return .flag(try flag(word, wordy: wordy))
        case .text(let rule): return .text(try text(word, rule))
        case .secret: return .text(word)
        case .directory: return .text(try text(word, .any))
        case .keyspaceEvents:
            guard let events = KeyspaceEvents(letters: word) else {
                throw Refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
            }
            return .events(events)
        default: return try number(word)
        }
    }

    private func flag(_ word: [UInt8], wordy: Bool) throws(Refusal) -> Bool {
        if LineSyntax.equals(word, "yes") || (wordy && LineSyntax.equals(word, "true")) { return true }
        if LineSyntax.equals(word, "no") || (wordy && LineSyntax.equals(word, "false")) { return false }
        throw Refusal("argument must be 'yes' or 'no'")
    }

    private func number(_ word: [UInt8]) throws(Refusal) -> Value {
        switch kind {
        case .memory(let range):
            guard let bytes = Number.memory(word) else { throw Refusal("argument must be a memory value") }
            return .integer(try check(bytes, range, radix: 10))
        case .memoryOrPercent:
            if let bytes = Number.memory(word) { return .integer(bytes) }
            guard word.last == UInt8(ascii: "%"), let share = Number.integer(word.dropLast()), share >= 0 else {
                throw Refusal("argument must be a memory or percent value")
            }
            guard share <= 100 else { throw Refusal("percentage argument must be less or equal to 100") }
            return share == 0 ? .integer(0) : .percent(share)
        case .octal(let range):
            guard let mode = Number.octal(word) else {
                throw Refusal("argument couldn't be parsed as an octal number")
            }
            return .integer(try check(mode, range, radix: 8))
        case .integer(let range):
            guard let number = Number.integer(word) else {
                throw Refusal("argument couldn't be parsed into an integer")
            }
            let value = try check(number, range, radix: 10)
            // A value of hz out of range is a wish, not an error.
            return .integer(name == "hz" ? min(max(value, 1), 500) : value)
        default: preconditionFailure("\(name) is not a number")
        }
    }

    private func check(_ value: Int64, _ range: ClosedRange<Int64>, radix: Int) throws(Refusal) -> Int64 {
        guard range.contains(value) else {
            let low = String(range.lowerBound, radix: radix)
            let high = String(range.upperBound, radix: radix)
            throw Refusal("argument must be between \(low) and \(high) inclusive")
        }
        return value
    }

    private func text(_ word: [UInt8], _ rule: TextRule) throws(Refusal) -> [UInt8] {
        guard !word.contains(0), String(validating: word, as: UTF8.self) != nil else {
            throw Refusal("argument must be UTF-8 text without NUL")
        }
        let isPath = word.contains(UInt8(ascii: "/")) || word.contains(0x5c)
        switch rule {
        case .any: break
        case .fileName:
            if isPath { throw Refusal("\(name) can't be a path, just a filename") }
        case .nonEmptyFileName, .nonEmptyDirectoryName:
            if word.isEmpty { throw Refusal("\(name) can't be empty") }
            var what = "filename"
            if case .nonEmptyDirectoryName = rule { what = "dirname" }
            if isPath { throw Refusal("\(name) can't be a path, just a \(what)") }
        case .hostName:
            if word.count >= 256 { throw Refusal("Hostnames must be less than 256 characters") }
            let plain = word.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || (LineSyntax.lowered($0) >= 0x61 && LineSyntax.lowered($0) <= 0x7a)
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
            if !plain { throw Refusal("Hostnames may only contain alphanumeric characters, hyphens or dots") }
        case .processTitle:
            if !Self.isProcessTitle(word) { throw Refusal("template format is invalid or contains unknown variables") }
        }
        return word
    }

    /// Whether each {variable} of a template is known and the template says something.
    private static func isProcessTitle(_ template: [UInt8]) -> Bool {
        let known: Set<String> = [
            "title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file",
        ]
        var rest = template[...]
        while let open = rest.firstIndex(of: UInt8(ascii: "{")) {
            guard let close = rest[open...].firstIndex(of: UInt8(ascii: "}")),
                known.contains(String(decoding: rest[(open + 1)..<close], as: UTF8.self))
            else { return false }
            rest = rest[(close + 1)...]
        }
        return template.contains { !LineSyntax.isBlank($0) }
    }

    private func choice(_ words: [[UInt8]], _ choices: [Choice]) throws(Refusal) -> Value {
        var number: Int64 = 0
        var found = !words.isEmpty && (flags.contains(.several) || words.count == 1)
        for word in words where found {
            if let choice = choices.first(where: { LineSyntax.equals(word, $0.word) }) {
                number |= choice.number
            } else {
                found = false
            }
        }
        guard found else {
            let all = choices.map(\.word).joined(separator: ", ")
            throw Refusal("argument(s) must be one of the following: \(all)")
        }
        // Bits 1 and 2 of the shutdown directives are save and nosave.
        if flags.contains(.several), number & 3 == 3 {
            throw Refusal("shutdown options SAVE and NOSAVE can't be used simultaneously")
        }
        return .integer(number)
    }
}
