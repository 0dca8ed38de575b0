import Bytes
import Keyspace
import RESP
import Values

extension SetCommands {
    static func sscan(_ call: inout CommandContext) {
        guard let cursor = KeyCommands.cursor(call.arguments[2]) else {
            return call.reply.pointee.error(ErrorText.invalidCursor)
        }
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        // As in Redis, of a missing key the options aren't looked at.
        case .missing: replyScan(0, [], call)
        case .found(_, let set):
            guard let options = scanOptions(call) else { return }
            var found: [Listpack.Item] = []
            let next = set.scan(cursor, atLeast: options.count) { member in
                if let pattern = options.pattern {
                    guard member.withText({ pattern.matches($0) }) else { return }
                }
                found.append(member)
            }
            replyScan(next, found, call)
        }
    }

    private static func replyScan(_ cursor: UInt64, _ members: [Listpack.Item], _ call: borrowing CommandContext) {
        call.reply.pointee.array(2)
        // A hash of 32 bits.
        call.reply.pointee.bulk(number: Int(cursor))
        call.reply.pointee.array(members.count)
        for member in members { call.reply.pointee.bulk(member) }
    }

    /// COUNT and MATCH; nil if they are wrong, which has been replied then.
    private static func scanOptions(_ call: borrowing CommandContext) -> (count: Int, pattern: GlobPattern?)? {
        var count = 10
        var pattern: GlobPattern?
        var index = 3
        while index < call.arguments.count {
            let word = call.arguments[index]
            let hasMore = index + 1 < call.arguments.count
            if hasMore, word.equalsIgnoringCase("count") {
                guard let number = call.integer(index + 1) else { return nil }
                guard number > 0 else {
                    call.reply.pointee.error(ErrorText.syntax)
                    return nil
                }
                count = Int(number)
            } else if hasMore, word.equalsIgnoringCase("match") {
                let glob = GlobPattern(call.arguments[index + 1])
                pattern = glob.isMatchAll ? nil : glob
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 2
        }
        return (count, pattern)
    }
}
