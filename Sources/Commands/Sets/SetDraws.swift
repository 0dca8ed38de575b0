import Bytes
import Keyspace
import RESP
import Values

// Members at random.

extension SetCommands {
    static func spop(_ call: inout CommandContext) {
        guard call.arguments.count <= 3 else { return call.reply.pointee.error(ErrorText.syntax) }
        let hasCount = call.arguments.count == 3
        var wanted = 1
        if hasCount {
            guard let number = Decimal.parseInt64(call.arguments[2]), number >= 0 else {
                return call.reply.pointee.error(ErrorText.notPositive)
            }
            wanted = Int(number)
        }
        switch call.collection(call.key, SetValue.self, isRead: false) {
        case .refused: return
        case .missing: hasCount ? call.reply.pointee.set(0) : call.reply.pointee.null()
        case .found(let entry, let set):
            if hasCount { call.reply.pointee.set(min(wanted, set.count)) }
            if wanted >= set.count {
                call.reply.pointee.members(of: set)
                call.keyspace.delete(entry)
                call.keyspace.notify(.set, "spop", call.key)
                call.keyspace.notify(.generic, "del", call.key)
            } else if wanted > 0 {
                pop(wanted, entry, set, &call)
            }
        }
    }

    private static func pop(_ wanted: Int, _ entry: Entry, _ set: SetValue, _ call: inout CommandContext) {
        let reply = call.reply
        // The closure can't use the call, which is being changed.
        var random = call.random
        call.change(entry, set, call.key, .set, "spop") { set in
            for _ in 0..<wanted { set.pop({ random.index(below: $0) }, { reply.pointee.bulk($0) }) }
        }
        call.random = random
    }

    static func srandmember(_ call: inout CommandContext) {
        guard call.arguments.count <= 3 else { return call.reply.pointee.error(ErrorText.syntax) }
        let hasCount = call.arguments.count == 3
        var wanted = -1
        if hasCount {
            guard let number = call.integer(2) else { return }
            guard number > .min else {
                return call.reply.pointee.error(ErrorText.valueNotBetween(-Int.max, Int.max))
            }
            wanted = Int(number)
        }
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        case .missing: hasCount ? call.reply.pointee.array(0) : call.reply.pointee.null()
        case .found(_, let set):
            if call.refuses(draws: Int64(wanted)) { return }
            if hasCount { call.reply.pointee.array(wanted < 0 ? -wanted : min(wanted, set.count)) }
            draw(wanted, of: set, &call)
        }
    }

    /// Replies with members at random: different ones, or (`wanted` negative) each drawn from all.
    private static func draw(_ wanted: Int, of set: SetValue, _ call: inout CommandContext) {
        var random = call.random
        if wanted < 0 {
            for _ in 0..<(-wanted) {
                if let member = set.random({ random.index(below: $0) }) { call.reply.pointee.bulk(member) }
                if call.reply.pointee.isBeyondBound { break }
            }
        } else if wanted >= set.count {
            call.reply.pointee.members(of: set)
        } else {
            for member in set.sample(wanted, { random.index(below: $0) }) { call.reply.pointee.bulk(member) }
        }
        call.random = random
    }
}
