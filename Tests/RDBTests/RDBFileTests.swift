import Testing

import Bytes
import RDB

/// Files that redis-server 7.0.15 wrote, with allkeys-lfu (an expiry, a compressed string, two databases) and
/// allkeys-lru.
private let lfuFile =
    "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c22e"
        + "62016bfa08757365"
    + "642d6d656dc220bb1100fa08616f662d62617365c000fe00fb0401f90500086772656574696e670568656c6c6ff90500046c"
    + "6f6e67c30a4050"
    + "02616261e04201016162fc7bd8c32cbb030000f900000178c001f90500066e756d626572c290eefefffe03fb0100f9000005"
    + "6f74686572c00c"
    + "ff5813341fc2272ca7"
private let lruFile =
    "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c22e"
        + "62016bfa08757365"
    + "642d6d656dc2501a1200fa08616f662d62617365c000fe00fb0100f840fb000161c001fe03fb0100f8000001620176ff8e142d2d4f150c28"

@Suite struct RDBFileTests {
    /// The events of a file as text, or the error behind those before it. The source gives `piece` bytes at a time.
    func events(_ file: [UInt8], piece: Int = 1 << 20) -> ([String], RDBError?) {
        var at = 0
        var reader = RDBFileReader { (buffer) throws(RDBError) -> Int in
            let count = min(piece, buffer.count, file.count - at)
            for i in 0..<count { buffer[i] = file[at + i] }
            at += count
            return count
        }
        var events: [String] = []
        do {
            while true {
                switch try reader.next() {
                case .aux(let key, let value): events.append("aux \(text(key.array)) \(text(value.array))")
                case .selectDatabase(let number): events.append("db \(number)")
                case .sizes(let keys, let expiring): events.append("sizes \(keys) \(expiring)")
                case .function(let source): events.append("function \(text(source.array))")
                case .key(let key, let info, .string(let value)):
                    var line = "\(text(key.array)) = \(text(value.array))"
                    if let expiry = info.expiryMilliseconds { line += " expires \(expiry)" }
                    if let idle = info.idleSeconds { line += " idle \(idle)" }
                    if let frequency = info.frequency { line += " frequency \(frequency)" }
                    events.append(line)
                case .key(let key, _, .collection): events.append("\(text(key.array)) is a collection")
                case .end:
                    events.append("end")
                    #expect(reader.decodedBytes == file.count)
                    return (events, nil)
                }
            }
        } catch {
            return (events, error)
        }
    }

    @Test func readsFilesOfRedis() {
        let aux = ["aux redis-ver 7.0.15", "aux redis-bits 64"]
        let (lfu, error) = events(bytes(hex: lfuFile))
        #expect(error == nil)
        #expect(Array(lfu[0..<2]) == aux)
        #expect(
            Array(lfu[4...]) == [
                "aux aof-base 0", "db 0", "sizes 4 1", "greeting = hello frequency 5",
                "long = \(String(repeating: "ab", count: 40)) frequency 5", "x = 1 expires 4102444800123 frequency 0",
                "number = -70000 frequency 5", "db 3", "sizes 1 0", "other = 12 frequency 0", "end",
            ])
        let (lru, none) = events(bytes(hex: lruFile))
        #expect(none == nil)
        #expect(
            Array(lru[5...]) == [
                "db 0", "sizes 1 0", "a = 1 idle 251", "db 3", "sizes 1 0", "b = v idle 0", "end",
            ])
    }

    @Test func piecesOfAnySizeGiveTheSame() {
        let file = bytes(hex: lfuFile)
        let whole = events(file).0
        for piece in [1, 2, 3, 7, 64] { #expect(events(file, piece: piece).0 == whole) }
    }

    @Test func everyCutAndEveryFlipIsNoticed() {
        let file = bytes(hex: lfuFile)
        for count in 0..<file.count { #expect(events(Array(file[..<count])).1 == .truncated) }
        for i in file.indices {
            var bad = file
            bad[i] ^= 0x40
            #expect(events(bad).1 != nil, "byte \(i)")
        }
    }

    func written(compresses: Bool = true, checksums: Bool = true, pieces: inout Int) throws -> [UInt8] {
        final class Collected { var bytes: [UInt8] = [], pieces = 0 }
        let collected = Collected()
        var writer = RDBFileWriter(compresses: compresses, checksums: checksums) { (piece) throws(RDBError) in
            collected.bytes += piece.array
            collected.pieces += 1
        }
        try writer.aux(ByteSlice("redis-ver"), ByteSlice("7.0.15"))
        try writer.aux("ctime", 1_700_000_000)
        try writer.select(database: 0, keys: 801, expiring: 1)
        try writer.key(ByteSlice("a"), RDBKeyInfo(expiryMilliseconds: 4_102_444_800_123), string: ByteSlice("1"))
        for i in 0..<800 {
            try Decimal.bytes(Int64(i)).withSlice { (key) throws(RDBError) in
                let value = [UInt8](repeating: UInt8(truncatingIfNeeded: i), count: i)
                try value.withSlice { (value) throws(RDBError) in
                    try writer.key(key, RDBKeyInfo(frequency: 7), string: value)
                }
            }
        }
        try writer.select(database: 9, keys: 1, expiring: 0)
        try writer.key(ByteSlice("n"), RDBKeyInfo(idleSeconds: 70), .string(.integer(-5)))
        try writer.finish()
        #expect(writer.writtenBytes == collected.bytes.count)
        pieces = collected.pieces
        return collected.bytes
    }

    @Test func writesWhatItReads() throws {
        for (compresses, checksums) in [(true, true), (false, true), (false, false)] {
            var pieces = 0
            let file = try written(compresses: compresses, checksums: checksums, pieces: &pieces)
            #expect(compresses ? pieces >= 1 : pieces >= 5)
            let (read, error) = events(file)
            #expect(error == nil)
            #expect(read.count == 2 + 2 + 801 + 2 + 1 + 1)
            #expect(Array(read[0..<5]) == [
                "aux redis-ver 7.0.15", "aux ctime 1700000000", "db 0", "sizes 801 1", "a = 1 expires 4102444800123",
            ])
            #expect(read[5 + 50] == "50 = \(String(repeating: "2", count: 50)) frequency 7")
            #expect(Array(read.suffix(3)) == ["sizes 1 0", "n = -5 idle 70", "end"])
            #expect(checksums != file.suffix(8).allSatisfy { $0 == 0 })
        }
    }

    @Test func reportsTheSinksError() {
        var writer = RDBFileWriter { (_) throws(RDBError) in throw .writeFailed(28) }
        var thrown: RDBError?
        do { try writer.finish() } catch { thrown = error }
        #expect(thrown == .writeFailed(28))
    }

    @Test func refusesWhatIsNoFileOrTooNew() {
        #expect(events(Array("REDIX0010".utf8)).1 == .notRDB)
        #expect(events(Array("REDIS00x0".utf8)).1 == .notRDB)
        #expect(events(Array("REDIS0013".utf8)).1 == .unsupportedVersion(13))
        #expect(events(Array("REDIS0000".utf8)).1 == .unsupportedVersion(0))
        let head = Array("REDIS0010".utf8)
        #expect(events(head + [247]).1 == .unsupportedOpcode(247))
        #expect(events(head + [6, 1, 65]).1 == .unsupportedType(6))
        #expect(events(head + [99]).1 == .badFormat)
        #expect(events(head + [250, 0x80, 0xff, 0xff, 0xff, 0xff]).1 == .stringTooLong(0xffff_ffff))
        // 512 MiB claimed, four bytes there.
        #expect(events(head + [250, 0x80, 0x20, 0, 0, 0, 1, 2, 3, 4]).1 == .truncated)
    }

    @Test func readsOldAndNewVersions() {
        // Version 3: expiry in seconds, no checksum. Version 12: slot information. A checksum of 0 is none.
        let old = Array("REDIS0003".utf8) + [253, 1, 0, 0, 0, 0, 1, 65, 1, 66, 255]
        #expect(events(old).0 == ["A = B expires 1000", "end"])
        let new = Array("REDIS0012".utf8) + [244, 1, 2, 3, 245, 1, 70, 0, 1, 65, 0, 255]
            + [UInt8](repeating: 0, count: 8)
        #expect(events(new).0 == ["function F", "A = ", "end"])
    }

    @Test func survivesMutations() {
        var random = RandomSource(seed: 0xf11e)
        let file = bytes(hex: lfuFile)
        for _ in 0..<5_000 {
            var bad = file
            for _ in 0...random.index(below: 5) {
                bad[random.index(below: bad.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if bad == file { continue }
            // Anything but a crash, and never a clean end: the checksum covers every byte.
            let (_, error) = events(bad, piece: 1 + random.index(below: 40))
            #expect(error != nil || bad.suffix(8).allSatisfy { $0 == 0 })
        }
    }
}
