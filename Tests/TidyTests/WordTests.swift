import Testing

/// Words that have no place, and words that need company.
@Suite struct WordTests {
    @Test func nothingIsLeftForLater() {
        // Split, so that this file doesn't name what it forbids.
        let forbidden = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        for file in SourceTree.files {
            for (at, line) in file.lines.enumerated() {
                for word in forbidden where words(line).contains(word) {
                    Issue.record("\(file):\(at + 1): \(word)")
                }
            }
        }
    }

    @Test func typesNameTheirJob() {
        let vague = ["Utils", "Helpers", "Helper", "Common", "Manager"]
        for file in SourceTree.files where file.isSwift && !file.path.hasPrefix("Tests/") {
            let name = file.path.split(separator: "/").last.map { $0.dropLast(6) } ?? ""
            for word in vague where name.hasSuffix(word) { Issue.record("\(file): a name that names no job") }
            for (at, line) in file.lines.enumerated() {
                let parts = words(codeOnly(line))
                for (word, next) in zip(parts, parts.dropFirst())
                where ["struct", "class", "enum", "protocol"].contains(word) && vague.contains(where: next.hasSuffix) {
                    Issue.record("\(file):\(at + 1): \(next): a name that names no job")
                }
            }
        }
    }

    /// An unchecked promise to the compiler stands beside the sentence that makes it true (STYLE 17).
    @Test func uncheckedPromisesAreExplained() {
        let promises = ["@unchecked", "nonisolated(unsafe)"]
        for file in SourceTree.files where file.isSwift {
            for (at, line) in file.lines.enumerated() {
                let code = codeOnly(line)
                guard promises.contains(where: { code.contains($0) }) else { continue }
                let near = file.lines[max(0, at - 2)...min(file.lines.count - 1, at + 2)]
                if !near.contains(where: { $0.contains("//") }) {
                    Issue.record("\(file):\(at + 1): no comment says why this is true")
                }
            }
        }
    }

    /// `codeOnly` is what all of this rests on.
    @Test func literalsAndCommentsAreLeftOut() {
        #expect(codeOnly(#"let a = "x { // y"  // z }"#) == "let a =   ")
        #expect(codeOnly(#"let a = "\"{" + b"#) == "let a =  + b")
    }

    private func words(_ line: String) -> [String] {
        line.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }).map(String.init)
    }
}
