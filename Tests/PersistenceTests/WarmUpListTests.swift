import Bytes
import Foundation
import Keyspace
import Platform
import Testing

@testable import Persistence

/// The list of hot keys beside the seal: what is written is read, and whatever happens to the file is noticed.
@Suite(.serialized) struct WarmUpListTests {
    private static let seed: (UInt64, UInt64) = (3, 4)

    /// A flash directory of its own, gone at the end.
    private func withDirectory(_ body: (DataDirectory, String) throws -> Void) throws {
        var template = Array("/tmp/firn-warmup-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "/tmp") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in (try? FileSystem.names(in: path)) ?? [] { try? FileSystem.remove(path + "/" + name) }
            try? FileSystem.removeDirectory(path)
        }
        try body(try DataDirectory.open(path, refusesUnsealed: true).directory, path + "/WARMUP")
    }

    private func write(_ keys: [HotKey], to directory: DataDirectory) throws -> Int {
        try directory.writeWarmUpList(seed: Self.seed) { writer in
            for key in keys {
                try key.key.withSlice {
                    try writer.add(generation: key.generation, touches: key.touches, key: $0)
                }
            }
        }
    }

    private func all(_ list: HotKeyList) throws -> [HotKey] { try (0..<list.parts).flatMap { try list.part($0) } }

    private func keys(_ count: Int) -> [HotKey] {
        (0..<count).map { number in
            HotKey(
                generation: UInt32(number % 5), touches: UInt8(number % 3 + 1),
                key: Array("key:\(number):".utf8) + [UInt8](repeating: 0xff, count: number % 40))
        }
    }

    @Test func theHottestComeFirstAndEachInItsOrder() throws {
        try withDirectory { directory, _ in
            #expect(try directory.warmUpList(seed: Self.seed) == nil)
            for count in [0, 1, 2, 1_000, 20_000] {
                let keys = keys(count)
                #expect(try write(keys, to: directory) == count)
                let list = try #require(try directory.warmUpList(seed: Self.seed))
                #expect(list.keys == count)
                let ordered = (1...3).reversed().flatMap { touches in keys.filter { $0.touches == touches } }
                #expect(try all(list) == ordered)
                // In blocks: a start never holds all of a long list.
                #expect(list.parts >= count / 3_000)
            }
            try directory.removeWarmUpList()
            #expect(try directory.warmUpList(seed: Self.seed) == nil)
        }
    }

    @Test func keysThatAreTooLongAreLeftOut() throws {
        let longest = WarmUpList.longestKeyBytes
        let keys = [longest, longest + 1, 0, 1 << 20].map {
            HotKey(generation: 1, touches: 2, key: [UInt8](repeating: 0x6b, count: $0))
        }
        try withDirectory { directory, _ in
            #expect(try write(keys, to: directory) == 2)
            let list = try #require(try directory.warmUpList(seed: Self.seed))
            #expect(try all(list) == [keys[0], keys[2]])
        }
    }

    @Test func aListOfOtherDataIsNotUsed() throws {
        try withDirectory { directory, _ in
            _ = try write(keys(10), to: directory)
            #expect(try directory.warmUpList(seed: (3, 5)) == nil)
        }
    }

    /// Every flipped bit is noticed, when the list is opened or when the block is read; every cut when it is opened.
    @Test func damageIsNoticed() throws {
        try withDirectory { directory, path in
            let keys = keys(12)
            _ = try write(keys, to: directory)
            let intact = try contents(path)
            for at in intact.indices {
                for bit in [UInt8(1), 0x80] {
                    var broken = intact
                    broken[at] ^= bit
                    try replace(path, broken)
                    #expect(throws: (any Error).self, "byte \(at)") {
                        guard let list = try directory.warmUpList(seed: Self.seed) else { return }
                        _ = try all(list)
                    }
                }
            }
            for count in 0..<intact.count {
                try replace(path, Array(intact.prefix(count)))
                #expect(throws: (any Error).self, "cut at \(count)") { try directory.warmUpList(seed: Self.seed) }
            }
            try replace(path, intact + [0])
            #expect(throws: (any Error).self) { try directory.warmUpList(seed: Self.seed) }
            try replace(path, intact)
            #expect(try all(try #require(try directory.warmUpList(seed: Self.seed))).count == keys.count)
        }
    }

    /// A list that can't be written leaves the old one alone, and nothing half written.
    @Test func aListThatFailsLeavesNothing() throws {
        struct Stop: Error {}
        try withDirectory { directory, path in
            _ = try write(keys(5), to: directory)
            #expect(throws: Stop.self) {
                try directory.writeWarmUpList(seed: Self.seed) { _ in throw Stop() }
            }
            #expect(!FileSystem.exists(path + ".new"))
            #expect(try #require(try directory.warmUpList(seed: Self.seed)).keys == 5)
        }
    }

    private func contents(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func replace(_ path: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
