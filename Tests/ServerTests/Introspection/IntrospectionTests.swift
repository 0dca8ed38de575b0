import Server
import Testing

@Suite struct IntrospectionTests {
    /// INFO's fields.
    private func info(_ client: TestClient, _ sections: String...) throws -> [String: String] {
        var fields: [String: String] = [:]
        let text = try client.call(["info"] + sections).text ?? ""
        for line in text.split(separator: "\r\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return fields
    }

    @Test func configIsReadAndChanged() throws {
        let clientServer = try TestServer()
        let client = try clientServer.connect()
        let found = try client.call("config", "get", "maxmemory-p*", "hz")
        #expect(found == ["maxmemory-policy", "noeviction", "hz", "10"])
        #expect(try client.call("config", "set", "hz", "20", "timeout", "7") == .ok)
        #expect(try client.call("config", "set", "hz", "30", "nonsense", "1").isError)
        #expect(try client.call("config", "get", "hz") == ["hz", "20"])
        #expect(try client.call("config", "set", "hz", "30", "timeout") == .error("ERR syntax error"))
        #expect(try client.call("config", "rewrite") == .error("ERR The server is running without a config file"))
        try client.call("hello", "3")
        #expect(try client.call("config", "get", "timeout") == .map(["timeout", "7"]))
    }

    @Test(arguments: [false, true])
    func infoCounts(isTiered: Bool) throws {
        let server = try TestServer(isTiered: isTiered)
        let client = try server.connect()
        for number in 0..<50 { try client.call("set", "k\(number)", "v", "ex", "1000") }
        try client.call("flushall", "cache")
        // Overwrites of cold keys: until they are settled the count is open.
        for number in 0..<25 { try client.call("set", "k\(number)", "w") }
        try client.call("get", "nothing")
        try client.call("nonsense")
        let keyspace = try #require(try info(client, "keyspace")["db0"])
        #expect(keyspace.hasPrefix("keys=50,expires=25,avg_ttl="))
        var fields = try info(client)
        #expect(fields["errorstat_ERR"] == "count=1")
        #expect(fields["keyspace_misses"] == "1")
        #expect(fields["redis_version"] == ServerVersion.redis)
        #expect((fields["flash_hot_keys"] != nil) == isTiered)
        #expect(fields["cmdstat_set"] == nil)
        #expect(try info(client, "commandstats")["cmdstat_set"]?.hasPrefix("calls=75,") == true)
        #expect(try client.call("config", "resetstat") == .ok)
        fields = try info(client, "everything")
        #expect(fields["keyspace_misses"] == "0")
        #expect(fields["cmdstat_set"] == nil)
        #expect(fields["errorstat_ERR"] == nil)
        #expect(try client.call("info", "nonsense").text == "")
    }

    @Test func thereAreNoModules() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.call("module", "list") == [])
        #expect(try client.call("module", "help").elements.first?.text?.hasPrefix("MODULE <subcommand>") == true)
        #expect(try client.call("module", "load", "/m.so").text == "ERR unknown subcommand 'load'. Try MODULE HELP.")
    }

    @Test func commandsForServersAreMarked() throws {
        let server = try TestServer()
        let client = try server.connect()
        for (name, isMarked) in [("restore-asking", true), ("pfdebug", true), ("debug", true), ("restore", false)] {
            let documentation = try client.call("command", "docs", name).elements[1].elements
            let place = documentation.firstIndex(of: "doc_flags")
            #expect(place.map { documentation[$0 + 1] == [.simple("syscmd")] } == (isMarked ? true : nil), "\(name)")
        }
    }

    @Test func commandsAreToldFromTheirRows() throws {
        let clientServer = try TestServer()
        let client = try clientServer.connect()
        let count = try #require(try client.call("command", "count").number)
        #expect(try client.call("command").elements.count == count)
        let names = try client.call("command", "list").elements.compactMap(\.text)
        #expect(names.filter { !$0.contains("|") }.count == count)
        for name in names {
            let told = try client.call("command", "info", name).elements
            #expect(told.first?.elements.first == .bulk(name))
            #expect(told.first?.elements.count == 10)
        }
        #expect(try client.call("command", "docs").elements.count == count * 2)
        #expect(try client.call("command", "info", "nonsense") == [.null])
        #expect(try client.call("command", "getkeys", "mset", "a", "1", "b", "2") == ["a", "b"])
        #expect(
            try client.call("command", "getkeysandflags", "set", "a", "1", "GET")
                == [["a", [.simple("RW"), .simple("access"), .simple("update")]]])
        #expect(try client.call("command", "getkeys", "ping", "a").isError)
        #expect(try client.call("command", "list", "filterby", "pattern", "CONFIG|g*") == ["config|get"])
    }

    @Test func slowLogHidesSecrets() throws {
        let clientServer = try TestServer(["--slowlog-log-slower-than", "0"])
        let client = try clientServer.connect()
        try client.call("config", "set", "masterauth", "secret", "hz", "11")
        let entry = try #require(try client.call("slowlog", "get", "1").elements.first)
        #expect(entry.elements[3] == ["config", "set", "masterauth", "(redacted)", "hz", "11"])
        #expect(entry.elements[4] == .bulk(client.address))
        #expect(try client.call("slowlog", "get", "-2").isError)
        #expect(try client.call("slowlog", "reset") == .ok)
        #expect(try client.call("slowlog", "len").number == 1)
    }

    @Test func debugIsRefusedUnlessAllowed() throws {
        let clientServer = try TestServer()
        let client = try clientServer.connect()
        #expect(try client.call("debug", "sleep", "0").text?.hasPrefix("ERR DEBUG command not allowed.") == true)
        let localServer = try TestServer(["--enable-debug-command", "local"])
        let local = try localServer.connect()
        #expect(try local.call("debug", "sleep", "0") == .ok)
        #expect(try local.call("debug", "nonsense").isError)
    }

    @Test(arguments: [false, true])
    func reloadKeepsAndMerges(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        #expect(try client.call("debug", "populate", "500", "p", "100") == .ok)
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("debug", "populate", "510", "p", "100") == .ok)
        #expect(try client.call("dbsize") == 510)
        #expect(try client.call("strlen", "p:499") == 100)
        #expect(try client.call("debug", "reload") == .ok)
        #expect(try client.call("dbsize") == 510)
        // The file's keys are those that there are.
        #expect(try client.call("debug", "reload", "noflush").isError)
        #expect(try client.call("debug", "reload", "noflush", "merge") == .ok)
        #expect(try client.call("dbsize") == 510)
        #expect(try client.call("debug", "reload", "nonsense").isError)
        #expect(try client.call("ping") == .simple("PONG"))
    }

    /// Behind the place that RANDOMKEY draws there are hardly ever enough keys: it asks a second time.
    @Test(arguments: [false, true])
    func randomKeyAsksTwice(isTiered: Bool) throws {
        let clientServer = try TestServer(isTiered: isTiered)
        let client = try clientServer.connect()
        #expect(try client.call("randomkey") == .null)
        try client.call("set", "only", "v")
        for _ in 0..<20 { #expect(try client.call("randomkey") == "only") }
        try client.call("flushall", "cache")
        for _ in 0..<20 { #expect(try client.call("randomkey") == "only") }
    }

    @Test func memoryAndLatencyAnswer() throws {
        let clientServer = try TestServer(["--enable-debug-command", "yes", "--latency-monitor-threshold", "1"])
        let client = try clientServer.connect()
        try client.call("set", "k", String(repeating: "x", count: 100_000))
        #expect(try client.call("memory", "usage", "k").number ?? 0 > 100_000)
        #expect(try client.call("memory", "usage", "nothing") == .null)
        #expect(try client.call("memory", "usage", "k", "samples", "-1") == .error("ERR syntax error"))
        let stats = try client.call("memory", "stats").elements
        #expect(stats.count == 2 * 28)
        #expect(try client.call("memory", "purge") == .ok)
        try client.call("debug", "sleep", "0.01")
        #expect(try client.call("latency", "latest").elements.first?.elements.first == "command")
        #expect(try client.call("latency", "history", "command").elements.count == 1)
        #expect(try client.call("latency", "graph", "command").text?.isEmpty == false)
        #expect(try client.call("latency", "histogram", "set").elements.first == "set")
        #expect(try client.call("latency", "reset").number == 1)
        #expect(try client.call("latency", "graph", "x") == .error("ERR No samples available for event 'x'"))
        #expect(try client.call("lolwut", "version", "5", "20", "5").text?.contains("Redis ver. ") == true)
        #expect(try client.call("role") == ["master", 0, []])
        #expect(try client.call("time").elements.count == 2)
    }
}
