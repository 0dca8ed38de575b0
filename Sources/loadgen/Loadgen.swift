// loadgen: puts load on a server of the Redis protocol, checks every reply, and measures.
//
// - A phase is a sub-command: `load` writes every key of the range once, `verify` reads every key once, `run`
//   sends drawn
//   requests for a time or a count, `scan` walks the keyspace while writers run. Each is bounded and stops by itself.
// - A `Plan` says what connections in which `Group` send (`Mix` of `Operation`s over keys from a
//   `KeyChooser`); each of a few
//   `Worker`s is an epoll loop over its share of the connections.
// - Nothing is remembered per key: a value follows from its key and a version it carries (`ValuePattern`), so
//   every value read can
//   be told from any other. The key and the body are compared byte for byte.
// - Closed loop: a connection sends its next batch when the last is answered; latency is from sending to
//   reading. Open loop: requests are
//   due by a clock, and latency counts from when a request was due. A server that stalls so can't hide what it
//   kept waiting.
//
// Exit status: 0 when all replies were right, 1 when any was wrong or missing, 2 when the phase couldn't run.
import ArgumentParser
import Bytes
import Glibc

@main
struct Loadgen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loadgen", abstract: "A checking load generator for servers of the Redis protocol.",
        subcommands: [Load.self, Verify.self, Run.self, Scan.self])
}

/// Runs a phase and leaves with the status that the outcome asks for.
private func finish(_ name: String, _ common: CommonOptions, _ plan: Plan, _ outcome: Outcome, scan: FullScan? = nil)
    throws
{
    let report = Report(phase: name, plan: plan, outcome: outcome, scan: scan)
    if let file = common.json {
        try report.write(json: file)
        if file != "-" { print(report.table()) }
    } else {
        print(report.table())
    }
    if !outcome.tally.isClean || !(scan.map { $0.missing == 0 } ?? true) { throw ExitCode(1) }
}

private func attempt<T>(_ body: () throws -> T) throws -> T {
    do {
        return try body()
    } catch let error as LoadError {
        "loadgen: \(error)\n".withSlice { _ = write(STDERR_FILENO, $0.base, $0.count) }
        throw ExitCode(2)
    }
}

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Writes every key once, in order, with version 0.")
    @OptionGroup var common: CommonOptions

    func run() throws {
        var plan = common.plan(seconds: common.limit)
        plan.groups = [common.sequentialGroup(.set)]
        let outcome = try attempt { try LoadRun.run(plan) }
        try finish("load", common, plan, try complete(outcome, common))
    }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Reads every key once, in order, and checks its value.")
    @OptionGroup var common: CommonOptions
    @Option(help: "The version every value must have: 0 when nothing was written since `load`.") var version: UInt64?

    func run() throws {
        var plan = common.plan(seconds: common.limit)
        plan.groups = [common.sequentialGroup(.get)]
        plan.missesAreErrors = true
        plan.exactVersion = version
        let outcome = try attempt { try LoadRun.run(plan) }
        try finish("verify", common, plan, try complete(outcome, common))
    }
}

/// A pass that ended before its last key is a failure even if all replies so far were right.
private func complete(_ outcome: Outcome, _ common: CommonOptions) throws -> Outcome {
    var outcome = outcome
    let answered = outcome.tally.seconds.reduce(0) { $0 + $1.requests }
    let wanted = common.keys - common.first
    if answered < wanted {
        outcome.tally.error("only \(answered) of \(wanted) keys were reached within \(common.limit) s")
    }
    return outcome
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Sends drawn requests, closed or open loop.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var options: RunOptions

    func run() throws {
        var plan = common.plan(seconds: min(options.seconds, common.limit))
        plan.groups = try options.groups(common)
        plan.requests = options.requests ?? .max
        plan.missesAreErrors = options.missesAreErrors
        let outcome = try attempt { try LoadRun.run(plan) }
        try finish("run", common, plan, outcome)
    }
}

struct Scan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One full SCAN while the given mix runs; every key of the range must come at least once.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var options: RunOptions
    @Option(help: "COUNT of each SCAN.") var batch = 1000

    func run() throws {
        var plan = common.plan(seconds: common.limit)
        plan.groups = try options.groups(common)
        plan.missesAreErrors = options.missesAreErrors
        var scan = FullScan(keys: common.pattern, count: common.keys)
        let stop = plan.stop
        let outcome = try attempt {
            try LoadRun.run(plan) {
                defer { stop.set() }
                try scan.run(
                    common.target, password: common.password, batch: batch,
                    limitNanoseconds: Int64(common.limit * 1e9))
            }
        }
        try finish("scan", common, plan, outcome, scan: scan)
    }
}
