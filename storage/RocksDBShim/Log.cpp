// RocksDB's information log, written by us.
//
// RocksDB's own logger goes through its file writer, and Debian builds RocksDB with assertions: the second message
// after one that met a full disk ends the process ("sync_without_flush_called_", writable_file_writer.h, 7.8.3). A
// log must not do that, so this one writes with write(2) and drops what can't be written.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "Handle.h"

namespace firn {
namespace {

/// LOG, and LOG.old with what came before: 4 MiB at most.
constexpr size_t kLogBytes = 2 * 1024 * 1024;

class InfoLog : public rocksdb::Logger {
 public:
  explicit InfoLog(const std::string &directory)
      : rocksdb::Logger(rocksdb::InfoLogLevel::INFO_LEVEL), path_(directory + "/LOG") {
    mkdir(directory.c_str(), 0755);  // usually there; RocksDB reports what is wrong with it
    Open();
  }
  ~InfoLog() override {
    if (file_ >= 0) close(file_);
  }

  using rocksdb::Logger::Logv;
  void Logv(const char *format, va_list arguments) override {
    char line[4096];
    const int head = Stamp(line, 64);
    const int room = static_cast<int>(sizeof line) - head - 1;
    int body = vsnprintf(line + head, room, format, arguments);
    if (body < 0) return;
    if (body >= room) body = room - 1;
    int length = head + body;
    if (line[length - 1] != '\n') line[length++] = '\n';
    std::lock_guard<std::mutex> guard(mutex_);
    if (size_ + length > kLogBytes) Roll();
    if (file_ < 0) return;
    const ssize_t written = write(file_, line, length);
    if (written > 0) size_ += written;
  }

 private:
  static int Stamp(char *out, size_t size) {
    timeval now;
    gettimeofday(&now, nullptr);
    tm broken;
    gmtime_r(&now.tv_sec, &broken);
    const size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &broken);
    return static_cast<int>(n) + snprintf(out + n, size - n, ".%06ldZ ", static_cast<long>(now.tv_usec));
  }
  void Open() {
    file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat status;
    size_ = file_ >= 0 && fstat(file_, &status) == 0 ? status.st_size : 0;
  }
  void Roll() {
    if (file_ >= 0) close(file_);
    rename(path_.c_str(), (path_ + ".old").c_str());
    Open();
  }

  const std::string path_;
  std::mutex mutex_;
  int file_ = -1;
  size_t size_ = 0;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeInfoLog(const std::string &directory) {
  return std::make_shared<InfoLog>(directory);
}

}  // namespace firn
