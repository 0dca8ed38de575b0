import Glibc
import Testing

@testable import Configuration

/// splitmix64: a seed replays.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Mutated files must start or fail with a text, and what starts must survive CONFIG REWRITE unchanged.
/// FIRN_FUZZ_SECONDS runs it longer, FIRN_FUZZ_SEED replays.
@Suite struct FuzzTests {
    static func environment(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    static func line(_ random: inout SeededRandom) -> [UInt8] {
        let row = DirectiveTable.rows.randomElement(using: &random)!  // The table isn't empty.
        let words = [
            "yes", "no", "1", "-1", "10%", "1gb", "\"\"", "normal 1 2 3", "60 1", "flash /x", "KEA", "99.9", "'a b'",
        ]
        var line = bytes((([row.name] + row.aliases).randomElement(using: &random) ?? "") + " ")
        line += bytes(Bool.random(using: &random) ? row.standard : words.randomElement(using: &random) ?? "")
        guard Int.random(in: 0..<3, using: &random) == 0 else { return line }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...line.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: line.insert(UInt8.random(in: 0...255, using: &random), at: at)
            case 1 where at < line.count: line.remove(at: at)
            case 2: line.insert(bytes("\"'\\x# \t\r").randomElement(using: &random) ?? 0, at: at)
            default: line.insert(contentsOf: line.prefix(at), at: at)
            }
        }
        return line
    }

    @Test func mutatedFiles() throws {
        let seed = Self.environment("FIRN_FUZZ_SEED") ?? 20_240_601
        var random = SeededRandom(state: seed)
        let end = time(nil) + Int(Self.environment("FIRN_FUZZ_SECONDS") ?? 0)
        var rounds = 0
        var started = 0
        repeat {
            rounds += 1
            var file: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let line = Self.line(&random)
                // No fuzzing through the file system: patterns over / would take long.
                if text(line).lowercased().contains("include") { continue }
                file += line + [0x0a]
            }
            switch ServerArguments.settings(file, file: nil) {
            case .failure(let message):
                #expect(message.hasPrefix(Loader.headline) && message.hasSuffix("\n"))
            case .serve(let store, _):
                started += 1
                let new = FileRewrite.content(file, store.current)
                guard case .serve(let again, _) = ServerArguments.settings(new, file: nil) else {
                    Issue.record("seed \(seed): \(text(file)) was rewritten to \(text(new))")
                    return
                }
                #expect(again.current.values == store.current.values, "seed \(seed): \(text(file)) -> \(text(new))")
            default: Issue.record("neither started nor failed")
            }
        } while rounds < 400 || time(nil) < end
        #expect(started > rounds / 20)
    }

    @Test func hostileInput() {
        let huge = String(repeating: "a", count: 3 << 20)
        #expect(outcome(start("requirepass \(huge)")).text.contains("Line is longer than 1 MiB"))
        #expect(outcome(start("\(huge.prefix(2000)) 1")).text.contains("..."))
        #expect(outcome(ServerArguments.settings([0xff, 0xfe, 0x20, 0x80], file: nil)).text.contains("Bad directive"))
        #expect(outcome(ServerArguments.settings(bytes("logfile ") + [0xff], file: nil)).text.contains("UTF-8"))
        #expect(outcome(start(String(repeating: "\n", count: 1 << 16))).store != nil)
    }
}
