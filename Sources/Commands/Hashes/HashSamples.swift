import Bytes
import Keyspace
import RESP
import Values

// HRANDFIELD and HSCAN: some of a hash's pairs.

extension HashCommands {
    static func hrandfield(_ call: inout CommandContext) {
        guard call.arguments.count == 2 else { return hrandfieldWithCount(&call) }
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.null()
        case .found(_, let hash):
            var random = call.random
            if let pair = hash.random({ random.index(below: $0) }) { reply(call.reply, pair.page, pair.field) }
            call.random = random
        }
    }

    private static func hrandfieldWithCount(_ call: inout CommandContext) {
        guard let count = call.integer(2) else { return }
        guard count != .min else {
            return call.reply.pointee.error(ErrorText.valueNotBetween(-Int.max, .max))
        }
        let withValues = call.arguments.count == 4 && call.arguments[3].equalsIgnoringCase("withvalues")
        guard call.arguments.count == 3 || withValues else { return call.reply.pointee.error(ErrorText.syntax) }
        // Redis' bound for pairs, of which RESP2 tells twice as many elements.
        guard !withValues || count.magnitude <= Int64.max / 2 else {
            return call.reply.pointee.error(ErrorText.valueOutOfRange)
        }
        switch call.collection(call.key, HashValue.self, isRead: true) {
        case .refused: return
        case .missing: call.reply.pointee.array(0)
        case .found(_, let hash):
            if call.refuses(draws: count) { return }
            let sample = Sample(writer: call.reply, hash: hash, withValues: withValues)
            var random = call.random
            if count < 0 {
                sample.replyDraws(Int(-count), &random)
            } else {
                sample.replyDifferent(Int(count), &random)
            }
            call.random = random
        }
    }

    /// A reply with pairs drawn from a hash.
    private struct Sample {
        let writer: UnsafeMutablePointer<ReplyWriter>
        let hash: HashValue
        let withValues: Bool

        private func begin(_ pairs: Int) {
            writer.pointee.array(withValues && writer.pointee.version == 2 ? 2 * pairs : pairs)
        }

        private func put(_ pair: HashValue.Pair) {
            if withValues, writer.pointee.version == 3 { writer.pointee.array(2) }
            reply(writer, pair.page, pair.field)
            if withValues { reply(writer, pair.page, pair.value) }
        }

        /// `count` draws, of which several may be the same.
        func replyDraws(_ count: Int, _ random: inout RandomSource) {
            begin(count)
            for _ in 0..<count {
                if let pair = hash.random({ random.index(below: $0) }) { put(pair) }
                if writer.pointee.isBeyondBound { return }
            }
        }

        /// As many different pairs, or all if there are fewer.
        func replyDifferent(_ count: Int, _ random: inout RandomSource) {
            let count = min(count, hash.count)
            begin(count)
            // Few of many are drawn one by one; the packed form finds a pair by walking, so it is walked once.
            if hash.listpack == nil, count < hash.count / 3 {
                replyDrawn(count, &random)
            } else {
                replySelected(count, &random)
            }
        }

        private func replyDrawn(_ count: Int, _ random: inout RandomSource) {
            struct Place: Hashable {
                let page: UnsafeMutableRawPointer
                let field: Int
            }
            var seen: Set<Place> = []
            while seen.count < count {
                guard let pair = hash.random({ random.index(below: $0) }) else { return }
                if seen.insert(Place(page: pair.page.base, field: pair.field)).inserted { put(pair) }
            }
        }

        /// Selection sampling (Knuth, volume 2, algorithm S): each pair is taken with the chance that is left to it.
        private func replySelected(_ count: Int, _ random: inout RandomSource) {
            var wanted = count
            var left = hash.count
            hash.forEach { pair in
                if wanted == left || wanted > 0 && random.index(below: left) < wanted {
                    put(pair)
                    wanted -= 1
                }
                left -= 1
                return wanted > 0
            }
        }
    }

    // MARK: HSCAN

    static func hscan(_ call: inout CommandContext) {
        call.scan(HashValue.self, takesNoValues: true) { hash, cursor, options, writer in
            var pairs: [HashValue.Pair] = []
            let next = hash.scan(cursor, atLeast: options.count) { pair in
                if pair.page.withBytes(pair.field, { options.matches($0) }) { pairs.append(pair) }
            }
            writer.pointee.scanned(next: next, elements: options.omitsValues ? pairs.count : 2 * pairs.count)
            for pair in pairs {
                reply(writer, pair.page, pair.field)
                if !options.omitsValues { reply(writer, pair.page, pair.value) }
            }
        }
    }
}
