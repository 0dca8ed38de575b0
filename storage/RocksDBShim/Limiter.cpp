// The rate of flushes and compactions, which can be set and taken back while the database is open.
#include <rocksdb/rate_limiter.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "Handle.h"

namespace firn {
namespace {

/// RocksDB's own limiter, and a way past it while there is no limit.
///
/// A very high rate instead of that way would not do: RocksDB's limiter keeps what was not used of the last tenth of a
/// second, and after a change gives that out first, which would be gigabytes.
class SwitchedLimiter : public rocksdb::RateLimiter {
 public:
  SwitchedLimiter()
      : rocksdb::RateLimiter(Mode::kAllIo),
        limiter_(rocksdb::NewGenericRateLimiter(kFirstRate, 100 * 1000, 10, Mode::kAllIo)) {}

  void SetBytesPerSecond(int64_t bytes_per_second) override {
    if (bytes_per_second > 0) limiter_->SetBytesPerSecond(std::max(bytes_per_second, kLeastRate));
    limits_.store(bytes_per_second > 0, std::memory_order_release);
  }
  bool IsRateLimited(OpType) override { return limits_.load(std::memory_order_acquire); }

  using rocksdb::RateLimiter::Request;
  void Request(const int64_t bytes, const rocksdb::Env::IOPriority priority, rocksdb::Statistics *statistics) override {
    if (limits_.load(std::memory_order_acquire)) limiter_->Request(bytes, priority, statistics);
  }
  int64_t GetSingleBurstBytes() const override { return limiter_->GetSingleBurstBytes(); }
  int64_t GetTotalBytesThrough(const rocksdb::Env::IOPriority priority) const override {
    return limiter_->GetTotalBytesThrough(priority);
  }
  int64_t GetTotalRequests(const rocksdb::Env::IOPriority priority) const override {
    return limiter_->GetTotalRequests(priority);
  }
  int64_t GetBytesPerSecond() const override { return limiter_->GetBytesPerSecond(); }

 private:
  static constexpr int64_t kFirstRate = 1 << 20;
  /// Less gives out a few hundred bytes at a time: a flush would take for ever.
  static constexpr int64_t kLeastRate = 64 << 10;
  const std::unique_ptr<rocksdb::RateLimiter> limiter_;
  std::atomic<bool> limits_{false};
};

}  // namespace

std::shared_ptr<rocksdb::RateLimiter> MakeLimiter(uint64_t bytes_per_second) {
  auto limiter = std::make_shared<SwitchedLimiter>();
  limiter->SetBytesPerSecond(static_cast<int64_t>(bytes_per_second));
  return limiter;
}

}  // namespace firn
