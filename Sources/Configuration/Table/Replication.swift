extension DirectiveTable {
    private static let none = Directive.Effect.nothing(Directive.noReplication)
    private static let alone = Directive.Effect.nothing(Directive.noCluster)

    static let replication: [Directive] = [
        .special(
            "replicaof", aliases: ["slaveof"], .replicaOf, "no one", [.immutable, .several], .missing(harmless: [""])),
        .special("masteruser", .secret, "\"\"", [.sensitive, .emptyIsUnset], none),
        .special("masterauth", .secret, "\"\"", [.sensitive, .emptyIsUnset], none),
        .flag("replica-serve-stale-data", aliases: ["slave-serve-stale-data"], true, [], none),
        .flag("replica-read-only", aliases: ["slave-read-only"], true, [], none),
        .flag("replica-lazy-flush", aliases: ["slave-lazy-flush"], false, [], none),
        .flag("replica-ignore-maxmemory", aliases: ["slave-ignore-maxmemory"], true, [], none),
        .flag("replica-ignore-disk-write-errors", false, [], none),
        .flag("replica-announced", true, [], none),
        .text("replica-announce-ip", aliases: ["slave-announce-ip"], "", .emptyIsUnset, none),
        .integer("replica-announce-port", aliases: ["slave-announce-port"], port, 0, [], none),
        .integer("replica-priority", aliases: ["slave-priority"], int, 100, [], none),
        .flag("repl-disable-tcp-nodelay", false, [], none),
        .flag("repl-diskless-sync", true, [], none),
        .integer("repl-diskless-sync-delay", int, 5, [], none),
        .integer("repl-diskless-sync-max-replicas", int, 0, [], none),
        .choice("repl-diskless-load", ["disabled", "on-empty-db", "swapdb"], "disabled", .notWhileLoading, none),
        .integer("repl-timeout", positive, 60, [], none),
        .integer("repl-ping-replica-period", aliases: ["repl-ping-slave-period"], positive, 10, [], none),
        .memory("repl-backlog-size", in: 1...Int64.max, 1 << 20, [], none),
        .integer("repl-backlog-ttl", long, 3600, [], none),
        .integer(
            "min-replicas-to-write", aliases: ["min-slaves-to-write"], int, 0, [], .missing(harmless: ["0"]),
            "writes are refused with fewer replicas"),
        .integer("min-replicas-max-lag", aliases: ["min-slaves-max-lag"], int, 10, [], none),
        .choice("propagation-error-behavior", ["ignore", "panic", "panic-on-replicas"], "ignore", [], none),
    ]

    static let cluster: [Directive] = [
        .flag("cluster-enabled", false, .immutable, .missing(harmless: ["no"])),
        .text("cluster-config-file", "nodes.conf", .immutable, alone),
        .integer("cluster-node-timeout", long, 15000, [], alone),
        .integer("cluster-port", port, 0, .immutable, alone),
        .flag("cluster-require-full-coverage", true, [], alone),
        .flag("cluster-replica-no-failover", aliases: ["cluster-slave-no-failover"], false, [], alone),
        .integer("cluster-replica-validity-factor", aliases: ["cluster-slave-validity-factor"], int, 10, [], alone),
        .integer("cluster-migration-barrier", int, 1, [], alone),
        .flag("cluster-allow-replica-migration", true, [], alone),
        .flag("cluster-allow-reads-when-down", false, [], alone),
        .flag("cluster-allow-pubsubshard-when-down", true, [], alone),
        .memory("cluster-link-sendbuf-limit", 0, [], alone),
        .text("cluster-announce-ip", "", .emptyIsUnset, alone),
        .text("cluster-announce-hostname", "", .emptyIsUnset, alone, rule: .hostName),
        .text("cluster-announce-human-nodename", "", .emptyIsUnset, alone, rule: .hostName),
        .integer("cluster-announce-port", port, 0, [], alone),
        .integer("cluster-announce-tls-port", port, 0, [], alone),
        .integer("cluster-announce-bus-port", port, 0, [], alone),
        .choice(
            "cluster-preferred-endpoint-type", ["ip", "hostname", "unknown-endpoint"], "ip", [], alone),
    ]
}
