import Bytes
import Testing
import Values

@testable import Keyspace

@Suite struct FlashKeyTests {
    private func record(_ generation: UInt32, _ position: UInt32, _ key: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer()
        key.withSlice {
            FlashKey.record(generation: generation, position: Position(bits: position), key: $0, into: &buffer)
        }
        return buffer.slice.array
    }

    private func expiry(_ generation: UInt32, _ at: Int64, _ position: UInt32, _ key: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer()
        key.withSlice {
            FlashKey.expiry(
                generation: generation, at: at, position: Position(bits: position), key: $0, into: &buffer)
        }
        return buffer.slice.array
    }

    private static let words: [UInt32] = [0, 1, 255, 256, 0x7fff_ffff, 0x8000_0000, .max - 1, .max]

    @Test func recordsComeBackAndSortByPosition() throws {
        var all: [(UInt32, UInt32, [UInt8])] = []
        for generation in Self.words { for position in Self.words { all.append((generation, position, [1, 0, 255])) } }
        for (generation, position, key) in all {
            let bytes = record(generation, position, key)
            let parsed = try #require(bytes.withSlice { FlashKey.parse($0) })
            guard case .record(generation, Position(bits: position), let back) = parsed else {
                Issue.record("not a record")
                return
            }
            #expect(back.count == key.count)
        }
        let encoded = all.map { record($0.0, $0.1, $0.2) }
        #expect(zip(encoded, encoded.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
    }

    @Test func expiriesSortByTime() {
        let times: [Int64] = [0, 1, 255, 256, 1 << 32 - 1, 1 << 32, 1_700_000_000_000, .max]
        let encoded = times.map { expiry(7, $0, .max, [9]) }
        #expect(zip(encoded, encoded.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        for time in times {
            let bytes = expiry(7, time, 3, [9, 8])
            bytes.withSlice { bytes in
                guard case .expiry(7, time, Position(bits: 3), let key)? = FlashKey.parse(bytes) else {
                    Issue.record("not an expiry entry at \(time)")
                    return
                }
                #expect(key.array == [9, 8])
            }
            #expect(!bytes.lexicographicallyPrecedes(FlashKey.expiryStart(generation: 7, at: time)))
            if time < .max {
                #expect(bytes.lexicographicallyPrecedes(FlashKey.expiryStart(generation: 7, at: time + 1)))
            }
        }
    }

    @Test func rangesHoldAGenerationAndNothingElse() {
        for generation in Self.words {
            for other in Self.words {
                for bytes in [record(other, 0, []), record(other, .max, [255, 255]), expiry(other, .max, .max, [255])] {
                    let held = FlashKey.ranges(ofGeneration: generation).contains {
                        !bytes.lexicographicallyPrecedes($0.from) && bytes.lexicographicallyPrecedes($0.to)
                    }
                    #expect(held == (generation == other), "\(other) in the ranges of \(generation)")
                }
            }
        }
    }

    @Test func startsLieBetweenPositions() {
        for position in Self.words {
            let start = FlashKey.recordStart(generation: 5, position: UInt64(position))
            #expect(!record(5, position, []).lexicographicallyPrecedes(start))
            let next = FlashKey.recordStart(generation: 5, position: UInt64(position) + 1)
            #expect(record(5, position, [255, 255, 255]).lexicographicallyPrecedes(next))
        }
    }

    @Test func foreignKeysAreRefused() {
        let damaged: [[UInt8]] = [
            [], [0x4b], [0x4b, 1, 2, 3, 4, 5, 6, 7], [0x58] + [UInt8](repeating: 0, count: 15),
            [0] + [UInt8](repeating: 0, count: 30),
        ]
        for bytes in damaged {
            #expect(bytes.withSlice { FlashKey.parse($0) == nil ? true : false })
        }
    }
}

@Suite struct AccessClockTests {
    private func withRecord(_ body: (Record) -> Void) {
        let record = Record.integer(key: ByteSlice("k"), 1, expiry: nil)
        body(record)
        record.free()
    }

    @Test func idleTimeIsTheSecondsSinceTheTouch() {
        var clock = AccessClock()
        withRecord { record in
            for start: UInt32 in [0, 1, 0xff_fff0, 0x1ff_fff0, .max - 100] {
                clock.seconds = start
                clock.touch(record)
                #expect(clock.idleSeconds(record) == 0)
                clock.seconds = start &+ 50
                #expect(clock.idleSeconds(record) == 50)
                record.access = clock.word(idleSeconds: 1_000)
                #expect(clock.idleSeconds(record) == 1_000)
            }
        }
    }

    @Test func frequenciesGrowSlowlyAndDecay() {
        var clock = AccessClock()
        clock.mode = .lfu(logFactor: 10, decayMinutes: 1)
        clock.seconds = 60 * 70_000
        withRecord { record in
            clock.start(record)
            #expect(clock.frequency(record, decayMinutes: 1) == 5)
            for _ in 0..<100_000 { clock.touch(record) }
            let hot = clock.frequency(record, decayMinutes: 1)
            // With factor 10 Redis' documentation gives 142 after 100,000 hits.
            #expect(hot > 120 && hot < 170)
            clock.seconds += 60 * 7
            #expect(clock.frequency(record, decayMinutes: 1) == hot - 7)
            #expect(clock.frequency(record, decayMinutes: 7) == hot - 1)
            #expect(clock.frequency(record, decayMinutes: 0) == hot)
            clock.seconds += 60 * 1_000
            #expect(clock.frequency(record, decayMinutes: 1) == 0)
            record.access = clock.word(frequency: 300)
            #expect(clock.frequency(record, decayMinutes: 1) == 255)
        }
    }
}
