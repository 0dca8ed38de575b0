import Bytes
import Testing

@testable import Keyspace

/// Which keys rules mean.
@Suite struct FlashRulesTests {
    private func policy(_ rules: [(String, FlashRules.Policy)], _ key: String) -> FlashRules.Policy {
        let rules = FlashRules(rules.map { (Array($0.0.utf8), $0.1) })
        return Array(key.utf8).withSlice { rules.policy(of: $0) }
    }

    @Test func aPatternIsAPrefixOrAGlob() {
        for pattern in ["user:", "user:*"] {
            for key in ["user:", "user:1", "user:*", "user:1:name"] { #expect(policy([(pattern, .hot)], key) == .hot) }
            for key in ["", "user", "use", "User:1", "xuser:1"] { #expect(policy([(pattern, .hot)], key) == .standard) }
        }
        let cases: [(String, String, Bool)] = [
            ("*:log", "a:log", true), ("*:log", "a:log:1", false), ("u?er:*", "uxer:1", true),
            ("u?er:*", "uer:1", false),
            ("s:[ab]*", "s:b1", true), ("s:[ab]*", "s:c1", false), ("*", "anything", true), ("a\\*b", "a*bc", true),
            ("a\\*b", "axb", false), ("a\\*", "a*x", true), ("a\\*", "ax", false), ("user:*:tmp", "user:1:tmp", true),
            ("user:*:tmp", "user:1:tmp:2", false),
        ]
        for (pattern, key, matches) in cases {
            #expect(policy([(pattern, .cold)], key) == (matches ? .cold : .standard), "\(pattern) and \(key)")
        }
    }

    @Test func theFirstRuleThatMatchesCounts() {
        let rules: [(String, FlashRules.Policy)] = [
            ("user:vip:", .hot), ("user:test:", .standard), ("user:", .cold), ("user:vip:x", .cold), ("*", .hot),
        ]
        for (key, expected) in [
            ("user:vip:x", FlashRules.Policy.hot), ("user:test:1", .standard), ("user:1", .cold), ("other", .hot),
        ] { #expect(policy(rules, key) == expected, "\(key)") }
        #expect(policy([], "a") == .standard)
        let made = FlashRules([(Array("a".utf8), .cold), (Array("b".utf8), .standard)])
        #expect(made.count == 2 && made.hasCold && !made.hasHot)
    }

    /// A pattern costs its length times the key's: of long keys only beginnings are compared.
    @Test func longKeysHaveOnlyPrefixes() {
        let longest = String(repeating: "k", count: FlashRules.longestMatchedKey)
        #expect(policy([("k*k", .cold)], longest) == .cold)
        #expect(policy([("k*k", .cold)], longest + "k") == .standard)
        #expect(policy([("k*k", .cold), ("k", .hot)], longest + "k") == .hot)
    }

    @Test func rulesAreInForceUntilThereAreNone() {
        let store = KeyspaceStore(
            databases: 1, placement: Placement(seed: SipHash(k0: 1, k1: 2)), hasProvider: true)
        #expect(store.flashRulesInForce == nil)
        store.setFlashRules(FlashRules([(Array("a".utf8), .hot)]))
        #expect(store.flashRulesInForce?.hasHot == true)
        store.setFlashRules(FlashRules([]))
        #expect(store.flashRulesInForce == nil)
        #expect(store.flashRulesVersion.load(ordering: .relaxed) == 2)
    }
}
