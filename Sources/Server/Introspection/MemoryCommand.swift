import Bytes
import CShims
import Commands
import Keyspace
import RESP

/// MEMORY.
enum MemoryCommand {
    private static let everyShard: [StaticString] = [
        "nondeterministic_output", "request_policy:all_shards", "response_policy:special",
    ]

    static let row = CommandRow(
        "memory", arity: -2, [], [.slow], group: .server, since: "4.0.0", summary: "Shows what memory is used for.",
        complexity: "See the subcommands.",
        subcommands: [
            sub("doctor", "Says what is unusual about the use of memory.", "O(1)", tips: everyShard, doctor),
            sub("malloc-stats", "Shows the allocator's own figures.", "O(1)", tips: everyShard, allocatorStatistics),
            sub(
                "purge", "Gives unused memory back to the system.", "O(1)",
                tips: ["request_policy:all_shards", "response_policy:all_succeeded"], purge),
            sub("stats", "Shows what memory is used for, in bytes.", "O(1)", tips: everyShard, statistics),
            CommandRow(
                "usage", arity: -3, .readOnly, [.read, .slow], group: .server, keys: [.one(.readOnly, at: 2)],
                plan: .specified(.presence), since: "4.0.0",
                summary: "Tells how many bytes of RAM a key and its value take.",
                complexity: "O(N) for N samples.", documentation: ServerSyntax.memoryUsage, usage),
            CommandRow(
                "help", arity: 2, [.loading, .stale], [.slow], group: .server, since: "4.0.0",
                summary: "Lists the subcommands.", complexity: "O(1)", help),
        ])

    private static func sub(
        _ name: StaticString, _ summary: StaticString, _ complexity: StaticString, tips: [StaticString],
        _ body: @escaping @Sendable (inout CommandContext) -> Void
    ) -> CommandRow {
        CommandRow(
            name, arity: 2, [], [.slow], group: .server, since: "4.0.0", summary: summary, complexity: complexity,
            tips: tips, body)
    }

    /// A key's share of its table: 8-byte slots, 77 % of them in use on average.
    private static let slotBytes = 10

    private static func usage(_ context: inout CommandContext) {
        var index = 3
        while index < context.arguments.count {
            guard context.arguments[index].equalsIgnoringCase("samples"), index + 1 < context.arguments.count else {
                return context.reply.pointee.error(ErrorText.syntax)
            }
            guard let samples = Decimal.parseInt64(context.arguments[index + 1]) else {
                return context.reply.pointee.error(ErrorText.notInteger)
            }
            guard samples >= 0 else { return context.reply.pointee.error(ErrorText.syntax) }
            index += 2
        }
        guard let entry = context.keyspace.peek(context.key) else { return context.reply.pointee.null() }
        context.reply.pointee.integer(entry.record.memoryBytes + slotBytes)
    }

    private static func purge(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case nil:
            // Visits every arena and calls the kernel: not on a loop.
            context.request = .job {
                firn_allocator_purge()
                return .done(true)
            }
        default: context.reply.pointee.ok()
        }
    }

    private static func statistics(_ context: inout CommandContext) {
        let core = context.core
        switch context.takeAnswer() {
        case nil:
            context.request = .job { .done((0..<core.store.databases).map { core.store.counts(database: $0) }) }
        case .done(let found)?:
            guard let counts = found as? [KeyspaceStore.Counts] else {
                preconditionFailure("MEMORY STATS got \(found)")
            }
            reply(MemoryAccount(core), counts, context)
        case let other?: context.refuse(other)
        }
    }

    private static func reply(
        _ account: MemoryAccount, _ counts: [KeyspaceStore.Counts], _ context: borrowing CommandContext
    ) {
        let reply = context.reply
        let reading = account.reading
        let keys = counts.reduce(0) { $0 + $1.keys }
        let databases = counts.enumerated().filter { $0.element.keys > 0 }
        func number(_ name: StaticString, _ value: Int) {
            reply.pointee.bulk(name)
            reply.pointee.integer(value)
        }
        func ratio(_ name: StaticString, _ value: Double) {
            reply.pointee.bulk(name)
            reply.pointee.double(value)
        }
        reply.pointee.map(27 + databases.count)
        number("peak.allocated", account.peak)
        number("total.allocated", reading.allocated)
        number("startup.allocated", account.startup)
        number("replication.backlog", 0)
        number("clients.slaves", 0)
        number("clients.normal", account.clients)
        number("cluster.links", 0)
        number("aof.buffer", 0)
        number("lua.caches", 0)
        number("functions.caches", 0)
        for (database, count) in databases {
            reply.pointee.bulk("db.\(database)")
            reply.pointee.map(3)
            number("overhead.hashtable.main", count.resident * slotBytes)
            number("overhead.hashtable.expires", 0)
            number("overhead.hashtable.slot-to-keys", 0)
        }
        number("overhead.total", account.overhead)
        number("keys.count", keys)
        number("keys.bytes-per-key", keys > 0 ? max(0, reading.allocated - account.startup) / keys : 0)
        number("dataset.bytes", account.dataset)
        ratio("dataset.percentage", account.datasetShare)
        ratio("peak.percentage", account.peakShare)
        number("allocator.allocated", reading.allocated)
        number("allocator.active", reading.active)
        number("allocator.resident", reading.resident)
        ratio("allocator-fragmentation.ratio", reading.fragmentation)
        number("allocator-fragmentation.bytes", reading.active - reading.allocated)
        ratio("allocator-rss.ratio", reading.residentRatio)
        number("allocator-rss.bytes", reading.resident - reading.active)
        ratio("rss-overhead.ratio", reading.processRatio)
        number("rss-overhead.bytes", reading.processResident - reading.resident)
        ratio("fragmentation", reading.totalRatio)
        number("fragmentation.bytes", reading.processResident - reading.allocated)
    }

    private static func doctor(_ context: inout CommandContext) {
        MemoryDoctor.report(MemoryAccount(context.core), clients: context.core.loops.clientCount)
            .withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func allocatorStatistics(_ context: inout CommandContext) {
        let names = [
            "stats.allocated", "stats.active", "stats.metadata", "stats.resident", "stats.mapped", "stats.retained",
            "stats.background_thread.num_threads",
        ]
        firn_allocator_refresh()
        var text = "\(ServerVersion.allocator)\n"
        for name in names { text += "\(name): \(firn_allocator_statistic(name))\n" }
        text.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }

    private static func help(_ context: inout CommandContext) {
        context.help(
            "MEMORY",
            [
                "DOCTOR",
                "    Says what is unusual about the use of memory.",
                "MALLOC-STATS",
                "    Shows the allocator's own figures.",
                "PURGE",
                "    Gives unused memory back to the system.",
                "STATS",
                "    Shows what memory is used for.",
                "USAGE <key> [SAMPLES <count>]",
                "    Tells how many bytes of RAM <key> and its value take. Of a collection <count>",
                "    elements are looked at (default: 5, 0: all).",
            ])
    }
}

/// MEMORY DOCTOR: what is unusual, and what it means.
enum MemoryDoctor {
    /// Below this there is nothing to judge.
    private static let least = 5 << 20
    private static let noteworthy = 10 << 20

    static func report(_ account: MemoryAccount, clients: Int) -> String {
        let reading = account.reading
        guard reading.allocated >= least else {
            return "This instance uses less than 5 MiB: too little to judge. Ask again when there is data in it.\n"
        }
        var findings: [String] = []
        if Double(account.peak) > 1.5 * Double(reading.allocated) {
            findings.append(
                "The peak was more than 150 % of what is in use now. Pages freed since may still be held; MEMORY PURGE "
                    + "gives them back.")
        }
        if reading.totalRatio > 1.4, reading.processResident - reading.allocated > noteworthy {
            findings.append(
                "The resident set is more than 1.4 times what is allocated: after a peak that is harmless, else look "
                    + "at what follows.")
        }
        if reading.fragmentation > 1.1, reading.active - reading.allocated > noteworthy {
            findings.append(
                "The allocator's pages are more than 10 % empty: values of many sizes were freed here and there.")
        }
        if reading.residentRatio > 1.1, reading.resident - reading.active > noteworthy {
            findings.append("The allocator holds more than 10 % of free pages; MEMORY PURGE gives them back.")
        }
        if reading.processRatio > 1.1, reading.processResident - reading.resident > noteworthy {
            findings.append("More than 10 % of the resident set is not the allocator's: program, stacks, mapped files.")
        }
        if clients > 0, account.clients / clients > 200 << 10 {
            findings.append("Clients hold more than 200 KiB each in their buffers; CLIENT LIST shows which.")
        }
        if findings.isEmpty { return "Nothing unusual about the use of memory was found.\n" }
        return "Findings about the use of memory:\n\n" + findings.map { " * \($0)\n" }.joined()
    }
}
