import Bytes
import Keyspace
import RESP
import Values

// Commands on single members, and what all commands on sets share.

extension ReplyWriter {
    mutating func bulk(_ member: Listpack.Item) {
        switch member {
        case .integer(let number): bulk(number: Int(number))
        case .bytes(let slice): bulk(slice)
        }
    }

    /// All members of a set, without a header.
    mutating func members(of set: SetValue) {
        set.forEach { member in
            bulk(member)
            return true
        }
    }
}

extension SetCommands {
    /// The first argument from `first` on that is (or isn't) a member; nil if there is none.
    private static func firstArgument(
        _ arguments: Arguments, from first: Int, of set: SetValue, isMember: Bool
    ) -> Int? {
        (first..<arguments.count).first { set.contains(arguments[$0]) == isMember }
    }

    static func sadd(_ call: inout CommandContext) {
        let arguments = call.arguments
        switch call.collection(call.key, SetValue.self, isRead: false) {
        case .refused: return
        case .missing:
            let set = SetValue()
            for index in 2..<arguments.count { set.add(arguments[index]) }
            let added = set.count
            if call.refusesGrowth(of: set) { return }
            call.store(call.key, set, .set, "sadd")
            call.reply.pointee.integer(added)
        case .found(let entry, let set): changeMembers(&call, entry, set, adds: true)
        }
    }

    static func srem(_ call: inout CommandContext) {
        switch call.collection(call.key, SetValue.self, isRead: false) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(let entry, let set): changeMembers(&call, entry, set, adds: false)
        }
    }

    /// Adds or removes the members that are named, and replies how many that changed. A call that changes none is no
    /// change of the key.
    private static func changeMembers(_ call: inout CommandContext, _ entry: Entry, _ set: SetValue, adds: Bool) {
        let arguments = call.arguments
        guard let first = firstArgument(arguments, from: 2, of: set, isMember: !adds) else {
            return call.reply.pointee.integer(0)
        }
        let changed = call.change(entry, set, call.key, .set, adds ? "sadd" : "srem") { set in
            (first..<arguments.count).reduce(0) { count, index in
                let isChange = adds ? set.add(arguments[index]) : set.remove(arguments[index])
                return count + (isChange ? 1 : 0)
            }
        }
        call.reply.pointee.integer(changed)
    }

    static func smove(_ call: inout CommandContext) {
        let (source, target) = (call.keys[0], call.keys[1])
        let member = call.arguments[3]
        // Before the source is found: meeting a past-due target moves entries.
        _ = call.keyspace.peek(target)
        let from: (entry: Entry, set: SetValue)
        switch call.collection(source, SetValue.self, isRead: false) {
        case .refused: return
        case .missing: return call.reply.pointee.integer(0)
        case .found(let entry, let set): from = (entry, set)
        }
        var isThere = false
        switch call.collection(target, SetValue.self, isRead: false) {
        case .refused: return
        case .missing: break
        case .found(_, let set):
            isThere = set.contains(member)
            // The set grows, though the server's memory doesn't.
            if !isThere, from.set.contains(member), call.refusesGrowth(of: set) { return }
        }
        guard from.set.contains(member) else { return call.reply.pointee.integer(0) }
        call.reply.pointee.integer(1)
        if source.bytes == target.bytes { return }
        call.change(from.entry, from.set, source, .set, "srem") { _ = $0.remove(member) }
        if isThere { return }
        // Found again: the source's entry may be gone, which moves entries.
        if case .found(let entry, let set) = call.collection(target, SetValue.self, isRead: false) {
            call.change(entry, set, target, .set, "sadd") { _ = $0.add(member) }
        } else {
            let set = SetValue()
            set.add(member)
            call.store(target, set, .set, "sadd")
        }
    }

    static func sismember(_ call: inout CommandContext) {
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let set): call.reply.pointee.integer(set.contains(call.arguments[2]) ? 1 : 0)
        }
    }

    static func smismember(_ call: inout CommandContext) {
        var members: SetValue?
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let set): members = set
        }
        call.reply.pointee.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count {
            call.reply.pointee.integer(members?.contains(call.arguments[index]) == true ? 1 : 0)
        }
    }

    static func scard(_ call: inout CommandContext) {
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let set): call.reply.pointee.integer(set.count)
        }
    }

    static func smembers(_ call: inout CommandContext) {
        switch call.collection(call.key, SetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.set(0)
        case .found(_, let set):
            call.reply.pointee.set(set.count)
            call.reply.pointee.members(of: set)
        }
    }
}
