import Bytes
import Commands
import Platform
import RESP
import Telemetry
import Tiering

/// LATENCY.
enum LatencyCommand {
    private static let everyNode: [StaticString] = [
        "nondeterministic_output", "request_policy:all_nodes", "response_policy:special",
    ]

    static let row = CommandRow(
        "latency", arity: -2, [], [.slow], group: .server, since: "2.8.13",
        summary: "Shows what took long, and how long commands take.", complexity: "See the subcommands.",
        subcommands: [
            sub(
                "doctor", arity: 2, since: "2.8.13", "Explains the spikes and says what to try.", tips: everyNode,
                doctor),
            sub(
                "graph", arity: 3, since: "2.8.13", "Draws the spikes of an event.", tips: everyNode,
                docs: ServerSyntax.latencyGraph, graph),
            sub(
                "histogram", arity: -2, since: "7.0.0", "Tells how long commands take, as cumulative histograms.",
                tips: everyNode, docs: ServerSyntax.latencyHistogram, histogram),
            sub(
                "history", arity: 3, since: "2.8.13", "Lists the spikes of an event.", tips: everyNode,
                docs: ServerSyntax.latencyHistory, history),
            sub("latest", arity: 2, since: "2.8.13", "Lists the latest spike of each event.", tips: everyNode, latest),
            sub(
                "reset", arity: -2, since: "2.8.13", "Forgets the spikes of some events, or of all.",
                tips: ["request_policy:all_nodes", "response_policy:all_succeeded"], docs: ServerSyntax.latencyReset,
                reset),
            CommandRow(
                "help", arity: 2, [.loading, .stale], [.slow], group: .server, since: "2.8.13",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func sub(
        _ name: StaticString, arity: Int, since: StaticString, _ summary: StaticString, tips: [StaticString],
        docs: CommandDocumentation = .none, _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: arity, [.admin, .noScript, .loading, .stale], [.admin, .slow, .dangerous], group: .server,
            since: since, summary: summary,
            complexity: name.description == "histogram" ? "O(N) for N commands." : "O(1)", tips: tips,
            documentation: docs, body)
    }

    private static func latest(_ context: inout CommandContext) {
        let events = context.core.latency.latest()
        context.reply.pointee.array(events.count)
        for event in events {
            context.reply.pointee.array(4)
            context.reply.pointee.bulk(event.event)
            context.reply.pointee.integer(event.sample.unixSeconds)
            context.reply.pointee.integer(event.sample.milliseconds)
            context.reply.pointee.integer(event.worstMilliseconds)
        }
    }

    private static func history(_ context: inout CommandContext) {
        let samples = context.core.latency.history(context.arguments[2].string)
        context.reply.pointee.array(samples.count)
        for sample in samples {
            context.reply.pointee.array(2)
            context.reply.pointee.integer(sample.unixSeconds)
            context.reply.pointee.integer(sample.milliseconds)
        }
    }

    private static func graph(_ context: inout CommandContext) {
        guard let graph = context.core.latency.graph(context.arguments[2].string) else {
            return context.reply.pointee.error(
                Array("ERR No samples available for event '".utf8) + context.arguments[2].array + Array("'".utf8))
        }
        graph.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func doctor(_ context: inout CommandContext) {
        let circumstances = LatencyMonitor.Circumstances(
            slowLogThresholdMicroseconds: context.core.slowLog.thresholdMicroseconds, syncsAlways: false,
            hugePageBytes: ProcessMemory.hugePageBytes())
        context.core.latency.doctor(circumstances).withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func reset(_ context: inout CommandContext) {
        let names = (2..<context.arguments.count).map { context.arguments[$0].string }
        context.reply.pointee.integer(context.core.latency.reset(names.isEmpty ? nil : names))
    }

    private static func histogram(_ context: inout CommandContext) {
        let index = context.core.index
        let table = CommandTableReply(index: index)
        let asked =
            context.arguments.count == 2
            ? index.topLevel : (2..<context.arguments.count).compactMap { table.find(context.arguments[$0]) }
        let map = context.reply.pointee.begin(.map)
        var count = 0
        for number in asked.flatMap({ [$0] + index[$0].pointee.subcommands }) {
            guard let distribution = context.core.commandStatistics.distribution(number) else { continue }
            count += 1
            context.reply.pointee.bulk(table.name(number))
            write(distribution, &context)
        }
        // Only where they are asked for: who asks for all takes each name for that of a command.
        for stage in FaultStage.allCases where names(stage.event, context.arguments) {
            guard let distribution = context.core.tier?.faultStages.distribution(stage.rawValue) else { continue }
            count += 1
            context.reply.pointee.bulk(stage.event)
            write(distribution, &context)
        }
        context.reply.pointee.end(map, count: count)
    }

    private static func names(_ event: StaticString, _ arguments: Arguments) -> Bool {
        (2..<arguments.count).contains { arguments[$0].equalsIgnoringCase(event) }
    }

    private static func write(_ distribution: LatencyDistribution, _ context: inout CommandContext) {
        let steps = distribution.cumulativeMicroseconds()
        context.reply.pointee.map(2)
        context.reply.pointee.bulk("calls")
        context.reply.pointee.integer(Int(distribution.total))
        context.reply.pointee.bulk("histogram_usec")
        context.reply.pointee.map(steps.count)
        for (microseconds, calls) in steps {
            context.reply.pointee.integer(Int(microseconds))
            context.reply.pointee.integer(Int(calls))
        }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "LATENCY",
            [
                "DOCTOR",
                "    Explains the spikes and says what to try.",
                "GRAPH <event>",
                "    Draws the spikes of <event>.",
                "HISTORY <event>",
                "    Lists the spikes of <event>: Unix time and milliseconds.",
                "LATEST",
                "    Lists the latest spike of each event.",
                "RESET [<event> ...]",
                "    Forgets the spikes of the events (default: of all).",
                "HISTOGRAM [<command> ...]",
                "    Tells how long the commands take (default: all that were called): how many calls",
                "    took at most so many microseconds. With a flash tier the stages of a miss can be named",
                "    too, as in the other subcommands: flash-queue (until a thread turns to the key; for",
                "    commands with many flash-queue-many, for keys read ahead flash-queue-ahead),",
                "    flash-read, flash-install and flash-resume (until the command has run).",
            ])
    }
}
