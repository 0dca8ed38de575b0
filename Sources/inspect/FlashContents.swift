import Bytes
import Glibc
import Keyspace
import Persistence
import Platform
import Storage
import StorageRocksDB
import Values

/// What can't be inspected, and why.
struct InspectionError: Error, CustomStringConvertible {
    let description: String
}

/// The data of a flash directory: what lies in the provider, and what the seal says of it.
struct FlashContents {
    let provider: any StorageProvider
    /// Nil: which database a generation belongs to isn't known, nor how many keys there should be.
    let seal: Seal?
    /// Keeps servers out while this lives; nil in tests.
    private var directory: DataDirectory?
    /// What there is to be said of the directory as a whole.
    let state: String

    init(provider: any StorageProvider, seal: Seal?, state: String) {
        self.provider = provider
        self.seal = seal
        self.state = state
    }

    /// Opens `path`. `folder`: the provider's folder in it; the seal speaks of the usual one alone.
    init(path: String, folder: String?) throws {
        let (directory, found) = try DataDirectory.read(path)
        var (seal, state): (Seal?, String)
        switch found {
        case .sealed(let found): (seal, state) = (found, "sealed by a shutdown")
        case .unsealed(let reason): (seal, state) = (nil, reason)
        }
        if let folder { (seal, state) = (nil, "\(folder), of which the seal says nothing") }
        var options = RocksDBOptions()
        options.isReadOnly = true
        options.blockCacheBytes = 64 << 20
        let place = folder.map { "\(path)/\($0)" } ?? directory.providerPath
        guard FileSystem.exists(place) else { throw InspectionError(description: "\(path) holds no data yet") }
        self.init(provider: try RocksDBProvider(directory: place, options: options), seal: seal, state: state)
        self.directory = directory
    }

    /// A record as the provider has it. The views are valid during the call that shows it.
    struct Entry {
        let generation: UInt32
        let position: Position
        let key: ByteSlice
        /// As `RecordEncoding` has it.
        let value: ByteSlice
        /// Nil: the value is damaged.
        let head: RecordEncoding.Head?
    }

    /// The number of the database that shows a generation; nil: none does, or there is no seal.
    func database(of generation: UInt32) -> Int? {
        seal?.databases.firstIndex { $0.generation == generation }
    }

    /// The generation that a database shows.
    func generation(of database: Int) throws -> UInt32 {
        if let seal {
            guard seal.databases.indices.contains(database) else {
                throw InspectionError(
                    description: "there is no database \(database): the seal knows \(seal.databases.count)")
            }
            return seal.databases[database].generation
        }
        let found = try generations()
        guard found.count == 1, database == 0 else {
            throw InspectionError(
                description: "without a seal it isn't known which generation database \(database) shows: name one "
                    + "with --generation (there is data of \(found.map { String($0) }.joined(separator: ", ")))")
        }
        return found[0]
    }

    /// The generations that have records, ascending. A seek for each.
    func generations() throws -> [UInt32] {
        var found: [UInt32] = []
        var next: UInt32? = 0
        while let generation = next {
            next = nil
            try forEachEntry(from: generation, withValues: false) { entry in
                found.append(entry.generation)
                next = entry.generation == .max ? nil : entry.generation + 1
                return false
            }
        }
        return found
    }

    /// Calls `body` with the records of a generation, or (nil) of all, in the order of the keys on flash. `body`
    /// returns whether to go on. Blocks are checked against their checksums. `isSilent`: what `body` prints is all the
    /// progress there is to see.
    func forEach(in generation: UInt32? = nil, isSilent: Bool = false, _ body: (Entry) throws -> Bool) throws {
        var progress = Progress(isSilent: isSilent)
        defer { progress.clear() }
        try forEachEntry(from: generation ?? 0, withValues: true) { entry in
            progress.step()
            if let generation, entry.generation != generation { return false }
            return try body(entry)
        }
    }

    private func forEachEntry(from: UInt32, withValues: Bool, _ body: (Entry) throws -> Bool) throws {
        let start = FlashKey.recordStart(generation: from, position: 0)
        guard let end = FlashKey.ranges(ofGeneration: .max).first?.to else { return }
        let cursor = try start.withSlice { start in
            try end.withSlice { end in try provider.cursor(from: start, to: end, withValues: withValues) }
        }
        while let (key, value) = try cursor.next() {
            guard case .record(let generation, let position, let name)? = FlashKey.parse(key) else {
                throw InspectionError(description: "a key that is none of ours: \(quoted(key))")
            }
            let entry = Entry(
                generation: generation, position: position, key: name, value: value,
                head: withValues ? RecordEncoding.head(value) : nil)
            guard try body(entry) else { return }
        }
    }

    /// Bytes of a value, with its pages if they are values of their own: then a walk over them.
    func bytes(of value: ByteSlice, generation: UInt32) throws -> Int {
        guard let collection = RecordEncoding.pagedCollection(value) else { return value.count }
        let range = FlashKey.pages(generation: generation, collection: collection)
        let cursor = try range.from.withSlice { from in
            try range.to.withSlice { to in try provider.cursor(from: from, to: to, withValues: true) }
        }
        var bytes = value.count
        while let (_, page) = try cursor.next() { bytes += page.count }
        return bytes
    }

    /// Brings a decoded record's pages in, if these are values of their own. False: one is missing or damaged.
    /// `visit`: as `Record.loadPages` has it.
    func loadPages(of record: Record, generation: UInt32, visit: ((Int) -> Void)? = nil) throws -> Bool {
        // Without the seal it isn't known how members are hashed.
        try record.loadPages(generation: generation, checksPlaces: seal != nil, visit: visit) { name in
            guard case .found(let bytes) = try provider.read(name) else { return nil }
            return bytes
        }
    }

    /// Calls `body` with the collection of each page there is, in any generation.
    func forEachPage(_ body: (_ generation: UInt32, _ collection: UInt64) throws -> Void) throws {
        let from = FlashKey.ranges(ofGeneration: 0)[2].from
        let to = FlashKey.ranges(ofGeneration: .max)[2].to
        let cursor = try from.withSlice { from in
            try to.withSlice { to in try provider.cursor(from: from, to: to, withValues: false) }
        }
        while let (key, _) = try cursor.next() {
            guard case .page(let generation, let collection, _)? = FlashKey.parse(key) else {
                throw InspectionError(description: "a key that is none of ours: \(quoted(key))")
            }
            try body(generation, collection)
        }
    }

    /// The encoded value of one key; nil if it isn't there.
    func read(_ key: ByteSlice, generation: UInt32) throws -> SharedBytes? {
        if let seal {
            let placement = Placement(seed: SipHash(k0: seal.seed.0, k1: seal.seed.1))
            var name = ByteBuffer()
            FlashKey.record(generation: generation, position: placement.position(of: key), key: key, into: &name)
            guard case .found(let value) = try provider.read(name.slice) else { return nil }
            return value
        }
        // Where keys belong stands in the seal: without one all of them are looked at.
        var found: SharedBytes?
        try forEach(in: generation) { entry in
            if entry.key == key { found = SharedBytes(copying: entry.value) }
            return found == nil
        }
        return found
    }

    /// Whether the index of expiries has an entry for a record at a time.
    func hasExpiryEntry(_ entry: Entry, at time: Int64) throws -> Bool {
        var name = ByteBuffer()
        FlashKey.expiry(
            generation: entry.generation, at: time, position: entry.position, key: entry.key, into: &name)
        if case .found = try provider.read(name.slice) { return true }
        return false
    }
}

/// Says on a terminal how far a long walk is, in a line that is gone when the walk is over.
private struct Progress {
    private var records = 0
    private var changed = Clock.monotonicNanoseconds()
    private var isShown = false
    private let isTerminal: Bool
    private static let clearLine = "\u{1b}[K"

    init(isSilent: Bool) { isTerminal = !isSilent && isatty(STDERR_FILENO) == 1 }

    mutating func step() {
        records += 1
        guard isTerminal, records % 1024 == 0 else { return }
        let now = Clock.monotonicNanoseconds()
        if now - changed < 1_000_000_000 { return }
        changed = now
        isShown = true
        printError("\(grouped(records)) records read", terminator: "\r")
    }

    func clear() { if isShown { printError(Self.clearLine, terminator: "") } }
}
