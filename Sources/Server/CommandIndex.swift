import Bytes
import Commands

/// All commands by name: an open-addressed table over the lower-case name, built once.
public final class CommandIndex: @unchecked Sendable {
    // @unchecked: immutable after init.

    /// How the dispatcher finds a call's keys without asking the specifications each time.
    @usableFromInline
    enum KeyShape: UInt8, Sendable {
        case none
        /// One key, argument 1, whose need is the same for every call.
        case single
        case general
    }

    /// A command or subcommand.
    public struct Entry: Sendable {
        public let row: CommandRow
        /// Position among all entries: index of its statistics.
        public let number: Int
        /// "get", "config|get".
        public let fullName: String
        /// Entries of the subcommands.
        public let subcommands: [Int]
        /// The container's entry, for a subcommand.
        public let parent: Int?
        let shape: KeyShape
        let singleNeed: KeyNeed
        /// Refused while memory is short, and marked as a write of data.
        let isDenied: Bool
    }

    private let entries: UnsafeMutablePointer<Entry>
    public let count: Int
    /// Number + 1 of the entry, 0 for free.
    private let slots: UnsafeMutablePointer<Int32>
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
        slots.initialize(repeating: 0, count: size)
        for (name, number) in top {
            names[number] = name
            var at = name.withSlice { Self.hash($0) } & mask
            while slots[at] != 0 { at = (at + 1) & mask }
            slots[at] = Int32(number + 1)
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
        var need = KeyNeed.value
        if case .specified(let fixed) = row.plan {
            need = fixed
            if row.keys.isEmpty {
                shape = .none
            } else if row.keys.count == 1, case .index(1) = row.keys[0].begin,
                case .range(0, _, _) = row.keys[0].find
            {
                shape = .single
            }
        }
        return Entry(
            row: row, number: number, fullName: fullName, subcommands: subcommands, parent: parent, shape: shape,
            singleNeed: need, isDenied: row.flags.contains(.denyOOM))
    }

    private static func lowercase(_ name: [UInt8]) -> [UInt8] { name.map(asciiLowercase) }

    /// FNV-1a over the lower-case bytes.
    private static func hash(_ name: ByteSlice) -> Int {
        var hash: UInt32 = 2_166_136_261
        for index in 0..<name.count {
            hash = (hash ^ UInt32(asciiLowercase(name.base[index]))) &* 16_777_619
        }
        return Int(hash ^ hash >> 15)
    }

    /// The entry with this number.
    public subscript(number: Int) -> UnsafePointer<Entry> {
        precondition(number >= 0 && number < count, "command \(number) of \(count)")
        return UnsafePointer(entries + number)
    }

    /// The top-level command of this name, in any case; nil if there is none.
    public func find(_ name: ByteSlice) -> UnsafePointer<Entry>? {
        guard name.count <= 64 else { return nil }
        var at = Self.hash(name) & mask
        while slots[at] != 0 {
            let number = Int(slots[at]) - 1
            let matches = names[number].withUnsafeBufferPointer { known in
                guard known.count == name.count, let base = known.baseAddress else { return false }
                return name.equalsIgnoringCase(lowercase: ByteSlice(base: base, count: known.count))
            }
            if matches { return UnsafePointer(entries + number) }
            at = (at + 1) & mask
        }
        return nil
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
