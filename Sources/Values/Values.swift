// Values: what a key holds, as bytes in memory and as bytes on flash.
//
// - `Record` is a key and its value in RAM: one raw allocation with a 14-byte header, the expiry if there is
//   one, the key, and the value (inline, a 64-bit integer, or a reference to a `SharedBytes`). Keyspace owns records;
//   whoever holds the shard's lock may use them.
// - `CollectionValue` is what a list, set, sorted set, hash or stream is for those who work with it. Its classes keep
//   small values in one `Listpack` or `Intset`, to which the record refers by itself between calls (`PackedBlock`), and
//   larger ones in pages: `PagedHash`, `CountedTree`; a stream's are found through an `IDTree`. A list's inner pages
//   are `CompressedListpack`s. `Reaper` frees the large ones.
// - `Bits`, `BitField`, `HyperLogLog`, `GeoHash` and `GeoShape` are what commands see in the bytes of strings and in
//   the scores of sorted sets.
// - `RecordEncoding` is the same value as bytes on flash, with its format drawn there.
//
// Nothing here knows where a key lives or who asks for it.
