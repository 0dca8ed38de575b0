// RocksDB 7.8 (C++) as a handful of C functions: what its own C API lacks (error codes, Resume, listeners,
// pinned MultiGet, reads from memory only) and nothing the provider doesn't use.
//
// - No function throws. A status has code 0 for success; its message then is NULL.
// - What a function hands out belongs to the caller and is released through the function named with it.
// - Nothing calls back: RocksDB's threads record errors and stalls in the handle, and the caller polls.
#ifndef FIRN_ROCKSDB_SHIM_H
#define FIRN_ROCKSDB_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An open database.
typedef struct firn_rocksdb firn_rocksdb;
/// A walk over a range of it.
typedef struct firn_rocksdb_cursor firn_rocksdb_cursor;

/// The codes and subcodes that the provider tells apart: those of rocksdb::Status, and two of our own.
enum {
  FIRN_ROCKSDB_OK = 0,
  FIRN_ROCKSDB_NOT_FOUND = 1,
  FIRN_ROCKSDB_CORRUPTION = 2,
  FIRN_ROCKSDB_NOT_SUPPORTED = 3,
  FIRN_ROCKSDB_INVALID_ARGUMENT = 4,
  FIRN_ROCKSDB_IO_ERROR = 5,
  FIRN_ROCKSDB_INCOMPLETE = 7,
  FIRN_ROCKSDB_TIMED_OUT = 9,
  FIRN_ROCKSDB_ABORTED = 10,
  FIRN_ROCKSDB_BUSY = 11,
  FIRN_ROCKSDB_TRY_AGAIN = 13,
  /// An option that is not known or not accepted; found before anything is opened.
  FIRN_ROCKSDB_BAD_OPTION = 1000,
  /// A C++ exception: memory, or a bug.
  FIRN_ROCKSDB_EXCEPTION = 1001,
  /// Another process (or this one) has the directory open.
  FIRN_ROCKSDB_LOCKED = 1002,
  /// Cursors are open: nothing was closed.
  FIRN_ROCKSDB_IN_USE = 1003,

  FIRN_ROCKSDB_SUB_NO_SPACE = 4,
  FIRN_ROCKSDB_SUB_MEMORY_LIMIT = 7,
  FIRN_ROCKSDB_SUB_SPACE_LIMIT = 8,
};

typedef struct {
  int32_t code;
  int32_t subcode;
  /// rocksdb::Status::Severity: 0 none, 1 soft, 2 hard, 3 fatal, 4 unrecoverable.
  int32_t severity;
  /// NULL, or to be released with firn_rocksdb_free.
  char *_Nullable message;
} firn_rocksdb_status;

/// A run of bytes owned by somebody else.
typedef struct {
  const uint8_t *_Nullable data;
  size_t count;
} firn_rocksdb_slice;

typedef struct {
  uint64_t block_cache_bytes;
  uint64_t memtable_bytes;
  /// Flush and compaction together; 0: no limit.
  uint64_t io_limit_bytes_per_second;
  /// Of obsolete files; 0: at once.
  uint64_t delete_rate_bytes_per_second;
  /// none, snappy, lz4, zstd or bzip2.
  const char *_Nonnull compression;
  int32_t direct_reads;
  /// -1: no limit.
  int32_t max_open_files;
  int32_t background_jobs;
  /// Values from this size on lie in blob files; 0: none does.
  uint64_t blob_bytes;
  /// Changes nothing in the directory, which must hold a database; every write is refused.
  int32_t read_only;
  /// RocksDB's option-string syntax; applied over everything else.
  const char *_Nonnull user_options;
} firn_rocksdb_options;

void firn_rocksdb_free(char *_Nullable message);

/// Whether the options are acceptable, without opening anything.
firn_rocksdb_status firn_rocksdb_check_options(const firn_rocksdb_options *_Nonnull options);
/// Opens the database in `directory`, created if missing. `*out` is released with firn_rocksdb_close.
firn_rocksdb_status firn_rocksdb_open(const char *_Nonnull directory, const firn_rocksdb_options *_Nonnull options,
                                      firn_rocksdb *_Nullable *_Nonnull out);
/// Flushes if `flush`, stops the background threads and releases the handle, whatever the status says. With cursors
/// open it does nothing and answers IN_USE.
firn_rocksdb_status firn_rocksdb_close(firn_rocksdb *_Nonnull db, int32_t flush);

/// Reads one key. OK: `*value` is pinned memory that stays valid until the calling thread's firn_rocksdb_unpin, which
/// must follow. NOT_FOUND has no message.
firn_rocksdb_status firn_rocksdb_get(firn_rocksdb *_Nonnull db, const uint8_t *_Nonnull key, size_t count,
                                     firn_rocksdb_slice *_Nonnull value);
/// Reads `n` different keys. Each value has its data pinned until the calling thread's firn_rocksdb_unpin, which must
/// follow, or NULL if there is none. The status is that of the first read that failed.
firn_rocksdb_status firn_rocksdb_get_many(firn_rocksdb *_Nonnull db, const firn_rocksdb_slice *_Nonnull keys,
                                          size_t n, firn_rocksdb_slice *_Nonnull values);
/// Releases what the calling thread's last firn_rocksdb_get or firn_rocksdb_get_many pinned.
void firn_rocksdb_unpin(void);
/// 0 if the key is certainly not there, from memtables, filters and cached blocks alone: never touches the device.
int32_t firn_rocksdb_may_contain(firn_rocksdb *_Nonnull db, const uint8_t *_Nonnull key, size_t count);

/// Applies operations in the form of Storage.WriteBatch: tag (1 put, 2 delete, 3 delete range), two lengths
/// (uint32_t, unaligned), the bytes of both.
firn_rocksdb_status firn_rocksdb_write(firn_rocksdb *_Nonnull db, const uint8_t *_Nonnull operations, size_t count);

/// A cursor over the present state; an empty `to` is the end. Released with firn_rocksdb_cursor_close.
firn_rocksdb_status firn_rocksdb_cursor_open(firn_rocksdb *_Nonnull db, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                             firn_rocksdb_cursor *_Nullable *_Nonnull out);
/// Moves to the next pair (the first time: the first one), whose views are valid until the next call. NOT_FOUND,
/// without a message, at the end. `value` may be NULL.
firn_rocksdb_status firn_rocksdb_cursor_next(firn_rocksdb_cursor *_Nonnull cursor, firn_rocksdb_slice *_Nonnull key,
                                             firn_rocksdb_slice *_Nullable value);
void firn_rocksdb_cursor_close(firn_rocksdb_cursor *_Nonnull cursor);

/// Writes the memtables out and waits.
firn_rocksdb_status firn_rocksdb_flush(firn_rocksdb *_Nonnull db);
/// Hard links into `directory`, which must not exist; the directory and its parent are synchronised.
firn_rocksdb_status firn_rocksdb_checkpoint(firn_rocksdb *_Nonnull db, const char *_Nonnull directory);
/// Compacts the range down to the last level, collecting blobs too. Empty bounds are open. `cancelable`: ends soon,
/// with INCOMPLETE, while firn_rocksdb_cancel_compactions says so.
firn_rocksdb_status firn_rocksdb_compact(firn_rocksdb *_Nonnull db, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                         int32_t cancelable);
/// Whether cancelable compactions, those under way too, end early.
void firn_rocksdb_cancel_compactions(firn_rocksdb *_Nonnull db, int32_t canceled);
/// From now on flushes and compactions together read and write so many bytes a second at most; 0: no limit.
void firn_rocksdb_limit_io(firn_rocksdb *_Nonnull db, uint64_t bytes_per_second);
/// From now on obsolete files are deleted at this rate; 0: at once.
void firn_rocksdb_limit_deletions(firn_rocksdb *_Nonnull db, uint64_t bytes_per_second);
/// Removes the files that lie wholly in the range (level 0's aside) at once, without writing: what was in them is
/// gone, what lies in others stays. From now on compactions leave out what lies in the range, also those that have
/// begun: nothing may ever be written into it again. `is_whole` becomes 0 if a compaction or large values hold files of
/// the range: then another call, after firn_rocksdb_rewrite, may find more.
firn_rocksdb_status firn_rocksdb_drop_files(firn_rocksdb *_Nonnull db, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                            int32_t *_Nonnull is_whole);
/// Rewrites the files with large values that firn_rocksdb_drop_files had to leave, without what was dropped. Slow.
firn_rocksdb_status firn_rocksdb_rewrite(firn_rocksdb *_Nonnull db, firn_rocksdb_slice from, firn_rocksdb_slice to);

/// All sizes in bytes. `trash_bytes`: obsolete files that are being deleted. `free_bytes`: of the file system, counting
/// the trash; UINT64_MAX if it could not be read.
typedef struct {
  uint64_t disk_bytes, trash_bytes, free_bytes, live_bytes, estimated_keys, memtable_bytes, block_cache_bytes,
      table_reader_bytes, pending_compaction_bytes, level_zero_files, immutable_memtables, running_compactions;
  uint64_t flush_write_bytes, compaction_write_bytes, compaction_read_bytes;
  uint64_t reads, filter_useful, block_cache_hits, block_cache_misses;
  /// Of what was put and is still there the part that deletes cover, 0 to 1.
  double deleted_share;
} firn_rocksdb_statistics;
void firn_rocksdb_read_statistics(firn_rocksdb *_Nonnull db, firn_rocksdb_statistics *_Nonnull out);

/// OK, or the first background error since the start or the last successful firn_rocksdb_resume.
firn_rocksdb_status firn_rocksdb_background_error(firn_rocksdb *_Nonnull db);
/// 0 if writes run at full speed, 1 if they are slowed down, 2 if they wait.
int32_t firn_rocksdb_stall(firn_rocksdb *_Nonnull db);
/// How far flushes and compactions are behind: 0 where they keep up, 1 where writers should go as slowly as they can
/// afford to; RocksDB makes writers wait only some way beyond. A microsecond or two.
double firn_rocksdb_backlog(firn_rocksdb *_Nonnull db);
/// Tries to leave the state after a background error.
firn_rocksdb_status firn_rocksdb_resume(firn_rocksdb *_Nonnull db);

/// Starts counting the calling thread's block reads from zero.
void firn_rocksdb_count_block_reads(void);
/// Blocks that the calling thread has read from the device (or the page cache) since then.
uint64_t firn_rocksdb_block_reads(void);

#ifdef __cplusplus
}
#endif
#endif
