import Glibc
import Testing

import Bytes
import RESP

/// Mutated requests: whole and in pieces they must come to the same, whatever that is. `FIRN_FUZZ_SECONDS` makes it
/// longer.
@Suite struct ParserFuzzTests {
    @Test func mutatedRequestsComeToTheSameInPieces() {
        let seconds = getenv("FIRN_FUZZ_SECONDS").flatMap { Double(String(cString: $0)) } ?? 0
        let until = time(nil) + Int(seconds)
        var seed: UInt64 = 0
        repeat {
            for _ in 0..<150 {
                seed += 1
                check(seed)
            }
        } while time(nil) < until
    }

    private func check(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let words = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                randomBytes(Int.random(in: 0...12, using: &generator), &generator)
            }
            bytes += Bool.random(using: &generator) ? encode(words) : Array("set \"a\\x4\" 'b' c\r\n".utf8)
        }
        for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.remove(at: at)
            case 2:
                let special = "\r\n*$-0123456789\"'\\".utf8.shuffled(using: &generator)
                bytes.insert(contentsOf: special.prefix(2), at: at)
            default: bytes.removeSubrange(at..<min(bytes.count, at + 5))
            }
        }
        let whole = parse(bytes)
        let single = parse(bytes) { _ in 1 }
        let cut = parse(bytes) { _ in Int.random(in: 1...9, using: &generator) }
        let isSame = whole == single && whole == cut
        #expect(isSame, "seed \(seed)")
    }
}
