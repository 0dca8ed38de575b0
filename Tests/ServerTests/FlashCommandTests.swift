import Configuration
import Testing

/// FLASH, and the directives of the tier that change at run time.
@Suite(.serialized) struct FlashCommandTests {
    @Test func withoutATierThereIsNothingToDo() throws {
        let server = try TestServer()
        let client = try server.connect()
        #expect(try client.call("flash", "compact") == .error("ERR this server has no flash tier"))
        #expect(try client.call("flash", "scrub", "stop") == .error("ERR this server has no flash tier"))
        #expect(try client.call("flash", "help").isError == false)
        #expect(try client.call("flash", "nonsense").isError)
        #expect(try client.call("flash").isError)
    }

    private func infoField(_ name: String, _ client: TestClient) throws -> String? {
        let text = try client.call("info", "flash").text ?? ""
        let line = text.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
        return line.map { String($0.dropFirst(name.count + 1)) }
    }

    @Test func watermarksMoveAtRunTime() throws {
        let server = try TestServer(isTiered: true, budget: 16 << 20)
        let client = try server.connect()
        func number(_ name: String) throws -> Int { try Int(infoField(name, client) ?? "") ?? -1 }
        let value = String(repeating: "v", count: 1_000)
        for number in 0..<4_000 { try client.call("set", "k\(number)", value) }
        let records = try number("flash_budget_records")
        #expect(try number("flash_high_watermark") == records / 100 * 95)
        #expect(try number("flash_low_watermark") == records / 100 * 90)
        #expect(try number("flash_memory_records") > records / 4)
        #expect(try client.call("config", "set", "flash-high-watermark", "20", "flash-low-watermark", "10") == .ok)
        #expect(try eventually { try number("flash_memory_records") <= records / 5 })
        #expect(try client.call("config", "set", "flash-low-watermark", "50") == .ok)
        #expect(try number("flash_low_watermark") == records / 100 * 20)
        #expect(try client.call("config", "set", "flash-high-watermark", "101").isError)
        #expect(try client.call("dbsize") == .integer(4_000))
    }

    @Test func jobsBeginAndEnd() throws {
        let server = try TestServer(isTiered: true)
        let client = try server.connect()
        func field(_ name: String) throws -> String? { try infoField(name, client) }
        for number in 0..<500 { try client.call("set", "k\(number)", "v") }
        try server.makeCold()
        #expect(try field("flash_scrub_state") == "none" && field("flash_compact_state") == "none")
        #expect(try client.call("flash", "scrub", "now") == .error("ERR syntax error"))
        #expect(try client.call("flash", "scrub", "stop") == .error("ERR that is not under way"))
        server.provider?.hold(.beforeStep)
        #expect(try client.call("flash", "scrub") == .ok)
        #expect(try client.call("flash", "scrub") == .error("ERR that is under way already"))
        #expect(try field("flash_scrub_state") == "running")
        #expect(try client.call("flash", "scrub", "STOP") == .ok)
        server.provider?.release(.beforeStep)
        #expect(try eventually { try field("flash_scrub_state") == "stopped" })
        #expect(try client.call("flash", "scrub") == .ok)
        #expect(try eventually { try field("flash_scrub_state") == "done" })
        #expect(try field("flash_scrub_records") == "500" && field("flash_scrub_problems") == "0")
        #expect(try client.call("flash", "compact") == .ok)
        #expect(try eventually { try field("flash_compact_state") == "done" })
        #expect(try client.call("config", "set", "flash-background-io-limit", "10mb") == .ok)
        #expect(try field("flash_background_io_limit") == "10485760")
    }

    @Test func rulesAreSetAndShown() throws {
        let server = try TestServer(["--flash-policy", "prefix:log: cold"], isTiered: true)
        let client = try server.connect()
        for number in 0..<100 {
            try client.call("set", "log:\(number)", "v")
            try client.call("set", "user:\(number)", "v")
        }
        func hasHot(_ count: Int) throws -> Bool {
            try client.call("info", "flash").text?.contains("\r\nflash_hot_keys:\(count)\r\n") == true
        }
        #expect(try eventually { try hasHot(100) })
        #expect(try client.call("config", "get", "flash-policy") == ["flash-policy", "prefix:log: cold"])
        #expect(try client.call("config", "set", "flash-policy", "prefix:log: warm").isError)
        #expect(try client.call("config", "set", "flash-policy", "") == .ok)
        #expect(try client.call("get", "log:1") == "v")
        #expect(try hasHot(101))
    }
}
