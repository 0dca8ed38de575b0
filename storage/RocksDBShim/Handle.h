// What the shim's files share: the handle behind `firn_rocksdb`, and statuses.
#ifndef FIRN_ROCKSDB_HANDLE_H
#define FIRN_ROCKSDB_HANDLE_H

#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/statistics.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "RocksDBShim.h"

namespace firn {

/// Keeps the first background error and the stall condition for whoever polls.
///
/// RocksDB calls it on its own threads, with or without its mutex held: it only records.
class Watcher : public rocksdb::EventListener {
 public:
  const char *Name() const override { return "firn.Watcher"; }
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status *error) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error, bool *automatic) override;
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo &info) override;
  void OnCompactionBegin(rocksdb::DB *db, const rocksdb::CompactionJobInfo &job) override;

  /// Whether a background error stands; one atomic load.
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  rocksdb::Status error() const;
  /// Errors so far: `clear` does nothing if another one came after the count was taken.
  uint64_t errors() const;
  void clear(uint64_t errors);
  /// Sleeps until the last error is old enough for a Resume; see `kResumeAfter`.
  void WaitBeforeResume() const;
  int stall() const { return stall_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  rocksdb::Status first_;
  uint64_t count_ = 0;
  std::chrono::steady_clock::time_point last_;
  std::atomic<bool> failed_{false};
  std::atomic<int> stall_{0};
};

/// Deletes obsolete files bit by bit, at a rate, and at once where there is little room.
class Deletions : public rocksdb::EventListener {
 public:
  /// `directory` exists or will, when the first file is written.
  Deletions(const std::string &directory, uint64_t bytes_per_second, std::shared_ptr<rocksdb::Logger> log);
  const char *Name() const override { return "firn.Deletions"; }
  void OnTableFileCreationStarted(const rocksdb::TableFileCreationBriefInfo &info) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status *error) override;

  /// 0: at once.
  void SetRate(uint64_t bytes_per_second);
  /// What is obsolete and still takes room.
  uint64_t trash_bytes() const;
  std::shared_ptr<rocksdb::SstFileManager> manager() const { return manager_; }

 private:
  void Adapt();

  const std::string directory_;
  const std::shared_ptr<rocksdb::SstFileManager> manager_;
  std::atomic<uint64_t> rate_{0};
};

/// Ranges that nobody reads or writes any more; compactions leave out what lies in them, those under way too.
///
/// Without it a compaction copies what it took as input before the range was deleted: as much room again as the dead
/// data takes, on a device that may have been full of it.
class DeadRanges {
 public:
  /// `from ..< to`; an empty `to` is open.
  struct Range {
    std::string from, to;
    /// The version that it came with.
    uint64_t since;
  };

  void add(const rocksdb::Slice &from, const rocksdb::Slice &to);
  /// Changes with every `add`: who holds a copy asks for a new one.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::vector<Range> copy() const;

 private:
  mutable std::mutex mutex_;
  /// Disjoint and ascending.
  std::vector<Range> ranges_;
  std::atomic<uint64_t> version_{0};
};

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeDeadRangeFilters(std::shared_ptr<const DeadRanges> ranges);

/// The defaults with the caller's settings and the user's option string over them.
/// InvalidArgument or NotSupported names what is not accepted.
rocksdb::Status MakeOptions(const firn_rocksdb_options &from, rocksdb::Options *out);

/// A limiter whose rate can be set at any time, in bytes a second; 0: no limit.
std::shared_ptr<rocksdb::RateLimiter> MakeLimiter(uint64_t bytes_per_second);

/// The information log: LOG in `directory`, of bounded size.
std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string &directory);

inline firn_rocksdb_status Ok() { return {FIRN_ROCKSDB_OK, 0, 0, nullptr}; }

inline firn_rocksdb_status Failure(int code, const char *message) {
  return {code, 0, 0, strdup(message)};
}

inline firn_rocksdb_status Convert(const rocksdb::Status &s) {
  if (s.ok()) return Ok();
  return {static_cast<int32_t>(s.code()), static_cast<int32_t>(s.subcode()), static_cast<int32_t>(s.severity()),
          strdup(s.ToString().c_str())};
}

/// Runs `body` so that no exception leaves it.
template <typename Body>
firn_rocksdb_status Guarded(Body body) {
  try {
    return body();
  } catch (const std::exception &e) {
    return Failure(FIRN_ROCKSDB_EXCEPTION, e.what());
  } catch (...) {
    return Failure(FIRN_ROCKSDB_EXCEPTION, "unknown exception");
  }
}

inline rocksdb::Slice Bytes(const uint8_t *data, size_t count) {
  return rocksdb::Slice(reinterpret_cast<const char *>(data), count);
}
inline rocksdb::Slice Bytes(firn_rocksdb_slice s) { return Bytes(s.data, s.count); }
inline firn_rocksdb_slice Out(const rocksdb::Slice &s) {
  // An empty value may have no address in RocksDB; NULL means 'no value' here.
  static const uint8_t nothing = 0;
  return {s.data() ? reinterpret_cast<const uint8_t *>(s.data()) : &nothing, s.size()};
}

/// From where on a backlog counts, and where it is as large as it may become.
struct Span {
  double from = 0, to = 1;
  double part(double value) const { return std::min(std::max((value - from) / (to - from), 0.0), 1.0); }
};

/// A range of keys: `first ..< last`; an empty bound is open.
struct Bounds {
  explicit Bounds(firn_rocksdb_slice from, firn_rocksdb_slice to) : first(Bytes(from)), last(Bytes(to)) {}
  const rocksdb::Slice *begin() const { return first.empty() ? nullptr : &first; }
  const rocksdb::Slice *end() const { return last.empty() ? nullptr : &last; }
  rocksdb::Slice first, last;
};

/// Returns OK when everything written before the call is in table files.
rocksdb::Status FlushAndVerify(firn_rocksdb *handle);

}  // namespace firn

struct firn_rocksdb {
  std::unique_ptr<rocksdb::DB> db;
  std::shared_ptr<firn::Watcher> watcher;
  /// None in a database that is only read.
  std::shared_ptr<firn::Deletions> deletions;
  std::shared_ptr<firn::DeadRanges> dead = std::make_shared<firn::DeadRanges>();
  std::shared_ptr<rocksdb::Statistics> statistics;
  /// Of flushes and compactions.
  std::shared_ptr<rocksdb::RateLimiter> limiter;
  /// Whether manual compactions end early.
  std::atomic<bool> compactions_canceled{false};
  std::atomic<int> cursors{0};
  /// Bytes at which a memtable is full.
  size_t memtable_bytes = 0;
  /// What the backlog is measured by.
  firn::Span level_zero_files, unwritten_memtables;
};

#endif
