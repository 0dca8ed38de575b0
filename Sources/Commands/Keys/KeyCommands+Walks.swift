import Bytes
import Keyspace
import RESP
import Values

// Commands on all keys of a database. What is on flash only the walker can say, so each asks for its walk in its first
// run and replies in the one that brings the answer; without cold keys the walker answers on the spot.

extension KeyCommands {
    static let walkRows: [CommandRow] = [
        CommandRow(
            "scan", arity: -2, .readOnly, [.keyspace, .read, .slow], group: .generic, since: "2.8.0",
            summary: "Goes through the keys of the database, some in each call.",
            complexity: "O(COUNT) for a call, O(N) for all calls together, N keys.",
            tips: ["nondeterministic_output", "request_policy:special", "response_policy:special"],
            documentation: KeySyntax.scan
        ) { scan(&$0) },
        CommandRow(
            "keys", arity: 2, .readOnly, [.keyspace, .read, .slow, .dangerous], group: .generic, since: "1.0.0",
            summary: "Lists all keys that match a pattern.", complexity: "O(N) for N keys in the database.",
            tips: ["request_policy:all_shards", "nondeterministic_output_order"],
            documentation: KeySyntax.keys
        ) { keys(&$0) },
        CommandRow(
            "randomkey", arity: 1, .readOnly, [.keyspace, .read, .slow], group: .generic, since: "1.0.0",
            summary: "Names a key at random.", complexity: "O(1)",
            tips: ["request_policy:all_shards", "response_policy:special", "nondeterministic_output"]
        ) { randomKey(&$0) },
        CommandRow(
            "dbsize", arity: 1, [.readOnly, .fast], [.keyspace, .read, .fast], group: .server, since: "1.0.0",
            summary: "Counts the keys of the database.", complexity: "O(1)",
            tips: ["request_policy:all_shards", "response_policy:agg_sum"]
        ) { databaseSize(&$0) },
    ]

    // MARK: SCAN

    private static func scan(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case nil: askForScan(&context)
        case .walked(let result): replyScan(result, context)
        case let other?: context.refuse(other)
        }
    }

    private static func askForScan(_ context: inout CommandContext) {
        guard let position = cursor(context.arguments[1]) else {
            return context.reply.pointee.error(ErrorText.invalidCursor)
        }
        var count = 10
        var pattern: ByteSlice?
        var type: ByteSlice?
        var index = 2
        while index < context.arguments.count {
            let word = context.arguments[index]
            guard index + 1 < context.arguments.count else { return context.reply.pointee.error(ErrorText.syntax) }
            if word.equalsIgnoringCase("count") {
                guard let number = ScanOptions.count(context, index + 1) else { return }
                count = number
            } else if word.equalsIgnoringCase("match") {
                pattern = context.arguments[index + 1]
            } else if word.equalsIgnoringCase("type") {
                type = context.arguments[index + 1]
            } else {
                return context.reply.pointee.error(ErrorText.syntax)
            }
            index += 2
        }
        guard position < Position.end else {
            return replyScan(WalkResult(keys: [], from: position, next: nil), context)
        }
        context.request = .walk(
            WalkRequest(
                database: context.database, from: position, count: count, pattern: filter(pattern),
                type: type?.array.map(asciiLowercase)))
    }

    private static func replyScan(_ result: WalkResult, _ context: borrowing CommandContext) {
        context.reply.pointee.array(2)
        // A position, so below 2^32.
        context.reply.pointee.bulk(number: Int(result.next ?? 0))
        reply(result.keys, context)
    }

    /// The position that a cursor says, as strtoul reads it: with a sign perhaps, and nothing is 0. Nil: it says none.
    static func cursor(_ text: ByteSlice) -> UInt64? {
        var digits = text
        let isSigned = !text.isEmpty && (text[0] == UInt8(ascii: "-") || text[0] == UInt8(ascii: "+"))
        if isSigned { digits = digits.dropFirst(1) }
        guard !digits.isEmpty else { return isSigned ? nil : 0 }
        var value: UInt64 = 0
        for digit in digits.buffer {
            let (product, carries) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.addingReportingOverflow(UInt64(digit &- 0x30))
            guard digit &- 0x30 < 10, !carries, !overflows else { return nil }
            value = sum
        }
        return isSigned && text[0] == UInt8(ascii: "-") ? 0 &- value : value
    }

    /// The pattern for the walker; one "*" filters nothing.
    private static func filter(_ pattern: ByteSlice?) -> [UInt8]? {
        guard let pattern, !(pattern == "*") else { return nil }
        return pattern.array
    }

    private static func reply(_ keys: [[UInt8]], _ context: borrowing CommandContext) {
        context.reply.pointee.array(keys.count)
        for key in keys { key.withSlice { context.reply.pointee.bulk($0) } }
    }

    // MARK: KEYS

    private static func keys(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case nil:
            context.request = .walk(
                WalkRequest(
                    database: context.database, from: 0, count: .max, pattern: filter(context.arguments[1])))
        case .walked(let result): reply(result.keys, context)
        case let other?: context.refuse(other)
        }
    }

    // MARK: RANDOMKEY

    /// The simple version, the first key behind a random position, prefers keys with a wide gap before them: of two
    /// keys one may come up hardly ever. One of the next 16 evens that out, and is near enough to fair for few keys.
    static let sampleKeys = 16

    private static func randomKey(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case nil: askForSample(&context, from: context.random.below(Position.end), sampleKeys)
        case .walked(let result):
            // Places of the sample that lie behind the last key are filled from the first key on: the order is a ring.
            let place = context.random.index(below: sampleKeys)
            if place < result.keys.count {
                result.keys[place].withSlice { context.reply.pointee.bulk($0) }
            } else if result.from > 0 {
                askForSample(&context, from: 0, sampleKeys - result.keys.count)
            } else if !result.keys.isEmpty {
                let key = result.keys[context.random.index(below: result.keys.count)]
                key.withSlice { context.reply.pointee.bulk($0) }
            } else {
                context.reply.pointee.null()
            }
        case let other?: context.refuse(other)
        }
    }

    private static func askForSample(_ context: inout CommandContext, from position: UInt64, _ atMost: Int) {
        context.request = .walk(
            WalkRequest(database: context.database, from: position, count: .max, atMost: atMost))
    }

    // MARK: DBSIZE

    private static func databaseSize(_ context: inout CommandContext) {
        switch context.takeAnswer() {
        case nil: context.request = .exactCount(database: context.database)
        case .counted(let keys): context.reply.pointee.integer(keys)
        case let other?: context.refuse(other)
        }
    }
}

extension Position {
    /// Behind the last position.
    static let end: UInt64 = 1 << UInt64(shardBits + tagBits)
}
