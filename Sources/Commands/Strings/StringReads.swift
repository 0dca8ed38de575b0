import Bytes
import Keyspace
import RESP
import Values

extension StringCommands {
    static func get(_ call: inout CommandContext) {
        _ = call.replyValue()
    }

    static func mget(_ call: inout CommandContext) {
        let count = call.keys.count
        call.reply.pointee.array(count)
        for index in 0..<count {
            guard let entry = call.keyspace.read(call.keys[index]), entry.record.type == .string else {
                call.reply.pointee.null()
                continue
            }
            call.reply.pointee.string(entry.record)
        }
    }

    static func strlen(_ call: inout CommandContext) {
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.integer(0) }
        guard call.isString(entry) else { return }
        call.reply.pointee.integer(entry.record.stringLength)
    }

    /// GETRANGE and SUBSTR.
    static func getrange(_ call: inout CommandContext) {
        guard let first = call.integer(2), let last = call.integer(3) else { return }
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.bulk(.empty) }
        guard call.isString(entry) else { return }
        let range = resolve(first, last, length: entry.record.stringLength)
        if let block = entry.record.sharedValue {
            call.reply.pointee.bulk(shared: block, range: range)
        } else {
            let reply = call.reply
            entry.record.withString { reply.pointee.bulk($0[range]) }
        }
    }

    /// The bytes that two inclusive indices name, negative ones counted from the end.
    private static func resolve(_ first: Int64, _ last: Int64, length: Int) -> Range<Int> {
        if first < 0, last < 0, first > last { return 0..<0 }
        // The sum of a negative and a length can't overflow.
        let start = max(0, first < 0 ? length + Int(first) : Int(first))
        let end = min(length - 1, max(0, last < 0 ? length + Int(last) : Int(last)))
        return start > end ? 0..<0 : start..<end + 1
    }

    static func getdel(_ call: inout CommandContext) {
        guard case .found(let entry) = call.replyValue() else { return }
        call.keyspace.delete(entry)
        call.keyspace.notify(.generic, "del", call.key)
    }

    static func getex(_ call: inout CommandContext) {
        guard let options = SetOptions(call.arguments, from: 2, accepting: .getex) else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        // A missing key and a wrong type are told before a bad expiry is.
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.null() }
        guard call.isString(entry) else { return }
        guard options.expiryArgument > 0 else {
            call.reply.pointee.string(entry.record)
            if options.flags.contains(.persist), entry.record.hasExpiry {
                call.keyspace.setExpiry(entry, nil)
                call.keyspace.notify(.generic, "persist", call.key)
            }
            return
        }
        guard let expiry = options.expiry(call, command: "getex") else { return }
        call.reply.pointee.string(entry.record)
        if expiry <= call.now, !call.keyspace.accessClock.suspendsExpiry {
            call.keyspace.delete(entry)
            call.keyspace.notify(.generic, "del", call.key)
        } else {
            call.keyspace.setExpiry(entry, expiry)
            call.keyspace.notify(.generic, "expire", call.key)
        }
    }
}
