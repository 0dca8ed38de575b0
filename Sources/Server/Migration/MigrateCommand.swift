import Bytes
import Commands
import Keyspace
import RDB
import RESP
import Values

/// MIGRATE: see Migration.
enum MigrateCommand {
    static let rows: [CommandRow] = [
        CommandRow(
            "migrate", arity: -6, [.write, .movableKeys, .needsGate], [.keyspace, .write, .slow, .dangerous],
            group: .generic,
            keys: [
                .one([.readWrite, .access, .delete], at: 3),
                KeySpec(
                    [.readWrite, .access, .delete, .incomplete], .keyword("KEYS", startFrom: -2),
                    .range(last: -1, step: 1, limit: 0)),
            ],
            plan: .custom { arguments, database, uses in
                for index in keyIndices(arguments) {
                    uses.append(KeyUse(argument: index, database: database, need: .value))
                }
            },
            since: "2.6.0", summary: "Moves keys to another server, each as a whole.",
            complexity: "O(N) for N bytes of values, and the time that the network takes",
            tips: ["nondeterministic_output"], documentation: documentation
        ) { migrate(&$0) }
    ]

    private static let documentation = CommandDocumentation(
        [
            CommandArgument(.string, "host"), CommandArgument(.integer, "port"),
            CommandArgument(
                .oneof, "key-selector",
                arguments: [
                    CommandArgument(.key, "key", keySpec: 0),
                    CommandArgument(.pureToken, "empty-string", token: "\"\""),
                ]),
            CommandArgument(.integer, "destination-db"), CommandArgument(.integer, "timeout"),
            CommandArgument(.pureToken, "copy", .optional, token: "COPY", since: "3.0.0"),
            CommandArgument(.pureToken, "replace", .optional, token: "REPLACE", since: "3.0.0"),
            CommandArgument(
                .oneof, "authentication", .optional,
                arguments: [
                    CommandArgument(.string, "auth", token: "AUTH", since: "4.0.7"),
                    CommandArgument(
                        .block, "auth2", token: "AUTH2", since: "6.0.0",
                        arguments: [CommandArgument(.string, "username"), CommandArgument(.string, "password")]),
                ]),
            CommandArgument(.key, "keys", [.optional, .multiple], token: "KEYS", keySpec: 1, since: "3.0.6"),
        ],
        history: [
            ("3.0.0", "Added the `COPY` and `REPLACE` options."), ("3.0.6", "Added the `KEYS` option."),
            ("4.0.7", "Added the `AUTH` option."), ("6.0.0", "Added the `AUTH2` option."),
        ])

    // MARK: Arguments

    /// The arguments that name keys: argument 3, or those behind KEYS.
    private static func keyIndices(_ arguments: Arguments) -> Range<Int> {
        var index = 6
        while index < arguments.count {
            if arguments[index].equalsIgnoringCase("keys") { return index + 1..<arguments.count }
            if arguments[index].equalsIgnoringCase("auth") {
                index += 1
            } else if arguments[index].equalsIgnoringCase("auth2") {
                index += 2
            }
            index += 1
        }
        return 3..<min(4, arguments.count)
    }

    private struct Options {
        var copies = false
        var replaces = false
        var user: Int?
        var password: Int?
        var timeout: Int64 = 0
        var database: Int64 = 0

        /// Nil: the error has been replied.
        init?(_ call: borrowing CommandContext) {
            let arguments = call.arguments
            var index = 6
            while index < arguments.count {
                let word = arguments[index]
                let left = arguments.count - index - 1
                if word.equalsIgnoringCase("copy") {
                    copies = true
                } else if word.equalsIgnoringCase("replace") {
                    replaces = true
                } else if left >= 1, word.equalsIgnoringCase("auth") {
                    password = index + 1
                    index += 1
                } else if left >= 2, word.equalsIgnoringCase("auth2") {
                    user = index + 1
                    password = index + 2
                    index += 2
                } else if word.equalsIgnoringCase("keys") {
                    guard arguments[3].isEmpty else {
                        call.reply.pointee.error(ErrorText.migrateKeys)
                        return nil
                    }
                    break
                } else {
                    call.reply.pointee.error(ErrorText.syntax)
                    return nil
                }
                index += 1
            }
            guard let timeout = call.integer(5), let database = call.integer(4) else { return nil }
            self.timeout = timeout > 0 ? timeout : 1000
            self.database = database
        }
    }

    // MARK: The command

    private static func migrate(_ call: inout CommandContext) {
        guard let options = Options(call) else { return }
        call.session.redactedArguments = [options.user, options.password].compactMap { $0 }
        switch call.takeAnswer() {
        case nil: begin(options, &call)
        case .done(let answer as Migration): conclude(answer, options, &call)
        case let other?: call.refuse(other)
        }
    }

    private static func begin(_ options: Options, _ call: inout CommandContext) {
        let arguments = call.arguments
        var items: [Migration.Item] = []
        for number in 0..<call.keys.count {
            if let entry = call.keyspace.read(call.keys[number]) {
                items.append(item(number, entry, replaces: options.replaces, call))
            }
        }
        guard !items.isEmpty else { return call.reply.pointee.simple("NOKEY") }
        submit(
            Migration(
                host: arguments[1].string, port: Int(Decimal.parseInt64(arguments[2]) ?? 0),
                database: Int(options.database), timeoutMilliseconds: min(options.timeout, 1 << 40),
                user: options.user.map { arguments[$0].array }, password: options.password.map { arguments[$0].array },
                items: items), &call)
    }

    private static func submit(_ migration: Migration, _ call: inout CommandContext) {
        let links = call.core.migrationLinks
        call.request = .remote {
            var migration = migration
            migration.run(links)
            return .done(migration)
        }
    }

    private static func item(
        _ number: Int, _ entry: Entry, replaces: Bool, _ call: borrowing CommandContext
    ) -> Migration.Item {
        Migration.Item(
            number: number, key: call.keys[number].bytes.array, payload: payload(entry, call),
            expiry: entry.record.expiry, replaces: replaces)
    }

    private static func payload(_ entry: Entry, _ call: borrowing CommandContext) -> [UInt8] {
        var payload = ByteBuffer()
        DumpPayload.append(of: entry.record, compresses: call.settings.compressesDumps, to: &payload)
        return payload.slice.array
    }

    /// Deletes the keys that the other end has taken and that are still what was sent.
    private static func conclude(_ migration: Migration, _ options: Options, _ call: inout CommandContext) {
        var changed: [Migration.Item] = []
        for item in migration.items where item.isDone && !options.copies {
            let ref = call.keys[item.number]
            if let entry = call.keyspace.peek(ref) {
                if let sent = item.payload, entry.record.expiry == item.expiry, payload(entry, call) == sent {
                    call.keyspace.delete(entry)
                    call.keyspace.notify(.generic, "del", ref)
                } else {
                    changed.append(Self.item(item.number, entry, replaces: true, call))
                }
            } else if item.payload != nil {
                changed.append(
                    Migration.Item(number: item.number, key: item.key, payload: nil, expiry: nil, replaces: true))
            }
        }
        if !changed.isEmpty {
            // Behind the exclusive gate nobody writes anyway.
            let session = call.session
            if !call.isInTransaction, !session.holdsWriters { call.worker.holdWriters(session) }
            var next = migration
            next.items = changed
            return submit(next, &call)
        }
        if let failure = migration.failure { return call.reply.pointee.error(failure) }
        call.reply.pointee.ok()
    }
}
