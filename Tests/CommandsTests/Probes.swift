import Bytes
import Commands
import Values

/// Commands by which a transcript shows the state of a key, for families that are tested without the one that has them.
enum Probes {
    static let rows: [CommandRow] = [
        row("del") { call in
            call.reply.pointee.integer(call.keyspace.delete(call.key) ? 1 : 0)
        },
        row("exists") { call in
            call.reply.pointee.integer(call.keyspace.read(call.key) == nil ? 0 : 1)
        },
        row("pexpiretime") { call in
            let entry = call.keyspace.peek(call.key)
            call.reply.pointee.integer(entry.map { $0.record.expiry ?? -1 } ?? -2)
        },
        row("pttl") { call in
            let entry = call.keyspace.peek(call.key)
            call.reply.pointee.integer(entry.map { $0.record.expiry.map { $0 - call.now } ?? -1 } ?? -2)
        },
        CommandRow(
            "object", arity: -2, .readOnly, [], group: .generic, since: "2.2.3", summary: "", complexity: "",
            subcommands: [
                CommandRow(
                    "encoding", arity: 3, .readOnly, [], group: .generic, keys: [.one(.readOnly, at: 2)],
                    since: "2.2.3", summary: "", complexity: ""
                ) { call in
                    guard let entry = call.keyspace.peek(call.key) else { return call.reply.pointee.null() }
                    call.reply.pointee.bulk("\(entry.record.encoding)")
                }
            ]),
    ]

    private static func row(
        _ name: StaticString, _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: 2, .readOnly, [], group: .generic, keys: [.one(.readOnly)], since: "1.0.0", summary: "",
            complexity: "", body)
    }
}
