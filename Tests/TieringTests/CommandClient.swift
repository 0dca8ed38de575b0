import Bytes
import Commands
import Platform
import RESP
import Values

@testable import Histories
@testable import Keyspace

/// A connection that runs commands: their rows, plans and bodies over a `Client`. For one thread.
final class CommandClient {
    let client: Client
    private var context: CommandContext
    private let writer: UnsafeMutablePointer<ReplyWriter>

    static let rows: [String: CommandRow] = {
        let all =
            StringCommands.rows + KeyCommands.rows + ListCommands.rows + SetCommands.rows + HashCommands.rows
            + SortedSetCommands.rows + HashExpiryCommands.rows + KeyDBCommands.rows + NestedHashCommands.rows
            + StreamCommands.rows
        return Dictionary(uniqueKeysWithValues: all.map { ("\($0.name)", $0) })
    }()

    init(_ world: World, seed: UInt64) {
        client = Client(world)
        writer = .allocate(capacity: 1)
        writer.initialize(to: ReplyWriter())
        context = CommandContext(
            keyspace: LockedKeyspace(store: world.store, ledger: world.store.makeLedger()), reply: writer)
        context.random = RandomSource(seed: seed)
    }

    deinit {
        writer.deinitialize(count: 1)
        writer.deallocate()
    }

    /// Runs a command. Returns its reply and the time at which it ran.
    func run(_ words: [[UInt8]], database: Int = 0) throws(CallError) -> (reply: Reply, now: Int64) {
        // One block for all words: views into it are the arguments.
        let block = SharedBytes(uninitializedCount: max(1, words.reduce(0) { $0 + $1.count }))
        let slices = UnsafeMutablePointer<ByteSlice>.allocate(capacity: words.count)
        defer { slices.deallocate() }
        var offset = 0
        block.withUnsafeMutableBytes { base in
            for word in words {
                for (index, byte) in word.enumerated() { base[offset + index] = byte }
                offset += word.count
            }
        }
        offset = 0
        for (index, word) in words.enumerated() {
            (slices + index).initialize(to: block.slice[offset..<offset + word.count])
            offset += word.count
        }
        let arguments = RESP.Arguments(base: slices, count: words.count)
        let name = String(decoding: words[0], as: UTF8.self).lowercased()
        guard let row = Self.row(words, name), let body = row.body else { preconditionFailure("no command \(name)") }
        var uses: [KeyUse] = []
        var indices: [Int] = []
        let found = row.appendUses(
            arguments, database: database, databases: context.keyspace.store.databases, room: &indices, to: &uses)
        precondition(found, "\(name): nothing says where its keys are")
        let names = uses.map {
            Name($0.key(arguments).string, needed: $0.need != .overwrite, pages: $0.need.pages(arguments))
        }
        let now = try client.call(names, database: database, writes: row.flags.contains(.denyOOM)) { _, refs in
            // The shards are locked by the client's view: any other may be used under its locks.
            let now = Clock.unixMilliseconds()
            context.arguments = arguments
            context.database = database
            context.keyspace.now = now
            context.keys.removeAll()
            for ref in refs { context.keys.append(ref) }
            writer.pointee.removeAll()
            body(&context)
            precondition(context.request == nil, "\(name) asks for something")
            return now
        }
        return (reply(), now)
    }

    func run(_ words: String..., database: Int = 0) throws(CallError) -> (reply: Reply, now: Int64) {
        try run(words.map { Array($0.utf8) }, database: database)
    }

    private func reply() -> Reply {
        let own = writer.pointee.slice.array
        var bytes: [UInt8] = []
        var done = 0
        for external in writer.pointee.externals {
            bytes += own[done..<external.position]
            bytes += external.bytes.slice[external.range].array
            done = external.position
        }
        bytes += own[done...]
        var rest = bytes[...]
        return Reply.parse(rest, &rest)
    }

    /// Of a container the subcommand's.
    private static func row(_ words: [[UInt8]], _ name: String) -> CommandRow? {
        guard let row = rows[name], row.body == nil, words.count > 1 else { return rows[name] }
        let second = String(decoding: words[1], as: UTF8.self).lowercased()
        return row.subcommands.first { "\($0.name)" == second }
    }
}
