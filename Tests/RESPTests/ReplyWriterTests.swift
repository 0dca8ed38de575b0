import Testing

import Bytes
import RESP

private func written(_ version: Int, _ body: (inout ReplyWriter) -> Void) -> String {
    var writer = ReplyWriter(capacity: 64)
    writer.version = version
    body(&writer)
    var out: [UInt8] = []
    var position = 0
    for external in writer.externals {
        out += writer.slice[position..<external.position].array + external.bytes.slice[external.range].array
        position = external.position
    }
    out += writer.slice[position..<writer.slice.count].array
    #expect(out.count == writer.count)
    return String(decoding: out, as: UTF8.self).replacing("\r\n", with: "|")
}

extension String {
    fileprivate func replacing(_ what: String, with other: String) -> String {
        var out: [UInt8] = []
        let bytes = Array(utf8), pattern = Array(what.utf8)
        var at = 0
        while at < bytes.count {
            if bytes[at...].starts(with: pattern) {
                out += Array(other.utf8)
                at += pattern.count
            } else {
                out.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

@Suite struct ReplyWriterTests {
    @Test func writesBothVersions() {
        let goldens: [((inout ReplyWriter) -> Void, String, String)] = [
            ({ $0.ok() }, "+OK|", "+OK|"),
            ({ $0.simple("QUEUED") }, "+QUEUED|", "+QUEUED|"),
            ({ $0.integer(0) }, ":0|", ":0|"),
            ({ $0.integer(10) }, ":10|", ":10|"),
            ({ $0.integer(-7) }, ":-7|", ":-7|"),
            ({ $0.integer(Int.max) }, ":9223372036854775807|", ":9223372036854775807|"),
            ({ $0.integer(Int.min) }, ":-9223372036854775808|", ":-9223372036854775808|"),
            ({ $0.integer(Int64(1_000_000_000_000_000_000)) }, ":1000000000000000000|", ":1000000000000000000|"),
            ({ $0.bulk("ab" as StaticString) }, "$2|ab|", "$2|ab|"),
            ({ $0.bulk(String("häh")) }, "$4|häh|", "$4|häh|"),
            ({ $0.bulk(ByteSlice("")) }, "$0||", "$0||"),
            ({ $0.bulk(number: -123) }, "$4|-123|", "$4|-123|"),
            ({ $0.null() }, "$-1|", "_|"),
            ({ $0.nullArray() }, "*-1|", "_|"),
            ({ $0.array(12) }, "*12|", "*12|"),
            ({ $0.map(3) }, "*6|", "%3|"),
            ({ $0.set(3) }, "*3|", "~3|"),
            ({ $0.push(3) }, "*3|", ">3|"),
            ({ $0.boolean(true) }, ":1|", "#t|"),
            ({ $0.boolean(false) }, ":0|", "#f|"),
            ({ $0.bigNumber(ByteSlice("123")) }, "$3|123|", "(123|"),
            ({ $0.verbatim("txt", ByteSlice("ab")) }, "$2|ab|", "=6|txt:ab|"),
            ({ $0.error("ERR a\r\nb" as String) }, "-ERR a  b|", "-ERR a  b|"),
            ({ $0.double(3) }, "$1|3|", ",3|"),
            ({ $0.double(-0.0) }, "$2|-0|", ",-0|"),
            ({ $0.double(0.1) }, "$19|0.10000000000000001|", ",0.10000000000000001|"),
            ({ $0.double(1e20) }, "$5|1e+20|", ",1e+20|"),
            ({ $0.double(.infinity) }, "$3|inf|", ",inf|"),
            ({ $0.double(-.infinity) }, "$4|-inf|", ",-inf|"),
            ({ $0.raw(":1\r\n") }, ":1|", ":1|"),
        ]
        for (body, second, third) in goldens {
            #expect(written(2, body) == second)
            #expect(written(3, body) == third)
        }
    }

    @Test func largeDoubles() {
        // %.17g changes to an exponent at 10^17.
        #expect(written(3) { $0.double(1e20) } == ",1e+20|")
        #expect(written(3) { $0.double(123_456_789_012_345_680) } == ",1.2345678901234568e+17|")
        #expect(written(3) { $0.double(99_999_999_999_999_984) } == ",99999999999999984|")
    }

    @Test func everyLengthOfNumber() {
        var value = 1
        while value < Int.max / 10 {
            for n in [value - 1, value, value + 1] {
                #expect(written(2) { $0.integer(n) } == ":\(n)|")
                #expect(written(2) { $0.integer(-n) } == ":\(n == 0 ? "" : "-")\(n)|")
            }
            value *= 10
        }
    }

    @Test func lengthsToldLate() {
        func body(_ writer: inout ReplyWriter) {
            writer.ok()
            let outer = writer.begin(.map)
            writer.bulk("k" as StaticString)
            let inner = writer.begin(.set)
            for n in 0..<12 { writer.integer(n) }
            writer.end(inner, count: 12)
            writer.end(outer, count: 1)
            let empty = writer.begin(.array)
            writer.end(empty, count: 0)
        }
        let numbers = (0..<12).map { ":\($0)|" }.joined()
        #expect(written(2, body) == "+OK|*2|$1|k|*12|\(numbers)*0|")
        #expect(written(3, body) == "+OK|%1|$1|k|~12|\(numbers)*0|")
    }

    @Test func largeSharedValuesAreNotCopied() {
        let shared = SharedBytes(uninitializedCount: 20_000)
        shared.withUnsafeMutableBytes { $0.update(repeating: 0x78, count: 20_000) }
        let x = String(repeating: "x", count: 20_000)
        #expect(written(2) { $0.bulk(shared: shared, range: 0..<3) } == "$3|xxx|")
        #expect(
            written(2) {
                let list = $0.begin(.array)
                $0.bulk("a" as StaticString)
                $0.bulk(shared: shared)
                $0.bulk("b" as StaticString)
                $0.end(list, count: 3)
            } == "*3|$1|a|$20000|\(x)|$1|b|")
        var writer = ReplyWriter()
        writer.bulk(shared: shared)
        #expect(writer.slice.count == 10 && !writer.isContiguous)
        let mark = writer.count
        writer.bulk(shared: shared)
        writer.truncate(to: mark)
        #expect(writer.count == mark && writer.externals.count == 1)
        writer.truncate(to: 0)
        #expect(writer.count == 0 && writer.externals.isEmpty)
    }

    @Test func truncatesAndCountsErrors() {
        var writer = ReplyWriter(capacity: 64)
        writer.ok()
        let mark = writer.count
        for _ in 0..<100 { writer.bulk("abcdef" as StaticString) }
        writer.truncate(to: mark)
        #expect(writer.slice == "+OK\r\n")
        writer.error(ErrorText.wrongType)
        #expect(writer.errorCount == 1 && writer.lastErrorCode == "WRONGTYPE")
        writer.error("NOSPACE" as StaticString)
        #expect(writer.errorCount == 2 && writer.lastErrorCode == "NOSPACE")
        writer.removeAll(keeping: 64)
        #expect(writer.lastErrorCode.isEmpty && writer.allocatedBytes == 64)
    }

    @Test func errorTextsCarryTheClientsBytes() {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        #expect(
            text(ErrorText.unknownCommand(ByteSlice("foo"), [ByteSlice("a"), ByteSlice("b c")]))
                == "ERR unknown command 'foo', with args beginning with: 'a' 'b c' ")
        #expect(
            text(ErrorText.wrongArity(ByteSlice("config|get")))
                == "ERR wrong number of arguments for 'config|get' command")
        #expect(text(ErrorText.unknownSubcommand(ByteSlice("nope"), command: ByteSlice("config")))
            == "ERR unknown subcommand 'nope'. Try CONFIG HELP.")
        #expect(text(ErrorText.invalidExpire("set")) == "ERR invalid expire time in 'set' command")
    }
}
