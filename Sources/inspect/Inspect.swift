// inspect: reads a flash directory while no server has it open, and changes nothing in it.
//
// - `FlashContents` opens the directory (lock, stamp, seal) and RocksDB for reading only, and walks records.
// - `Census` counts for `summary`, `Verification` checks for `verify`, `ValueText` shows a value for `get`.
//
// Exit status: 0, 1 when `verify` found problems or `get` no key, 2 when the directory can't be read.
import ArgumentParser
import Bytes
import Glibc
import Keyspace
import Persistence
import Platform
import RDB
import Storage
import Values

@main
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Reads a flash directory that no server has open, and changes nothing in it.",
        subcommands: [Summary.self, Keys.self, Get.self, Verify.self], defaultSubcommand: Summary.self)
}

struct DirectoryOptions: ParsableArguments {
    @Argument(help: "The directory that storage-provider flash names.") var path: String
    @Option(help: "The provider's folder in there, for data that was set aside. (default: rocksdb)") var folder: String?
}

struct KeyspaceOptions: ParsableArguments {
    @Option(name: .customLong("db"), help: "The database.") var database = 0
    @Option(help: "In place of a database: its generation, as summary shows it.") var generation: UInt32?

    func generation(in contents: FlashContents) throws -> UInt32 {
        try generation ?? contents.generation(of: database)
    }
}

/// Opens the directory for `body`, and says why where that or the reading fails.
private func reading(_ options: DirectoryOptions, _ body: (FlashContents) throws -> Void) throws {
    do {
        let contents = try FlashContents(path: options.path, folder: options.folder)
        // As the server that wrote the pages of collections.
        if let seed = contents.seal?.seed {
            PagedHash.hash = Placement(seed: SipHash(k0: seed.0, k1: seed.1)).memberHash
        }
        try body(contents)
    } catch let error as ExitCode {
        throw error
    } catch {
        printError("inspect: \(error)")
        throw ExitCode(2)
    }
}

struct Summary: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Counts and sizes by database, type and prefix. Reads everything.")
    @OptionGroup var directory: DirectoryOptions
    @Option(help: "What ends a prefix; the first one in a key counts.") var separator = ":"
    @Option(help: "How many prefixes are shown, those with the most bytes first; 0 counts none.") var prefixes = 10
    @Option(help: "How many of the largest values are shown.") var largest = 5

    func run() throws {
        try reading(directory) { contents in
            let statistics = contents.provider.statistics
            print("\(directory.path): \(contents.state); \(bytesText(Int(statistics.diskBytes))) on disk")
            for generation in try contents.generations() {
                var census = Census(
                    separator: prefixes > 0 ? Array(separator.utf8) : [], largest: largest,
                    now: Clock.unixMilliseconds())
                try contents.forEach(in: generation) { entry in
                    census.add(entry, bytes: try contents.bytes(of: entry.value, generation: generation))
                    return true
                }
                print("\n\(title(generation, contents))\n\(census.text(prefixes: prefixes))", terminator: "")
            }
        }
    }

    private func title(_ generation: UInt32, _ contents: FlashContents) -> String {
        if let database = contents.database(of: generation) { return "db \(database) (generation \(generation))" }
        return contents.seal == nil
            ? "generation \(generation)" : "generation \(generation): flushed, and on its way to be removed"
    }
}

struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Lists keys: type, bytes of the value, expiry (unix ms, or -), name.")
    @OptionGroup var directory: DirectoryOptions
    @OptionGroup var keyspace: KeyspaceOptions
    @Option(help: "Only keys that match this pattern, as KEYS takes it.") var match: String?
    @Option(help: "Only keys of this type.") var type: String?
    @Option(help: "No more than so many; 0: all.") var limit = 0

    func validate() throws {
        let types = ValueType.all.map { "\($0.name)" }
        if let type, !types.contains(type) {
            throw ValidationError("'\(type)' is no type: \(types.joined(separator: ", "))")
        }
    }

    func run() throws {
        try reading(directory) { contents in
            let pattern = match.map { text in Array(text.utf8).withSlice { GlobPattern($0) } }
            var left = limit > 0 ? limit : .max
            try contents.forEach(in: keyspace.generation(in: contents), isSilent: true) { entry in
                if let pattern, !pattern.matches(entry.key) { return true }
                let name = entry.head.map { "\($0.type.name)" } ?? "damaged"
                if let type, type != name { return true }
                let expiry = entry.head?.expiry.map { String($0) } ?? "-"
                let bytes = try contents.bytes(of: entry.value, generation: entry.generation)
                print("\(name) \(bytes) \(expiry) \(quoted(entry.key))")
                left -= 1
                return left > 0
            }
        }
    }
}

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Shows one key: its head, and its value.")
    @OptionGroup var directory: DirectoryOptions
    @Argument(help: "The key.") var key: String
    @OptionGroup var keyspace: KeyspaceOptions
    @Option(help: "Writes the value in DUMP's form, for RESTORE, to this file in place of showing it.")
    var dump: String?

    func run() throws {
        try reading(directory) { contents in
            try Array(key.utf8).withSlice { name in
                let generation = try keyspace.generation(in: contents)
                guard let value = try contents.read(name, generation: generation) else {
                    printError("inspect: no such key")
                    throw ExitCode(1)
                }
                guard let record = RecordEncoding.decode(key: name, value.slice) else {
                    throw InspectionError(description: "its value of \(value.slice.count) bytes is damaged")
                }
                defer { record.free() }
                let bytes = try contents.bytes(of: value.slice, generation: generation)
                guard try contents.loadPages(of: record, generation: generation) else {
                    throw InspectionError(description: "a page of it is missing or damaged")
                }
                if let dump { return try write(record, to: dump) }
                print("type \(record.type.name)\nencoding \(record.encodingName)\nbytes on flash \(bytes)")
                if let expiry = record.expiry { print("expires at \(expiry)") }
                ValueText.lines(of: record) { print($0) }
            }
        }
    }

    private func write(_ record: Record, to path: String) throws {
        var payload = ByteBuffer()
        DumpPayload.append(of: record, compresses: true, to: &payload)
        let file = try File(path, .create)
        try file.write(UnsafeRawBufferPointer(start: payload.slice.base, count: payload.count))
    }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads everything: checksums, the form of values, the places of keys, the index of expiries, counts.")
    @OptionGroup var directory: DirectoryOptions

    func run() throws {
        try reading(directory) { contents in
            let result = try Verification(contents)
            for problem in result.problems { print(problem) }
            if result.problemCount > result.problems.count {
                print("... and \(grouped(result.problemCount - result.problems.count)) more")
            }
            print(
                "\(directory.path): \(contents.state); \(grouped(result.records)) records, "
                    + "\(grouped(result.pages)) pages, "
                    + "\(grouped(result.expiries)) that expire, \(grouped(result.leftBehind)) of flushed generations, "
                    + "\(grouped(result.problemCount)) problems")
            if result.problemCount > 0 { throw ExitCode(1) }
        }
    }
}
