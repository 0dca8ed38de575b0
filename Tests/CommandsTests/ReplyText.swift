/// Replies as people read them: each element is a word, bulk strings stand in quotes with escapes, headers as they are
/// sent.
///
///     $1\r\nv\r\n                     "v"
///     *2\r\n:1\r\n$-1\r\n             *2 :1 $-1
///     =7\r\ntxt:abc\r\n               =txt:"abc"
///
/// Traps on bytes that are no RESP, so a malformed reply can't pass for a good one.
enum ReplyText {
    static func show(_ reply: [UInt8]) -> String { words(reply).joined(separator: " ") }

    static func words(_ reply: [UInt8]) -> [String] {
        var words: [String] = []
        var at = 0
        while at < reply.count { element(reply, &at, &words) }
        return words
    }

    private static func element(_ reply: [UInt8], _ at: inout Int, _ words: inout [String]) {
        let line = header(reply, &at)
        let count = Int(line.dropFirst()) ?? 0
        switch line.first {
        case "$", "=":
            guard count >= 0, line != "$-1" else { return words.append(line) }
            precondition(at + count + 2 <= reply.count, "a bulk of \(count) bytes at \(at) of \(reply.count)")
            let payload = reply[at..<at + count]
            precondition(reply[at + count] == 13 && reply[at + count + 1] == 10, "a bulk without its end at \(at)")
            at += count + 2
            if line.first == "=" {
                words.append("=" + String(decoding: payload.prefix(4), as: UTF8.self) + quoted(payload.dropFirst(4)))
            } else {
                words.append(quoted(payload))
            }
        case "*", "~", ">":
            words.append(line)
            for _ in 0..<max(0, count) { element(reply, &at, &words) }
        case "%", "|":
            words.append(line)
            for _ in 0..<2 * count { element(reply, &at, &words) }
            if line.first == "|" { element(reply, &at, &words) }
        case "+", "-", ":", "_", "#", ",", "(": words.append(line)
        default: preconditionFailure("no RESP: \(line)")
        }
    }

    private static func header(_ reply: [UInt8], _ at: inout Int) -> String {
        guard let end = reply[at...].firstIndex(of: 13), end + 1 < reply.count, reply[end + 1] == 10 else {
            preconditionFailure("no line end behind \(at): \(quoted(reply[at...]))")
        }
        defer { at = end + 2 }
        return String(decoding: reply[at..<end], as: UTF8.self)
    }

    static func quoted(_ bytes: some Sequence<UInt8>) -> String {
        let hexadecimal = Array("0123456789abcdef".utf8)
        var text: [UInt8] = [0x22]
        for byte in bytes {
            switch byte {
            case 0x0a: text += [0x5c, 0x6e]
            case 0x0d: text += [0x5c, 0x72]
            case 0x22, 0x5c: text += [0x5c, byte]
            case 0x20..<0x7f: text.append(byte)
            default: text += [0x5c, 0x78, hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: text + [0x22], as: UTF8.self)
    }
}
