import Bytes
import Testing
import Values

@testable import RDB

@Suite struct SortedSetRDBTests {
    static func contents(_ value: SortedSetValue) -> [String] {
        var result: [String] = []
        value.forEach(in: 0..<value.count) { result.append("\($0.string)=\($1)") }
        return result
    }

    static func decode(_ type: UInt8, _ body: [UInt8]) throws -> [String] {
        try body.withSlice { slice in
            var cursor = RDBCursor(slice, at: 0, maximumStringBytes: 1 << 20)
            let value = try RDBCollections.decode(type, &cursor)
            return contents(try #require(value as? SortedSetValue))
        }
    }

    /// The bytes of a string in RDB.
    static func string(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count)] + bytes }

    static func pair(_ member: String, _ score: Double) -> [UInt8] {
        string(Array(member.utf8)) + (0..<8).map { UInt8(truncatingIfNeeded: score.bitPattern >> UInt64(8 * $0)) }
    }

    @Test(arguments: [3, 1000])
    func roundTrip(members: Int) throws {
        let value = SortedSetValue()
        for number in 0..<members { "m\(number)".withSlice { value.set($0, Double(number % 10) / 4) } }
        for compresses in [false, true] {
            var payload = ByteBuffer()
            DumpPayload.append(.collection(value), compresses: compresses, to: &payload)
            #expect(payload.slice[0] == (members < 100 ? 17 : 5))
            guard case .collection(let decoded) = try DumpPayload.decode(payload.slice) else {
                Issue.record("no collection")
                return
            }
            #expect(Self.contents(try #require(decoded as? SortedSetValue)) == Self.contents(value))
        }
    }

    @Test func readsOldForms() throws {
        #expect(try Self.decode(5, [2] + Self.pair("b", 2) + Self.pair("a", -.infinity)) == ["a=-inf", "b=2.0"])
        let text: [UInt8] = [4] + Self.string([0x61]) + Self.string(Array("1.5".utf8))
            + Self.string([0x62]) + [254] + Self.string([0x63]) + [255] + Self.string([0x64]) + [1, 0x37]
        #expect(try Self.decode(3, text) == ["c=-inf", "a=1.5", "d=7.0", "b=inf"])
    }

    static func listed(_ entries: [String]) -> [UInt8] {
        var list = Listpack()
        defer { list.free() }
        for entry in entries { entry.withSlice { list.append($0) } }
        return string(list.bytes.array)
    }

    @Test func readsListpacks() throws {
        #expect(try Self.decode(17, Self.listed(["b", "2", "a", "1.5"])) == ["a=1.5", "b=2.0"])
        #expect(try Self.decode(17, Self.listed(["7", "inf"])) == ["7=inf"])
    }

    @Test func hostileInputIsRefused() {
        func refused(_ type: UInt8, _ body: [UInt8]) -> RDBError? { failure { _ = try Self.decode(type, body) } }
        #expect(refused(17, Self.listed([])) == .badFormat)
        #expect(refused(17, Self.listed(["a"])) == .badFormat)
        #expect(refused(17, Self.listed(["a", "x"])) == .badFormat)
        #expect(refused(17, Self.listed(["a", "nan"])) == .badFormat)
        #expect(refused(17, Self.listed(["a", "1", "a", "2"])) == .badFormat)
        #expect(refused(17, Self.listed(["7", "1", "7", "1"])) == .badFormat)
        #expect(refused(17, Self.string([1, 2, 3])) == .badFormat)
        #expect(refused(5, [0]) == .badFormat)
        #expect(refused(5, [1] + Self.pair("a", .nan)) == .badFormat)
        #expect(refused(5, [2] + Self.pair("a", 1) + Self.pair("a", 2)) == .badFormat)
        #expect(refused(5, [2] + Self.pair("a", 1)) == .truncated)
        #expect(refused(3, [1] + Self.string([0x61]) + [253]) == .badFormat)
        #expect(refused(3, [1] + Self.string([0x61]) + Self.string([0x78])) == .badFormat)
        #expect(refused(3, [0]) == .badFormat)
    }
}
