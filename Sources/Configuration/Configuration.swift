// Configuration: every directive the server knows, and what is set.
//
// One table (`Table/`) has a row for each directive of redis.conf, of keydb.conf and of Firn's own: its names, kind,
// default, flags, and what becomes of it here (works, accepted without effect, or not there yet). Everything else
// reads that table: the file parser (`Loader`), the command line (`ServerArguments`), CONFIG GET, SET and REWRITE
// (`ConfigurationStore`, `FileRewrite`) and the generated page configs/DIRECTIVES.md.
//
// A value is parsed once into a `Value`, which can be printed as CONFIG GET prints it and as a line of the file.
// `Settings` is an immutable snapshot of all values with typed fields for what the server reads; a change makes a
// new snapshot, which observers may veto before it is published.
//
// Bytes or text: values are bytes (`[UInt8]`) on their way in and out. Secrets may hold any byte. All other text must
// be UTF-8 without NUL, so that a path or a name in `Settings` is a `String` and means the same to the kernel.
