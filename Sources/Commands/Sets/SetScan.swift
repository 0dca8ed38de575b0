import RESP
import Values

extension SetCommands {
    static func sscan(_ call: inout CommandContext) {
        call.scan(SetValue.self) { set, cursor, options, reply in
            var found: [Listpack.Item] = []
            let next = set.scan(cursor, atLeast: options.count) { member in
                if member.withBytes({ options.matches($0) }) { found.append(member) }
            }
            reply.pointee.scanned(next: next, elements: found.count)
            for member in found { reply.pointee.bulk(member) }
        }
    }
}
