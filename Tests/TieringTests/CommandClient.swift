import Bytes
import Commands
import Platform
import RESP
import Values

@testable import Keyspace

/// A reply, taken apart.
enum Reply: Hashable {
    case integer(Int)
    case bulk([UInt8])
    case null
    case simple(String)
    case error(String)
    case array([Reply])

    static func text(_ text: String) -> Reply { .bulk(Array(text.utf8)) }

    /// The strings of an array of them, or of nothing else than one.
    var texts: [String]? {
        switch self {
        case .bulk(let bytes): return [String(decoding: bytes, as: UTF8.self)]
        case .array(let parts):
            let texts = parts.compactMap { part -> String? in
                guard case .bulk(let bytes) = part else { return nil }
                return String(decoding: bytes, as: UTF8.self)
            }
            return texts.count == parts.count ? texts : nil
        default: return nil
        }
    }

    /// Reads one reply in RESP2; traps on what is none.
    static func parse(_ bytes: ArraySlice<UInt8>, _ rest: inout ArraySlice<UInt8>) -> Reply {
        guard let end = bytes.firstIndex(of: 13), let kind = bytes.first else { preconditionFailure("no reply") }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
        rest = bytes[(end + 2)...]
        switch kind {
        case 0x2b: return .simple(line)
        case 0x2d: return .error(line)
        case 0x3a: return .integer(Int(line) ?? .min)
        case 0x24:
            guard let count = Int(line), count >= 0 else { return .null }
            let text = Array(rest.prefix(count))
            rest = rest.dropFirst(count + 2)
            return .bulk(text)
        default:
            guard let count = Int(line), count >= 0 else { return .null }
            var parts: [Reply] = []
            for _ in 0..<count { parts.append(parse(rest, &rest)) }
            return .array(parts)
        }
    }
}

/// A connection that runs commands: their rows, plans and bodies over a `Client`. For one thread.
final class CommandClient {
    let client: Client
    private var context: CommandContext
    private let writer: UnsafeMutablePointer<ReplyWriter>

    static let rows: [String: CommandRow] = {
        let all =
            StringCommands.rows + KeyCommands.rows + ListCommands.rows + SetCommands.rows + HashCommands.rows
            + SortedSetCommands.rows + HashExpiryCommands.rows + KeyDBCommands.rows + NestedHashCommands.rows
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
        guard let row = Self.rows[name], let body = row.body else { preconditionFailure("no command \(name)") }
        var uses: [KeyUse] = []
        var indices: [Int] = []
        let found = row.appendUses(
            arguments, database: database, databases: context.keyspace.store.databases, room: &indices, to: &uses)
        precondition(found, "\(name): nothing says where its keys are")
        let names = uses.map { Name($0.key(arguments).string, needed: $0.need != .overwrite) }
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
}
