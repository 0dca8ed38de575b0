import Bytes
import Keyspace
import RESP
import Values

extension HashCommands {
    static func hset(_ call: inout CommandContext) {
        guard let created = setPairs(&call, "hset") else { return }
        call.reply.pointee.integer(created)
    }

    static func hmset(_ call: inout CommandContext) {
        guard setPairs(&call, "hmset") != nil else { return }
        call.reply.pointee.ok()
    }

    /// Sets the call's pairs. Returns how many fields are new; nil if the error has been replied.
    private static func setPairs(_ call: inout CommandContext, _ command: StaticString) -> Int? {
        let arguments = call.arguments
        guard arguments.count % 2 == 0 else {
            call.reply.pointee.error(ErrorText.wrongArity(ByteSlice(command)))
            return nil
        }
        return write(&call, "hset") { hash in
            var created = 0
            for index in stride(from: 2, to: arguments.count, by: 2) {
                if hash.set(arguments[index], arguments[index + 1]) { created += 1 }
            }
            return created
        }
    }

    /// Runs `body` on the hash of the first key, a new one if there is none: it must set a field. Nil: another type
    /// or too large, and the error has been replied.
    @inline(__always)
    private static func write<R>(
        _ call: inout CommandContext, _ event: StaticString, _ body: (HashValue) -> R
    ) -> R? {
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return nil
        case .missing:
            let hash = HashValue()
            let result = body(hash)
            if call.refuses(hash) { return nil }
            call.store(call.key, hash, .hash, event)
            return result
        case .found(let entry, let hash): return call.change(entry, hash, call.key, .hash, event, body)
        }
    }

    static func hsetnx(_ call: inout CommandContext) {
        let field = call.arguments[2]
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return
        case .missing: break
        case .found(_, let hash):
            if hash.find(field) != nil { return call.reply.pointee.integer(0) }
        }
        let value = call.arguments[3]
        guard write(&call, "hset", { $0.set(field, value) }) != nil else { return }
        call.reply.pointee.integer(1)
    }

    static func hdel(_ call: inout CommandContext) {
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let hash):
            let arguments = call.arguments
            // Nothing to remove is no change.
            guard let first = (2..<arguments.count).first(where: { hash.find(arguments[$0]) != nil }) else {
                return call.reply.pointee.integer(0)
            }
            let removed = call.change(entry, hash, call.key, .hash, "hdel") { hash in
                var removed = 0
                for index in first..<arguments.count where hash.remove(arguments[index]) { removed += 1 }
                return removed
            }
            call.reply.pointee.integer(removed)
        }
    }

    // MARK: Numbers

    static func hincrby(_ call: inout CommandContext) {
        guard let amount = call.integer(3) else { return }
        let field = call.arguments[2]
        var old: Int64 = 0
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return
        case .missing: break
        case .found(_, let hash):
            if let pair = hash.find(field) {
                // An integer's text is kept as the integer.
                guard case .integer(let number) = pair.page.item(pair.value) else {
                    return call.reply.pointee.error(ErrorText.hashNotInteger)
                }
                old = number
            }
        }
        let (sum, overflow) = old.addingReportingOverflow(amount)
        guard !overflow else { return call.reply.pointee.error(ErrorText.overflow) }
        guard set(&call, "hincrby", field, Decimal.bytes(sum)) else { return }
        call.reply.pointee.integer(sum)
    }

    static func hincrbyfloat(_ call: inout CommandContext) {
        guard let amount = Decimal.parseExtended(call.arguments[3]) else {
            return call.reply.pointee.error(ErrorText.notFloat)
        }
        guard amount.isFinite else { return call.reply.pointee.error(ErrorText.notANumber) }
        let field = call.arguments[2]
        var sum = amount
        switch call.collection(call.key, HashValue.self, isRead: false) {
        case .refused: return
        case .missing: break
        case .found(_, let hash):
            if let pair = hash.find(field) {
                guard let old = pair.page.withBytes(pair.value, { Decimal.parseExtended($0) }) else {
                    return call.reply.pointee.error(ErrorText.hashNotFloat)
                }
                sum += old
            }
        }
        guard sum.isFinite else { return call.reply.pointee.error(ErrorText.incrementNotFinite) }
        let text = Decimal.formatExtended(sum)
        guard set(&call, "hincrbyfloat", field, text) else { return }
        text.withSlice { call.reply.pointee.bulk($0) }
    }

    /// Sets a field of a key that holds a hash or doesn't exist; it keeps its expiry. False: see `write`.
    private static func set(
        _ call: inout CommandContext, _ event: StaticString, _ field: ByteSlice, _ value: [UInt8]
    ) -> Bool {
        value.withSlice { value in
            write(&call, event) { $0.set(field, value, keepsExpiry: true) } != nil
        }
    }
}
