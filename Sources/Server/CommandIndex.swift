import Bytes
import Commands
import RESP

/// All commands by name: an open-addressed table over the lower-case name, built once.
public final class CommandIndex: @unchecked Sendable {
    // @unchecked: immutable after init.

    /// How the dispatcher finds a call's keys without asking the specifications each time.
    @usableFromInline
    enum KeyShape: UInt8, Sendable {
        case none
        /// One key, argument 1, and no need to ask a plan where it is.
        case single
        case general
    }

    /// A command or subcommand. What every call reads of it stands first, together in two cache lines; `row` has the
    /// same and everything else.
    public struct Entry: Sendable {
        let arity: Int
        let flags: CommandFlags
        /// Position among all entries: index of its statistics.
        public let number: Int
        let shape: KeyShape
        let singleNeed: KeyNeed
        /// Refused while memory is short, and marked as a write of data.
        let isDenied: Bool
        let hasSubcommands: Bool
        /// Its keys' values are collections.
        let takesCollections: Bool
        /// The argument that names the first element in most commands on a hash, a set or a sorted set, and in ZADD and
        /// ZINCRBY; 0 for all others. In ZRANGE and the like it is something else, and fetching for it harmless.
        let elementArgument: Int
        let body: (@Sendable (inout CommandContext) -> Void)?
        /// Where the keys' need depends on the arguments; else `singleNeed` says it.
        let decide: (@Sendable (Arguments) -> KeyNeed)?
        /// Where the keys are: by a plan of the row's own, else by specifications.
        let plan: (@Sendable (Arguments, _ database: Int, _ uses: inout [KeyUse]) -> Void)?
        let keys: [KeySpec]
        public let row: CommandRow
        /// "get", "config|get".
        public let fullName: String
        /// Entries of the subcommands.
        public let subcommands: [Int]
        /// The container's entry, for a subcommand.
        public let parent: Int?
    }

    /// A place in the table of top-level names.
    private struct Slot {
        /// The name's first eight bytes; see `word`.
        var word: UInt64 = 0
        var length: Int32 = 0
        /// Number of the entry, -1 for free.
        var number: Int32 = -1
    }

    private let entries: UnsafeMutablePointer<Entry>
    public let count: Int
    private let slots: UnsafeMutablePointer<Slot>
    private let mask: Int
    private let names: UnsafeMutablePointer<[UInt8]>

    /// What is wrong with RENAME-COMMAND directives: a name would stand for two commands. Nil if nothing is.
    ///
    /// An old name that nothing has is no error: files rename or remove commands of Redis that this server lacks.
    static func problem(_ renames: [(old: [UInt8], new: [UInt8])], in rows: [CommandRow]) -> String? {
        var names = Set(rows.map { Array("\($0.name)".utf8) })
        for (old, new) in renames {
            guard names.remove(lowercase(old)) != nil, !new.isEmpty else { continue }
            guard names.insert(lowercase(new)).inserted else {
                return "Target command name already exists in rename-command: "
                    + String(decoding: new, as: UTF8.self)
            }
        }
        return nil
    }

    /// `renames`: from the configuration, one after the other; an empty new name removes the command.
    public init(_ rows: [CommandRow], renames: [(old: [UInt8], new: [UInt8])] = []) {
        var all: [Entry] = []
        var top: [(name: [UInt8], number: Int)] = []
        for row in rows {
            let number = all.count
            all.append(Self.entry(row, number, fullName: "\(row.name)", parent: nil, subcommands: []))
            var subcommands: [Int] = []
            for subrow in row.subcommands {
                subcommands.append(all.count)
                all.append(
                    Self.entry(
                        subrow, all.count, fullName: "\(row.name)|\(subrow.name)", parent: number, subcommands: []))
            }
            all[number] = Self.entry(row, number, fullName: "\(row.name)", parent: nil, subcommands: subcommands)
            let own = Array("\(row.name)".utf8)
            var name = own
            for rename in renames where !name.isEmpty && Self.lowercase(rename.old) == name {
                name = Self.lowercase(rename.new)
            }
            if !name.isEmpty { top.append((name, number)) }
        }
        count = all.count
        entries = .allocate(capacity: count)
        entries.initialize(from: all, count: count)
        names = .allocate(capacity: count)
        names.initialize(repeating: [], count: count)
        var size = 64
        while size < top.count * 4 { size *= 2 }
        mask = size - 1
        slots = .allocate(capacity: size)
        slots.initialize(repeating: Slot(), count: size)
        for (name, number) in top {
            names[number] = name
            let word = name.withSlice { Self.word($0) }
            var at = Self.hash(word, name.count) & mask
            while slots[at].number >= 0 { at = (at + 1) & mask }
            slots[at] = Slot(word: word, length: Int32(name.count), number: Int32(number))
        }
    }

    deinit {
        entries.deinitialize(count: count)
        entries.deallocate()
        names.deinitialize(count: count)
        names.deallocate()
        slots.deallocate()
    }

    private static func entry(
        _ row: CommandRow, _ number: Int, fullName: String, parent: Int?, subcommands: [Int]
    ) -> Entry {
        var shape = KeyShape.general
        if row.keys.count == 1, case .index(1) = row.keys[0].begin, case .range(0, _, _) = row.keys[0].find {
            shape = .single
        }
        var need = KeyNeed.value
        var decide: (@Sendable (Arguments) -> KeyNeed)?
        var plan: (@Sendable (Arguments, Int, inout [KeyUse]) -> Void)?
        switch row.plan {
        case .specified(let fixed):
            need = fixed
            // Names of shard channels have specifications, though they are no keys.
            if row.keys.allSatisfy({ $0.flags.contains(.notKey) }) { shape = .none }
        case .deciding(let how): decide = how
        case .custom(let own):
            plan = own
            shape = .general
        }
        return Entry(
            arity: row.arity, flags: row.flags, number: number, shape: shape, singleNeed: need,
            isDenied: row.flags.contains(.denyOOM), hasSubcommands: !subcommands.isEmpty,
            takesCollections: [.list, .set, .sortedSet, .hash, .stream, .geo].contains(row.group),
            elementArgument: shape == .single ? elementArgument(row) : 0, body: row.body, decide: decide, plan: plan,
            keys: row.keys, row: row, fullName: fullName, subcommands: subcommands, parent: parent)
    }

    private static func elementArgument(_ row: CommandRow) -> Int {
        guard [.set, .sortedSet, .hash].contains(row.group) else { return 0 }
        return ["zadd", "zincrby"].contains("\(row.name)") ? 3 : 2
    }

    private static func lowercase(_ name: [UInt8]) -> [UInt8] { name.map(asciiLowercase) }

    /// The first eight bytes in lower case as one number, the first byte lowest; zeros behind a shorter name.
    private static func word(_ name: ByteSlice) -> UInt64 {
        let raw = UnsafeRawPointer(name.base)
        let count = name.count
        let bits: UInt64
        // Loads inside the name, which overlap where it is no power of two long; equal bytes then meet.
        if count >= 8 {
            bits = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
        } else if count >= 4 {
            let low = UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self))
            let high = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
            bits = UInt64(low) | UInt64(high) << UInt64((count - 4) * 8)
        } else if count >= 2 {
            let low = UInt16(littleEndian: raw.loadUnaligned(as: UInt16.self))
            let high = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: count - 2, as: UInt16.self))
            bits = UInt64(low) | UInt64(high) << UInt64((count - 2) * 8)
        } else {
            bits = count == 1 ? UInt64(name.base[0]) : 0
        }
        // Eight bytes at a time: the top bit of each byte of `upper` says that the byte is in "A"..."Z".
        let ones: UInt64 = 0x0101_0101_0101_0101
        let seven = bits & (0x7f &* ones)
        let fromA = seven &+ (0x80 - 0x41) &* ones
        let aboveZ = seven &+ (0x7f - 0x5a) &* ones
        let upper = (fromA ^ aboveZ) & ~bits & (0x80 &* ones)
        return bits | upper >> 2
    }

    private static func hash(_ word: UInt64, _ length: Int) -> Int {
        Int(truncatingIfNeeded: ((word ^ UInt64(length)) &* 0x9e37_79b9_7f4a_7c15) >> 40)
    }

    /// The entry with this number.
    public subscript(number: Int) -> UnsafePointer<Entry> {
        precondition(number >= 0 && number < count, "command \(number) of \(count)")
        return UnsafePointer(entries + number)
    }

    /// The top-level command of this name, in any case; nil if there is none.
    public func find(_ name: ByteSlice) -> UnsafePointer<Entry>? {
        let word = Self.word(name)
        var at = Self.hash(word, name.count) & mask
        while slots[at].number >= 0 {
            let slot = slots[at]
            let number = Int(slot.number)
            if slot.word == word, Int(slot.length) == name.count, name.count <= 8 || isName(of: number, name) {
                return UnsafePointer(entries + number)
            }
            at = (at + 1) & mask
        }
        return nil
    }

    private func isName(of number: Int, _ name: ByteSlice) -> Bool {
        names[number].withSlice { name.equalsIgnoringCase(lowercase: $0) }
    }

    /// The subcommand of this name.
    public func find(_ name: ByteSlice, in container: UnsafePointer<Entry>) -> UnsafePointer<Entry>? {
        for number in container.pointee.subcommands
        where name.equalsIgnoringCase(lowercase: ByteSlice(entries[number].row.name)) {
            return UnsafePointer(entries + number)
        }
        return nil
    }

    /// The names and numbers of all top-level commands.
    public var topLevel: [Int] { (0..<count).filter { entries[$0].parent == nil && !names[$0].isEmpty } }

    /// The name that a top-level command goes by (after a rename).
    public func name(of number: Int) -> [UInt8] { names[number] }
}

extension UnsafePointer<CommandIndex.Entry> {
    /// What the call needs of its keys, unless the row has a plan of its own. (Not of the entry itself, which would be
    /// copied for a call of one of its closures.)
    @inline(__always)
    func need(_ arguments: Arguments) -> KeyNeed {
        if let decide = pointee.decide { return decide(arguments) }
        return pointee.singleNeed
    }
}
