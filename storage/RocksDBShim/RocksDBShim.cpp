// The life of a handle, its background state, upkeep and readings. Reads and writes are in Data.cpp.
#include "RocksDBShim.h"

#include <fcntl.h>
#include <rocksdb/convenience.h>
#include <rocksdb/perf_context.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/utilities/checkpoint.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "Handle.h"

namespace firn {

void Watcher::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status *error) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (count_ == 0 || first_.ok()) first_ = *error;
    count_ += 1;
    last_ = std::chrono::steady_clock::now();
    failed_.store(true, std::memory_order_release);
  }
  // RocksDB 7.8 hangs in Resume if a flush was handed to its thread but had not begun when the error took effect:
  // the thread then leaves the request in the queue, and nobody is ever sent for it again (BackgroundFlush returns
  // before it pops, after MaybeScheduleFlushOrCompaction has counted it down). A full disk shows it: a new log is
  // opened, the old memtable's flush is scheduled, and the first write into the new log fails. The error takes effect
  // when this returns, and RocksDB's mutex is not held here: wait until such a flush has begun.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

void Watcher::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error, bool *automatic) {
  error.PermitUncheckedError();
  *automatic = false;  // the server decides when (firn_rocksdb_resume)
}

void Watcher::OnStallConditionsChanged(const rocksdb::WriteStallInfo &info) {
  switch (info.condition.cur) {
    case rocksdb::WriteStallCondition::kNormal: stall_.store(0, std::memory_order_relaxed); break;
    case rocksdb::WriteStallCondition::kDelayed: stall_.store(1, std::memory_order_relaxed); break;
    default: stall_.store(2, std::memory_order_relaxed); break;
  }
}

// Compactions have several threads of their own, always at work under a load of writes. Left alone each takes a slice
// of some milliseconds whenever its turn comes, and who reads or spills for a waiting client stands behind all of them;
// so they give way. They get what they need all the same: when they fall behind, writers are slowed (SpillPace).
constexpr int kCompactionNiceness = 5;

void Watcher::OnCompactionBegin(rocksdb::DB *, const rocksdb::CompactionJobInfo &) {
  thread_local bool yields = false;
  if (yields) return;
  yields = true;
  // Where it is refused the thread stays as it is.
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kCompactionNiceness);
}

rocksdb::Status Watcher::error() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return first_;
}

// A flush that failed keeps its thread asleep for a second (RocksDB's pause after background errors). A Resume within
// that second waits for a flush of its own behind it, and one after a Resume that failed so has been seen to wait for
// ever, with no flush under way (7.8.3, on a busy machine nearly every time).
constexpr auto kResumeAfter = std::chrono::milliseconds(1200);

void Watcher::WaitBeforeResume() const {
  std::chrono::steady_clock::time_point last;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    last = last_;
  }
  std::this_thread::sleep_until(last + kResumeAfter);
}

uint64_t Watcher::errors() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return count_;
}

void Watcher::clear(uint64_t errors) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (count_ != errors) return;
  first_ = rocksdb::Status::OK();
  failed_.store(false, std::memory_order_release);
}

namespace {

/// What a Resume writes beside the memtables: a table's index and filter, a new log and manifest.
constexpr uint64_t kResumeBytes = 1 << 20;

/// For who must not write into the directory: without a log of ours RocksDB makes one there.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char *, va_list) override {}
};

/// How often it is looked whether a flush has come to its end, and asked for it again.
constexpr auto kFlushPoll = std::chrono::milliseconds(1);
constexpr int kPollsPerFlush = 1000;

/// Whether everything up to a sequence number is in table files.
bool IsFlushed(rocksdb::DB *db, rocksdb::SequenceNumber last) {
  using P = rocksdb::DB::Properties;
  uint64_t immutable = 0, active = 0;
  if (db->GetIntProperty(P::kNumImmutableMemTable, &immutable) && immutable == 0 &&
      db->GetIntProperty(P::kNumEntriesActiveMemTable, &active) && active == 0) {
    return true;
  }
  // Others write meanwhile. Memtables are committed in their order, so a file that ends behind `last` will do.
  rocksdb::ColumnFamilyMetaData all;
  db->GetColumnFamilyMetaData(&all);
  for (const auto &level : all.levels) {
    for (const auto &file : level.files) {
      if (file.largest_seqno >= last) return true;
    }
  }
  return false;
}

/// The part of what was put that no tombstone covers: RocksDB's estimate of what is alive counts deleted data until a
/// compaction has met its tombstone, and nothing makes one when most has been deleted. Never more than the truth by
/// that, less where tombstones have nothing to cover.
double AliveShare(rocksdb::DB *db) {
  using P = rocksdb::DB::Properties;
  uint64_t entries = 0, deletions = 0, value = 0;
  for (const auto &name : {P::kNumEntriesActiveMemTable, P::kNumEntriesImmMemTables}) {
    if (db->GetIntProperty(name, &value)) entries += value;
  }
  for (const auto &name : {P::kNumDeletesActiveMemTable, P::kNumDeletesImmMemTables}) {
    if (db->GetIntProperty(name, &value)) deletions += value;
  }
  rocksdb::ColumnFamilyMetaData all;
  db->GetColumnFamilyMetaData(&all);
  for (const auto &level : all.levels) {
    for (const auto &file : level.files) {
      entries += file.num_entries;
      deletions += file.num_deletions;
    }
  }
  const uint64_t puts = entries - std::min(entries, deletions);
  return puts == 0 ? 1 : 1 - double(std::min(puts, deletions)) / double(puts);
}

/// Makes the entry of `path` in its parent directory durable; 0 or an errno.
int SyncParent(const std::string &path) {
  const size_t slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

/// RocksDB 7.8.3's Flush alone doesn't see to it: a hard error sets ErrorHandler::is_db_stopped_, and a Resume that
/// succeeds does not take it back (seen in gdb: set, with no error standing). From then on WaitForFlushMemTables ends
/// its wait before it has begun, and Flush answers OK with the memtable's flush still under way. There is no log, so
/// a close right behind it loses what was confirmed, under a seal that counts it. Also from then on, Write fails
/// where writes are stopped instead of waiting (see firn_rocksdb_write). Can go with a RocksDB whose Resume clears
/// the flag.
rocksdb::Status FlushAndVerify(firn_rocksdb *handle) {
  const rocksdb::SequenceNumber last = handle->db->GetLatestSequenceNumber();
  rocksdb::FlushOptions options;
  options.wait = true;
  options.allow_write_stall = true;
  for (int polls = 0;; polls++) {
    if (handle->watcher->failed()) return handle->watcher->error();
    if (polls % kPollsPerFlush == 0) {
      const rocksdb::Status s = handle->db->Flush(options);
      if (!s.ok()) return s;
    }
    if (IsFlushed(handle->db.get(), last)) return rocksdb::Status::OK();
    std::this_thread::sleep_for(kFlushPoll);
  }
}
}  // namespace firn

using namespace firn;

void firn_rocksdb_free(char *message) { free(message); }

/// A backlog begins to count where more has come together than compactions take at once, and ends well before RocksDB
/// itself slows writers down.
static void SetSpans(firn_rocksdb *handle) {
  const rocksdb::Options options = handle->db->GetOptions();
  handle->memtable_bytes = options.write_buffer_size;
  handle->level_zero_files.from = 1.5 * options.level0_file_num_compaction_trigger;
  handle->level_zero_files.to =
      std::max(handle->level_zero_files.from + 1, 0.6 * options.level0_slowdown_writes_trigger);
  // Of those that writers don't fill any more. One that is being written is as it should be.
  handle->unwritten_memtables.from = 1;
  handle->unwritten_memtables.to = std::max(2, options.max_write_buffer_number - 2);
}

static firn_rocksdb_status BadOption(const rocksdb::Status &s) {
  firn_rocksdb_status out = Convert(s);
  out.code = FIRN_ROCKSDB_BAD_OPTION;
  return out;
}

firn_rocksdb_status firn_rocksdb_check_options(const firn_rocksdb_options *options) {
  return Guarded([&] {
    rocksdb::Options made;
    const rocksdb::Status s = MakeOptions(*options, &made);
    return s.ok() ? Ok() : BadOption(s);
  });
}

firn_rocksdb_status firn_rocksdb_open(const char *directory, const firn_rocksdb_options *from, firn_rocksdb **out) {
  *out = nullptr;
  return Guarded([&] {
    rocksdb::Options options;
    rocksdb::Status s = MakeOptions(*from, &options);
    if (!s.ok()) return BadOption(s);
    auto handle = std::make_unique<firn_rocksdb>();
    handle->watcher = std::make_shared<Watcher>();
    handle->statistics = rocksdb::CreateDBStatistics();
    handle->statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
    if (from->read_only) {
      options.info_log = std::make_shared<NoLog>();
    } else if (!options.info_log) {
      options.info_log = MakeInfoLog(directory);
    }
    options.info_log->SetInfoLogLevel(options.info_log_level);
    options.listeners.push_back(handle->watcher);
    if (!from->read_only) {
      handle->deletions =
          std::make_shared<Deletions>(directory, from->delete_rate_bytes_per_second, options.info_log);
      options.listeners.push_back(handle->deletions);
      options.sst_file_manager = handle->deletions->manager();
    }
    options.compaction_filter_factory = MakeDeadRangeFilters(handle->dead);
    options.statistics = handle->statistics;
    handle->limiter = options.rate_limiter;
    rocksdb::DB *db = nullptr;
    s = from->read_only ? rocksdb::DB::OpenForReadOnly(options, directory, &db)
                        : rocksdb::DB::Open(options, directory, &db);
    if (!s.ok()) {
      firn_rocksdb_status failed = Convert(s);
      // RocksDB has no code of its own for a held lock; its message names the file.
      if (s.IsIOError() && s.ToString().find("/LOCK") != std::string::npos) failed.code = FIRN_ROCKSDB_LOCKED;
      return failed;
    }
    handle->db.reset(db);
    SetSpans(handle.get());
    *out = handle.release();
    return Ok();
  });
}

firn_rocksdb_status firn_rocksdb_close(firn_rocksdb *handle, int32_t flush) {
  if (handle->cursors.load(std::memory_order_acquire) > 0) {
    return Failure(FIRN_ROCKSDB_IN_USE, "cursors are open");
  }
  const firn_rocksdb_status flushed = flush ? firn_rocksdb_flush(handle) : Ok();
  const firn_rocksdb_status closed = Guarded([&] {
    rocksdb::CancelAllBackgroundWork(handle->db.get(), true);
    const rocksdb::Status s = handle->db->Close();
    delete handle;
    return Convert(s);
  });
  if (flushed.code == FIRN_ROCKSDB_OK) return closed;
  firn_rocksdb_free(closed.message);
  return flushed;
}

firn_rocksdb_status firn_rocksdb_flush(firn_rocksdb *handle) {
  return Guarded([&] { return Convert(FlushAndVerify(handle)); });
}

firn_rocksdb_status firn_rocksdb_checkpoint(firn_rocksdb *handle, const char *directory) {
  return Guarded([&] {
    // The memtables are flushed first, as there is no write-ahead log that could hold them.
    rocksdb::Status s = FlushAndVerify(handle);
    if (!s.ok()) return Convert(s);
    rocksdb::Checkpoint *made = nullptr;
    s = rocksdb::Checkpoint::Create(handle->db.get(), &made);
    if (!s.ok()) return Convert(s);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    s = checkpoint->CreateCheckpoint(directory, 0);
    if (!s.ok()) return Convert(s);
    const int error = SyncParent(directory);
    return error == 0 ? Ok() : Convert(rocksdb::Status::IOError("fsync of the parent", strerror(error)));
  });
}

firn_rocksdb_status firn_rocksdb_compact(firn_rocksdb *handle, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                         int32_t cancelable) {
  return Guarded([&] {
    const Bounds bounds(from, to);
    rocksdb::CompactRangeOptions options;
    options.exclusive_manual_compaction = false;
    options.allow_write_stall = false;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    if (cancelable) options.canceled = &handle->compactions_canceled;
    return Convert(handle->db->CompactRange(options, bounds.begin(), bounds.end()));
  });
}

void firn_rocksdb_cancel_compactions(firn_rocksdb *handle, int32_t canceled) {
  handle->compactions_canceled.store(canceled != 0, std::memory_order_release);
}

void firn_rocksdb_limit_io(firn_rocksdb *handle, uint64_t bytes_per_second) {
  handle->limiter->SetBytesPerSecond(static_cast<int64_t>(bytes_per_second));
}

void firn_rocksdb_limit_deletions(firn_rocksdb *handle, uint64_t bytes_per_second) {
  if (handle->deletions) handle->deletions->SetRate(bytes_per_second);
}

void firn_rocksdb_read_statistics(firn_rocksdb *handle, firn_rocksdb_statistics *out) {
  memset(out, 0, sizeof *out);
  const auto property = [&](const std::string &name) {
    uint64_t value = 0;
    return handle->db->GetIntProperty(name, &value) ? value : 0;
  };
  const auto ticker = [&](rocksdb::Tickers t) { return handle->statistics->getTickerCount(t); };
  const firn_rocksdb_status ignored = Guarded([&] {
    using P = rocksdb::DB::Properties;
    out->disk_bytes = property(P::kTotalSstFilesSize) + property(P::kTotalBlobFileSize);
    out->trash_bytes = handle->deletions ? handle->deletions->trash_bytes() : 0;
    // As df says it. GetFreeSpace counts what is kept for root, if we are that.
    struct statvfs disk;
    out->free_bytes = statvfs(handle->db->GetName().c_str(), &disk) == 0
                          ? uint64_t(disk.f_bavail) * disk.f_frsize + out->trash_bytes
                          : UINT64_MAX;
    const double alive = AliveShare(handle->db.get());
    out->deleted_share = 1 - alive;
    // 0 is for what could not be read.
    out->live_bytes = property(P::kEstimateLiveDataSize);
    if (out->live_bytes > 0) out->live_bytes = std::max<uint64_t>(1, double(out->live_bytes) * alive);
    out->estimated_keys = property(P::kEstimateNumKeys);
    out->memtable_bytes = property(P::kCurSizeAllMemTables);
    out->block_cache_bytes = property(P::kBlockCacheUsage);
    out->table_reader_bytes = property(P::kEstimateTableReadersMem);
    out->pending_compaction_bytes = property(P::kEstimatePendingCompactionBytes);
    std::string files;
    if (handle->db->GetProperty(P::kNumFilesAtLevelPrefix + "0", &files)) out->level_zero_files = std::stoull(files);
    out->immutable_memtables = property(P::kNumImmutableMemTable);
    out->running_compactions = property(P::kNumRunningCompactions);
    out->flush_write_bytes = ticker(rocksdb::FLUSH_WRITE_BYTES);
    out->compaction_write_bytes = ticker(rocksdb::COMPACT_WRITE_BYTES);
    out->compaction_read_bytes = ticker(rocksdb::COMPACT_READ_BYTES);
    out->reads = ticker(rocksdb::NUMBER_KEYS_READ) + ticker(rocksdb::NUMBER_MULTIGET_KEYS_READ);
    out->filter_useful = ticker(rocksdb::BLOOM_FILTER_USEFUL);
    out->block_cache_hits = ticker(rocksdb::BLOCK_CACHE_HIT);
    out->block_cache_misses = ticker(rocksdb::BLOCK_CACHE_MISS);
    return Ok();
  });
  firn_rocksdb_free(ignored.message);  // readings that failed stay 0
}

firn_rocksdb_status firn_rocksdb_background_error(firn_rocksdb *handle) {
  if (!handle->watcher->failed()) return Ok();
  return Guarded([&] { return Convert(handle->watcher->error()); });
}

int32_t firn_rocksdb_stall(firn_rocksdb *handle) { return handle->watcher->stall(); }

double firn_rocksdb_backlog(firn_rocksdb *handle) {
  using P = rocksdb::DB::Properties;
  double part = 0;
  const firn_rocksdb_status ignored = Guarded([&] {
    uint64_t memtables = 0;
    if (handle->db->GetIntProperty(P::kNumImmutableMemTable, &memtables)) {
      part = handle->unwritten_memtables.part(double(memtables));
    }
    std::string files;
    if (handle->db->GetProperty(P::kNumFilesAtLevelPrefix + "0", &files)) {
      part = std::max(part, handle->level_zero_files.part(std::stod(files)));
    }
    return Ok();
  });
  firn_rocksdb_free(ignored.message);  // what can't be read slows nobody down
  return part;
}

firn_rocksdb_status firn_rocksdb_resume(firn_rocksdb *handle) {
  return Guarded([&] {
    handle->watcher->WaitBeforeResume();
    const uint64_t errors = handle->watcher->errors();
    // A Resume that fails for want of space can make the next one hang, as told at OnBackgroundError: don't let it try
    // before there is room for what it will write.
    uint64_t memtables = 0, free = 0;
    if (handle->watcher->error().IsNoSpace() &&
        handle->db->GetIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &memtables) &&
        handle->db->GetEnv()->GetFreeSpace(handle->db->GetName(), &free).ok() && free < memtables + kResumeBytes) {
      return Convert(rocksdb::Status::NoSpace("resuming needs " + std::to_string(memtables + kResumeBytes) +
                                              " bytes of free space, there are " + std::to_string(free)));
    }
    const rocksdb::Status s = handle->db->Resume();
    if (s.ok()) handle->watcher->clear(errors);
    if (handle->watcher->failed() && s.ok()) return Convert(handle->watcher->error());
    return Convert(s);
  });
}

void firn_rocksdb_count_block_reads(void) {
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
  rocksdb::get_perf_context()->Reset();
}

uint64_t firn_rocksdb_block_reads(void) {
  return rocksdb::get_perf_context()->block_read_count + rocksdb::get_perf_context()->blob_read_count;
}
