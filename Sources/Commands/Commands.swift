// Commands: what each command on keys does. A family has a folder with its rows and, beside them, its functions.
//
// A row (`CommandRow`) declares everything about a command once: routing, residency, COMMAND, ACL and the generated
// documentation read it. A function gets a `CommandContext` whose keys are locked and resident, changes the keyspace
// and writes its reply; it does no I/O and never waits: it can't, this target imports nothing that could. What needs
// the flash tier as a whole (SCAN, DBSIZE) returns a `BackgroundRequest` instead of replying and is called again with
// the answer.
import Bytes
