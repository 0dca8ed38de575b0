import Foundation

/// One source file of the repository, read once.
struct SourceFile: CustomStringConvertible {
    /// Path below the root.
    let path: String
    let lines: [String]

    var description: String { path }
    var isSwift: Bool { path.hasSuffix(".swift") }
}

/// The repository that this test file lies in.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Swift, C and C++ files and the tools' scripts.
    static let files: [SourceFile] = ["Package.swift", "Sources", "Tests", "storage", "tools", ".ci"].flatMap(read)

    private static func read(_ name: String) -> [SourceFile] {
        let start = root.appendingPathComponent(name)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: start.path, isDirectory: &isFolder) else { return [] }
        if !isFolder.boolValue { return load(start).map { [$0] } ?? [] }
        guard let walk = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil) else { return [] }
        return walk.compactMap { $0 as? URL }.compactMap(load)
    }

    private static func load(_ url: URL) -> SourceFile? {
        let path = String(url.standardizedFileURL.path.dropFirst(root.standardizedFileURL.path.count + 1))
        let isScript = path.hasPrefix("tools/") && url.pathExtension.isEmpty || path.hasPrefix(".ci/")
        guard ["swift", "c", "cpp", "h", "py"].contains(url.pathExtension) || isScript else { return nil }
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
        return SourceFile(path: path, lines: text.components(separatedBy: "\n"))
    }
}

/// A line without its string literals and its comment, good enough to count braces and find words.
func codeOnly(_ line: String) -> String {
    var code = ""
    var inString = false
    var previous: Character = " "
    for character in line {
        if character == "\"" && previous != "\\" {
            inString.toggle()
        } else if !inString {
            if character == "/" && previous == "/" {
                code.removeLast()
                return code
            }
            code.append(character)
        }
        previous = previous == "\\" && character == "\\" ? " " : character
    }
    return code
}
