import Testing

/// Sizes that keep code readable (STYLE 3).
@Suite struct SizeTests {
    static let fileLimit = 500
    static let functionLimit = 70
    static let columnLimit = 120

    @Test func theTreeIsThere() {
        #expect(SourceTree.files.contains { $0.path == "Package.swift" })
        #expect(SourceTree.files.contains { $0.path == "Sources/Bytes/Bytes.swift" })
        #expect(SourceTree.files.contains { $0.path == "tools/build" })
    }

    @Test func filesAreShort() {
        for file in SourceTree.files where file.lines.count - 1 > Self.fileLimit {
            Issue.record("\(file): \(file.lines.count - 1) lines, at most \(Self.fileLimit)")
        }
    }

    @Test func linesAreNarrow() {
        for file in SourceTree.files {
            for (at, line) in file.lines.enumerated() where line.count > Self.columnLimit {
                Issue.record("\(file):\(at + 1): \(line.count) columns, at most \(Self.columnLimit)")
            }
        }
    }

    @Test func functionsAreShort() {
        for file in SourceTree.files where file.isSwift {
            for function in functions(of: file) where function.lines > Self.functionLimit {
                let place = "\(file):\(function.start): \(function.name)"
                Issue.record("\(place): \(function.lines) lines, at most \(Self.functionLimit)")
            }
        }
    }

    /// The measure itself can fail: a long function is found, a short one is not.
    @Test func aLongFunctionIsMeasured() {
        let body = Array(repeating: "    if x { y() } // }", count: 80)
        let file = SourceFile(path: "x.swift", lines: ["func long() {"] + body + ["}", "func short() {", "}"])
        #expect(functions(of: file).map(\.lines) == [82, 2])
    }
}

struct MeasuredFunction {
    let name: String
    let start: Int
    let lines: Int
}

/// Functions and initialisers by their braces: from the line of `func` to the one on which its braces are balanced.
/// Functions inside functions count for the outer one.
func functions(of file: SourceFile) -> [MeasuredFunction] {
    var found: [MeasuredFunction] = []
    var at = 0
    var inLiteral = false
    while at < file.lines.count {
        let line = file.lines[at]
        if line.components(separatedBy: "\"\"\"").count % 2 == 0 { inLiteral.toggle() }
        guard !inLiteral, let name = functionName(codeOnly(line)), let end = balancedEnd(file.lines, from: at) else {
            at += 1
            continue
        }
        found.append(MeasuredFunction(name: name, start: at + 1, lines: end - at + 1))
        at = end + 1
    }
    return found
}

private func functionName(_ code: String) -> String? {
    let words = code.split(whereSeparator: { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" })
    guard let at = words.firstIndex(where: { $0 == "func" || $0 == "init" || $0 == "deinit" }) else { return nil }
    let modifiers: Set<Substring> = [
        "public", "private", "internal", "package", "fileprivate", "static", "mutating", "borrowing", "consuming",
        "override", "convenience", "required", "final", "nonmutating",
    ]
    guard words[..<at].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") }) else { return nil }
    return words[at] == "func" && at + 1 < words.count ? String(words[at + 1]) : String(words[at])
}

/// The line on which the braces opened from `start` on are closed again; nil for a declaration without a body.
private func balancedEnd(_ lines: [String], from start: Int) -> Int? {
    var depth = 0
    var opened = false
    var inLiteral = false
    for at in start..<lines.count {
        if lines[at].components(separatedBy: "\"\"\"").count % 2 == 0 {
            inLiteral.toggle()
            continue
        }
        if inLiteral { continue }
        for character in codeOnly(lines[at]) {
            if character == "{" {
                depth += 1
                opened = true
            } else if character == "}" {
                depth -= 1
            }
        }
        if opened && depth <= 0 { return depth < 0 ? nil : at }
        // A protocol's requirement has no body: its signature ends without an opening brace.
        let code = codeOnly(lines[at])
        if !opened && code.filter({ $0 == "(" }).count <= code.filter({ $0 == ")" }).count && at > start + 12 {
            return nil
        }
    }
    return nil
}
