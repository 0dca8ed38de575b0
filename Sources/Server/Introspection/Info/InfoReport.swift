import CShims
import Configuration
import Frontend
import Glibc
import Platform
import Synchronization
import Telemetry

/// Writes INFO. Field names and order are Redis 7.2's; what this server doesn't have is 0.
struct InfoReport {
    let core: ServerCore
    let facts: InfoFacts
    let settings: Settings
    let parkedCalls: Int
    var info = InfoText()

    init(core: ServerCore, facts: InfoFacts, session: ClientSession) {
        self.core = core
        self.facts = facts
        settings = core.configuration.current
        // INFO itself may have waited for its facts; it is no news.
        parkedCalls = core.parkedCalls.load(ordering: .relaxed) - (session.parked == nil ? 0 : 1)
    }

    consuming func text(_ sections: Set<InfoSection>) -> String {
        for section in InfoSection.allCases where sections.contains(section) { write(section) }
        return info.text
    }

    private mutating func write(_ section: InfoSection) {
        switch section {
        case .server: writeServer()
        case .clients: writeClients()
        case .memory: writeMemory()
        case .persistence: writePersistence()
        case .stats: writeStats()
        case .replication: writeReplication()
        case .cpu: writeCPU()
        case .modules: info.section("Modules")
        case .commandstats: writeCommandStatistics()
        case .errorstats: writeErrors()
        case .latencystats: writeLatencies()
        case .cluster:
            info.section("Cluster")
            info.field("cluster_enabled", false)
        case .keyspace: writeKeyspace()
        case .flash: if core.tier != nil { writeFlash() }
        }
    }

    private mutating func writeServer() {
        let now = Clock.unixMilliseconds()
        let uptime = (now - core.startedAt) / 1000
        info.section("Server")
        info.field("redis_version", ServerVersion.redis)
        info.field("firn_version", ServerVersion.firn)
        info.field("redis_git_sha1", "00000000")
        info.field("redis_git_dirty", 0)
        info.field("redis_build_id", "0")
        info.field("redis_mode", "standalone")
        info.field("os", Self.system)
        info.field("arch_bits", 64)
        info.field("monotonic_clock", "POSIX clock_gettime")
        info.field("multiplexing_api", "epoll")
        info.field("atomicvar_api", "swift-synchronization")
        info.field("gcc_version", "0.0.0")
        info.field("process_id", Int(getpid()))
        info.field("process_supervised", settings.supervised.rawValue)
        info.field("run_id", String(decoding: core.runID, as: UTF8.self))
        info.field("tcp_port", core.loops.port)
        info.field("server_time_usec", Clock.unixMicroseconds())
        info.field("uptime_in_seconds", uptime)
        info.field("uptime_in_days", uptime / 86_400)
        info.field("hz", settings.hz)
        info.field("configured_hz", settings.hz)
        info.field("lru_clock", (now / 1000) & 0xff_ffff)
        info.field("executable", Self.executable)
        info.field("config_file", settings.file ?? "")
        info.field("io_threads_active", false)
        info.field("server_threads", core.loops.loops.count)
        if core.shutdown.isUnderWay { info.field("shutdown_in_milliseconds", 0) }
        for (number, listener) in listeners().enumerated() { info.field("listener\(number)", listener) }
    }

    private func listeners() -> [String] {
        var lines: [String] = []
        if core.loops.port > 0 {
            let binds = settings.bind.map { "bind=\($0)" }.joined(separator: ",")
            lines.append("name=tcp,\(binds),port=\(core.loops.port)")
        }
        if let path = settings.unixSocket { lines.append("name=unix,bind=\(path)") }
        return lines
    }

    /// System, release and machine.
    private static let system: String = {
        var name = utsname()
        guard uname(&name) == 0 else { return "Linux" }
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(name.sysname)) \(text(name.release)) \(text(name.machine))"
    }()

    private static let executable: String = {
        var path = [UInt8](repeating: 0, count: 4096)
        let count = path.withUnsafeMutableBytes { room -> Int in
            // The array's memory is 4096 bytes; readlink writes no more than it is told.
            let text = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
            return readlink("/proc/self/exe", text, room.count)
        }
        return count > 0 ? String(decoding: path.prefix(count), as: UTF8.self) : ""
    }()

    private mutating func writeClients() {
        let connections = core.loops.connections()
        info.section("Clients")
        info.field("connected_clients", core.loops.clientCount)
        info.field("cluster_connections", 0)
        info.field("maxclients", settings.maxClients)
        info.field("client_recent_max_input_buffer", connections.map { $0.queryBufferBytes.current }.max() ?? 0)
        info.field("client_recent_max_output_buffer", connections.map { $0.outputBytes.current }.max() ?? 0)
        let waits = core.observers.waits.totals
        info.field("blocked_clients", core.pause.waitingCount + waits.calls)
        info.field("tracking_clients", core.tracking.totalClients)
        info.field("clients_in_timeout_table", waits.withDeadline)
        info.field("total_blocking_keys", waits.keys)
        info.field("total_blocking_keys_on_nokey", waits.keysOnNoKey)
        info.field("parked_calls", parkedCalls)
    }

    private mutating func writePersistence() {
        info.section("Persistence")
        info.zeros("loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age")
        info.field("current_fork_perc", 0.0)
        info.zeros("current_save_keys_processed", "current_save_keys_total")
        info.field("rdb_changes_since_last_save", core.store.total { $0.changes.load(ordering: .relaxed) })
        info.field("rdb_bgsave_in_progress", 0)
        info.field("rdb_last_save_time", core.startedAt / 1000)
        info.field("rdb_last_bgsave_status", "ok")
        info.field("rdb_last_bgsave_time_sec", -1)
        info.field("rdb_current_bgsave_time_sec", -1)
        info.zeros("rdb_saves", "rdb_last_cow_size")
        let loaded = core.lastLoad.withLock { $0 }
        info.field("rdb_last_load_keys_expired", loaded.expired)
        info.field("rdb_last_load_keys_loaded", loaded.keys)
        info.zeros("aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
        info.field("aof_last_rewrite_time_sec", -1)
        info.field("aof_current_rewrite_time_sec", -1)
        info.field("aof_last_bgrewrite_status", "ok")
        info.zeros("aof_rewrites", "aof_rewrites_consecutive_failures")
        info.field("aof_last_write_status", "ok")
        info.zeros("aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size")
    }

    private mutating func writeReplication() {
        info.section("Replication")
        info.field("role", "master")
        info.field("connected_slaves", 0)
        info.field("master_failover_state", "no-failover")
        let identifier = core.replicationID.withLock { $0 }
        info.field("master_replid", identifier)
        info.field("master_replid2", String(repeating: "0", count: 40))
        info.field("master_repl_offset", 0)
        info.field("second_repl_offset", -1)
        info.zeros("repl_backlog_active")
        info.field("repl_backlog_size", 1 << 20)
        info.zeros("repl_backlog_first_byte_offset", "repl_backlog_histlen")
    }

    private mutating func writeCPU() {
        func seconds(_ time: timeval) -> String {
            let fraction = String(time.tv_usec)
            return "\(time.tv_sec)." + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
        }
        func usage(_ who: Int32) -> rusage {
            var usage = rusage()
            getrusage(who, &usage)
            return usage
        }
        let own = usage(0)  // RUSAGE_SELF
        let children = usage(-1)  // RUSAGE_CHILDREN
        let thread = usage(1)  // RUSAGE_THREAD
        info.section("CPU")
        info.field("used_cpu_sys", seconds(own.ru_stime))
        info.field("used_cpu_user", seconds(own.ru_utime))
        info.field("used_cpu_sys_children", seconds(children.ru_stime))
        info.field("used_cpu_user_children", seconds(children.ru_utime))
        info.field("used_cpu_sys_main_thread", seconds(thread.ru_stime))
        info.field("used_cpu_user_main_thread", seconds(thread.ru_utime))
    }

    private mutating func writeKeyspace() {
        info.section("Keyspace")
        for database in facts.databases where database.keys > 0 {
            info.field(
                "db\(database.number)",
                "keys=\(database.keys),expires=\(database.expiring),avg_ttl=\(database.averageTTL),"
                    + "subexpiry=\(database.memberExpiring)")
        }
    }
}
