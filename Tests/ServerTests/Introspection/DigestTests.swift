import Bytes
@testable import Server
import Testing

@Suite struct DigestTests {
    @Test(arguments: [
        (0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"), (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"),
        (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"), (1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
    ])
    func hashesAreThoseOfTheStandard(count: Int, digest: String) {
        let hash = [UInt8](repeating: 0x61, count: count).withSlice { SHA1.digest($0) }
        #expect(hash.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == digest)
    }

    /// The digests are those that redis-server 7.0.15 gives for the same commands.
    @Test(arguments: [false, true])
    func digestsAreThoseOfRedis(isTiered: Bool) throws {
        let server = try TestServer(["--enable-debug-command", "yes"], isTiered: isTiered)
        let client = try server.connect()
        try client.call("mset", "a", "1", "b", "hello", "c", "")
        try client.call("set", "e", "with expiry", "ex", "1000")
        try client.call("select", "3")
        try client.call("set", "q", "w")
        try client.call("select", "0")
        let all = Reply.simple("f591c312f9eb62d2dce3a0bb6329b3699986085c")
        #expect(try client.call("debug", "digest") == all)
        // What is cold counts as what is hot does.
        #expect(try client.call("flushall", "cache") == .ok)
        #expect(try client.call("debug", "digest") == all)
        #expect(try client.call("debug", "reload") == .ok)
        #expect(try client.call("debug", "digest") == all)
        #expect(try client.call("ttl", "e").number ?? 0 > 900)
        #expect(
            try client.call("debug", "digest-value", "a", "e", "nothing") == [
                .simple("b4fc66738120fba0b5aa500ab5c2bf89cea1c5da"),
                .simple("bbb33a4de3c3cecd4396746a1acf180237cd3d37"),
                .simple("0000000000000000000000000000000000000000"),
            ])
    }
}

@Suite struct TextTests {
    @Test func fixedPointIsPrintfs() {
        #expect(FixedPoint.text(1.005, digits: 2) == "1.00")
        #expect(FixedPoint.text(0, digits: 2) == "0.00")
        #expect(FixedPoint.text(-0.001, digits: 2) == "0.00")
        #expect(FixedPoint.text(-1.5, digits: 2) == "-1.50")
        #expect(FixedPoint.text(12.0456, digits: 3) == "12.046")
        #expect(FixedPoint.text(99.5, digits: 0) == "100")
        #expect(FixedPoint.text(.infinity, digits: 2) == "inf")
        #expect(FixedPoint.size(1023) == "1023B")
        #expect(FixedPoint.size(1536) == "1.50K")
        #expect(FixedPoint.size(3 << 30) == "3.00G")
    }

    @Test func sectionsOfInfo() {
        #expect(InfoSection.chosen([]) == InfoSection.standard)
        #expect(InfoSection.chosen(["all"]) == Set(InfoSection.allCases))
        #expect(InfoSection.chosen(["cpu", "nonsense", "module_list"]) == [.cpu, .modules])
        #expect(InfoSection.chosen(["default", "latencystats"]) == InfoSection.standard.union([.latencystats]))
        #expect(InfoText.safe("a:b\r\n#c") == "a_b___c")
    }

    @Test func everyPictureHasItsSize() {
        var random = RandomSource(seed: 7)
        for (columns, rows) in [(8, 4), (64, 12), (160, 40)] {
            let lines = FirnPicture.draw(columns: columns, rows: rows, random: &random).split(separator: "\n")
            #expect(lines.count == rows)
            #expect(lines.allSatisfy { $0.utf8.count == columns })
        }
    }
}
