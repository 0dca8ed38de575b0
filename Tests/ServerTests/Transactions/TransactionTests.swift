import Bytes
import Keyspace
import Platform
import Storage
import StorageFaulty
import Synchronization
import Testing

@testable import Server

/// MULTI, EXEC, DISCARD, WATCH, UNWATCH on both tiers. What clients see of them in the usual cases is the business of
/// Redis' own suite (unit/multi); here is what has to do with shards, with flash, and with the order of gates.
@Suite(.serialized) struct TransactionTests {
    static func server(_ isTiered: Bool, _ directives: [String] = []) throws -> TestServer {
        try TestServer(["--enable-debug-command", "yes"] + directives, isTiered: isTiered)
    }

    static func isClean(_ server: TestServer) -> Bool {
        server.core.observers.watches.count.load(ordering: .relaxed) == 0 && server.core.holding.isEmpty
    }

    private func field(_ client: TestClient, _ name: String) throws -> String? {
        let line = try client.call("client", "info").text ?? ""
        let field = line.dropLast().split(separator: " ").first { $0.hasPrefix(name + "=") }
        return field.map { String($0.dropFirst(name.count + 1)) }
    }

    @Test(arguments: [false, true]) func repliesComeTogether(_ isTiered: Bool) throws {
        let server = try Self.server(isTiered)
        let client = try server.connect()
        #expect(
            try client.pipeline([
                "multi", "set a 1", "incr a", "lpush a x", "mget a b", "select 1", "get a", "set a 5", "select 0",
                "get a", "exec", "get a",
            ]) == [
                .ok, .simple("QUEUED"), .simple("QUEUED"), .simple("QUEUED"), .simple("QUEUED"), .simple("QUEUED"),
                .simple("QUEUED"), .simple("QUEUED"), .simple("QUEUED"), .simple("QUEUED"),
                [
                    .ok, 2, .error("WRONGTYPE Operation against a key holding the wrong kind of value"),
                    ["2", .null], .ok, .null, .ok, .ok, "2",
                ],
                "2",
            ])
        #expect(try client.call("multi") == .ok)
        #expect(try client.call("exec") == [])
    }

    /// The key of a queued command in another database, and one whose need is decided by its arguments.
    @Test func selectChoosesTheDatabaseOfTheLocks() throws {
        let server = try Self.server(true)
        let client = try server.connect()
        try client.call("select", "3")
        try client.call("set", "k", "cold")
        try client.call("select", "0")
        try server.makeCold()
        let all = try client.pipeline([
            "multi", "select 3", "getrange k 0 1", "select 99", "get k", "select x", "strlen k", "exec",
        ])
        #expect(
            all.last == [
                .ok, "co", .error("ERR DB index is out of range"), "cold",
                .error("ERR value is not an integer or out of range"), 4,
            ])
    }

    @Test(arguments: [false, true]) func refusalsAbort(_ isTiered: Bool) throws {
        let server = try Self.server(isTiered)
        let client = try server.connect()
        let aborted = Reply.error("EXECABORT Transaction discarded because of previous errors.")
        let wrongs = ["nonsense", "set a", "client nonsense", "client", "shutdown", "watch", "exec now", "discard now"]
        for wrong in wrongs {
            try client.call("multi")
            #expect(try client.call("set", "a", "1") == .simple("QUEUED"))
            #expect(try client.pipeline([wrong])[0].isError, "\(wrong)")
            let reply = try client.call("exec")
            #expect(reply == (wrong == "exec now" ? .error("ERR EXEC without MULTI") : aborted), "\(wrong)")
            #expect(try client.call("exec") == .error("ERR EXEC without MULTI"))
        }
        #expect(try client.call("exists", "a") == 0)
        // These are refused too, but break nothing.
        let all = try client.pipeline(["multi", "multi", "watch a", "set a 1", "exec"])
        #expect(all.map(\.isError) == [false, true, true, false, false])
    }

    /// EXEC that is refused says so in its own way where there is no transaction too, and ends the watches.
    @Test func aRefusedExecAbortsNothing() throws {
        let server = try Self.server(false)
        let client = try server.connect()
        let because = "EXECABORT Transaction discarded because of: "
        try client.call("watch", "a")
        #expect(try client.pipeline(["exec now"]) == [.error(because + "wrong number of arguments for 'exec' command")])
        #expect(Self.isClean(server))
        #expect(try client.pipeline(["watch a", "set", "exec"]).last == .error("ERR EXEC without MULTI"))
        #expect(try client.pipeline(["unwatch", "multi", "ping", "exec"]).last == [.simple("PONG")])
        #expect(server.set("requirepass", "s") == .done(["requirepass"]))
        let stranger = try server.connect()
        #expect(try stranger.call("exec") == .error(because + "NOAUTH Authentication required."))
        #expect(try stranger.call("ping") == .error("NOAUTH Authentication required."))
    }

    @Test func whatEndsATransaction() throws {
        let server = try Self.server(true)
        let client = try server.connect()
        for end in ["discard", "reset", "exec"] {
            try client.call("watch", "a", "b", "a")
            #expect(server.core.observers.watches.count.load(ordering: .relaxed) == 2)
            #expect(try field(client, "watch") == "2")
            try client.pipeline(["multi", "ping"]).forEach { #expect(!$0.isError) }
            #expect(try !client.call(end).isError)
            #expect(Self.isClean(server), "\(end)")
            #expect(try field(client, "multi") == "-1" && field(client, "flags") == "N")
        }
        try client.call("watch", "a")
        try client.call("unwatch")
        #expect(Self.isClean(server))
        do {
            let gone = try server.connect()
            try gone.pipeline(["watch a b c", "multi", "set a 1"]).forEach { #expect(!$0.isError) }
        }
        #expect(eventually { Self.isClean(server) })
        #expect(try client.call("exists", "a") == 0)
    }

    @Test func clientListShowsIt() throws {
        let server = try Self.server(false)
        let client = try server.connect()
        let other = try server.connect()
        try client.pipeline(["watch k", "multi", "set abc defg", "ping"]).forEach { #expect(!$0.isError) }
        try other.call("set", "k", "1")
        let list = try other.call("client", "list").text ?? ""
        let line = try #require(list.split(separator: "\n").first { $0.contains(" addr=\(client.address) ") })
        // "set", "abc", "defg", "ping" and a pointer for each.
        for field in [" multi=2 ", " multi-mem=46 ", " flags=xd ", " watch=1"] {
            #expect(line.contains(field), "\(field) in \(line)")
        }
        #expect(try client.call("exec") == .null)
    }

    @Test func eachCommandIsAccountedFor() throws {
        let server = try Self.server(true, ["--slowlog-log-slower-than", "0"])
        let client = try server.connect()
        try client.pipeline(["config resetstat", "slowlog reset"]).forEach { #expect($0 == .ok) }
        try client.pipeline(["multi", "set a 1", "lpush a 2", "get a", "exec"]).forEach { #expect(!$0.isError) }
        let text = try client.call("info", "commandstats").text ?? ""
        for (name, expected) in [
            ("set", "calls=1,"), ("lpush", "calls=1,"), ("get", "calls=1,"), ("exec", "calls=1,"),
            ("multi", "calls=1,"),
        ] {
            let line = text.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(name):") } ?? "none"
            #expect(line.contains(expected), "\(line)")
            #expect(line.hasSuffix(name == "lpush" ? "failed_calls=1" : "failed_calls=0"), "\(line)")
        }
        #expect(try client.call("info", "errorstats").text?.contains("errorstat_WRONGTYPE:count=1") ?? false)
        let slow = try client.call("slowlog", "get", "100").elements.compactMap { $0.elements[3].elements.first?.text }
        #expect(slow.contains("lpush") && slow.contains("multi") && !slow.contains("exec"))
    }

    // MARK: Flash

    /// Nothing happens, and nothing is locked, while a key is read; then everything at once.
    @Test func aColdKeyHoldsUpTheWhole() throws {
        let server = try Self.server(true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        let other = try server.connect()
        try client.call("set", "cold", "1")
        try server.makeCold()
        provider.holdReads()
        try client.pipeline(["multi", "set hot 1", "incr cold", "set hot 2"]).forEach { #expect(!$0.isError) }
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        #expect(try other.call("exists", "other") == 0)
        #expect(try other.call("set", "hot", "mine") == .ok)
        #expect(try other.call("get", "hot") == "mine")
        provider.releaseReads()
        #expect(try client.read() == [.ok, 2, .ok])
        #expect(try other.call("mget", "hot", "cold") == ["2", "2"])
    }

    @Test func aWatchedKeyThatChangesWhileExecWaits() throws {
        let server = try Self.server(true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        let other = try server.connect()
        try client.call("set", "cold", "1")
        try server.makeCold()
        try client.call("watch", "w")
        provider.holdReads()
        try client.pipeline(["multi", "incr cold"]).forEach { #expect(!$0.isError) }
        try client.send("exec")
        #expect(provider.waitUntilHeld(1, at: .beforeRead))
        #expect(try other.call("set", "w", "1") == .ok)
        provider.releaseReads()
        #expect(try client.read() == .null)
        #expect(try other.call("get", "cold") == "1")
        #expect(Self.isClean(server))
    }

    /// An EXEC that can't read what it needs does nothing, says so, and is over.
    @Test func aFailedReadAborts() throws {
        let server = try Self.server(true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        try client.call("set", "cold", "1")
        try server.makeCold()
        var plan = FaultPlan()
        plan.read.failureProbability = 1
        provider.plan = plan
        let all = try client.pipeline(["watch a", "multi", "set hot 1", "incr cold", "exec"])
        #expect(
            all.last?.text?.hasPrefix("EXECABORT Transaction discarded because of: the flash tier failed to read: ")
                ?? false)
        provider.plan = FaultPlan()
        #expect(try client.call("exec") == .error("ERR EXEC without MULTI"))
        #expect(try client.call("mget", "hot", "cold") == [.null, "1"])
        #expect(Self.isClean(server))
    }

    @Test func aRefusedWriteAborts() throws {
        let server = try Self.server(true)
        let provider = try #require(server.provider)
        let client = try server.connect()
        try client.pipeline(["set a 1", "multi", "get a", "set a 2"]).forEach { #expect(!$0.isError) }
        let filler = try server.connect()
        provider.breakDown(StorageError(.noSpace, "full"))
        defer { provider.repair() }
        try filler.call("set", "b", "2")
        #expect(throws: (any Error).self) { try server.makeCold() }
        #expect(eventually { server.core.tier?.refusalText != nil })
        #expect(try client.call("exec").text?.hasPrefix("EXECABORT Transaction discarded because of: MISCONF") ?? false)
        #expect(try client.pipeline(["multi", "get a", "exec"]).last == ["1"])
        #expect(try client.pipeline(["multi", "set a 3", "exec"]).map(\.isError) == [false, true, true])
    }

    // MARK: WATCH

    /// EXEC looks at its watches under the locks: a key that changes while EXEC waits for the lock of another one has
    /// changed before it.
    @Test func aWatchedKeyThatChangesWhileExecWaitsForALock() throws {
        let server = try Self.server(false)
        let clients = try server.connectToAllLoops()
        let sessions = server.core.sessions()
        let client = clients[0]
        let loop = sessions.first { "\($0.peerAddress)" == client.address }?.loop.index
        let other = try #require(
            clients.first { one in sessions.contains { "\($0.peerAddress)" == one.address && $0.loop.index != loop } })
        let store = server.core.store
        func shard(_ key: String) -> Int { Array(key.utf8).withSlice { store.placement.position(of: $0).shard } }
        let written = try #require((0..<100).map { "z\($0)" }.min { shard($0) < shard($1) })
        let watched = try #require((0..<100).map { "w\($0)" }.max { shard($0) < shard($1) })
        try client.pipeline(["watch \(watched)", "multi", "set \(written) 1"]).forEach { #expect(!$0.isError) }
        store.lock(shard(written))
        try client.send("exec")
        Clock.sleep(nanoseconds: 50_000_000)
        let reply = try other.call("set", watched, "1")
        store.unlock(shard(written))
        #expect(try reply == .ok && client.read() == .null)
    }

    /// Each of these changes what is watched in the other client's eyes, or doesn't.
    @Test(arguments: [false, true]) func whatBreaksAWatch(_ isTiered: Bool) throws {
        let server = try Self.server(isTiered)
        let client = try server.connect()
        let other = try server.connect()
        let breaking = [
            "set k 2", "append k x", "del k", "expire k 100", "persist e", "rename k n", "rename o k", "flushdb",
            "flushall", "swapdb 0 1", "copy o k replace", "lpush l x", "lpop l", "hset h f 2", "unlink k", "set n 1",
            "move k 2", "getdel k", "sadd s b", "zadd z 2 m",
        ]
        let harmless = ["get k", "set q 1", "del none", "ttl k", "swapdb 2 3", "exists k", "persist k", "setnx k 3"]
        for command in breaking + harmless {
            try other.call("flushall")
            try other.pipeline([
                "set k 1", "set o 1", "set e 1 ex 1000", "rpush l a b", "hset h f 1", "sadd s a", "zadd z 1 m",
            ]).forEach { #expect(!$0.isError) }
            // Watches of cold keys, and of keys that become cold.
            if isTiered { try server.makeCold() }
            try client.call("watch", "k", "n", "e", "l", "h", "s", "z")
            if isTiered { try server.makeCold() }
            #expect(try !other.pipeline([command])[0].isError, "\(command)")
            let reply = try client.pipeline(["multi", "ping", "exec"]).last
            #expect(reply == (breaking.contains(command) ? .null : [.simple("PONG")]), "\(command)")
        }
        #expect(Self.isClean(server))
    }

    @Test(arguments: [false, true]) func watchesAndDatabases(_ isTiered: Bool) throws {
        let server = try Self.server(isTiered)
        let client = try server.connect()
        let other = try server.connect()
        func exec() throws -> Reply? { try client.pipeline(["multi", "ping", "exec"]).last }
        let fine: Reply = [.simple("PONG")]
        // The same name elsewhere, an empty database that is flushed, keys that are in neither of two.
        try client.call("watch", "k")
        try other.pipeline(["select 1", "set k 1", "flushdb", "swapdb 1 2", "select 0"]).forEach { #expect($0 == .ok) }
        #expect(try exec() == fine)
        try client.call("watch", "k")
        try other.call("flushall")
        #expect(try exec() == fine)
        // A key that comes by a swap, and one that goes.
        try other.pipeline(["select 1", "set k 1", "select 0"]).forEach { #expect($0 == .ok) }
        try client.call("watch", "k")
        try other.call("swapdb", "0", "1")
        #expect(try exec() == .null)
        try client.call("watch", "k")
        try other.call("swapdb", "0", "1")
        #expect(try exec() == .null)
        try client.call("watch", "k")
        try other.call("swapdb", "0", "0")
        #expect(try exec() == fine)
    }

    @Test(arguments: [false, true]) func watchesAndTime(_ isTiered: Bool) throws {
        let server = try Self.server(isTiered)
        let client = try server.connect()
        let other = try server.connect()
        try client.call("debug", "set-active-expire", "0")
        func exec() throws -> Reply? { try client.pipeline(["multi", "ping", "exec"]).last }
        let fine: Reply = [.simple("PONG")]
        for end in ["", "get k", "del k", "flushdb", "expiry"] {
            // Alive when the watch begins, past due at EXEC: removed or not, it is broken.
            try other.call("flushall")
            try other.call("set", "k", "1", "px", "30")
            try client.call("watch", "k")
            if isTiered { try server.makeCold() }
            Clock.sleep(nanoseconds: 40_000_000)
            if end == "expiry" {
                try other.call("debug", "set-active-expire", "1")
                Clock.sleep(nanoseconds: 250_000_000)
                try other.call("debug", "set-active-expire", "0")
            } else if !end.isEmpty {
                try other.pipeline([end]).forEach { #expect(!$0.isError) }
            }
            #expect(try exec() == .null, "\(end)")
            // Past due when it begins: its end changes nothing.
            try other.call("set", "k", "1", "px", "1")
            Clock.sleep(nanoseconds: 5_000_000)
            if isTiered { try server.makeCold() }
            try client.call("watch", "k")
            if !end.isEmpty, end != "expiry" { try other.pipeline([end]).forEach { #expect(!$0.isError) } }
            #expect(try exec() == fine, "past due, \(end)")
            // But a new value does.
            try other.call("set", "k", "1", "px", "1")
            Clock.sleep(nanoseconds: 5_000_000)
            try client.call("watch", "k")
            try other.call("set", "k", "new")
            #expect(try exec() == .null)
        }
    }

    /// Evicted keys are changed keys.
    @Test func evictionBreaksAWatch() throws {
        let server = try Self.server(false, ["--maxmemory-policy", "allkeys-random"])
        let client = try server.connect()
        let other = try server.connect()
        let names = (0..<1_000).map { "k\($0)" }
        try client.pipeline(names.map { "set \($0) 1" }).forEach { #expect($0 == .ok) }
        try client.call(["watch"] + names)
        // Nothing fits: every key has to go.
        try other.call("config", "set", "maxmemory", "1")
        try other.call("config", "set", "maxmemory", "0")
        #expect(try client.pipeline(["multi", "ping", "exec"]).last == .null)
    }
}
