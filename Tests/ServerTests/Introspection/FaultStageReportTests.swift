import Platform
import StorageFaulty
import Testing
import Tiering

/// What INFO and LATENCY say of the stages of misses.
@Suite(.serialized) struct FaultStageReportTests {
    private let server: TestServer
    private let provider: FaultyProvider
    private let tier: Tier
    private let client: TestClient

    /// One loop, four cold keys, a provider that takes 50 ms for a read.
    init() throws {
        server = try TestServer(threads: 1, isTiered: true)
        provider = try #require(server.provider)
        tier = try #require(server.core.tier)
        client = try server.connect()
        for number in 0..<4 { try client.call("set", "cold:\(number)", "\(number)") }
        try server.makeCold()
        var plan = FaultPlan()
        plan.read.delay = .fixed(nanoseconds: 50_000_000)
        provider.plan = plan
    }

    private func calls(_ stage: FaultStage) -> UInt64 { tier.faultStages.statistics(stage.rawValue).calls }

    /// A read's thread records it after its call has been told.
    private func waitForFaults(_ count: UInt64) -> Bool { eventually { calls(.install) == count } }

    private func field(_ name: String) throws -> String? {
        try client.call("info", "flash").text?.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    /// By their names: "p50", "p99", "p99.9".
    private func percentiles(_ stage: String) throws -> [(name: String, microseconds: Double)] {
        try #require(try field("flash_fault_\(stage)_percentiles_usec")).split(separator: ",").map { pair in
            let parts = pair.split(separator: "=").map(String.init)
            let microseconds = parts.count == 2 ? Double(parts[1]) : nil
            return (parts[0], try #require(microseconds, "\(pair)"))
        }
    }

    @Test func infoTellsEachStage() throws {
        for number in 0..<3 { #expect(try client.call("get", "cold:\(number)") == .bulk("\(number)")) }
        #expect(waitForFaults(3))
        for stage in ["queue", "read", "install", "resume"] {
            let shares = try percentiles(stage)
            #expect(shares.map(\.name) == ["p50", "p99", "p99.9"])
            let values = shares.map(\.microseconds)
            #expect(values[0] > 0 && values == values.sorted(), "\(stage): \(values)")
            // The mean is rounded to two digits.
            let mean = try #require(Double(try field("flash_fault_\(stage)_usec") ?? ""))
            #expect(mean > 0 && mean <= values[2] + 0.01, "\(stage): \(mean) in \(values)")
        }
        #expect(try percentiles("read")[0].microseconds >= 50_000)
        #expect(try #require(Double(try field("flash_fault_read_usec") ?? "")) >= 50_000)
        #expect(calls(.resume) == 3)
    }

    @Test func percentilesAreThoseOfTheConfiguration() throws {
        #expect(try client.call("get", "cold:0") == "0")
        #expect(waitForFaults(1))
        try client.call("config", "set", "latency-tracking-info-percentiles", "75 99.99")
        #expect(try percentiles("read").map(\.name) == ["p75", "p99.99"])
        try client.call("config", "set", "latency-tracking", "no")
        #expect(try field("flash_fault_read_percentiles_usec") == nil)
        // Means are kept, nothing more is put into the histograms.
        #expect(try client.call("get", "cold:1") == "1")
        #expect(waitForFaults(2))
        #expect(try #require(Double(try field("flash_fault_read_usec") ?? "")) >= 50_000)
        #expect(tier.faultStages.distribution(FaultStage.read.rawValue)?.total == 1)
    }

    @Test func resetStatForgetsThem() throws {
        #expect(try client.call("get", "cold:0") == "0")
        #expect(waitForFaults(1))
        #expect(try client.call("config", "resetstat") == .ok)
        for stage in ["queue", "read", "install", "resume"] {
            #expect(try field("flash_fault_\(stage)_usec") == "0.00")
            #expect(try field("flash_fault_\(stage)_percentiles_usec") == "p50=0.000,p99=0.000,p99.9=0.000")
        }
        #expect(try client.call("latency", "histogram", "flash-read") == [])
        #expect(try client.call("get", "cold:1") == "1")
        #expect(waitForFaults(1))
        #expect(try percentiles("read")[0].microseconds >= 50_000)
    }

    /// The key is there, but its client's loop is busy for 30 ms.
    @Test func aBusyLoopShowsInResume() throws {
        provider.plan = FaultPlan()
        provider.holdReads()
        try client.send("get", "cold:0")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        server.core.loops.loops[0].post { [provider, tier] in
            provider.releaseReads()
            _ = eventually { tier.faultStages.statistics(FaultStage.install.rawValue).calls == 1 }
            Clock.sleep(nanoseconds: 30_000_000)
        }
        #expect(try client.read() == "0")
        #expect(try percentiles("resume")[0].microseconds >= 30_000)
    }

    /// Each time that a call was parked for keys counts once, whoever runs it: the loop, EXEC, or EXEC behind the gate.
    @Test func everyKindOfCallResumes() throws {
        #expect(try client.call("mget", "cold:0", "cold:1") == ["0", "1"])
        #expect(calls(.resume) == 1)
        #expect(try client.pipeline(["multi", "get cold:2", "exec"]).last == ["2"])
        #expect(calls(.resume) == 2)
        #expect(try client.pipeline(["multi", "dbsize", "get cold:3", "exec"]).last == [4, "3"])
        #expect(calls(.resume) == 3)
        // From RAM, and one that waits for something else.
        #expect(try client.call("get", "cold:0") == "0")
        #expect(try client.call("info").text?.isEmpty == false)
        #expect(calls(.resume) == 3)
    }

    /// SORT is parked for the list, and again for what it is sorted by.
    @Test func aCallThatIsParkedTwiceResumesTwice() throws {
        try client.call("rpush", "list", "1", "0")
        try server.makeCold()
        #expect(try client.call("sort", "list", "by", "cold:*") == ["0", "1"])
        #expect(waitForFaults(3))
        #expect(calls(.resume) == 2)
    }

    @Test func slowStagesAreEventsOfLatency() throws {
        #expect(try client.call("get", "cold:0") == "0")
        #expect(waitForFaults(1))
        #expect(try client.call("latency", "latest") == [])
        try client.call("config", "set", "latency-monitor-threshold", "50")
        #expect(try client.call("get", "cold:1") == "1")
        #expect(waitForFaults(2))
        let latest = try client.call("latency", "latest").elements.map(\.elements)
        let read = try #require(latest.first { $0.first == "flash-read" })
        #expect(try #require(read[3].number) >= 50)
        let history = try client.call("latency", "history", "flash-read").elements
        #expect(history.count == 1 && history[0].elements.count == 2)
        #expect(try client.call("latency", "doctor").text?.contains("flash-read: 1 latency spikes") == true)
        #expect(try client.call("latency", "reset", "flash-read") == 1)
        #expect(try client.call("latency", "history", "flash-read") == [])
    }

    @Test func histogramsAreToldByName() throws {
        #expect(try client.call("latency", "histogram", "flash-read") == [])
        for number in 0..<2 { #expect(try client.call("get", "cold:\(number)") == .bulk("\(number)")) }
        #expect(waitForFaults(2))
        let names = ["FLASH-READ", "get", "flash-nothing", "flash-resume"]
        let named = try client.call(["latency", "histogram"] + names).elements
        #expect(stride(from: 0, to: named.count, by: 2).map { named[$0] } == ["get", "flash-read", "flash-resume"])
        let read = named[3].elements
        #expect(read.prefix(3) == ["calls", 2, "histogram_usec"])
        let steps = read[3].elements.compactMap(\.number)
        // Nothing up to 33 ms: the first pair is a step of at least 67 ms; the last has all calls.
        #expect(try #require(steps.first) > 50_000 && steps.last == 2)
        let all = try client.call("latency", "histogram").elements
        #expect(!all.isEmpty && !all.contains("flash-read"))
    }
}
