// Gives back the room of ranges that are dead, without rewriting what lives.
//
// DeleteFilesInRanges takes tables out of the list of files, at once and without needing room. But RocksDB 7.8 counts
// nothing of the large values that such a table referred to as garbage: their blob files stay for as long as an
// older blob file is in use, and if no table refers to any blob file any more, all of them stay. (In that state a
// build with assertions, as Debian's is, aborts in ComputeFilesMarkedForForcedBlobGC on the next change of the list
// once there are four such files; so that computation is switched off, see Options.cpp.) Therefore:
//
// - If no live table refers to large values, all tables of the range go at once. So it is with FLUSHALL, and so it is
//   done where the provider has failed: a full device has to be given room whatever it costs later.
// - Else only tables without large values go at once. The others are compacted each by itself (firn_rocksdb_rewrite),
//   which leaves out what lies in dead ranges without reading it, and does count.
// - When blob files are left that no table refers to, one large value is written and deleted again: blob files older
//   than the oldest that is referred to are given back.
#include <rocksdb/convenience.h>

#include <algorithm>

#include "Handle.h"

using namespace firn;

namespace {

/// A key that no range of the provider's users holds; never read.
const char kAnchor[] = "\xff" "anchor";

using Tables = std::vector<rocksdb::SstFileMetaData>;

bool Overlaps(const rocksdb::SstFileMetaData &table, const Bounds &bounds) {
  if (bounds.end() && bounds.end()->compare(table.smallestkey) <= 0) return false;
  return !bounds.begin() || bounds.begin()->compare(table.largestkey) <= 0;
}

bool IsInside(const rocksdb::SstFileMetaData &table, const Bounds &bounds) {
  if (bounds.begin() && bounds.begin()->compare(table.smallestkey) > 0) return false;
  return !bounds.end() || bounds.end()->compare(table.largestkey) > 0;
}

bool HoldsBlobs(const rocksdb::SstFileMetaData &table) { return table.oldest_blob_file_number != 0; }

rocksdb::Status Drop(rocksdb::DB *db, const std::vector<rocksdb::RangePtr> &ranges) {
  if (ranges.empty()) return rocksdb::Status::OK();
  // The ends belong to the ranges here: a table is inside from its first to its last key.
  return rocksdb::DeleteFilesInRanges(db, db->DefaultColumnFamily(), ranges.data(), ranges.size(), true);
}

/// All tables of the range without large values.
rocksdb::Status DropWithoutBlobs(rocksdb::DB *db, const Tables &tables, const Bounds &bounds) {
  std::vector<rocksdb::Slice> ends;
  for (const auto &table : tables) {
    if (HoldsBlobs(table) || !IsInside(table, bounds)) continue;
    ends.emplace_back(table.smallestkey);
    ends.emplace_back(table.largestkey);
  }
  // A table with large values may lie within the ends of another, in another level: such ranges are left out.
  std::vector<rocksdb::RangePtr> ranges;
  for (size_t i = 0; i < ends.size(); i += 2) {
    const bool isClear = std::none_of(tables.begin(), tables.end(), [&](const rocksdb::SstFileMetaData &table) {
      return HoldsBlobs(table) && ends[i].compare(table.smallestkey) <= 0 &&
             ends[i + 1].compare(table.largestkey) >= 0;
    });
    if (isClear) ranges.emplace_back(&ends[i], &ends[i + 1]);
  }
  return Drop(db, ranges);
}

/// Blob files that no table refers to are given back.
rocksdb::Status LetGoOfBlobs(firn_rocksdb *handle) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  // As large as a value must be to be kept apart.
  const std::string value(handle->db->GetOptions().min_blob_size, '\0');
  rocksdb::Status s = handle->db->Put(options, kAnchor, value);
  if (s.ok()) s = FlushAndVerify(handle);
  if (s.ok()) s = handle->db->Delete(options, kAnchor);
  return s;
}

}  // namespace

firn_rocksdb_status firn_rocksdb_drop_files(firn_rocksdb *handle, firn_rocksdb_slice from, firn_rocksdb_slice to,
                                            int32_t *is_whole) {
  *is_whole = 0;
  return Guarded([&] {
    const Bounds bounds(from, to);
    handle->dead->add(bounds.first, bounds.last);
    rocksdb::DB *db = handle->db.get();
    const auto look = [&](rocksdb::ColumnFamilyMetaData *all) {
      Tables tables;
      db->GetColumnFamilyMetaData(all);
      for (const auto &level : all->levels) tables.insert(tables.end(), level.files.begin(), level.files.end());
      return tables;
    };
    rocksdb::ColumnFamilyMetaData all;
    Tables tables = look(&all);
    const bool livesWithBlobs = std::any_of(tables.begin(), tables.end(), [&](const rocksdb::SstFileMetaData &table) {
      return HoldsBlobs(table) && !IsInside(table, bounds);
    });
    rocksdb::Status s;
    if (livesWithBlobs && !handle->watcher->failed()) {
      s = DropWithoutBlobs(db, tables, bounds);
    } else {
      const rocksdb::RangePtr range(bounds.begin(), bounds.end());
      s = rocksdb::DeleteFilesInRanges(db, db->DefaultColumnFamily(), &range, 1, false);
    }
    if (!s.ok()) return Convert(s);
    tables = look(&all);
    if (!all.blob_files.empty() && std::none_of(tables.begin(), tables.end(), HoldsBlobs)) {
      if (handle->watcher->failed()) return Ok();
      s = LetGoOfBlobs(handle);
      if (!s.ok()) return Convert(s);
    }
    // What matters of what is left: a table that is being compacted may be written anew, and one with large values
    // keeps them until it is compacted.
    const bool isLeft = std::any_of(tables.begin(), tables.end(), [&](const rocksdb::SstFileMetaData &table) {
      return Overlaps(table, bounds) && (table.being_compacted || HoldsBlobs(table));
    });
    if (!isLeft) *is_whole = 1;
    return Convert(s);
  });
}

firn_rocksdb_status firn_rocksdb_rewrite(firn_rocksdb *handle, firn_rocksdb_slice from, firn_rocksdb_slice to) {
  return Guarded([&] {
    const Bounds bounds(from, to);
    rocksdb::ColumnFamilyMetaData all;
    handle->db->GetColumnFamilyMetaData(&all);
    rocksdb::CompactionOptions options;
    options.compression = handle->db->GetOptions().compression;
    for (const auto &level : all.levels) {
      // From level 0 tables can't be taken one by one; they don't stay there long.
      if (level.level == 0) continue;
      for (const auto &table : level.files) {
        if (!HoldsBlobs(table) || table.being_compacted || !Overlaps(table, bounds)) continue;
        const rocksdb::Status s = handle->db->CompactFiles(options, {table.name}, level.level);
        // Somebody else has taken the table meanwhile.
        if (!s.ok() && !s.IsInvalidArgument() && !s.IsAborted()) return Convert(s);
      }
    }
    return Ok();
  });
}
