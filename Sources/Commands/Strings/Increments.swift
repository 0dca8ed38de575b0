import Bytes
import Keyspace
import RESP
import Values

extension StringCommands {
    static func incr(_ call: inout CommandContext) { increment(&call, by: 1) }

    static func decr(_ call: inout CommandContext) { increment(&call, by: -1) }

    static func incrby(_ call: inout CommandContext) {
        guard let amount = call.integer(2) else { return }
        increment(&call, by: amount)
    }

    static func decrby(_ call: inout CommandContext) {
        guard let amount = call.integer(2) else { return }
        guard amount != .min else { return call.reply.pointee.error(ErrorText.decrementOverflow) }
        increment(&call, by: -amount)
    }

    /// An integer changes where it is; no allocation.
    @inline(__always)
    private static func increment(_ call: inout CommandContext, by amount: Int64) {
        guard let entry = call.keyspace.find(call.key) else {
            call.keyspace.set(call.key, .integer(key: call.key.bytes, amount, expiry: nil))
            call.keyspace.notify(.string, "incrby", call.key)
            return call.reply.pointee.integer(amount)
        }
        guard call.isString(entry) else { return }
        guard let old = entry.record.integerValue else { return incrementText(&call, entry, by: amount) }
        let (sum, overflow) = old.addingReportingOverflow(amount)
        guard !overflow else { return call.reply.pointee.error(ErrorText.overflow) }
        call.keyspace.updateInPlace(entry)
        entry.record.replaceInteger(sum)
        call.keyspace.notify(.string, "incrby", call.key)
        call.reply.pointee.integer(sum)
    }

    /// A string that spells an integer but isn't kept as one (APPEND made it).
    @inline(never)
    private static func incrementText(_ call: inout CommandContext, _ entry: Entry, by amount: Int64) {
        guard let old = Decimal.parseInt64(entry.record.storedBytes) else {
            return call.reply.pointee.error(ErrorText.notInteger)
        }
        let (sum, overflow) = old.addingReportingOverflow(amount)
        guard !overflow else { return call.reply.pointee.error(ErrorText.overflow) }
        call.keyspace.set(call.key, .integer(key: call.key.bytes, sum, expiry: entry.record.expiry))
        call.keyspace.notify(.string, "incrby", call.key)
        call.reply.pointee.integer(sum)
    }

    static func incrbyfloat(_ call: inout CommandContext) {
        var value: ExtendedDouble = 0
        var expiry: Int64?
        if let entry = call.keyspace.find(call.key) {
            guard call.isString(entry) else { return }
            guard let old = entry.record.withString({ Decimal.parseExtended($0) }) else {
                return call.reply.pointee.error(ErrorText.notFloat)
            }
            value = old
            expiry = entry.record.expiry
        }
        guard let amount = Decimal.parseExtended(call.arguments[2]) else {
            return call.reply.pointee.error(ErrorText.notFloat)
        }
        value += amount
        guard value.isFinite else { return call.reply.pointee.error(ErrorText.incrementNotFinite) }
        Decimal.formatExtended(value).withSlice { text in
            // Kept as text even where it spells an integer, as Redis' OBJECT ENCODING shows.
            let record = Record.string(key: call.key.bytes, value: text, expiry: expiry, allowInteger: false)
            call.keyspace.set(call.key, record)
            call.keyspace.notify(.string, "incrbyfloat", call.key)
            call.reply.pointee.bulk(text)
        }
    }
}
