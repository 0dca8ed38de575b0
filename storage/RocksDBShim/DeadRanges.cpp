// What compactions leave out. An aid, no truth: that the ranges are empty is said by range deletes.
#include <rocksdb/compaction_filter.h>

#include <algorithm>

#include "Handle.h"

namespace firn {
namespace {

using Range = DeadRanges::Range;

/// Ranges that are kept: whatever lay in older ones has been compacted long since, and one less only costs room.
constexpr size_t kKeptRanges = 256;

bool EndsBefore(const std::string &to, const rocksdb::Slice &key) { return !to.empty() && key.compare(to) >= 0; }

/// One per compaction, used by one thread.
class DeadRangeFilter : public rocksdb::CompactionFilter {
 public:
  explicit DeadRangeFilter(std::shared_ptr<const DeadRanges> ranges) : ranges_(std::move(ranges)) {}

  const char *Name() const override { return "firn.DeadRangeFilter"; }

  Decision FilterV2(int, const rocksdb::Slice &key, ValueType, const rocksdb::Slice &, std::string *,
                    std::string *skip_until) const override {
    return Decide(key, skip_until);
  }

  // Decides without reading the blob.
  Decision FilterBlobByKey(int, const rocksdb::Slice &key, std::string *, std::string *skip_until) const override {
    return Decide(key, skip_until);
  }

 private:
  Decision Decide(const rocksdb::Slice &key, std::string *skip_until) const {
    const uint64_t version = ranges_->version();
    if (version != version_) {
      copy_ = ranges_->copy();
      at_ = 0;
      version_ = version;
    }
    // A compaction asks in the order of keys.
    while (at_ < copy_.size() && EndsBefore(copy_[at_].to, key)) at_ += 1;
    if (at_ == copy_.size() || key.compare(copy_[at_].from) < 0) return Decision::kKeep;
    if (copy_[at_].to.empty()) return Decision::kRemove;
    *skip_until = copy_[at_].to;
    return Decision::kRemoveAndSkipUntil;
  }

  const std::shared_ptr<const DeadRanges> ranges_;
  mutable std::vector<Range> copy_;
  mutable size_t at_ = 0;
  mutable uint64_t version_ = 0;
};

class DeadRangeFilters : public rocksdb::CompactionFilterFactory {
 public:
  explicit DeadRangeFilters(std::shared_ptr<const DeadRanges> ranges) : ranges_(std::move(ranges)) {}
  const char *Name() const override { return "firn.DeadRangeFilters"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context &) override {
    return std::make_unique<DeadRangeFilter>(ranges_);
  }

 private:
  const std::shared_ptr<const DeadRanges> ranges_;
};

}  // namespace

void DeadRanges::add(const rocksdb::Slice &from, const rocksdb::Slice &to) {
  if (!to.empty() && from.compare(to) >= 0) return;
  std::lock_guard<std::mutex> guard(mutex_);
  const uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  Range added{from.ToString(), to.ToString(), version};
  // Generations that die one after the other make one range.
  std::vector<Range> kept;
  for (auto &range : ranges_) {
    const bool before = !range.to.empty() && range.to < added.from;
    const bool behind = !added.to.empty() && added.to < range.from;
    if (before || behind) {
      kept.push_back(std::move(range));
      continue;
    }
    added.from = std::min(added.from, range.from);
    added.to = added.to.empty() || range.to.empty() ? std::string() : std::max(added.to, range.to);
  }
  if (kept.size() >= kKeptRanges) {
    kept.erase(std::min_element(kept.begin(), kept.end(),
                                [](const Range &a, const Range &b) { return a.since < b.since; }));
  }
  kept.insert(std::upper_bound(kept.begin(), kept.end(), added,
                               [](const Range &a, const Range &b) { return a.from < b.from; }),
              added);
  ranges_ = std::move(kept);
  version_.store(version, std::memory_order_release);
}

std::vector<Range> DeadRanges::copy() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return ranges_;
}

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeDeadRangeFilters(std::shared_ptr<const DeadRanges> ranges) {
  return std::make_shared<DeadRangeFilters>(std::move(ranges));
}

}  // namespace firn
