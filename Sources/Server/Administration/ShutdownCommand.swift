import Bytes
import Commands
import RESP

/// SHUTDOWN.
enum ShutdownCommand {
    static let rows: [CommandRow] = [
        CommandRow(
            "shutdown", arity: -1, [.admin, .noScript, .loading, .stale, .noMulti, .allowBusy],
            [.admin, .slow, .dangerous], group: .server, since: "1.0.0",
            summary: "Spills what is only in RAM, seals the flash directory and ends the server.",
            complexity: "O(dirty records)",
            documentation: ServerSyntax.shutdown, shutdown)
    ]

    private struct Options {
        var saves = true
        var insists = false
        var isSaveGiven = false
        var aborts = false
    }

    private static func parse(_ arguments: Arguments) -> Options? {
        var options = Options()
        var others = false
        for index in 1..<max(1, arguments.count) {
            let word = arguments[index]
            if word.equalsIgnoringCase("nosave"), !options.isSaveGiven {
                options.saves = false
                options.isSaveGiven = true
            } else if word.equalsIgnoringCase("save"), !options.isSaveGiven {
                options.isSaveGiven = true
            } else if word.equalsIgnoringCase("now") || word.equalsIgnoringCase("soft") {
                others = true
            } else if word.equalsIgnoringCase("force") {
                options.insists = true
            } else if word.equalsIgnoringCase("abort") {
                options.aborts = true
            } else {
                return nil
            }
        }
        if options.aborts, others || options.isSaveGiven || options.insists { return nil }
        return options
    }

    private static func shutdown(_ context: inout CommandContext) {
        if let answer = context.answer {
            // Success never comes back: the process has ended.
            if case .done = answer { return context.reply.pointee.ok() }
            return context.reply.pointee.error("ERR Errors trying to SHUTDOWN. Check logs.")
        }
        guard let options = parse(context.arguments) else { return context.reply.pointee.error(ErrorText.syntax) }
        if options.aborts { return context.reply.pointee.error("ERR No shutdown in progress.") }
        let core = context.core
        core.log.notice("User requested shutdown...")
        context.request = .job {
            if let reason = core.shutdown.run(saving: options.saves, insists: options.insists) {
                return .failed(reason)
            }
            // The process ends while this waits; the connection is closed without a reply, as Redis does.
            core.waitForStop()
            return .done(true)
        }
    }
}
