// Persistence: what of the data directory survives, and how a start finds out.
//
//   DataDirectory  the flash directory: format stamp, lock, seal, the provider's folder; who may open it
//   WarmUpList     the keys that were hot at the last shutdown, for the next start to read in again
//   Seal           the file that says: everything confirmed is here; counts, generations, placement, checksum
//
//     PATH/FIRN      format stamp: what wrote this directory, and which version of the layout
//     PATH/LOCK      held while a server runs
//     PATH/SEAL      there only while no server has changed the data since it was written
//     PATH/WARMUP    the warm-up list, if there is one: a hint
//     PATH/rocksdb/  the provider's
//
// A clean shutdown spills everything, flushes, and writes the seal last. Before the first write after a start the
// seal is removed, durably. So a directory without a seal is one whose server ended without a shutdown: its contents
// are of no certain age, and are never served.
import Bytes
