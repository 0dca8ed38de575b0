import Testing

@testable import Histories

@Suite struct LinearizabilityTests {
    @Test func theCheckerTellsLegalFromIllegal() {
        func check(_ calls: [(StringAction, Int, Int)]) -> Bool {
            Linearizability.check(calls.map { Observed(action: $0.0, from: $0.1, to: $0.2) })
        }
        #expect(check([]))
        #expect(check([(.set("1"), 1, 2), (.get("1"), 3, 4)]))
        #expect(!check([(.set("1"), 1, 2), (.get(nil), 3, 4)]))
        #expect(check([(.set("1"), 1, 4), (.get(nil), 2, 3)]))
        // A value seen must not go back.
        #expect(!check([(.set("1"), 1, 10), (.get("1"), 2, 3), (.get(nil), 4, 5)]))
        #expect(!check([(.set("1"), 1, 2), (.set("2"), 3, 4), (.get("1"), 5, 6)]))
        #expect(check([(.set("1"), 1, 4), (.set("2"), 2, 3), (.get("1"), 5, 6)]))
        #expect(check([(.increment(1), 1, 5), (.increment(2), 2, 6), (.append("9", 2), 7, 8), (.get("29"), 9, 10)]))
        #expect(!check([(.increment(1), 1, 5), (.increment(1), 2, 6)]))
        #expect(!check([(.set("1"), 1, 2), (.delete(true), 3, 6), (.delete(true), 4, 7)]))
        // Resurrection.
        #expect(!check([(.set("1"), 1, 2), (.delete(true), 3, 4), (.get("1"), 5, 6)]))
    }
}
