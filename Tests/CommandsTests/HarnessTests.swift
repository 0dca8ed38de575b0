import Bytes
import Commands
import Testing

@Suite struct HarnessTests {
    @Test func answersAsADispatcherWould() {
        let harness = CommandHarness([])
        #expect(harness.run("DEL", "k") == ":0")
        #expect(harness.run("PTTL", "k") == ":-2")
        #expect(harness.run("OBJECT", "ENCODING", "k") == "$-1")
        #expect(harness.run("del") == "-ERR wrong number of arguments for 'del' command")
        #expect(harness.run("object", "encoding") == "-ERR wrong number of arguments for 'object|encoding' command")
        #expect(harness.run("object", "x") == "-ERR unknown subcommand 'x'. Try OBJECT HELP.")
        #expect(harness.run("nix", "a") == "-ERR unknown command 'nix', with args beginning with: 'a' ")
        harness.version = 3
        #expect(harness.run("OBJECT", "ENCODING", "k") == "_")
    }

    @Test func showsReplies() {
        #expect(ReplyText.show(Array("*3\r\n:1\r\n$-1\r\n$4\r\na\r\n\"\r\n".utf8)) == #"*3 :1 $-1 "a\r\n\"""#)
        #expect(ReplyText.show(Array("%1\r\n$1\r\nk\r\n~0\r\n".utf8)) == #"%1 "k" ~0"#)
        #expect(ReplyText.show(Array("=7\r\ntxt:abc\r\n".utf8)) == #"=txt:"abc""#)
    }

    @Test func readsRequests() {
        let words = Transcript.words(#"GET k "a\x00\"" 'b c' """#)
        #expect(words == [[0x47, 0x45, 0x54], [0x6b], [0x61, 0, 0x22], [0x62, 0x20, 0x63], []])
    }
}
