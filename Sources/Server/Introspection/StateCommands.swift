import Bytes
import Commands
import Platform
import RESP

/// Commands that answer in a line: TIME, LASTSAVE, ROLE.
enum StateCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            "time", arity: 1, [.loading, .stale, .fast], .fast, group: .server, since: "2.6.0",
            summary: "Tells the server's time: Unix seconds and microseconds.", complexity: "O(1)",
            tips: ["nondeterministic_output"]
        ) { context in
            let now = Clock.unixMicroseconds()
            context.reply.pointee.array(2)
            context.reply.pointee.bulk(number: Int(now / 1_000_000))
            context.reply.pointee.bulk(number: Int(now % 1_000_000))
        },
        CommandRow(
            "lastsave", arity: 1, [.loading, .stale, .fast], [.admin, .fast, .dangerous], group: .server,
            since: "1.0.0", summary: "Tells the Unix time of the last save; as long as there was none, of the start.",
            complexity: "O(1)", tips: ["nondeterministic_output"]
        ) { $0.reply.pointee.integer($0.core.startedAt / 1000) },
        CommandRow(
            "role", arity: 1, [.noScript, .loading, .stale, .fast], [.admin, .fast, .dangerous], group: .server,
            since: "2.8.12", summary: "Tells the server's part in replication.", complexity: "O(1)"
        ) { context in
            context.reply.pointee.array(3)
            context.reply.pointee.bulk("master")
            context.reply.pointee.integer(0)
            context.reply.pointee.array(0)
        },
    ]
}
