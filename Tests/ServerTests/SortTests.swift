import Platform
import Testing

/// SORT on keys that its arguments don't name, which are cold and change meanwhile.
@Suite(.serialized) struct SortTests {
    @Test func coldKeysAreFound() throws {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        for number in 0..<40 {
            _ = try client.call("rpush", "l", "\(number)")
            _ = try client.call("set", "w_\(number)", "\(100 - number)")
            _ = try client.call("hset", "h_\(number)", "f", "text \(number)")
        }
        let all: [Reply] = (0..<40).reversed().map { .bulk("text \($0)") }
        try server.makeCold()
        #expect(try client.call("sort", "l", "by", "w_*", "get", "h_*->f") == .array(all))
        try server.makeCold()
        #expect(try client.call("sort", "l", "by", "w_*", "limit", "0", "2", "get", "h_*->f", "store", "d").number == 2)
        #expect(try client.call("lrange", "d", "0", "-1") == .array(Array(all.prefix(2))))
        try server.makeCold()
        _ = try client.call("multi")
        _ = try client.call("set", "w_0", "-1")
        _ = try client.call("sort_ro", "l", "by", "w_*", "limit", "0", "1", "get", "h_*->f")
        #expect(try client.call("exec") == .array([.ok, .array([.bulk("text 0")])]))
    }

    /// Weights move between keys, the list gets and loses elements together with theirs: what a SORT sees is always one
    /// moment's, and in order.
    @Test func changesMeanwhileAreSeenAsAWhole() throws {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        for number in 0..<20 { _ = try client.pipeline(["rpush l \(number)", "set w_\(number) 1"]) }
        let port = server.port
        let isOver = Flag()
        let threads = Threads([
            { try Self.change(port, isOver, seed: 1) }, { try Self.change(port, isOver, seed: 2) },
            {
                defer { isOver.raise() }
                let client = try TestClient(port: port)
                let end = Clock.monotonicNanoseconds() + 4_000_000_000
                while Clock.monotonicNanoseconds() < end {
                    Self.check(try client.call("sort", "l", "by", "w_*", "get", "#", "get", "w_*"))
                }
            },
        ])
        while !isOver.isRaised {
            try server.makeCold()
            Clock.sleep(nanoseconds: 2_000_000)
        }
        try threads.join()
    }

    /// Weights add up to the number of elements, all the time.
    private static func change(_ port: Int, _ isOver: Flag, seed: Int) throws {
        let client = try TestClient(port: port)
        var turn = seed
        while !isOver.isRaised {
            turn += 1
            let (a, b) = ((turn * 7) % 20, (turn * 13 + 1) % 20)
            if a != b { _ = try client.pipeline(["multi", "incrby w_\(a) 3", "decrby w_\(b) 3", "exec"]) }
            let fresh = "\(seed * 1_000_000 + turn)"
            _ = try client.pipeline(["multi", "rpush l \(fresh)", "set w_\(fresh) 1", "exec"])
            _ = try client.pipeline(["multi", "lrem l 1 \(fresh)", "del w_\(fresh)", "exec"])
        }
    }

    private static func check(_ reply: Reply) {
        guard case .array(let parts) = reply, parts.count % 2 == 0 else {
            Issue.record("\(reply)")
            return
        }
        let weights = stride(from: 1, to: parts.count, by: 2).map { Int(parts[$0].text ?? "") }
        #expect(!weights.contains(nil), "an element without its weight: \(parts)")
        let numbers = weights.compactMap { $0 }
        #expect(numbers == numbers.sorted())
        #expect(numbers.reduce(0, +) == numbers.count, "weights of two moments: \(parts)")
    }

    /// Somebody changes the list all the time, and each element's weight has to be read: it ends all the same.
    @Test(.timeLimit(.minutes(1))) func itEndsWhileTheValueChanges() throws {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        for number in 0..<30 { _ = try client.call("rpush", "l", "\(number)") }
        let port = server.port
        let isOver = Flag()
        let writer = { @Sendable () throws in
            let client = try TestClient(port: port)
            var turn = 100
            while !isOver.isRaised {
                turn += 1
                _ = try client.pipeline(["rpush l \(turn)", "set w_\(turn) \(turn % 17)", "lpop l"])
            }
        }
        let threads = Threads([
            writer, writer, writer,
            {
                defer { isOver.raise() }
                let client = try TestClient(port: port)
                for _ in 0..<30 {
                    let reply = try client.call("sort", "l", "by", "w_*", "get", "o_*")
                    #expect(!reply.elements.isEmpty, "\(reply)")
                }
            },
        ])
        while !isOver.isRaised {
            try server.makeCold()
            Clock.sleep(nanoseconds: 1_000_000)
        }
        try threads.join()
        // Nobody is held up any more.
        #expect(try client.call("set", "x", "y") == .ok)
    }
}
