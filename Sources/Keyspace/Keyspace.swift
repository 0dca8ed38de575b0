// Keyspace: which keys there are, where each lives, and who may touch it.
//
// A key's place is a 32-bit position, the top of its keyed hash. The top bits of the position name a shard (a lock
// and its tables), the rest is the tag that orders keys inside it. RAM tables and flash keep the same order, so a
// SCAN cursor is a position.
//
//   Position         placement of keys: hash, shard, tag; the order both tiers share
//   KeyTable         a shard's records of one database: a flat array of tagged pointers in tag order
//   Residency        the state machine of a record between RAM and flash, all of it
//   Shard            what one lock guards: the tables of all databases, the faults in flight, what needs attention
//   Keyspace         all shards, the databases and their generations
//   LockedKeyspace   the view that a command gets while its shards are locked: read, set, delete, expire
//   Faults           single flight of reads from flash; the guard against stale installs
//   Spill            the choice of victims and what becomes of them; Tiering does the writing
//   Walk             bounded slices over a shard's records for SCAN, KEYS, RANDOMKEY and expiry
//
// No I/O happens here: fault and spill requests leave as values, Tiering executes them.
