import Testing

@testable import Configuration

/// flash-policy: a line for each rule, in the file, in options, in CONFIG SET and in REWRITE.
@Suite struct FlashPolicyTests {
    private func rules(_ settings: Settings) -> [String] {
        settings.flash.policies.map { "\(text($0.pattern)) \($0.temperature)" }
    }

    @Test func linesAddUp() throws {
        let store = try #require(
            outcome(
                start(
                    """
                    flash-policy prefix:user:vip:* hot
                    flash-policy prefix:user: default prefix:log:* COLD
                    flash-policy "prefix:session:[ab]* cold"
                    flash-policy prefix:log:* hot
                    """)
            ).store)
        let all = ["user:vip:* hot", "user: standard", "log:* hot", "session:[ab]* cold"]
        #expect(rules(store.current) == all)
        #expect(
            store.value("flash-policy")
                == "prefix:user:vip:* hot prefix:user: default prefix:log:* hot prefix:session:[ab]* cold")
        // CONFIG SET takes what GET gives, and says all there is.
        let shown = store.value("flash-policy")
        #expect(store.reply(("flash-policy", "prefix:a cold")) == "OK flash-policy")
        #expect(rules(store.current) == ["a cold"])
        #expect(store.reply(("flash-policy", shown)) == "OK flash-policy" && rules(store.current) == all)
        #expect(store.reply(("flash-policy", "")) == "OK flash-policy" && rules(store.current) == [])
        let cleared = try #require(outcome(start("flash-policy prefix:a hot\nflash-policy \"\"")).store)
        #expect(rules(cleared.current) == [])
        #expect(rules(Settings.standard) == [])
    }

    @Test func optionsOfTheCommandLine() throws {
        for arguments in [
            ["--flash-policy", "prefix:a:", "hot", "--flash-policy", "prefix:b: cold", "--port", "7000"],
            ["--flash-policy", "prefix:a: hot prefix:b: cold"],
        ] {
            let store = try #require(outcome(ServerArguments.parse(arguments)).store)
            #expect(rules(store.current) == ["a: hot", "b: cold"])
        }
    }

    @Test func badRulesAreRefusedWithTheirLine() {
        let long = String(repeating: "p", count: 257)
        let many = (0...256).map { "prefix:\($0) hot" }.joined(separator: " ")
        let cases = [
            ("prefix:a", "flash-policy takes prefix:PATTERN and one of hot, cold, default, as often as is wanted"),
            ("a hot", "a rule of flash-policy begins with prefix:"),
            ("prefix: hot", "flash-policy needs a pattern behind prefix:"),
            ("prefix:a warm", "what flash-policy says of a pattern must be hot, cold or default"),
            ("hot prefix:a", "a rule of flash-policy begins with prefix:"),
            ("prefix:\(long) hot", "a pattern of flash-policy has at most 256 bytes"),
            (many, "flash-policy has at most 256 rules"),
        ]
        for (words, reason) in cases {
            let shown = outcome(start("port 7000\nflash-policy \(words)")).text
            #expect(shown.contains("at line 2\n") && shown.hasSuffix("\n\(reason)\n"), "\(shown)")
            let store = ConfigurationStore()
            #expect(
                store.reply(("flash-policy", words))
                    == "ERR CONFIG SET failed (possibly related to argument 'flash-policy') - \(reason)")
            #expect(rules(store.current) == [])
        }
        // Line by line they would be too many as well.
        let lines = (0...256).map { "flash-policy prefix:\($0) hot" }.joined(separator: "\n")
        #expect(outcome(start(lines)).text.contains("at line 257\n"))
    }

    @Test func rewriteWritesALineForEachRule() throws {
        let old = """
            flash-policy prefix:a: hot
            port 7000
            flash-policy prefix:b: hot
            flash-policy prefix:c: hot
            """
        let store = try #require(outcome(start(old)).store)
        #expect(store.reply(("flash-policy", "prefix:b: cold prefix:x\\*y default")) == "OK flash-policy")
        let new = text(FileRewrite.content(bytes(old), store.current))
        let lines = "flash-policy prefix:b: cold\nport 7000\nflash-policy \"prefix:x\\\\*y\" default\n"
        #expect(new.hasPrefix(lines), "\(new)")
        #expect(!new.contains("prefix:c:"))
        let again = try #require(outcome(start(new)).store)
        #expect(rules(again.current) == rules(store.current))
        // Without rules there is no line.
        #expect(store.reply(("flash-policy", "")) == "OK flash-policy")
        #expect(!text(FileRewrite.content(bytes(new), store.current)).contains("flash-policy"))
    }
}
