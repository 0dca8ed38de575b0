import Glibc
import Platform

/// A reply as it came over the wire, in either version of the protocol.
indirect enum Reply: Equatable, Sendable {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk(String)
    /// `$-1`, `*-1` or `_`.
    case null
    case array([Reply])
    /// Keys and values in turns.
    case map([Reply])
    case set([Reply])
    case push([Reply])
    case double(String)
    case boolean(Bool)
    case bigNumber(String)
    case verbatim(format: String, String)

    static let ok = Reply.simple("OK")

    /// The text of any reply that is one.
    var text: String? {
        switch self {
        case .simple(let text), .error(let text), .bulk(let text), .verbatim(_, let text), .double(let text),
            .bigNumber(let text):
            text
        default: nil
        }
    }

    /// The elements of any aggregate.
    var elements: [Reply] {
        switch self {
        case .array(let all), .map(let all), .set(let all), .push(let all): all
        default: []
        }
    }

    var number: Int? { if case .integer(let number) = self { number } else { nil } }
    var isError: Bool { if case .error = self { true } else { false } }
}

extension Reply: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    init(stringLiteral value: String) { self = .bulk(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(arrayLiteral elements: Reply...) { self = .array(elements) }
}

/// A blocking client over a raw socket. Bytes that are not UTF-8 come out as replacement characters.
///
/// A read that gets nothing for ten seconds fails.
final class TestClient {
    enum Failure: Error, Equatable {
        /// The server closed the connection.
        case closed
        case timeout
        case malformed(String)
    }

    let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0
    /// The last attribute (RESP3 `|`) that came in front of a reply: keys and values in turns.
    private(set) var attributes: [Reply] = []

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    convenience init(port: Int, host: String = "127.0.0.1") throws {
        self.init(descriptor: try Socket.connect(host: host, port: port))
    }

    convenience init(path: String) throws { self.init(descriptor: try Socket.connect(path: path)) }

    deinit { Socket.close(descriptor) }

    /// `127.0.0.1:port`, as CLIENT LIST shows this client.
    var address: String { "\(Socket.localAddress(descriptor))" }

    // MARK: Sending

    func send(raw bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw errno == EAGAIN ? Failure.timeout : Failure.closed }
            sent += count
        }
    }

    func send(raw text: String) throws { try send(raw: Array(text.utf8)) }

    /// Sends a request without reading its reply.
    func send(_ words: String...) throws { try send(raw: Self.request(words)) }

    /// Tells the server that no more is coming.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    static func request(_ words: [String]) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        return bytes
    }

    /// Sends a request and reads its reply.
    @discardableResult
    func call(_ words: String...) throws -> Reply { try call(words) }

    @discardableResult
    func call(_ words: [String]) throws -> Reply {
        try send(raw: Self.request(words))
        return try read()
    }

    /// Sends all requests (words parted by blanks) at once, then reads as many replies.
    func pipeline(_ requests: [String]) throws -> [Reply] {
        try send(raw: requests.flatMap { Self.request($0.split(separator: " ").map(String.init)) })
        return try requests.map { _ in try read() }
    }

    // MARK: Reading

    /// The next reply. An attribute in front of it goes to `attributes`.
    func read() throws -> Reply {
        let line = try readLine()
        guard let kind = line.first else { throw Failure.malformed("an empty line") }
        let rest = String(line.dropFirst())
        switch kind {
        case "+": return .simple(rest)
        case "-": return .error(rest)
        case ":": return .integer(try number(rest))
        case "_": return .null
        case ",": return .double(rest)
        case "#": return .boolean(rest == "t")
        case "(": return .bigNumber(rest)
        case "$", "=":
            let count = try number(rest)
            if count < 0 { return .null }
            let text = String(decoding: try readBytes(count + 2).dropLast(2), as: UTF8.self)
            return kind == "$" ? .bulk(text) : .verbatim(format: String(text.prefix(3)), String(text.dropFirst(4)))
        case "*":
            let count = try number(rest)
            return count < 0 ? .null : .array(try readMany(count))
        case "~": return .set(try readMany(try number(rest)))
        case ">": return .push(try readMany(try number(rest)))
        case "%": return .map(try readMany(2 * (try number(rest))))
        case "|":
            attributes = try readMany(2 * (try number(rest)))
            return try read()
        default: throw Failure.malformed(line)
        }
    }

    private func readMany(_ count: Int) throws -> [Reply] { try (0..<count).map { _ in try read() } }

    private func number(_ text: String) throws -> Int {
        guard let number = Int(text) else { throw Failure.malformed(text) }
        return number
    }

    /// A line without its end.
    func readLine() throws -> String {
        // Counted from `position`, which `fill` moves.
        var length = 0
        while true {
            while position + length + 1 < buffer.count {
                let end = position + length
                if buffer[end] == 13, buffer[end + 1] == 10 {
                    let line = String(decoding: buffer[position..<end], as: UTF8.self)
                    position = end + 2
                    return line
                }
                length += 1
            }
            try fill()
        }
    }

    func readBytes(_ count: Int) throws -> [UInt8] {
        while buffer.count - position < count { try fill() }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }

    /// Whether the server has closed the connection, with nothing more to read. Waits for either.
    func isAtEnd() -> Bool {
        if position < buffer.count { return false }
        do {
            try fill()
            return false
        } catch {
            return error as? Failure == .closed
        }
    }

    /// Whether nothing comes for a while: for replies that must not come.
    func isSilent(milliseconds: Int32 = 100) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return position == buffer.count && poll(&entry, 1, milliseconds) == 0
    }

    private func fill() throws {
        if position > 1 << 20 {
            buffer.removeFirst(position)
            position = 0
        }
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { throw count < 0 && errno == EAGAIN ? Failure.timeout : Failure.closed }
        buffer += chunk[0..<count]
    }
}
