import Commands
import Testing

/// What COMMAND INFO says of a row in RESP3, as `ReplyText` shows it: the form in which
/// `Transcripts/command-info.txt` has Redis' answers (`compare_with_redis.py PORT --info NAME ...` prints them).
enum CommandInfoText {
    /// Checks rows without subcommands against Redis' answers. A row that Redis didn't answer for is an issue.
    static func check(_ rows: [CommandRow]) {
        guard let text = Transcript.read("\(Transcript.folder)/command-info.txt") else {
            Issue.record("no command-info.txt")
            return
        }
        let known = text.split(separator: "\n").map(String.init)
        for row in rows {
            let expected = known.first { $0.hasPrefix("*10 \"\(row.name)\" ") }
            #expect(line(row) == expected, "\(row.name)")
        }
    }

    static func line(_ row: CommandRow) -> String {
        let flags = CommandFlags.names.filter { row.flags.contains($0.0) }.map { "+\($0.1)" }
        let categories = ACLCategories.names.filter { row.categories.contains($0.0) }.map { "+\($0.1)" }
        let range = legacyRange(row)
        var words = ["*10", "\"\(row.name)\"", ":\(row.arity)", "~\(flags.count)"] + flags
        words += [":\(range.first)", ":\(range.last)", ":\(range.step)", "~\(categories.count)"] + categories
        words += ["~\(row.tips.count)"] + row.tips.map { "\"\($0)\"" }
        words += ["~\(row.keys.count)"] + row.keys.flatMap(spec) + ["~0"]
        return words.joined(separator: " ")
    }

    /// First key, last key and step: what the key specifications come to where they are simple ranges. Several count
    /// as one while each begins where the one before it ended.
    private static func legacyRange(_ row: CommandRow) -> (first: Int, last: Int, step: Int) {
        var whole: (first: Int, last: Int, step: Int)?
        for spec in row.keys {
            guard case .index(let first) = spec.begin, case .range(let last, let step, _) = spec.find else { continue }
            let end = last < 0 ? last : first + last
            guard let before = whole else {
                whole = (first, end, step)
                continue
            }
            if step == 1, before.step == 1, before.last == first - 1 { whole = (before.first, end, 1) }
        }
        return whole ?? (0, 0, 0)
    }

    private static func spec(_ spec: KeySpec) -> [String] {
        let flags = KeySpec.Flags.names.filter { spec.flags.contains($0.0) }.map { "+\($0.1)" }
        let notes = spec.notes.map { ["\"notes\"", "\"\($0)\""] } ?? []
        let begin =
            switch spec.begin {
            case .index(let index): ["\"index\"", "\"spec\"", "%1", "\"index\"", ":\(index)"]
            case .keyword(let word, let start):
                ["\"keyword\"", "\"spec\"", "%2", "\"keyword\"", "\"\(word)\"", "\"startfrom\"", ":\(start)"]
            case .unknown: ["\"unknown\"", "\"spec\"", "%0"]
            }
        let find =
            switch spec.find {
            case .range(let last, let step, let limit):
                [
                    "\"range\"", "\"spec\"", "%3", "\"lastkey\"", ":\(last)", "\"keystep\"", ":\(step)",
                    "\"limit\"", ":\(limit)",
                ]
            case .count(let index, let first, let step):
                [
                    "\"keynum\"", "\"spec\"", "%3", "\"keynumidx\"", ":\(index)", "\"firstkey\"", ":\(first)",
                    "\"keystep\"", ":\(step)",
                ]
            case .unknown: ["\"unknown\"", "\"spec\"", "%0"]
            }
        return ["%\(notes.isEmpty ? 3 : 4)"] + notes + ["\"flags\"", "~\(flags.count)"] + flags
            + ["\"begin_search\"", "%2", "\"type\""] + begin + ["\"find_keys\"", "%2", "\"type\""] + find
    }
}
