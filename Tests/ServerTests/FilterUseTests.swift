import Testing

@testable import Server

@Suite("Whether a loop asks the filter")
struct FilterUseTests {
    /// Of `count` keys, the part that the filter is asked about, when so many of a hundred don't exist.
    private func askedShare(absentPercent: Int, count: Int = 20_000, _ use: inout FilterUse) -> Double {
        var random = SystemRandomNumberGenerator()
        var asked = 0
        for _ in 0..<count where use.asks() {
            asked += 1
            use.note(maybe: Int.random(in: 0..<100, using: &random) >= absentPercent)
        }
        return Double(asked) / Double(count)
    }

    @Test("A sample where keys exist, all where a good part doesn't, whatever came before")
    func follows() {
        var use = FilterUse()
        // At first nothing is known.
        #expect((0..<80).allSatisfy { _ in use.asks() })
        #expect(askedShare(absentPercent: 0, &use) < 0.14)
        #expect(askedShare(absentPercent: 50, &use) > 0.95)
        #expect(askedShare(absentPercent: 0, &use) < 0.14)
        #expect(askedShare(absentPercent: 100, &use) > 0.98)
        #expect(askedShare(absentPercent: 1, &use) < 0.3)
    }
}
