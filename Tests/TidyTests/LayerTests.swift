import Foundation
import Testing

/// Who may import whom (DESIGN 10): the order of the layers as SwiftPM has it, checked against what files import.
@Suite struct LayerTests {
    /// Layers by name; a target imports only from layers with a lower number (among equals: none).
    static let layers: [String: Int] = [
        "CShims": 0, "CLZF": 0, "CLZ4": 0, "RocksDBShim": 0, "LoadgenShims": 0,
        "Bytes": 1, "Platform": 2,
        "RESP": 3, "Values": 3, "Storage": 3, "Telemetry": 3, "Configuration": 3,
        "Keyspace": 4, "RDB": 4, "Frontend": 4, "PubSub": 4,
        "StorageMemory": 4, "StorageRocksDB": 4, "StorageFaulty": 4,
        "Commands": 5, "Tiering": 5, "Persistence": 5,
        "Replication": 6, "Scripting": 6,
        "Server": 7, "firn-server": 8, "loadgen": 8, "inspect": 8,
    ]
    /// What every target may import of the toolchain. Foundation is for tests and manifests only (STYLE 20).
    static let system: Set<String> = ["Glibc", "Synchronization", "Swift"]
    static let forExecutables: Set<String> = ["ArgumentParser"]

    @Test func importsFollowTheLayers() throws {
        for file in SourceTree.files where file.isSwift {
            guard let target = owner(of: file.path) else { continue }
            guard let own = Self.layers[target] else {
                Issue.record("\(file): target \(target) has no layer; add it to LayerTests.layers where DESIGN puts it")
                continue
            }
            for (line, module) in imports(of: file) where !Self.system.contains(module) {
                if let other = Self.layers[module] {
                    if other >= own { Issue.record("\(file):\(line): \(target) must not import \(module)") }
                } else if !(Self.forExecutables.contains(module) && own == 8) {
                    Issue.record("\(file):\(line): \(target) must not import \(module)")
                }
            }
        }
    }

    /// The manifest lists targets from the bottom up, so that it can be read as the picture of the layers.
    @Test func theManifestAgrees() throws {
        let manifest = try #require(SourceTree.files.first { $0.path == "Package.swift" })
        for (line, name, dependencies) in libraries(manifest) {
            guard let own = Self.layers[name] else {
                Issue.record("Package.swift:\(line): \(name) has no layer; add it to LayerTests.layers")
                continue
            }
            for dependency in dependencies {
                guard let other = Self.layers[dependency] else { continue }
                if other >= own { Issue.record("Package.swift:\(line): \(name) depends on \(dependency)") }
            }
        }
    }

    /// Lines `library("Name", ["A", "B"], ...)` of the manifest.
    private func libraries(_ manifest: SourceFile) -> [(Int, String, [String])] {
        manifest.lines.enumerated().compactMap { at, line in
            let text = line.trimmingCharacters(in: .whitespaces)
            guard text.hasPrefix("library(\"") else { return nil }
            let quoted = text.components(separatedBy: "path:")[0].components(separatedBy: "\"").enumerated()
                .filter { $0.offset % 2 == 1 }.map(\.element)
            return (at + 1, quoted[0], Array(quoted.dropFirst()))
        }
    }

    /// The target whose folder holds `path`; nil for tests and manifests.
    private func owner(of path: String) -> String? {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count > 2 else { return nil }
        if parts[0] == "Sources" { return parts[1] }
        guard parts[0] == "storage" else { return nil }
        switch parts[1] {
        case "API": return "Storage"
        case "RocksDBShim": return "RocksDBShim"
        default: return "Storage" + parts[1]
        }
    }

    private func imports(of file: SourceFile) -> [(Int, String)] {
        file.lines.enumerated().compactMap { at, line in
            var words = line.split(separator: " ").map(String.init)
            while let first = words.first, first.hasPrefix("@") || ["public", "internal", "package"].contains(first) {
                words.removeFirst()
            }
            guard words.count >= 2, words[0] == "import" else { return nil }
            let kinds: Set<String> = ["struct", "class", "enum", "func", "var", "let", "protocol", "typealias"]
            let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
            return (at + 1, String(name.split(separator: ".")[0]))
        }
    }
}
