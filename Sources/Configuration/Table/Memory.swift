extension DirectiveTable {
    static let memory: [Directive] = [
        .memory("maxmemory", 0, [], .works, "RAM the server may use; 0 for no limit"),
        .choice(
            "maxmemory-policy",
            [
                "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
                "allkeys-random", "noeviction",
            ], "noeviction", [], .works, "what is deleted when the last tier is full"),
        .integer("maxmemory-samples", positive, 5),
        .integer("maxmemory-eviction-tenacity", 0...100, 10),
        .integer("lfu-log-factor", int, 10),
        .integer("lfu-decay-time", int, 1),
        .integer("active-expire-effort", 1...10, 1),
        .flag("lazyexpire-nested-arbitrary-keys", true, .hidden),
        .flag("lazyfree-lazy-eviction", false),
        .flag("lazyfree-lazy-expire", false),
        .flag("lazyfree-lazy-server-del", false),
        .flag("lazyfree-lazy-user-del", false),
        .flag("lazyfree-lazy-user-flush", false),
        .flag("activerehashing", true, [], .nothing("tables grow a little with each insertion")),
        .flag("activedefrag", false, [], .nothing(Directive.ownMemory)),
        .memory("active-defrag-ignore-bytes", in: 1...Int64.max, 100 << 20, [], .nothing(Directive.ownMemory)),
        .integer("active-defrag-threshold-lower", 0...1000, 10, [], .nothing(Directive.ownMemory)),
        .integer("active-defrag-threshold-upper", 0...1000, 100, [], .nothing(Directive.ownMemory)),
        .integer("active-defrag-cycle-min", 1...99, 1, [], .nothing(Directive.ownMemory)),
        .integer("active-defrag-cycle-max", 1...99, 25, [], .nothing(Directive.ownMemory)),
        .integer("active-defrag-max-scan-fields", 1...Int64.max, 1000, [], .nothing(Directive.ownMemory)),
        .flag("jemalloc-bg-thread", true),
    ]

    /// Redis 7.2 has listpacks for them; Redis 7.0's tests, which judge here, want to see hash tables.
    private static let smallSets = "small sets of strings are hash tables, as in Redis 7.0"

    static let encodings: [Directive] = [
        .integer("hash-max-listpack-entries", aliases: ["hash-max-ziplist-entries"], long, 512),
        .memory("hash-max-listpack-value", aliases: ["hash-max-ziplist-value"], 64),
        .integer("set-max-intset-entries", long, 512),
        .integer("set-max-listpack-entries", long, 128, [], .nothing(smallSets)),
        .memory("set-max-listpack-value", 64, [], .nothing(smallSets)),
        .integer("zset-max-listpack-entries", aliases: ["zset-max-ziplist-entries"], long, 128),
        .memory("zset-max-listpack-value", aliases: ["zset-max-ziplist-value"], 64),
        .integer("list-max-listpack-size", aliases: ["list-max-ziplist-size"], anyInt, -2),
        .integer(
            "list-compress-depth", int, 16, [], .works,
            "pages at each end of a list that stay uncompressed; 0: all (Redis' default)"),
        .memory("hll-sparse-max-bytes", 3000),
        .memory("stream-node-max-bytes", 4096),
        .integer("stream-node-max-entries", long, 100),
    ]

    static let snapshots: [Directive] = [
        .special(
            "save", .savePoints, "3600 1 300 100 60 10000", .several, .nothing(Directive.noSnapshots),
            "seconds and changes after which a snapshot is due"),
        .text("dbfilename", "dump.rdb", .protected, .works, rule: .fileName),
        .flag("stop-writes-on-bgsave-error", true, [], .nothing(Directive.noSnapshots)),
        .flag("rdbcompression", true, [], .works, "compress strings in DUMP payloads"),
        .flag("rdbchecksum", true, .immutable, .works, "end DUMP payloads with a checksum"),
        .choice("sanitize-dump-payload", ["no", "yes", "clients"], "no"),
        .flag("rdb-save-incremental-fsync", true, [], .nothing(Directive.noSnapshots)),
        .flag("rdb-del-sync-files", false, [], .nothing(Directive.noReplication)),
        .integer("rdb-key-save-delay", anyInt, 0, .hidden, .nothing("for Redis' own tests")),
        .integer("key-load-delay", anyInt, 0, .hidden, .nothing("for Redis' own tests")),
        .integer(
            "loading-process-events-interval-bytes", 1024...Int64(Int32.max), 2 << 20, .hidden,
            .nothing(Directive.noSnapshots)),
    ]

    static let journal: [Directive] = [
        .flag("appendonly", false, .notWhileLoading, .missing(harmless: ["no"])),
        .text("appendfilename", "appendonly.aof", .immutable, .nothing(Directive.noJournal), rule: .nonEmptyFileName),
        .text(
            "appenddirname", "appendonlydir", .immutable, .nothing(Directive.noJournal), rule: .nonEmptyDirectoryName),
        .choice("appendfsync", ["everysec", "always", "no"], "everysec", [], .nothing(Directive.noJournal)),
        .flag("no-appendfsync-on-rewrite", false, [], .nothing(Directive.noJournal)),
        .integer("auto-aof-rewrite-percentage", int, 100, [], .nothing(Directive.noJournal)),
        .memory("auto-aof-rewrite-min-size", 64 << 20, [], .nothing(Directive.noJournal)),
        .flag("aof-load-truncated", true, [], .nothing(Directive.noJournal)),
        .flag("aof-use-rdb-preamble", true, [], .nothing(Directive.noJournal)),
        .flag("aof-timestamp-enabled", false, [], .nothing(Directive.noJournal)),
        .flag("aof-rewrite-incremental-fsync", true, [], .nothing(Directive.noJournal)),
        .flag("aof-disable-auto-gc", false, [], .nothing(Directive.noJournal)),
    ]
}
