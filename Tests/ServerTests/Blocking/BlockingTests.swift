import Platform
import StorageFaulty
import Testing

/// Blocking commands, one situation after the other.
@Suite struct BlockingTests {
    private let unblocked = Reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
    private let wrongType = Reply.error("WRONGTYPE Operation against a key holding the wrong kind of value")

    @Test func whatIsThereIsTakenAtOnce() throws {
        let server = try TestServer()
        let client = try server.connect()
        _ = try client.pipeline(["rpush b 1 2 3 4 5 6", "zadd z 1.5 a 2 b 3 c 4 d 5 e", "set s x"])
        #expect(try client.ask("blpop a b 0") == ["b", "1"])
        #expect(try client.ask("brpop a b 0") == ["b", "6"])
        #expect(try client.ask("blmpop 0 2 a b right count 2") == ["b", ["5", "4"]])
        #expect(try client.ask("blmove b c left right 0") == "2")
        #expect(try client.ask("brpoplpush b c 0") == "3")
        #expect(try client.ask("lrange c 0 -1") == ["3", "2"])
        #expect(try client.ask("bzpopmin y z 0") == ["z", "a", "1.5"])
        #expect(try client.ask("bzpopmax y z 0") == ["z", "e", "5"])
        #expect(try client.ask("bzmpop 0 2 y z max count 2") == ["z", [["d", "4"], ["c", "3"]]])
        #expect(try client.ask("blpop a s 0") == wrongType)
        #expect(try client.ask("bzpopmin a c 0") == wrongType)
        #expect(try client.ask("blmove c s left left 0") == wrongType)
        try client.ask("hello 3")
        #expect(try client.ask("bzpopmin z 0") == .array(["z", "b", .double("2")]))
        server.expectNoTraces()
    }

    @Test func timesRunOut() throws {
        let server = try TestServer()
        let client = try server.connect()
        for request in [
            "blpop a b 0.05", "brpop a 0.05", "blmpop 0.05 2 a b left", "blmove a b left left 0.05",
            "brpoplpush a b 0.05", "bzpopmin a 0.05", "bzpopmax a b 0.05", "bzmpop 0.05 1 a min",
        ] {
            let begun = Clock.monotonicNanoseconds()
            #expect(try client.ask(request) == .null, "\(request)")
            let elapsed = Clock.monotonicNanoseconds() - begun
            #expect(elapsed >= 50_000_000 && elapsed < 3_000_000_000, "\(request): \(elapsed)")
        }
        #expect(try client.ask("blpop a 0.000001") == .null)
        #expect(try client.ask("wait 1 20") == 0)
        #expect(try client.ask("wait 0 0") == 0)
        #expect(try client.ask("waitaof 0 1 20") == [0, 0])
        server.expectNoTraces()
    }

    @Test func timesAreToldFromNonsense() throws {
        let server = try TestServer()
        let client = try server.connect()
        let notFloat = Reply.error("ERR timeout is not a float or out of range")
        let negative = Reply.error("ERR timeout is negative")
        let tooLong = Reply.error("ERR timeout is out of range")
        for (word, reply) in [
            ("x", notFloat), ("", notFloat), ("1x", notFloat), ("nan", notFloat), ("-1", negative), ("-0.01", negative),
            ("-inf", negative), ("inf", tooLong), ("1e300", tooLong), ("9223372036854775", tooLong),
        ] {
            #expect(try client.call("blpop", "k", word) == reply, "\(word)")
            #expect(try client.call("blmove", "k", "l", "left", "right", word) == reply, "\(word)")
            #expect(try client.call("bzmpop", word, "1", "k", "min") == reply, "\(word)")
        }
        #expect(try client.ask("blmpop x 0 k left") == .error("ERR numkeys should be greater than 0"))
        #expect(try client.ask("blmpop x 1 k up") == .error("ERR syntax error"))
        #expect(try client.ask("blmpop x 1 k left count 0") == .error("ERR count should be greater than 0"))
        #expect(try client.ask("bzmpop x 1 k min count 0") == .error("ERR count should be greater than 0"))
        #expect(try client.ask("bzmpop 0 2 k min") == .error("ERR syntax error"))
        #expect(try client.ask("wait 1 1.5") == .error("ERR timeout is not an integer or out of range"))
        #expect(try client.ask("wait 1 -1") == negative)
        #expect(try client.ask("waitaof 2 0 0") == .error("ERR value is out of range, value must between 0 and 1"))
        #expect(
            try client.ask("waitaof 1 0 0")
                == .error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."))
    }

    @Test func whoWaitsLongestIsServedFirst() throws {
        let server = try TestServer()
        var clients = try (0..<8).map { _ in try server.connect() }
        clients.append(contentsOf: try server.connectToAllLoops())
        let pusher = clients.removeLast()
        try server.block(clients, clients.indices.map { $0 % 3 == 0 ? "brpop other k 0" : "blpop k 0" })
        let elements = clients.indices.map(String.init)
        // The reply counts what is served, and nobody sees it in the list.
        #expect(
            try pusher.pipeline(["rpush k \(elements.joined(separator: " "))", "llen k", "dbsize"])
                == [.integer(elements.count), 0, 0])
        var left = elements
        for (number, client) in clients.enumerated() {
            let expected = number % 3 == 0 ? left.removeLast() : left.removeFirst()
            #expect(try client.read() == ["k", .bulk(expected)])
        }
        server.expectNoTraces()
    }

    @Test func oneKeyServesAndTheOthersStay() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        try server.block(clients[0], "blpop a b c b 0")
        #expect(try clients[1].ask("rpush b 1 2") == 2)
        #expect(try clients[0].read() == ["b", "1"])
        _ = try clients[1].pipeline(["rpush a 3", "rpush c 4"])
        #expect(try clients[1].ask("lrange b 0 -1") == ["2"])
        #expect(try clients[1].ask("exists a b c") == 3)
        server.expectNoTraces()
    }

    @Test func onlyTheWantedTypeWakes() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        try server.block(clients[0], "blpop k 0")
        _ = try clients[1].pipeline(["set k x", "append k y", "del k", "zadd k 1 a", "del k", "sadd k a", "del k"])
        #expect(clients[0].isSilent() && server.waitForBlocked(1))
        let other = try server.connect()
        try clients[1].ask("hset k a b")
        #expect(try other.ask("bzpopmin k 0") == wrongType)
        try clients[1].ask("del k")
        try server.block(other, "bzpopmin k 0")
        #expect(try clients[1].ask("rpush k 1") == 1)
        #expect(try clients[0].read() == ["k", "1"])
        #expect(try clients[1].ask("zadd k 1 a") == 1)
        #expect(try other.read() == ["k", "a", "1"])
        server.expectNoTraces()
    }

    @Test func keysComeInManyWays() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let (waiter, pusher) = (clients[0], clients[1])
        _ = try pusher.pipeline(["rpush source x"])
        guard case .bulk = try pusher.call("dump", "source") else { throw TestClient.Failure.malformed("dump") }
        for request in ["rename source k", "copy source k", "lmove source k left left", "rpoplpush source k"] {
            _ = try pusher.pipeline(["del source", "rpush source x"])
            try server.block(waiter, "blpop k 0")
            try pusher.ask(request)
            #expect(try waiter.read() == ["k", "x"], "\(request)")
            #expect(try pusher.ask("exists k") == 0)
        }
        _ = try pusher.pipeline(["del source", "select 1", "rpush k y"])
        try server.block(waiter, "blpop k 0")
        #expect(try pusher.ask("move k 0") == 1)
        #expect(try waiter.read() == ["k", "y"])
        try server.block(waiter, "blpop k 0")
        try pusher.ask("rpush k z")
        #expect(waiter.isSilent())
        #expect(try pusher.ask("swapdb 0 1") == .ok)
        #expect(try waiter.read() == ["k", "z"])
        server.expectNoTraces()
    }

    @Test func keysThatAreGoneAgainWakeNobody() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let (waiter, pusher) = (clients[0], clients[1])
        try server.block(waiter, "blpop k 0")
        _ = try pusher.pipeline(["set k x", "flushall", "select 1", "set k x", "swapdb 0 1", "flushdb"])
        try pusher.ask("set k x px 20")
        Clock.sleep(nanoseconds: 50_000_000)
        #expect(waiter.isSilent() && server.waitForBlocked(1))
        _ = try pusher.pipeline(["select 0", "flushall", "rpush k 1"])
        #expect(try waiter.read() == ["k", "1"])
        server.expectNoTraces()
    }

    @Test func movesGoOnFromListToList() throws {
        let server = try TestServer()
        var clients = try server.connectToAllLoops()
        while clients.count < 4 { clients.append(try server.connect()) }
        let pusher = clients.removeLast()
        try server.block(clients, ["blpop c 0", "blmove b c right left 0", "blmove a b left right 0"])
        #expect(try pusher.pipeline(["rpush a x", "exists a b c"]) == [1, 0])
        #expect(try clients.prefix(3).map { try $0.read() } == [["c", "x"], "x", "x"])
        // In a circle, and to itself.
        try server.block(clients, ["brpoplpush a b 0", "brpoplpush b a 0", "brpoplpush d d 0"])
        #expect(try pusher.pipeline(["rpush a y", "rpush d z", "exists b", "lrange a 0 -1", "lrange d 0 -1"])
            == [1, 1, 0, ["y"], ["z"]])
        #expect(try clients.prefix(3).map { try $0.read() } == ["y", "y", "z"])
        server.expectNoTraces()
    }

    @Test func aMoveThatFailsLeavesTheElementToTheNext() throws {
        let server = try TestServer()
        var clients = try server.connectToAllLoops()
        while clients.count < 4 { clients.append(try server.connect()) }
        let pusher = clients.removeLast()
        try pusher.ask("set s x")
        try server.block(clients, ["brpoplpush k s 0", "blmove k s left left 0", "blpop k 0"])
        #expect(try pusher.ask("rpush k 1 2") == 2)
        #expect(try clients.prefix(3).map { try $0.read() } == [wrongType, wrongType, ["k", "1"]])
        #expect(try pusher.ask("lrange k 0 -1") == ["2"])
        server.expectNoTraces()
    }

    @Test func whatIsPipelinedBehindWaits() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        try clients[0].send(
            raw: ["rpush k a", "blpop k 0", "blpop k 0", "incr n", "quit"].flatMap {
                TestClient.request($0.split(separator: " ").map(String.init))
            })
        #expect(try [clients[0].read(), clients[0].read()] == [1, ["k", "a"]])
        #expect(server.waitForBlocked(1))
        #expect(try clients[1].ask("exists n") == 0)
        try clients[1].ask("rpush k b")
        #expect(try [clients[0].read(), clients[0].read(), clients[0].read()] == [["k", "b"], 1, .ok])
        #expect(clients[0].isAtEnd())
    }

    @Test func othersEndTheWait() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let (waiter, other) = (clients[0], clients[1])
        let id = try waiter.ask("client id").number ?? -1
        #expect(try other.ask("client unblock \(id)") == 0)
        for (request, reply) in [("blpop k 0", Reply.null), ("wait 1 0", 0), ("blmove k l left left 100", .null)] {
            for (how, expected) in [("", reply), (" timeout", reply), (" error", unblocked)] {
                try server.block(waiter, request)
                #expect(try other.ask("client unblock \(id)\(how)") == 1)
                #expect(try waiter.read() == expected)
            }
        }
        #expect(try other.ask("client unblock \(id) error") == 0)
        #expect(try other.ask("rpush k 1") == 1)
        #expect(try other.ask("llen k") == 1)
        try server.block(waiter, "blpop nothing 0")
        #expect(try other.ask("client kill id \(id)") == 1)
        #expect(waiter.isAtEnd())
        server.expectNoTraces()
    }

    @Test func thoseWhoWaitAreShown() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let extra = try server.connect()
        try server.block([clients[0], extra], ["blpop a b 0", "bzpopmin b c 100"])
        let info = try #require(try clients[1].ask("info clients").text)
        for line in ["blocked_clients:2", "clients_in_timeout_table:1", "total_blocking_keys:3", "parked_calls:0"] {
            #expect(info.contains(line + "\r\n"), "\(line)")
        }
        let list = try #require(try clients[1].ask("client list").text)
        #expect(list.split(separator: "\n").count { $0.contains(" flags=b ") } == 2)
        clients[0].finishSending()
        #expect(clients[0].isAtEnd())
        #expect(server.waitForBlocked(1))
        // A server that ends doesn't wait for those who wait.
    }

    @Test func aPauseHoldsNeitherTimesNorWhatWasPushed() throws {
        let server = try TestServer()
        let clients = try server.connectToAllLoops()
        let (waiter, other) = (clients[0], clients[1])
        try server.block(waiter, "blpop k 0.2")
        #expect(try other.ask("client pause 100000 all") == .ok)
        #expect(try waiter.read() == .null)
        try other.ask("client unpause")
        for _ in 0..<50 {
            try server.block(waiter, "blpop k 0")
            #expect(try other.pipeline(["rpush k 1", "client pause 100000 write"]) == [1, .ok])
            #expect(try waiter.read() == ["k", "1"])
            #expect(try other.ask("llen k") == 0)
            try other.ask("client unpause")
        }
        server.expectNoTraces()
    }
}
