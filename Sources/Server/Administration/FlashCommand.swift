import Commands
import RESP
import Tiering

/// FLASH: what an operator has done on the flash tier.
enum FlashCommand {
    static let row = CommandRow(
        "flash", arity: -2, [], [.slow], group: .server, since: "7.2.0",
        summary: "Has the flash tier compacted, or read and checked.", complexity: "See the subcommands.",
        subcommands: [
            sub(
                "compact", "Writes everything on flash anew, in the background, without what is dead.",
                "O(1), the work in the background is O(bytes on flash).", compact),
            sub(
                "scrub", "Reads everything on flash, in the background, and looks whether it is what was written.",
                "O(1), the work in the background is O(bytes on flash).", scrub),
            CommandRow(
                "help", arity: 2, [.loading, .stale], [.slow], group: .server, since: "7.2.0",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func sub(
        _ name: StaticString, _ summary: StaticString, _ complexity: StaticString,
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: -2, [.admin, .noScript], [.admin, .slow, .dangerous], group: .server, since: "7.2.0",
            summary: summary, complexity: complexity, documentation: ServerSyntax.flashJob, body)
    }

    private static func compact(_ context: inout CommandContext) {
        control(&context, start: { $0.startCompaction() }, stop: { $0.stopCompaction() })
    }

    private static func scrub(_ context: inout CommandContext) {
        control(&context, start: { $0.startScrub() }, stop: { $0.stopScrub() })
    }

    private static func control(
        _ context: inout CommandContext, start: (FlashUpkeep) -> Bool, stop: (FlashUpkeep) -> Bool
    ) {
        guard let tier = context.core.tier else { return context.reply.pointee.error(ErrorText.noFlashTier) }
        if context.arguments.count == 2 {
            guard start(tier.upkeep) else { return context.reply.pointee.error(ErrorText.flashJobUnderWay) }
        } else {
            guard context.arguments.count == 3, context.arguments[2].equalsIgnoringCase("stop") else {
                return context.reply.pointee.error(ErrorText.syntax)
            }
            guard stop(tier.upkeep) else { return context.reply.pointee.error(ErrorText.noFlashJob) }
        }
        context.reply.pointee.ok()
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "FLASH",
            [
                "COMPACT [STOP]",
                "    Begins to write everything on flash anew, without what is dead, or ends that.",
                "SCRUB [STOP]",
                "    Begins to read everything on flash and to check it, or ends that.",
            ])
    }
}
