import Bytes
import Commands
import RESP

/// WAIT and WAITAOF.
///
/// There are no replicas and there is no append-only file: nobody acknowledges anything. Who asks for less than one
/// replica is answered at once; everybody else waits as long as he has said, as in Redis.
enum WaitCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            "wait", arity: 3, .noScript, [.slow, .connection], group: .generic, since: "3.0.0",
            summary: "Waits until the connection's writes have reached some replicas, or a time is up.",
            complexity: "O(1)", tips: ["request_policy:all_shards", "response_policy:agg_min"],
            documentation: ConnectionSyntax.wait, wait),
        CommandRow(
            "waitaof", arity: 4, [.noScript, .blocking], [.slow, .blocking, .connection], group: .generic,
            since: "7.2.0",
            summary: "Waits until the connection's writes are in append-only files, or a time is up.",
            complexity: "O(1)", tips: ["request_policy:all_shards", "response_policy:agg_min"],
            documentation: ConnectionSyntax.waitaof, waitAOF),
    ]

    private static func wait(_ context: inout CommandContext) {
        guard let replicas = number(context, 1), let timeout = context.timeout(milliseconds: 2) else { return }
        if replicas <= 0 { return context.reply.pointee.integer(0) }
        context.wait(
            BlockRequest(keys: 0..<0, timeoutMilliseconds: timeout, wants: { _ in false }, expired: zero))
    }

    private static func waitAOF(_ context: inout CommandContext) {
        guard let local = number(context, 1) else { return }
        guard (0...1).contains(local) else { return context.reply.pointee.error(ErrorText.valueNotBetween(0, 1)) }
        guard let replicas = number(context, 2) else { return }
        guard replicas >= 0 else { return context.reply.pointee.error(ErrorText.notPositive) }
        guard let timeout = context.timeout(milliseconds: 3) else { return }
        if local > 0 { return context.reply.pointee.error(ErrorText.waitWithoutAppendOnly) }
        if replicas == 0 { return none(context.reply) }
        context.wait(BlockRequest(keys: 0..<0, timeoutMilliseconds: timeout, wants: { _ in false }, expired: none))
    }

    private static func number(_ context: borrowing CommandContext, _ index: Int) -> Int64? {
        if let number = Decimal.parseInt64(context.arguments[index]) { return number }
        context.reply.pointee.error(ErrorText.notInteger)
        return nil
    }

    @Sendable private static func zero(_ reply: UnsafeMutablePointer<ReplyWriter>) { reply.pointee.integer(0) }

    /// Neither our own file nor any replica's has anything.
    @Sendable private static func none(_ reply: UnsafeMutablePointer<ReplyWriter>) {
        reply.pointee.array(2)
        reply.pointee.integer(0)
        reply.pointee.integer(0)
    }
}
