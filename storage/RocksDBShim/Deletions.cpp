// At what pace obsolete files leave the device.
//
// A file system mounted with `discard` tells the device which blocks are free, and the device does little else until
// it has heard all of it: while 2 GiB of files went at once (ext4, virtio) random reads fell from 61,000 to 800 a
// second for 0.4 s. Cut off 16 MiB at a time, 256 MiB a second, the same deletion left 46,000 and no read took more
// than 8 ms; at 512 MiB a second 29,000. So RocksDB renames a file to .trash and a thread of its own shortens it step
// by step.
#include <rocksdb/sst_file_manager.h>
#include <sys/statvfs.h>

#include "Handle.h"

namespace firn {
namespace {

constexpr uint64_t kChunk = 16 << 20;

/// Less free space than that, and deletions don't take their time: some seconds of what the fastest writers write.
constexpr uint64_t kAmpleBytes = 1 << 30;

/// A compaction of everything leaves as much trash as there is data, so there is no limit by their ratio: what bounds
/// the trash is `kAmpleBytes`.
constexpr double kNoRatio = 1e6;

}  // namespace

Deletions::Deletions(const std::string &directory, uint64_t bytes_per_second, std::shared_ptr<rocksdb::Logger> log)
    : directory_(directory),
      manager_(rocksdb::NewSstFileManager(rocksdb::Env::Default(), log, "", 0, true, nullptr, kNoRatio, kChunk)) {
  SetRate(bytes_per_second);
}

void Deletions::SetRate(uint64_t bytes_per_second) {
  rate_.store(bytes_per_second, std::memory_order_relaxed);
  Adapt();
}

uint64_t Deletions::trash_bytes() const { return manager_->GetTotalTrashSize(); }

void Deletions::Adapt() {
  struct statvfs disk;
  const bool is_ample =
      statvfs(directory_.c_str(), &disk) == 0 && uint64_t(disk.f_bavail) * disk.f_frsize >= kAmpleBytes;
  manager_->SetDeleteRateBytesPerSecond(is_ample ? static_cast<int64_t>(rate_.load(std::memory_order_relaxed)) : 0);
}

void Deletions::OnTableFileCreationStarted(const rocksdb::TableFileCreationBriefInfo &) { Adapt(); }

void Deletions::OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status *error) {
  if (error->IsNoSpace()) manager_->SetDeleteRateBytesPerSecond(0);
}

}  // namespace firn
