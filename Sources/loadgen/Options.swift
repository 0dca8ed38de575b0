import ArgumentParser
import Bytes
import Platform

/// What every phase needs: where the server is, what the keys and values look like.
struct CommonOptions: ParsableArguments {
    @Option(help: "Host; only loopback unless --allow-remote.") var host = "127.0.0.1"
    @Option(help: "TCP port.") var port: UInt16 = 6379
    @Option(help: "Unix socket, instead of host and port.") var socket: String?
    @Flag(help: "Let --host be another machine.") var allowRemote = false
    @Option(help: "Password for AUTH.") var password: String?
    @Option(help: "Connections, over all threads.") var connections = 50
    @Option(help: "Threads.") var threads = 1
    @Option(help: "Keys: indices 0..<N.") var keys: UInt64 = 100_000
    @Option(help: "Load and verify: begin at this index instead of 0.") var first: UInt64 = 0
    @Option(help: "What keys begin with.") var prefix = "key:"
    @Option(help: "Digits of the key's index, padded with zeros.") var width = 12
    @Option(help: "Bytes of a value, 16 or more.") var size = 32
    @Flag(help: "Values that compress to about a third; else random bytes.") var compressible = false
    @Option(help: "Requests in flight per connection.") var pipeline = 1
    @Option(help: "Seed of all random sequences; 0 takes one from the clock.") var seed: UInt64 = 0
    @Option(help: "Hard limit of the phase in seconds.") var limit = 3600.0
    @Option(help: "Seconds to wait for the last replies.") var drain = 30.0
    @Option(help: "Give up when no request at all was answered for so many seconds.") var stall = 60.0
    @Flag(help: "Percentiles of each second in the JSON's timeline.") var secondPercentiles = false
    @Option(help: "Write the result as JSON to this file ('-': standard output, without the table).") var json: String?

    var target: Target { socket.map { .unix(path: $0) } ?? .tcp(host: host, port: port) }

    mutating func validate() throws {
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        guard socket != nil || isLoopback || allowRemote else {
            throw ValidationError("\(host) is another machine; say --allow-remote if that is meant")
        }
        guard connections > 0, threads > 0, pipeline > 0 else {
            throw ValidationError("connections, threads and pipeline must be at least 1")
        }
        guard size >= ValuePattern.headerSize else {
            throw ValidationError("--size must be at least \(ValuePattern.headerSize)")
        }
        guard (1...19).contains(width), keys > 0, keys <= pattern.capacity else {
            throw ValidationError("\(keys) keys don't fit into \(width) digits")
        }
        guard first < keys else { throw ValidationError("--first \(first) is not below --keys \(keys)") }
        guard limit > 0, limit <= 86_400 else { throw ValidationError("--limit is between 0 and 86400 seconds") }
        if seed == 0 { seed = UInt64(bitPattern: Int64(Clock.unixMicroseconds())) }
    }

    var pattern: KeyPattern { KeyPattern(prefix: Array(prefix.utf8), width: width) }

    /// A plan without groups, limited in time by `seconds`.
    func plan(seconds: Double) -> Plan {
        Plan(
            target: target, password: password, threads: threads, groups: [], keys: pattern,
            values: ValuePattern(size: size, compressible: compressible), seed: seed,
            durationNanoseconds: Int64(seconds * 1e9), requests: .max, missesAreErrors: false, exactVersion: nil,
            timesSeconds: secondPercentiles,
            drainNanoseconds: Int64(drain * 1e9), stallNanoseconds: Int64(stall * 1e9))
    }

    /// The group that passes once over all keys with one operation.
    func sequentialGroup(_ operation: Operation) -> Group {
        Group(
            name: "all", connections: connections, pace: .closed, pipeline: pipeline, mix: Mix([(operation, 1)]),
            chooser: KeyChooser(range: first..<keys, shape: .uniform), keysPerMget: 1, sequential: true)
    }
}

/// What a run of drawn keys needs beyond that.
struct RunOptions: ParsableArguments {
    @Option(
        help: """
            Operations by weight, of get, set, mget, incr, setnx, getset, absent, del, modify (a get, then a set of \
            the same key; closed loop, pipeline 1): "get:95,set:5".
            """)
    var mix = "get:100"
    @Option(help: "uniform, zipf, or zipf:THETA (0.99).") var distribution = "uniform"
    @Option(help: "Open loop: requests a second over all connections. Without: closed loop.") var rate: Double?
    @Flag(help: "Open loop: exponential gaps instead of even ones.") var poisson = false
    @Option(help: "Open loop: requests in flight per connection at most.") var maxInFlight = 256
    @Option(help: "Keys of one MGET.") var mgetKeys = 10
    @Option(help: "Stop after this many seconds.") var seconds = 10.0
    @Option(help: "Stop after this many requests.") var requests: UInt64?
    @Flag(help: "A GET that finds nothing is an error.") var missesAreErrors = false
    @Option(
        help: """
            Connections of their own with settings of their own, repeatable: name=hot,connections=32,keys=0-1000,\
            rate=2000,mix=get:1,distribution=uniform,pipeline=1. What isn't named is as for the run. In it, the \
            mix's comma is written '+'.
            """)
    var group: [String] = []

    func groups(_ common: CommonOptions) throws -> [Group] {
        let base = try makeGroup(
            name: "all", connections: common.connections, keys: 0..<common.keys, rate: rate, mix: mix,
            distribution: distribution, pipeline: common.pipeline)
        if group.isEmpty { return [base] }
        return try group.map { try parseGroup($0, common) }
    }

    private func parseGroup(_ text: String, _ common: CommonOptions) throws -> Group {
        var name = "group", connections = common.connections, keys = 0..<common.keys, rate = self.rate
        var mix = self.mix, distribution = self.distribution, pipeline = common.pipeline
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw ValidationError("--group: '\(part)' is no name=value") }
            let value = pair[1]
            func number<T: LosslessStringConvertible>(_ type: T.Type) throws -> T {
                guard let number = T(value) else { throw ValidationError("--group: '\(part)': no number") }
                return number
            }
            switch pair[0] {
            case "name": name = value
            case "connections": connections = try number(Int.self)
            case "rate": rate = try number(Double.self)
            case "pipeline": pipeline = try number(Int.self)
            case "mix": mix = String(value.map { $0 == "+" ? "," : $0 })
            case "distribution": distribution = value
            case "keys":
                let ends = value.split(separator: "-").compactMap { UInt64($0) }
                guard ends.count == 2, ends[0] < ends[1] else {
                    throw ValidationError("--group: keys are FIRST-END with END beyond the last, not '\(value)'")
                }
                keys = ends[0]..<ends[1]
            default: throw ValidationError("--group: unknown setting '\(pair[0])'")
            }
        }
        return try makeGroup(
            name: name, connections: connections, keys: keys, rate: rate, mix: mix, distribution: distribution,
            pipeline: pipeline)
    }

    private func makeGroup(
        name: String, connections: Int, keys: Range<UInt64>, rate: Double?, mix: String, distribution: String,
        pipeline: Int
    ) throws -> Group {
        guard connections > 0, pipeline > 0, (rate ?? 1) > 0 else {
            throw ValidationError("connections, pipeline and rate must be above 0")
        }
        guard let mix = Mix(parsing: mix) else { throw ValidationError("no such mix: '\(mix)'") }
        guard !mix.contains(.modify) || (rate == nil && pipeline == 1) else {
            throw ValidationError("modify waits for its get: it needs a closed loop and pipeline 1")
        }
        return Group(
            name: name, connections: connections, pace: rate.map { .open(rate: $0, poisson: poisson) } ?? .closed,
            pipeline: rate == nil ? pipeline : max(pipeline, maxInFlight), mix: mix,
            chooser: KeyChooser(range: keys, shape: try Self.shape(distribution)), keysPerMget: mgetKeys,
            sequential: false)
    }

    static func shape(_ text: String) throws -> KeyChooser.Shape {
        if text == "uniform" { return .uniform }
        let parts = text.split(separator: ":")
        let theta = parts.count == 1 ? 0.99 : Double(parts[1])
        guard parts.first == "zipf", parts.count <= 2, let theta, theta > 0, theta < 1 else {
            throw ValidationError("distribution '\(text)' is none of uniform, zipf, zipf:THETA with 0 < THETA < 1")
        }
        return .zipf(theta: theta)
    }
}
