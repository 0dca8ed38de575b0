import Bytes
import Keyspace
import RESP
import Values

extension HashCommands {
    /// Replies with the entry at `at` of a hash's page.
    @inline(__always)
    static func reply(_ writer: UnsafeMutablePointer<ReplyWriter>, _ page: Listpack, _ at: Int) {
        switch page.item(at) {
        case .integer(let number): writer.pointee.bulk(number: Int(number))
        case .bytes(let slice): writer.pointee.bulk(slice)
        }
    }

    static func hget(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.null()
        case .found(_, let hash): replyValue(call, hash, call.arguments[2])
        }
    }

    /// The value of a field, or null.
    private static func replyValue(_ call: borrowing CommandContext, _ hash: HashValue, _ field: ByteSlice) {
        guard let pair = hash.find(field) else { return call.reply.pointee.null() }
        reply(call.reply, pair.page, pair.value)
    }

    static func hmget(_ call: inout CommandContext) {
        let hash: HashValue?
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: hash = nil
        case .found(_, let found): hash = found
        }
        call.reply.pointee.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count {
            if let hash {
                replyValue(call, hash, call.arguments[index])
            } else {
                call.reply.pointee.null()
            }
        }
    }

    static func hlen(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let hash): call.reply.pointee.integer(hash.count)
        }
    }

    static func hstrlen(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let hash):
            guard let pair = hash.find(call.arguments[2]) else { return call.reply.pointee.integer(0) }
            switch pair.page.item(pair.value) {
            case .integer(let number): call.reply.pointee.integer(Decimal.digitCount(number))
            case .bytes(let slice): call.reply.pointee.integer(slice.count)
            }
        }
    }

    static func hexists(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let hash): call.reply.pointee.integer(hash.find(call.arguments[2]) == nil ? 0 : 1)
        }
    }

    // MARK: All of it

    static func hgetall(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.map(0)
        case .found(_, let hash):
            call.reply.pointee.map(hash.count)
            replyAll(call, hash, fields: true, values: true)
        }
    }

    static func hkeys(_ call: inout CommandContext) { list(&call, fields: true) }

    static func hvals(_ call: inout CommandContext) { list(&call, fields: false) }

    /// The fields, or else the values.
    private static func list(_ call: inout CommandContext, fields: Bool) {
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let hash):
            call.reply.pointee.array(hash.count)
            replyAll(call, hash, fields: fields, values: !fields)
        }
    }

    private static func replyAll(_ call: borrowing CommandContext, _ hash: HashValue, fields: Bool, values: Bool) {
        let writer = call.reply
        hash.forEach { pair in
            if fields { reply(writer, pair.page, pair.field) }
            if values { reply(writer, pair.page, pair.value) }
            return true
        }
    }
}
