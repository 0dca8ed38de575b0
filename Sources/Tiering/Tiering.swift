// Tiering: carries out what Keyspace asks for. Keyspace decides under locks what leaves RAM and what must come back;
// here are the threads that do the I/O without any lock.
//
//   Tier          the flash tier as the server sees it: start, misses, pressure, walks, counts, flush, stop
//   MemoryBudget  how `maxmemory` is split between records, RocksDB and clients
//   FaultIn       threads that read what parked calls miss, and land it
//   FaultQueue    which of their reads is next, and how many may be queued
//   FaultStage    where the time of a miss goes, for INFO and LATENCY
//   SpillPass     one round of choosing victims, writing them and reporting back; whoever spills makes one
//   KeyLookUps    threads that find out which of the keys about to leave are on flash
//   SpillPace     how fast batches may follow each other
//   Spiller       the thread that keeps RAM below its watermarks and attends to tombstones and open counts
//   ColdSweep     the hand that looks for keys which a rule calls cold, while there is room, too
//   ColdExpiry    the thread that removes past-due keys nobody touches, in both tiers
//   FlashUpkeep   what an operator has done on flash: a compaction of everything, a scrub; FlashJob is one of them
//   StorageLimit  the thread that keeps the provider's size on disk below `maxstorage`
//   WarmUp        threads that read in again, after a start, what was hot before
//   Walker        SCAN, KEYS and RANDOMKEY over both tiers
//
// A batch is chosen, written and completed under one lock (`Tier.writing`), so batches reach the provider in the
// order in which they were chosen, and a range delete of a dead generation comes after every batch that was chosen
// before the flush.
