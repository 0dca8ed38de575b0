import Bytes
import Commands
import RESP

/// Writes rows in the shapes of COMMAND INFO and COMMAND DOCS.
struct CommandTableReply {
    typealias Reply = UnsafeMutablePointer<ReplyWriter>
    let index: CommandIndex

    /// The entry of a full name ("get", "config|get"), in any case.
    func find(_ name: ByteSlice) -> Int? {
        guard let bar = name.firstIndex(of: 0x7c) else { return index.find(name)?.pointee.number }
        guard let container = index.find(name.prefix(bar)) else { return nil }
        return index.find(name.dropFirst(bar + 1), in: container)?.pointee.number
    }

    /// The full name, after renames.
    func name(_ number: Int) -> String {
        let entry = index[number]
        guard let parent = entry.pointee.parent else { return String(decoding: index.name(of: number), as: UTF8.self) }
        return String(decoding: index.name(of: parent), as: UTF8.self) + "|\(entry.pointee.row.name)"
    }

    func flags<F: OptionSet>(_ flags: F, of names: [(F, StaticString)], to reply: Reply) where F.Element == F {
        let set = names.filter { flags.contains($0.0) }
        reply.pointee.set(set.count)
        for (_, name) in set { reply.pointee.simple(name) }
    }

    // MARK: INFO

    func information(_ number: Int, to reply: Reply) {
        let entry = index[number]
        let row = entry.pointee.row
        let range = legacyRange(row)
        reply.pointee.array(10)
        reply.pointee.bulk(name(number))
        reply.pointee.integer(row.arity)
        flags(row.flags, of: CommandFlags.names, to: reply)
        reply.pointee.integer(range.first)
        reply.pointee.integer(range.last)
        reply.pointee.integer(range.step)
        flags(row.categories, of: ACLCategories.names, to: reply)
        reply.pointee.array(row.tips.count)
        for tip in row.tips { reply.pointee.bulk(tip) }
        reply.pointee.array(row.keys.count)
        for key in row.keys { specification(key, to: reply) }
        reply.pointee.array(entry.pointee.subcommands.count)
        for sub in entry.pointee.subcommands { information(sub, to: reply) }
    }

    /// First key, last key and step as clients before 7.0 read them: the smallest range over the ranges that follow one
    /// another, or the first key specification alone.
    private func legacyRange(_ row: CommandRow) -> (first: Int, last: Int, step: Int) {
        var result: (first: Int, last: Int, step: Int)?
        for spec in row.keys {
            guard case .index(let first) = spec.begin, case .range(let last, let step, _) = spec.find else { continue }
            let end = last >= 0 ? first + last : last
            if let known = result {
                // Only single steps that adjoin can be told as one range.
                guard known.step == 1, step == 1, known.last >= 0, first == known.last + 1 else { continue }
                result = (known.first, end, 1)
            } else {
                result = (first, end, step)
            }
        }
        return result ?? (0, 0, 0)
    }

    private func specification(_ key: KeySpec, to reply: Reply) {
        reply.pointee.map(key.notes == nil ? 3 : 4)
        if let notes = key.notes {
            reply.pointee.bulk("notes")
            reply.pointee.bulk(notes)
        }
        reply.pointee.bulk("flags")
        flags(key.flags, of: KeySpec.Flags.names, to: reply)
        reply.pointee.bulk("begin_search")
        reply.pointee.map(2)
        reply.pointee.bulk("type")
        switch key.begin {
        case .index(let index):
            reply.pointee.bulk("index")
            specified([("index", index)], to: reply)
        case .keyword(let word, let start):
            reply.pointee.bulk("keyword")
            reply.pointee.bulk("spec")
            reply.pointee.map(2)
            reply.pointee.bulk("keyword")
            reply.pointee.bulk(word)
            reply.pointee.bulk("startfrom")
            reply.pointee.integer(start)
        case .unknown:
            reply.pointee.bulk("unknown")
            specified([], to: reply)
        }
        reply.pointee.bulk("find_keys")
        reply.pointee.map(2)
        reply.pointee.bulk("type")
        switch key.find {
        case .range(let last, let step, let limit):
            reply.pointee.bulk("range")
            specified([("lastkey", last), ("keystep", step), ("limit", limit)], to: reply)
        case .count(let index, let first, let step):
            reply.pointee.bulk("keynum")
            specified([("keynumidx", index), ("firstkey", first), ("keystep", step)], to: reply)
        case .unknown:
            reply.pointee.bulk("unknown")
            specified([], to: reply)
        }
    }

    private func specified(_ numbers: [(StaticString, Int)], to reply: Reply) {
        reply.pointee.bulk("spec")
        reply.pointee.map(numbers.count)
        for (name, number) in numbers {
            reply.pointee.bulk(name)
            reply.pointee.integer(number)
        }
    }

    // MARK: DOCS

    func documentation(_ number: Int, to reply: Reply) {
        let entry = index[number]
        let row = entry.pointee.row
        let docs = row.documentation
        var count = 4
        if docs.deprecated != nil || docs.isSystem { count += 1 }
        if docs.deprecated != nil { count += 2 }
        if !docs.history.isEmpty { count += 1 }
        if !docs.arguments.isEmpty { count += 1 }
        if !entry.pointee.subcommands.isEmpty { count += 1 }
        reply.pointee.map(count)
        field("summary", row.summary, to: reply)
        field("since", row.since, to: reply)
        reply.pointee.bulk("group")
        reply.pointee.bulk(row.group.rawValue)
        field("complexity", row.complexity, to: reply)
        if docs.deprecated != nil || docs.isSystem {
            reply.pointee.bulk("doc_flags")
            reply.pointee.set(docs.deprecated != nil && docs.isSystem ? 2 : 1)
            if docs.deprecated != nil { reply.pointee.simple("deprecated") }
            if docs.isSystem { reply.pointee.simple("syscmd") }
        }
        if let deprecated = docs.deprecated {
            field("deprecated_since", deprecated.since, to: reply)
            field("replaced_by", deprecated.replacement, to: reply)
        }
        if !docs.history.isEmpty {
            reply.pointee.bulk("history")
            reply.pointee.set(docs.history.count)
            for (since, change) in docs.history {
                reply.pointee.array(2)
                reply.pointee.bulk(since)
                reply.pointee.bulk(change)
            }
        }
        if !docs.arguments.isEmpty {
            reply.pointee.bulk("arguments")
            arguments(docs.arguments, to: reply)
        }
        if !entry.pointee.subcommands.isEmpty {
            reply.pointee.bulk("subcommands")
            reply.pointee.map(entry.pointee.subcommands.count)
            for sub in entry.pointee.subcommands {
                reply.pointee.bulk(name(sub))
                documentation(sub, to: reply)
            }
        }
    }

    private func field(_ name: StaticString, _ text: StaticString, to reply: Reply) {
        reply.pointee.bulk(name)
        reply.pointee.bulk(text)
    }

    private func arguments(_ arguments: [CommandArgument], to reply: Reply) {
        reply.pointee.array(arguments.count)
        for argument in arguments {
            var count = 2
            if argument.keySpec != nil { count += 1 }
            if argument.token != nil { count += 1 }
            if argument.since != nil { count += 1 }
            if !argument.flags.isEmpty { count += 1 }
            if !argument.arguments.isEmpty { count += 1 }
            reply.pointee.map(count)
            field("name", argument.name, to: reply)
            reply.pointee.bulk("type")
            reply.pointee.bulk(argument.kind.rawValue)
            if let keySpec = argument.keySpec {
                reply.pointee.bulk("key_spec_index")
                reply.pointee.integer(keySpec)
            }
            if let token = argument.token { field("token", token, to: reply) }
            if let since = argument.since { field("since", since, to: reply) }
            if !argument.flags.isEmpty {
                reply.pointee.bulk("flags")
                flags(argument.flags, of: CommandArgument.Flags.names, to: reply)
            }
            if !argument.arguments.isEmpty {
                reply.pointee.bulk("arguments")
                self.arguments(argument.arguments, to: reply)
            }
        }
    }
}
