import Bytes
import Commands
import Keyspace
import RESP
import Synchronization
import Values

/// Runs commands as the dispatcher would, on one thread and without a storage provider: row, arity, keys, locks, body.
///
/// Give it the rows under test. Commands that show the state of a key (OBJECT ENCODING, PTTL, ...) come from
/// `Probes` as long as the rows don't have them.
final class CommandHarness {
    let store: KeyspaceStore
    let ledger: Ledger
    private(set) var rows: [String: CommandRow] = [:]
    /// Unix milliseconds at which the next command runs.
    var now: Int64 = CommandHarness.start
    var database = 0
    /// RESP version, 2 or 3.
    var version = 2
    private var context: CommandContext
    private let writer: UnsafeMutablePointer<ReplyWriter>
    private(set) var lastReply: [UInt8] = []

    /// 2023-11-14T22:13:20Z.
    static let start: Int64 = 1_700_000_000_000

    init(_ rows: [CommandRow], databases: Int = 16) {
        let placement = Placement(seed: SipHash(k0: 1, k1: 2))
        store = KeyspaceStore(databases: databases, placement: placement, hasProvider: false)
        ledger = store.makeLedger()
        writer = .allocate(capacity: 1)
        writer.initialize(to: ReplyWriter())
        context = CommandContext(keyspace: LockedKeyspace(store: store, ledger: ledger), reply: writer)
        context.random = RandomSource(seed: 1)
        for row in Probes.rows + rows { self.rows["\(row.name)"] = row }
    }

    deinit {
        writer.deinitialize(count: 1)
        writer.deallocate()
    }

    // MARK: Events

    private final class Recorder: KeyspaceListener, @unchecked Sendable {
        // @unchecked: the harness runs on one thread.
        var events: [String] = []

        func happened(_ changes: [KeyChange], _ events: [KeyEvent], in keyspace: inout LockedKeyspace) {
            for event in events {
                let place = event.database == 0 ? "" : " \(event.database)"
                self.events.append("\(event.name) \(String(decoding: event.key, as: UTF8.self))\(place)")
            }
        }
    }
    private let recorder = Recorder()

    /// Has events of all classes recorded.
    func listen() {
        store.listener = recorder
        store.eventClasses.store(.max, ordering: .relaxed)
    }

    /// The events since the last call, as `event key` or `event key database`.
    func takeEvents() -> [String] {
        defer { recorder.events = [] }
        return recorder.events
    }

    /// What commands read of the configuration.
    var settings: CommandSettings {
        get { context.settings }
        set { context.settings = newValue }
    }

    /// Runs a command and returns its reply as `ReplyText` shows it. `time` sets the clock, which stays there.
    @discardableResult
    func run(_ words: String..., at time: Int64? = nil) -> String {
        if let time { now = time }
        return run(words.map { Array($0.utf8) })
    }

    @discardableResult
    func run(_ words: [[UInt8]]) -> String { ReplyText.show(reply(to: words)) }

    /// Runs a command and returns the bytes of its reply.
    func reply(to words: [[UInt8]]) -> [UInt8] {
        writer.pointee.removeAll()
        writer.pointee.version = version
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, words.reduce(0) { $0 + $1.count }))
        let slices = UnsafeMutablePointer<ByteSlice>.allocate(capacity: max(1, words.count))
        defer {
            bytes.deallocate()
            slices.deallocate()
        }
        var offset = 0
        for (index, word) in words.enumerated() {
            word.withSlice { (bytes + offset).update(from: $0.base, count: $0.count) }
            (slices + index).initialize(to: ByteSlice(base: bytes + offset, count: word.count))
            offset += word.count
        }
        dispatch(RESP.Arguments(base: slices, count: words.count))
        lastReply = collected()
        return lastReply
    }

    private func dispatch(_ arguments: RESP.Arguments) {
        let name = arguments[0].string.lowercased()
        guard var row = rows[name] else {
            let others = (1..<arguments.count).map { arguments[$0] }
            return writer.pointee.error(ErrorText.unknownCommand(arguments[0], others))
        }
        var fullName = name
        if !row.subcommands.isEmpty, arguments.count > 1 {
            let word = arguments[1].string.lowercased()
            guard let sub = row.subcommands.first(where: { "\($0.name)" == word }) else {
                return writer.pointee.error(ErrorText.unknownSubcommand(arguments[1], command: arguments[0]))
            }
            row = sub
            fullName += "|" + word
        }
        guard let body = row.body, row.arity < 0 ? arguments.count >= -row.arity : arguments.count == row.arity else {
            return fullName.withSlice { writer.pointee.error(ErrorText.wrongArity($0)) }
        }
        execute(row, arguments, body)
    }

    private func execute(_ row: CommandRow, _ arguments: RESP.Arguments, _ body: (inout CommandContext) -> Void) {
        context.answer = nil
        context.late = nil
        while true {
            prepare(row, arguments)
            var shards: [Int] = []
            for index in 0..<context.keys.count { shards.append(context.keys[index].position.shard) }
            shards = Set(shards).sorted()
            for shard in shards { context.keyspace.lock(shard) }
            let before = writer.pointee.count
            body(&context)
            for shard in shards { context.keyspace.unlock(shard) }
            if let wait = context.block {
                // Nobody pushes meanwhile: its time runs out.
                context.block = nil
                wait.expired(writer)
            }
            guard let request = context.request else {
                precondition(writer.pointee.count > before, "\(row.name) wrote no reply")
                return
            }
            precondition(writer.pointee.count == before, "\(row.name) asked for something and replied")
            context.request = nil
            if case .moreKeys(let late) = request {
                context.late = late
            } else {
                context.answer = answer(request)
            }
        }
    }

    private func prepare(_ row: CommandRow, _ arguments: RESP.Arguments) {
        context.arguments = arguments
        context.database = database
        context.keyspace.now = now
        context.keyspace.accessClock.seconds = UInt32(truncatingIfNeeded: now / 1000)
        context.keys.removeAll()
        for use in Self.uses(row, arguments, database, databases: store.databases) {
            context.keys.append(context.keyspace.ref(use.key(arguments), database: use.database))
        }
        context.declaredKeys = context.keys.count
        if let late = context.late {
            for index in 0..<late.count { context.keys.append(context.keyspace.ref(late[index], database: database)) }
        }
    }

    /// The keys of a call with their needs, in the order in which the command gets them. Where the arguments don't say
    /// where the keys are, the command has none.
    static func uses(
        _ row: CommandRow, _ arguments: RESP.Arguments, _ database: Int, databases: Int = .max
    ) -> [KeyUse] {
        var uses: [KeyUse] = []
        var indices: [Int] = []
        _ = row.appendUses(arguments, database: database, databases: databases, room: &indices, to: &uses)
        return uses
    }

    /// Selects an LRU or LFU policy, in the settings and the access clock.
    func select(lfu: Bool) {
        context.settings.isLFU = lfu
        context.keyspace.accessClock.mode = lfu ? .lfu(logFactor: 10, decayMinutes: 1) : .lru
    }

    // MARK: Background requests

    private func answer(_ request: BackgroundRequest) -> BackgroundAnswer {
        switch request {
        case .walk(let walk): .walked(self.walk(walk))
        case .exactCount(let database): .counted(store.counts(database: database).keys)  // exact without a provider
        case .job(let job), .remote(let job), .change(let job): job()
        case .moreKeys: preconditionFailure("more keys are added, not answered")
        }
    }

    private func walk(_ request: WalkRequest) -> WalkResult {
        var keys: [[UInt8]] = []
        let space = store.space(ofDatabase: request.database)
        var position = Position(bits: UInt32(request.from))
        var left = request.count
        while true {
            var seen = 0
            let next = context.keyspace.walkResident(
                shard: position.shard, space: space, from: position.tag, limit: left
            ) { record, _ in
                seen += 1
                if let expiry = record.expiry, expiry < now { return }
                if let type = request.type, type != Array("\(record.type)".utf8) { return }
                if let pattern = request.pattern {
                    guard pattern.withSlice({ GlobPattern.matches(pattern: $0, text: record.key) }) else { return }
                }
                if keys.count < request.atMost { keys.append(record.key.array) }
            }.next
            if keys.count == request.atMost { return WalkResult(keys: keys, from: request.from, next: nil) }
            left = max(0, left - seen)
            if let next {
                position = Position(shard: position.shard, tag: next)
            } else {
                guard position.shard + 1 < Position.shardCount else {
                    return WalkResult(keys: keys, from: request.from, next: nil)
                }
                position = Position(shard: position.shard + 1, tag: 0)
            }
            if left == 0 { return WalkResult(keys: keys, from: request.from, next: UInt64(position.bits)) }
        }
    }

    // MARK: Replies

    /// The written bytes with the external values in their places.
    private func collected() -> [UInt8] {
        let own = writer.pointee.slice.array
        var result: [UInt8] = []
        var done = 0
        for external in writer.pointee.externals {
            result += own[done..<external.position]
            result += external.bytes.slice[external.range].array
            done = external.position
        }
        return result + own[done...]
    }

    /// Whether the last reply holds a value by reference.
    var repliedByReference: Bool { !writer.pointee.isContiguous }

    /// What `OBJECT ENCODING` would say, or nil.
    func encoding(_ key: String) -> String? { inspect(key) { "\($0.encoding)" } }

    /// Unix milliseconds, or nil for a key without expiry.
    func expiry(_ key: String) -> Int64? { inspect(key) { $0.expiry } ?? nil }

    func inspect<R>(_ key: String, _ body: (Record) -> R) -> R? {
        key.withSlice { name in
            let ref = context.keyspace.ref(name, database: database)
            context.keyspace.lock(ref.position.shard)
            defer { context.keyspace.unlock(ref.position.shard) }
            context.keyspace.now = now
            return context.keyspace.peek(ref).map { body($0.record) }
        }
    }
}
