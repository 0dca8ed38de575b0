// Bytes: the one place, with Values, the key table and the RocksDB provider, where raw memory is touched.
//
// - `ByteSlice` is a view of bytes that somebody else owns: an argument in a connection's query buffer, a
//   value inside a record whose shard is locked, a block that RocksDB has pinned. It is two words, trivial to
//   copy, and valid only as long as its owner says. Whoever keeps bytes longer copies them.
// - `SharedBytes` is an immutable, reference-counted block: a large value that leaves in a reply while
//   its record may already be changed, or what a provider read.
// - `ByteBuffer` is an owned, growable run of bytes: a query buffer, a reply under construction, a batch.
// - `SipHash` places keys; `Decimal` reads and writes numbers as Redis does; `GlobPattern` matches as KEYS does.
// - `RandomSource` draws from a seed, `Entropy` asks the kernel.
