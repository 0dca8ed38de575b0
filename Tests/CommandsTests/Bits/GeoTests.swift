import Bytes
import Commands
import Glibc
import RESP
import Testing
import Values

@Suite struct GeoTests {
    private static let others = KeyCommands.rows + StringCommands.rows + SortedSetCommands.rows

    @Test func transcripts() {
        Transcript.check(GeoCommands.rows, with: Self.others, transcripts: ["geo"])
    }

    @Test func rowsSayWhatRedisSays() {
        CommandInfoText.check(GeoCommands.rows)
    }

    /// The keys of a call, by their words, in the order in which the command gets them.
    private static func keys(_ words: String...) -> [String] {
        guard let row = (GeoCommands.rows + BitmapCommands.rows).first(where: { "\($0.name)" == words[0] }) else { return [] }
        let joined = words.joined().utf8.map { $0 }
        return joined.withSlice { text in
            var slices: [ByteSlice] = []
            var end = 0
            for word in words {
                slices.append(text[end..<end + word.utf8.count])
                end += word.utf8.count
            }
            return slices.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return [] }
                let arguments = RESP.Arguments(base: base, count: words.count)
                return CommandHarness.uses(row, arguments, 0).map { words[$0.argument] }
            }
        }
    }

    @Test func keysOfStores() {
        #expect(Self.keys("georadius", "s", "1", "1", "1", "m", "STORE", "d") == ["s", "d"])
        #expect(Self.keys("georadius", "s", "1", "1", "1", "m", "STORE", "d", "STOREDIST", "e") == ["s", "e"])
        #expect(Self.keys("georadius", "s", "1", "1", "1", "m", "COUNT", "store", "ASC") == ["s"])
        #expect(Self.keys("georadiusbymember", "s", "store", "1", "m", "ASC") == ["s"])
        #expect(Self.keys("georadiusbymember", "s", "m", "1", "m", "storedist", "d") == ["s", "d"])
        #expect(Self.keys("geosearchstore", "d", "s", "FROMMEMBER", "m", "BYRADIUS", "1", "m") == ["s", "d"])
        #expect(Self.keys("bitop", "and", "d", "a", "b") == ["d", "a", "b"])
        #expect(Self.keys("bitop", "lshift", "d", "a", "1") == ["d", "a"])
    }

    private static func metres(_ a: GeoPoint, _ b: GeoPoint) -> Double {
        func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }
        let u = sin(radians(b.latitude - a.latitude) / 2)
        let v = sin(radians(b.longitude - a.longitude) / 2)
        let chord = u * u + cos(radians(a.latitude)) * cos(radians(b.latitude)) * v * v
        return 2 * 6372797.560856 * asin(min(1, chord.squareRoot()))
    }

    /// A search finds what looking at every member finds. (Not near the poles and the date line, where Redis' grid, and so
    /// this one, misses some.)
    @Test(arguments: [1, 2, 3] as [UInt64]) func searchesFindWhatLookingAtAllFinds(seed: UInt64) {
        var random = RandomSource(seed: seed)
        func degrees(_ reach: Double) -> Double { (Double(random.next() >> 11) / 0x1p53 * 2 - 1) * reach }
        let harness = CommandHarness(GeoCommands.rows + SortedSetCommands.rows)
        var places: [String: GeoPoint] = [:]
        for number in 0..<(seed == 1 ? 60 : 2000) {
            let point = GeoPoint(longitude: degrees(100), latitude: degrees(50))
            harness.run("GEOADD", "k", "\(point.longitude)", "\(point.latitude)", "m\(number)")
            places["m\(number)"] = GeoHash(point).center
        }
        for _ in 0..<200 {
            let center = GeoPoint(longitude: degrees(100), latitude: degrees(50))
            let reach = abs(degrees(1)) * [1000, 50_000, 800_000][random.index(below: 3)]
            let from = ["GEOSEARCH", "k", "FROMLONLAT", "\(center.longitude)", "\(center.latitude)"]
            let circle = harness.reply(to: (from + ["BYRADIUS", "\(reach)", "m"]).map { Array($0.utf8) })
            let inCircle = places.filter { Self.metres(center, $0.value) <= reach }
            #expect(Self.names(circle) == Set(inCircle.keys), "seed \(seed), \(center), \(reach)")
            let box = harness.reply(to: (from + ["BYBOX", "\(reach)", "\(2 * reach)", "m"]).map { Array($0.utf8) })
            let inBox = places.filter { _, place in
                Self.metres(place, GeoPoint(longitude: place.longitude, latitude: center.latitude)) <= reach
                    && Self.metres(place, GeoPoint(longitude: center.longitude, latitude: place.latitude)) <= reach / 2
            }
            #expect(Self.names(box) == Set(inBox.keys), "seed \(seed), \(center), \(reach)")
        }
    }

    private static func names(_ reply: [UInt8]) -> Set<String> {
        Set(ReplyText.words(reply).dropFirst().map { $0.filter { $0 != "\"" } })
    }
}
