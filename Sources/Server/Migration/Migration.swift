import Bytes
import Platform
import RESP

/// What MIGRATE has a control thread do: keys to send to another server, and what came of it.
///
/// The keys are dumped under their locks, the network is spoken to without. So a key may change before it is deleted
/// here, and a write must not be lost: `MigrateCommand` deletes only what still is what was sent. What has changed is
/// sent again, or deleted there, while commands that write are held up: then it can't change.
struct Migration: Sendable {
    struct Item: Sendable {
        /// The key's number in the call.
        let number: Int
        let key: [UInt8]
        /// What DUMP says; nil: it is to be deleted at the other end, where an earlier round has put it.
        let payload: [UInt8]?
        /// Unix milliseconds.
        let expiry: Int64?
        let replaces: Bool
        /// Whether the other end has taken it.
        var isDone = false
    }
    let host: String
    let port: Int
    let database: Int
    let timeoutMilliseconds: Int64
    let user: [UInt8]?
    let password: [UInt8]?
    var items: [Item]
    /// What to reply in place of OK.
    var failure: [UInt8]?

    private enum Broken: Error {
        case connecting
        /// `isWriting`: else reading.
        case link(isWriting: Bool, mayRetry: Bool)
    }

    private var deadline: Int64 { Clock.monotonicNanoseconds() + timeoutMilliseconds * 1_000_000 }

    /// Sends what there is to be sent. Blocks.
    mutating func run(_ links: MigrationLinks) {
        for attempt in 0..<2 {
            do throws(Broken) {
                return try exchange(links)
            } catch {
                switch error {
                case .connecting: failure = failure ?? Array("IOERR error or timeout connecting to the client".utf8)
                case .link(_, mayRetry: true) where attempt == 0: continue
                case .link(let isWriting, _):
                    let verb = isWriting ? "writing" : "reading"
                    failure = failure ?? Array("IOERR error or timeout \(verb) to target instance".utf8)
                }
                return
            }
        }
    }

    private mutating func exchange(_ links: MigrationLinks) throws(Broken) {
        let link: MigrationLink
        if let cached = links.take(host, port) {
            link = cached
        } else {
            do throws(SystemError) {
                link = try MigrationLink(host: host, port: port, deadline: deadline)
            } catch {
                throw .connecting
            }
        }
        let selects = link.database != database
        do throws(SystemError) {
            try link.send(commands(selects: selects), deadline: deadline)
        } catch {
            throw .link(isWriting: true, mayRetry: link.isReused && !error.isTimeout)
        }
        // A cached connection that the other end has closed meanwhile shows it here.
        var isFirst = true
        func reply() throws(Broken) -> [UInt8] {
            var timedOut = false
            defer { isFirst = false }
            do throws(SystemError) {
                if let line = try link.line(deadline: deadline) { return line }
            } catch {
                timedOut = error.isTimeout
            }
            throw .link(isWriting: false, mayRetry: isFirst && link.isReused && !timedOut)
        }
        var refusal: [UInt8]?
        if password != nil { refusal = Self.refusal(try reply()) }
        if selects {
            let said = Self.refusal(try reply())
            refusal = refusal ?? said
        }
        let isAdmitted = refusal == nil
        for number in items.indices {
            let said = Self.refusal(try reply())
            refusal = refusal ?? said
            items[number].isDone = isAdmitted && said == nil
        }
        if let refusal {
            link.database = nil
            failure = failure ?? Array("ERR Target instance replied with error: ".utf8) + refusal
        } else {
            link.database = database
        }
        links.put(link, host, port)
    }

    /// Why a reply is no consent: an error's text, or what somebody has said who is no such server. Nil if it is one.
    private static func refusal(_ line: [UInt8]) -> [UInt8]? {
        switch line.first {
        case 0x2b, 0x3a: nil
        case 0x2d: Array(line.dropFirst())
        default: line
        }
    }

    // MARK: Requests

    private func commands(selects: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(items.reduce(256) { $0 + ($1.payload?.count ?? 0) + $1.key.count + 64 })
        if let password {
            Self.append([Array("AUTH".utf8)] + (user.map { [$0] } ?? []) + [password], to: &bytes)
        }
        if selects { Self.append([Array("SELECT".utf8), Decimal.bytes(Int64(database))], to: &bytes) }
        let now = Clock.unixMilliseconds()
        for item in items {
            guard let payload = item.payload else {
                Self.append([Array("DEL".utf8), item.key], to: &bytes)
                continue
            }
            // 0 would mean that it doesn't expire.
            let time = item.expiry.map { max(1, $0 - now) } ?? 0
            Self.append(
                [Array("RESTORE".utf8), item.key, Decimal.bytes(time), payload]
                    + (item.replaces ? [Array("REPLACE".utf8)] : []), to: &bytes)
        }
        return bytes
    }

    private static func append(_ words: [[UInt8]], to bytes: inout [UInt8]) {
        bytes += Array("*\(words.count)\r\n".utf8)
        for word in words {
            bytes += Array("$\(word.count)\r\n".utf8)
            bytes += word
            bytes += [0x0d, 0x0a]
        }
    }
}
