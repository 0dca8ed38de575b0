import Bytes
import Keyspace
import RESP
import Values

extension KeyCommands {
    static let transferRows: [CommandRow] = [
        CommandRow(
            "rename", arity: 3, .write, [.keyspace, .write, .slow], group: .generic,
            keys: [.one([.readWrite, .access, .delete]), .one([.overwrite, .update], at: 2)],
            plan: .custom { _, database, uses in
                uses.append(KeyUse(argument: 1, database: database, need: .moved))
                uses.append(KeyUse(argument: 2, database: database, need: .overwrite))
            }, since: "1.0.0", summary: "Gives a key another name, over whatever has that name.", complexity: "O(1)",
            documentation: KeySyntax.rename
        ) { rename(&$0, onlyIfFree: false) },
        CommandRow(
            "renamenx", arity: 3, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.one([.readWrite, .access, .delete]), .one([.overwrite, .insert], at: 2)],
            plan: .custom { _, database, uses in
                uses.append(KeyUse(argument: 1, database: database, need: .moved))
                uses.append(KeyUse(argument: 2, database: database, need: .presence))
            }, since: "1.0.0", summary: "Gives a key another name unless a key has that name.", complexity: "O(1)",
            documentation: KeySyntax.renamenx
        ) { rename(&$0, onlyIfFree: true) },
        CommandRow(
            "copy", arity: -3, [.write, .denyOOM], [.keyspace, .write, .slow], group: .generic,
            keys: [.one([.readOnly, .access]), .one([.overwrite, .update], at: 2)],
            plan: .custom { planCopy($0, $1, &$2) }, since: "6.2.0",
            summary: "Copies a key's value and expiry to another key.",
            complexity: "O(N) for N bytes of value; O(1) for large strings, whose bytes are shared until one changes.",
            documentation: KeySyntax.copy
        ) { copy(&$0) },
        CommandRow(
            "move", arity: 3, [.write, .fast], [.keyspace, .write, .fast], group: .generic,
            keys: [.one([.readWrite, .access, .update])], plan: .custom { planMove($0, $1, &$2) }, since: "1.0.0",
            summary: "Moves a key to another database unless that has the key.", complexity: "O(1)",
            documentation: KeySyntax.move
        ) { move(&$0) },
    ]

    // MARK: RENAME

    private static func rename(_ context: inout CommandContext, onlyIfFree: Bool) {
        let (source, target) = (context.keys[0], context.keys[1])
        // Before the source is found: meeting a past-due target moves entries.
        let isTaken = onlyIfFree && context.keyspace.peek(target) != nil
        guard let entry = context.keyspace.find(source) else {
            return context.reply.pointee.error(ErrorText.noSuchKey)
        }
        if source.bytes != target.bytes, !isTaken {
            transfer(&context, entry, to: target, keepsPages: true)
            context.keyspace.notify(.generic, "rename_from", source)
            context.keyspace.notify(.generic, "rename_to", target)
        }
        if onlyIfFree {
            context.reply.pointee.integer(source.bytes == target.bytes || isTaken ? 0 : 1)
        } else {
            context.reply.pointee.ok()
        }
    }

    /// Makes the entry's value, expiry and access word those of `target` and deletes the entry. `keepsPages`: what the
    /// value has on flash besides its record stays where it is, which is possible within a database.
    private static func transfer(
        _ context: inout CommandContext, _ entry: Entry, to target: KeyRef, keepsPages: Bool = false
    ) {
        let record = entry.record.copy(key: target.bytes, expiry: entry.record.expiry, isMove: true)
        let access = record.access
        context.keyspace.delete(entry, keepsPages: keepsPages)
        if let value = record.collectionObject, value.paging != nil {
            if keepsPages { value.forgetFlights() } else { value.stopPaging() }
        }
        context.replace(target, record)
        record.access = access
    }

    // MARK: MOVE

    /// The database that argument `index` names, for a key plan: one that can't exist is left out.
    private static func planned(_ arguments: Arguments, _ index: Int) -> Int? {
        guard index < arguments.count, let number = Decimal.parseInt64(arguments[index]),
            (0..<Int64(UInt16.max)).contains(number)
        else { return nil }
        return Int(number)
    }

    /// The database that argument `index` names; nil if there is none, which has been replied then.
    private static func database(_ context: borrowing CommandContext, _ index: Int) -> Int? {
        guard let number = context.integer(index) else { return nil }
        guard let narrow = Int32(exactly: number) else {
            context.reply.pointee.error(ErrorText.valueNotBetween(Int(Int32.min), Int(Int32.max)))
            return nil
        }
        guard (0..<context.keyspace.store.databases).contains(Int(narrow)) else {
            context.reply.pointee.error(ErrorText.databaseIndex)
            return nil
        }
        return Int(narrow)
    }

    private static func planMove(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        uses.append(KeyUse(argument: 1, database: database, need: .value))
        if let target = planned(arguments, 2), target != database {
            uses.append(KeyUse(argument: 1, database: target, need: .presence))
        }
    }

    private static func move(_ context: inout CommandContext) {
        guard let database = database(context, 2) else { return }
        guard database != context.database else { return context.reply.pointee.error(ErrorText.sameObject) }
        let target = context.keys[1]
        // Nothing is met twice here: the two keys are in different tables.
        guard let entry = context.keyspace.find(context.keys[0]), context.keyspace.peek(target) == nil else {
            return context.reply.pointee.integer(0)
        }
        transfer(&context, entry, to: target)
        context.keyspace.notify(.generic, "move_from", context.keys[0])
        context.keyspace.notify(.generic, "move_to", target)
        context.reply.pointee.integer(1)
    }

    // MARK: COPY

    private static func planCopy(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        var target: Int? = database
        var replaces = false
        var index = 3
        while index < arguments.count {
            if arguments[index].equalsIgnoringCase("replace") {
                replaces = true
            } else if arguments[index].equalsIgnoringCase("db") {
                index += 1
                target = planned(arguments, index)
            }
            index += 1
        }
        uses.append(KeyUse(argument: 1, database: database, need: .value))
        if let target {
            uses.append(KeyUse(argument: 2, database: target, need: replaces ? .overwrite : .presence))
        }
    }

    private static func copy(_ context: inout CommandContext) {
        var target = context.database
        var replaces = false
        var index = 3
        while index < context.arguments.count {
            if context.arguments[index].equalsIgnoringCase("replace") {
                replaces = true
            } else if context.arguments[index].equalsIgnoringCase("db"), index + 1 < context.arguments.count {
                index += 1
                guard let database = database(context, index) else { return }
                target = database
            } else {
                return context.reply.pointee.error(ErrorText.syntax)
            }
            index += 1
        }
        if target == context.database, context.keys[0].bytes == context.keys[1].bytes {
            return context.reply.pointee.error(ErrorText.sameObject)
        }
        // Before the source is found: meeting a past-due target moves entries.
        let isTaken = context.keyspace.peek(context.keys[1]) != nil
        guard let entry = context.keyspace.read(context.keys[0]), !isTaken || replaces else {
            return context.reply.pointee.integer(0)
        }
        context.replace(
            context.keys[1], entry.record.copy(key: context.keys[1].bytes, expiry: entry.record.expiry))
        context.keyspace.notify(.generic, "copy_to", context.keys[1])
        context.reply.pointee.integer(1)
    }
}
