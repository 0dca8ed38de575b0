import Platform
import Storage
import Synchronization
import Telemetry
import Tiering

/// What memory is used for, in bytes: INFO memory and MEMORY STATS.
struct MemoryAccount {
    let reading: MemoryReading
    let peak: Int
    let startup: Int
    /// Records and key tables.
    let dataset: Int
    let clients: Int
    /// Everything but the records.
    var overhead: Int { max(0, reading.allocated - dataset) }
    var datasetShare: Double {
        let net = reading.allocated - startup
        return net > 0 ? min(100, Double(dataset) * 100 / Double(net)) : 0
    }
    var peakShare: Double { MemoryReading.ratio(reading.allocated, peak) * 100 }

    init(_ core: ServerCore) {
        // Who asks wants to know what is in use now.
        core.forgetMemoryReading()
        reading = core.memoryReading()
        peak = core.peakMemory.load(ordering: .relaxed)
        startup = core.startupMemory.load(ordering: .relaxed)
        dataset = min(max(0, core.store.memoryBytes), reading.allocated)
        clients = core.clientMemory()
    }
}

extension InfoReport {
    mutating func writeMemory() {
        let account = MemoryAccount(core)
        let reading = account.reading
        let limit = core.tier?.budget.maximum ?? settings.maxMemoryBytes
        info.section("Memory")
        info.size("used_memory", reading.allocated)
        info.size("used_memory_rss", reading.processResident)
        info.size("used_memory_peak", account.peak)
        info.field("used_memory_peak_perc", FixedPoint.text(account.peakShare, digits: 2) + "%")
        info.field("used_memory_overhead", account.overhead)
        info.field("used_memory_startup", account.startup)
        info.field("used_memory_dataset", account.dataset)
        info.field("used_memory_dataset_perc", FixedPoint.text(account.datasetShare, digits: 2) + "%")
        info.field("allocator_allocated", reading.allocated)
        info.field("allocator_active", reading.active)
        info.field("allocator_resident", reading.resident)
        info.size("total_system_memory", MachineMemory.physicalBytes())
        info.zeros("used_memory_lua", "used_memory_vm_eval")
        info.field("used_memory_lua_human", FixedPoint.size(0))
        info.zeros(
            "used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions", "number_of_libraries",
            "used_memory_vm_functions")
        info.size("used_memory_vm_total", 0)
        info.field("used_memory_functions", 0)
        info.size("used_memory_scripts", 0)
        info.size("maxmemory", limit)
        info.field("maxmemory_policy", settings.maxMemoryPolicy.rawValue)
        info.field("allocator_frag_ratio", reading.fragmentation)
        info.field("allocator_frag_bytes", reading.active - reading.allocated)
        info.field("allocator_rss_ratio", reading.residentRatio)
        info.field("allocator_rss_bytes", reading.resident - reading.active)
        info.field("rss_overhead_ratio", reading.processRatio)
        info.field("rss_overhead_bytes", reading.processResident - reading.resident)
        info.field("mem_fragmentation_ratio", reading.totalRatio)
        info.field("mem_fragmentation_bytes", reading.processResident - reading.allocated)
        info.zeros(
            "mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers",
            "mem_clients_slaves")
        info.field("mem_clients_normal", account.clients)
        info.zeros("mem_cluster_links", "mem_aof_buffer")
        info.field("mem_allocator", ServerVersion.allocator)
        info.zeros("active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects")
    }

    mutating func writeFlash() {
        guard let tier = core.tier, let provider = facts.provider else { return }
        let statistics = tier.statistics
        let keys = facts.databases.reduce(0) { $0 + $1.keys }
        let hot = facts.databases.reduce(0) { $0 + $1.resident }
        info.section("Flash")
        info.field("flash_provider", "rocksdb")
        info.field("flash_directory", settings.flashDirectory ?? "")
        info.field("flash_health", healthText(tier.provider.health))
        info.field("flash_refusal", tier.refusalText ?? "")
        writeBudget(tier.budget, provider)
        info.field("flash_hot_keys", hot)
        info.field("flash_cold_keys", max(0, keys - hot))
        info.field("flash_unresolved_keys", facts.databases.reduce(0) { $0 + $1.unresolved })
        info.field("flash_disk_bytes", provider.diskBytes)
        info.field("flash_disk_trash_bytes", provider.trashBytes)
        info.field("flash_disk_live_bytes", provider.liveBytes)
        info.field("flash_disk_limit", settings.flash.maxStorageBytes)
        info.field("flash_disk_free_bytes", provider.freeBytes ?? 0)
        info.field("flash_spilled_batches", statistics.spilledBatches)
        info.field("flash_spilled_records", statistics.spilledOperations)
        info.field("flash_spilled_bytes", statistics.spilledBytes)
        info.field("flash_spill_paused_ms", statistics.spillPauses / 1_000_000)
        info.field("flash_backlog_percent", Int(tier.provider.backlog * 100))
        info.field("flash_dropped_records", core.store.total { $0.dropped.load(ordering: .relaxed) })
        info.field("flash_policy_rules", settings.flash.policies.count)
        info.field("flash_policy_hot_keys_evicted", core.store.total { $0.hotEvicted.load(ordering: .relaxed) })
        info.field("flash_dropped_pages", core.store.total { $0.droppedPages.load(ordering: .relaxed) })
        info.field("flash_write_failures", statistics.writeFailures)
        info.field("flash_faults_requested", statistics.faultsRequested)
        info.field("flash_faults_found", statistics.faultsFound)
        info.field("flash_faults_missing", statistics.faultsMissing)
        info.field("flash_faults_failed", statistics.faultsFailed)
        info.field("flash_faults_queued", statistics.queue.total)
        info.field("flash_faults_queued_few", statistics.queue.few)
        info.field("flash_faults_queued_many", statistics.queue.many)
        info.field("flash_faults_queued_ahead", statistics.queue.ahead)
        info.field("flash_faults_queued_most", statistics.queue.most)
        info.field("flash_faults_promoted", statistics.queue.promoted)
        info.field("flash_fault_room_waiting", statistics.queue.waiting)
        info.field("flash_fault_room_waits", statistics.queue.waits)
        writeFaultStages(tier.faultStages)
        info.field("flash_warm_up_state", text(tier.warmUp.state))
        info.field("flash_warm_up_keys", tier.warmUp.listed.load(ordering: .relaxed))
        info.field("flash_warm_up_done", tier.warmUp.looked.load(ordering: .relaxed))
        info.field("flash_warm_up_read", tier.warmUp.read.load(ordering: .relaxed))
        writeUpkeep(tier.upkeep, written: provider.compactionWriteBytes)
        info.field("flash_parked_calls", parkedCalls)
        info.field("flash_memory_waits", statistics.memoryWaits)
        info.field("flash_writers_wait", tier.mustWait)
        info.field("flash_expiry_hints", statistics.expiryHints)
        info.field("flash_expiry_hints_stale", statistics.staleExpiryHints)
        info.field("flash_reads", provider.reads)
        info.field("flash_filter_rejections", provider.filterUseful)
        info.field("flash_block_cache_hits", provider.blockCacheHits)
        info.field("flash_block_cache_misses", provider.blockCacheMisses)
        info.field("flash_flush_write_bytes", provider.flushWriteBytes)
        info.field("flash_compaction_write_bytes", provider.compactionWriteBytes)
        info.field("flash_compaction_read_bytes", provider.compactionReadBytes)
        info.field("flash_compaction_pending_bytes", provider.pendingCompactionBytes)
        info.field("flash_compactions_running", provider.runningCompactions)
        info.field("flash_level0_files", provider.levelZeroFiles)
    }

    /// How `maxmemory` is split, and what the parts take.
    private mutating func writeBudget(_ budget: MemoryBudget, _ provider: StorageStatistics) {
        info.field("flash_budget_maximum", budget.maximum)
        info.field("flash_budget_records", budget.records)
        info.field("flash_budget_memtables", budget.memtables)
        info.field("flash_budget_block_cache", budget.blockCache)
        info.field("flash_budget_clients", budget.clients)
        info.field("flash_high_watermark", budget.highWatermark)
        info.field("flash_low_watermark", budget.lowWatermark)
        info.field("flash_memory_records", core.store.memoryBytes)
        info.field("flash_memory_memtables", provider.memtableBytes)
        info.field("flash_memory_block_cache", provider.blockCacheBytes)
        info.field("flash_memory_table_readers", provider.tableReaderBytes)
    }

    /// Where the time of misses goes: on average, then as in INFO latencystats.
    private mutating func writeFaultStages(_ stages: CommandStatisticsRegistry) {
        for stage in FaultStage.allCases {
            let sum = stages.statistics(stage.rawValue)
            info.field("flash_fault_\(stage.name)_usec", Double(sum.nanoseconds / max(1, sum.calls)) / 1000)
        }
        guard settings.latencyTracking else { return }
        for stage in FaultStage.allCases {
            let distribution = stages.distribution(stage.rawValue) ?? LatencyDistribution()
            info.field("flash_fault_\(stage.name)_percentiles_usec", percentiles(distribution))
        }
    }

    /// What FLASH COMPACT and FLASH SCRUB do, or did last.
    private mutating func writeUpkeep(_ upkeep: FlashUpkeep, written: UInt64) {
        info.field("flash_background_io_limit", settings.flash.backgroundBytesPerSecond)
        info.field("flash_compact_state", text(upkeep.compaction))
        info.field("flash_compact_seconds", Double(upkeep.compaction.milliseconds) / 1000)
        info.field("flash_compact_written_bytes", upkeep.compactedBytes(now: written))
        info.field("flash_scrub_state", text(upkeep.scrub))
        info.field("flash_scrub_seconds", Double(upkeep.scrub.milliseconds) / 1000)
        info.field("flash_scrub_records", upkeep.scrubbedRecords.load(ordering: .relaxed))
        info.field("flash_scrub_pages", upkeep.scrubbedPages.load(ordering: .relaxed))
        info.field("flash_scrub_bytes", upkeep.scrubbedBytes.load(ordering: .relaxed))
        info.field("flash_scrub_problems", upkeep.scrubProblems.load(ordering: .relaxed))
    }

    private func text(_ job: FlashJob) -> String {
        if job.isRunning { return "running" }
        switch job.outcome {
        case .never: return "none"
        case .done: return "done"
        case .stopped: return "stopped"
        case .failed(let reason): return InfoText.safe("failed: \(reason)")
        }
    }

    private func text(_ state: WarmUp.State) -> String {
        switch state {
        case .none: "none"
        case .running: "running"
        case .done: "done"
        case .full: "full"
        case .stopped: "stopped"
        case .failed(let reason): InfoText.safe("failed: \(reason)")
        }
    }

    private func healthText(_ health: StorageHealth) -> String {
        switch health {
        case .good: "good"
        case .stalled: "stalled"
        case .failed(let error): InfoText.safe("failed: \(error.message)")
        }
    }
}
