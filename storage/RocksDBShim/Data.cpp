// Reads, writes and cursors.
#include <rocksdb/iterator.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <thread>
#include <vector>

#include "Handle.h"

using namespace firn;

namespace {

/// What a thread's last read pinned. One per thread: the values keep their buffers from read to read.
thread_local rocksdb::PinnableSlice pinned;
thread_local std::vector<rocksdb::PinnableSlice> pinned_many;
thread_local std::vector<rocksdb::Slice> keys_many;
thread_local std::vector<rocksdb::Status> statuses_many;
thread_local rocksdb::WriteBatch batch;

/// Buffers above these sizes are not kept: 64 KiB a thread for single reads, 256 x 16 KiB for many, 1 MiB for batches.
constexpr size_t kKeptBytes = 64 * 1024;
constexpr size_t kKeptBytesOfMany = 16 * 1024;
constexpr size_t kKeptMany = 256;
constexpr size_t kKeptBatchBytes = 1024 * 1024;

/// Between attempts at a write that meets a backlog: a memtable's flush takes some milliseconds.
constexpr auto kStallPoll = std::chrono::milliseconds(1);

/// Lets go of what was read. Reset keeps a copied value (one from a memtable) as it is, so it is the buffer that says
/// how large that was.
void Unpin(rocksdb::PinnableSlice &slice, size_t kept) {
  slice.Reset();
  if (slice.GetSelf()->capacity() > kept) std::string().swap(*slice.GetSelf());
}

rocksdb::ReadOptions Reading() {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}
const rocksdb::ReadOptions reading = Reading();

rocksdb::ReadOptions ReadingMemory() {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}
const rocksdb::ReadOptions reading_memory = ReadingMemory();

rocksdb::Status Fill(const uint8_t *operations, size_t count, rocksdb::WriteBatch *out) {
  constexpr size_t kHead = 9;
  size_t at = 0;
  while (at < count) {
    uint32_t first, second;
    if (count - at < kHead) return rocksdb::Status::InvalidArgument("a batch ends within an operation");
    memcpy(&first, operations + at + 1, 4);
    memcpy(&second, operations + at + 5, 4);
    if (count - at - kHead < static_cast<size_t>(first) + second) {
      return rocksdb::Status::InvalidArgument("a batch ends within an operation");
    }
    const rocksdb::Slice a = Bytes(operations + at + kHead, first);
    const rocksdb::Slice b = Bytes(operations + at + kHead + first, second);
    rocksdb::Status s;
    switch (operations[at]) {
      case 1: s = out->Put(a, b); break;
      case 2: s = out->Delete(a); break;
      case 3:
        // An empty range is an error to RocksDB and nothing to us.
        if (a.compare(b) < 0) s = out->DeleteRange(a, b);
        break;
      default: return rocksdb::Status::InvalidArgument("an unknown operation in a batch");
    }
    if (!s.ok()) return s;
    at += kHead + first + second;
  }
  return rocksdb::Status::OK();
}

/// A batch may be larger than memtables should be, and RocksDB looks at that only when the next one comes: has what was
/// written flushed in the background.
void WriteOutSoon(firn_rocksdb *handle) {
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  // What fails in the background the watcher hears of, and what can't begin is tried again by the next write.
  handle->db->Flush(options).PermitUncheckedError();
}

}  // namespace

struct firn_rocksdb_cursor {
  firn_rocksdb *owner;
  std::string from, to;
  rocksdb::Slice bound;
  std::unique_ptr<rocksdb::Iterator> iterator;
  bool started = false;
};

firn_rocksdb_status firn_rocksdb_get(firn_rocksdb *handle, const uint8_t *key, size_t count,
                                     firn_rocksdb_slice *value) {
  return Guarded([&] {
    const rocksdb::Status s = handle->db->Get(reading, handle->db->DefaultColumnFamily(), Bytes(key, count), &pinned);
    if (s.ok()) {
      *value = Out(pinned);
      return Ok();
    }
    Unpin(pinned, kKeptBytes);
    return s.IsNotFound() ? firn_rocksdb_status{FIRN_ROCKSDB_NOT_FOUND, 0, 0, nullptr} : Convert(s);
  });
}

firn_rocksdb_status firn_rocksdb_get_many(firn_rocksdb *handle, const firn_rocksdb_slice *keys, size_t n,
                                          firn_rocksdb_slice *values) {
  return Guarded([&] {
    keys_many.clear();
    for (size_t i = 0; i < n; i++) keys_many.push_back(Bytes(keys[i]));
    if (pinned_many.size() < n) pinned_many.resize(n);
    statuses_many.assign(n, rocksdb::Status::OK());
    handle->db->MultiGet(reading, handle->db->DefaultColumnFamily(), n, keys_many.data(), pinned_many.data(),
                         statuses_many.data());
    firn_rocksdb_status result = Ok();
    for (size_t i = 0; i < n; i++) {
      values[i] = {nullptr, 0};
      if (statuses_many[i].ok()) {
        values[i] = Out(pinned_many[i]);
      } else if (!statuses_many[i].IsNotFound() && result.code == FIRN_ROCKSDB_OK) {
        result = Convert(statuses_many[i]);
      }
    }
    return result;
  });
}

void firn_rocksdb_unpin(void) {
  Unpin(pinned, kKeptBytes);
  for (auto &slice : pinned_many) Unpin(slice, kKeptBytesOfMany);
  if (pinned_many.size() > kKeptMany) pinned_many.clear();
}

int32_t firn_rocksdb_may_contain(firn_rocksdb *handle, const uint8_t *key, size_t count) {
  // What KeyMayExist does, less its copy of the value. Incomplete means: a filter says yes, and the block
  // that would decide is not in memory.
  try {
    const rocksdb::Status s =
        handle->db->Get(reading_memory, handle->db->DefaultColumnFamily(), Bytes(key, count), &pinned);
    Unpin(pinned, kKeptBytes);
    return s.IsNotFound() ? 0 : 1;
  } catch (...) {
    return 1;
  }
}

firn_rocksdb_status firn_rocksdb_write(firn_rocksdb *handle, const uint8_t *operations, size_t count) {
  return Guarded([&] {
    // A soft error would let the write through into a memtable that can't be written out.
    if (handle->watcher->failed()) return Convert(handle->watcher->error());
    batch.Clear();
    rocksdb::Status s = Fill(operations, count, &batch);
    if (s.ok()) {
      rocksdb::WriteOptions options;
      options.disableWAL = true;
      s = handle->db->Write(options, &batch);
      // After a recovery RocksDB 7.8.3 answers so where it should wait for its own backlog (see FlushAndVerify), before
      // anything of the batch is applied.
      while (s.IsIncomplete() && !handle->watcher->failed()) {
        std::this_thread::sleep_for(kStallPoll);
        s = handle->db->Write(options, &batch);
      }
    }
    if (batch.GetDataSize() > kKeptBatchBytes) batch = rocksdb::WriteBatch();
    if (s.ok() && count > handle->memtable_bytes) WriteOutSoon(handle);
    return Convert(s);
  });
}

firn_rocksdb_status firn_rocksdb_cursor_open(firn_rocksdb *handle, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                             firn_rocksdb_cursor **out) {
  *out = nullptr;
  return Guarded([&] {
    auto cursor = std::make_unique<firn_rocksdb_cursor>();
    cursor->owner = handle;
    cursor->from = Bytes(from).ToString();
    cursor->to = Bytes(to).ToString();
    cursor->bound = cursor->to;
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    // Walks are long and their blocks are not asked for again: large reads ahead, nothing kept.
    options.fill_cache = false;
    options.readahead_size = 256 * 1024;
    options.adaptive_readahead = true;
    if (!cursor->to.empty()) options.iterate_upper_bound = &cursor->bound;
    cursor->iterator.reset(handle->db->NewIterator(options));
    handle->cursors.fetch_add(1, std::memory_order_acq_rel);
    *out = cursor.release();
    return Ok();
  });
}

firn_rocksdb_status firn_rocksdb_cursor_next(firn_rocksdb_cursor *cursor, firn_rocksdb_slice *key,
                                             firn_rocksdb_slice *value) {
  return Guarded([&] {
    rocksdb::Iterator *it = cursor->iterator.get();
    if (!cursor->started) {
      cursor->started = true;
      it->Seek(cursor->from);
    } else if (it->Valid()) {
      it->Next();
    }
    if (it->Valid()) {
      *key = Out(it->key());
      if (value) *value = Out(it->value());
      return Ok();
    }
    const rocksdb::Status s = it->status();
    return s.ok() ? firn_rocksdb_status{FIRN_ROCKSDB_NOT_FOUND, 0, 0, nullptr} : Convert(s);
  });
}

void firn_rocksdb_cursor_close(firn_rocksdb_cursor *cursor) {
  firn_rocksdb *owner = cursor->owner;
  delete cursor;
  owner->cursors.fetch_sub(1, std::memory_order_acq_rel);
}
