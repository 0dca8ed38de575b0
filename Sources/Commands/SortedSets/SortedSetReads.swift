import Bytes
import Keyspace
import RESP
import Values

extension SortedSetCommands {
    static func zcard(_ call: inout CommandContext) {
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let value): call.reply.pointee.integer(value.count)
        }
    }

    static func zscore(_ call: inout CommandContext) {
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.null()
        case .found(_, let value): replyScore(value.score(of: call.arguments[2]), call)
        }
    }

    static func zmscore(_ call: inout CommandContext) {
        let value: SortedSetValue?
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: value = nil
        case .found(_, let found): value = found
        }
        call.reply.pointee.array(call.arguments.count - 2)
        for index in 2..<call.arguments.count { replyScore(value?.score(of: call.arguments[index]), call) }
    }

    private static func replyScore(_ score: Double?, _ call: borrowing CommandContext) {
        if let score { call.reply.pointee.double(score) } else { call.reply.pointee.null() }
    }

    // MARK: Ranks

    static func zrank(_ call: inout CommandContext) { rank(&call, "zrank", isReversed: false) }

    static func zrevrank(_ call: inout CommandContext) { rank(&call, "zrevrank", isReversed: true) }

    private static func rank(_ call: inout CommandContext, _ name: StaticString, isReversed: Bool) {
        guard call.arguments.count <= 4 else { return call.reply.pointee.error(ErrorText.wrongArity(ByteSlice(name))) }
        let withScore = call.arguments.count == 4
        if withScore, !call.arguments[3].equalsIgnoringCase("withscore") {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        var found: (rank: Int, score: Double)?
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: break
        case .found(_, let value):
            found = value.rank(of: call.arguments[2])
            if isReversed, let rank = found?.rank { found?.rank = value.count - 1 - rank }
        }
        guard let found else {
            return withScore ? call.reply.pointee.nullArray() : call.reply.pointee.null()
        }
        if withScore { call.reply.pointee.array(2) }
        call.reply.pointee.integer(found.rank)
        if withScore { call.reply.pointee.double(found.score) }
    }

    // MARK: Counts

    static func zcount(_ call: inout CommandContext) { countInterval(&call, .scores) }

    static func zlexcount(_ call: inout CommandContext) { countInterval(&call, .members) }

    private static func countInterval(_ call: inout CommandContext, _ kind: IntervalKind) {
        guard let span = span(call, kind) else { return }
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.integer(0)
        case .found(_, let value): call.reply.pointee.integer(span.range(in: value).count)
        }
    }

    // MARK: Random members

    static func zrandmember(_ call: inout CommandContext) {
        let words = call.arguments.count
        guard words > 2 else { return randomMember(&call) }
        guard let count = call.integer(2) else { return }
        guard count != .min else {
            return call.reply.pointee.error(ErrorText.valueNotBetween(-Int.max, Int.max))
        }
        let withScores = words == 4
        guard words < 4 || withScores && call.arguments[3].equalsIgnoringCase("withscores") else {
            return call.reply.pointee.error(ErrorText.syntax)
        }
        if withScores, count.magnitude > UInt64(Int64.max / 2) {
            return call.reply.pointee.error(ErrorText.valueOutOfRange)
        }
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let value):
            if call.refuses(draws: count) { return }
            replyRandom(&call, value, count: Int(count), withScores: withScores)
        }
    }

    private static func randomMember(_ call: inout CommandContext) {
        switch call.collection(call.key, SortedSetValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.null()
        case .found(_, let value):
            let reply = call.reply
            let drawn = call.random.index(below: value.count)
            value.forEach(in: drawn..<drawn + 1) { member, _ in reply.pointee.bulk(member) }
        }
    }

    /// A negative count: so many draws, members may come again.
    private static func replyRandom(
        _ call: inout CommandContext, _ value: SortedSetValue, count: Int, withScores: Bool
    ) {
        let total = value.count
        let number = count < 0 ? -count : min(count, total)
        let writer = PairWriter(call.reply, withScores: withScores)
        writer.begin(number)
        if count < 0 {
            for _ in 0..<number {
                let drawn = call.random.index(below: total)
                value.forEach(in: drawn..<drawn + 1) { writer.write($0, $1) }
                if call.reply.pointee.isBeyondBound { return }
            }
        } else if number == total {
            value.forEach(in: 0..<total) { writer.write($0, $1) }
        } else {
            // Floyd's algorithm: `number` different ones of `total`, every set of them as likely as any other.
            var drawn = Set<Int>()
            for last in total - number..<total {
                let index = call.random.index(below: last + 1)
                let chosen = drawn.insert(index).inserted ? index : last
                drawn.insert(chosen)
                value.forEach(in: chosen..<chosen + 1) { writer.write($0, $1) }
            }
        }
    }

    // MARK: ZSCAN

    static func zscan(_ call: inout CommandContext) {
        call.scan(SortedSetValue.self) { value, cursor, options, reply in
            var matches: [(member: [UInt8], score: Double)] = []
            let next = value.scan(cursor, atLeast: options.count) { member, score in
                if options.matches(member) { matches.append((member.array, score)) }
            }
            let isListed = value.listpack != nil
            reply.pointee.scanned(next: next, elements: 2 * matches.count)
            for (member, score) in matches {
                member.withSlice { reply.pointee.bulk($0) }
                // The listpack's text of a score, and Redis' other one.
                let text = isListed ? Decimal.formatDouble(score) : Decimal.formatReplyDouble(score)
                text.withSlice { reply.pointee.bulk($0) }
            }
        }
    }
}

/// Replies members, perhaps with scores: flat in RESP2, pairs in RESP3.
struct PairWriter {
    let reply: UnsafeMutablePointer<ReplyWriter>
    let withScores: Bool
    let isNested: Bool

    init(_ reply: UnsafeMutablePointer<ReplyWriter>, withScores: Bool, isNested: Bool? = nil) {
        self.reply = reply
        self.withScores = withScores
        self.isNested = withScores && (isNested ?? (reply.pointee.version == 3))
    }

    func begin(_ elements: Int) { reply.pointee.array(withScores && !isNested ? 2 * elements : elements) }

    func write(_ member: ByteSlice, _ score: Double) {
        if isNested { reply.pointee.array(2) }
        reply.pointee.bulk(member)
        if withScores { reply.pointee.double(score) }
    }
}
