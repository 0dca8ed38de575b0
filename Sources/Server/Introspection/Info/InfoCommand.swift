import Bytes
import Commands
import Keyspace
import Platform
import RESP
import Storage

/// INFO.
enum InfoCommand {
    static let row = CommandRow(
        "info", arity: -1, [.loading, .stale], [.slow, .dangerous], group: .server, since: "1.0.0",
        summary: "Tells about the server and what it has done.", complexity: "O(1)",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        documentation: ServerSyntax.info, info)

    private static func info(_ context: inout CommandContext) {
        let core = context.core
        let names = (1..<max(1, context.arguments.count)).map { context.arguments[$0].string.lowercased() }
        let sections = InfoSection.chosen(names)
        switch context.takeAnswer() {
        case .done(let found)?:
            guard let facts = found as? InfoFacts else { preconditionFailure("INFO got \(found)") }
            reply(InfoReport(core: core, facts: facts, session: context.session).text(sections), context)
        case .failed(let text)?: context.reply.pointee.error("ERR \(text)")
        default:
            // With a flash tier counts may have to be settled, and the provider's readings take its locks: not on a
            // loop.
            if core.tier == nil || (!sections.contains(.keyspace) && !sections.contains(.flash)) {
                let facts = sections.contains(.keyspace) ? InfoFacts(resident: core) : InfoFacts()
                return reply(InfoReport(core: core, facts: facts, session: context.session).text(sections), context)
            }
            context.request = .job { .done(InfoFacts(settling: core)) }
        }
    }

    private static func reply(_ text: String, _ context: borrowing CommandContext) {
        text.withSlice { context.reply.pointee.verbatim("txt", $0) }
    }
}

/// INFO's sections, in the order in which they are shown.
enum InfoSection: String, CaseIterable {
    case server, clients, memory, persistence, stats, replication, cpu, modules, commandstats, errorstats, latencystats
    case cluster, keyspace, flash

    /// What INFO without arguments shows.
    static let standard: Set<InfoSection> = [
        .server, .clients, .memory, .persistence, .stats, .replication, .cpu, .modules, .errorstats, .cluster,
        .keyspace, .flash,
    ]

    /// The sections that lower-case names ask for; unknown ones ask for nothing.
    static func chosen(_ names: [String]) -> Set<InfoSection> {
        if names.isEmpty { return standard }
        var chosen: Set<InfoSection> = []
        for name in names {
            switch name {
            case "default": chosen.formUnion(standard)
            case "all", "everything": chosen.formUnion(allCases)
            case "module_list": chosen.insert(.modules)
            default: if let section = InfoSection(rawValue: name) { chosen.insert(section) }
            }
        }
        return chosen
    }
}

/// What INFO has to gather before it can write: counts of keys, and the provider's readings.
struct InfoFacts: Sendable {
    struct Database: Sendable {
        let number: Int
        let keys: Int
        let expiring: Int
        let memberExpiring: Int
        let resident: Int
        /// Keys of which it is not known whether they were there before they were written: `keys` is an estimate if
        /// these are many.
        let unresolved: Int
        /// Mean time to live of a sample of keys in RAM that have an expiry, in milliseconds; 0 without.
        let averageTTL: Int64
    }
    var databases: [Database] = []
    var provider: StorageStatistics?

    init() {}

    /// Without a flash tier all counts are exact.
    init(resident core: ServerCore) {
        databases = (0..<core.store.databases).map { Self.database($0, core, keys: nil) }
    }

    /// Settles what is open first, as far as that is done soon: who watches a server must not wait. Blocks. Where the
    /// provider can't be read a count may be too large: INFO tells what it can.
    init(settling core: ServerCore) {
        guard let tier = core.tier else { preconditionFailure("settling without a flash tier") }
        for (number, keys) in tier.promptCounts().enumerated() {
            databases.append(Self.database(number, core, keys: keys))
        }
        provider = tier.provider.statistics
    }

    private static func database(_ number: Int, _ core: ServerCore, keys: Int?) -> Database {
        let counts = core.store.counts(database: number)
        return Database(
            number: number, keys: keys ?? counts.keys, expiring: counts.expiring,
            memberExpiring: counts.memberExpiring, resident: counts.resident,
            unresolved: counts.unresolved,
            averageTTL: counts.expiring > 0 ? averageTimeToLive(number, core) : 0)
    }

    /// Keys sampled for the mean, and records looked at in search of them.
    private static let samples = 16
    private static let looks = 4_096

    private static func averageTimeToLive(_ database: Int, _ core: ServerCore) -> Int64 {
        var keyspace = LockedKeyspace(store: core.store, ledger: core.store.idleLedger)
        let now = Clock.unixMilliseconds()
        let space = core.store.identify(database: database).space
        var sum: Int64 = 0
        var found: Int64 = 0
        var looked = 0
        for shard in 0..<Position.shardCount where found < samples && looked < looks {
            _ = keyspace.walkResident(shard: shard, space: space, from: 0, limit: 32) { record, _ in
                looked += 1
                guard let expiry = record.expiry, expiry > now else { return }
                sum = sum.addingReportingOverflow(expiry - now).partialValue
                found += 1
            }
        }
        return found > 0 ? sum / found : 0
    }
}
