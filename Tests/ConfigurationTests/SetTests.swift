import Synchronization
import Testing

@testable import Configuration

@Suite struct SetTests {
    /// Each directive takes the value that it tells, and tells it again. Redis' suite has the like ("CONFIG sanity"),
    /// which stumbles over the immutable ones that Redis has not got.
    @Test func everyDirectiveTakesItsOwnValue() {
        let store = ConfigurationStore()
        func values() -> [String: String] {
            Dictionary(uniqueKeysWithValues: store.get([Array("*".utf8)]).map {
                (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
            })
        }
        let before = values()
        var taken = 0
        for (name, value) in before {
            let reply = store.reply((name, value))
            if ["immutable", "protected"].contains(where: { reply.hasSuffix("can't set \($0) config") }) { continue }
            #expect(reply.hasPrefix("OK"), "\(name) '\(value)': \(reply)")
            taken += 1
        }
        #expect(taken > 150, "\(taken) of \(before.count)")
        #expect(values() == before)
    }

    /// Requests and replies; those of directives that Redis has were checked against redis-server 7.0.15.
    @Test func transcript() {
        let store = ConfigurationStore()
        let failed = "ERR CONFIG SET failed (possibly related to argument "
        let lines: [(String, String, String)] = [
            ("maxmemory", "100mb", "OK maxmemory"),
            ("maxmemory", "104857600", "OK "),
            ("MaxMemory", "1x", failed + "'maxmemory') - argument must be a memory value"),
            ("slave-priority", "x", failed + "'slave-priority') - argument couldn't be parsed into an integer"),
            ("nosuch", "1", "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("Databases", "3", failed + "'Databases') - can't set immutable config"),
            ("dir", "/tmp", failed + "'dir') - can't set protected config"),
            ("save", "1  2", failed + "'save') - Invalid save parameters"),
            ("save", "", "OK save"),
            ("latency-tracking-info-percentiles", "50.5 99.123456789", "OK latency-tracking-info-percentiles"),
            ("latency-tracking-info-percentiles", "101",
                failed + "'latency-tracking-info-percentiles') - "
                    + "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
            ("shutdown-on-sigint", "force now", "OK shutdown-on-sigint"),
            ("shutdown-on-sigint", "save nosave",
                failed + "'shutdown-on-sigint') - shutdown options SAVE and NOSAVE can't be used simultaneously"),
            ("oom-score-adj", "relative", "OK oom-score-adj"),
            ("notify-keyspace-events", "KEA", "OK notify-keyspace-events"),
            ("notify-keyspace-events", "Q",
                failed + "'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
            ("maxmemory-clients", "101%",
                failed + "'maxmemory-clients') - percentage argument must be less or equal to 100"),
            ("maxmemory-clients", "5%", "OK maxmemory-clients"),
            ("hz", "9999", "OK hz"),
            ("maxclients", "-1", failed + "'maxclients') - argument must be between 1 and 4294967295 inclusive"),
            ("proto-max-bulk-len", "1",
                failed + "'proto-max-bulk-len') - argument must be between 1048576 and 9223372036854775807 inclusive"),
            ("timeout", "99999999999", failed + "'timeout') - argument must be between 0 and 2147483647 inclusive"),
            ("client-output-buffer-limit", "master 0 0 0",
                failed + "'client-output-buffer-limit') - "
                    + "Invalid client class specified in buffer limit configuration."),
            ("client-output-buffer-limit", "replica 1mb 0 5", "OK client-output-buffer-limit"),
            ("appendfsync", "foo",
                failed + "'appendfsync') - argument(s) must be one of the following: everysec, always, no"),
            ("rdbcompression", "maybe", failed + "'rdbcompression') - argument must be 'yes' or 'no'"),
            ("proc-title-template", "{foo}",
                failed + "'proc-title-template') - template format is invalid or contains unknown variables"),
            ("dbfilename", "a/b", failed + "'dbfilename') - can't set protected config"),
            ("appendonly", "yes",
                failed + "'appendonly') - "
                    + "directive appendonly needs a feature this version of Firn does not have yet"),
            ("list-max-ziplist-size", "-3", "OK list-max-listpack-size"),
        ]
        for (name, value, reply) in lines { #expect(store.reply((name, value)) == reply) }
        #expect(store.value("maxmemory") == "104857600")
        #expect(store.value("save") == "")
        #expect(store.value("latency-tracking-info-percentiles") == "50.5 99.123457")
        #expect(store.value("shutdown-on-sigint") == "now force")
        #expect(store.value("oom-score-adj") == "yes")
        #expect(store.value("notify-keyspace-events") == "AKE")
        #expect(store.value("maxmemory-clients") == "5%")
        #expect(store.value("hz") == "500")
        #expect(store.value("client-output-buffer-limit")
            == "normal 0 0 0 slave 1048576 0 5 pubsub 33554432 8388608 60")
        #expect(store.current.encodings.listMaxListpackSize == -3)
    }

    @Test func severalAtOnceAreAllOrNone() {
        let store = ConfigurationStore()
        #expect(store.reply(("hz", "20"), ("timeout", "5")) == "OK hz,timeout")
        #expect(store.reply(("hz", "30"), ("timeout", "x")).contains("'timeout') - argument couldn't be parsed"))
        #expect(store.value("hz") == "20")
        #expect(store.reply(("hz", "5"), ("hz", "6")).hasSuffix("'hz') - duplicate parameter"))
        #expect(store.reply(("lua-time-limit", "5"), ("busy-reply-threshold", "6")).hasSuffix(
            "'busy-reply-threshold') - duplicate parameter"))
        #expect(store.reply(("databases", "5"), ("nosuch", "6")).hasSuffix("can't set immutable config"))
        #expect(store.reply(("nosuch", "6"), ("databases", "5")).contains("CONFIG SET - 'nosuch'"))
        #expect(store.reply(("appendonly", "no"), isLoading: true) == "LOADING")
        #expect(store.reply(("hz", "7"), isLoading: true) == "OK hz")
    }

    @Test func observersSeeAndVeto() {
        let store = ConfigurationStore()
        let seen = Mutex<[String]>([])
        store.observe { old, new, names in
            seen.withLock { $0.append("\(old.hz)>\(new.hz) \(names)") }
            return nil
        }
        store.observe { [store] _, new, _ in
            // Reading inside an observer does not deadlock and shows the old state.
            new.hz == 13 && store.current.hz != 13 ? .init("unlucky") : nil
        }
        #expect(store.reply(("hz", "12")) == "OK hz")
        #expect(store.reply(("timeout", "1"), ("hz", "13"))
            == "ERR CONFIG SET failed (possibly related to argument 'timeout') - unlucky")
        #expect(store.value("hz") == "12")
        #expect(store.value("timeout") == "0")
        #expect(seen.withLock { $0 } == [
            #"10>12 ["hz"]"#, #"12>13 ["timeout", "hz"]"#, #"13>12 ["timeout", "hz"]"#,
        ])
        // The same value again changes nothing and asks nobody; a certificate path does.
        #expect(store.reply(("hz", "12")) == "OK ")
        #expect(store.reply(("tls-cert-file", "")) == "OK tls-cert-file")
    }

    @Test func getFindsNamesPatternsAndAliases() {
        let store = ConfigurationStore()
        func names(_ patterns: String...) -> [String] { store.get(patterns.map(bytes)).map { text($0.name) } }
        #expect(names("PORT", "port", "nosuch") == ["PORT"])
        #expect(names("slave-prio*") == ["slave-priority"])
        #expect(Set(names("*a*e-priority", "slave-priority")) == ["slave-priority"])
        #expect(Set(names("*[ac][av]*-priority")) == ["replica-priority", "slave-priority"])
        #expect(names("watchdog*") == [])
        #expect(names("watchdog-period") == ["watchdog-period"])
        #expect(names("io-threads", "server-threads").count == 2)
        #expect(names("*").count == DirectiveTable.rows.filter { !$0.flags.contains(.hidden) }
            .reduce(0) { $0 + 1 + $1.aliases.count })
        #expect(ConfigurationStore.isSensitive(bytes("RequirePass")))
    }

    @Test func protectedDirectivesFollowTheirSwitch() throws {
        for (mode, isLocal, allowed) in [("yes", false, true), ("local", true, true), ("local", false, false)] {
            guard case .serve(let store, _) = ServerArguments.parse(["--enable-protected-configs", mode]) else {
                Issue.record("did not start")
                return
            }
            #expect((store.reply(("dbfilename", "x.rdb"), isLocal: isLocal) == "OK dbfilename") == allowed)
        }
    }
}
