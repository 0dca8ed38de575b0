extension DirectiveTable {
    private static let other = Directive.Effect.nothing(Directive.otherEngine)

    static let keyDB: [Directive] = [
        .integer("server-threads", aliases: ["io-threads"], 1...128, 1, .immutable, .works, "event loops"),
        .flag("io-threads-do-reads", false, .immutable, .nothing("every loop reads, parses and writes")),
        .flag("server-thread-affinity", false, .immutable, .works, wordy: true, "pin each loop to a core"),
        .integer(
            "min-clients-per-thread", aliases: ["thread-min-client-threshold"], int, 20, [], .works,
            "clients a loop gets before the next loop is used"),
        .integer("replica-weighting-factor", positive, 2, [], .nothing(Directive.noReplication)),
        .flag(
            "active-client-balancing", true, [], .works, wordy: true,
            "spread new connections over the loops by load"),
        .flag("active-replica", false, .immutable, .missing(harmless: ["no"]), wordy: true),
        .flag("multi-master", false, .immutable, .missing(harmless: ["no"]), wordy: true),
        .flag("multi-master-no-forward", false, [], .nothing(Directive.noReplication), wordy: true),
        .integer("replica-quorum", -1...Int64(Int32.max), -1, [], .nothing(Directive.noReplication)),
        .text("db-s3-object", "", [.immutable, .emptyIsUnset], .missing(harmless: [""])),
        .integer("overload-protect-percent", 0...200, 0, [], .nothing("writers are slowed before memory runs out")),
        .integer("force-eviction-percent", 0...100, 0, [], .nothing("use maxmemory")),
        .flag("soft-shutdown", false, [], .works, wordy: true, "SHUTDOWN waits until clients have left"),
        .integer("maxclients-reserved", 0...100, 0, [], .works, "connections kept free for local clients"),
        .text("availability-zone", "", [], .works, "shown by INFO"),
        .flag("tls-rotation", false, .immutable, .nothing(Directive.noTLS), wordy: true),
        .special("tls-allowlist", .words(atMost: 1024), "\"\"", .several, .missing(harmless: [""])),
        .special("tls-auditlog-blocklist", .words(atMost: 1024), "\"\"", .several, .nothing(Directive.noTLS)),
        .text("scratch-file-path", "", [.immutable, .emptyIsUnset], other),
        .text("version-override", "", [], other),
        .flag("testmode", false, .hidden, other, wordy: true),
        .flag("enable-motd", true, .immutable, .nothing("the server fetches nothing from the network"), wordy: true),
        .flag("enable-async-commands", false, [], other, wordy: true),
        .flag("enable-async-rehash", true, [], other, wordy: true),
        .flag("enable-keydb-fastsync", false, [], other, wordy: true),
        .flag("multithread-load-enabled", false, [], other, wordy: true),
        .flag("allow-rdb-resize-op", true, [], other, wordy: true),
        .flag("allow-write-during-load", false, [], other, wordy: true),
        .flag("use-fork", true, .immutable, other, wordy: true),
        .flag("prefetch-enabled", true, [], other, wordy: true),
        .flag("time-thread-priority", false, .immutable, other, wordy: true),
        .memory("force-backlog-disk-reserve", 0, [], other),
        .memory("repl-backlog-disk-reserve", 0, .immutable, other),
        .integer("semi-ordered-set-bucket-size", 0...1024, 0, .immutable, other),
        .integer("snapshot-slip", 0...5000, 400, [], other),
        .text("storage-memory-model", "", [.immutable, .emptyIsUnset], other),
        .text("flash-disable-key-cache", "", [.immutable, .emptyIsUnset], other),
        .integer("loading-process-events-interval-keys", long, 8192, .hidden, other),
    ]

    static let flash: [Directive] = [
        .special(
            "storage-provider", .storageProvider, "none", [.immutable, .several], .works,
            "none, or flash and the directory of the flash tier"),
        .text(
            "storage-provider-options", "", .immutable, .works,
            "options of the engine in RocksDB's syntax, table and column-family options included"),
        .choice(
            "storage-cache-mode", ["writethrough", "writeback"], "writethrough", [],
            .nothing("records are written when they leave RAM and at SHUTDOWN")),
        .integer(
            "storage-flush-period", int, 500, [],
            .nothing("records are written when they leave RAM and at SHUTDOWN")),
        .memory("maxstorage", 0, [], .works, "bytes the flash tier may use; 0 for no limit"),
        .memory(
            "flash-disk-reserve", 0, [], .works,
            "bytes that stay free on the flash tier's disk: at this mark it does what it does at maxstorage"),
        .flag(
            "delete-on-evict", false, [], .nothing("eviction moves to flash; maxstorage decides on deletion"),
            wordy: true),
        .integer(
            "flash-high-watermark", 10...100, 95, [], .works,
            "percent of maxmemory's part for records above which they are moved to flash; at 100 writers wait"),
        .integer(
            "flash-low-watermark", 1...100, 90, [], .works,
            "percent of it down to which that goes on, or flash-high-watermark if that is less"),
        .integer(
            "flash-io-threads", 1...256, 16, .immutable, .works,
            "threads that read cold keys: the device's queue depth"),
        .integer(
            "flash-fault-queue-length", 256...1_048_576, 16_384, [], .works,
            "reads of cold keys that may be queued; calls that need more get them in portions of an eighth"),
        .integer(
            "flash-warm-up-keys", long, 1_000_000, [], .works,
            "the hottest keys in RAM, so many at most, are noted at SHUTDOWN and read in again after the next start; "
                + "0: none, and what is under way ends"),
        .integer(
            "flash-warm-up-rate", positive, 20_000, [], .works,
            "keys of that list that are looked at in a second at most"),
        .special(
            "flash-policy", .flashPolicies, "\"\"", .several, .works,
            "keys that match stay in RAM as long as there are others (hot), leave it early (cold), or neither "
                + "(default); repeatable, the first rule that matches counts; a pattern as in KEYS, without special "
                + "characters what keys begin with"),
        .choice(
            "flash-unsealed", ["rename", "refuse"], "rename", .immutable, .works,
            "at start with a flash directory that was not sealed: set it aside, or refuse to start"),
        .memory(
            "flash-block-cache", 0, .immutable, .works, "bytes of the engine's block cache; 0: derived from maxmemory"),
        .memory("flash-memtable", 0, .immutable, .works, "bytes of the engine's memtables; 0: derived from maxmemory"),
        .choice(
            "flash-compression", ["none", "snappy", "lz4", "zstd", "bzip2"], "lz4", .immutable, .works,
            "of blocks on flash"),
        .memory(
            "flash-background-io-limit", 0, [], .works,
            "bytes that flushes and compactions read and write in a second, and a scrub reads; 0 for no limit"),
        .memory(
            "flash-delete-rate", 256 << 20, [], .works,
            "bytes of obsolete files that are deleted in a second while there is ample room on the disk; 0: at once"),
        .flag("flash-direct-reads", false, .immutable, .works, "read past the system's page cache"),
    ]
}
