import Glibc
import Testing

import Platform
@testable import Telemetry

@Suite struct LogTests {
    /// The lines of the file at `path`.
    func lines(_ path: String) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while true {
            let byte = fgetc(file)
            if byte == EOF { break }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func linesHaveRedisFormat() {
        // Noon of 15 June 2024 UTC; day and hour depend on the machine's time zone, the rest does not.
        let line = Log.line(.notice, role: "M", process: 42, unixMicroseconds: 1_718_452_805_007_123, "ready")
        #expect(line.wholeMatch(of: #/42:M 1[456] Jun 2024 \d\d:\d\d:05\.007 \* ready\n/#) != nil, "\(line)")
        let marks = Log.Level.allCases.prefix(4).map { level in
            Log.line(level, role: "S", process: 1, unixMicroseconds: 0, "x").split(separator: " ")[5]
        }
        #expect(marks == [".", "-", "*", "#"])
    }

    @Test func levelsHaveNames() {
        for level in Log.Level.allCases { #expect(Log.Level(name: level.name) == level) }
        #expect(Log.Level(name: "loud") == nil)
    }

    @Test func appendsAtItsLevelAndFollowsTheFile() {
        let path = "/tmp/firn-log-test-\(getpid())"
        let moved = path + ".1"
        defer {
            unlink(path)
            unlink(moved)
        }
        let log = Log(level: .notice, path: path)
        var composed = 0
        func message() -> String {
            composed += 1
            return "text"
        }
        log.debug(message())
        log.verbose(message())
        #expect(composed == 0)
        log.notice("first")
        rename(path, moved)
        log.setRole(.replica)
        log.warning("second")
        log.level = .nothing
        log.warning("dropped")
        log.level = .debug
        log.debug("third")
        #expect(lines(moved).map { $0.suffix(7) } == ["* first"])
        #expect(lines(path).count == 2)
        #expect(lines(path).allSatisfy { $0.hasPrefix("\(getpid()):S ") })
        #expect(lines(path)[0].hasSuffix("# second") && lines(path)[1].hasSuffix(". third"))
    }

    @Test func threadsDoNotMixLines() {
        let path = "/tmp/firn-log-threads-\(getpid())"
        defer { unlink(path) }
        let log = Log(path: path)
        let threads = (0..<4).map { n in
            Thread(name: "log\(n)") { for i in 0..<50 { log.notice("thread \(n) line \(i) end") } }
        }
        for thread in threads { thread.join() }
        let written = lines(path)
        #expect(written.count == 200)
        #expect(written.allSatisfy { $0.wholeMatch(of: #/\d+:M .* \* thread \d line \d+ end/#) != nil })
    }
}
