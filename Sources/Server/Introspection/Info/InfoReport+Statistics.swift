import Synchronization
import Telemetry

extension InfoReport {
    mutating func writeStats() {
        let totals = core.totals
        let commands = (0..<core.index.count).reduce(UInt64(0)) { $0 + core.commandStatistics.statistics($1).calls }
        info.section("Stats")
        info.field("total_connections_received", totals.connectionsReceived)
        info.field("total_commands_processed", commands)
        info.field("instantaneous_ops_per_sec", core.rates.perSecond(.commands))
        info.field("total_net_input_bytes", totals.bytesIn)
        info.field("total_net_output_bytes", totals.bytesOut)
        info.zeros("total_net_repl_input_bytes", "total_net_repl_output_bytes")
        info.field("instantaneous_input_kbps", Double(core.rates.perSecond(.networkInput)) / 1024)
        info.field("instantaneous_output_kbps", Double(core.rates.perSecond(.networkOutput)) / 1024)
        info.field("instantaneous_input_repl_kbps", 0.0)
        info.field("instantaneous_output_repl_kbps", 0.0)
        info.field("rejected_connections", totals.connectionsRejected)
        info.zeros("sync_full", "sync_partial_ok", "sync_partial_err")
        info.field("expired_keys", totals.expired)
        info.field("expired_subkeys", totals.expiredMembers)
        info.field("expired_stale_perc", 0.0)
        info.zeros("expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds")
        info.field("evicted_keys", totals.evicted)
        info.field("evicted_clients", totals.evictedClients)
        info.field("total_eviction_exceeded_time", core.eviction.exceededMilliseconds(total: true))
        info.field("current_eviction_exceeded_time", core.eviction.exceededMilliseconds(total: false))
        info.field("keyspace_hits", totals.hits)
        info.field("keyspace_misses", totals.misses)
        info.field("pubsub_channels", core.subscriptions.topicCount(.channel))
        info.field("pubsub_patterns", core.subscriptions.topicCount(.pattern))
        info.field("pubsubshard_channels", core.subscriptions.topicCount(.shardChannel))
        info.zeros(
            "latest_fork_usec", "total_forks")
        info.field("migrate_cached_sockets", core.migrationLinks.count)
        info.zeros(
            "slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses",
            "active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time",
            "current_active_defrag_time")
        info.field("tracking_total_keys", core.tracking.totalKeys)
        info.field("tracking_total_items", core.tracking.totalItems)
        info.field("tracking_total_prefixes", core.tracking.totalPrefixes)
        info.field("unexpected_error_replies", 0)
        info.field("total_error_replies", core.errorCounts.total)
        info.field("dump_payload_sanitizations", 0)
        info.field("total_reads_processed", totals.reads)
        info.field("total_writes_processed", totals.writes)
        info.zeros("io_threaded_reads_processed", "io_threaded_writes_processed")
        info.field("client_query_buffer_limit_disconnections", totals.queryLimitDisconnections)
        info.field("client_output_buffer_limit_disconnections", totals.outputLimitDisconnections)
        info.zeros("reply_buffer_shrinks", "reply_buffer_expands")
        info.field("total_parked_calls", totals.parks)
    }

    mutating func writeCommandStatistics() {
        info.section("Commandstats")
        for number in 0..<core.index.count {
            let statistics = core.commandStatistics.statistics(number)
            if statistics.isEmpty { continue }
            let each = statistics.calls == 0 ? 0 : Double(statistics.microseconds) / Double(statistics.calls)
            info.field(
                "cmdstat_" + InfoText.safe(core.index[number].pointee.fullName),
                "calls=\(statistics.calls),usec=\(statistics.microseconds),"
                    + "usec_per_call=\(FixedPoint.text(each, digits: 2)),"
                    + "rejected_calls=\(statistics.rejected),failed_calls=\(statistics.failed)")
        }
    }

    mutating func writeErrors() {
        info.section("Errorstats")
        for (code, count) in core.errorCounts.all { info.field("errorstat_" + InfoText.safe(code), "count=\(count)") }
    }

    mutating func writeLatencies() {
        info.section("Latencystats")
        guard settings.latencyTracking else { return }
        for number in 0..<core.index.count {
            guard let distribution = core.commandStatistics.distribution(number) else { continue }
            info.field(
                "latency_percentiles_usec_" + InfoText.safe(core.index[number].pointee.fullName),
                percentiles(distribution))
        }
    }

    /// "p50=1.003,p99=2.007,p99.9=3.007", with those that latency-tracking-info-percentiles names.
    func percentiles(_ distribution: LatencyDistribution) -> String {
        settings.latencyPercentiles.map { share in
            let value = Double(distribution.nanoseconds(percentile: share)) / 1000
            return "p\(Self.trimmed(share))=\(FixedPoint.text(value, digits: 3))"
        }.joined(separator: ",")
    }

    /// 99.9 and 50, not 50.0.
    private static func trimmed(_ share: Double) -> String {
        var text = FixedPoint.text(share, digits: 6)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
