import Glibc
import Testing

@testable import Configuration

/// A directory that is removed with what is in it.
final class Scratch {
    let path: String
    init() {
        var template = Array("/tmp/firn-config-XXXXXX".utf8CString)
        // mkdtemp answers nil only if /tmp can't be written to.
        path = String(cString: mkdtemp(&template)!)
    }
    deinit {
        for name in ["a", "b", "c", "d1.conf", "d2.conf", "firn.conf"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
    func write(_ name: String, _ content: String) -> String {
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o640)
        _ = Array(content.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
        return "\(path)/\(name)"
    }
    func read(_ name: String) throws -> String { text(try ConfigurationFile.read("\(path)/\(name)")) }
}

func start(_ content: String, file: String? = nil) -> Startup { ServerArguments.settings(bytes(content), file: file) }

/// The store, or the printed error.
func outcome(_ startup: Startup) -> (store: ConfigurationStore?, text: String) {
    switch startup {
    case .serve(let store, let notes): (store, notes.joined(separator: "\n"))
    case .failure(let text), .help(let text): (nil, text)
    case .version: (nil, "version")
    }
}

func block(_ line: Int, _ text: String, _ reason: String) -> String {
    "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.0, Firn) ***\n"
        + "Reading the configuration file, at line \(line)\n>>> '\(text)'\n\(reason)\n"
}

@Suite struct StartTests {
    @Test func errorBlocks() {
        let missing: (String) -> String = { "directive \($0) needs a feature this version of Firn does not have yet" }
        let cases: [(String, Int, String, String)] = [
            ("port abc", 1, "port abc", "argument couldn't be parsed into an integer"),
            ("\n# c\n  port 1 2 \r\n", 3, "port 1 2", "wrong number of arguments"),
            ("nosuch 1", 1, "nosuch 1", "Bad directive or wrong number of arguments"),
            ("save \"1", 1, "save \"1", "Unbalanced quotes in configuration line"),
            ("save \"'1\"", 1, "save \"'1\"", "Unbalanced quotes in configuration line"),
            ("unixsocketperm 9", 1, "unixsocketperm 9", "argument couldn't be parsed as an octal number"),
            ("unixsocketperm 1000", 1, "unixsocketperm 1000", "argument must be between 0 and 777 inclusive"),
            ("appendonly yes", 1, "appendonly yes", missing("appendonly")),
            ("cluster-enabled yes", 1, "cluster-enabled yes", missing("cluster-enabled")),
            ("slaveof 127.0.0.1 1", 1, "slaveof 127.0.0.1 1", missing("replicaof")),
            ("aclfile /x", 1, "aclfile /x", missing("aclfile")),
            ("user alice on", 1, "user alice on", missing("user")),
            ("tls-port 6380", 1, "tls-port 6380", missing("tls-port")),
            ("active-replica true", 1, "active-replica true", missing("active-replica")),
            ("min-slaves-to-write 1", 1, "min-slaves-to-write 1", missing("min-replicas-to-write")),
            ("loadmodule /x.so", 1, "loadmodule /x.so",
                "directive loadmodule needs a feature Firn does not have: it cannot load modules"),
            ("sentinel monitor a", 1, "sentinel monitor a", "sentinel directive while not in sentinel mode"),
            ("storage-provider flash", 1, "storage-provider flash", "storage-provider flash needs a directory"),
            ("storage-provider disk /x", 1, "storage-provider disk /x",
                "argument(s) must be one of the following: none, flash"),
            ("dir /nonexistent", 1, "dir /nonexistent", "No such file or directory"),
            ("port 1\0", 1, "port 1?", "NUL byte in configuration line"),
        ]
        for (content, number, line, reason) in cases {
            #expect(outcome(start(content)).text == block(number, line, reason))
        }
        #expect(outcome(start("include /nonexistent")).text
            == "Fatal error, can't open config file '/nonexistent': No such file or directory\n")
    }

    @Test func linesAreUnderstood() throws {
        let content = """
            PORT 7000\r
            bind 127.0.0.1 ::1
            requirepass "\\x00\\xff secret"
            save 60 1
            save 30 2
            client-output-buffer-limit replica 1mb 2kb 3
            client-output-buffer-limit pubsub 0 0 0
            server-thread-affinity true
            appendonly yes
            appendonly no
            user default on nopass sanitize-payload ~* &* +@all
            rename-command FLUSHALL ""
            rename-command CONFIG hidden
            list-max-ziplist-entries 512
            storage-provider flash "/tmp/a b"
            """
        let (store, notes) = outcome(start(content))
        let settings = try #require(store).current
        #expect(settings.port == 7000)
        #expect(settings.bind == ["127.0.0.1", "::1"])
        #expect(settings.password == [0, 255] + bytes(" secret"))
        #expect(settings.savePoints == [SavePoint(seconds: 60, changes: 1), SavePoint(seconds: 30, changes: 2)])
        #expect(settings.replicaOutputLimit == OutputBufferLimit(hardBytes: 1 << 20, softBytes: 2048, softSeconds: 3))
        #expect(settings.normalOutputLimit.hardBytes == 0)
        #expect(settings.serverThreadAffinity)
        #expect(settings.renamedCommands.map { text($0.new) } == ["", "hidden"])
        #expect(settings.flashDirectory == "/tmp/a b")
        #expect(settings.directory.first == "/")
        #expect(notes.contains("no RDB snapshots yet"))
        #expect(outcome(start("save 1 1\nsave \"\"")).store?.value("save") == "")
        #expect(outcome(start("save \"\"\nsave 1 1")).store?.value("save") == "1 1")
    }

    @Test func commandLine() throws {
        let cases: [([String], String)] = [
            (["--port", "7777"], "port \"7777\" "),
            (["--port 7777"], "port 7777 "),
            (["--save"], "save \"\""),
            (["--save", "--port", "1"], "save \"\"\nport \"1\" "),
            (["--save", "", "--port", "1"], "save \"\" \nport \"1\" "),
            (["--bind", "1.1.1.1", "2.2.2.2", "--requirepass", "--x"],
                "bind \"1.1.1.1\" \"2.2.2.2\" \nrequirepass \"--x\" "),
        ]
        for (arguments, lines) in cases {
            #expect(text(ServerArguments.lines(arguments.map(bytes), isFirst: true).text) == lines)
        }
        #expect(ServerArguments.lines([bytes("-")], isFirst: true).readsInput)
        #expect(ServerArguments.lines([bytes("--port"), bytes("1"), bytes("-")], isFirst: false).readsInput)
        #expect(outcome(ServerArguments.parse(["-v"])).text == "version")
        #expect(outcome(ServerArguments.parse(["--help"])).text == ServerArguments.usage)
        #expect(outcome(ServerArguments.parse(["--port", "abc"])).text
            == block(2, "port \"abc\"", "argument couldn't be parsed into an integer"))
        #expect(outcome(ServerArguments.parse(["/nonexistent"])).text
            == "Fatal error, can't open config file '/nonexistent': No such file or directory\n")
        let scratch = Scratch()
        let file = scratch.write("firn.conf", "port 1\nhz 20\nappendonly yes")
        let store = outcome(ServerArguments.parse([file, "--port", "2", "--appendonly", "no"])).store
        #expect(store?.current.port == 2)
        #expect(store?.current.hz == 20)
        #expect(store?.current.file == file)
    }

    @Test func includes() throws {
        let scratch = Scratch()
        let d1 = scratch.write("d1.conf", "port 1")
        _ = scratch.write("d2.conf", "hz 2\nport 3")
        let a = scratch.write("a", "include \(scratch.path)/d*.conf\ninclude \(scratch.path)/none*.conf\ntimeout 4")
        let store = try #require(outcome(ServerArguments.parse([a])).store)
        #expect([store.current.port, store.current.hz, store.current.idleTimeoutSeconds] == [3, 2, 4])
        let b = scratch.write("b", "include \(scratch.path)/c")
        _ = scratch.write("c", "# again\ninclude \(b)")
        #expect(outcome(ServerArguments.parse([b])).text.contains("include of a file by itself: \(b)"))
        _ = scratch.write("c", "port x")
        #expect(outcome(ServerArguments.parse([b])).text.contains(
            "Reading the configuration file \(scratch.path)/c, at line 1\n>>> 'port x'"))
        let wide = scratch.write("c", String(repeating: "include \(d1)\n", count: 1001))
        #expect(outcome(ServerArguments.parse([wide])).text.contains("include names more than 1000 files"))
    }

    @Test func filesInConfigsStart() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        var files = ConfigurationFile.matches("/\(root)/configs/*.conf")
        #expect(files.count >= 4)
        // Debian's file names /var/lib/redis, which is there where the package is.
        if access("/etc/redis/redis.conf", R_OK) == 0 { files.append("/etc/redis/redis.conf") }
        for file in files {
            let (store, notes) = outcome(ServerArguments.parse([file]))
            #expect(store != nil, "\(file): \(notes)")
        }
        let keyDB = outcome(ServerArguments.parse(["/\(root)/configs/keydb-flash.conf"])).store?.current
        #expect(keyDB?.serverThreads == 4)
        #expect(keyDB?.flashDirectory == "/var/lib/keydb/flash")
        // The documented example says nothing but defaults, apart from its addresses and the missing snapshots.
        let example = try #require(outcome(ServerArguments.parse(["/\(root)/configs/firn.conf"])).store?.current)
        for (index, row) in DirectiveTable.rows.enumerated() where !["bind", "save", "dir"].contains(row.name) {
            #expect(example.values[index] == DirectiveTable.standardValues[index], "\(row.name)")
        }
    }
}
