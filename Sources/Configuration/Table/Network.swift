extension DirectiveTable {
    static let network: [Directive] = [
        .special(
            "bind", .words(atMost: 16), "* -::*", [.several], .works,
            "addresses to listen on; a leading '-' makes one optional"),
        .integer("port", port, 6379, [], .works, "TCP port, 0 for none"),
        .text("unixsocket", "", [.immutable, .emptyIsUnset], .works, "path of a Unix socket to listen on"),
        .special("unixsocketperm", .octal(0...0o777), "0", .immutable, .works, "mode of the Unix socket, octal"),
        .integer("tcp-backlog", int, 511, .immutable, .works, "length of the listen queue"),
        .integer("timeout", int, 0, [], .works, "close a connection idle for so many seconds, 0 for never"),
        .integer("tcp-keepalive", int, 300, [], .works, "seconds between keep-alive probes, 0 for none"),
        .flag(
            "protected-mode", true, [], .works,
            "without a password, refuse clients from other machines"),
        .integer(
            "socket-mark-id", unsigned, 0, .immutable, .nothing("this version does not mark sockets")),
        .text("bind-source-addr", "", .emptyIsUnset, .nothing(Directive.noReplication)),
        .integer("max-new-connections-per-cycle", 1...1000, 10, [], .nothing("each loop accepts in bounded batches")),
        .integer("max-new-tls-connections-per-cycle", 1...1000, 1, [], .nothing(Directive.noTLS)),
    ]

    static let clients: [Directive] = [
        .integer("maxclients", 1...Int64(UInt32.max), 10000, [], .works, "connections at the same time"),
        .special(
            "maxmemory-clients", .memoryOrPercent, "0", [], .works,
            "memory of all clients' buffers together, in bytes or percent of maxmemory; 0 for no limit"),
        .memory("client-query-buffer-limit", in: 1_048_576...Int64.max, 1 << 30),
        .memory("proto-max-bulk-len", in: 1_048_576...Int64.max, 512 << 20),
        .special(
            "client-output-buffer-limit", .outputBufferLimits,
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", .several, .works,
            "class, hard limit, soft limit, seconds above the soft limit"),
        .integer(
            "tracking-table-max-keys", long, 1_000_000, [], .works,
            "keys whose readers are remembered; 0 for no limit"),
        .integer(
            "busy-reply-threshold", aliases: ["lua-time-limit"], long, 5000, [], .works, "milliseconds before -BUSY"),
        .integer("slowlog-log-slower-than", -1...Int64.max, 10000, [], .works, "microseconds; -1 for off"),
        .integer("slowlog-max-len", long, 128),
        .integer("latency-monitor-threshold", long, 0, [], .works, "milliseconds; 0 for off"),
        .flag("latency-tracking", true),
        .special("latency-tracking-info-percentiles", .percentiles, "50 99 99.9", .several),
        .special("notify-keyspace-events", .keyspaceEvents, "\"\""),
    ]

    static let system: [Directive] = [
        .special("dir", .directory, ".", [.protected, .notWhileLoading], .works, "the working directory"),
        .integer("databases", positive, 16, .immutable),
        .integer("hz", int, 10, [], .works, "rounds of background work per second, 1 to 500"),
        .flag("dynamic-hz", true),
        .choice("loglevel", ["debug", "verbose", "notice", "warning"], "notice"),
        .text("logfile", "", .immutable, .works, "empty for standard output"),
        .flag("syslog-enabled", false, .immutable, .nothing("the log goes to logfile or standard output")),
        .text("syslog-ident", "redis", .immutable, .nothing("the log goes to logfile or standard output")),
        .choice(
            "syslog-facility",
            ["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"], "local0",
            .immutable, .nothing("the log goes to logfile or standard output")),
        .flag("daemonize", false, .immutable),
        .text("pidfile", "", [.immutable, .emptyIsUnset]),
        .choice("supervised", ["upstart", "systemd", "auto", "no"], "no", .immutable),
        .flag("always-show-logo", false, .immutable, .nothing("there is no logo")),
        .flag("set-proc-title", true, .immutable, .nothing("the process keeps its title")),
        .text(
            "proc-title-template", "{title} {listen-addr} {server-mode}", [], .nothing("the process keeps its title"),
            rule: .processTitle),
        .flag("crash-log-enabled", true, [], .nothing("Swift's runtime prints the backtrace of a crash")),
        .flag("crash-memcheck-enabled", true, [], .nothing("Swift's runtime prints the backtrace of a crash")),
        .flag("use-exit-on-panic", false, .hidden, .nothing("for Redis' own tests")),
        .flag("enable-debug-assert", false, [.hidden, .immutable], .nothing("for Redis' own tests")),
        .text("debug-context", "", .hidden, .nothing("for Redis' own tests")),
        .integer("watchdog-period", int, 0, .hidden, .nothing("for Redis' own tests")),
        .text("ignore-warnings", "", [], .nothing("no warning of the server stops the start")),
        .choice(
            "oom-score-adj", ["no", "yes", "=relative", "absolute"], "no", [], .nothing("left to the service unit")),
        .special(
            "oom-score-adj-values", .oomScores, "0 200 800", .several, .nothing("left to the service unit")),
        .flag("disable-thp", true, .immutable, .nothing("left to the system")),
        .text("server_cpulist", "", [.immutable, .emptyIsUnset], .nothing("use server-thread-affinity")),
        .text("bio_cpulist", "", [.immutable, .emptyIsUnset], .nothing("use server-thread-affinity")),
        .text("aof_rewrite_cpulist", "", [.immutable, .emptyIsUnset], .nothing(Directive.noThreads)),
        .text("bgsave_cpulist", "", [.immutable, .emptyIsUnset], .nothing(Directive.noThreads)),
        .text("locale-collate", "", [], .nothing("SORT compares bytes")),
        .choices("shutdown-on-sigint", ["default", "save", "nosave", "now", "force"]),
        .choices("shutdown-on-sigterm", ["default", "save", "nosave", "now", "force"]),
        .integer("shutdown-timeout", int, 10, [], .nothing(Directive.noReplication)),
    ]

    static let security: [Directive] = [
        .special("requirepass", .secret, "\"\"", [.sensitive, .emptyIsUnset], .works, "password of the default user"),
        .text("aclfile", "", .immutable, .missing(harmless: [""])),
        .integer("acllog-max-len", long, 128),
        .choice("acl-pubsub-default", ["resetchannels", "allchannels"], "resetchannels"),
        .choice("enable-protected-configs", ["no", "yes", "local"], "no", .immutable),
        .choice("enable-debug-command", ["no", "yes", "local"], "no", .immutable),
        .choice("enable-module-command", ["no", "yes", "local"], "no", .immutable),
    ]

    static let tls: [Directive] = [
        .integer("tls-port", port, 0, [], .missing(harmless: ["0"])),
        .integer("tls-session-cache-size", int, 20480, [], .nothing(Directive.noTLS)),
        .integer("tls-session-cache-timeout", int, 300, [], .nothing(Directive.noTLS)),
        .flag("tls-cluster", false, [], .nothing(Directive.noTLS)),
        .flag("tls-replication", false, [], .nothing(Directive.noTLS)),
        .choice("tls-auth-clients", ["no", "yes", "optional"], "yes", [], .nothing(Directive.noTLS)),
        .flag("tls-prefer-server-ciphers", false, [], .nothing(Directive.noTLS)),
        .flag("tls-session-caching", true, [], .nothing(Directive.noTLS)),
        .text("tls-cert-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-key-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .special("tls-key-file-pass", .secret, "\"\"", [.sensitive, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-client-cert-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-client-key-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .special("tls-client-key-file-pass", .secret, "\"\"", [.sensitive, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-dh-params-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-ca-cert-file", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-ca-cert-dir", "", [.volatile, .emptyIsUnset], .nothing(Directive.noTLS)),
        .text("tls-protocols", "", .emptyIsUnset, .nothing(Directive.noTLS)),
        .text("tls-ciphers", "", .emptyIsUnset, .nothing(Directive.noTLS)),
        .text("tls-ciphersuites", "", .emptyIsUnset, .nothing(Directive.noTLS)),
    ]
}
