// Server: where connections, commands, keyspace and tier meet.
//
//   ServerCore      everything that lives as long as the server; start and stop
//   ClientSession   a connection with what Redis keeps for a client
//   CommandIndex    all rows of all families, found by name
//   LoopWorker      one per event loop: executes a batch, request by request
//   Gates           what is asked before a command runs, in a fixed order that clients can see
//   KeyPreparation  locks the shards of a call's keys and sees to it that they are resident, or parks the call
//   ParkedCall      a call that waits for flash, for memory or for a background job
//   Blocking        calls that wait for keys (BLPOP ...): queues, reservations, timeouts
//   Transactions    MULTI and EXEC, WATCH's tables, the gate behind which a transaction has the server for itself
//   KeyspaceObservers  who is told of what happens to keys
//   ClientPause     CLIENT PAUSE and the pause of a shutdown: which calls wait, and until when
//   ControlPool     threads for what may take long: walks, frees, flushes
//   Maintenance     the thread behind the clock: expiry in RAM, rates, peaks
//
// and in folders the command families that need the server itself: Connection, Administration, Introspection.
//
// The ten steps of a command are in ARCHITECTURE.md.
import Bytes
