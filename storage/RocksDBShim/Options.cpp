// The settings Firn starts from, and why. Sizes: a record's key on flash is 20 to 60 bytes, its value 30 bytes
// to 4 KiB.
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <unordered_map>

#include "Handle.h"

namespace firn {
namespace {

/// Filters whose false positives stay below 1 % over all sorted runs together, at about 10 bits a key.
///
/// An absent key asks every sorted run: kRuns at the most while compactions keep up. The false-positive rates add up,
/// but most keys lie in the last run; so the bits go where there are few keys (Dayan, Athanassoulis, Idreos: "Monkey",
/// 2017). Rates by RocksDB's formulas:
///   before       Bloom, 18 bits        0.03 % each   on a quarter of the keys
///   last         Ribbon like Bloom 12  0.4 %         8.3 bits
/// Ribbon would take 12.4 bits before the last run, too, but 30 bytes a key while it is built, three times as many as
/// Bloom. Merges of level 0 write one file, which may have a million keys: it was a tenth of maxmemory.
class LevelFilter : public rocksdb::FilterPolicy {
 public:
  LevelFilter()
      : before_(rocksdb::NewBloomFilterPolicy(18)), last_(rocksdb::NewRibbonFilterPolicy(12, -1)) {}

  const char *Name() const override { return "firn.LevelFilter"; }
  // The filters are RocksDB's own and readable by any of its policies.
  const char *CompatibilityName() const override { return last_->CompatibilityName(); }
  rocksdb::FilterBitsBuilder *GetBuilderWithContext(const rocksdb::FilterBuildingContext &context) const override {
    const bool is_last = context.is_bottommost && context.reason != rocksdb::TableFileCreationReason::kFlush;
    return (is_last ? last_ : before_)->GetBuilderWithContext(context);
  }
  rocksdb::FilterBitsReader *GetFilterBitsReader(const rocksdb::Slice &contents) const override {
    return last_->GetFilterBitsReader(contents);
  }

 private:
  std::unique_ptr<const rocksdb::FilterPolicy> before_, last_;
};

constexpr uint64_t kMiB = 1 << 20;

/// Sorted runs from which on some are merged. Many, for each merge writes data again: loading 8.2 GB through memtables
/// of 8 MiB and then overwriting it four times at random, instant compactions write 32 and 90 bytes a byte with 4 runs,
/// 6.4 and 7.6 with 8, 5.1 and 5.2 with 12, 4.2 and 4.6 with 16 (simulated). A read asks the filters of all.
constexpr int kRuns = 16;

rocksdb::BlockBasedTableOptions TableOptions(const firn_rocksdb_options &from) {
  rocksdb::BlockBasedTableOptions t;
  rocksdb::LRUCacheOptions cache;
  cache.capacity = from.block_cache_bytes;
  t.block_cache = rocksdb::NewLRUCache(cache);
  // Index and filters are held by the table readers, not as evictable blocks: only then is 'may this key be there'
  // answered without the device always, also right after a start. They are charged to the block cache, so data
  // blocks give way and the sum keeps to the one budget.
  t.cache_index_and_filter_blocks = false;
  rocksdb::CacheEntryRoleOptions charged;
  charged.charged = rocksdb::CacheEntryRoleOptions::Decision::kEnabled;
  t.cache_usage_options.options_overrides[rocksdb::CacheEntryRole::kBlockBasedTableReader] = charged;
  t.cache_usage_options.options_overrides[rocksdb::CacheEntryRole::kFilterConstruction] = charged;
  t.filter_policy = std::make_shared<LevelFilter>();
  t.whole_key_filtering = true;
  t.block_size = 4096;
  t.format_version = 5;
  // Keys within a restart interval share prefixes and handles are differences: about 8 bytes an entry, measured.
  t.index_block_restart_interval = 16;
  return t;
}

rocksdb::Status Compression(const std::string &name, rocksdb::CompressionType *out) {
  static const struct {
    const char *name;
    rocksdb::CompressionType type;
  } known[] = {{"none", rocksdb::kNoCompression},
               {"snappy", rocksdb::kSnappyCompression},
               {"lz4", rocksdb::kLZ4Compression},
               {"zstd", rocksdb::kZSTD},
               {"bzip2", rocksdb::kBZip2Compression}};
  for (const auto &k : known) {
    if (name != k.name) continue;
    const auto built = rocksdb::GetSupportedCompressions();
    if (std::find(built.begin(), built.end(), k.type) == built.end()) {
      return rocksdb::Status::NotSupported("RocksDB was built without compression " + name);
    }
    *out = k.type;
    return rocksdb::Status::OK();
  }
  return rocksdb::Status::InvalidArgument("compression '" + name + "' is none of none, snappy, lz4, zstd, bzip2");
}

void SetMemtables(const firn_rocksdb_options &from, rocksdb::Options *o) {
  // Four memtables make up the budget.
  o->db_write_buffer_size = from.memtable_bytes;
  o->write_buffer_size = std::max<uint64_t>(from.memtable_bytes / 4, 64 * 1024);
  // The server slows down before that (firn_rocksdb_backlog); RocksDB's own delays begin at the last but one.
  o->max_write_buffer_number = 6;
  // An absent key costs a probe here instead of a descent through the skip list (most lookups are of keys not in it).
  o->memtable_prefix_bloom_size_ratio = 0.02;
  o->memtable_whole_key_filtering = true;
}

void SetLevels(const firn_rocksdb_options &from, rocksdb::Options *o) {
  // Universal, not leveled: the keys come in hash order, so each run spans everything and a leveled merge rewrites
  // whole levels. Loading 2 million values of 1 KiB with 25 MiB of memtables, compactions wrote 7.3 GB (leveled: 11
  // to 17 GB with five settings) and the load ran at 56,000 SET/s (leveled: 31,000 to 45,000); reads were the same,
  // the filters name the run. A run set aside by 60 % of its size in newer ones is merged: that bounds the space at
  // 1.6 times the live data, but for the merge itself, which needs as much again while it runs.
  o->compaction_style = rocksdb::kCompactionStyleUniversal;
  o->compaction_options_universal.size_ratio = 1;
  o->compaction_options_universal.max_size_amplification_percent = 60;
  o->compaction_options_universal.allow_trivial_move = true;
  // In force when `storage-provider-options` ask for leveled.
  o->level_compaction_dynamic_level_bytes = true;
  o->max_bytes_for_level_base = std::max<uint64_t>(from.memtable_bytes, 256 * kMiB);
  // Few files keep the number of descriptors small (8192 for 1 TiB) and the opening quick.
  o->target_file_size_base = 128 * kMiB;
  o->level0_file_num_compaction_trigger = kRuns;
  // RocksDB slows writers down by steps, to 16 KB/s in the end, and a stop lasts for as long as a compaction: minutes.
  // So it is the server that slows down, long before that (firn_rocksdb_backlog).
  o->level0_slowdown_writes_trigger = 8 * kRuns;
  o->level0_stop_writes_trigger = 9 * kRuns;
  // 2 MiB, but a compaction has one such buffer per input file: all together stay below the memtables' size.
  const uint64_t readahead = std::min<uint64_t>(2 * kMiB, std::max<uint64_t>(from.memtable_bytes / 128, 256 * 1024));
  o->compaction_readahead_size = readahead;
  if (from.blob_bytes > 0) {
    o->enable_blob_files = true;
    o->min_blob_size = from.blob_bytes;
    o->blob_compression_type = o->compression;
    o->enable_blob_garbage_collection = true;
    o->blob_garbage_collection_age_cutoff = 0.25;
    o->blob_compaction_readahead_size = readahead;
  }
}

void SetBackground(const firn_rocksdb_options &from, rocksdb::Options *o) {
  // A quarter of them flush. Of the others RocksDB uses one, and more when runs pile up.
  o->max_background_jobs = std::max(from.background_jobs, 2);
  // Merges of everything have a thread of their own: the small ones, without which runs pile up, don't wait for them.
  o->env->SetBackgroundThreads(1, rocksdb::Env::Priority::BOTTOM);
  // The device sees a steady stream instead of a burst at each file's end.
  o->bytes_per_sync = kMiB;
  // Always there, so that a limit can be set later.
  o->rate_limiter = MakeLimiter(from.io_limit_bytes_per_second);
  // What failed stays failed until the server says Resume: writes must not be accepted meanwhile.
  o->max_bgerror_resume_count = 0;
}

void SetDatabase(const firn_rocksdb_options &from, rocksdb::Options *o) {
  o->create_if_missing = true;
  o->paranoid_checks = true;
  o->use_direct_reads = from.direct_reads != 0;
  o->max_open_files = from.max_open_files;
  // Opening must be quick: no stat per file. Sizes are checked against the checkpoint's manifest, and a table that
  // was cut short fails to open.
  o->skip_checking_sst_file_sizes_on_db_open = true;
  o->max_file_opening_threads = 16;
  // firn_rocksdb_close flushes itself and reports.
  o->avoid_flush_during_shutdown = true;
  o->info_log_level = rocksdb::InfoLogLevel::INFO_LEVEL;
  o->stats_dump_period_sec = 0;
  o->stats_persist_period_sec = 0;
}

/// `s` with what RocksDB's message leaves out: which of the table options it was, and the string itself.
rocksdb::Status Explained(const rocksdb::Status &s, const firn_rocksdb_options &from,
                          const rocksdb::ConfigOptions &config) {
  std::string message = s.ToString();
  std::unordered_map<std::string, std::string> given;
  if (rocksdb::StringToMap(from.user_options, &given).ok()) {
    const auto table = given.find("block_based_table_factory");
    rocksdb::BlockBasedTableOptions made;
    if (table != given.end()) {
      const rocksdb::Status inner =
          rocksdb::GetBlockBasedTableOptionsFromString(config, TableOptions(from), table->second, &made);
      if (!inner.ok()) message = inner.ToString();
    }
  }
  return rocksdb::Status::InvalidArgument(message, std::string("in '") + from.user_options + "'");
}

}  // namespace

rocksdb::Status MakeOptions(const firn_rocksdb_options &from, rocksdb::Options *out) {
  rocksdb::Options base;
  rocksdb::Status s = Compression(from.compression, &base.compression);
  if (!s.ok()) return s;
  SetMemtables(from, &base);
  SetLevels(from, &base);
  SetBackground(from, &base);
  SetDatabase(from, &base);
  base.table_factory.reset(rocksdb::NewBlockBasedTableFactory(TableOptions(from)));
  rocksdb::ConfigOptions config;
  config.ignore_unknown_options = false;
  s = rocksdb::GetOptionsFromString(config, base, from.user_options, out);
  if (!s.ok()) return Explained(s, from, config);
  if (out->comparator != base.comparator || out->merge_operator || out->row_cache || out->allow_mmap_writes) {
    return rocksdb::Status::InvalidArgument(
        "comparator, merge_operator, row_cache and allow_mmap_writes can't be changed");
  }
  out->rate_limiter = base.rate_limiter;
  out->avoid_flush_during_shutdown = true;
  out->max_bgerror_resume_count = 0;
  // Never forced, whatever was asked for: it asserts what isn't true after files were dropped; see DropFiles.cpp.
  out->blob_garbage_collection_force_threshold = 1.0;
  return rocksdb::Status::OK();
}

}  // namespace firn
